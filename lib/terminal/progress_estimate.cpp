#include "terminal/progress_estimate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "terminal/columns.h"

namespace chat {

namespace {

constexpr std::size_t longest_bar = 30;
constexpr std::size_t shortest_bar = 5;

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
  return digits;
}

std::string count_of(std::uint64_t messages) {
  return grouped(messages) + (messages == 1 ? " message" : " messages");
}

std::string clock_of(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::min(std::ceil(seconds), 3600.0 * 24 * 999));
  std::array<char, 64> text{};
  if (whole >= 3600) {
    std::snprintf(text.data(), text.size(), "%llu:%02llu:%02llu", whole / 3600ULL, whole / 60 % 60ULL,
                  whole % 60ULL);
  } else {
    std::snprintf(text.data(), text.size(), "%llu:%02llu", whole / 60ULL, whole % 60ULL);
  }
  return text.data();
}

}  // namespace

double ProgressEstimate::seconds(Clock::time_point now) const {
  return std::max(std::chrono::duration<double>(now - begin_).count(), 0.001);
}

std::uint64_t ProgressEstimate::rate(const Reached& reached, Clock::time_point now) const {
  return static_cast<std::uint64_t>(std::llround(static_cast<double>(reached.messages) / seconds(now)));
}

std::string ProgressEstimate::line(const Reached& reached, Clock::time_point now, std::size_t columns) const {
  std::string rest = "  " + grouped(rate(reached, now)) + "/s";
  const double part = std::clamp(reached.part.value_or(0), 0.0, 1.0);
  if (reached.part) rest += "  " + std::to_string(static_cast<int>(part * 100)) + " %";
  if (part > 0) rest += "  " + clock_of(seconds(now) / part * (1 - part)) + " left";
  std::string text = count_of(reached.messages) + rest;
  if (columns == 0) return text;
  std::size_t used = columns_of(text);
  if (used > columns) {
    text.clear();
    append_cut(text, grouped(reached.messages) + rest, columns);
    used = columns_of(text);
  }
  if (!reached.part || columns < used + 2 + shortest_bar) return text;
  const std::size_t length = std::min(columns - used - 2, longest_bar);
  const auto full = static_cast<std::size_t>(part * static_cast<double>(length));
  text += "  ";
  for (std::size_t i = 0; i < length; ++i) text += i < full ? "█" : "░";
  return text;
}

std::string ProgressEstimate::summary(const Reached& reached, Clock::time_point now) const {
  std::array<char, 32> time{};
  std::snprintf(time.data(), time.size(), "%.1f s", seconds(now));
  const std::string took = seconds(now) < 100 ? time.data() : clock_of(seconds(now));
  return count_of(reached.messages) + " in " + took + ", " + grouped(rate(reached, now)) + "/s";
}

}  // namespace chat
