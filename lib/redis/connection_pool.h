#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/wait.h"
#include "redis/connection.h"
#include "redis/route.h"

namespace chat {

/// Connections to nodes, one each, opened when first needed.
class ConnectionPool {
 public:
  explicit ConnectionPool(Route& route) : route_(route) {}

  /// The connection to the node that serves a topic (or a key). The reference lasts until the node is
  /// dropped. Throws what Route::find and Route::open throw.
  Connection& of(std::string_view topic, const StopToken& stop, Deadline deadline = no_deadline);

  /// Those to all nodes that hold the topic and can be reached.
  std::vector<Connection*> all_of(std::string_view topic, const StopToken& stop);

  /// The connection of(topic), if there is one already.
  Connection* find(std::string_view topic);

  /// Forgets connections that may have broken or have answers outstanding, and doubts the route.
  void drop(const std::string& node);
  void clear();

  const Route& route() const { return route_; }

 private:
  Connection& at(const std::string& node, Deadline deadline, const StopToken& stop);

  Route& route_;
  std::map<std::string, Connection> connections_;
};

}  // namespace chat
