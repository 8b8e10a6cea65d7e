#include <algorithm>

#include "sim/world/network.h"

namespace sim {

Host::Host(World& world, ScriptEngine& scripts, std::string name, ServerOptions options)
    : world_(world), name_(std::move(name)), server_(scripts, std::move(options)) {
  server_.set_time(clock_ms());
}

void Host::step_clock(Time by) {
  trace("its clock is set " + std::to_string(by / millisecond) + " ms " + (by < 0 ? "back" : "forward"));
  clock_ahead_ += by;
}

void Host::connect(const std::shared_ptr<Connection>& connection) {
  if (!up_) return connection->refused_by_host();
  connections_.push_back(connection);
  connection->accepted();
}

void Host::receive(const std::shared_ptr<Connection>& connection) {
  if (std::ranges::find(connections_, connection) == connections_.end()) {
    if (!connection->tool_closed) connection->reset_by_host();
    return;
  }
  if (!up_ || paused()) return;
  take(connection);
  serve();
}

void Host::take(const std::shared_ptr<Connection>& connection) {
  set_time();
  if (connection->client == nullptr) connection->client = &server_.connect();
  if (!connection->arrived.empty()) {
    if (world_.tracing()) trace(connection->tool().name() + " >> " + connection->arrived);
    const std::string bytes = std::exchange(connection->arrived, {});
    server_.receive(*connection->client, bytes);
  }
  if (connection->tool_closed) server_.doom(*connection->client);
}

void Host::set_time() { server_.set_time(clock_ms()); }

void Host::serve() {
  if (!up_ || paused()) return;
  set_time();
  flush_outputs();
  if (changed) changed();
  plan_timeout();
}

void Host::flush_outputs() {
  for (std::size_t i = 0; i < connections_.size();) {
    const std::shared_ptr<Connection> connection = connections_[i];
    connection->pull();
    if (connection->client == nullptr || !connection->client->doomed) {
      ++i;
      continue;
    }
    Client& client = *connection->client;
    connection->close_by_server();
    server_.disconnect(client);
    connections_.erase(connections_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

void Host::plan_timeout() {
  const auto next = server_.next_timeout();
  if (!next || (timeout_planned_ != 0 && timeout_planned_ <= *next)) return;
  timeout_planned_ = *next;
  const Time wait = std::max<Time>(*next - clock_ms(), 1) * millisecond;
  world_.after(wait, [this, planned = *next] {
    if (timeout_planned_ == planned) timeout_planned_ = 0;
    serve();
  });
}

void Host::pause(Time until) {
  trace("is paused for " + std::to_string((until - world_.now()) / millisecond) + " ms");
  paused_until_ = std::max(paused_until_, until);
  world_.at(paused_until_, [this] {
    if (!up_ || paused()) return;
    trace("goes on");
    // What has come meanwhile is read in any order.
    std::vector<std::shared_ptr<Connection>> order = connections_;
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[world_.random.below(i)]);
    for (const auto& connection : order) {
      if (!connection->arrived.empty() || connection->tool_closed) take(connection);
    }
    serve();
  });
}

void Host::drop_clients() {
  for (const auto& connection : connections_) {
    if (connection->client != nullptr) server_.doom(*connection->client);
  }
  serve();
}

void Host::kill() {
  trace("is killed");
  up_ = false;
  paused_until_ = 0;
  for (const auto& connection : connections_) connection->reset_by_host();
  connections_.clear();
}

void Host::restart(Crash how) {
  if (up_) kill();
  set_time();
  server_.crash(how);
  up_ = true;
  timeout_planned_ = 0;
  trace("has started");
}

std::shared_ptr<Connection> Network::connect(Process& tool, std::uint16_t port) {
  const auto host = hosts_.find(port);
  if (host == hosts_.end()) return nullptr;
  if (tool.asked_first == nullptr) tool.asked_first = host->second;
  tool.asked_others = tool.asked_others || host->second != tool.asked_first;
  if (host->second->server().role() == Role::master) note_master(tool, *host->second);
  auto connection = std::make_shared<Connection>(world_, options, tool, *host->second);
  connection->number = ++last_number_;
  all_.push_back(connection);
  if (stalled_until_ > world_.now()) connection->stall(stalled_until_);
  world_.after(options.least_delay, [connection, host = host->second] { host->connect(connection); });
  return connection;
}

void Network::note_master(Process& tool, const Host& host) {
  if (host.set == Host::no_set) return;
  for (const auto& one : open()) {
    if (&one->tool() == &tool && &one->host() != &host && one->host().set == host.set) tool.split = true;
  }
  if (host.set != 0) return;
  if (host.generation < tool.newest_master) tool.split = true;
  tool.newest_master = std::max(tool.newest_master, host.generation);
}

std::vector<std::shared_ptr<Connection>> Network::open() {
  std::vector<std::shared_ptr<Connection>> open;
  std::erase_if(all_, [](const auto& one) { return one.expired(); });
  for (const auto& one : all_) {
    auto connection = one.lock();
    if (connection->state() == Connection::State::open && !connection->done()) {
      open.push_back(std::move(connection));
    }
  }
  return open;
}

}  // namespace sim
