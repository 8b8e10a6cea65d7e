#include "chat/unconfirmed.h"

#include <deque>
#include <random>

#include "unit/catch.h"

using namespace chat;

namespace {

using Ones = std::deque<Unconfirmed::One>;

Ones all_of(const Unconfirmed& unconfirmed) {
  Ones all;
  unconfirmed.for_each([&](const EntryId& id, const PubId& pub, std::size_t content) {
    all.push_back({{id, pub.str()}, content});
  });
  return all;
}

void require_same(const Unconfirmed& unconfirmed, const Ones& expected) {
  REQUIRE(unconfirmed.size() == expected.size());
  REQUIRE(unconfirmed.empty() == expected.empty());
  const Ones all = all_of(unconfirmed);
  REQUIRE(all.size() == expected.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    REQUIRE(all[i].anchor == expected[i].anchor);
    REQUIRE(all[i].content == expected[i].content);
  }
  if (expected.empty()) return;
  REQUIRE(unconfirmed.front().anchor == expected.front().anchor);
  REQUIRE(unconfirmed.front().content == expected.front().content);
  REQUIRE(unconfirmed.newest() == expected.back().anchor);
  REQUIRE(unconfirmed.newest_id() == expected.back().anchor.id);
}

}  // namespace

TEST_CASE("unconfirmed messages come out as they were put in, whatever their pubs") {
  Unconfirmed unconfirmed;
  Ones expected;
  std::uint64_t n = 0;
  for (const char* pub : {"a-1", "a-2", "a-3", "a-5", "b-6", "b-7", "a-18446744073709551615", "a-0", "a-1",
                          "a", "", "-1", "-2", "a-b-3", "a-b-4", "a-007", "a-99999999999999999999"}) {
    expected.push_back({{{n < 3 ? 7U : 8U, n}, pub}, 100 + n});
    unconfirmed.push_back(expected.back().anchor.id, pub, expected.back().content);
    ++n;
  }
  require_same(unconfirmed, expected);
  for (; !expected.empty(); expected.pop_front(), unconfirmed.pop_front())
    require_same(unconfirmed, expected);
  require_same(unconfirmed, {});
}

TEST_CASE("of those with the same pub and content the first one is erased, and no other") {
  std::mt19937 random(1);
  const auto up_to = [&](unsigned most) { return static_cast<std::size_t>(random() % (most + 1)); };
  for (int round = 0; round < 200; ++round) {
    Unconfirmed unconfirmed;
    Ones expected;
    std::uint64_t n = up_to(5);
    for (std::uint64_t sequence = 1; expected.size() < 30; ++sequence) {
      if (up_to(4) == 0) sequence = up_to(9);
      const std::string pub = (up_to(4) == 0 ? "b-" : "a-") + std::to_string(sequence);
      expected.push_back({{{up_to(8) == 0 ? 2U : 1U, ++n}, pub}, up_to(1)});
      unconfirmed.push_back(expected.back().anchor.id, pub, expected.back().content);
    }
    while (!expected.empty()) {
      if (up_to(5) == 0) {
        expected.pop_front();
        unconfirmed.pop_front();
        require_same(unconfirmed, expected);
        continue;
      }
      Unconfirmed::One one = expected[up_to(static_cast<unsigned>(expected.size() - 1))];
      if (up_to(5) == 0) one.content = up_to(2);
      const auto first = std::ranges::find_if(expected, [&](const Unconfirmed::One& other) {
        return other.anchor.pub == one.anchor.pub && other.content == one.content;
      });
      REQUIRE(unconfirmed.erase(one.anchor.pub, one.content) == (first != expected.end()));
      if (first != expected.end()) expected.erase(first);
      require_same(unconfirmed, expected);
    }
  }
}

TEST_CASE("unconfirmed messages that are cleared are gone") {
  Unconfirmed unconfirmed;
  unconfirmed.push_back({1, 1}, "a-1", 7);
  unconfirmed.clear();
  require_same(unconfirmed, {});
  unconfirmed.push_back({1, 2}, "a-2", 8);
  require_same(unconfirmed, {{{{1, 2}, "a-2"}, 8}});
}
