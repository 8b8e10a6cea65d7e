#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "sim/effect_log.h"
#include "sim/resp.h"
#include "sim/stream_id.h"

namespace sim {

/// What a client waits for in the server. It executes no command until then.
struct Blocked {
  enum class By : std::uint8_t { nothing, stream, replicas };
  By by = By::nothing;
  std::int64_t until = 0;  // ms; 0: for ever
  // XREAD and XREADGROUP
  std::vector<std::string> keys;
  std::vector<StreamId> after;
  std::string group;  // empty: XREAD
  std::string consumer;
  bool no_ack = false;
  std::uint64_t count = 0;
  // WAIT
  EffectLog::Offset offset = 0;
  std::int64_t replicas = 0;
};

/// A client's end of a connection, as the server keeps it.
struct Client {
  std::uint64_t id = 0;
  std::string output;   // not yet taken by whoever carries it to the client
  bool doomed = false;  // the server wants to disconnect it; nothing is executed or sent any more
  bool logged_in = true;
  bool read_only = false;  // READONLY was sent, to a replica in a cluster
  CommandReader input;
  std::set<std::string, std::less<>> channels;
  std::set<std::string, std::less<>> shard_channels;
  Blocked blocked;
  // MULTI (https://redis.io/docs/latest/develop/using-commands/transactions/), without WATCH and DISCARD
  bool queueing = false;
  bool refused = false;  // one of them: EXEC discards them all
  std::vector<std::vector<std::string>> queued;
  EffectLog::Offset last_write = 0;  // behind its own last write; what WAIT asks for

  bool subscribed() const { return !channels.empty() || !shard_channels.empty(); }
  bool is_blocked() const { return blocked.by != Blocked::By::nothing; }
};

}  // namespace sim
