// far MILLISECONDS LISTEN TARGET: a proxy between two Unix sockets that makes the way long: what comes in is
// passed on so much later, in each direction, and as fast as it came. To connect takes the way there and
// back, as with TCP: so much later goes what a client says first. Writes a line when it listens. Ends at
// SIGTERM, and when its parent is gone.

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "raw.h"

namespace {

using Clock = std::chrono::steady_clock;

/// What is on its way in one direction.
class Way {
 public:
  Way(int from, int to, std::shared_ptr<void> both, Clock::duration delay)
      : from_(from), to_(to), both_(std::move(both)), delay_(delay) {}

  void connect_first() { earliest_ = Clock::now() + 3 * delay_; }

  void take_in() {
    constexpr std::size_t piece = 256 * 1024;
    while (true) {
      std::string bytes(piece, '\0');
      const ssize_t count = read(from_, bytes.data(), bytes.size());
      bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
      const bool end = bytes.empty();
      {
        const std::lock_guard lock(mutex_);
        queue_.push_back({std::max(Clock::now() + delay_, earliest_), std::move(bytes)});
      }
      changed_.notify_one();
      if (end) return;
    }
  }

  void pass_on() {
    while (true) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return !queue_.empty(); });
      const auto [due, bytes] = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      std::this_thread::sleep_until(due);
      if (bytes.empty()) break;
      for (std::size_t sent = 0; sent < bytes.size();) {
        const ssize_t count = send(to_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (count < 0) return static_cast<void>(shutdown(from_, SHUT_RDWR));
        sent += static_cast<std::size_t>(count);
      }
    }
    shutdown(to_, SHUT_WR);
  }

 private:
  struct Bytes {
    Clock::time_point due;
    std::string bytes;
  };

  int from_;
  int to_;
  std::shared_ptr<void> both_;  // sockets, closed when both ways have ended
  Clock::duration delay_;
  Clock::time_point earliest_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Bytes> queue_;
};

int open_socket(const char* path, int (*use)(int, const sockaddr*, socklen_t)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || use(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    std::perror(path);
    std::exit(1);
  }
  return fd;
}

void start(int client, int server, Clock::duration delay) {
  const std::shared_ptr<void> both(nullptr, [client, server](void*) {
    close(client);
    close(server);
  });
  for (const auto& [from, to] : {std::pair(client, server), std::pair(server, client)}) {
    const auto way = std::make_shared<Way>(from, to, both, delay);
    if (from == client) way->connect_first();
    std::thread([way] { way->take_in(); }).detach();
    std::thread([way] { way->pass_on(); }).detach();
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) raw::fail("far MILLISECONDS LISTEN TARGET");
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_TIMERSLACK, 1);
  const auto delay = std::chrono::duration_cast<Clock::duration>(
      std::chrono::duration<double, std::milli>(std::atof(argv[1])));
  const int listener = open_socket(argv[2], bind);
  if (listen(listener, 1024) != 0) raw::fail(std::strerror(errno));
  std::puts("ready");
  std::fflush(stdout);
  while (true) {
    const int client = accept(listener, nullptr, nullptr);
    if (client >= 0) start(client, open_socket(argv[3], connect), delay);
  }
}
