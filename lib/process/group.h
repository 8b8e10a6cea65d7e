#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/wait.h"
#include "chat/entry_id.h"
#include "chat/message_sink.h"
#include "chat/notices.h"
#include "process/checkpoint.h"
#include "process/group_account.h"
#include "redis/connection_pool.h"
#include "redis/retry.h"

namespace chat {

struct GroupOptions {
  std::string topic;
  std::string group;
  std::string consumer;                      ///< empty: one of its own, which goes with the run
  std::optional<std::uint64_t> count;        ///< take no more than so many in all
  std::function<std::uint64_t()> uncounted;  ///< so many of those told don't count; absent: all do
  std::size_t batch = 1;                     ///< messages to take at once
  std::chrono::milliseconds claim_after{0};  ///< take over what another consumer has left for so long
  bool follow = false;                       ///< wait for more; else end when nothing is left
  std::optional<std::chrono::milliseconds>
      retry_for;                      ///< how long an outage is ridden out; nothing: without end
  std::uint64_t most_deliveries = 0;  ///< a message given out more often goes to give_up; 0: no limit
  /// Takes a message that was given out too often; then it counts as processed.
  std::function<void(const Message&)> give_up;
  /// Names that workers without one have left are removed after so long.
  std::chrono::milliseconds forget_after{3'600'000};
  /// Unless follow: how long to wait for others that don't get on with what they have taken.
  std::chrono::milliseconds wait_for_others{30'000};
  int watch_fd = -1;  ///< an error on this descriptor (a closed pipe) ends the run: ClosedOutput
};

/// Shares a topic's messages with the other consumers of a group
/// (https://redis.io/docs/latest/commands/xreadgroup/): each is told to one of them, and to another one when
/// it is not done in time. A new group begins at the oldest message.
class GroupReader : public Checkpoint {
 public:
  GroupReader(ConnectionPool& pool, GroupOptions options, Notices& notices);

  /// Tells `sink` messages, which must save() each, until nothing is left (unless follow), it
  /// has enough or a stop is requested. Throws Error(no_topic), Error(again) when an outage outlasts
  /// retry_for, Error(denied), ClosedOutput.
  void run(MessageSink& sink, const StopToken& stop);

  bool in_order() const override { return false; }
  void save(const std::vector<Anchor>& done) override;
  /// Keeps all that this consumer was given and has not acknowledged from others.
  void keep() override;
  void failed(EntryId id) override;
  std::optional<std::chrono::milliseconds> keep_every() const override { return options_.claim_after / 3; }

 private:
  using Texts = std::vector<std::string>;
  struct Left {
    EntryId id;
    std::uint64_t tries;
  };

  template <typename Work>
  auto retry(const Work& work);
  void connect();
  void disconnect();
  TopicState receive_state();
  Reply receive(const StopToken& stop, std::string_view command);
  Reply ask(std::initializer_list<std::string_view> command);
  bool work();
  Reply take(const std::string& count);
  bool tell(ReplyView taken);
  void tell_trimmed(const Texts& ids);
  void account_for(ReplyView taken);
  void lose(EntryId id, std::string_view how);
  bool is_expired(EntryId id) const { return id.ms < static_cast<std::uint64_t>(oldest_.count()); }
  void look_for_left();
  bool give_left(const std::string& count);
  void count_tries(const std::vector<Left>& left);
  bool tell(EntryId id, ReplyView entry, std::uint64_t tries);
  bool others_get_on();
  void acknowledge();
  void leave();
  void remove_consumer(std::string_view name);
  void remove_left_consumers();
  void read_what_is_due();
  void leave_quietly();
  std::optional<EntryId> release(EntryId after);
  void append_claim(std::string_view consumer, const Texts& ids, std::initializer_list<std::string_view> how);
  void claim_quietly(const Texts& ids, std::initializer_list<std::string_view> how);

  ConnectionPool& pool_;
  GroupOptions options_;
  Notices& notices_;
  std::string key_;
  bool own_name_;
  MessageSink* sink_ = nullptr;
  StopToken stop_;
  Connection* connection_ = nullptr;
  RetryPolicy retry_;
  std::set<EntryId> held_;  // given to this consumer, and not acknowledged
  Texts unacknowledged_;
  std::uint64_t taken_ = 0;
  std::string claim_from_ = "0-0";
  std::optional<EntryId> left_after_;  // messages given to this consumer before may be left behind it
  bool last_resort_ = false;           // of those, all are given now
  std::set<EntryId> deferred_;         // they come when there is nothing new
  std::set<EntryId> counted_;          // their next try is counted already
  std::map<EntryId, std::uint64_t> tries_;
  std::chrono::milliseconds oldest_{0};
  bool waiting_ = false;  // there was nothing new the last time
  GroupAccount account_;
  std::string others_;  // what is pending at others, and since when nothing of it has changed
  Deadline others_since_{};
};

}  // namespace chat
