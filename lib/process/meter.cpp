#include "process/meter.h"

#include <algorithm>

namespace chat {

namespace {

using namespace std::chrono_literals;

constexpr auto held_up_after = 500ms;

double distance(std::uint64_t a, std::uint64_t b) { return static_cast<double>(a > b ? a - b : b - a); }

// How far `at` is on the way from one ID to another. Their numbers have no holes, if they are ours.
double part_of_way(const EntryId& from, const EntryId& at, const EntryId& to) {
  if (from.n > 0 && at.n > 0 && to.n > 0) {
    return (distance(from.n, at.n) + 1) / (distance(from.n, to.n) + 1);
  }
  return from.ms == to.ms ? 1 : distance(from.ms, at.ms) / distance(from.ms, to.ms);
}

}  // namespace

bool Meter::message(const std::string& topic, const Message& message) {
  if (over_) return next_.message(topic, message);
  const auto began = Clock::now();
  const bool more = next_.message(topic, message);
  ++reached_.messages;
  if (message.id) look_at(*message.id);
  tell(began);
  return more;
}

bool Meter::pause() {
  const auto began = Clock::now();
  const bool more = next_.pause();
  if (!over_) tell(began);
  return more;
}

void Meter::live() {
  over_ = true;
  if (options_.live) options_.live();
  next_.live();
}

void Meter::look_at(const EntryId& id) {
  if (!first_) first_ = id;
  if (options_.end) reached_.part = part_of_way(*first_, id, *options_.end);
  if (options_.count) {
    const double part = static_cast<double>(reached_.messages) / static_cast<double>(*options_.count);
    reached_.part = std::max(reached_.part.value_or(0), part);
  }
}

void Meter::tell(Clock::time_point began) {
  reached_.held_up = Clock::now() - began > held_up_after;
  options_.reached(reached_);
}

}  // namespace chat
