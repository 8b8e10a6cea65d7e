#pragma once

#include <cstddef>
#include <string>

#include "base/error.h"
#include "base/wait.h"

namespace chat {

/// Buffered writing to a file descriptor that others own, such as stdout. Its end does not flush.
class Output {
 public:
  explicit Output(int fd, StopToken stop = {}) : fd_(fd), stop_(stop) {}

  /// Where to append data. Nothing is written before a flush.
  std::string& buffer() { return buffer_; }
  const std::string& buffer() const { return buffer_; }

  /// Writes the whole buffer. Returns false when a stop was requested while the descriptor took nothing;
  /// what was not written stays in the buffer. Throws ClosedOutput on EPIPE, else Error(output) with
  /// the system's reason.
  bool flush();

  /// flush() once 64 KiB have come together, so that memory stays bounded.
  bool flush_if_large() { return buffer_.size() < large_ || flush(); }

  /// Whether the other end is gone (POLLERR of a pipe), told without writing anything.
  bool closed() const;

  int fd() const { return fd_; }

 private:
  bool can_go_on(int reason) const;  // after a write that failed or stopped short

  static constexpr std::size_t large_ = std::size_t{64} * 1024;
  int fd_;
  StopToken stop_;
  std::string buffer_;
};

}  // namespace chat
