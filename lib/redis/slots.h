#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "redis/connection.h"

namespace chat {

/// The slot of a key, or of a sharded channel, in a cluster
/// (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#key-distribution-model).
std::uint16_t hash_slot(std::string_view key);

/// A master of a cluster and its replicas, each as `host:port`.
struct Shard {
  std::string master;
  std::vector<std::string> replicas;
};

/// Which shard serves which slots, as one node of a cluster saw it.
class Slots {
 public:
  static constexpr std::size_t count = 16384;

  /// Of a cluster that nothing is known of.
  Slots() { shard_of_.fill(nobody); }

  /// Reads an answer to CLUSTER SLOTS (https://redis.io/docs/latest/commands/cluster-slots/). `asked` is the
  /// host that gave it. Throws Outage for what is no such answer: all slots must be from 0 to 16383, all
  /// ports from 1 to 65535.
  Slots(ReplyView reply, std::string_view asked);

  /// Throws Outage when nobody serves the slot.
  const Shard& of(std::uint16_t slot) const;
  const std::vector<Shard>& shards() const { return shards_; }

 private:
  static constexpr std::uint32_t nobody = UINT32_MAX;

  std::vector<Shard> shards_;
  std::array<std::uint32_t, count> shard_of_{};  // indexes of shards_
};

}  // namespace chat
