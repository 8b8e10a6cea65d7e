// Sentinels: they know who the master is, some of them late, some not at all.
#include <algorithm>

#include "sim/world/schedule.h"

namespace sim {

namespace {

constexpr std::uint16_t first_port = 26379;
constexpr std::string_view master_name = "mymaster";

}  // namespace

chat::Endpoint Schedule::endpoint(bool may_leave) {
  chat::Endpoint endpoint;
  if (!nodes_.empty()) {
    const std::size_t count = 2 + nodes_.size() - (leaving_ || !may_leave ? 1 : 0);
    endpoint.port = static_cast<std::uint16_t>(6379 + world_.random.below(count));
  }
  if (sentinels_.empty()) return endpoint;
  endpoint.master = master_name;
  for (std::size_t i = 0; i < sentinels_.size(); ++i) {
    endpoint.sentinels.emplace_back("127.0.0.1", static_cast<std::uint16_t>(first_port + i));
  }
  const auto first = static_cast<std::ptrdiff_t>(world_.random.below(sentinels_.size()));
  std::rotate(endpoint.sentinels.begin(), endpoint.sentinels.begin() + first, endpoint.sentinels.end());
  return endpoint;
}

void Schedule::set_up_sentinels() {
  network_.listen(6380, b_);
  forbid_replicas(a_);
  forbid_replicas(b_);
  const std::uint64_t count = 1 + world_.random.below(3);
  for (std::uint64_t i = 0; i < count; ++i) {
    ServerOptions options;
    options.mode = Mode::sentinel;
    Host& sentinel = *sentinels_.emplace_back(
        std::make_unique<Host>(world_, scripts_, "sentinel" + std::to_string(i + 1), std::move(options)));
    sentinel.set = Host::no_set;
    network_.listen(static_cast<std::uint16_t>(first_port + i), sentinel);
    tell(sentinel, a_);
  }
}

// Who doesn't ask a server whether it is the master, works with whatever a sentinel has named.
void Schedule::forbid_replicas(Host& host) {
  host.server().asked = [&host](std::string_view name) {
    if (host.server().role() == Role::master || name == "hello") return;
    violated(host.name(), "is a replica, and is taken for the master: it is asked for " + std::string(name));
  };
}

void Schedule::tell(Host& sentinel, const Host& master) {
  sentinel.trace("says that " + master.name() + " is the master");
  sentinel.server().options.masters = {{std::string(master_name), master.server().options.address}};
}

void Schedule::tell_sentinels() {
  for (const auto& sentinel : sentinels_) {
    const bool late = plan_.has(Fault::lag) && world_.random.chance(60);
    world_.after(world_.some_time(microsecond, late ? 20 * second : 100 * millisecond),
                 [this, one = sentinel.get()] { tell(*one, *master_); });
  }
}

void Schedule::disturb_sentinel() {
  Host& one = *sentinels_[world_.random.below(sentinels_.size())];
  if (!one.up()) return;
  const Time end = world_.now() + world_.some_time(millisecond, 20 * second);
  switch (world_.random.below(4)) {
    case 0:
      one.kill();
      if (sentinels_.size() > 1 && &one == sentinels_.front().get() && world_.random.chance(50)) return;
      break;
    case 1:
      last_late_ = std::max(last_late_, end);
      return one.pause(end);
    case 2:
      one.trace("knows no master any more");
      one.server().options.masters.clear();
      break;
    default:
      tell(one, world_.random.chance(50) ? a_ : b_);
  }
  world_.at(end, [this, &one] {
    if (!one.up()) one.restart(Crash::process);
    tell(one, *master_);
  });
}

// But for the first one, where there are others: it may be dead for good.
void Schedule::end_sentinel_faults() {
  for (const auto& one : sentinels_) {
    one->server().faults = {};
    tell(*one, *master_);
  }
}

}  // namespace sim
