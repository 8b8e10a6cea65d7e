#include "process/meter.h"

#include <vector>

#include "chat/entry_id.h"
#include "unit/catch.h"
#include "unit/recorder.h"

using namespace chat;

namespace {

Message message(EntryId id) { return {id, "ana", "x", 0, ""}; }

// What is told of the parts of a run through these messages.
std::vector<double> parts(const std::vector<EntryId>& ids, std::optional<EntryId> end,
                          std::optional<std::uint64_t> count = std::nullopt) {
  Recorder next;
  std::vector<double> parts;
  Meter meter({end, count, [&](const Reached& now) { parts.push_back(now.part.value_or(-1)); }, {}}, next);
  for (const EntryId& id : ids) meter.message("t", message(id));
  return parts;
}

using Parts = std::vector<double>;

}  // namespace

TEST_CASE("the part of a history is counted by the messages' numbers") {
  CHECK(parts({{5, 11}, {900, 12}, {901, 15}}, EntryId{1000, 20}) == Parts{0.1, 0.2, 0.5});
  CHECK(parts({{5, 20}, {4, 16}}, EntryId{1, 11}) == Parts{0.1, 0.5});
  CHECK(parts({{5, 1}}, EntryId{5, 1}) == Parts{1});
}

TEST_CASE("or by times, or by how many are wanted") {
  CHECK(parts({{100, 1}, {150, 2}, {200, 3}}, EntryId{300, 0}) == Parts{0, 0.25, 0.5});
  CHECK(parts({{100, 1}, {150, 2}}, std::nullopt) == Parts{-1, -1});
  CHECK(parts({{100, 1}, {150, 2}}, std::nullopt, 4) == Parts{0.25, 0.5});
  CHECK(parts({{100, 1}, {150, 2}}, EntryId{200, 100}, 4) == Parts{0.25, 0.5});
}

TEST_CASE("what is live isn't counted") {
  Recorder next;
  std::uint64_t count = 0;
  int over = 0;
  Meter meter({{}, {}, [&](const Reached& now) { count = now.messages; }, [&] { ++over; }}, next);
  meter.message("t", message({1, 1}));
  CHECK(meter.pause());
  meter.live();
  meter.message("t", message({1, 2}));
  CHECK(count == 1);
  CHECK(over == 1);
  CHECK(next.times_live == 1);
  CHECK(next.texts.size() == 2);
}
