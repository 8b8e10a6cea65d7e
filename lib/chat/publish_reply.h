#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "chat/entry_id.h"
#include "redis/reply.h"

namespace chat {

/// How far a publisher came in a topic: its last message's number, and the ID it got.
struct Position {
  std::uint64_t sequence = 0;
  EntryId id;

  /// Reads `sequence ms n`, as publish.lua keeps it; what isn't there is 0.
  static Position parse(std::string_view text);
};

/// What publish.lua answers when it has taken a batch.
struct PublishReply {
  Position before;
  Position last;
  std::uint64_t max_len = 0;
  std::chrono::milliseconds now{0};    ///< of the server's clock
  std::uint64_t gone = 0;              ///< acknowledged messages that are, since the history is an older one
  std::optional<std::string> failure;  ///< what ended the batch early

  /// Throws Outage for what the script doesn't answer.
  static PublishReply read(ReplyView reply);
};

/// What to tell people of an error that the script gives for this topic.
std::string publish_error_text(std::string_view error, std::string_view topic);

}  // namespace chat
