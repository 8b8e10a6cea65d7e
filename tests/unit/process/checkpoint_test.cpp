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
  CHECK_FALSE(checkpoint.position());
  checkpoint.save({{1, 1}, {1, 2}});
  CHECK(content(path) == "1-2\n");
  checkpoint.save({{1, 3}});
  CHECK(content(path) == "1-2\n");
  checkpoint.finish();
  CHECK(content(path) == "1-3\n");
}

TEST_CASE("without a pause every checkpoint is written") {
  const Folder folder;
  CursorCheckpoint checkpoint(folder / "cursor", 0ms);
  checkpoint.save({{1, 1}});
  checkpoint.save({{1, 2}});
  CHECK(content(folder / "cursor") == "1-2\n");
}

TEST_CASE("a cursor that did not move is not written") {
  const Folder folder;
  const std::string path = folder / "cursor";
  write_file(path, "4-2\n");
  CursorCheckpoint checkpoint(path, 1h);
  CHECK(checkpoint.position() == EntryId{4, 2});
  std::filesystem::remove(path);
  checkpoint.finish();
  CHECK_FALSE(std::filesystem::exists(path));
  checkpoint.save({{4, 3}});
  CHECK(content(path) == "4-3\n");
  CHECK_FALSE(checkpoint.keep_every());
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
