#include "sim/world/schedule.h"

namespace sim {

// Again and again, at random, until the faults are over.
void Schedule::often(Time mean, void (Schedule::*fault)()) {
  world_.after(static_cast<Time>(world_.random.below(static_cast<std::uint64_t>(2 * mean))),
               [this, mean, fault] {
                 if (faults_over_) return;
                 (this->*fault)();
                 often(mean, fault);
               });
}

void Schedule::begin_faults() {
  NetworkOptions& net = network_.options;
  if (plan_.split) net.split_once_in = 1 + world_.random.below(8);
  if (plan_.slow) net.most_delay = world_.some_time(millisecond, second);
  const Time mean = plan_.faults / static_cast<Time>(1 + world_.random.below(10)) + 1;
  if (plan_.cut) often(mean, &Schedule::cut_one);
  if (plan_.stall) often(mean, &Schedule::stall_one);
}

void Schedule::end_faults() {
  world_.trace("", "--- nothing goes wrong any more");
  faults_over_ = true;
  network_.options.split_once_in = 0;
  network_.options.most_delay = millisecond;
}

void Schedule::cut_one() {
  const auto open = network_.open();
  if (open.empty()) return;
  Connection& one = *open[world_.random.below(open.size())];
  const Time late = plan_.late && world_.random.chance(70) ? world_.some_time(0, 150 * second) : 0;
  const std::size_t lost = world_.random.chance(40) ? world_.random.below(one.in_flight() + 1) : 0;
  world_.trace(one.tool().name(), "its connection breaks; what was under way arrives " +
                                      std::to_string(late / millisecond) + " ms later, but for " +
                                      std::to_string(lost) + " bytes");
  last_late_ = std::max(last_late_, world_.now() + late);
  one.cut(late, lost);
}

void Schedule::stall_one() {
  const auto open = network_.open();
  if (open.empty()) return;
  Connection& one = *open[world_.random.below(open.size())];
  const Time until = world_.now() + world_.some_time(millisecond, 30 * second);
  world_.trace(one.tool().name(),
               "its connection hangs for " + std::to_string((until - world_.now()) / millisecond) + " ms");
  last_late_ = std::max(last_late_, until);
  one.stall(until);
}

}  // namespace sim
