#include "process/worker.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "chat/entry_id.h"
#include "unit/failure.h"
#include "unit/folder.h"
#include "unit/recorder.h"

using namespace chat;
using namespace std::chrono_literals;

namespace {

using Calls = std::vector<std::vector<EntryId>>;

volatile std::sig_atomic_t stopping = 0;

/// A worker whose command logs its input, with a dot after each run, and fails when a line of it is "bad".
struct Bench {
  Folder folder;
  std::string log = folder / "log";
  RecordingCheckpoint checkpoint;
  CheckpointQueue queue{&checkpoint};
  Recorder notices;
  WorkerOptions options;
  std::vector<std::string> dead;

  Bench() {
    options.command = "cd '" + folder.path() + "'; tee -a log >input; echo . >>log; ! grep -qx bad input";
    options.style.form = Form::raw;
    stopping = 0;
  }
  Worker worker() {
    for (std::uint64_t n = 1; n <= 3; ++n) queue.add({1000, n});
    return Worker(options, queue, notices, {-1, &stopping});
  }
  void keep_dead_letters() {
    options.dead_letter = [this](const Message& message) { dead.push_back(message.text); };
  }
};

Message message(std::uint64_t n, const std::string& text) {
  Message result;
  result.id = EntryId{1000, n};
  result.user = "ana";
  result.text = text;
  return result;
}

}  // namespace

TEST_CASE("a message is done when the command succeeded") {
  Bench bench;
  Worker worker = bench.worker();
  CHECK(worker.message("t", message(1, "a")));
  CHECK(content(bench.log) == "a\n.\n");
  CHECK(bench.checkpoint.calls == Calls{{{1000, 1}}});
  CHECK(worker.flush());
  CHECK(content(bench.log) == "a\n.\n");
}

TEST_CASE("a batch is run when it is full, and at a pause") {
  Bench bench;
  bench.options.batch = 2;
  Worker worker = bench.worker();
  CHECK(worker.message("t", message(1, "a")));
  CHECK(content(bench.log).empty());
  CHECK(worker.message("t", message(2, "b")));
  CHECK(content(bench.log) == "a\nb\n.\n");
  CHECK(worker.message("t", message(3, "c")));
  CHECK(worker.flush());
  CHECK(content(bench.log) == "a\nb\n.\nc\n.\n");
  CHECK(bench.checkpoint.calls == Calls{{{1000, 1}, {1000, 2}}, {{1000, 3}}});
}

TEST_CASE("messages are written in the chosen style") {
  Bench bench;
  bench.options.style.form = Form::json;
  Worker worker = bench.worker();
  worker.message("t", message(1, "a"));
  CHECK(content(bench.log) ==
        R"({"topic": "t", "id": "1000-1", "user": "ana", "message": "a", "timestamp": 0})"
        "\n.\n");
}

TEST_CASE("a batch that fails is given again message by message, up to the one that fails") {
  Bench bench;
  bench.options.batch = 3;
  bench.options.retries = 1;
  Worker worker = bench.worker();
  worker.message("t", message(1, "a"));
  worker.message("t", message(2, "bad"));
  const Error error = error_of([&] { worker.message("t", message(3, "c")); });
  CHECK(error.failure() == Failure::command);
  CHECK(std::string(error.what()) ==
        "the command failed for message 1000-2 (exit status 1); it is still to be processed");
  CHECK(content(bench.log) == "a\nbad\nc\n.\na\n.\nbad\n.\nbad\n.\n");
  CHECK(bench.checkpoint.calls == Calls{{{1000, 1}}});
}

TEST_CASE("a message that keeps failing is put aside as a dead letter") {
  Bench bench;
  bench.options.batch = 3;
  bench.keep_dead_letters();
  Worker worker = bench.worker();
  worker.message("t", message(1, "a"));
  worker.message("t", message(2, "bad"));
  CHECK(worker.message("t", message(3, "c")));
  CHECK(bench.dead == std::vector<std::string>{"bad"});
  CHECK(bench.notices.warnings ==
        std::vector<std::string>{"the command failed for message 1000-2 (exit status 1): put "
                                 "aside as a dead letter"});
  CHECK(bench.checkpoint.calls == Calls{{{1000, 1}}, {{1000, 2}}, {{1000, 3}}});
  CHECK(content(bench.log) == "a\nbad\nc\n.\na\n.\nbad\n.\nc\n.\n");
}

TEST_CASE("a dead letter that could not be written is still to be processed") {
  Bench bench;
  bench.options.dead_letter = [](const Message&) { throw Error(Failure::again, "outage"); };
  Worker worker = bench.worker();
  CHECK(error_of([&] { worker.message("t", message(1, "bad")); }).failure() == Failure::again);
  CHECK(bench.checkpoint.calls.empty());
}

TEST_CASE("a retry that succeeds is enough") {
  Bench bench;
  bench.options.retries = 3;
  bench.options.command = "cd '" + bench.folder.path() + "'; cat >>log; test $(wc -l <log) = 3";
  bench.keep_dead_letters();
  Worker worker = bench.worker();
  CHECK(worker.message("t", message(1, "a")));
  CHECK(content(bench.log) == "a\na\na\n");
  CHECK(bench.checkpoint.calls == Calls{{{1000, 1}}});
  CHECK(bench.dead.empty());
}

TEST_CASE("no command is started after a stop") {
  Bench bench;
  Worker worker = bench.worker();
  stopping = 1;
  CHECK_FALSE(worker.message("t", message(1, "a")));
  CHECK_FALSE(worker.flush());
  CHECK(content(bench.log).empty());
  CHECK(bench.checkpoint.calls.empty());
}

TEST_CASE("a stop while the command runs") {
  auto* const before = signal(SIGUSR1, [](int) { stopping = 1; });
  Bench bench;
  bench.options.batch = 2;
  bench.keep_dead_letters();
  const std::string log = "cd '" + bench.folder.path() + "'; cat >>log; kill -USR1 $PPID; ";

  SECTION("is no reason to undo its success") {
    bench.options.command = log + "exit 0";
    Worker worker = bench.worker();
    worker.message("t", message(1, "a"));
    CHECK_FALSE(worker.message("t", message(2, "b")));
    CHECK(bench.checkpoint.calls == Calls{{{1000, 1}, {1000, 2}}});
  }
  SECTION("makes its failure nobody's fault") {
    bench.options.command = log + "exit 1";
    bench.options.retries = GENERATE(0U, 5U);
    bench.options.batch = GENERATE(1U, 2U);
    Worker worker = bench.worker();
    worker.message("t", message(1, "a"));
    CHECK_FALSE(worker.flush());
    CHECK(content(bench.log) == "a\n");
    CHECK(bench.checkpoint.calls.empty());
    CHECK(bench.dead.empty());
  }
  SECTION("ends the split of a batch") {
    bench.options.command = log + "exit 1";
    Worker worker = bench.worker();
    worker.message("t", message(1, "a"));
    CHECK_FALSE(worker.message("t", message(2, "b")));
    CHECK(content(bench.log) == "a\nb\n");
    CHECK(bench.checkpoint.calls.empty());
  }
  signal(SIGUSR1, before);
}

TEST_CASE("enough after so many messages, full batch or not") {
  Bench bench;
  bench.options.batch = 2;
  bench.options.count = 3;
  Worker worker = bench.worker();
  CHECK(worker.message("t", message(1, "a")));
  CHECK(worker.message("t", message(2, "b")));
  CHECK_FALSE(worker.message("t", message(3, "c")));
  CHECK(content(bench.log) == "a\nb\n.\nc\n.\n");
}

TEST_CASE("what is not part of the history is not processed") {
  Bench bench;
  Worker worker = bench.worker();
  Message plain = message(1, "a");
  plain.id.reset();
  CHECK(worker.message("t", plain));
  CHECK(worker.flush());
  CHECK(content(bench.log).empty());
}

TEST_CASE("messages are kept while their command runs") {
  Bench bench;
  const std::string path = bench.folder / "fifo";
  REQUIRE(mkfifo(path.c_str(), 0600) == 0);
  const int fifo = open(path.c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(fifo >= 0);
  bench.options.command = "timeout 20 head -n 1 '" + path + "' >/dev/null";
  bench.options.batch = 2;
  bench.checkpoint.every = 1ms;
  bench.checkpoint.on_keep = [&] {
    if (bench.checkpoint.times_kept == 2) CHECK(write(fifo, "\n", 1) == 1);
  };
  Worker worker = bench.worker();
  worker.message("t", message(1, "a"));
  CHECK(worker.message("t", message(2, "b")));
  close(fifo);
  CHECK(bench.checkpoint.times_kept >= 2);
  CHECK(bench.checkpoint.calls.size() == 1);
}

#ifndef __SANITIZE_ADDRESS__  // the sanitizers need descriptors themselves
namespace {

/// Gives descriptors back when it hears that there are none.
struct Mending : Recorder {
  rlimit before{};
  void take() {
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    const rlimit none{0, before.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
  }
  void warn(const std::string& text) override {
    setrlimit(RLIMIT_NOFILE, &before);
    Recorder::warn(text);
  }
};

}  // namespace

TEST_CASE("a command that can't be started is tried again") {
  Bench bench;
  bench.queue.add({1000, 1});
  Mending notices;
  Worker worker(bench.options, bench.queue, notices, {-1, &stopping});
  notices.take();
  CHECK(worker.message("t", message(1, "a")));
  REQUIRE(notices.warnings.size() == 1);
  CHECK(notices.warnings[0].starts_with("can't start the command ("));
  CHECK(content(bench.log) == "a\n.\n");
  CHECK(bench.checkpoint.calls == Calls{{{1000, 1}}});
}
#endif
