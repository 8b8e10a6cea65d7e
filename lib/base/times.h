#pragma once

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>

namespace chat {

/// Reads `500ms`, `10s`, `5m`, `2h`, `7d`, `1w`: a whole number and a unit, or several of them, the larger
/// unit first, such as `1h30m`; a bare number is refused. Zero is allowed, more than 100 years is not. Throws
/// Error(usage) naming the value.
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

/// Reads a TIME. `now` is milliseconds since 1970. Throws Error(usage) naming the value and the most useful
/// forms. These are all of them:
/// - a DURATION ago: `10m`, `1h30m`, `1w`
/// - `HH:MM` or `HH:MM:SS`: local; the latest such moment that is not after `now`
/// - `today` or `yesterday`: its beginning here; `today 9:00`, `yesterday 14:03:27`: then, even if it is to
///   come
/// - ISO 8601: `2026-11-25`, `2026-11-25T14:03`, `…:27`, `….250`, a space for the T; then nothing for local
///   time, or `Z`, `+01:00`, `+0100` or `+01`, before which a space may stand, as dates of git and date(1)
///   have
/// - `@1795700000`, `@1795700000.5`: seconds since 1970, until the year 9999
/// A local time that a clock change repeats means the first, but for a bare `HH:MM`; one that it skips means
/// as much after the change.
TimeSpec parse_time(std::string_view text, std::chrono::milliseconds now);

/// A point in time as strftime has it, in at most 31 bytes; "?" when it can't be told.
std::string local_time(std::chrono::milliseconds since_1970, const char* format);

}  // namespace chat
