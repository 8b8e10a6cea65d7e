#include "sim/world/plan.h"

#include <algorithm>

namespace sim {

namespace {

constexpr std::array<std::string_view, fault_count> names{
    "split",       "slow",    "cut",        "late",         "stall",     "partition",    "pause_server",
    "kill_server", "crash",   "failover",   "server_clock", "errors",    "small_output", "trim",
    "pause_tool",  "sleep",   "tool_clock", "block_output", "kill_tool", "full_disk",    "bad_handler",
    "lag",         "watcher", "move_slot",  "remove_node"};

}  // namespace

std::string_view name_of(Fault fault) { return names[static_cast<std::size_t>(fault)]; }

std::string Plan::str() const {
  std::string text = deployment == Deployment::server    ? ""
                     : deployment == Deployment::cluster ? "cluster; "
                                                         : "sentinels; ";
  text += std::to_string(publishers) + " publishers, " + std::to_string(importers) + " importers, " +
          std::to_string(subscribers) + " subscribers, " + std::to_string(cursors) + " cursors, " +
          std::to_string(workers) + " workers; up to " + std::to_string(lines) + " lines in " +
          std::to_string(active / millisecond) + " ms; faults for " + std::to_string(faults / millisecond) +
          " ms:";
  for (std::size_t i = 0; i < fault_count; ++i) {
    if (faults_[i]) text += ' ' + std::string(names[i]);
  }
  return text;
}

bool Plan::is_quiet() const {
  constexpr std::array harmless{Fault::split,        Fault::late,      Fault::small_output, Fault::trim,
                                Fault::block_output, Fault::full_disk, Fault::bad_handler,  Fault::kill_tool};
  for (std::size_t i = 0; i < fault_count; ++i) {
    const bool of_many = i >= static_cast<std::size_t>(Fault::lag) && deployment == Deployment::server;
    if (faults_[i] && !of_many && std::ranges::find(harmless, static_cast<Fault>(i)) == harmless.end())
      return false;
  }
  return true;
}

Plan make_plan(World& world) {
  Random& random = world.random;
  const auto up_to = [&random](std::uint64_t most) {
    return static_cast<std::uint32_t>(random.below(most + 1));
  };
  Plan plan;
  plan.publishers = 1 + up_to(2);
  plan.importers = random.chance(30) ? 1 + up_to(1) : 0;
  plan.subscribers = up_to(2);
  plan.cursors = random.chance(40) ? 1 : 0;
  plan.workers = random.chance(40) ? 1 + up_to(2) : 0;
  if (plan.subscribers + plan.cursors + plan.workers == 0) plan.subscribers = 1;
  plan.lines = 1 + up_to(39);
  plan.active = world.some_time(10 * millisecond, 20 * second);
  plan.faults = plan.active + world.some_time(millisecond, 10 * second);
  plan.replica = random.chance(30);
  plan.wait = plan.replica && random.chance(50);
  // An import gives the same messages the same names again: under the same IDs they look like one history.
  plan.clock_was_ahead = plan.importers == 0 && random.chance(15);
  plan.max_len = 1 + up_to(random.chance(50) ? 8 : 30);  // few: much is trimmed between two runs
  plan.claim_after = world.some_time(100 * millisecond, 10 * second);
  constexpr std::array kinds{Persistence::none, Persistence::snapshot, Persistence::everysec,
                             Persistence::always};
  plan.persistence = kinds[random.below(kinds.size())];
  // Few or many of them.
  const auto chance = static_cast<unsigned>(5 + random.below(35));
  for (std::size_t i = 0; i < fault_count; ++i) plan.set(static_cast<Fault>(i), random.chance(chance));
  const std::uint64_t kind = random.below(100);
  if (kind < 15) {
    plan.deployment = Deployment::cluster;
    for (const Fault fault : {Fault::move_slot, Fault::remove_node, Fault::lag, Fault::watcher})
      plan.set(fault, random.chance(40));
    // Where a slot goes, there may be no replica.
    plan.wait = plan.wait && !plan.has(Fault::move_slot);
  } else if (kind < 30) {
    plan.deployment = Deployment::sentinels;
    plan.replica = true;
    plan.wait = random.chance(50);
    for (const Fault fault : {Fault::failover, Fault::lag, Fault::watcher})
      plan.set(fault, random.chance(60));
  }
  if (!plan.replica) plan.set(Fault::failover, false);
  if (!plan.has(Fault::trim)) plan.max_len = 0;
  // So does what publishers send again to the new master.
  if (plan.has(Fault::failover)) plan.clock_was_ahead = false;
  return plan;
}

}  // namespace sim
