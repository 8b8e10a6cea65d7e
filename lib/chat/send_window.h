#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/wait.h"

namespace chat {

/// How much may be under way to a server: enough what it answers in the time of the way there and back. So
/// the way is never empty, however long it is, and no more waits at its end than has to. Grows from little,
/// as answers come.
class SendWindow {
 public:
  /// kept: what is under way is in memory until it is answered.
  explicit SendWindow(bool kept = true)
      : most_batches_(kept ? 8 : 1024), most_bytes_(kept ? 1U << 20U : 1U << 23U), limit_(4 * most_bytes_) {}

  /// When something was sent, and how much was answered until then.
  struct Mark {
    Deadline at;
    std::uint64_t batches = 0;
    std::uint64_t bytes = 0;
  };
  Mark mark() const { return {Clock::now(), batches_, bytes_}; }

  /// A batch of so many bytes was answered, which was sent at that mark.
  void answered(const Mark& sent, std::size_t bytes) {
    const Clock::duration took =
        std::max<Clock::duration>(Clock::now() - sent.at, std::chrono::microseconds(1));
    shortest_ = std::min(shortest_, took);
    bytes_ += bytes;
    ++batches_;
    // Waiting in a queue makes no way longer.
    const auto enough = [&](std::uint64_t count) {
      return static_cast<std::size_t>(
          3 * static_cast<double>(count) *
          (static_cast<double>(shortest_.count()) / static_cast<double>(took.count())));
    };
    most_batches_ = std::max(most_batches_, enough(batches_ - sent.batches));
    most_bytes_ = std::clamp(enough(bytes_ - sent.bytes), most_bytes_, limit_);
  }

  bool full(std::size_t batches, std::size_t bytes) const {
    return batches >= most_batches_ || bytes >= most_bytes_;
  }

 private:
  std::uint64_t batches_ = 0;
  std::uint64_t bytes_ = 0;
  Clock::duration shortest_ = Clock::duration::max();
  std::size_t most_batches_;
  std::size_t most_bytes_;
  std::size_t limit_;
};

}  // namespace chat
