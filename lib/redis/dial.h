#pragma once

#include <cstddef>
#include <utility>

#include "base/wait.h"
#include "redis/endpoint.h"

namespace chat {

/// A socket that is closed at the end.
class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(other.release()) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  Socket& operator=(Socket&&) = delete;
  ~Socket();
  int get() const { return fd_; }
  /// The caller closes it from now on.
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

/// So much of the time that is left as one of `parts` may take.
Deadline share_of(Deadline deadline, std::size_t parts);

/// Connects to the endpoint's Unix socket, or to one address of its host after the other, each with its share
/// of the time. The socket doesn't block. A name is looked up in a thread: getaddrinfo knows no deadline, so
/// it is left behind when time is up. Throws Outage that tells why there is no connection, Stopped.
Socket dial(const Endpoint& endpoint, Deadline deadline, const StopToken& stop);

}  // namespace chat
