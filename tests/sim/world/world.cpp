#include "sim/world/world.h"

#include <algorithm>
#include <cstdio>

namespace sim {

namespace {

// Of a schedule: one that takes more never ends.
constexpr std::uint64_t most_events = 3'000'000;

}  // namespace

void World::at(Time when, std::function<void()> what) {
  events_.push_back({std::max(when, now_), ++last_number_, std::move(what)});
  std::ranges::push_heap(events_, later);
}

void World::run_until(Time end) {
  run_until(end, [] { return false; });
}

bool World::run_until(Time end, const std::function<bool()>& done) {
  while (!done()) {
    if (events_.empty() || events_.front().when > end) {
      now_ = std::max(now_, end);
      return done();
    }
    std::ranges::pop_heap(events_, later);
    Event event = std::move(events_.back());
    events_.pop_back();
    now_ = event.when;
    note(static_cast<std::uint64_t>(now_));
    if (++done_ > most_events) throw Violation{"it doesn't end: too much happens"};
    event.what();
  }
  return true;
}

Time World::some_time(Time low, Time high) {
  if (high <= low) return low;
  Time most = std::max<Time>(low, microsecond);
  std::uint64_t steps = 1;
  for (Time t = most; t < high; t *= 4) ++steps;
  for (std::uint64_t i = random.below(steps) + 1; i > 0 && most < high; --i) most *= 4;
  most = std::min(most, high);
  return low + static_cast<Time>(random.below(static_cast<std::uint64_t>(most - low) + 1));
}

void World::trace(std::string_view who, std::string_view what) {
  if (!tracing_) return;
  std::string text(what.substr(0, 400));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ') c = c == '\n' || c == '\r' ? ' ' : '?';
  }
  std::printf("%12.6f  %-10.*s %s\n", static_cast<double>(now_) / second, static_cast<int>(who.size()),
              who.data(), text.c_str());
}

}  // namespace sim
