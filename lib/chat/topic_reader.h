#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/times.h"
#include "base/wait.h"
#include "chat/account.h"
#include "chat/delivered_ids.h"
#include "chat/entry_id.h"
#include "chat/history.h"
#include "chat/message.h"
#include "chat/message_sink.h"
#include "chat/notices.h"
#include "chat/payload_reader.h"
#include "chat/topic.h"
#include "redis/connection_pool.h"
#include "redis/retry.h"

namespace chat {

/// Where in its history a topic is followed from.
struct StartAt {
  enum class Kind : std::uint8_t { now, last, since, after } kind = Kind::now;
  std::uint64_t count = 0;    ///< last: so many of the newest messages
  TimeSpec since;             ///< since: what was stored at this time or later
  EntryId after;              ///< after: what comes after this ID
  bool counted = false;       ///< after: it was delivered before, so that a hole behind it is a loss
  bool numbered = false;      ///< after: so is a hole behind its n, with which an earlier run began
  std::string pub;            ///< counted: its pub, if that is known
  std::vector<Anchor> older;  ///< counted: some that were delivered before it, the latest first
};

/// What of the topics is read.
struct ReadingOptions {
  StartAt start;
  bool live = true;               ///< go on with what is published; else end at the newest message there is
  std::optional<TimeSpec> until;  ///< not live: nothing stored after this time
  std::optional<EntryId> to;      ///< not live: nothing after this ID
  bool reverse = false;           ///< not live: the newest first
  /// A start that isn't counted is resolved: what comes after this ID is read.
  std::function<void(EntryId)> starting;
  /// Losses are told, behind what was delivered so far: this is how far the stream was read.
  std::function<void(const Anchor&)> losing;
  bool replica = false;  ///< a replica is read, which gets messages a moment after the channel has
};

/// A topic that is followed.
struct FollowedTopic {
  FollowedTopic(std::string topic, StartAt from, DeliveredIds& delivered)
      : name(std::move(topic)), start(std::move(from)), account(name, delivered) {}

  std::string name;
  StartAt start;
  std::string node;             // who serves it
  bool away = true;             // it has to be read and subscribed to on a new connection
  bool start_resolved = false;  // the account has begun
  bool behind = true;           // the stream has to be read again
  bool subscribed = false;
  bool by_name = false;             // not found by a pattern: it must be there
  bool unsure = false;              // what the channel told is to be confirmed
  bool too_early = false;           // a live message was not the next one: a replica may not have it yet
  Deadline caught_up_by{};          // a replica that has less than was delivered then has lost it
  EntryId to = last_id;             // the end of what is delivered
  EntryId last_at_start;            // the last ID given then
  std::optional<EntryId> expected;  // so far the channel has told everything when the next PONG comes
  TopicState state;
  Account account;
};
using FollowedTopics = std::vector<FollowedTopic*>;

/// The sink has enough.
struct Enough {};

/// Gives a sink what topics' accounts say is to be delivered: of their streams, and of what the channel
/// brings.
class TopicReader {
 public:
  TopicReader(ConnectionPool& pool, const ReadingOptions& options, MessageSink& sink, Notices& notices,
              RetryPolicy& retry)
      : pool_(pool), options_(options), sink_(sink), notices_(notices), retry_(retry) {}

  /// Ends what the others do, with Stopped.
  void heed(const StopToken& stop) { stop_ = stop; }

  /// Where it begins and ends. The topic's state is known, with its newest message.
  void resolve_start(FollowedTopic& topic);
  /// What catch_up does with a topic that has no message yet.
  void pass_empty(FollowedTopic& topic);
  /// Reads the streams to their ends; all topics are at the same node. Throws Enough, Stopped, and Outage,
  /// then also when a replica has to catch up first.
  void catch_up(const FollowedTopics& topics);
  /// A payload of the topic's channel. Afterwards the topic may be behind.
  void on_live(FollowedTopic& topic, std::string_view payload);
  /// Looks whether what the channel told stands in the streams; all topics are at the same node.
  void confirm(const FollowedTopics& topics);

 private:
  struct Reading;

  void resolve_end(FollowedTopic& topic);
  Account::Reading about(const FollowedTopic& topic) const;
  std::optional<Reading> begin(FollowedTopic& topic);
  bool nothing_left(const FollowedTopic& topic) const;
  Account::Verdict take_page(FollowedTopic& topic, const Reply& page);
  Account::Verdict take_entry(FollowedTopic& topic, ReplyView entry);
  void tell_losses(FollowedTopic& topic);
  void deliver(const FollowedTopic& topic, const Message& message);
  void skip(const FollowedTopic& topic, const std::string& why);

  ConnectionPool& pool_;
  const ReadingOptions& options_;
  MessageSink& sink_;
  Notices& notices_;
  RetryPolicy& retry_;
  StopToken stop_;
  PayloadReader live_;
  Message message_;  // of a stream
  std::string why_;
  std::uint64_t skipped_ = 0;
  std::uint64_t told_ = 0;  // so many were skipped when it was told last
};

}  // namespace chat
