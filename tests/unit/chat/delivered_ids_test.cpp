#include "chat/delivered_ids.h"

#include "unit/catch.h"

using namespace chat;

TEST_CASE("a shown message is known by its publisher and number") {
  DeliveredIds shown;
  CHECK_FALSE(shown.contains("t", "abc-1", 7));
  shown.add("t", "abc-1", 7, 1);
  shown.add("t", "abc-2", 7, 1);
  CHECK(shown.contains("t", "abc-1", 7));
  CHECK(shown.contains("t", "abc-2", 7));
  CHECK_FALSE(shown.contains("t", "abc-3", 7));
  CHECK_FALSE(shown.contains("t", "abd-1", 7));
  CHECK_FALSE(shown.contains("t", "", 7));
  CHECK_FALSE(shown.contains("t", "abc", 7));
  shown.add("t", "", 7, 1);
  shown.add("t", "no number", 7, 1);
  CHECK_FALSE(shown.contains("t", "no number", 7));
}

TEST_CASE("the latest 4096 publishers are known, and those of long ago forgotten") {
  DeliveredIds shown;
  const auto pub = [](int i) { return "p" + std::to_string(i) + "-1"; };
  for (int i = 0; i < 100'000; ++i) {
    shown.add("t", pub(i), 7, 1);
    if (i >= 4096) REQUIRE(shown.contains("t", pub(i - 4095), 7));
  }
  int known = 0;
  for (int i = 0; i < 1000; ++i) known += shown.contains("t", pub(i), 7) ? 1 : 0;
  CHECK(known < 20);
}

TEST_CASE("a publisher that goes on stays known under its latest number") {
  DeliveredIds shown;
  shown.add("t", "old-1", 7, 1);
  for (int i = 0; i < 4096; ++i) shown.add("t", "p" + std::to_string(i) + "-1", 7, 1);
  shown.add("t", "old-2", 7, 1);
  CHECK(shown.contains("t", "old-2", 7));
  CHECK_FALSE(shown.contains("t", "old-3", 7));
}

TEST_CASE("what is stored again, from a lower number on, stays known") {
  DeliveredIds shown;
  for (int i = 100; i <= 200; ++i) shown.add("t", "abc-" + std::to_string(i), 7, 1);
  shown.add("t", "abc-101", 7, 1);
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
  for (int i = 1; i <= 99; ++i) shown.add("many", "abc-" + std::to_string(i), 7, 1);
  shown.add("few", "abc-1", 7, 1);
  shown.add("many", "abc-100", 7, 1);
  CHECK(shown.contains("many", "abc-2", 7));
  CHECK_FALSE(shown.contains("few", "abc-2", 7));
  CHECK_FALSE(shown.contains("any", "abc-2", 7));
  shown.add_alone("many", "abd-1", 7);
  CHECK_FALSE(shown.contains("few", "abd-1", 7));
}

TEST_CASE("another content under a name that was used is another message") {
  DeliveredIds shown;
  for (int i = 1; i <= 100; ++i) shown.add("t", "import-" + std::to_string(i), 7, 1);
  CHECK(shown.contains("t", "import-1", 7));
  CHECK(shown.contains("t", "import-50", 7));
  CHECK_FALSE(shown.contains("t", "import-1", 8));
  CHECK_FALSE(shown.contains("t", "import-50", 8));
  // It makes the name a new one: what comes after it is unknown.
  shown.add("t", "import-1", 8, 1);
  CHECK(shown.contains("t", "import-1", 8));
  CHECK_FALSE(shown.contains("t", "import-2", 8));
}

TEST_CASE("the first content of a publisher is remembered however much comes after") {
  DeliveredIds shown;
  for (int i = 1; i <= 100'000; ++i) shown.add("t", "import-" + std::to_string(i), 7, 1);
  CHECK(shown.contains("t", "import-1", 7));
  CHECK_FALSE(shown.contains("t", "import-1", 8));
  CHECK(shown.contains("t", "import-2", 7));
}

TEST_CASE("what lies in a hole is not known") {
  DeliveredIds shown;
  shown.add("t", "abc-1", 7, 1);
  shown.add("t", "abc-3", 7, 2);
  CHECK(shown.contains("t", "abc-1", 7));
  CHECK_FALSE(shown.contains("t", "abc-2", 7));
  CHECK(shown.contains("t", "abc-3", 7));
}

TEST_CASE("when a message was delivered is remembered for the latest ones") {
  DeliveredIds shown;
  for (std::uint64_t i = 1; i <= 100'000; ++i) shown.add("t", "abc-" + std::to_string(i), 7, i);
  CHECK(shown.find("t", "abc-100000", 7) == 100'000);
  CHECK(shown.find("t", "abc-2", 7) == DeliveredIds::long_ago);
  CHECK(shown.find("t", "abc-100001", 7) == std::nullopt);
  shown.add_alone("t", "abc-100001", 7);
  CHECK(shown.find("t", "abc-100001", 7) == DeliveredIds::alone);
}

TEST_CASE("what a publisher said before it was heard first is not known") {
  DeliveredIds shown;
  shown.add("t", "abc-500", 7, 1);
  CHECK_FALSE(shown.contains("t", "abc-499", 7));
  shown.add("t", "abc-400", 7, 1);
  CHECK(shown.contains("t", "abc-400", 7));
  CHECK_FALSE(shown.contains("t", "abc-401", 7));
  CHECK(shown.contains("t", "abc-500", 7));
}
