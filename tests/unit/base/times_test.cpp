#include "base/times.h"

#include <cstdint>
#include <string>

#include "base/error.h"
#include "unit/catch.h"
#include "unit/zone.h"

using namespace chat;
using std::chrono::milliseconds;

namespace {

constexpr std::int64_t nov_25 = 1795564800;  // 2026-11-25T00:00:00Z

std::string refused_duration(std::string_view text) {
  try {
    parse_duration(text);
  } catch (const Error& error) {
    CHECK(error.failure() == Failure::usage);
    return error.what();
  }
  return "accepted";
}

// The moment in milliseconds since 1970; -1 when refused.
std::int64_t moment(std::string_view text, std::int64_t now = nov_25 * 1000) {
  try {
    const TimeSpec spec = parse_time(text, milliseconds(now));
    CHECK_FALSE(spec.ago);
    return spec.when.count();
  } catch (const Error& error) {
    CHECK(error.failure() == Failure::usage);
    return -1;
  }
}

}  // namespace

TEST_CASE("durations") {
  CHECK(parse_duration("500ms") == milliseconds(500));
  CHECK(parse_duration("10s") == milliseconds(10000));
  CHECK(parse_duration("5m") == milliseconds(300000));
  CHECK(parse_duration("2h") == milliseconds(7200000));
  CHECK(parse_duration("7d") == milliseconds(604800000));
  CHECK(parse_duration("0s") == milliseconds(0));
  CHECK(parse_duration("007s") == milliseconds(7000));
  CHECK(parse_duration("36525d") == milliseconds(36525LL * 86400000));
  CHECK(parse_duration("1w") == milliseconds(604800000));
  CHECK(parse_duration("1h30m") == milliseconds(5400000));
  CHECK(parse_duration("1w2d3h4m5s6ms") == milliseconds(788645006));
  CHECK(parse_duration("1m500ms") == milliseconds(60500));
  for (const char* text : {"",
                           "5",
                           "s",
                           "ms",
                           "-5s",
                           "+5s",
                           " 5s",
                           "5s ",
                           "5 s",
                           "1.5h",
                           "5S",
                           "5sec",
                           "w",
                           "1h30",
                           "30m1h",
                           "1h1h",
                           "1h 30m",
                           "1h-30m",
                           "1m5mss",
                           "36526d",
                           "5218w",
                           "36525d1ms",
                           "9223372036854775807d",
                           "9223372036854775808ms",
                           "0x5s"}) {
    INFO(text);
    CHECK(refused_duration(text).starts_with('"' + std::string(text) + "\" is no duration"));
  }
}

TEST_CASE("a time ago is counted from the server's clock") {
  const TimeSpec spec = parse_time("10m", milliseconds(0));
  CHECK(spec.ago);
  CHECK(spec.at(milliseconds(1000000)) == milliseconds(400000));
  CHECK(spec.at(milliseconds(1000)) == milliseconds(0));
  CHECK(parse_time("1970-01-01T00:00:01Z", milliseconds(0)).at(milliseconds(5)) == milliseconds(1000));
  CHECK(parse_time("1969-12-31T00:00:00Z", milliseconds(0)).at(milliseconds(5)) == milliseconds(0));
}

TEST_CASE("HH:MM is the latest such moment that is not after now") {
  const Zone zone("UTC0");
  const std::int64_t now = (nov_25 + 14 * 3600 + 3 * 60 + 27) * 1000;
  CHECK(moment("14:03", now) == (nov_25 + 14 * 3600 + 3 * 60) * 1000);
  CHECK(moment("14:03:27", now) == now);
  CHECK(moment("14:03:27", now + 999) == now);
  CHECK(moment("14:03:28", now) == now + 1000 - 86400000);
  CHECK(moment("14:04", now) == (nov_25 - 86400 + 14 * 3600 + 4 * 60) * 1000);
  CHECK(moment("00:00", now) == nov_25 * 1000);
  CHECK(moment("23:59:59", now) == (nov_25 - 1) * 1000);
  CHECK(moment("00:00", nov_25 * 1000) == nov_25 * 1000);
  CHECK(moment("00:00", nov_25 * 1000 - 1) == (nov_25 - 86400) * 1000);
}

TEST_CASE("HH:MM is local time, also over midnight of UTC") {
  const Zone zone(berlin);
  const std::int64_t half_past_midnight = nov_25 - 1800;  // 00:30 on the 25th in Berlin
  CHECK(moment("00:15", half_past_midnight * 1000) == (nov_25 - 2700) * 1000);
  CHECK(moment("00:45", half_past_midnight * 1000) == (nov_25 - 900 - 86400) * 1000);
}

TEST_CASE("HH:MM on the days of a clock change") {
  const Zone zone(berlin);
  const std::int64_t spring = 1774746000;  // 2026-03-29T01:00:00Z, 02:00 becomes 03:00
  CHECK(moment("03:00", spring * 1000) == spring * 1000);
  CHECK(moment("01:59", spring * 1000) == (spring - 60) * 1000);
  CHECK(moment("02:30", spring * 1000) == (spring - 86400 + 1800) * 1000);  // not today: yesterday's
  const std::int64_t autumn = 1792890000;  // 2026-10-25T01:00:00Z, 03:00 becomes 02:00
  CHECK(moment("02:30", (autumn + 3600) * 1000) == (autumn + 1800) * 1000);  // the second
  CHECK(moment("02:30", autumn * 1000) == (autumn - 1800) * 1000);           // the first
  CHECK(moment("02:30", (autumn + 1799) * 1000) == (autumn - 1800) * 1000);
  CHECK(moment("02:30", (autumn - 1801) * 1000) == (autumn - 1800 - 86400) * 1000);
}

TEST_CASE("ISO 8601 with an offset") {
  const Zone zone(berlin);
  const std::int64_t when = nov_25 + 14 * 3600 + 3 * 60;
  CHECK(moment("2026-11-25T14:03Z") == when * 1000);
  CHECK(moment("2026-11-25T14:03:27Z") == (when + 27) * 1000);
  CHECK(moment("2026-11-25t14:03:27z") == (when + 27) * 1000);
  CHECK(moment("2026-11-25 14:03:27.25Z") == (when + 27) * 1000 + 250);
  CHECK(moment("2026-11-25T14:03:27.1239999999999999999999Z") == (when + 27) * 1000 + 123);
  CHECK(moment("2026-11-25T15:03:27+01:00") == (when + 27) * 1000);
  CHECK(moment("2026-11-25T08:33:27-05:30") == (when + 27) * 1000);
  CHECK(moment("2024-02-29T00:00Z") == 1709164800000);
  CHECK(moment("9999-12-31T23:59:59Z") == 253402300799000);
}

TEST_CASE("ISO 8601 in local time") {
  const Zone zone(berlin);
  CHECK(moment("2026-11-25") == (nov_25 - 3600) * 1000);
  CHECK(moment("2026-11-25T14:03") == (nov_25 + 13 * 3600 + 180) * 1000);
  CHECK(moment("2026-07-01 14:03:27.5") == 1782907407500);
  CHECK(moment("2026-10-25T02:30") == (1792890000 - 1800) * 1000LL);  // the first of two
  CHECK(moment("2026-03-29T02:30") == (1774746000 + 1800) * 1000LL);  // skipped: 03:30
  CHECK(moment("2026-03-29T03:00") == 1774746000 * 1000LL);
  CHECK(moment("2026-03-29T01:59:59") == 1774745999 * 1000LL);
}

TEST_CASE("offsets as tools write them") {
  const Zone zone(berlin);
  const std::int64_t when = (nov_25 + 14 * 3600 + 3 * 60) * 1000;
  for (const char* text : {"2026-11-25T16:03+0200", "2026-11-25T16:03+02", "2026-11-25 16:03:00 +0200",
                           "2026-11-25 09:33:00.000 -0430", "2026-11-25T14:03 Z"}) {
    INFO(text);
    CHECK(moment(text) == when);
  }
}

TEST_CASE("days by their names") {
  const Zone zone(berlin);
  const std::int64_t now = (nov_25 - 1800) * 1000;  // 00:30 on the 25th in Berlin
  const std::int64_t midnight = (nov_25 - 3600) * 1000;
  CHECK(moment("today", now) == midnight);
  CHECK(moment("yesterday", now) == midnight - 86400000);
  CHECK(moment("today 9:00", now) == midnight + 9 * 3600000);
  CHECK(moment("today 09:00", now) == midnight + 9 * 3600000);
  CHECK(moment("today 00:00:01", now) == midnight + 1000);
  CHECK(moment("yesterday 23:59:59", now) == midnight - 1000);
  CHECK(moment("today", midnight - 1) == midnight - 86400000);
}

TEST_CASE("days by their names around a clock change") {
  const Zone zone(berlin);
  const std::int64_t spring = 1774746000;  // 2026-03-29T01:00:00Z, 02:00 becomes 03:00
  const std::int64_t noon = (spring + 9 * 3600) * 1000;
  CHECK(moment("today", noon) == (spring - 7200) * 1000);
  CHECK(moment("today 2:30", noon) == (spring + 1800) * 1000);  // skipped: 03:30
  CHECK(moment("yesterday", noon) == (spring - 7200 - 86400) * 1000);
  CHECK(moment("yesterday", noon + 86400000) == (spring - 7200) * 1000);  // a day of 23 hours
  const std::int64_t autumn = 1792890000;  // 2026-10-25T01:00:00Z, 03:00 becomes 02:00
  CHECK(moment("today 2:30", (autumn + 7200) * 1000) == (autumn - 1800) * 1000);  // the first of two
  CHECK(moment("yesterday", (autumn + 24 * 3600) * 1000) == (autumn - 3 * 3600) * 1000);
  const Zone west("NST3:30NDT,M3.2.0/0:01,M11.1.0/0:01");
  CHECK(moment("today", nov_25 * 1000) == (nov_25 - 86400 + 12600) * 1000);
}

TEST_CASE("seconds since 1970") {
  CHECK(moment("@1795700000") == 1795700000000);
  CHECK(moment("@1795700000.5") == 1795700000500);
  CHECK(moment("@1795700000.1239999") == 1795700000123);
  CHECK(moment("@0") == 0);
  CHECK(moment("@253402300799.999") == 253402300799999);
}

TEST_CASE("what is no time") {
  for (const char* text : {"",
                           "now",
                           "25",
                           "14",
                           "14:3",
                           "4:03",
                           "24:00",
                           "14:60",
                           "14:03:60",
                           "14:03:",
                           "14:03Z",
                           "2026",
                           "2026-11",
                           "2026-11-31",
                           "2026-02-29",
                           "2026-02-30",
                           "2026-13-01",
                           "2026-00-01",
                           "2026-01-00",
                           "26-11-25",
                           "2026-1-1",
                           "2026/11/25",
                           "2026-11-25T",
                           "2026-11-25T14",
                           "2026-11-25T24:00",
                           "2026-11-25T14:03:60",
                           "2026-11-25Z",
                           "2026-11-25T14:03.5",
                           "2026-11-25T14:03:27.",
                           "2026-11-25T14:03:27.Z",
                           "2026-11-25T14:03+1",
                           "2026-11-25T14:03+01:60",
                           "2026-11-25T14:03+24:00",
                           "2026-11-25T14:03ZZ",
                           "2026-11-25T14:03 ",
                           "2026-11-25  14:03",
                           "2026-11-25T14:03  Z",
                           "2026-11-25T14:03+01:",
                           "2026-11-25T14:03+010",
                           "2026-11-25T14:03+01000",
                           "today ",
                           "today 9",
                           "today 9:0",
                           "today 24:00",
                           "today  9:00",
                           "today 9:00 ",
                           "today9:00",
                           "todays",
                           "tomorrow",
                           "yesterday 009:00",
                           "9:00 today",
                           "@",
                           "@-1",
                           "@1.",
                           "@1.x",
                           "@.5",
                           "@ 1",
                           "@1s",
                           "@253402300800",
                           "@99999999999999999999",
                           "1h30",
                           " 14:03",
                           "-10m",
                           "+2026-11-25"}) {
    INFO(text);
    CHECK(moment(text) == -1);
  }
  try {
    parse_time("to\nday", milliseconds(0));
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(std::string(error.what()) ==
          "\"to\\nday\" is no time: write how long ago (10m, 1h30m, 7d), HH:MM, today, \"yesterday 9:00\", a "
          "date such as 2026-11-25, 2026-11-25T14:03 or 2026-11-25T14:03:27Z, or @ and seconds since 1970");
  }
}
