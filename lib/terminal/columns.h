#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace chat {

// Text as it stands on a terminal: characters as people see them (grapheme clusters, such as a letter with
// its accents or a flag) take no, one, two or more columns. The text must be safe for a terminal
// (append_escaped); colours in it (ESC [ … m) take no column.

/// How many columns the text takes.
std::size_t columns_of(std::string_view text);

/// Appends the text, cut to fit into `most` columns: then it ends with `…`.
void append_cut(std::string& out, std::string_view text, std::size_t most);

/// Appends the text, of which the first line begins at column `at`, broken into lines that end before column
/// `width`; the others begin at column `indent`. Breaks at spaces, and anywhere in what is longer than a line
/// and between wide characters (Chinese has no spaces). Indent must be well below width.
void append_wrapped(std::string& out, std::string_view text, std::size_t at, std::size_t indent,
                    std::size_t width);

}  // namespace chat
