#include "process/checkpoint.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "base/output.h"
#include "chat/entry_id.h"
#include "process/printer.h"
#include "unit/failure.h"
#include "unit/folder.h"
#include "unit/recorder.h"

using namespace chat;
using namespace std::chrono_literals;

namespace {

Anchor at(std::uint64_t ms, std::uint64_t n) { return {{ms, n}, {}}; }

using Calls = std::vector<std::vector<EntryId>>;

Message numbered(std::uint64_t n) {
  Message message;
  message.id = EntryId{1, n};
  message.text = std::to_string(n);
  return message;
}

struct Pipe {
  int in = -1;
  int out = -1;
  Pipe() {
    int fds[2];
    REQUIRE(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
    in = fds[0];
    out = fds[1];
  }
  ~Pipe() {
    close(in);
    close(out);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
};

}  // namespace

TEST_CASE("a cursor is written at first, then once in a while and at the end") {
  const Folder folder;
  const std::string path = folder / "cursor";
  CursorCheckpoint checkpoint(path, 1h);
  CHECK(checkpoint.position().empty());
  checkpoint.save({at(1, 1), at(1, 2)});
  CHECK(content(path) == "1-2\n");
  checkpoint.save({at(1, 3)});
  CHECK(content(path) == "1-2\n");
  checkpoint.finish();
  CHECK(content(path) == "1-3\n");
}

TEST_CASE("without a pause every checkpoint is written") {
  const Folder folder;
  CursorCheckpoint checkpoint(folder / "cursor", 0ms);
  checkpoint.save({at(1, 1)});
  checkpoint.save({at(1, 2)});
  CHECK(content(folder / "cursor") == "1-2\n");
}

TEST_CASE("a cursor that did not move is not written") {
  const Folder folder;
  const std::string path = folder / "cursor";
  write_file(path, "4-2\n");
  CursorCheckpoint checkpoint(path, 1h);
  CHECK(checkpoint.position() == std::vector{at(4, 2)});
  std::filesystem::remove(path);
  checkpoint.finish();
  CHECK_FALSE(std::filesystem::exists(path));
  checkpoint.save({{{4, 3}, "p-3"}});
  CHECK(content(path) == "4-3 p-3\n4-2\n");
  CHECK_FALSE(checkpoint.keep_every());
}

namespace {

std::vector<std::uint64_t> kept(const std::string& path) {
  std::vector<std::uint64_t> numbers;
  const CursorCheckpoint checkpoint(path, 0ms);
  for (const Anchor& anchor : checkpoint.position()) numbers.push_back(anchor.id.n);
  return numbers;
}

std::vector<Anchor> messages(const std::string& publisher, std::uint64_t from, std::uint64_t to) {
  std::vector<Anchor> all;
  for (; from <= to; ++from) all.push_back({{from, from}, publisher + "-" + std::to_string(from)});
  return all;
}

}  // namespace

TEST_CASE("a cursor has the latest messages, and ever fewer before them") {
  const Folder folder;
  const std::string path = folder / "cursor";
  for (std::uint64_t n = 1; n <= 100'000; n += 5000)  // in several runs
    CursorCheckpoint(path, 0ms).save(messages("p", n, n + 4999));
  const std::vector<std::uint64_t> numbers = kept(path);
  CHECK(numbers.size() > 24);
  CHECK(numbers.size() <= 32);
  for (std::size_t i = 0; i < 16; ++i) CHECK(numbers[i] == 100'000 - i);
  for (std::size_t i = 17; i < numbers.size(); ++i)  // not further apart than that
    CHECK(100'000 - numbers[i] <= 5 * (100'000 - numbers[i - 1]));
  CHECK(numbers.back() < 60'000);
}

TEST_CASE("a cursor forgets what another history has in its place") {
  const Folder folder;
  const std::string path = folder / "cursor";
  CursorCheckpoint(path, 0ms).save(messages("p", 1, 9));
  CursorCheckpoint(path, 0ms).save(messages("q", 4, 5));
  CHECK(content(path) == "5-5 q-5\n4-4 q-4\n3-3 p-3\n2-2 p-2\n1-1 p-1\n");
}

TEST_CASE("a cursor keeps where it began") {
  const Folder folder;
  const std::string path = folder / "cursor";
  {
    CursorCheckpoint checkpoint(path, 0ms);
    checkpoint.begin({4, UINT64_MAX});
    checkpoint.save(messages("p", 50, 51));
    CHECK(content(path) == "51-51 p-51\n50-50 p-50\n4-49\n");
  }
  CursorCheckpoint(path, 0ms).save(messages("p", 52, 20'000));
  const std::vector<Anchor> done = CursorCheckpoint(path, 0ms).position();
  CHECK(done.size() <= 32);
  CHECK(done.back() == at(4, 49));
  CHECK(done[done.size() - 2] == Anchor{{50, 50}, "p-50"});
  SECTION("also in another history with fewer messages") {
    CursorCheckpoint(path, 0ms).save(messages("q", 3, 5));
    CHECK(content(path) == "5-5 q-5\n4-4 q-4\n3-3 q-3\n3-2\n");
  }
  SECTION("also behind a foreign entry") {
    CursorCheckpoint(path, 0ms).save({at(20'001, 1)});
    CHECK(CursorCheckpoint(path, 0ms).position().back() == at(4, 49));
  }
}

TEST_CASE("a cursor keeps where it begins before its first message is done") {
  const Folder folder;
  const std::string path = folder / "cursor";
  CursorCheckpoint checkpoint(path, 0ms);
  SECTION("what was not there any more then doesn't count") {
    checkpoint.begin({});
    checkpoint.coming({7, 5}, {});  // somebody else's
    CHECK_FALSE(std::filesystem::exists(path));
    checkpoint.coming({7, 9}, "p-9");
    checkpoint.coming({7, 10}, "p-10");
    CHECK(content(path) == "0-8 start\n");
    CHECK(checkpoint.position().empty());
    checkpoint.save({{{7, 9}, "p-9"}});
    CHECK(content(path) == "7-9 p-9\n0-0\n");
    checkpoint.coming({7, 10}, "p-10");
    CHECK(content(path) == "7-9 p-9\n0-0\n");
  }
  SECTION("the next run begins there") {
    checkpoint.begin({4, UINT64_MAX});
    checkpoint.coming({7, 9}, "p-9");
    const std::string other = folder / "other";
    std::filesystem::copy(path, other);
    CursorCheckpoint next(other, 0ms);
    CHECK(next.position().empty());
    CHECK(next.begun() == EntryId{4, 8});
    next.begin({4, 8});
    next.coming({9, 20}, "p-20");
    CHECK(content(other) == "4-8 start\n");
    next.save({{{9, 20}, "p-20"}});
    CHECK(content(other) == "9-20 p-20\n4-8\n");
  }
}

TEST_CASE("foreign entries are a cursor's place, but count nothing") {
  const Folder folder;
  const std::string path = folder / "cursor";
  CursorCheckpoint(path, 0ms).save({{{5, 3}, "p-1"}, at(6, 1)});
  CHECK(content(path) == "6-1\n5-3 p-1\n");
  CursorCheckpoint(path, 0ms).save({{{7, 4}, "p-2"}});
  CHECK(content(path) == "7-4 p-2\n5-3 p-1\n");
  CursorCheckpoint(path, 0ms).save({{{8, 5}, "a\nb"}});
  CHECK(content(path) == "8-5\n7-4 p-2\n5-3 p-1\n");
}

TEST_CASE("one position covers only messages that are all done") {
  RecordingCheckpoint checkpoint;
  CheckpointQueue queue(&checkpoint);
  for (std::uint64_t n = 1; n <= 4; ++n) queue.add({1, n});
  queue.commit();
  CHECK(checkpoint.calls.empty());
  queue.done({{1, 3}, {1, 2}});
  queue.commit();
  CHECK(checkpoint.calls.empty());
  queue.done({{1, 1}, {9, 9}});
  queue.commit();
  CHECK(checkpoint.calls == Calls{{{1, 1}, {1, 2}, {1, 3}}});
  queue.done({{1, 4}});
  queue.commit();
  queue.commit();
  CHECK(checkpoint.calls == Calls{{{1, 1}, {1, 2}, {1, 3}}, {{1, 4}}});
}

TEST_CASE("without an order each is done by itself") {
  RecordingCheckpoint checkpoint;
  checkpoint.ordered = false;
  CheckpointQueue queue(&checkpoint);
  for (std::uint64_t n = 1; n <= 3; ++n) queue.add({1, n});
  queue.done({{1, 3}});
  queue.commit();
  queue.done({{1, 1}, {1, 2}});
  queue.commit();
  CHECK(checkpoint.calls == Calls{{{1, 3}}, {{1, 1}, {1, 2}}});
}

TEST_CASE("without a checkpoint nothing is kept") {
  CheckpointQueue queue(nullptr);
  queue.add({1, 1});
  queue.done({{1, 1}});
  queue.commit();
  queue.keep();
  CHECK_FALSE(queue.keep_every());
}

namespace {

PrinterOptions raw() {
  PrinterOptions options;
  options.style.form = Form::raw;
  return options;
}

}  // namespace

TEST_CASE("messages are done when the output was written, not before") {
  const Pipe pipe;
  Output output(pipe.out);
  RecordingCheckpoint checkpoint;
  CheckpointQueue queue(&checkpoint);
  Printer printer(raw(), output, queue);
  QueueMessages first(queue, printer);

  CHECK(first.message("t", numbered(1)));
  CHECK(first.message("t", numbered(2)));
  CHECK(checkpoint.calls.empty());
  CHECK(first.flush());
  CHECK(checkpoint.calls == Calls{{{1, 1}, {1, 2}}});
  CHECK(first.flush());
  CHECK(checkpoint.calls.size() == 1);
}

TEST_CASE("what the output did not take is not done") {
  const Pipe pipe;
  volatile std::sig_atomic_t stopping = 1;
  Output output(pipe.out, {-1, &stopping});
  RecordingCheckpoint checkpoint;
  CheckpointQueue queue(&checkpoint);
  Printer printer(raw(), output, queue);
  QueueMessages first(queue, printer);
  Message large = numbered(1);
  large.text.assign(1'000'000, 'x');
  CHECK_FALSE(first.message("t", large));
  CHECK_FALSE(first.flush());
  CHECK(checkpoint.calls.empty());
}

TEST_CASE("an output that is stuck does not keep its messages from being kept") {
  const Pipe pipe;
  volatile std::sig_atomic_t stopping = 0;
  Output output(pipe.out, {-1, &stopping});
  RecordingCheckpoint checkpoint;
  checkpoint.on_keep = [&] { stopping = checkpoint.times_kept == 3 ? 1 : 0; };
  CheckpointQueue queue(&checkpoint);
  output.while_blocked(1ms, [&] { queue.keep(); });
  output.buffer().assign(1'000'000, 'x');
  CHECK_FALSE(output.flush());
  CHECK(checkpoint.times_kept == 3);
}
