// What a node of a cluster does with what another one serves
// (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#redirection-and-resharding).
#include <algorithm>
#include <array>
#include <utility>

#include "redis/slots.h"
#include "sim/command.h"
#include "sim/server.h"

namespace sim {

/// What is asked for, by one command or by a whole transaction.
struct Query {
  std::vector<std::string_view> keys;
  bool channels = false;
  bool only_reads = true;

  void add(std::span<const std::string_view> args, const Command& command) {
    if ((command.flags & has_key) == 0) return;
    channels = channels || (command.flags & of_channels) != 0;
    only_reads = only_reads && (command.flags & writes) == 0 && command.key != key_of_script;
    std::size_t first = 1;
    std::size_t count = 1;
    if (command.key == keys_to_the_end) {
      count = args.size() - 1;
    } else if (command.key == key_of_script) {
      first = 3;
      const auto said = parse_integer(args[2]);
      count = said && *said >= 0 && static_cast<std::size_t>(*said) <= args.size() - 3
                  ? static_cast<std::size_t>(*said)
                  : 0;
    } else if (command.key == key_behind_streams) {
      while (first < args.size() && !is_word(args[first], "STREAMS")) ++first;
      const std::size_t behind = args.size() - std::min(first + 1, args.size());
      count = behind % 2 == 0 ? behind / 2 : 0;
      ++first;
    } else {
      first = static_cast<std::size_t>(command.key);
      if (first >= args.size()) return;
    }
    for (std::size_t i = 0; i < count; ++i) keys.push_back(args[first + i]);
  }
};

bool Server::redirected(Call& call, const Command& command) {
  if (options.mode != Mode::cluster) return false;
  Query query;
  const auto& transaction = call.client.transaction;
  if (command.name == "exec" && transaction) {
    for (const std::vector<std::string>& words : transaction->commands) {
      const std::vector<std::string_view> args(words.begin(), words.end());
      query.add(args, *find_command(args));
    }
  } else {
    query.add(call.args, command);
  }
  return redirected(call.reply, call.client, query);
}

namespace {

const SlotRange* range_in(const std::vector<SlotRange>& slots, std::uint16_t slot) {
  const auto place = std::ranges::find_if(slots, [slot](const SlotRange& range) {
    return slot >= range.first && slot <= range.last && !range.nodes.empty();
  });
  return place == slots.end() ? nullptr : &*place;
}

}  // namespace

bool Server::serves(std::uint16_t slot) const {
  const SlotRange* const range = range_in(options.slots, slot);
  return range != nullptr && std::ranges::find(range->nodes, options.address) != range->nodes.end();
}

bool Server::is_foreign(Call& call, const Command& command) {
  if (options.mode != Mode::cluster) return false;
  std::string ignored;
  ReplyWriter reply(ignored);
  Query query;
  query.add(call.args, command);
  return redirected(reply, call.client, query);
}

bool Server::redirected(ReplyWriter& reply, const Client& client, const Query& query) {
  if (query.keys.empty()) return false;
  const std::uint16_t slot = chat::hash_slot(query.keys.front());
  const SlotRange* const range = range_in(options.slots, slot);
  const auto to = [&](std::string_view how, const Address& node) {
    reply.coded_error(std::string(how) + ' ' + std::to_string(slot) + ' ' + node.host + ':' +
                      std::to_string(node.port));
    return true;
  };
  if (range == nullptr) {
    reply.coded_error("CLUSTERDOWN Hash slot not served");
    return true;
  }
  if (std::ranges::any_of(query.keys, [&](std::string_view key) { return chat::hash_slot(key) != slot; })) {
    reply.coded_error("CROSSSLOT Keys in request don't hash to the same slot");
    return true;
  }
  if (faults.cluster_down) {
    reply.coded_error("CLUSTERDOWN The cluster is down");
    return true;
  }
  if (range->nodes.front() == options.address) {
    const auto giving = options.migrating.find(slot);
    if (giving == options.migrating.end() || query.channels) return false;
    const bool all = std::ranges::all_of(query.keys, [&](auto key) { return find(key) != nullptr; });
    return !all && to("ASK", giving->second);
  }
  const bool reads_here = role_ == Role::replica && client.read_only && query.only_reads && serves(slot);
  return !reads_here && to("MOVED", range->nodes.front());
}

void Server::hear_of_slots(std::vector<SlotRange> slots) {
  const std::vector<SlotRange> before = std::exchange(options.slots, std::move(slots));
  if (role_ == Role::master) forget_foreign_keys();
  for (const auto& client : clients_) {
    const auto channels = client->shard_channels;
    for (const std::string& channel : channels) {
      const SlotRange* const now = range_in(options.slots, chat::hash_slot(channel));
      const SlotRange* const then = range_in(before, chat::hash_slot(channel));
      if (now != nullptr && then != nullptr && now->nodes.front() == then->nodes.front()) continue;
      unsubscribe(*client, channel, true);
      ReplyWriter reply(client->output);
      reply.array(3);
      reply.bulk("sunsubscribe");
      reply.bulk(channel);
      reply.integer(static_cast<std::int64_t>(client->shard_channels.size()));
    }
  }
  const std::vector<Client*> waiting = blocked_;
  for (Client* const client : waiting) {
    Query query;
    query.keys.assign(client->blocked.keys.begin(), client->blocked.keys.end());
    query.only_reads = client->blocked.group.empty();
    ReplyWriter reply(client->output);
    if (client->blocked.by != Blocked::By::stream || !redirected(reply, *client, query)) continue;
    unblock(*client);
    pump(*client);
  }
}

void Server::forget_foreign_keys() {
  if (options.mode != Mode::cluster) return;
  std::erase_if(data_, [this](const auto& key) {
    const std::uint16_t slot = chat::hash_slot(key.first);
    return !serves(slot) && !options.importing.contains(slot);
  });
}

std::optional<Value> Server::give_away(std::string_view key) {
  Value* const value = find(key);
  if (value == nullptr) return std::nullopt;
  std::optional<Value> given = std::move(*value);
  value->data = std::string();
  data_.erase(data_.find(key));
  std::string unit;
  append_command(unit, std::array<std::string_view, 2>{"DEL", key});
  log_.append(std::move(unit));
  if (options.persistence == Persistence::always) synced_ = log_.end();
  return given;
}

void Server::take_over(std::string_view key, Value value) {
  data_.insert_or_assign(std::string(key), std::move(value));
  base_ = data_;
  log_.restart(log_.end());
  synced_ = log_.end();
}

void Server::send_away_blocked() {
  const std::vector<Client*> waiting = blocked_;
  for (Client* const client : waiting) {
    ReplyWriter(client->output)
        .coded_error(
            "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)");
    doom(*client);
  }
}

}  // namespace sim
