#include "base/output.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

namespace chat {
namespace {

std::string name_of(int fd) {
  if (fd == STDOUT_FILENO) return "standard output";
  if (fd == STDERR_FILENO) return "standard error";
  return "file descriptor " + std::to_string(fd);
}

[[noreturn]] void fail(int fd, int reason) {
  if (reason == EPIPE) throw ClosedOutput();
  throw Error(Failure::output,
              "can't write to " + name_of(fd) + ": " + std::generic_category().message(reason));
}

}  // namespace

// A write that blocks hears of no deadline. The descriptor itself can't be told not to block: other programs
// have it too.
Output::Output(int fd, StopToken stop) : fd_(fd), stop_(stop) {
  buffer_.reserve(large_);  // growing it would touch twice the memory
  const bool may_stop = stop.fd >= 0 || stop.flag != nullptr || stop.until != no_deadline;
  struct stat about {};
  if (!may_stop || fstat(fd, &about) != 0 || (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0) return;
  if (S_ISSOCK(about.st_mode)) {
    way_ = Way::socket;
  } else if (S_ISFIFO(about.st_mode) || isatty(fd) == 1) {
    const std::string self = "/proc/self/fd/" + std::to_string(fd);
    own_fd_ = open(self.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (own_fd_ < 0) way_ = Way::small_pieces;
  }
}

Output::~Output() {
  if (own_fd_ >= 0) close(own_fd_);
}

void Output::while_blocked(std::chrono::milliseconds every, std::function<void()> work) {
  every_ = every;
  while_blocked_ = std::move(work);
}

bool Output::flush() {
  std::size_t done = 0;
  while (done < buffer_.size()) {
    const ssize_t n = write_some(buffer_.data() + done, buffer_.size() - done);
    if (n > 0) done += static_cast<std::size_t>(n);
    const int reason = n < 0 ? errno : EINTR;  // a short write had to wait for more room
    if (done < buffer_.size() && !can_go_on(reason)) break;
  }
  buffer_.erase(0, done);
  return buffer_.empty();
}

ssize_t Output::write_some(const char* data, std::size_t size) const {
  if (way_ == Way::socket) return ::send(fd_, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (way_ == Way::small_pieces) {
    // Where poll(2) tells of room in a pipe there is so much (pipe(7)).
    pollfd room{fd_, POLLOUT, 0};
    if (::poll(&room, 1, 0) == 0) {
      errno = EAGAIN;
      return -1;
    }
    size = std::min<std::size_t>(size, PIPE_BUF);
  }
  return ::write(own_fd_ >= 0 ? own_fd_ : fd_, data, size);
}

bool Output::can_go_on(int reason) const {
  if (reason == EINTR) return !stop_.requested();
  if (reason != EAGAIN) fail(fd_, reason);
  pollfd room{fd_, POLLOUT, 0};
  while (wait({&room, 1}, every_ ? Clock::now() + *every_ : no_deadline, stop_) == 0) {
    if (stop_.requested() || !every_) return false;
    while_blocked_();
  }
  return true;
}

bool Output::closed() const {
  pollfd fd{fd_, 0, 0};
  return ::poll(&fd, 1, 0) > 0 && (fd.revents & (POLLERR | POLLHUP)) != 0;
}

}  // namespace chat
