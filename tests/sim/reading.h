#pragma once

#include <cstdint>
#include <string_view>

#include "sim/resp.h"
#include "sim/server.h"
#include "sim/stream.h"

namespace sim {

/// An entry as XRANGE replies with it.
void write_entry(ReplyWriter& reply, const Entry& entry);

/// Reads one stream, for a group or for nobody.
struct GroupReading {
  Server& server;
  std::string_view key;
  Stream& stream;
  Group* group;  // null: XREAD
  std::string_view group_name;
  std::string_view consumer_name;
  bool no_ack;

  /// Replies with the array of entries above `after`, at most `count` (0: all), and gives them to the
  /// consumer.
  void read_new(ReplyWriter& reply, StreamId after, std::uint64_t count);
  /// Replies with the consumer's own pending entries above `after`.
  void read_pending(ReplyWriter& reply, StreamId after, std::uint64_t count);

 private:
  Consumer& consumer();
  void give(StreamId id, std::uint32_t owner);
};

/// What giving an entry to a consumer means to copies of the data.
void claim_effect(Server& server, std::string_view key, std::string_view group_name, const Group& group,
                  StreamId id, const Pending& pending);

}  // namespace sim
