#include "base/numbers.h"

#include <string>

#include "unit/catch.h"

using namespace chat;

TEST_CASE("whole numbers of each length") {
  const std::string digits = "12345678901234567890";
  for (std::size_t size = 1; size <= digits.size(); ++size) {
    const std::string text = digits.substr(0, size);
    CHECK(parse_whole(text) == std::stoull(text));
  }
  CHECK(parse_whole("00000000000000000000007") == 7);
  CHECK(parse_whole("18446744073709551615") == UINT64_MAX);
  CHECK(parse_whole("18446744073709551616") == std::nullopt);
  CHECK(parse_whole("") == std::nullopt);
}

TEST_CASE("one byte that is no digit makes no number") {
  for (std::size_t size = 1; size <= 20; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string text(size, '9');
        text[at] = static_cast<char>(byte);
        if (size == 20 && at == 0) continue;  // too large
        const bool digit = byte >= '0' && byte <= '9' && size < 20;
        if (parse_whole(text).has_value() != digit) FAIL("byte " << byte << " at " << at << " of " << size);
      }
    }
  }
}
