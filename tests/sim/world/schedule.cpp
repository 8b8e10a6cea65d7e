#include "sim/world/schedule.h"

#include <algorithm>

namespace sim {

namespace {

constexpr Time time_to_end = 200 * second;  // for what was typed
constexpr Time time_to_settle = 30 * second;
constexpr Time time_to_stop = 20 * second;

}  // namespace

Schedule::Schedule(ScriptEngine& scripts, std::uint64_t seed, bool tracing)
    : world_(seed, tracing), plan_(make_plan(world_)), network_(world_), host_(world_, scripts, "redis", {}) {
  host_.server().options.persistence = plan_.persistence;
  oracle_.watch(host_.server());
  network_.listen(6379, host_);
}

void Schedule::run() {
  for (std::uint32_t i = 1; i <= plan_.publishers; ++i) add_author(i);
  for (std::uint32_t i = 1; i <= plan_.subscribers; ++i) add_reader(i);
  begin_faults();
  world_.run_until(plan_.faults);
  end_faults();
  const auto authors_done = [this] {
    return std::ranges::all_of(authors_,
                               [](const Author& author) { return author.tool->end != Tool::End::running; });
  };
  if (!world_.run_until(plan_.faults + time_to_end, authors_done)) {
    throw Violation{"a publisher doesn't end"};
  }
  world_.run_until(std::max(world_.now(), last_late_) + time_to_settle);
  for (const Reader& reader : readers_) reader.tool->process.stop();
  const auto readers_done = [this] {
    return std::ranges::all_of(readers_,
                               [](const Reader& reader) { return reader.tool->end != Tool::End::running; });
  };
  if (!world_.run_until(world_.now() + time_to_stop, readers_done)) throw Violation{"a reader doesn't stop"};
  check();
}

}  // namespace sim
