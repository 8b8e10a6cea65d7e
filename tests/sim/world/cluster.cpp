// A cluster: who is in it, and what its nodes know of each other.
#include <algorithm>
#include <set>

#include "redis/slots.h"
#include "sim/world/schedule.h"

namespace sim {

namespace {

constexpr std::size_t more_masters = 2;
constexpr std::uint16_t first_port = 6379;

}  // namespace

void Schedule::set_up_cluster() {
  network_.listen(6380, b_);
  for (std::size_t i = 1; i <= more_masters; ++i) {
    Host& node = *nodes_.emplace_back(std::make_unique<Host>(
        world_, scripts_, std::string("redis-") + "bcd" [i], ServerOptions {}));
    node.set = i;
    const auto port = static_cast<std::uint16_t>(first_port + 1 + i);
    node.server().options.address = {"127.0.0.1", port};
    network_.listen(port, node);
  }
  std::set<std::uint16_t> used;
  for (const char* const key : {"topic1", "topic2", "chat:topics"}) used.insert(chat::hash_slot(key));
  std::uint16_t first = 0;
  const auto add = [&](std::uint16_t last) {
    if (last >= first) pieces_.push_back({first, last, world_.random.below(1 + nodes_.size())});
    first = static_cast<std::uint16_t>(last + 1);
  };
  for (const std::uint16_t slot : used) {
    add(static_cast<std::uint16_t>(slot - 1));
    add(slot);
  }
  add(chat::Slots::count - 1);
  for (Piece& piece : pieces_) {
    if (piece.first == chat::hash_slot("topic1") && plan_.replica) piece.set = 0;
  }
  for (Host* const node : all_nodes()) {
    node->server().options.mode = Mode::cluster;
    node->server().options.slots = all_slots();
  }
}

std::vector<Host*> Schedule::all_nodes() {
  std::vector<Host*> all{&a_, &b_};
  for (const auto& node : nodes_) all.push_back(node.get());
  return all;
}

Host& Schedule::serving(std::string_view key) {
  const std::uint16_t slot = chat::hash_slot(key);
  for (const Piece& piece : pieces_) {
    if (slot >= piece.first && slot <= piece.last) return master_of(piece.set);
  }
  return *master_;
}

// As they are in truth.
std::vector<SlotRange> Schedule::all_slots() {
  std::vector<SlotRange> slots;
  for (const Piece& piece : pieces_) {
    SlotRange& range = slots.emplace_back(SlotRange{piece.first, piece.last, {}});
    range.nodes.push_back(master_of(piece.set).server().options.address);
    if (piece.set != 0 || !link_) continue;
    range.nodes.push_back((master_ == &a_ ? b_ : a_).server().options.address);
  }
  return slots;
}

void Schedule::hear(Host& node) {
  const bool out = removed_ && &node == nodes_.back().get();
  node.trace(out ? "knows no other node" : "hears who serves what");
  node.server().hear_of_slots(out ? std::vector<SlotRange>{} : all_slots());
  node.serve();
}

// To those who had no part in it. An old master that isn't told yet takes itself for one.
void Schedule::spread() {
  for (Host* const node : nodes_.empty() ? std::vector<Host*>{} : all_nodes()) {
    const bool late = plan_.has(Fault::lag) && !faults_over_ && world_.random.chance(60);
    world_.after(world_.some_time(microsecond, late ? 20 * second : 100 * millisecond), [this, node] {
      const bool old_master = taking_over_ && node->set == 0 && node != master_;
      if (node->up() && !node->paused() && !old_master) hear(*node);
    });
  }
}

// One that has no part in the topic gives wrong answers.
void Schedule::disturb_node() {
  const std::vector<Host*> all = all_nodes();
  Host& node = *all[world_.random.below(all.size())];
  if (node.set == serving("chat:{topic1}").set || !node.up() || moving_) return;
  std::vector<SlotRange> slots = all_slots();
  if (world_.random.chance(50)) {
    slots.clear();
  } else {
    slots.erase(slots.begin() + static_cast<std::ptrdiff_t>(world_.random.below(slots.size())));
  }
  node.trace("knows " + std::to_string(slots.size()) + " ranges of slots");
  node.server().options.slots = std::move(slots);  // it keeps its keys
  world_.after(world_.some_time(millisecond, 10 * second), [this, &node] { hear(node); });
}

Host& Schedule::victim() {
  if (nodes_.empty()) return *master_;
  if (world_.random.chance(70)) return serving("chat:{topic1}");
  return master_of(world_.random.below(1 + nodes_.size() - (removed_ ? 1 : 0)));
}

void Schedule::end_cluster_faults() {
  if (nodes_.empty()) return;
  for (const auto& node : nodes_) {
    const bool out = removed_ && node == nodes_.back();
    if (!node->up() && !out) start_server(*node, Crash::process);
  }
  spread();
}

}  // namespace sim
