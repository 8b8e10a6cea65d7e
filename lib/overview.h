#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nodes.h"
#include "topic.h"

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
std::vector<TopicOverview> overview(Nodes& nodes, std::vector<std::string> names, const StopToken& stop);

/// A table with a line for each topic under one of headings, for people. Cut to `width` columns; 0: not.
std::string overview_table(const std::vector<TopicOverview>& topics, std::size_t width);

/// The same with what goes on now: rate and newest message.
std::vector<std::string> activity_table(const std::vector<TopicOverview>& topics, std::size_t width);

/// A line for each topic, for pipes: time, topic, subscribers, messages a second, user and text of the newest
/// message, separated by tabs.
std::string activity_lines(const std::vector<TopicOverview>& topics);

/// `0`, `0.5`, `1234`
std::string rate_text(double rate);

/// A JSON object and a newline for each topic.
std::string overview_json(const std::vector<TopicOverview>& topics);

using Presences = std::vector<std::pair<std::string, Presence>>;  ///< by topic

/// A table of who is there, with a line for each topic in which somebody is; longer ones are wrapped. width
/// 0: not.
std::string presence_table(const Presences& topics, std::size_t width);

/// A line for each user, for pipes: topic, if wanted, a tab, and the name.
std::string presence_lines(const Presences& topics, bool with_topic);

/// A JSON object and a newline for each topic: topic, users, nameless.
std::string presence_json(const Presences& topics);

}  // namespace chat
