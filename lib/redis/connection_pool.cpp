#include "redis/connection_pool.h"
#include "base/error.h"
#include "base/wait.h"

namespace chat {

Connection& ConnectionPool::of(std::string_view topic, const StopToken& stop, Deadline deadline) {
  route_.find(deadline, stop);
  return at(route_.node(topic), deadline, stop);
}

std::vector<Connection*> ConnectionPool::all_of(std::string_view topic, const StopToken& stop) {
  std::vector<Connection*> connections{&of(topic, stop)};
  for (const std::string& node : route_.nodes(topic)) {
    try {
      Connection* const connection = &at(node, no_deadline, stop);
      if (connection != connections.front()) connections.push_back(connection);
    } catch (const Outage&) {
      // A replica that is away has no part in anything.
    }
  }
  return connections;
}

Connection* ConnectionPool::find(std::string_view topic) {
  const auto found = connections_.find(route_.node(topic));
  return found == connections_.end() ? nullptr : &found->second;
}

void ConnectionPool::drop(const std::string& node) {
  connections_.erase(node);
  route_.suspect();
}

void ConnectionPool::clear() {
  connections_.clear();
  route_.suspect();
}

Connection& ConnectionPool::at(const std::string& node, Deadline deadline, const StopToken& stop) {
  const auto found = connections_.find(node);
  if (found != connections_.end()) return found->second;
  return connections_.emplace(node, route_.open(node, deadline, stop)).first->second;
}

}  // namespace chat
