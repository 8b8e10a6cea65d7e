#include "process/pacer.h"

#include "base/wait.h"
#include "chat/entry_id.h"
#include "unit/catch.h"
#include "unit/recorder.h"

using namespace chat;
using namespace std::chrono_literals;

namespace {

Message at(std::uint64_t ms) {
  Message message;
  message.id = EntryId{ms, 1};
  return message;
}

}  // namespace

TEST_CASE("messages keep their distance, by the speed") {
  Recorder next;
  Pacer pacer(0.5, next, {});
  const auto begin = Clock::now();
  CHECK(pacer.message("t", at(1000)));
  CHECK(next.flushes == 0);
  CHECK(pacer.message("t", at(1020)));
  CHECK(Clock::now() - begin >= 40ms);
  CHECK(pacer.message("t", at(1030)));
  CHECK(Clock::now() - begin >= 60ms);
  CHECK(next.messages.size() == 3);
  CHECK(next.flushes >= 1);
}

TEST_CASE("backwards, the distance is the same") {
  Recorder next;
  Pacer pacer(1, next, {});
  const auto begin = Clock::now();
  pacer.message("t", at(1030));
  pacer.message("t", at(1000));
  CHECK(Clock::now() - begin >= 30ms);
  CHECK(next.messages.size() == 2);
}

TEST_CASE("a stop ends the wait, however long it is") {
  Recorder next;
  StopToken stop;
  stop.until = Clock::now() + 20ms;
  Pacer pacer(0.001, next, stop);
  CHECK(pacer.message("t", at(0)));
  CHECK_FALSE(pacer.message("t", at(UINT64_MAX)));
  CHECK(next.messages.size() == 1);
  CHECK(next.flushes == 1);
}

TEST_CASE("an output that ends ends the wait") {
  Recorder next;
  next.on_flush = [] { return false; };
  Pacer pacer(1, next, {});
  pacer.message("t", at(0));
  CHECK_FALSE(pacer.message("t", at(3'600'000)));
  CHECK(next.messages.size() == 1);
}

TEST_CASE("what was never stored has no pace") {
  Recorder next;
  next.on_message = [] { return false; };
  Pacer pacer(1, next, {});
  CHECK_FALSE(pacer.message("t", Message{}));
  CHECK(next.messages.size() == 1);
  CHECK(next.flushes == 0);
}
