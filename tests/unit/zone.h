#pragma once

#include <cstdlib>
#include <ctime>
#include <string>

// Sets the local time zone as long as it lives.
class Zone {
 public:
  explicit Zone(const char* name) {
    const char* old = std::getenv("TZ");
    if (old != nullptr) {
      had_ = true;
      old_ = old;
    }
    ::setenv("TZ", name, 1);
    ::tzset();
  }
  Zone(const Zone&) = delete;
  Zone& operator=(const Zone&) = delete;
  ~Zone() {
    if (had_) {
      ::setenv("TZ", old_.c_str(), 1);
    } else {
      ::unsetenv("TZ");
    }
    ::tzset();
  }

 private:
  bool had_ = false;
  std::string old_;
};

// Central European time spelled out, so that no zone files are needed: summer time from 2026-03-29 01:00 UTC
// to 2026-10-25 01:00 UTC.
inline constexpr const char* berlin = "CET-1CEST,M3.5.0,M10.5.0/3";
