// Clients that wait in the server: for entries of streams, for replicas.
#include <algorithm>

#include "sim/command.h"
#include "sim/reading.h"
#include "sim/server.h"

namespace sim {

void Server::block(Client& client, Blocked blocked) {
  client.blocked = std::move(blocked);
  blocked_.push_back(&client);
}

void Server::unblock(Client& client) {
  if (!client.is_blocked()) return;
  std::erase(blocked_, &client);
  client.blocked = {};
}

void Server::signal(std::string_view key) {
  if (!blocked_.empty() && std::ranges::find(ready_, key) == ready_.end()) ready_.emplace_back(key);
}

namespace {

void serve_from(Server& server, Client& client, std::string_view key, Stream& stream, bool& served) {
  const Blocked& blocked = client.blocked;
  const auto index = static_cast<std::size_t>(std::ranges::find(blocked.keys, key) - blocked.keys.begin());
  Group* group = blocked.group.empty() ? nullptr : stream.group(blocked.group);
  ReplyWriter reply(client.output);
  served = true;
  if (!blocked.group.empty() && group == nullptr) {
    reply.coded_error("NOGROUP the consumer group this client was blocked on no longer exists");
    return;
  }
  const StreamId after = group != nullptr ? group->last : blocked.after[index];
  served = stream.last_id() > after;
  if (!served) return;
  reply.array(1);
  reply.array(2);
  reply.bulk(key);
  GroupReading reading{server, key, stream, group, blocked.group, blocked.consumer, blocked.no_ack};
  reading.read_new(reply, after, blocked.count);
}

}  // namespace

void Server::serve_blocked() {
  std::vector<Client*> served_clients;
  while (!ready_.empty()) {
    const std::vector<std::string> keys = std::exchange(ready_, {});
    for (const std::string& key : keys) {
      const std::vector<Client*> waiting = blocked_;
      for (Client* client : waiting) {
        const Blocked& blocked = client->blocked;
        if (blocked.by != Blocked::By::stream || std::ranges::find(blocked.keys, key) == blocked.keys.end()) {
          continue;
        }
        Value* value = find(key);
        Stream* stream = value == nullptr ? nullptr : std::get_if<Stream>(&value->data);
        bool served = false;
        if (stream != nullptr) {
          serve_from(*this, *client, key, *stream, served);
        } else if (!blocked.group.empty()) {
          ReplyWriter(client->output).coded_error("UNBLOCKED the stream key no longer exists");
          served = true;
        }
        if (!served) continue;
        unblock(*client);
        finish_unit(*client);
        served_clients.push_back(client);
      }
    }
  }
  for (Client* client : served_clients) pump(*client);
}

void Server::acknowledge(std::uint64_t replica, EffectLog::Offset offset) {
  acknowledged_[replica] = offset;
  serve_waiting();
}

void Server::forget_replica(std::uint64_t replica) { acknowledged_.erase(replica); }

std::size_t Server::replicas_with(EffectLog::Offset offset) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      acknowledged_, [offset](const auto& replica) { return replica.second >= offset; }));
}

void Server::serve_waiting() {
  const std::vector<Client*> waiting = blocked_;
  for (Client* client : waiting) {
    if (client->blocked.by != Blocked::By::replicas) continue;
    const auto count = static_cast<std::int64_t>(replicas_with(client->blocked.offset));
    if (count < client->blocked.replicas) continue;
    ReplyWriter(client->output).integer(count);
    unblock(*client);
    pump(*client);
  }
}

}  // namespace sim
