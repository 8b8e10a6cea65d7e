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
#include "base/times.h"
#include "base/wait.h"
#include "chat/delivered_ids.h"
#include "chat/entry_id.h"
#include "chat/history.h"
#include "chat/message.h"
#include "chat/message_sink.h"
#include "chat/notices.h"
#include "chat/topic.h"
#include "redis/connection_pool.h"
#include "redis/retry.h"

namespace chat {

/// Where in its history a topic is followed from.
struct StartAt {
  enum class Kind : std::uint8_t { now, last, since, after } kind = Kind::now;
  std::uint64_t count = 0;  ///< last: so many of the newest messages
  TimeSpec since;           ///< since: what was stored at this time or later
  EntryId after;            ///< after: what comes after this ID
  bool counted = false;     ///< after: it was delivered before, so that a hole behind it is a loss
};

struct SubscriberOptions {
  std::vector<std::string> topics;  ///< these, which must be there
  std::vector<std::string>
      patterns;                  ///< and all that match one of these (matches_any), whenever they are added
  bool wait_for_topics = false;  ///< when none matches a pattern (any more), instead of ending with no_topic
  std::string user;              ///< listed as present under this name; empty: only counted
  StartAt start;
  bool live = true;               ///< go on with what is published; else end at the newest message there is
  std::optional<TimeSpec> until;  ///< not live: nothing stored after this time
  std::optional<EntryId> to;      ///< not live: nothing after this ID
  bool reverse = false;           ///< not live: the newest first
  bool replica = false;           ///< a replica is read, which gets messages a moment after the channel has
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
  struct Delivered {
    EntryId id;
    std::string pub;
    std::size_t content;  // a hash
  };
  /// How far a topic was delivered: up to `at`, of which `last_numbered` is the last entry with a pub, whose
  /// n counts.
  struct Position {
    EntryId at;
    std::optional<EntryId> last_numbered;
  };
  struct Followed {
    std::string name;
    StartAt start;
    std::string node;             // who serves it
    bool away = true;             // it has to be read and subscribed to on a new connection
    bool start_resolved = false;  // the positions are known
    Position delivered;
    Position confirmed;                  // the part of `delivered` that is known from the stream
    EntryId to = last_id;                // the end of what is delivered
    std::vector<Delivered> unconfirmed;  // the rest, from the channel alone
    bool behind = true;                  // the stream has to be read again
    bool last_numbered_read = false;     // `delivered.last_numbered` comes from this reading of the stream
    bool reconnected = false;
    bool older_history = false;  // the server came back with one: what is stored again is known by pub
    bool subscribed = false;
    bool by_name = false;     // not found by a pattern: it must be there
    bool too_early = false;   // a live message was not the next one: a replica may not have it yet
    Deadline caught_up_by{};  // a replica that has less than was shown then has lost it
    TopicState state;
  };
  /// Unverified messages up to an entry of the stream.
  struct Skipped {
    bool found = false;             // the entry itself is among them
    std::uint64_t count = 0;        // of the others, those that have a place before it
    std::optional<EntryId> newest;  // of those
    std::optional<EntryId> gone;    // the newest whose place another message has got
  };
  struct Reading;
  using Topics = std::vector<Followed*>;
  /// Subscriptions at one node.
  struct Pushes {
    explicit Pushes(Connection made) : connection(std::move(made)) {}
    Connection connection;
    std::size_t confirmations_due = 0;
    Deadline next_pulse{};
  };

  bool all_there() const;
  bool reconnect_all();
  void find_topics();
  StartAt start_of_added(const std::string& name);
  Followed& follow_topic(const std::string& name, const StartAt& start);
  void sync(const std::string& node, Topics topics);
  void refresh_topics(Topics& topics);
  void forget(const Followed& topic);
  void resolve_start(Followed& topic);
  void resolve_end(Followed& topic);
  void catch_up(const Topics& topics);
  void deliver_entry(Followed& topic, ReplyView entry);
  Skipped take_unconfirmed(Followed& topic, const Message& entry);
  void end_of_stream(Followed& topic, bool read_any);
  bool replica_lags(Followed& topic, EntryId newest) const;
  bool may_have_changed(const Followed& topic) const;
  void roll_back(Followed& topic, EntryId to, EntryId from);
  void subscribe(const std::string& node, const Topics& topics);
  static void subscribe(Pushes& pushes, std::string_view how, const std::vector<std::string>& channels);
  void follow();
  void serve(const std::string& node, Pushes& pushes);
  void wait_for_pushes();
  Deadline next_deadline() const;
  void on_push(Pushes& pushes, ReplyView push);
  void on_live(Followed& topic, std::string_view payload);
  void confirm(Followed& topic);
  bool pulse();
  void pulse(const std::string& node, Pushes& pushes);
  Topics topics_at(const std::string& node, bool (*wanted)(const Followed&)) const;
  void deliver(const Followed& topic, const Message& message);
  void skip(const Followed& topic);
  void move_away(Followed& topic);
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
  std::map<std::string, std::unique_ptr<Followed>, std::less<>> topics_;
  std::map<std::string, EntryId> left_off_;  // topics that were removed: they may be added again
  DeliveredIds delivered_ids_;
  Message message_;
  std::string why_;
  std::uint64_t skipped_ = 0;
  bool was_live_ = false;
  bool found_topics_ = false;
  bool topics_changed_ = false;
};

}  // namespace chat
