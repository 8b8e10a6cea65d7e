#include "redis/connection_pool.h"

#include <algorithm>
#include <utility>

#include "redis/retry.h"
#include "redis/sentinel.h"

namespace chat {

using namespace std::chrono_literals;

namespace {

// One node among many must not keep the others waiting.
constexpr auto time_to_ask = 1s;
constexpr auto time_to_open = 2s;
constexpr auto time_to_begin = 4500ms;

}  // namespace

void ConnectionPool::begin(const StopToken& stop) {
  const bool one_way = !options_.first_retry_for && !options_.replicas && endpoint_.sentinels.empty();
  if (known_slots_ || known_kind_ || !one_way) return refresh(no_deadline, stop);
  try {
    Connection& connection =
        connections_.emplace("", Connection::start(endpoint_, Clock::now() + time_to_begin, stop))
            .first->second;
    connection.append_first({"CLUSTER", "SLOTS"}, [this](const Connection& from, ReplyView slots) {
      check_kind(from);
      guess_ = cluster_ ? Guess::wrong : Guess::none;
      if (!cluster_) return;
      throw_if_error(slots, "CLUSTER SLOTS");
      slots_ = Slots(slots, endpoint_.host);
      throw Outage("it is a cluster");
    });
  } catch (const Outage& outage) {
    fail_to_reach(outage);
  }
  guess_ = Guess::made;
  known_slots_ = true;
}

void ConnectionPool::check_kind(const Connection& connection) {
  if (connection.mode() == "sentinel") {
    throw Error(Failure::unreachable, endpoint_.str() +
                                          " is a sentinel: write redis-sentinel://host:port,…/master, with "
                                          "the master's name");
  }
  known_kind_ = true;
  cluster_ = connection.mode() == "cluster";
}

void ConnectionPool::fail_to_reach(const Outage& outage) const {
  throw Error(Failure::unreachable, "can't reach Redis at " + endpoint_.str() + ": " + outage.what());
}

bool ConnectionPool::broke(const Outage& outage) {
  const Guess guess = guess_;
  clear();
  if (guess == Guess::made) fail_to_reach(outage);
  known_slots_ = guess == Guess::wrong && !slots_.shards().empty();
  return guess != Guess::wrong;
}

void ConnectionPool::refresh(Deadline deadline, const StopToken& stop) {
  if (known_slots_) return;
  if (known_kind_) {
    if (cluster_) ask_again(deadline, stop);
  } else {
    Connection connection = first(stop);
    check_kind(connection);
    if (cluster_) {
      ask(connection, endpoint_.host, stop);
    } else if (options_.replicas) {
      throw Error(Failure::usage, "--read-from replica is for a Redis Cluster, and " + endpoint_.str() +
                                      " is none: give the replica's own address");
    } else {
      connections_.emplace("", std::move(connection));
    }
  }
  known_slots_ = true;
}

Connection ConnectionPool::first(const StopToken& stop) {
  const Deadline give_up = Clock::now() + options_.first_retry_for.value_or(0ms);
  Backoff backoff;
  while (true) {
    try {
      Connection connection = connect("", Clock::now() + time_to_begin, stop);
      connection.greet(stop);
      return connection;
    } catch (const Outage& outage) {
      const auto pause = backoff.next();
      if (Clock::now() + pause >= give_up) fail_to_reach(outage);
      wait({}, Clock::now() + pause, stop);
      if (stop.requested()) throw Stopped();
    }
  }
}

void ConnectionPool::ask_again(Deadline deadline, const StopToken& stop) {
  std::vector<std::string> nodes;
  for (const Shard& shard : slots_.shards()) {
    nodes.push_back(shard.master);
    nodes.insert(nodes.end(), shard.replicas.begin(), shard.replicas.end());
  }
  if (!nodes.empty()) {
    std::rotate(nodes.begin(), nodes.begin() + static_cast<std::ptrdiff_t>(pick_++ % nodes.size()),
                nodes.end());
  }
  nodes.emplace_back();  // where it all began
  for (std::size_t i = 0; true; ++i) {
    try {
      const std::string& node = nodes[i];
      Connection connection = connect(node, std::min(deadline, Clock::now() + time_to_ask), stop);
      return ask(connection, node.empty() ? endpoint_.host : node.substr(0, node.rfind(':')), stop);
    } catch (const Outage&) {
      if (i + 1 == nodes.size() || Clock::now() >= deadline) throw;
    }
  }
}

void ConnectionPool::ask(Connection& connection, const std::string& host, const StopToken& stop) {
  Slots slots(connection.command({"CLUSTER", "SLOTS"}, stop).view(), host);
  // A node that was taken out of its cluster knows nothing any more: others do.
  if (slots.shards().empty() && !slots_.shards().empty()) {
    throw Outage("the node at " + host + " knows none that serves a slot");
  }
  slots_ = std::move(slots);
  ++pick_;
}

std::string ConnectionPool::node(std::string_view topic) const {
  if (!cluster_) return "";
  const Shard& shard = slots_.of(hash_slot(topic));
  if (!options_.replicas || shard.replicas.empty()) return shard.master;
  return shard.replicas[pick_ % shard.replicas.size()];
}

std::vector<std::string> ConnectionPool::nodes(std::string_view topic) const {
  if (!cluster_) return {""};
  const Shard& shard = slots_.of(hash_slot(topic));
  std::vector<std::string> nodes = shard.replicas;
  nodes.push_back(shard.master);
  return nodes;
}

Connection ConnectionPool::open(const std::string& node, Deadline deadline, const StopToken& stop) {
  Connection connection =
      connect(node, std::min(deadline, Clock::now() + (cluster_ ? time_to_open : 5s)), stop);
  if (options_.replicas) {
    connection.append_first({"READONLY"},
                            [](const Connection&, ReplyView reply) { throw_if_error(reply, "READONLY"); });
  }
  return connection;
}

Connection ConnectionPool::connect(const std::string& node, Deadline deadline, const StopToken& stop) {
  if (!node.empty()) {
    Endpoint endpoint = endpoint_;
    const std::size_t colon = node.rfind(':');
    endpoint.socket.clear();
    endpoint.host = node.substr(0, colon);
    endpoint.port = static_cast<std::uint16_t>(std::stoul(node.substr(colon + 1)));
    try {
      return Connection::start(endpoint, deadline, stop);
    } catch (const Outage& outage) {
      throw Outage(outage.what(), node);
    }
  }
  if (!endpoint_.sentinels.empty()) return open_master(endpoint_, sentinel_turn_++, deadline, stop);
  return Connection::start(endpoint_, deadline, stop);
}

Connection& ConnectionPool::of(std::string_view topic, const StopToken& stop, Deadline deadline) {
  refresh(deadline, stop);
  return at(node(topic), deadline, stop);
}

void ConnectionPool::open_all(std::string_view topic, const StopToken& stop) {
  refresh(no_deadline, stop);
  for (const std::string& node : nodes(topic)) {
    try {
      at(node, no_deadline, stop).flush();
    } catch (const Outage&) {
      // all_of() leaves it out.
    }
  }
}

void ConnectionPool::flush() {
  for (auto& [node, connection] : connections_) connection.flush();
}

std::vector<Connection*> ConnectionPool::all_of(std::string_view topic, const StopToken& stop) {
  std::vector<Connection*> connections{&of(topic, stop)};
  for (const std::string& node : nodes(topic)) {
    try {
      Connection* const connection = &at(node, no_deadline, stop);
      connection->greet(stop);
      if (connection != connections.front()) connections.push_back(connection);
    } catch (const Outage&) {
      // A replica that is away has no part in anything.
    }
  }
  return connections;
}

Connection* ConnectionPool::cached(std::string_view topic) {
  const auto found = connections_.find(node(topic));
  return found == connections_.end() ? nullptr : &found->second;
}

void ConnectionPool::clear() {
  connections_.clear();
  guess_ = Guess::none;
  invalidate();
}

Connection& ConnectionPool::at(const std::string& node, Deadline deadline, const StopToken& stop) {
  const auto found = connections_.find(node);
  if (found != connections_.end()) return found->second;
  return connections_.emplace(node, open(node, deadline, stop)).first->second;
}

}  // namespace chat
