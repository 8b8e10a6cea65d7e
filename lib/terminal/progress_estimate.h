#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/wait.h"

namespace chat {

/// How far a long run has come.
struct Reached {
  std::uint64_t messages = 0;
  std::optional<double> part;  ///< 0 to 1; nothing when the end isn't known
  bool held_up = false;        ///< its reader took nothing for a while
};

/// Tells people how far a run has come, with its rate and the time left.
class ProgressEstimate {
 public:
  explicit ProgressEstimate(Clock::time_point begin) : begin_(begin) {}

  /// `12,345 messages  4,115/s  43 %  0:35 left`, with as long a bar as fits into `columns`, if one does; 0:
  /// none.
  std::string line(const Reached& reached, Clock::time_point now, std::size_t columns) const;

  /// `12,345 messages in 3.0 s, 4,115/s`
  std::string summary(const Reached& reached, Clock::time_point now) const;

 private:
  double seconds(Clock::time_point now) const;
  std::uint64_t rate(const Reached& reached, Clock::time_point now) const;

  Clock::time_point begin_;
};

}  // namespace chat
