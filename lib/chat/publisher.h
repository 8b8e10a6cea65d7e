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
#include "chat/entry_id.h"
#include "chat/message.h"
#include "chat/topic.h"
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
  /// Told each acknowledged message's record number and ID, in order. Costs throughput: one batch at a time.
  std::function<void(std::uint64_t record, EntryId id)> stored;
  /// Told what a person should know, as a sentence: also that an outage begins, and that it is over.
  std::function<void(const std::string&)> warn;
  std::function<void(const std::string&)> note;
};

/// Publishes messages in batches, several under way at once, each sent again until Redis has acknowledged
/// it: stored once, in the order of their topic. In a cluster only one node's batches are under way at a
/// time. Non-blocking but for connecting: the caller waits for fd() and calls step().
class Publisher {
 public:
  /// Connects. Throws what ConnectionPool::refresh throws. A stop ends topic(), too, while Redis is away.
  Publisher(ConnectionPool& pool, PublisherOptions options, const StopToken& stop);

  /// A topic to publish to, by its number. Looks it up the first time, and finishes what is under way before.
  /// Throws Error(no_topic), unless it may create, what step() throws, and, at a stop, Error(again) where
  /// records were not acknowledged, else Stopped.
  std::size_t topic(const std::string& name);

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

  /// Calls step() until done() or the deadline; whether done.
  bool finish(Deadline deadline);

  /// Takes this run's traces out of Redis and warns of topics that keep less than was sent. After done().
  void close();

  /// The first record not acknowledged; nothing when done().
  std::optional<std::uint64_t> first_unacknowledged() const;

  /// The end of a sentence that tells that this record is the first such. Of several topics some of the
  /// records behind it may have been acknowledged.
  std::string unacknowledged(std::uint64_t record) const;

 private:
  struct Batch {
    std::size_t topic = 0;
    std::uint64_t first_sequence = 0;
    std::vector<std::uint64_t> records;
    std::size_t arguments = 0;  // of the script, in body
    std::string body;
  };
  /// Messages that have all but their text in common.
  struct Run {
    std::string user;
    std::int64_t timestamp = 0;
    bool plain = false;
    std::size_t count = 0;
    std::size_t count_at = 0;  // where its digits stand in the batch's body
    std::string head;          // of the payload, up to the message
    std::string tail;          // behind it, if ephemeral
  };
  struct Topic {
    std::string name;
    std::uint16_t slot = 0;
    Batch building;
    Run run;
    std::string publish_command;  // of an ephemeral message, up to the payload
    std::uint64_t next_sequence = 1;
    std::uint64_t acknowledged = 0;
    Deadline acknowledged_at{};
    std::uint64_t stored = 0;
    std::uint64_t max_len = 0;
    std::uint64_t skip_to = 0;  // an earlier run of the import came so far
  };
  enum class Repair { none, load_script, check_topic };

  void connect(const std::string& topic);
  void load_script();
  bool connect_for(const Batch& batch);
  std::string_view publish_command() const;
  void append_message(Topic& topic, std::string_view text, bool plain);
  void start_run(Topic& topic, std::string_view user, std::int64_t timestamp, bool plain);
  bool queue_full() const;
  void close_batches();
  void send();
  void append_header(const Batch& batch);
  void on_reply(ReplyView reply);
  void on_stored(ReplyView reply);
  void on_refusal(std::string_view error);
  [[noreturn]] void refuse(std::uint64_t record, std::string_view error) const;
  void acknowledge_front();
  void go_back(Repair repair);
  void repair_and_resend();
  void stop_if_requested() const;
  void lose_connection(const Outage& outage);
  template <typename Try>
  void naming_first_record(const Try& attempt) const;
  void warn(const std::string& text) const;
  std::size_t replies_of(const Batch& batch) const;

  ConnectionPool& pool_;
  PublisherOptions options_;
  std::string id_;
  std::string script_sha_;
  StopToken stop_;
  Connection* connection_ = nullptr;  // that of the batches under way
  std::string node_;                  // its other end, in a cluster
  RetryPolicy retry_;
  std::vector<Topic> topics_;

  std::vector<std::size_t> open_;  // topics whose batch is being built
  std::size_t open_bytes_ = 0;
  bool full_ = false;  // they have to be closed before the next message
  std::string scratch_;

  std::deque<Batch> queue_;  // closed batches, the oldest first
  std::size_t sent_ = 0;     // so many of them are under way
  std::size_t queued_bytes_ = 0;
  std::size_t due_ = 0;             // replies that will come
  std::size_t front_replies_ = 0;   // of them, those that the front batch has had
  std::vector<EntryId> front_ids_;  // of the front batch: stored, but not acknowledged by all replicas
  bool going_back_ = false;         // replies that are due don't count: all is sent again after them
  Repair repair_ = Repair::none;
  std::optional<std::uint64_t> lost_from_;  // ephemeral: unacknowledged when a connection broke
  std::uint64_t lost_ = 0;
};

}  // namespace chat
