// Preloaded into the tools: names ending in .dead are looked up without end, as with a name server that is
// away, and both.test has an IPv6 and an IPv4 address of this machine.
#include <dlfcn.h>
#include <netdb.h>
#include <unistd.h>

#include <cstring>
#include <string_view>

using Lookup = int (*)(const char*, const char*, const addrinfo*, addrinfo**);

extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** found) {
  const auto real = reinterpret_cast<Lookup>(dlsym(RTLD_NEXT, "getaddrinfo"));
  const std::string_view name = node == nullptr ? "" : node;
  const bool numeric = hints != nullptr && (hints->ai_flags & AI_NUMERICHOST) != 0;
  if (!numeric && name.ends_with(".dead")) {
    while (true) pause();
  }
  if (numeric || name != "both.test") return real(node, service, hints, found);
  if (const int error = real("::1", service, hints, found); error != 0) return error;
  return real("127.0.0.1", service, hints, &(*found)->ai_next);
}
