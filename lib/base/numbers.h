#pragma once

#include <charconv>
#include <cstdint>
#include <string>

namespace chat {

/// Appends a whole number in decimal digits.
template <typename Number>
void append_number(std::string& out, Number value) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

/// by is above 0.
constexpr std::int64_t floor_div(std::int64_t value, std::int64_t by) {
  return value / by - (value % by < 0 ? 1 : 0);
}

}  // namespace chat
