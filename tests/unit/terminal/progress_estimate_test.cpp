#include "terminal/progress_estimate.h"

#include "terminal/columns.h"
#include "unit/catch.h"

using namespace chat;
using namespace std::chrono_literals;

namespace {

const Clock::time_point begin{};

std::string line(std::uint64_t messages, std::optional<double> part, std::size_t columns) {
  return ProgressEstimate(begin).line({.messages = messages, .part = part}, begin + 10s, columns);
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
  const auto summary = [](std::uint64_t messages, Clock::duration time) {
    return ProgressEstimate(begin).summary({.messages = messages, .part = {}}, begin + time);
  };
  CHECK(summary(1'000'000, 2500ms) == "1,000,000 messages in 2.5 s, 400,000/s");
  CHECK(summary(1, 100s) == "1 message in 1:40, 0/s");
  CHECK(summary(7, 0s) == "7 messages in 0.0 s, 7,000/s");
}
