#include "base/utf8.h"

#include <string>

#include "unit/catch.h"

using namespace chat;

namespace {

struct Decoded {
  std::size_t length;
  char32_t code_point;
  bool operator==(const Decoded&) const = default;
};

Decoded decoded(std::string_view text) {
  char32_t code_point = 0;
  const std::size_t length = utf8::decode(text, code_point);
  return {length, length == 0 ? 0 : code_point};
}

constexpr Decoded nothing{0, 0};

}  // namespace

TEST_CASE("decode reads the first and last code point of each length") {
  CHECK(decoded(std::string_view("\0", 1)) == Decoded{1, 0});
  CHECK(decoded("\x7f") == Decoded{1, 0x7f});
  CHECK(decoded("\xc2\x80") == Decoded{2, 0x80});
  CHECK(decoded("\xdf\xbf") == Decoded{2, 0x7ff});
  CHECK(decoded("\xe0\xa0\x80") == Decoded{3, 0x800});
  CHECK(decoded("\xef\xbf\xbf") == Decoded{3, 0xffff});
  CHECK(decoded("\xf0\x90\x80\x80") == Decoded{4, 0x10000});
  CHECK(decoded("\xf4\x8f\xbf\xbf") == Decoded{4, 0x10ffff});
  CHECK(decoded("\xc3\xa9t\xc3\xa9") == Decoded{2, 0xe9});
}

TEST_CASE("decode refuses what RFC 3629 refuses") {
  CHECK(decoded("\x80") == nothing);
  CHECK(decoded("\xbf") == nothing);
  CHECK(decoded("\xff") == nothing);
  CHECK(decoded("\xc0\x80") == nothing);          // overlong
  CHECK(decoded("\xc1\xbf") == nothing);          // overlong
  CHECK(decoded("\xe0\x9f\xbf") == nothing);      // overlong
  CHECK(decoded("\xf0\x8f\xbf\xbf") == nothing);  // overlong
  CHECK(decoded("\xed\xa0\x80") == nothing);      // surrogate
  CHECK(decoded("\xed\xbf\xbf") == nothing);      // surrogate
  CHECK(decoded("\xed\x9f\xbf") == Decoded{3, 0xd7ff});
  CHECK(decoded("\xee\x80\x80") == Decoded{3, 0xe000});
  CHECK(decoded("\xf4\x90\x80\x80") == nothing);  // above U+10FFFF
  CHECK(decoded("\xf5\x80\x80\x80") == nothing);
  CHECK(decoded("\xc3") == nothing);  // cut short
  CHECK(decoded("\xe2\x82") == nothing);
  CHECK(decoded("\xf0\x9f\x98") == nothing);
  CHECK(decoded("\xc3 ") == nothing);
  CHECK(decoded("\xe2\x82 ") == nothing);
  CHECK(decoded("\xe2\x82\xc2") == nothing);
}

TEST_CASE("what nobody sees") {
  for (const char32_t c :
       {0xadU, 0x200bU, 0x200dU, 0x2060U, 0x2800U, 0x3164U, 0xfe0fU, 0xfeffU, 0xe0041U, 0xe01efU}) {
    CHECK(utf8::is_invisible(c));
  }
  for (const char32_t c :
       {0x20U, 0x61U, 0xa0U, 0xaeU, 0x301U, 0x2010U, 0x3000U, 0x65e5U, 0x1f600U, 0x10ffffU}) {
    CHECK_FALSE(utf8::is_invisible(c));
  }
}

TEST_CASE("plain_prefix ends at the first byte that may need escaping") {
  CHECK(utf8::plain_prefix("") == 0);
  for (int value = 0; value < 256; ++value) {
    const auto byte = static_cast<char>(static_cast<unsigned char>(value));
    const bool plain = value >= 0x20 && value < 0x7f && byte != '"' && byte != '\\';
    for (const std::size_t size : {1U, 15U, 16U, 17U, 20U, 32U, 47U}) {
      for (std::size_t at = 0; at < size; ++at) {
        std::string text(size, 'x');
        text[at] = byte;
        if (utf8::plain_prefix(text) != (plain ? size : at))
          FAIL_CHECK(value << " at " << at << " of " << size);
      }
    }
  }
}

TEST_CASE("controls and what else drives a terminal") {
  for (const char32_t c : {0x00, 0x1b, 0x1f, 0x7f, 0x80, 0x9b, 0x9f}) {
    CHECK(utf8::is_control(c));
    CHECK(utf8::drives_terminal(c));
  }
  for (const char32_t c : {0x61c, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202e, 0x2066, 0x2069}) {
    CHECK_FALSE(utf8::is_control(c));
    CHECK(utf8::drives_terminal(c));
  }
  for (const char32_t c :
       {0x20, 0x7e, 0xa0, 0x61b, 0x200d, 0x2010, 0x2027, 0x202f, 0x2065, 0x206a, 0x1f600}) {
    CHECK_FALSE(utf8::drives_terminal(c));
  }
}
