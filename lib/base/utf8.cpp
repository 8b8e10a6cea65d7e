#include "base/utf8.h"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace chat::utf8 {
namespace {

// Sixteen at once: GCC's and Clang's vectors, on all processors.
using Bytes [[gnu::vector_size(16)]] = unsigned char;

// How many of them are plain before the first that isn't.
std::size_t plain_bytes(const char* text) {
  Bytes bytes;
  std::memcpy(&bytes, text, sizeof bytes);
  const auto others = (bytes < 0x20) | (bytes >= 0x7f) | (bytes == '"') | (bytes == '\\');
  std::array<std::uint64_t, 2> halves{};
  std::memcpy(halves.data(), &others, sizeof halves);
  if ((halves[0] | halves[1]) == 0) return sizeof(Bytes);
  const std::uint64_t half = halves[0] != 0 ? halves[0] : halves[1];
  const int bit =
      std::endian::native == std::endian::little ? std::countr_zero(half) : std::countl_zero(half);
  return (halves[0] != 0 ? 0 : 8) + static_cast<std::size_t>(bit) / 8;
}

constexpr bool is_plain(char byte) { return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\'; }

constexpr std::size_t length_by_lead(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xc2) return 0;
  if (lead < 0xe0) return 2;
  if (lead < 0xf0) return 3;
  return lead < 0xf5 ? 4 : 0;
}

}  // namespace

std::size_t decode(std::string_view text, char32_t& code_point) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t length = length_by_lead(lead);
  if (length == 1) code_point = lead;
  if (length <= 1) return length;
  if (text.size() < length) return 0;
  char32_t value = lead & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xc0U) != 0x80U) return 0;
    value = value << 6U | (byte & 0x3fU);
  }
  constexpr char32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  if (value < smallest[length] || value > 0x10ffff || surrogate) return 0;
  code_point = value;
  return length;
}

std::size_t plain_prefix(std::string_view text) {
  std::size_t at = 0;
  if (text.size() < sizeof(Bytes)) {
    while (at < text.size() && is_plain(text[at])) ++at;
    return at;
  }
  const std::size_t last = text.size() - sizeof(Bytes);
  for (; at <= last; at += sizeof(Bytes)) {
    const std::size_t plain = plain_bytes(text.data() + at);
    if (plain < sizeof(Bytes)) return at + plain;
  }
  return last + plain_bytes(text.data() + last);  // those before have been looked at
}

bool is_control(char32_t code_point) {
  return code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0);
}

bool drives_terminal(char32_t code_point) {
  if (code_point < 0x61c) return is_control(code_point);
  return code_point == 0x61c || code_point == 0x200e || code_point == 0x200f ||
         (code_point >= 0x2028 && code_point <= 0x202e) || (code_point >= 0x2066 && code_point <= 0x2069);
}

bool is_invisible(char32_t code_point) {
  struct Range {
    char32_t first;
    char32_t last;
  };
  constexpr Range ranges[] = {
      {0xad, 0xad},       {0x34f, 0x34f},     {0x61c, 0x61c},     {0x115f, 0x1160}, {0x17b4, 0x17b5},
      {0x180b, 0x180f},   {0x200b, 0x200f},   {0x202a, 0x202e},   {0x2060, 0x206f}, {0x2800, 0x2800},
      {0x3164, 0x3164},   {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0}, {0xfff0, 0xfffb},
      {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
  };
  for (const Range& range : ranges) {
    if (code_point <= range.last) return code_point >= range.first;
  }
  return false;
}

}  // namespace chat::utf8
