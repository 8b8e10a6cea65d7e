#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/wait.h"
#include "chat/delivered_ids.h"
#include "chat/entry_id.h"
#include "chat/message_sink.h"
#include "chat/notices.h"
#include "chat/topic_reader.h"
#include "redis/connection_pool.h"
#include "redis/retry.h"

namespace chat {

struct SubscriberOptions : ReadingOptions {
  std::vector<std::string> topics;  ///< these, which must be there
  std::vector<std::string>
      patterns;                  ///< and all that match one of these (matches_any), whenever they are added
  bool wait_for_topics = false;  ///< when none matches a pattern (any more), instead of ending with no_topic
  unsigned list_every = 15;      ///< so many looks at the topics (4 s each), since news may have been lost
  std::string user;              ///< listed as present under this name; empty: only counted
  /// How long an outage is ridden out; nothing: without end.
  std::optional<std::chrono::milliseconds> retry_for;
  int watch_fd = -1;  ///< an error on this descriptor (a closed pipe) ends the run: ClosedOutput
};

/// Follows topics: each stored message once, in stream order, whatever happens to the connection. It reads
/// the stream up to its end, subscribes, reads what came in between, then tells what is published; a live
/// message that isn't exactly the next one, and every new connection, makes it read the stream again from its
/// own position. In a cluster each topic is read at its own node: when one breaks or a topic moves, the
/// others' topics go on.
class Subscriber {
 public:
  enum class End : std::uint8_t { enough, stopped };

  Subscriber(ConnectionPool& pool, SubscriberOptions options, MessageSink& sink, Notices& notices);

  /// Runs until the sink has enough, the end is reached (not live) or a stop is requested. Throws
  /// Error(no_topic) when there is no topic (any more) and none is waited for, Error(again) when an
  /// outage outlasts retry_for, Error(denied), ClosedOutput.
  End run(const StopToken& stop);

 private:
  /// Subscriptions at one node.
  struct Pushes {
    explicit Pushes(Connection made) : connection(std::move(made)) {}
    Connection connection;
    bool used = false;
    std::size_t confirmations_due = 0;
    std::size_t pongs_due = 0;
    Deadline next_pulse{};
  };

  bool all_there() const;
  bool reconnect_all();
  void find_topics();
  StartAt start_of_added(const std::string& name);
  FollowedTopic& follow_topic(const std::string& name, const StartAt& start);
  void sync(const std::string& node, FollowedTopics topics);
  void refresh_topics(FollowedTopics& topics);
  void take_states(FollowedTopics& topics, const std::vector<TopicState>& states);
  void forget(const FollowedTopic& topic);
  Pushes& pushes_from(const std::string& node);
  void subscribe(const std::string& node, const FollowedTopics& topics);
  static void subscribe(Pushes& pushes, std::string_view how, const std::vector<std::string>& channels);
  void follow();
  void serve(const std::string& node, Pushes& pushes);
  void wait_for_pushes();
  Deadline next_deadline() const;
  void on_push(const std::string& node, Pushes& pushes, ReplyView push);
  void on_live(FollowedTopic& topic, std::string_view payload);
  void on_pong(const std::string& node, Pushes& pushes);
  bool confirm_unsure();
  bool pulse();
  void pulse(const std::string& node, Pushes& pushes);
  FollowedTopics topics_at(const std::string& node, bool (*wanted)(const FollowedTopic&)) const;
  void move_away(FollowedTopic& topic);
  void on_disconnect(const std::string& node, const Outage& outage);
  template <typename Work>
  bool with_retry(const std::string& node, const Work& work);

  ConnectionPool& pool_;
  SubscriberOptions options_;
  MessageSink& sink_;
  Notices& notices_;
  StopToken stop_;
  std::map<std::string, Pushes> pushes_;  // by node
  RetryPolicy retry_;
  DeliveredIds delivered_ids_;
  std::map<std::string, std::unique_ptr<FollowedTopic>, std::less<>> topics_;
  FollowedTopic* heard_ = nullptr;           // the last one: mostly it is the next one, too
  std::map<std::string, EntryId> left_off_;  // topics that were removed: they may be added again
  TopicReader reader_;
  bool more_ = false;        // may have arrived already
  bool any_unsure_ = false;  // what some topic's channel told is to be confirmed
  bool was_live_ = false;
  bool found_topics_ = false;
  bool topics_changed_ = false;
  unsigned pulses_ = 0;
};

}  // namespace chat
