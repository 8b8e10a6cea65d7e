// Pub/Sub, plain and sharded (https://redis.io/docs/latest/develop/interact/pubsub/), without patterns in
// SUBSCRIBE.
#include <algorithm>
#include <array>
#include <string>

#include "sim/command.h"
#include "sim/glob.h"
#include "sim/server.h"

namespace sim {

namespace {

std::size_t subscriptions(const Client& client, bool sharded) {
  return sharded ? client.shard_channels.size() : client.channels.size();
}

void subscribe_to(Call& call, bool sharded) {
  for (const std::string_view channel : call.args.subspan(1)) {
    call.server.subscribe(call.client, channel, sharded);
    call.reply.array(3);
    call.reply.bulk(sharded ? "ssubscribe" : "subscribe");
    call.reply.bulk(channel);
    call.reply.integer(static_cast<std::int64_t>(subscriptions(call.client, sharded)));
  }
}

void left(Call& call, const std::string_view* channel, bool sharded) {
  call.reply.array(3);
  call.reply.bulk(sharded ? "sunsubscribe" : "unsubscribe");
  if (channel != nullptr) {
    call.reply.bulk(*channel);
  } else {
    call.reply.nil();
  }
  call.reply.integer(static_cast<std::int64_t>(subscriptions(call.client, sharded)));
}

void unsubscribe_from(Call& call, bool sharded) {
  if (call.size() == 1) {
    const auto channels = sharded ? call.client.shard_channels : call.client.channels;
    if (channels.empty()) return left(call, nullptr, sharded);
    for (const std::string& channel : channels) {
      call.server.unsubscribe(call.client, channel, sharded);
      const std::string_view name = channel;
      left(call, &name, sharded);
    }
    return;
  }
  for (const std::string_view& channel : call.args.subspan(1)) {
    call.server.unsubscribe(call.client, channel, sharded);
    left(call, &channel, sharded);
  }
}

void subscribe(Call& call) { subscribe_to(call, false); }
void ssubscribe(Call& call) { subscribe_to(call, true); }
void unsubscribe(Call& call) { unsubscribe_from(call, false); }
void sunsubscribe(Call& call) { unsubscribe_from(call, true); }

void publish(Call& call) {
  const std::size_t heard = call.server.deliver(call[1], call[2], false);
  if (call.server.options.mode != Mode::cluster) {
    call.changed();
  } else if (call.server.published_to_cluster) {
    call.server.published_to_cluster(call[1], call[2]);
  }
  call.reply.integer(static_cast<std::int64_t>(heard));
}

void spublish(Call& call) {
  const std::size_t heard = call.server.deliver(call[1], call[2], true);
  call.changed();
  call.reply.integer(static_cast<std::int64_t>(heard));
}

void channels(Call& call, bool sharded) {
  if (call.size() > 3) return call.bad_subcommand();
  const std::size_t begin = call.reply.mark();
  std::size_t found = 0;
  for (const auto& [channel, clients] : call.server.subscribers(sharded)) {
    if (call.size() == 3 && !glob_matches(call[2], channel)) continue;
    call.reply.bulk(channel);
    ++found;
  }
  call.reply.array_at(begin, found);
}

void count_subscribers(Call& call, bool sharded) {
  const auto& all = call.server.subscribers(sharded);
  call.reply.array((call.size() - 2) * 2);
  for (const std::string_view channel : call.args.subspan(2)) {
    const auto place = all.find(channel);
    call.reply.bulk(channel);
    call.reply.integer(place == all.end() ? 0 : static_cast<std::int64_t>(place->second.size()));
  }
}

void pubsub_channels(Call& call) { channels(call, false); }
void pubsub_shardchannels(Call& call) { channels(call, true); }
void pubsub_numsub(Call& call) { count_subscribers(call, false); }
void pubsub_shardnumsub(Call& call) { count_subscribers(call, true); }
void pubsub_numpat(Call& call) { call.reply.integer(0); }

constexpr unsigned always = while_loading | while_stale;
constexpr unsigned from_subscribers = always | no_script | while_subscribed;

constexpr std::array table{
    Command{"publish", 3, always, publish},
    Command{"spublish", 3, always | has_key | of_channels, spublish},
    Command{"subscribe", -2, from_subscribers, subscribe},
    Command{"ssubscribe", -2, from_subscribers | has_key | of_channels, ssubscribe, keys_to_the_end},
    Command{"unsubscribe", -1, from_subscribers, unsubscribe},
    Command{"sunsubscribe", -1, from_subscribers | has_key | of_channels, sunsubscribe, keys_to_the_end},
    Command{"pubsub|channels", -2, always, pubsub_channels},
    Command{"pubsub|shardchannels", -2, always, pubsub_shardchannels},
    Command{"pubsub|numsub", -2, always, pubsub_numsub},
    Command{"pubsub|shardnumsub", -2, always, pubsub_shardnumsub},
    Command{"pubsub|numpat", 2, always, pubsub_numpat},
};

}  // namespace

std::span<const Command> pubsub_commands() { return table; }

}  // namespace sim
