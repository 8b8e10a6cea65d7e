// What goes wrong with the network, and with the tools.
#include <algorithm>

#include "sim/world/schedule.h"

namespace sim {

namespace {

std::string in_ms(Time time) { return std::to_string(time / millisecond) + " ms"; }

}  // namespace

// Again and again, at random, until the faults are over.
void Schedule::often(Fault kind, void (Schedule::*fault)()) {
  if (!plan_.has(kind)) return;
  const Time mean = plan_.faults / static_cast<Time>(1 + world_.random.below(10)) + 1;
  const auto next = [this, mean, fault](const auto& self) -> void {
    world_.after(static_cast<Time>(world_.random.below(static_cast<std::uint64_t>(2 * mean))),
                 [this, fault, self] {
                   if (faults_over_) return;
                   (this->*fault)();
                   self(self);
                 });
  };
  next(next);
}

void Schedule::begin_faults() {
  NetworkOptions& net = network_.options;
  if (plan_.has(Fault::split)) net.split_once_in = 1 + world_.random.below(8);
  if (plan_.has(Fault::slow)) net.most_delay = world_.some_time(millisecond, second);
  if (world_.random.chance(20)) net.window = 512 + world_.random.below(8192);
  if (plan_.has(Fault::small_output)) {
    for (Host* host : all_nodes()) host->server().options.pubsub_limit = 500 + world_.random.below(4000);
  }
  often(Fault::cut, &Schedule::cut_one);
  often(Fault::stall, &Schedule::stall_one);
  often(Fault::partition, &Schedule::partition);
  often(Fault::pause_tool, &Schedule::pause_tool);
  often(Fault::sleep, &Schedule::make_sleep);
  often(Fault::tool_clock, &Schedule::set_tool_clock);
  often(Fault::block_output, &Schedule::block_output);
  often(Fault::full_disk, &Schedule::fill_disk);
  often(Fault::pause_server, &Schedule::pause_server);
  often(Fault::kill_server, &Schedule::kill_server);
  often(Fault::crash, &Schedule::crash_server);
  often(Fault::failover, &Schedule::fail_over);
  often(Fault::server_clock, &Schedule::set_server_clock);
  often(Fault::errors, &Schedule::refuse);
  if (!sentinels_.empty()) often(Fault::watcher, &Schedule::disturb_sentinel);
  if (!nodes_.empty()) {
    often(Fault::watcher, &Schedule::disturb_node);
    often(Fault::move_slot, &Schedule::move_slot);
    if (plan_.has(Fault::remove_node))
      world_.after(world_.some_time(0, plan_.faults), [this] { remove_node(); });
  }
}

void Schedule::end_faults() {
  world_.trace("", "--- nothing goes wrong any more");
  faults_over_ = true;
  network_.options.split_once_in = 0;
  network_.options.most_delay = millisecond;
  disk_.full = false;
  for (const auto& tool : tools_) {
    Process& process = tool->process;
    process.killed_once_in = process.paused_once_in = process.killed_once_in_effects = 0;
  }
  end_server_faults();
}

void Schedule::cut_one() {
  auto open = network_.open();
  if (open.empty()) return;
  const bool is_late = plan_.has(Fault::late) && world_.random.chance(70);
  const auto is_empty = [](const auto& one) { return one->in_flight() == 0; };
  if (is_late && !std::ranges::all_of(open, is_empty)) std::erase_if(open, is_empty);
  Connection& one = *open[world_.random.below(open.size())];
  // Also when Redis has forgotten the publisher: 90 or 120 s later.
  const Time least = world_.random.chance(40) ? (80 + 50 * world_.random.below(2)) * second : 0;
  const Time late = is_late ? least + world_.some_time(0, 110 * second) : 0;
  const std::size_t lost = world_.random.chance(40) ? world_.random.below(one.in_flight() + 1) : 0;
  world_.trace(one.tool().name(), "its connection breaks; what was under way arrives " + in_ms(late) +
                                      " later, but for " + std::to_string(lost) + " bytes");
  last_late_ = std::max(last_late_, world_.now() + late);
  one.cut(late, lost);
}

void Schedule::stall_one() {
  const auto open = network_.open();
  if (open.empty()) return;
  Connection& one = *open[world_.random.below(open.size())];
  if (world_.random.chance(20)) {
    world_.trace(one.tool().name(), "its connection hangs for ever");
    return one.stall(never / 2);
  }
  const Time time = world_.some_time(millisecond, 30 * second);
  world_.trace(one.tool().name(), "its connection hangs for " + in_ms(time));
  last_late_ = std::max(last_late_, world_.now() + time);
  one.stall(world_.now() + time);
}

void Schedule::partition() {
  const Time time = world_.some_time(millisecond, 15 * second);
  world_.trace("", "--- the network hangs for " + in_ms(time));
  last_late_ = std::max(last_late_, world_.now() + time);
  for (const auto& one : network_.open()) one->stall(world_.now() + time);
  network_.stall(world_.now() + time);
}

Tool* Schedule::any_running() {
  std::vector<Tool*> running;
  for (const auto& tool : tools_) {
    if (!tool->process.ended()) running.push_back(tool.get());
  }
  return running.empty() ? nullptr : running[world_.random.below(running.size())];
}

void Schedule::pause_tool() {
  if (Tool* const tool = any_running())
    tool->process.pause(world_.some_time(millisecond, 20 * second), false);
}

void Schedule::make_sleep() {
  Tool* const tool = any_running();
  if (tool == nullptr) return;
  const Time time = world_.some_time(second, 300 * second);
  last_late_ = std::max(last_late_, world_.now() + time);
  tool->process.pause(time, true);
}

void Schedule::set_tool_clock() {
  Tool* const tool = any_running();
  if (tool == nullptr) return;
  const Time by = world_.some_time(millisecond, 200 * second) * (world_.random.chance(50) ? 1 : -1);
  tool->process.trace("its clock is set by " + in_ms(by));
  tool->process.step_clock(by);
}

void Schedule::block_output() {
  if (Tool* const tool = any_running())
    tool->output->block(world_.now() + world_.some_time(millisecond, 20 * second));
}

void Schedule::fill_disk() {
  world_.trace("", "--- the disk is full");
  disk_.full = true;
  world_.after(world_.some_time(millisecond, 2 * second), [this] {
    world_.trace("", "--- the disk has room again");
    disk_.full = false;
  });
}

}  // namespace sim
