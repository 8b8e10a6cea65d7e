#pragma once

#include <cstdint>
#include <optional>
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

/// What a client has said since MULTI.
struct Transaction {
  std::vector<std::vector<std::string>> commands;
  unsigned flags = 0;    // of all
  bool refused = false;  // one of them was
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
  std::optional<Transaction> transaction;
  EffectLog::Offset last_write = 0;  // behind its own last write; what WAIT asks for

  bool subscribed() const { return !channels.empty() || !shard_channels.empty(); }
  bool is_blocked() const { return blocked.by != Blocked::By::nothing; }
};

}  // namespace sim
