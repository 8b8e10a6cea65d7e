#include "base/output.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/error.h"

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

bool Output::flush() {
  std::size_t done = 0;
  while (done < buffer_.size()) {
    const ssize_t n = ::write(fd_, buffer_.data() + done, buffer_.size() - done);
    if (n > 0) done += static_cast<std::size_t>(n);
    const int reason = n < 0 ? errno : EINTR;  // a short write had to wait for more room
    if (done < buffer_.size() && !can_go_on(reason)) break;
  }
  buffer_.erase(0, done);
  return buffer_.empty();
}

bool Output::can_go_on(int reason) const {
  if (reason == EINTR) return !stop_.requested();
  if (reason != EAGAIN) fail(fd_, reason);
  pollfd room{fd_, POLLOUT, 0};
  return wait({&room, 1}, no_deadline, stop_) > 0;
}

bool Output::closed() const {
  pollfd fd{fd_, 0, 0};
  return ::poll(&fd, 1, 0) > 0 && (fd.revents & (POLLERR | POLLHUP)) != 0;
}

}  // namespace chat
