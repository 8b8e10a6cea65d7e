#pragma once

#include <chrono>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/wait.h"
#include "redis/connection.h"
#include "redis/slots.h"

namespace chat {

struct RouteOptions {
  /// How long the first connection may be tried again and again; nothing means one try.
  std::optional<std::chrono::milliseconds> first_retry_for;
  bool replicas = false;  ///< in a cluster: read from replicas where there are any
};

/// Which node serves a topic, and how to get there: a single server serves all of them, in a cluster each
/// slot has its own. A node's name is `host:port`, or empty for a single server.
class Route {
 public:
  explicit Route(Endpoint endpoint, RouteOptions options = {})
      : endpoint_(std::move(endpoint)), options_(options) {}

  /// Gets to know what kind of Redis it is, and in a cluster who serves which slots, unless that is known.
  /// The first time it throws Error(unreachable) that names the endpoint when there is no way, and
  /// Error(usage) when replicas were asked for where there is no cluster; later Outage, like open(). Also
  /// Error(denied), Stopped.
  void find(Deadline deadline, const StopToken& stop);

  /// What is known may be wrong: find() looks again.
  void suspect() { found_ = false; }

  /// After find(): the node that serves a topic (or a key), and all that hold it. Throws Outage when none
  /// does.
  std::string node(std::string_view topic) const;
  std::vector<std::string> nodes(std::string_view topic) const;

  /// One try, for at most 5 s and not past the deadline. Throws Outage, Error(denied), Stopped.
  Connection open(const std::string& node, Deadline deadline, const StopToken& stop);

  bool is_cluster() const { return cluster_; }
  const Endpoint& endpoint() const { return endpoint_; }

 private:
  Connection connect(const std::string& node, Deadline deadline, const StopToken& stop) const;
  Connection first(const StopToken& stop) const;
  void ask_again(Deadline deadline, const StopToken& stop);
  void ask(Connection& connection, const std::string& host, const StopToken& stop);

  Endpoint endpoint_;
  RouteOptions options_;
  bool known_ = false;  // which kind of Redis it is
  bool cluster_ = false;
  bool found_ = false;
  std::optional<Connection> spare_;  // found out that it is a single server
  Slots slots_;
  std::size_t pick_ = std::random_device{}();  // among equals; another one each time
};

}  // namespace chat
