#include "process/progress_line.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

#include "terminal/columns.h"

namespace chat {

namespace {

using namespace std::chrono_literals;

constexpr auto first_after = 1s;  // a short run shows nothing by itself
constexpr auto redraw_every = 100ms;
constexpr auto line_every = 5s;
constexpr auto held_up_after = 500ms;
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

double seconds(Clock::duration time) { return std::max(std::chrono::duration<double>(time).count(), 0.001); }

std::uint64_t rate(std::uint64_t messages, Clock::duration time) {
  return static_cast<std::uint64_t>(std::llround(static_cast<double>(messages) / seconds(time)));
}

double distance(std::uint64_t a, std::uint64_t b) { return static_cast<double>(a > b ? a - b : b - a); }

bool counts(const EntryId& id) { return id.n > 0 && id.n < UINT64_MAX; }

// How far `at` is on the way from one ID to another. Their numbers have no holes, if they are ours.
double part_of_way(const EntryId& from, const EntryId& at, const EntryId& to) {
  if (counts(from) && counts(at) && counts(to)) {
    return (distance(from.n, at.n) + 1) / (distance(from.n, to.n) + 1);
  }
  return from.ms == to.ms ? 1 : distance(from.ms, at.ms) / distance(from.ms, to.ms);
}

}  // namespace

std::string progress_text(const Reached& reached, Clock::duration time, std::size_t columns) {
  std::string rest = "  " + grouped(rate(reached.messages, time)) + "/s";
  const double part = std::clamp(reached.part.value_or(0), 0.0, 1.0);
  if (reached.part) rest += "  " + std::to_string(static_cast<int>(part * 100)) + " %";
  if (part > 0) rest += "  " + clock_of(seconds(time) / part * (1 - part)) + " left";
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

std::string progress_summary(std::uint64_t messages, Clock::duration time) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f s", seconds(time));
  const std::string took = seconds(time) < 100 ? text.data() : clock_of(seconds(time));
  return count_of(messages) + " in " + took + ", " + grouped(rate(messages, time)) + "/s";
}

ProgressLine::ProgressLine(When when, Display display)
    : when_(when), display_(std::move(display)), begin_(Clock::now()), next_(begin_ + line_every) {
  if (when_ == When::by_itself && !display_.draw) when_ = When::never;
  if (display_.draw) next_ = begin_ + (when_ == When::by_itself ? first_after : redraw_every);
}

ProgressLine::~ProgressLine() { hide(); }

void ProgressLine::add(const std::optional<EntryId>& id) {
  ++reached_.messages;
  if (!id) return;
  if (!first_) first_ = id;
  if (end_) reached_.part = part_of_way(*first_, *id, *end_);
  if (count_) {
    const double part = static_cast<double>(reached_.messages) / static_cast<double>(*count_);
    reached_.part = std::max(reached_.part.value_or(0), part);
  }
}

void ProgressLine::show(Clock::duration blocked) {
  if (when_ == When::by_itself && blocked > held_up_after) {
    hide();
    when_ = When::never;
  }
  const Deadline now = Clock::now();
  if (!wanted() || now < next_) return;
  if (display_.draw) {
    // The last column is left free: some terminals go to the next line right behind it.
    const std::size_t columns = display_.columns();
    display_.draw(progress_text(reached_, now - begin_, columns == 0 ? 0 : columns - 1));
    shown_ = true;
  } else {
    display_.log(progress_text(reached_, now - begin_, 0));
  }
  next_ = now + (display_.draw ? std::chrono::milliseconds(redraw_every) : line_every);
}

void ProgressLine::end() {
  const bool summary = when_ == When::asked || shown_;
  hide();
  if (summary) display_.log(progress_summary(reached_.messages, Clock::now() - begin_));
  when_ = When::never;
}

void ProgressLine::hide() {
  if (std::exchange(shown_, false)) display_.draw("");
}

bool Meter::message(const std::string& topic, const Message& message) {
  if (!line_.wanted()) return next_.message(topic, message);
  const auto began = Clock::now();
  const bool more = next_.message(topic, message);
  line_.add(message.id);
  line_.show(Clock::now() - began);
  return more;
}

bool Meter::flush() {
  const auto began = Clock::now();
  const bool more = next_.flush();
  line_.show(Clock::now() - began);
  return more;
}

}  // namespace chat
