#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/wait.h"
#include "chat/entry_id.h"
#include "chat/message.h"
#include "chat/trail.h"
#include "redis/connection_pool.h"

namespace chat {

inline constexpr std::array<std::string_view, 4> default_topics{"topic1", "topic2", "topic3", "topic4"};
inline constexpr std::uint64_t default_max_len = 100'000;

/// Up to this many messages a topic is trimmed exactly, above approximately (XTRIM's ~), which is cheaper.
inline constexpr std::uint64_t exact_trim_limit = 5'000;

/// The channel told when a topic was added or removed; the payload is its name.
inline constexpr std::string_view topics_channel = "chat:topics";

bool is_default(std::string_view topic);

/// Whether it is 1 to 128 of `A-Z a-z 0-9 . _ - / :`, not starting with `-` or `chat:`.
bool valid_topic(std::string_view topic);

/// Throws Error(usage) unless valid_topic.
void check_topic(std::string_view topic);

/// What to say behind an error about `name` when it is a URL, which stands in the place of a topic; else
/// nothing.
std::string url_hint(std::string_view name);

/// The keys and channels of a topic. The braces keep them in one slot of a cluster
/// (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags).
std::string stream_key(std::string_view topic);
std::string info_key(std::string_view topic);
std::string publisher_key(std::string_view topic, std::string_view publisher);
std::string presence_channel(std::string_view topic, std::string_view user);

/// What a topic keeps. Absent means: as it is (set_topic), or the default (add_topic).
struct Settings {
  std::optional<std::uint64_t> max_len;              ///< messages; 0 keeps all
  std::optional<std::chrono::milliseconds> max_age;  ///< 0 keeps all
  std::optional<std::string> description;
};

/// A topic as it stands in Redis.
struct TopicState {
  bool exists = false;
  EntryId last;  ///< the last ID given: n counts all messages ever; 0-0 before the first
  std::uint64_t max_len = default_max_len;
  std::chrono::milliseconds max_age{0};  ///< 0: no limit
  std::string description;
  std::chrono::milliseconds created{0};  ///< since 1970; 0 when nothing stands in Redis yet
  std::chrono::milliseconds now{0};      ///< Redis's time, since 1970
  Anchor newest;  ///< if that was asked for: 0-0 when there is none, no pub when it is no chat message

  /// Messages stored before this moment are too old to be shown.
  std::chrono::milliseconds oldest() const {
    return max_age.count() > 0 && max_age < now ? now - max_age : std::chrono::milliseconds(0);
  }
};

/// Looks at topics in as few round trips as can be. A default topic exists unless it was removed, though
/// nothing stands in Redis yet. ask_look_up sends the questions, take_look_up waits for the answers; listed:
/// list_topics has just told them.
std::vector<TopicState> look_up(ConnectionPool& pool, const std::vector<std::string>& topics,
                                const StopToken& stop);
void ask_look_up(ConnectionPool& pool, const std::vector<std::string>& topics, bool newest,
                 const StopToken& stop);
std::vector<TopicState> take_look_up(ConnectionPool& pool, const std::vector<std::string>& topics,
                                     bool newest, const StopToken& stop, bool listed = false);
TopicState look_up(ConnectionPool& pool, const std::string& topic, const StopToken& stop);

/// The two commands of a look-up, for a write that asks for more, and what their replies tell. A default
/// topic of which nothing stands in Redis does not exist by this.
void append_look_up(Connection& connection, std::string_view topic);
TopicState topic_state(ReplyView time, ReplyView info);

/// look_up, and Error(no_topic) that lists near names when there is no such topic.
TopicState require_topic(ConnectionPool& pool, const std::string& topic, const StopToken& stop);

/// Makes the topic if it isn't there, in an order in which it is listed as soon as it is there. Idempotent:
/// when a try was broken off, the next one is `again`, and tells readers of it in any case. Returns whether
/// the topic's info was made.
bool add_topic(ConnectionPool& pool, const std::string& topic, const Settings& settings,
               const StopToken& stop, bool again = false);

/// Changes settings of a topic that exists and trims at once.
void set_topic(ConnectionPool& pool, const std::string& topic, const Settings& settings,
               const StopToken& stop);

/// Removes a topic that exists; `purge` also deletes its messages.
void remove_topic(ConnectionPool& pool, const std::string& topic, bool purge, const StopToken& stop);

/// The names of all topics, sorted.
std::vector<std::string> list_topics(ConnectionPool& pool, const StopToken& stop);

/// Who is subscribed, at any node.
struct Presence {
  std::vector<std::string> users;  ///< those who gave a name, sorted
  std::uint64_t nameless = 0;      ///< connections of others
};
using Presences = std::vector<std::pair<std::string, Presence>>;  ///< by topic
Presences presence(ConnectionPool& pool, const std::vector<std::string>& topics, const StopToken& stop);

/// What to tell somebody who asked for `topic`, which is not among all `names`.
std::string no_such_topic(std::string_view topic, const std::vector<std::string>& names);

}  // namespace chat
