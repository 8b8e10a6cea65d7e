#pragma once

#include <cstddef>
#include <string_view>

namespace chat::utf8 {

/// Length in bytes (1 to 4) of the valid UTF-8 sequence that starts at text[0], with its code point in
/// `code_point`; 0 when what stands there is not valid UTF-8 (RFC 3629: overlong forms, surrogates and
/// values above U+10FFFF are not). text must not be empty.
std::size_t decode(std::string_view text, char32_t& code_point);

/// How many bytes at the start of text need no escaping anywhere: printable ASCII without `"` and `\`.
std::size_t plain_prefix(std::string_view text);

/// Whether text is valid UTF-8, and `allowed` holds for each of its characters but plain ones (see above).
template <typename Allowed>
bool all_of(std::string_view text, const Allowed& allowed) {
  while (true) {
    text.remove_prefix(plain_prefix(text));
    if (text.empty()) return true;
    char32_t code_point = 0;
    const std::size_t length = decode(text, code_point);
    if (length == 0 || !allowed(code_point)) return false;
    text.remove_prefix(length);
  }
}

/// C0, DEL and C1.
bool is_control(char32_t code_point);

/// Whether a terminal could be driven or its reader misled by it: controls, bidirectional controls
/// (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069), U+2028 and U+2029.
bool drives_terminal(char32_t code_point);

/// Whether nothing is seen of it, as a rule: what Unicode calls Default_Ignorable_Code_Point (zero-width
/// spaces and joiners, soft hyphen, variation selectors, tags, fillers), U+FFF9 to U+FFFB, U+2800.
bool is_invisible(char32_t code_point);

}  // namespace chat::utf8
