#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "chat/overview.h"

namespace chat {

/// A table with a line for each topic under one of headings, for people. Cut to `width` columns; 0: not.
std::string overview_table(const std::vector<TopicOverview>& topics, std::size_t width);

/// The busiest topics first: by rate, then by the newest message, then by name.
void sort_by_activity(std::vector<TopicOverview>& topics);

/// The same with what goes on now: rate and newest message.
std::vector<std::string> activity_table(const std::vector<TopicOverview>& topics, std::size_t width);

/// A line for each topic, for pipes: time, topic, subscribers, messages a second, user and text of the newest
/// message, separated by tabs.
std::string activity_lines(const std::vector<TopicOverview>& topics);

/// `0`, `0.5`, `1234`
std::string rate_text(double rate);

/// A JSON object and a newline for each topic.
std::string overview_json(const std::vector<TopicOverview>& topics);

/// A table of who is there, with a line for each topic in which somebody is; longer ones are wrapped. width
/// 0: not.
std::string presence_table(const Presences& topics, std::size_t width);

/// A line for each user, for pipes: topic, if wanted, a tab, and the name.
std::string presence_lines(const Presences& topics, bool with_topic);

/// A JSON object and a newline for each topic: topic, users, nameless.
std::string presence_json(const Presences& topics);

}  // namespace chat
