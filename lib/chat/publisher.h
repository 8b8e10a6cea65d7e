#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/wait.h"
#include "chat/batch.h"
#include "chat/entry_id.h"
#include "chat/publish_reply.h"
#include "redis/connection_pool.h"
#include "redis/retry.h"

namespace chat {

struct PublisherOptions {
  bool ephemeral = false;                       ///< plain PUBLISH: no history, at most once
  bool create = false;                          ///< make topics that don't exist
  std::string import_id;                        ///< a lasting publisher ID; empty: a random one
  unsigned wait_replicas = 0;                   ///< so many replicas must have a batch before it counts
  std::chrono::milliseconds retry_for{30'000};  ///< how long an outage is ridden out
  bool retry_without_end = false;               ///< or as long as it lasts
  /// Told each acknowledged message's record number and ID, in order.
  std::function<void(std::uint64_t record, EntryId id)> stored;
  /// Told what a person should know, as a sentence: also that an outage begins, and that it is over.
  std::function<void(const std::string&)> warn;
  std::function<void(const std::string&)> note;
  /// A batch may be stored for so long after it was sent, by the server's clock; longer where that is found
  /// too short for a link.
  std::chrono::milliseconds lease{60'000};
};

/// Publishes messages in batches, as many under way at once as the distance takes, each sent again until
/// Redis has acknowledged it: stored once, in the order of their topic. Each sending has a time by which the
/// server must have it, which is over before the server forgets how far this publisher came: so bytes that
/// arrive late, on a connection that is long gone, are either known or refused. In a cluster only one node's
/// batches are under way at a time. Non-blocking but for connecting: the caller waits for fd() and calls
/// step().
class Publisher {
 public:
  /// Connects. Throws what ConnectionPool::refresh throws. A stop ends topic(), too, while Redis is away.
  Publisher(ConnectionPool& pool, PublisherOptions options, const StopToken& stop);

  /// A topic to publish to, by its number. Looks it up the first time, and finishes what is under way before.
  /// Throws Error(no_topic), unless it may create, what step() throws, and, at a stop, Error(again) where
  /// records were not acknowledged, else Stopped.
  std::size_t topic(const std::string& name);

  /// The same without a look: what is published first finds out. nullopt where that can't be: with several
  /// topics, ephemeral messages, or an import.
  std::optional<std::size_t> topic_unseen(const std::string& name);

  /// Whether there is room for one more message.
  bool has_room() const;

  /// Takes a message; has_room() must hold. `record` is its number in the input, for what people are told.
  /// user must be a valid one.
  void add(std::size_t topic, std::string_view user, std::int64_t timestamp, std::string_view text,
           std::uint64_t record);

  /// No more input for the moment: what was added needn't wait for a full batch.
  void flush();

  /// Negative while there is no connection.
  int fd() const;
  /// The events to wait for on fd().
  short events() const;
  /// When to call step() at the latest, ready or not. Of what add() and flush() have made ready it knows
  /// nothing: that is sent by a step() right after them.
  Deadline deadline() const;

  /// Does what can be done now. Throws Error(again) when an outage outlasts retry_for, Error(no_topic) for a
  /// topic that was removed, Error(denied), Error(unreachable) for an answer that won't change; their texts
  /// name the first record that was not acknowledged.
  void step(short ready_events);

  /// Whether everything added was acknowledged.
  bool done() const { return queue_.empty() && open_.empty(); }

  /// Calls step() until done(), or the deadline, or at a stop for 5 s at most; whether done.
  bool finish(Deadline deadline);

  /// Takes this run's traces out of Redis and warns of topics that keep less than was sent. After done().
  void close();

  /// The first record not acknowledged; nothing when done().
  std::optional<std::uint64_t> first_unacknowledged() const;

  /// The end of a sentence that tells that this record is the first such. Of several topics some of the
  /// records behind it may have been acknowledged.
  std::string unacknowledged(std::uint64_t record) const;

 private:
  struct Topic {
    std::string name;
    std::uint16_t slot = 0;
    BatchBuilder builder;
    std::uint64_t next_sequence = 1;
    std::uint64_t acknowledged = 0;  // the last one whose ID is known
    EntryId after;                   // that, else the topic's last when it was looked up, else a guess
    bool seen = true;
    std::uint64_t stored = 0;
    std::uint64_t max_len = 0;
    std::uint64_t skip_to = 0;  // an earlier run of the import came so far
  };
  enum class Repair { none, load_script, look, check_topic };

  // Batches are made (publisher.cpp).
  std::string_view publish_command() const;
  bool queue_full() const;
  void close_batches();

  // They are sent and acknowledged.
  EntryId guess_after() const;
  void connect(const std::string& topic);
  bool connect_for(const Batch& batch);
  void load_script();
  void send();
  void append_header(Batch& batch);
  std::size_t replies_of(const Batch& batch) const;
  void on_reply(ReplyView reply);
  void on_stored(const PublishReply& reply);
  void on_refusal(std::string_view error);
  [[noreturn]] void refuse(std::uint64_t record, std::string_view error) const;
  std::vector<EntryId> ids_of(const Batch& batch, const PublishReply& reply);
  std::vector<EntryId> ids_in_stream(const Batch& batch);
  void acknowledge_front();
  void go_back(Repair repair, std::string_view why);
  void repair_and_resend();

  // What goes wrong.
  void drop_connection();
  void lose_connection(const Outage& outage);
  void stop_if_requested() const;
  void naming_first_record(const std::function<void()>& attempt) const;
  void warn(const std::string& text) const;

  // The clock of the server that is connected to, as far as it is known.
  void heard_time(std::chrono::milliseconds now);
  std::chrono::milliseconds server_time() const;

  ConnectionPool& pool_;
  PublisherOptions options_;
  std::string id_;
  StopToken stop_;
  StopToken until_;  // of what blocks now: the stop, or after it the end of the time that is left
  std::optional<Deadline> finish_by_;  // set at the stop
  Connection* connection_ = nullptr;   // that of the batches under way
  std::string node_;                   // its other end, in a cluster
  RetryPolicy retry_;
  std::vector<Topic> topics_;
  std::map<std::string, std::size_t, std::less<>> numbers_;  // of them, by name

  std::vector<std::size_t> open_;  // topics whose batch is being built
  std::size_t open_bytes_ = 0;
  bool full_ = false;  // they have to be closed before the next message

  std::deque<Batch> queue_;  // closed batches, the oldest first
  SendWindow window_;
  std::size_t sent_ = 0;  // so many of them are under way
  std::size_t queued_bytes_ = 0;
  std::size_t due_ = 0;                // replies that will come
  std::size_t front_replies_ = 0;      // of them, those that the front batch has had
  std::optional<EntryId> front_last_;  // of the front batch: the ID of its last message, if it is known
  std::vector<EntryId> front_ids_;     // of the front batch: stored, but not acknowledged by all replicas
  bool going_back_ = false;            // replies that are due don't count: all is sent again after them
  bool all_refused_ = false;           // since then
  Repair repair_ = Repair::none;
  unsigned refusals_ = 0;                   // on this connection, since something was acknowledged
  Deadline refused_since_{};                // on any
  bool lost_connection_ = false;            // bytes that were sent may still arrive
  std::optional<std::uint64_t> lost_from_;  // ephemeral: unacknowledged when a connection broke
  std::uint64_t lost_ = 0;

  std::map<std::string, std::chrono::milliseconds> clocks_;  // by node: what it is ahead of time_since_boot()
  std::chrono::milliseconds last_by_{0};                     // when that of all batches so far will be over
};

}  // namespace chat
