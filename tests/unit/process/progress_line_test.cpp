#include "process/progress_line.h"

#include <vector>

#include "chat/entry_id.h"
#include "terminal/columns.h"
#include "unit/catch.h"
#include "unit/recorder.h"

using namespace chat;
using namespace std::chrono_literals;

namespace {

std::string line(std::uint64_t messages, std::optional<double> part, std::size_t columns) {
  return progress_text({.messages = messages, .part = part}, 10s, columns);
}

Message message(EntryId id) { return {id, "ana", "x", 0, ""}; }

/// A line on a display that remembers.
struct Shown {
  std::vector<std::string> logged;
  std::vector<std::string> drawn;
  ProgressLine::Display display() {
    return {[this](std::string_view text) { logged.emplace_back(text); },
            [this](std::string_view text) { drawn.emplace_back(text); }, [] { return std::size_t{80}; }};
  }
};

using Parts = std::vector<double>;

// What is told of the parts of a run through these messages.
Parts parts(const std::vector<EntryId>& ids, std::optional<EntryId> end,
            std::optional<std::uint64_t> count = std::nullopt) {
  Shown shown;
  ProgressLine line(ProgressLine::When::asked, shown.display());
  if (end) line.ends_at(*end);
  if (count) line.ends_after(*count);
  Recorder next;
  Meter meter(line, next);
  Parts parts;
  for (const EntryId& id : ids) {
    meter.message("t", message(id));
    parts.push_back(line.reached().part.value_or(-1));
  }
  CHECK(next.messages.size() == ids.size());
  return parts;
}

}  // namespace

TEST_CASE("how far a run has come") {
  CHECK(line(0, {}, 0) == "0 messages  0/s");
  CHECK(line(1, {}, 80) == "1 message  0/s");
  CHECK(line(12'345'678, {}, 80) == "12,345,678 messages  1,234,568/s");
  CHECK(line(1000, 0.5, 0) == "1,000 messages  100/s  50 %  0:10 left");
  CHECK(line(1000, 0.001, 0) == "1,000 messages  100/s  0 %  2:46:30 left");
  CHECK(line(1000, 0.0, 0) == "1,000 messages  100/s  0 %");
  CHECK(line(1000, 1.5, 0) == "1,000 messages  100/s  100 %  0:00 left");
}

TEST_CASE("a bar as long as there is room for") {
  CHECK(line(1000, 0.5, 48) == "1,000 messages  100/s  50 %  0:10 left  ████░░░░");
  CHECK(columns_of(line(1000, 0.5, 200)) == 70);
  CHECK(line(1000, 0.5, 44) == "1,000 messages  100/s  50 %  0:10 left");
  CHECK(line(1000, 0.5, 30) == "1,000  100/s  50 %  0:10 left");
  CHECK(line(1000, 0.5, 20) == "1,000  100/s  50 % …");
}

TEST_CASE("the summary of a run") {
  CHECK(progress_summary(1'000'000, 2500ms) == "1,000,000 messages in 2.5 s, 400,000/s");
  CHECK(progress_summary(1, 100s) == "1 message in 1:40, 0/s");
  CHECK(progress_summary(7, 0s) == "7 messages in 0.0 s, 7,000/s");
}

TEST_CASE("the part of a history is counted by the messages' numbers") {
  CHECK(parts({{5, 11}, {900, 12}, {901, 15}}, EntryId{1000, 20}) == Parts{0.1, 0.2, 0.5});
  CHECK(parts({{5, 20}, {4, 16}}, EntryId{1, 11}) == Parts{0.1, 0.5});
  CHECK(parts({{5, 1}}, EntryId{5, 1}) == Parts{1});
}

TEST_CASE("or by times, or by how many are wanted") {
  CHECK(parts({{100, 1}, {150, 2}, {200, 3}}, EntryId{300, 0}) == Parts{0, 0.25, 0.5});
  CHECK(parts({{100, 1}, {150, 2}, {200, 3}}, EntryId{300, UINT64_MAX}) == Parts{0, 0.25, 0.5});
  CHECK(parts({{100, 1}, {150, 2}}, std::nullopt) == Parts{-1, -1});
  CHECK(parts({{100, 1}, {150, 2}}, std::nullopt, 4) == Parts{0.25, 0.5});
  CHECK(parts({{100, 1}, {150, 2}}, EntryId{200, 100}, 4) == Parts{0.25, 0.5});
}

TEST_CASE("what comes after the end isn't counted") {
  Shown shown;
  ProgressLine line(ProgressLine::When::asked, shown.display());
  Recorder next;
  Meter meter(line, next);
  meter.message("t", message({1, 1}));
  CHECK(meter.flush());
  line.end();
  REQUIRE(shown.logged.size() == 1);
  CHECK(shown.logged.front().starts_with("1 message in "));
  meter.message("t", message({1, 2}));
  line.end();
  CHECK(line.reached().messages == 1);
  CHECK(shown.logged.size() == 1);
  CHECK(next.texts.size() == 2);
}

TEST_CASE("a line that shows by itself ends when the output is held up") {
  Shown shown;
  ProgressLine line(ProgressLine::When::by_itself, shown.display());
  CHECK(line.wanted());
  line.show(501ms);
  CHECK_FALSE(line.wanted());
  line.end();
  CHECK(shown.logged.empty());
  CHECK_FALSE(ProgressLine(ProgressLine::When::by_itself, {}).wanted());
  CHECK_FALSE(ProgressLine(ProgressLine::When::never, shown.display()).wanted());
}
