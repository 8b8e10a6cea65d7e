#include "redis/libssl.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "base/error.h"

namespace chat {

namespace {

// The one whose headers were there when this was compiled. It stays until the end: it has left functions to
// be called then.
void* open_libssl() {
  const std::string name = "libssl.so." + std::to_string(OPENSSL_SHLIB_VERSION);
  if (void* const library = dlopen(name.c_str(), RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE)) return library;
  const std::string why = dlerror();
  constexpr std::array<std::string_view, 4> shortages{"Too many open files", "Cannot allocate memory",
                                                      "failed to map", "cannot map"};
  const bool is_short = std::ranges::any_of(
      shortages, [&](std::string_view one) { return why.find(one) != std::string::npos; });
  throw Error(is_short ? Failure::again : Failure::usage,
              "rediss:// needs OpenSSL's library (package libssl3): " + why);
}

}  // namespace

void* find_in_libssl(const char* function) {
  static void* const library = open_libssl();
  if (void* const found = dlsym(library, function)) return found;
  throw Error(Failure::usage, "rediss:// needs another version of OpenSSL: " + std::string(dlerror()));
}

}  // namespace chat
