#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "sim/server.h"
#include "sim/world/world.h"

namespace sim {

/// Kinds of faults. A seed turns on some of them.
enum class Fault : std::uint8_t {
  split,         ///< bytes come in parts
  slow,          ///< and late
  cut,           ///< connections break at any byte
  late,          ///< what was under way then arrives later
  stall,         ///< connections hang (half-open)
  partition,     ///< all of them, and new ones
  pause_server,  ///< SIGSTOP, SIGCONT
  kill_server,   ///< kill -9, and a start with what was saved
  crash,         ///< with its machine: what wasn't synced is gone
  failover,      ///< the replica takes over, and the old master still writes
  server_clock,  ///< is set
  errors,        ///< OOM, LOADING, BUSY, MISCONF, scripts forgotten
  small_output,  ///< subscribers that don't read are disconnected
  trim,          ///< the topic keeps few messages
  pause_tool,    ///< SIGSTOP, SIGCONT
  sleep,         ///< the tool's whole machine sleeps
  tool_clock,    ///< is set
  block_output,  ///< nobody reads what is printed
  kill_tool,     ///< kill -9 at any system call, and another run
  full_disk,     ///< the cursor can't be written
  bad_handler,   ///< fails, hangs, or fells its worker
  lag,           ///< some sentinels, or nodes of a cluster, hear late of what is new
  watcher,       ///< one of them is dead, or silent, or knows nothing, or what is not so
  move_slot,     ///< from one node of a cluster to another one
  remove_node,   ///< from the cluster, with all that it served moved
  count
};
inline constexpr std::size_t fault_count = static_cast<std::size_t>(Fault::count);
std::string_view name_of(Fault fault);

/// What the tools' URL names.
enum class Deployment : std::uint8_t { server, sentinels, cluster };

/// What a seed turns on: who takes part, and what goes wrong.
struct Plan {
  Deployment deployment = Deployment::server;
  std::uint32_t publishers = 1;
  std::uint32_t importers = 0;
  std::uint32_t subscribers = 0;
  std::uint32_t cursors = 0;
  std::uint32_t workers = 0;  ///< of one group
  std::uint32_t lines = 10;   ///< at most, of each publisher
  Time active = second;       ///< so long people type
  Time faults = second;       ///< so long things go wrong
  Persistence persistence = Persistence::always;
  bool replica = false;
  bool wait = false;  ///< publishers want the replica to have it
  /// All IDs have one time, so that other histories have other messages under the same ones.
  bool clock_was_ahead = false;
  std::size_t max_len = 0;    ///< of the topic; 0: the default
  Time claim_after = second;  ///< of the group

  bool has(Fault fault) const { return faults_[static_cast<std::size_t>(fault)]; }
  void set(Fault fault, bool on) { faults_[static_cast<std::size_t>(fault)] = on; }
  /// Whether no tool is cut off from Redis, or held up, but by its command.
  bool is_quiet() const;
  std::string str() const;

 private:
  std::array<bool, fault_count> faults_{};
};

Plan make_plan(World& world);

}  // namespace sim
