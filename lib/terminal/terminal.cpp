#include "terminal/terminal.h"

#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

namespace chat {

std::size_t terminal_width(int fd) {
  winsize size{};
  return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

bool is_utf8() {
  for (const char* const name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* const value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string_view locale = value;
    return std::ranges::any_of(std::array{"UTF-8", "utf-8", "UTF8", "utf8"},
                               [&](const char* form) { return locale.find(form) != locale.npos; });
  }
  return false;
}

bool has_256_colors() {
  const auto says = [](const char* name, std::string_view what) {
    const char* const value = std::getenv(name);
    return value != nullptr && std::string_view(value).find(what) != std::string_view::npos;
  };
  return says("TERM", "256color") || says("COLORTERM", "truecolor") || says("COLORTERM", "24bit");
}

}  // namespace chat
