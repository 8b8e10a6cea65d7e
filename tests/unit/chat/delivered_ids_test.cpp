#include "chat/delivered_ids.h"

#include "unit/catch.h"

using namespace chat;

TEST_CASE("a shown message is known by its publisher and number") {
  DeliveredIds shown;
  CHECK_FALSE(shown.contains("t", "abc-1", 7));
  shown.add("t", "abc-2");
  CHECK(shown.contains("t", "abc-1", 7));
  CHECK(shown.contains("t", "abc-2", 7));
  CHECK_FALSE(shown.contains("t", "abc-3", 7));
  CHECK_FALSE(shown.contains("t", "abd-1", 7));
  CHECK_FALSE(shown.contains("t", "", 7));
  CHECK_FALSE(shown.contains("t", "abc", 7));
  shown.add("t", "");
  shown.add("t", "no number");
  CHECK_FALSE(shown.contains("t", "no number", 7));
}

TEST_CASE("the latest 4096 publishers are known, and those of long ago forgotten") {
  DeliveredIds shown;
  const auto pub = [](int i) { return "p" + std::to_string(i) + "-1"; };
  for (int i = 0; i < 10'000; ++i) {
    shown.add("t", pub(i));
    if (i >= 4096) REQUIRE(shown.contains("t", pub(i - 4095), 7));
    if (i >= 8192) REQUIRE_FALSE(shown.contains("t", pub(i - 8192), 7));
  }
}

TEST_CASE("a publisher that goes on stays known under its latest number") {
  DeliveredIds shown;
  shown.add("t", "old-1");
  for (int i = 0; i < 4096; ++i) shown.add("t", "p" + std::to_string(i) + "-1");
  shown.add("t", "old-2");
  CHECK(shown.contains("t", "old-2", 7));
  CHECK_FALSE(shown.contains("t", "old-3", 7));
}

TEST_CASE("what is stored again, from a lower number on, stays known") {
  DeliveredIds shown;
  shown.add("t", "abc-200");
  shown.add("t", "abc-101");
  CHECK(shown.contains("t", "abc-102", 7));
  CHECK(shown.contains("t", "abc-200", 7));
}

TEST_CASE("a message that may be forged stands for no other one") {
  DeliveredIds shown;
  shown.add_alone("t", "abc-99", 7);
  CHECK(shown.contains("t", "abc-99", 7));
  CHECK_FALSE(shown.contains("t", "abc-98", 7));
  CHECK_FALSE(shown.contains("t", "abc-99", 8));
}

TEST_CASE("a publisher's numbers count each topic's messages") {
  DeliveredIds shown;
  shown.add("many", "abc-99");
  shown.add("few", "abc-1");
  shown.add("many", "abc-100");
  CHECK(shown.contains("many", "abc-2", 7));
  CHECK_FALSE(shown.contains("few", "abc-2", 7));
  CHECK_FALSE(shown.contains("any", "abc-2", 7));
  shown.add_alone("many", "abd-1", 7);
  CHECK_FALSE(shown.contains("few", "abd-1", 7));
}
