#include "base/output.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "base/error.h"
#include "unit/catch.h"

using chat::Output;

namespace {

struct Pipe {
  int in = -1;
  int out = -1;
  Pipe() {
    int fds[2];
    REQUIRE(pipe(fds) == 0);
    in = fds[0];
    out = fds[1];
  }
  ~Pipe() {
    close_in();
    close(out);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  void close_in() {
    if (in >= 0) close(in);
    in = -1;
  }
  std::string read(std::size_t size) const {
    std::string bytes(size, '\0');
    std::size_t done = 0;
    while (done < size) {
      const ssize_t n = ::read(in, bytes.data() + done, size - done);
      if (n <= 0) break;
      done += static_cast<std::size_t>(n);
    }
    bytes.resize(done);
    return bytes;
  }
};

std::string numbers(std::size_t size) {
  std::string text;
  for (int i = 0; text.size() < size; ++i) text += std::to_string(i) + "\n";
  text.resize(size);
  return text;
}

volatile std::sig_atomic_t stopping = 0;
int signalled = -1;

void ask_to_stop(int) { stopping = 1; }

void tell(int) {
  const ssize_t written = write(signalled, "", 1);
  static_cast<void>(written);
}

void start_timer() {
  const itimerval soon = {{0, 20000}, {0, 20000}};
  REQUIRE(setitimer(ITIMER_REAL, &soon, nullptr) == 0);
}

void stop_timer() {
  const itimerval never = {};
  REQUIRE(setitimer(ITIMER_REAL, &never, nullptr) == 0);
  signal(SIGALRM, SIG_DFL);
}

void block(int how) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGALRM);
  REQUIRE(pthread_sigmask(how, &set, nullptr) == 0);
}

void install(int signal, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  REQUIRE(sigaction(signal, &action, nullptr) == 0);
}

}  // namespace

TEST_CASE("nothing is written before a flush, and everything by it") {
  Pipe pipe;
  REQUIRE(fcntl(pipe.in, F_SETFL, O_NONBLOCK) == 0);
  Output out(pipe.out);
  out.buffer() += "one\n";
  CHECK(out.flush_if_large());
  CHECK(pipe.read(1).empty());
  CHECK(out.flush());
  CHECK(out.buffer().empty());
  CHECK(pipe.read(100) == "one\n");
  CHECK(out.flush());
  CHECK(pipe.read(1).empty());
}

TEST_CASE("64 KiB are large") {
  Pipe pipe;
  Output out(pipe.out);
  out.buffer().assign(65535, 'x');
  CHECK(out.flush_if_large());
  CHECK(out.buffer().size() == 65535);
  out.buffer() += 'y';
  CHECK(out.flush_if_large());
  CHECK(out.buffer().empty());
  CHECK(pipe.read(65536) == std::string(65535, 'x') + "y");
}

TEST_CASE("a flush writes more than the pipe holds at once") {
  for (const int flags : {0, O_NONBLOCK}) {
    Pipe pipe;
    REQUIRE(fcntl(pipe.out, F_SETFL, flags) == 0);
    const std::string text = numbers(1000000);
    std::string got;
    std::thread reader([&] { got = pipe.read(text.size()); });
    Output out(pipe.out);
    out.buffer() = text;
    const bool written = out.flush();
    reader.join();
    CHECK(written);
    CHECK(got == text);
  }
}

TEST_CASE("a stop ends a flush that can't go on, and keeps the rest") {
  Pipe pipe;
  const std::string text = numbers(1000000);
  stopping = 1;
  REQUIRE(fcntl(pipe.out, F_SETFL, O_NONBLOCK) == 0);
  Output out(pipe.out, {-1, &stopping});
  out.buffer() = text;
  CHECK(!out.flush());
  const std::string rest = out.buffer();
  REQUIRE(rest.size() < text.size());
  CHECK(pipe.read(text.size() - rest.size()) + rest == text);
  CHECK(out.flush_if_large() == false);
}

TEST_CASE("a signal that asks to stop ends a flush that blocks") {
  install(SIGALRM, ask_to_stop);
  stopping = 0;
  Pipe pipe;
  const std::string text = numbers(1000000);
  Output out(pipe.out, {-1, &stopping});
  out.buffer() = text;
  start_timer();
  CHECK(!out.flush());
  stop_timer();
  const std::string rest = out.buffer();
  REQUIRE(rest.size() < text.size());
  CHECK(pipe.read(text.size() - rest.size()) + rest == text);
}

TEST_CASE("another signal ends no flush") {
  install(SIGALRM, tell);
  Pipe pipe;
  Pipe signals;
  signalled = signals.out;
  const std::string text = numbers(1000000);
  std::string got;
  block(SIG_BLOCK);
  std::thread reader([&] {
    signals.read(3);
    got = pipe.read(text.size());
  });
  block(SIG_UNBLOCK);
  start_timer();
  Output out(pipe.out);
  out.buffer() = text;
  const bool written = out.flush();
  reader.join();
  stop_timer();
  CHECK(written);
  CHECK(got == text);
}

TEST_CASE("a full disk is an error with its reason") {
  const int fd = open("/dev/full", O_WRONLY);
  REQUIRE(fd >= 0);
  Output out(fd);
  out.buffer() = "x";
  const std::string expected =
      "can't write to file descriptor " + std::to_string(fd) + ": No space left on device";
  try {
    out.flush();
    FAIL("wrote to /dev/full");
  } catch (const chat::Error& error) {
    CHECK(error.failure() == chat::Failure::output);
    CHECK(error.what() == expected);
  }
  CHECK(!out.closed());
  close(fd);
}

TEST_CASE("a reader that has gone is no error") {
  signal(SIGPIPE, SIG_IGN);
  Pipe pipe;
  Output out(pipe.out);
  CHECK(!out.closed());
  out.buffer() = "x";
  pipe.close_in();
  CHECK(out.closed());
  CHECK_THROWS_AS(out.flush(), chat::ClosedOutput);
  signal(SIGPIPE, SIG_DFL);
}

TEST_CASE("closed sockets and terminals are told") {
  int sockets[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
  const Output socket(sockets[0]);
  CHECK(!socket.closed());
  close(sockets[1]);
  CHECK(socket.closed());
  close(sockets[0]);

  const int master = posix_openpt(O_RDWR | O_NOCTTY);
  REQUIRE(master >= 0);
  REQUIRE(grantpt(master) == 0);
  REQUIRE(unlockpt(master) == 0);
  const int terminal = open(ptsname(master), O_RDWR | O_NOCTTY);
  REQUIRE(terminal >= 0);
  const Output out(terminal);
  CHECK(!out.closed());
  close(master);
  CHECK(out.closed());
  close(terminal);
}

TEST_CASE("a deadline ends writing to a pipe that nobody reads, however it was opened") {
  int fds[2];
  REQUIRE(pipe2(fds, O_CLOEXEC) == 0);
  chat::StopToken stop;
  stop.until = chat::Clock::now() + std::chrono::milliseconds(20);
  Output out(fds[1], stop);
  out.buffer().assign(1'000'000, 'x');
  CHECK_FALSE(out.flush());
  CHECK(out.buffer().size() < 1'000'000);
  CHECK((fcntl(fds[1], F_GETFL) & O_NONBLOCK) == 0);
  close(fds[0]);
  close(fds[1]);
}

TEST_CASE("a deadline ends writing to a socket that nobody reads") {
  int fds[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
  chat::StopToken stop;
  stop.until = chat::Clock::now() + std::chrono::milliseconds(20);
  Output out(fds[1], stop);
  out.buffer().assign(10'000'000, 'x');
  CHECK_FALSE(out.flush());
  close(fds[0]);
  CHECK_THROWS_AS(out.flush(), chat::ClosedOutput);
  close(fds[1]);
}
