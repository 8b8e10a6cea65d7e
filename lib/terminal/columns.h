#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace chat {

// Text as it stands on a terminal: characters as people see them (grapheme clusters, such as a letter with
// its accents or a flag) take no, one, two or more columns. The text must be safe for a terminal
// (append_escaped); colours (ESC [ … m) and edges of links (ESC ] … ESC \) in it take no column. All of it is
// done in a time that grows with the length of the text, and with nothing else.

/// How many columns the text takes.
std::size_t columns_of(std::string_view text);

/// Appends the text, cut to fit into `most` columns: then it ends with `…`.
void append_cut(std::string& out, std::string_view text, std::size_t most);

/// Appends the text, of which the first line begins at column `at`, broken into lines that end before column
/// `width`; the others begin at column `indent`. Breaks at spaces and between wide characters (Chinese has no
/// spaces). A word that is longer than a line has a line to itself, which the terminal breaks, so that a link
/// in it stays one; but one with characters that look like spaces is broken here, for what comes to stand at
/// the left edge could look like another line. Indent must be well below width.
void append_wrapped(std::string& out, std::string_view text, std::size_t at, std::size_t indent,
                    std::size_t width);

}  // namespace chat
