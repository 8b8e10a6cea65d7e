#include "base/times.h"

#include <array>
#include <charconv>
#include <ctime>
#include <optional>

#include "base/error.h"
#include "base/escape.h"

namespace chat {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t minute = 60;
constexpr std::int64_t hour = 60 * minute;
constexpr std::int64_t day = 24 * hour;

constexpr std::int64_t floor_div(std::int64_t value, std::int64_t by) {
  return value / by - (value % by < 0 ? 1 : 0);
}

// Takes exactly `count` digits from the front of `text`; nothing if they aren't there.
std::optional<int> take_digits(std::string_view& text, std::size_t count) {
  if (text.size() < count) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(0, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<milliseconds> read_duration(std::string_view text) {
  constexpr std::int64_t longest = 36525 * day * 1000;
  std::int64_t count = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, count);
  if (error != std::errc() || text.starts_with('-')) return std::nullopt;
  const std::string_view unit = text.substr(static_cast<std::size_t>(stop - text.data()));
  std::int64_t scale = 0;
  if (unit == "ms") scale = 1;
  if (unit == "s") scale = 1000;
  if (unit == "m") scale = minute * 1000;
  if (unit == "h") scale = hour * 1000;
  if (unit == "d") scale = day * 1000;
  if (scale == 0 || count > longest / scale) return std::nullopt;
  return milliseconds(count * scale);
}

// A date and time as a clock on the wall shows it, in seconds as if it were UTC.
using WallTime = std::int64_t;

// How far local time is ahead of UTC at a moment.
std::int64_t offset_at(std::int64_t utc) {
  const std::time_t moment = utc;
  std::tm local{};
  return localtime_r(&moment, &local) == nullptr ? 0 : local.tm_gmtoff;
}

// Around a clock change a wall time has two moments or none; the offsets a day before and after find both.
std::optional<std::int64_t> latest_moment(WallTime wall, std::int64_t limit) {
  std::optional<std::int64_t> latest;
  for (const std::int64_t near : {wall - day, wall + day}) {
    const std::int64_t moment = wall - offset_at(near);
    const bool exists = moment + offset_at(moment) == wall;
    if (exists && moment <= limit && (!latest || moment > *latest)) latest = moment;
  }
  return latest;
}

std::int64_t first_moment(WallTime wall) {
  const std::int64_t before = wall - offset_at(wall - day);
  const std::int64_t after = wall - offset_at(wall + day);
  return before + offset_at(before) == wall || after + offset_at(after) != wall ? before : after;
}

// HH:MM or HH:MM:SS, as seconds.
std::optional<std::int64_t> take_clock(std::string_view& text) {
  const auto hours = take_digits(text, 2);
  if (!hours || *hours > 23 || !take(text, ':')) return std::nullopt;
  const auto minutes = take_digits(text, 2);
  if (!minutes || *minutes > 59) return std::nullopt;
  std::int64_t seconds = *hours * hour + *minutes * minute;
  if (take(text, ':')) {
    const auto more = take_digits(text, 2);
    if (!more || *more > 59) return std::nullopt;
    seconds += *more;
  }
  return seconds;
}

std::optional<milliseconds> read_clock(std::string_view text, milliseconds now) {
  const auto clock = take_clock(text);
  if (!clock || !text.empty()) return std::nullopt;
  const std::int64_t limit = floor_div(now.count(), 1000);
  const std::int64_t today = floor_div(limit + offset_at(limit), day) * day;
  for (std::int64_t back = 0; back < 3; ++back) {  // yesterday's may fall into a clock change
    if (const auto found = latest_moment(today - back * day + *clock, limit))
      return milliseconds(*found * 1000);
  }
  return std::nullopt;
}

std::optional<WallTime> take_date(std::string_view& text) {
  const auto year = take_digits(text, 4);
  if (!year || !take(text, '-')) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto number = take_digits(text, 2);
  if (!number) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*number))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count() * day;
}

// What follows the '.'; digits beyond milliseconds are cut.
std::optional<std::int64_t> take_fraction(std::string_view& text) {
  std::int64_t value = 0;
  std::int64_t scale = 100;
  if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt;
  while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
    value += (text[0] - '0') * scale;
    scale /= 10;
    text.remove_prefix(1);
  }
  return value;
}

// `Z` or `+01:00`, in seconds.
std::optional<std::int64_t> take_offset(std::string_view& text) {
  if (take(text, 'Z') || take(text, 'z')) return 0;
  const std::int64_t sign = take(text, '-') ? -1 : take(text, '+') ? 1 : 0;
  const auto hours = take_digits(text, 2);
  if (sign == 0 || !hours || *hours > 23 || !take(text, ':')) return std::nullopt;
  const auto minutes = take_digits(text, 2);
  if (!minutes || *minutes > 59) return std::nullopt;
  return sign * (*hours * hour + *minutes * minute);
}

std::optional<milliseconds> read_iso(std::string_view text) {
  const auto date = take_date(text);
  if (!date) return std::nullopt;
  if (text.empty()) return milliseconds(first_moment(*date) * 1000);
  if (!take(text, 'T') && !take(text, 't') && !take(text, ' ')) return std::nullopt;
  const std::size_t before = text.size();
  const auto clock = take_clock(text);
  if (!clock) return std::nullopt;
  const bool has_seconds = before - text.size() == std::string_view("14:03:27").size();
  std::optional<std::int64_t> fraction = 0;
  if (has_seconds && take(text, '.')) fraction = take_fraction(text);
  if (!fraction) return std::nullopt;
  const WallTime wall = *date + *clock;
  if (text.empty()) return milliseconds(first_moment(wall) * 1000 + *fraction);
  const auto offset = take_offset(text);
  if (!offset || !text.empty()) return std::nullopt;
  return milliseconds((wall - *offset) * 1000 + *fraction);
}

}  // namespace

milliseconds parse_duration(std::string_view text) {
  if (const auto duration = read_duration(text)) return *duration;
  throw Error(
      Failure::usage,
      in_quotes(text) + " is no duration: write a whole number and a unit, such as 500ms, 10s, 5m, 2h or 7d");
}

TimeSpec parse_time(std::string_view text, milliseconds now) {
  if (const auto duration = read_duration(text)) return {true, *duration};
  if (const auto moment = read_clock(text, now)) return {false, *moment};
  if (const auto moment = read_iso(text)) return {false, *moment};
  throw Error(Failure::usage, in_quotes(text) +
                                  " is no time: write how long ago (10m, 2h, 7d), HH:MM, or a date such as "
                                  "2026-11-25, 2026-11-25T14:03 or 2026-11-25T14:03:27Z");
}

std::string local_time(milliseconds since_1970, const char* format) {
  const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(since_1970).count();
  std::tm local{};
  if (localtime_r(&seconds, &local) == nullptr) return "?";
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), format, &local)};
}

}  // namespace chat
