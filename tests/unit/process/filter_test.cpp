#include "process/filter.h"

#include "chat/entry_id.h"
#include "unit/catch.h"
#include "unit/recorder.h"

using namespace chat;

namespace {

Message message(std::uint64_t n, const std::string& user, const std::string& text) {
  return {EntryId{1, n}, user, text, 0, "p-" + std::to_string(n)};
}

using Ids = std::vector<EntryId>;

CheckpointQueue no_checkpoint(nullptr);

}  // namespace

TEST_CASE("only messages that match, of those users") {
  Recorder next;
  Filter filter({"b", {"ana", "ben"}}, next, next, no_checkpoint);
  CHECK(filter.message("t", message(1, "ana", "abc")));
  CHECK(filter.message("t", message(2, "ana", "ac")));
  CHECK(filter.message("t", message(3, "carl", "b")));
  CHECK(filter.message("t", message(4, "ben", "b")));
  CHECK(next.texts == std::vector<std::string>{"abc", "b"});
  CHECK(filter.skipped() == 2);
}

TEST_CASE("all messages without a filter; the next one's answer is handed on") {
  Recorder next;
  Filter filter({}, next, next, no_checkpoint);
  CHECK(filter.message("t", message(1, "x", "\xff")));
  next.on_message = [] { return false; };
  CHECK_FALSE(filter.message("t", message(1, "x", "")));
  next.on_flush = [] { return false; };
  CHECK_FALSE(filter.flush());
}

TEST_CASE("a message too costly to look at is told and passed over") {
  Recorder next;
  Filter filter({"^(a+)+$", {}}, next, next, no_checkpoint);
  CHECK(filter.message("t", message(7, "x", std::string(40, 'a') + "b")));
  CHECK(next.texts.empty());
  REQUIRE(next.warnings.size() == 1);
  CHECK(next.warnings[0].starts_with("t: skipped message 1-7: "));
}

TEST_CASE("what is left out is done when all before it is") {
  Recorder next;
  RecordingCheckpoint checkpoint;
  CheckpointQueue queue(&checkpoint);
  Filter filter({"b", {}}, next, next, queue);
  QueueMessages first(queue, filter);
  first.message("t", message(1, "x", "a"));
  first.message("t", message(2, "x", "b"));
  first.message("t", message(3, "x", "a"));
  first.message("t", message(4, "x", "b"));
  first.message("t", message(5, "x", "a"));
  CHECK(checkpoint.calls.empty());
  first.flush();
  CHECK(checkpoint.calls == std::vector<Ids>{{{1, 1}}});
  queue.done({{1, 2}});
  queue.commit();
  CHECK(checkpoint.calls.back() == Ids{{1, 2}, {1, 3}});
  queue.done({{1, 4}});
  first.flush();
  CHECK(checkpoint.calls.back() == Ids{{1, 4}, {1, 5}});
  first.flush();
  CHECK(checkpoint.calls.size() == 3);
}

TEST_CASE("a message without an ID can't be done") {
  Recorder next;
  RecordingCheckpoint checkpoint;
  CheckpointQueue queue(&checkpoint);
  Filter filter({"b", {}}, next, next, queue);
  QueueMessages first(queue, filter);
  Message plain = message(1, "x", "b");
  plain.id.reset();
  first.message("t", plain);
  first.message("t", message(2, "x", "a"));
  first.flush();
  CHECK(next.texts.size() == 1);
  CHECK(checkpoint.calls == std::vector<Ids>{{{1, 2}}});
}
