#include "terminal/terminal.h"

#include <sys/ioctl.h>

#include <cstdlib>
#include <string_view>

namespace chat {

std::size_t terminal_width(int fd) {
  winsize size{};
  return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

bool has_256_colors() {
  const auto says = [](const char* name, std::string_view what) {
    const char* const value = std::getenv(name);
    return value != nullptr && std::string_view(value).find(what) != std::string_view::npos;
  };
  return says("TERM", "256color") || says("COLORTERM", "truecolor") || says("COLORTERM", "24bit");
}

}  // namespace chat
