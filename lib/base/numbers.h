#pragma once

#include <charconv>
#include <string>

namespace chat {

/// Appends a whole number in decimal digits.
template <typename Number>
void append_number(std::string& out, Number value) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

}  // namespace chat
