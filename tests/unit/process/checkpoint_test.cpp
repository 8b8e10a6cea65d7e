#include "process/checkpoint.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "base/output.h"
#include "chat/entry_id.h"
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
  CursorCheckpoint progress(path, 1h);
  CHECK_FALSE(progress.position());
  progress.done({{1, 1}, {1, 2}});
  CHECK(content(path) == "1-2\n");
  progress.done({{1, 3}});
  CHECK(content(path) == "1-2\n");
  progress.save();
  CHECK(content(path) == "1-3\n");
}

TEST_CASE("without a pause every progress is written") {
  const Folder folder;
  CursorCheckpoint progress(folder / "cursor", 0ms);
  progress.done({{1, 1}});
  progress.done({{1, 2}});
  CHECK(content(folder / "cursor") == "1-2\n");
}

TEST_CASE("a cursor that did not move is not written") {
  const Folder folder;
  const std::string path = folder / "cursor";
  write_file(path, "4-2\n");
  CursorCheckpoint progress(path, 1h);
  CHECK(progress.position() == EntryId{4, 2});
  std::filesystem::remove(path);
  progress.save();
  CHECK_FALSE(std::filesystem::exists(path));
  progress.done({{4, 3}});
  CHECK(content(path) == "4-3\n");
  CHECK_FALSE(progress.keep_every());
}

TEST_CASE("messages are done when the output was written, not before") {
  const Pipe pipe;
  Output output(pipe.out);
  Recorder next;
  next.on_message = [&] {
    output.buffer() += next.texts.back();
    return true;
  };
  next.on_flush = [&] { return output.flush(); };
  RecordingProgress progress;
  AfterOutput after(next, output, progress);

  CHECK(after.message("t", numbered(1)));
  CHECK(after.message("t", numbered(2)));
  CHECK(progress.calls.empty());
  CHECK(after.flush());
  CHECK(progress.calls == Calls{{{1, 1}, {1, 2}}});
  CHECK(after.flush());
  CHECK(progress.calls.size() == 1);

  next.on_message = [&] {
    output.buffer() += next.texts.back();
    return output.flush();
  };
  CHECK(after.message("t", numbered(3)));
  CHECK(progress.calls == Calls{{{1, 1}, {1, 2}}, {{1, 3}}});
}

TEST_CASE("what the output did not take is not done") {
  const Pipe pipe;
  volatile std::sig_atomic_t stopping = 1;
  Output output(pipe.out, {-1, &stopping});
  Recorder next;
  next.on_message = [&] {
    output.buffer() += std::string(1'000'000, 'x');
    return true;
  };
  next.on_flush = [&] { return output.flush(); };
  RecordingProgress progress;
  AfterOutput after(next, output, progress);
  CHECK(after.message("t", numbered(1)));
  CHECK_FALSE(after.flush());
  CHECK(progress.calls.empty());
}

TEST_CASE("AfterOutput hands on what it is told and answers what it is answered") {
  const Pipe pipe;
  const Output output(pipe.out);
  Recorder next;
  RecordingProgress progress;
  AfterOutput after(next, output, progress);
  next.on_message = [] { return false; };
  CHECK_FALSE(after.message("topic", Message{}));
  CHECK(next.topics == std::vector<std::string>{"topic"});
  CHECK(progress.calls.empty());
}
