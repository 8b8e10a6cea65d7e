#pragma once

#include <string>
#include <string_view>

namespace chat {

// Hebrew, Arabic and others run from right to left, and take what stands beside them along. Isolates (U+2068,
// U+2069; Unicode Standard Annex 9) keep a part of a line by itself.

inline constexpr std::string_view isolate_start = "\u2068";
inline constexpr std::string_view isolate_end = "\u2069";

/// Whether something in UTF-8 text runs from right to left; what follows its isolate runs as the line does.
bool runs_backwards(std::string_view text);

/// Appends lines that end with a newline but the last, and of which all but the first begin at column
/// `indent`, each in an isolate of its own: a terminal takes each for a paragraph.
void append_isolated(std::string& out, std::string_view lines, std::size_t indent);

}  // namespace chat
