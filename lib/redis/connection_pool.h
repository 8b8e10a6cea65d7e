#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/wait.h"
#include "redis/connection.h"
#include "redis/slots.h"

namespace chat {

struct PoolOptions {
  /// How long the first connection may be tried again and again; nothing means one try.
  std::optional<std::chrono::milliseconds> first_retry_for;
  bool replicas = false;  ///< in a cluster: read from replicas where there are any
};

/// Which node serves a topic, and a connection to each, opened when first needed: a single server serves all
/// topics, in a cluster each slot has its own node. A node's name is `host:port`, or empty for a single
/// server.
class ConnectionPool {
 public:
  explicit ConnectionPool(Endpoint endpoint, PoolOptions options = {})
      : endpoint_(std::move(endpoint)), options_(options) {}
  ConnectionPool(const ConnectionPool&) = delete;
  ConnectionPool& operator=(const ConnectionPool&) = delete;

  /// Connects, if there is no connection yet. The first questions can be asked before it is known what kind
  /// of Redis it is, and are answered in the same round trip: until then it counts as a single server. Where
  /// it turns out to be a cluster, an Outage ends what was asked, which broke() knows to be none; nothing may
  /// be asked till then that would do harm at the wrong node. Throws what refresh() throws.
  void begin(const StopToken& stop);

  /// What was said until now may have been said to a cluster.
  bool is_guess() const { return guess_ == Guess::made; }

  /// Gets to know what kind of Redis it is, and in a cluster who serves which slots, unless that is known.
  /// The first time it throws Error(unreachable) that names the endpoint when there is no way, and
  /// Error(usage) when replicas were asked for where there is no cluster; later Outage, like open(). Also
  /// Error(denied), Stopped.
  void refresh(Deadline deadline, const StopToken& stop);

  /// What is known may be wrong: refresh() looks again.
  void invalidate() { known_slots_ = false; }

  /// After refresh(): the node that serves a topic (or a key), and all that hold it. Throws Outage when none
  /// does.
  std::string node(std::string_view topic) const;
  std::vector<std::string> nodes(std::string_view topic) const;

  /// The connection to the node that serves a topic (or a key). The reference lasts until clear(). Throws
  /// what refresh() and open() throw.
  Connection& of(std::string_view topic, const StopToken& stop, Deadline deadline = no_deadline);

  /// That connection if there is one already, else nullptr.
  Connection* cached(std::string_view topic);

  /// Begins to connect to all nodes that hold the topic: for many topics all_of() waits for all together.
  void open_all(std::string_view topic, const StopToken& stop);

  /// Sends what is queued for all nodes, so that their answers are waited for together.
  void flush();

  /// Those to all nodes that hold the topic and can be reached.
  std::vector<Connection*> all_of(std::string_view topic, const StopToken& stop);

  /// Forgets all connections, since they may have broken or have answers outstanding, and invalidates.
  void clear();

  /// clear(), after an Outage in what was asked. Returns false if there was none, but a cluster where begin()
  /// had counted on a single server: ask again at once. Throws Error(unreachable) that names the endpoint
  /// when the first connection never became one.
  bool broke(const Outage& outage);

  /// A new connection that the caller owns. One try, for at most 5 s and not past the deadline. Throws
  /// Outage, Error(denied), Stopped.
  Connection open(const std::string& node, Deadline deadline, const StopToken& stop);

  bool is_cluster() const { return cluster_; }
  const Endpoint& endpoint() const { return endpoint_; }

 private:
  Connection& at(const std::string& node, Deadline deadline, const StopToken& stop);
  Connection connect(const std::string& node, Deadline deadline, const StopToken& stop);
  Connection first(const StopToken& stop);
  void check_kind(const Connection& connection);
  [[noreturn]] void fail_to_reach(const Outage& outage) const;
  void ask_again(Deadline deadline, const StopToken& stop);
  void ask(Connection& connection, const std::string& host, const StopToken& stop);

  Endpoint endpoint_;
  PoolOptions options_;
  enum class Guess : std::uint8_t { none, made, wrong } guess_ = Guess::none;
  bool known_kind_ = false;
  bool cluster_ = false;
  bool known_slots_ = false;
  Slots slots_;
  std::size_t sentinel_turn_ = 0;
  std::size_t pick_ = std::random_device{}();      // among equals; another one each time
  std::map<std::string, Connection> connections_;  // by node
};

}  // namespace chat
