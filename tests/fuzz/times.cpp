// Times and durations, beside the calendar of the standard library.
#include "base/times.h"

#include <array>
#include <cstdlib>
#include <ctime>

#include "base/error.h"
#include "fuzz/target.h"

namespace {

using namespace chat;
using std::chrono::milliseconds;

constexpr std::array zones = {"UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns",
                              "Australia/Lord_Howe"};

void use_zone(std::size_t which) {
  static std::size_t now = zones.size();
  if (std::exchange(now, which) == which) return;
  setenv("TZ", zones[which], 1);
  tzset();
}

// As ISO 8601, with the offset of the zone.
std::string iso(std::int64_t seconds) {
  const std::time_t moment = seconds;
  std::tm local{};
  localtime_r(&moment, &local);
  std::array<char, 40> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S%z", &local)};
}

void try_time(std::string_view input) {
  fuzz::Input pieces(input);
  use_zone(pieces.up_to(zones.size() - 1));
  constexpr std::int64_t year_9999 = 253370764800;
  const auto now = static_cast<std::int64_t>(pieces.number() % year_9999);
  // Offsets had seconds before 1972, which ISO 8601 has none for.
  if (now > 63072000) {
    fuzz::check(parse_time(iso(now), milliseconds(0)).when == milliseconds(now * 1000), "a moment comes back",
                iso(now));
  }
  const std::string_view text = pieces.rest();
  try {
    const TimeSpec time = parse_time(text, milliseconds(now * 1000));
    const milliseconds at = time.at(milliseconds(now * 1000));
    fuzz::check(at.count() >= 0, "not before 1970", text);
    fuzz::check(at.count() < 253402300800000 + 86400000, "not after 9999", text);
    const bool clock = text.find(':') <= 2 && text.find('-') == text.npos;
    if (clock) fuzz::check(time.when.count() <= now * 1000, "a clock's time is not to come", text);
    fuzz::check(fuzz::harmless(local_time(at, "%F %T")), "and can be told", text);
  } catch (const Error& error) {
    fuzz::check(error.failure() == Failure::usage, "a bad time is a usage error", error.what());
    fuzz::check(fuzz::harmless(error.what()), "its text is plain", error.what());
  }
  try {
    const milliseconds duration = parse_duration(text);
    fuzz::check(duration.count() >= 0 && duration <= std::chrono::hours(24 * 36525), "at most 100 years",
                text);
    const auto ms = std::to_string(duration.count() % 1000) + "ms";
    fuzz::check(parse_duration(std::to_string(duration.count() / 1000) + "s" + ms) == duration, "comes back",
                text);
  } catch (const Error& error) {
    fuzz::check(error.failure() == Failure::usage, "a bad duration is a usage error", error.what());
  }
}

const fuzz::Target target("times", &try_time);

}  // namespace
