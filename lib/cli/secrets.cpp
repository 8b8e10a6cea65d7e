#include "cli/secrets.h"

#include <sys/prctl.h>

#include <cstring>
#include <span>
#include <string_view>

#include "base/secrets.h"

namespace chat::cli {

void hide_passwords(int argc, char** argv) {
  const std::string_view name = "--redis";
  for (int i = 1; i < argc; ++i) {
    const std::span<char> arg(argv[i], std::strlen(argv[i]));
    const std::string_view text(arg.data(), arg.size());
    if (text == name && i + 1 < argc) {
      ++i;
      hide_password({argv[i], std::strlen(argv[i])});
    } else if (text.starts_with("--redis=")) {
      hide_password(arg.subspan(name.size() + 1));
    }
  }
}

void keep_memory_private() { prctl(PR_SET_DUMPABLE, 0); }

}  // namespace chat::cli
