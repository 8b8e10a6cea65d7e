#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/wait.h"

namespace chat {

/// Buffered writing to a file descriptor that others own, such as stdout. Its end does not flush.
class Output {
 public:
  explicit Output(int fd, StopToken stop = {});
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  /// Where to append data. Nothing is written before a flush.
  std::string& buffer() { return buffer_; }
  const std::string& buffer() const { return buffer_; }

  /// Writes the whole buffer. Returns false when a stop was requested while the descriptor took nothing;
  /// what was not written stays in the buffer. Throws ClosedOutput on EPIPE, else Error(output) with
  /// the system's reason.
  bool flush();

  /// flush() once 64 KiB have come together, so that memory stays bounded.
  bool flush_if_large() { return buffer_.size() < large_ || flush(); }

  /// Calls work every so often while the descriptor takes nothing.
  void while_blocked(std::chrono::milliseconds every, std::function<void()> work);

  /// Whether the other end is gone (POLLERR of a pipe), told without writing anything.
  bool closed() const;

  int fd() const { return fd_; }

 private:
  enum class Way : std::uint8_t { plain, socket, small_pieces };

  ssize_t write_some(const char* data, std::size_t size) const;
  bool can_go_on(int reason) const;  // after a write that failed or stopped short

  static constexpr std::size_t large_ = std::size_t{64} * 1024;
  int fd_;
  int own_fd_ = -1;  // the same file, opened again so that writing to it doesn't block
  Way way_ = Way::plain;
  StopToken stop_;
  std::optional<std::chrono::milliseconds> every_;
  std::function<void()> while_blocked_;
  std::string buffer_;
};

}  // namespace chat
