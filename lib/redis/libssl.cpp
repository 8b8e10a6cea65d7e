#include "redis/libssl.h"

#include <dlfcn.h>

#include <string>

#include "base/error.h"

namespace chat {

namespace {

// The one whose headers were there when this was compiled. It stays until the end: it has left functions to
// be called then.
void* open_libssl() {
  const std::string name = "libssl.so." + std::to_string(OPENSSL_SHLIB_VERSION);
  if (void* const library = dlopen(name.c_str(), RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE)) return library;
  throw Error(Failure::usage,
              "rediss:// needs OpenSSL's library (package libssl3): " + std::string(dlerror()));
}

}  // namespace

void* find_in_libssl(const char* function) {
  static void* const library = open_libssl();
  if (void* const found = dlsym(library, function)) return found;
  throw Error(Failure::usage, "rediss:// needs another version of OpenSSL: " + std::string(dlerror()));
}

}  // namespace chat
