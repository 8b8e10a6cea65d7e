#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace chat {

/// Reads `500ms`, `10s`, `5m`, `2h`, `7d`: a whole number and a unit; a bare number is refused. Zero is
/// allowed, more than 100 years is not. Throws Error(usage) naming the value.
std::chrono::milliseconds parse_duration(std::string_view text);

/// A point in time as a user gives it.
struct TimeSpec {
  bool ago = false;  ///< `when` is how long before Redis's now; else since 1970
  std::chrono::milliseconds when{};
  /// Never before 1970: entry IDs begin there.
  std::chrono::milliseconds at(std::chrono::milliseconds server_now) const {
    return std::max(std::chrono::milliseconds{0}, ago ? server_now - when : when);
  }
};

/// Reads a TIME: a DURATION ago, `HH:MM` or `HH:MM:SS` (local; the latest such moment that is not after
/// `now`), or ISO 8601 (`2026-11-25`, `2026-11-25T14:03`, `…:27`, `….250`, a space for the T, then nothing
/// for local time, `Z` or `+01:00`). A local time that a clock change repeats means the first in ISO 8601;
/// one that it skips means as much after the change. `now` is milliseconds since 1970. Throws Error(usage)
/// naming the value and the forms.
TimeSpec parse_time(std::string_view text, std::chrono::milliseconds now);

/// A point in time as strftime has it, in at most 31 bytes; "?" when it can't be told.
std::string local_time(std::chrono::milliseconds since_1970, const char* format);

}  // namespace chat
