#include "chat/trail.h"

#include "unit/catch.h"

using namespace chat;

TEST_CASE("a trail has the latest positions, and ever fewer of the older ones") {
  Trail trail;
  constexpr std::uint64_t all = 1'000'000;
  for (std::uint64_t n = 1; n <= all; ++n) trail.add({1000 + n, n}, "p-" + std::to_string(n), n, n);
  const auto steps = trail.steps();
  CHECK(steps.size() < 200);
  REQUIRE(steps.front().serial == all);
  CHECK(steps.front().anchor == Anchor{{1000 + all, all}, "p-" + std::to_string(all)});
  CHECK(steps.back().anchor == Anchor{{1001, 1}, "p-1"});
  for (std::size_t i = 0; i + 2 < steps.size(); ++i) {
    const std::uint64_t back = all - steps[i + 1].serial;
    CHECK(steps[i].serial - steps[i + 1].serial <= std::max<std::uint64_t>(1, back / 7));
  }
}

TEST_CASE("a trail needs not be given what it doesn't keep") {
  for (const std::uint64_t before : {0U, 1U, 5U, 100U, 1000U}) {
    for (const std::uint64_t more : {1U, 2U, 15U, 16U, 17U, 300U, 5000U}) {
      Trail all;
      Trail kept;
      std::uint64_t n = 0;
      while (++n <= before) {
        all.add({n, n}, "p", n, n);
        kept.add({n, n}, "p", n, n);
      }
      for (; n <= before + more; ++n) {
        all.add({n, n}, "p", n, n);
        if (kept.empty() || Trail::keeps(n, before + more)) kept.add({n, n}, "p", n, n);
      }
      const auto expected = all.steps();
      const auto steps = kept.steps();
      REQUIRE(steps.size() == expected.size());
      for (std::size_t i = 0; i < steps.size(); ++i) REQUIRE(steps[i].serial == expected[i].serial);
    }
  }
}

TEST_CASE("a trail that is cut goes on from there") {
  Trail trail;
  for (std::uint64_t n = 1; n <= 100; ++n) trail.add({n, n}, "a", n, n);
  const auto kept = trail.steps()[5];
  trail.cut(kept.serial);
  CHECK(trail.steps().front().serial == kept.serial);
  trail.add({200, kept.serial + 1}, "b", kept.serial + 1, 1);
  CHECK(trail.steps().front().anchor.pub == "b");
  CHECK(trail.steps().back().serial == 1);
  trail.cut(0);
  CHECK(trail.steps().empty());
}
