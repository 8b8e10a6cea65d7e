#pragma once

#include <cstddef>

namespace chat {

/// How many columns the terminal at `fd` has now; 0 when that can't be known, or it is no terminal.
std::size_t terminal_width(int fd);

/// Whether the environment says that text is UTF-8: the first of $LC_ALL, $LC_CTYPE and $LANG that is set.
bool is_utf8();

/// Whether the environment says that the terminal has 256 colours.
bool has_256_colors();

}  // namespace chat
