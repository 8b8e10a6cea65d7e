#include "chat/entry_id.h"

#include <cstdint>
#include <string>
#include <vector>

#include "unit/catch.h"

using namespace chat;

TEST_CASE("EntryId reads what Redis writes") {
  CHECK(EntryId::parse("1732400000000-5") == EntryId{1732400000000, 5});
  CHECK(EntryId::parse("1732400000000") == EntryId{1732400000000, 0});
  CHECK(EntryId::parse("0-0") == EntryId{});
  CHECK(EntryId::parse("18446744073709551615-18446744073709551615") == EntryId{UINT64_MAX, UINT64_MAX});
  for (const char* text : {"", "-", "1-", "-1", "1-2-3", "+1-2", "1-+2", " 1-2", "1-2 ", "1 -2", "0x1-2",
                           "1-a", "18446744073709551616-0", "0-18446744073709551616", "$", "1--2"}) {
    INFO(text);
    CHECK_FALSE(EntryId::parse(text));
  }
}

TEST_CASE("EntryId orders by time, then number, and writes itself") {
  CHECK(EntryId{1, 9} < EntryId{2, 1});
  CHECK(EntryId{2, 9} < EntryId{2, 10});
  CHECK(EntryId{1732400000000, 5}.str() == "1732400000000-5");
  CHECK(EntryId{UINT64_MAX, UINT64_MAX}.str() == "18446744073709551615-18446744073709551615");
}

TEST_CASE("PubId splits at the last dash") {
  CHECK(PubId::parse("abcdefgh-5") == PubId{"abcdefgh", 5});
  CHECK(PubId::parse("nightly-import.v2_x-17") == PubId{"nightly-import.v2_x", 17});
  CHECK(PubId::parse("a-18446744073709551615") == PubId{"a", UINT64_MAX});
  CHECK(PubId::parse(std::string(64, 'p') + "-1") == PubId{std::string(64, 'p'), 1});
  for (const std::string& text :
       {std::string(), std::string("abc"), std::string("-5"), std::string("abc-"), std::string("abc-0"),
        std::string("abc-05"), std::string("abc-x"), std::string("abc-+5"), std::string("a b-5"),
        std::string("a:b-5"), std::string("\xc3\xa9-5"), std::string("a-18446744073709551616"),
        std::string(65, 'p') + "-1"}) {
    INFO(text);
    CHECK_FALSE(PubId::parse(text));
  }
}
