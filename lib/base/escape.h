#pragma once

#include <string>
#include <string_view>

namespace chat {

/// Appends `field` for people: a newline as `\n`; with `for_terminal` also every other C0 control, DEL, C1
/// control, bidirectional control (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069), U+2028,
/// U+2029 and every byte that is not valid UTF-8 in a visible form: `\t`, `\r`, `\x1b`, `\u202e`.
void append_escaped(std::string& out, std::string_view field, bool for_terminal);

/// The same for a name, which must not look like another one: with `for_terminal` also what nobody sees
/// (utf8::is_invisible) is visible: `\u200b`, `\U000e0041`.
void append_escaped_name(std::string& out, std::string_view name, bool for_terminal);

/// The text in double quotes, escaped for a terminal.
std::string in_quotes(std::string_view text);

}  // namespace chat
