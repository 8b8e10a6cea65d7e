#include "base/times.h"

#include <array>
#include <charconv>
#include <ctime>
#include <optional>

#include "base/error.h"
#include "base/escape.h"
#include "base/numbers.h"

namespace chat {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t minute = 60;
constexpr std::int64_t hour = 60 * minute;
constexpr std::int64_t day = 24 * hour;

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

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes as many digits as there are, at least one; nothing when they are none or too large.
std::optional<std::int64_t> take_number(std::string_view& text) {
  std::int64_t number = 0;
  if (text.empty() || !is_digit(text[0])) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

std::optional<milliseconds> read_duration(std::string_view text) {
  struct Unit {
    std::string_view name;
    std::int64_t milliseconds;
  };
  constexpr std::array<Unit, 6> units = {{{"w", 7 * day * 1000},
                                          {"d", day * 1000},
                                          {"h", hour * 1000},
                                          {"m", minute * 1000},
                                          {"s", 1000},
                                          {"ms", 1}}};
  constexpr std::int64_t longest = 36525 * day * 1000;
  if (text.empty()) return std::nullopt;
  std::int64_t sum = 0;
  for (std::size_t next = 0; !text.empty();) {
    const auto count = take_number(text);
    const std::string_view name = text.substr(0, std::ranges::find_if(text, is_digit) - text.begin());
    while (next < units.size() && units[next].name != name) ++next;
    if (!count || next == units.size() || *count > longest / units[next].milliseconds) return std::nullopt;
    sum += *count * units[next].milliseconds;
    if (sum > longest) return std::nullopt;
    text.remove_prefix(name.size());
    ++next;
  }
  return milliseconds(sum);
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

// The local day of a moment.
std::int64_t day_of(milliseconds moment) {
  const std::int64_t utc = floor_div(moment.count(), 1000);
  return floor_div(utc + offset_at(utc), day);
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
  const std::int64_t today = day_of(now) * day;
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
  if (text.empty() || !is_digit(text[0])) return std::nullopt;
  while (!text.empty() && is_digit(text[0])) {
    value += (text[0] - '0') * scale;
    scale /= 10;
    text.remove_prefix(1);
  }
  return value;
}

// `Z`, `+01:00`, `+0100` or `+01`, in seconds.
std::optional<std::int64_t> take_offset(std::string_view& text) {
  if (take(text, 'Z') || take(text, 'z')) return 0;
  const std::int64_t sign = take(text, '-') ? -1 : take(text, '+') ? 1 : 0;
  const auto hours = take_digits(text, 2);
  if (sign == 0 || !hours || *hours > 23) return std::nullopt;
  if (text.empty()) return sign * *hours * hour;
  take(text, ':');
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
  take(text, ' ');
  const auto offset = take_offset(text);
  if (!offset || !text.empty()) return std::nullopt;
  return milliseconds((wall - *offset) * 1000 + *fraction);
}

// `today` or `yesterday`, and perhaps a clock time, whose hour may be of one digit.
std::optional<milliseconds> read_day(std::string_view text, milliseconds now) {
  const std::string_view name = text.substr(0, text.find(' '));
  if (name != "today" && name != "yesterday") return std::nullopt;
  const WallTime midnight = (day_of(now) - (name == "yesterday" ? 1 : 0)) * day;
  if (name.size() == text.size()) return milliseconds(first_moment(midnight) * 1000);
  const std::string clock_text =
      (text.find(':') == name.size() + 2 ? "0" : "") + std::string(text.substr(name.size() + 1));
  std::string_view rest = clock_text;
  const auto clock = take_clock(rest);
  if (!clock || !rest.empty()) return std::nullopt;
  return milliseconds(first_moment(midnight + *clock) * 1000);
}

// `@` and seconds since 1970.
std::optional<milliseconds> read_seconds(std::string_view text) {
  constexpr std::int64_t year_10000 = 253402300800;
  if (!take(text, '@')) return std::nullopt;
  const auto seconds = take_number(text);
  if (!seconds || *seconds >= year_10000) return std::nullopt;
  std::optional<std::int64_t> fraction = 0;
  if (take(text, '.')) fraction = take_fraction(text);
  if (!fraction || !text.empty()) return std::nullopt;
  return milliseconds(*seconds * 1000 + *fraction);
}

}  // namespace

milliseconds parse_duration(std::string_view text) {
  if (const auto duration = read_duration(text)) return *duration;
  throw Error(
      Failure::usage,
      in_quotes(text) +
          " is no duration: write a whole number and a unit, such as 500ms, 10s, 5m, 1h30m, 7d or 1w");
}

TimeSpec parse_time(std::string_view text, milliseconds now) {
  if (const auto duration = read_duration(text)) return {true, *duration};
  if (const auto moment = read_clock(text, now)) return {false, *moment};
  if (const auto moment = read_day(text, now)) return {false, *moment};
  if (const auto moment = read_iso(text)) return {false, *moment};
  if (const auto moment = read_seconds(text)) return {false, *moment};
  throw Error(Failure::usage,
              in_quotes(text) +
                  " is no time: write how long ago (10m, 1h30m, 7d), HH:MM, today, \"yesterday "
                  "9:00\", a date such as 2026-11-25, 2026-11-25T14:03 or "
                  "2026-11-25T14:03:27Z, or @ and seconds since 1970");
}

std::string local_time(milliseconds since_1970, const char* format) {
  const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(since_1970).count();
  std::tm local{};
  if (localtime_r(&seconds, &local) == nullptr) return "?";
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), format, &local)};
}

}  // namespace chat
