// What goes wrong with the servers.
#include <algorithm>

#include "sim/world/schedule.h"

namespace sim {

namespace {

constexpr std::uint64_t replica_number = 1;

}  // namespace

void Schedule::set_up_servers() {
  a_.server().options.address = {"127.0.0.1", 6379};
  b_.server().options.address = {"127.0.0.1", 6380};
  network_.listen(6379, a_);
  if (plan_.deployment == Deployment::sentinels) set_up_sentinels();
  if (plan_.deployment == Deployment::cluster) set_up_cluster();
  for (Host* const host : all_nodes()) {
    host->server().options.persistence = plan_.persistence;
    oracle_.watch(host->server());
  }
  if (plan_.max_len > 0 || plan_.clock_was_ahead) {
    Host& home = serving("chat:{topic1}");
    Client& setter = home.server().connect();
    const std::string max_len = plan_.max_len > 0 ? std::to_string(plan_.max_len) : "100000";
    const std::string ms = plan_.clock_was_ahead ? std::to_string(epoch_ms + 3'600'000) : "0";
    home.server().execute(setter, {"HSET", "chat:{topic1}:info", "created", "1732400000", "max_len", max_len,
                                   "max_age", "0", "description", "", "ms", ms, "n", "0"});
    home.server().disconnect(setter);
  }
  for (Host* const host : all_nodes()) host->server().save();
  if (plan_.persistence == Persistence::snapshot) save();
  if (plan_.replica) follow_master();
  for (Host* const host : nodes_.empty() ? std::vector<Host*>{} : all_nodes()) hear(*host);
}

void Schedule::save() {
  world_.after(world_.some_time(100 * millisecond, 10 * second), [this] {
    if (faults_over_) return;
    // A snapshot with half of the keys of a slot that moves is left out, as in stop_server().
    for (Host* const host : moving_ ? std::vector<Host*>{} : all_nodes()) {
      if (!host->up() || host->server().role() == Role::replica) continue;
      host->trace("saves");
      host->server().save();
    }
    save();
  });
}

// The one that isn't the master becomes its replica, with all that the master has.
void Schedule::follow_master() {
  Host& replica = master_ == &a_ ? b_ : a_;
  link_.reset();
  replica.trace("follows " + master_->name());
  oracle_.copied(master_->server(), replica.server());
  link_ = std::make_unique<ReplicationLink>(master_->server(), replica.server(), replica_number);
  replica.server().save();  // what came is its snapshot
  replicating_ = false;
  a_.changed = b_.changed = nullptr;
  master_->changed = [this] { replicate(); };
}

void Schedule::replicate() {
  if (!link_ || replicating_ || link_->waiting() == 0) return;
  replicating_ = true;
  const bool slow = !faults_over_ && plan_.has(Fault::slow);
  world_.after(world_.some_time(50 * microsecond, slow ? 5 * second : 20 * millisecond), [this] {
    replicating_ = false;
    if (!link_ || !master_->up()) return;
    if (master_->paused()) return replicate();
    link_->deliver(1 + world_.random.below(link_->waiting() + 1));
    link_->acknowledge();
    master_->serve();
    replicate();
  });
}

void Schedule::pause_server() { pause(victim()); }

void Schedule::pause(Host& host) {
  if (!host.up() || host.paused()) return;
  const Time end = world_.now() + world_.some_time(millisecond, 15 * second);
  last_late_ = std::max(last_late_, end);
  host.pause(end);
}

void Schedule::kill_server() { stop_server(Crash::process); }
void Schedule::crash_server() { stop_server(Crash::machine); }

void Schedule::stop_server(Crash how) {
  Host& host = victim();
  if (!host.up() || (&host == master_ && taking_over_)) return;
  // What a move under way becomes when one of its nodes dies is left out: half of the keys would be at both.
  if (moving_) return;
  // Nobody hears of the end of a machine.
  if (how == Crash::machine && world_.random.chance(50)) {
    for (const auto& one : network_.open())
      one->stall(world_.now() + world_.some_time(millisecond, 10 * second));
  }
  host.kill();
  world_.after(world_.some_time(millisecond, 10 * second), [this, &host, how] {
    if (!host.up() && &master_of(host.set) == &host) start_server(host, how);
  });
}

void Schedule::start_server(Host& host, Crash how) {
  if (host.set == 0) link_.reset();
  if (!nodes_.empty()) host.server().options.slots = all_slots();
  host.restart(how);
  oracle_.restarted(host.server());
  if (host.set == 0 && plan_.replica) follow_master();
}

void Schedule::set_server_clock() {
  Host& host = victim();
  host.step_clock(world_.some_time(millisecond, 200 * second) * (world_.random.chance(50) ? 1 : -1));
  host.serve();
}

// It refuses what it is told for a while, or has forgotten its scripts.
void Schedule::refuse() {
  Host& host = victim();
  Faults& faults = host.server().faults;
  switch (world_.random.below(nodes_.empty() ? 5 : 6)) {
    case 5:
      host.trace("takes the cluster for down");
      faults.cluster_down = true;
      break;
    case 0:
      host.trace("has no memory left");
      faults.out_of_memory = true;
      break;
    case 1:
      host.trace("is loading");
      faults.loading = true;
      break;
    case 2:
      host.trace("is busy");
      faults.busy = true;
      break;
    case 3:
      host.trace("can't save");
      faults.disk_full = true;
      break;
    default:
      host.trace("forgets its scripts");
      host.server().known_scripts().clear();
      return;
  }
  world_.after(world_.some_time(millisecond, 5 * second), [&host] {
    host.trace("is well again");
    host.server().faults = {};
  });
}

// The replica takes over. The old master doesn't know that yet: it goes on for its clients, unless it is
// paused or dead, until it is told to follow.
void Schedule::fail_over() {
  if (!link_ || taking_over_ || moving_) return;
  taking_over_ = true;
  Host& old = *master_;
  Host& next = master_ == &a_ ? b_ : a_;
  switch (world_.random.below(3)) {
    case 0:
      if (old.up()) old.kill();
      wake_early(old);
      break;
    case 1:
      pause(old);
      break;
    default:
      break;
  }
  next.trace("takes over");
  link_.reset();
  a_.changed = b_.changed = nullptr;
  next.server().promote();
  next.generation = old.generation + 1;
  oracle_.taken_over(next.server(), old.server());
  master_ = &next;
  if (plan_.deployment == Deployment::server) network_.listen(6379, next);
  tell_sentinels();
  if (!nodes_.empty()) hear(next);
  spread();
  const Time demoted = world_.some_time(millisecond, 20 * second);
  last_late_ = std::max(last_late_, world_.now() + demoted);
  world_.after(demoted, [this, &old] { demote(old); });
}

// It comes back as the master that it was: only who is told of it by a sentinel finds it.
void Schedule::wake_early(Host& old) {
  if (sentinels_.empty()) return;
  world_.after(world_.some_time(millisecond, 10 * second), [this, &old] {
    if (!taking_over_ || old.up()) return;
    old.restart(Crash::process);
    oracle_.restarted(old.server());
  });
}

void Schedule::demote(Host& host) {
  if (host.paused() || master_->paused()) {
    world_.after(100 * millisecond, [this, &host] { demote(host); });
    return;
  }
  if (!host.up()) host.restart(Crash::process);
  if (!master_->up()) start_server(*master_, Crash::process);
  // In one transaction with what follows, as a sentinel does it; a cluster doesn't.
  if (nodes_.empty()) host.drop_clients();
  follow_master();
  taking_over_ = false;
  if (nodes_.empty()) return;
  hear(host);
  spread();
}

void Schedule::end_server_faults() {
  for (Host* const host : all_nodes()) {
    host->server().faults = {};
    host->server().options.pubsub_limit = 0;
    host->set_clock_right();
  }
  if (!master_->up()) start_server(*master_, Crash::process);
  end_sentinel_faults();
  end_cluster_faults();
}

}  // namespace sim
