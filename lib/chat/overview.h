#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/wait.h"
#include "chat/topic.h"
#include "redis/connection_pool.h"

namespace chat {

/// What is going on in one topic.
struct TopicOverview {
  static constexpr std::size_t parts = 12;  ///< of the last hour

  std::string name;
  TopicState state;
  std::uint64_t subscribers = 0;
  std::uint64_t kept = 0;                                ///< messages in the stream
  std::optional<std::chrono::milliseconds> last_stored;  ///< since 1970
  std::array<std::uint64_t, parts> stored{};             ///< messages in each part, the oldest first
  std::optional<Message> newest;                         ///< nothing, too, when that is no chat message
  std::optional<double> rate;                            ///< messages a second since the last look
  bool changed = false;                                  ///< since the last look
};

/// Looks at topics in few round trips. Topics that don't exist are left out.
std::vector<TopicOverview> overview(ConnectionPool& pool, const std::vector<std::string>& names,
                                    const StopToken& stop);

}  // namespace chat
