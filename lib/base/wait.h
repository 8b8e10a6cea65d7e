#pragma once

#include <poll.h>

#include <chrono>
#include <csignal>
#include <span>

namespace chat {

using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;
inline constexpr Deadline no_deadline = Deadline::max();

/// A clock that goes on while the machine is asleep, which Clock does not: from some moment on, never set.
std::chrono::milliseconds time_since_boot();

/// How a caller asks long-running functions to end: it sets the flag and makes the descriptor readable, or
/// a moment has come. Flag and descriptor stay the caller's. A default one never asks.
struct StopToken {
  int fd = -1;
  const volatile std::sig_atomic_t* flag = nullptr;
  Deadline until = no_deadline;
  bool late() const { return until != no_deadline && Clock::now() >= until; }
  bool requested() const { return (flag != nullptr && *flag != 0) || late(); }
};

/// Waits with poll(2) until one of `fds` is ready (their revents are set), the deadline has passed or
/// a stop is requested, which comes first. Returns how many of `fds` are ready: 0 for the
/// other two. A negative fd is ignored. Throws std::system_error when poll fails.
int wait(std::span<pollfd> fds, Deadline deadline, const StopToken& stop);

}  // namespace chat
