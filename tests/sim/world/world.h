#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "sim/random.h"

namespace sim {

/// Nanoseconds since a schedule began.
using Time = std::int64_t;
inline constexpr Time microsecond = 1'000;
inline constexpr Time millisecond = 1'000 * microsecond;
inline constexpr Time second = 1'000 * millisecond;
inline constexpr Time never = std::numeric_limits<Time>::max();

/// 1970 in the schedule's time: when it begins, by a clock that is right.
inline constexpr std::int64_t epoch_ms = 1'732'400'000'000;

/// Something that can't be has happened: the schedule has failed.
struct Violation {
  std::string text;
};

/// Virtual time, and what is to happen when: the one source of order and of chance in a schedule. Nothing
/// else may depend on anything but the seed: no pointers' order, no real clock.
class World {
 public:
  explicit World(std::uint64_t seed, bool tracing = false) : random(seed), tracing_(tracing) {}

  Random random;

  Time now() const { return now_; }
  /// Calls `what` when the time has come; of one time, in the order of the calls.
  void at(Time when, std::function<void()> what);
  void after(Time delay, std::function<void()> what) { at(now_ + delay, std::move(what)); }
  /// Lets everything happen up to a time.
  void run_until(Time end);
  /// The same, but no longer than `done` is false. Returns whether it is true.
  bool run_until(Time end, const std::function<bool()>& done);

  /// From low to high. Short ones are as likely as long ones: each order of magnitude has its share.
  Time some_time(Time low, Time high);
  /// On average once in this.
  bool once_in(std::uint64_t times) { return times != 0 && random.below(times) == 0; }

  /// Tells a person what happens, and adds to the digest by which two runs are compared.
  bool tracing() const { return tracing_; }
  void trace(std::string_view who, std::string_view what);
  void note(std::uint64_t value) { digest_ = (digest_ ^ value) * 0x100000001b3U; }
  std::uint64_t digest() const { return digest_; }
  std::uint64_t events() const { return done_; }

 private:
  struct Event {
    Time when;
    std::uint64_t number;
    std::function<void()> what;
  };
  static bool later(const Event& a, const Event& b) {
    return a.when != b.when ? a.when > b.when : a.number > b.number;
  }

  bool tracing_;
  Time now_ = 0;
  std::vector<Event> events_;  // a heap
  std::uint64_t last_number_ = 0;
  std::uint64_t done_ = 0;
  std::uint64_t digest_ = 0xcbf29ce484222325U;
};

}  // namespace sim
