// Slots of a cluster that move from node to node, and a node that leaves it.
#include <algorithm>

#include "redis/slots.h"
#include "sim/world/schedule.h"

namespace sim {

bool Schedule::can_move() const {
  const auto well = [](const Host& host) { return host.up() && !host.paused(); };
  return well(a_) && well(b_) && std::ranges::all_of(nodes_, [&](const auto& node) { return well(*node); });
}

void Schedule::move_slot() {
  const std::uint16_t topic = chat::hash_slot(world_.random.chance(70) ? "topic1" : "topic2");
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    if (pieces_[i].first == topic)
      begin_moving(i, world_.random.below(1 + nodes_.size() - (leaving_ ? 1 : 0)));
  }
}

// As redis-cli --cluster reshard does it: first both nodes are told that it moves, then key after key does,
// then both are told that it has moved. Meanwhile the old one answers for the keys that it still has.
bool Schedule::begin_moving(std::size_t piece, std::size_t to) {
  const std::size_t from = pieces_[piece].set;
  if (moving_ || from == to || taking_over_ || !can_move()) return false;
  moving_ = {piece, to};
  Server& source = master_of(from).server();
  master_of(from).trace("gives slots to " + master_of(to).name());
  std::vector<std::string> keys;
  for (const auto& [key, value] : source.data()) {
    const std::uint16_t slot = chat::hash_slot(key);
    if (slot >= pieces_[piece].first && slot <= pieces_[piece].last) keys.push_back(key);
  }
  if (pieces_[piece].first == pieces_[piece].last) {
    source.options.migrating[pieces_[piece].first] = master_of(to).server().options.address;
    master_of(to).server().options.importing.insert(pieces_[piece].first);
  }
  move_key(std::move(keys));
  return true;
}

void Schedule::move_key(std::vector<std::string> left) {
  const Time wait = can_move() ? world_.some_time(10 * microsecond, faults_over_ ? millisecond : second)
                               : 100 * millisecond;
  world_.after(wait, [this, left = std::move(left)]() mutable {
    if (!can_move()) return move_key(std::move(left));
    if (left.empty()) return finish_moving();
    const std::string key = std::move(left.back());
    left.pop_back();
    Host& source = master_of(pieces_[moving_->piece].set);
    Host& target = master_of(moving_->to);
    // Its replica has come as far: what becomes of keys that it still has is left out.
    const bool from_replicated = source.set == 0 && link_;
    if (from_replicated) link_->catch_up();
    auto value = source.server().give_away(key);
    if (from_replicated) link_->catch_up();
    if (value) {
      target.trace("takes " + key + " from " + source.name());
      target.server().take_over(key, std::move(*value));
      oracle_.moved(key, source.server(), target.server(),
                    source.set == 0 ? &(master_ == &a_ ? b_ : a_).server() : nullptr);
      if (target.set == 0 && link_) follow_master();
    }
    source.serve();
    move_key(std::move(left));
  });
}

void Schedule::finish_moving() {
  Piece& piece = pieces_[moving_->piece];
  Host& source = master_of(piece.set);
  piece.set = moving_->to;
  hear(master_of(moving_->to));
  tell_source(source);
}

void Schedule::tell_source(Host& source) {
  world_.after(world_.some_time(10 * microsecond, 10 * millisecond), [this, &source] {
    if (!can_move()) return tell_source(source);
    source.server().options.migrating.clear();
    master_of(moving_->to).server().options.importing.clear();
    moving_.reset();
    hear(source);
    spread();
  });
}

// The last node gives all that it has to others, and is taken out of the cluster. Those who know nothing but
// its address must have come to others first: who begins later has another URL.
void Schedule::remove_node() {
  leaving_ = true;
  go_on_removing();
}

void Schedule::go_on_removing() {
  world_.after(100 * millisecond, [this] {
    Host& node = *nodes_.back();
    const bool known = std::ranges::any_of(tools_, [&](const auto& tool) {
      const Process& process = tool->process;
      const bool here = process.asked_first == nullptr || process.asked_first == &node;
      return !process.ended() && here && !process.asked_others;
    });
    if (known || moving_ || !node.up() || node.paused()) {
      if (!faults_over_) go_on_removing();
      return;
    }
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      if (pieces_[i].set != nodes_.size()) continue;
      begin_moving(i, world_.random.below(nodes_.size()));
      return go_on_removing();
    }
    removed_ = true;
    hear(node);
    if (world_.random.chance(30)) node.kill();
    spread();
  });
}

}  // namespace sim
