#include "process/replay.h"

#include <unistd.h>

#include <vector>

#include "base/error.h"
#include "base/output.h"
#include "chat/entry_id.h"
#include "process/checkpoint.h"
#include "process/dead_letters.h"
#include "process/group.h"
#include "process/pacer.h"

namespace chat {

namespace {

using namespace std::chrono_literals;

// So often a message may be given out beyond its retries: a worker that was killed is not its fault.
constexpr std::uint64_t spare_deliveries = 5;
constexpr std::size_t printed_at_once = 100;

/// What messages go through: a filter, then a printer or a command, and where it is kept how far they came.
class Chain {
 public:
  /// checkpoint: nullptr keeps nothing.
  Chain(const ReplayOptions& options, const ConnectionPool& pool, Checkpoint* checkpoint, Notices& notices,
        const StopToken& stop)
      : out_(STDOUT_FILENO, stop), queue_(checkpoint) {
    if (const auto every = queue_.keep_every()) out_.while_blocked(*every, [this] { queue_.keep(); });
    if (options.working.command.empty()) {
      first_ = &printer_.emplace(options.printing, out_, queue_);
    } else {
      first_ = &worker_.emplace(working(options, pool, notices, stop), queue_, notices, stop);
    }
    if (options.filter.any()) {
      first_ = &filter_.emplace(options.filter, *first_, notices, queue_);
    }
    if (options.progress != nullptr) first_ = &meter_.emplace(*options.progress, *first_);
    if (checkpoint != nullptr) first_ = &queue_messages_.emplace(queue_, *first_);
    if (options.speed > 0) first_ = &pacer_.emplace(options.speed, *first_, stop);
  }

  MessageSink& first() { return *first_; }
  /// What is gone is told once: its place counts as done, behind what came before.
  void pass(const Anchor& place) {
    const EntryId id = std::max(place.id, Account::before_all);
    queue_.add(id, place.pub);
    queue_.done({id});
  }
  DeadLetters& dead_letters() { return *dead_letters_; }
  std::uint64_t skipped() const { return filter_ ? filter_->skipped() : 0; }

 private:
  WorkerOptions working(const ReplayOptions& options, const ConnectionPool& pool, Notices& notices,
                        const StopToken& stop) {
    WorkerOptions working = options.working;
    working.count = options.printing.count;
    if (options.dead_letter.empty()) return working;
    masters_.emplace(pool.endpoint(), PoolOptions{.first_retry_for = options.reading.retry_for});
    dead_letters_.emplace(*masters_, options.dead_letter, options.reading.retry_for, notices, stop);
    working.dead_letter = [this](const Message& message) { dead_letters_->put(message); };
    return working;
  }

  Output out_;
  CheckpointQueue queue_;
  std::optional<Printer> printer_;
  std::optional<ConnectionPool> masters_;  // what is read may come from replicas
  std::optional<DeadLetters> dead_letters_;
  std::optional<Worker> worker_;
  std::optional<Filter> filter_;
  std::optional<Meter> meter_;
  std::optional<QueueMessages> queue_messages_;
  std::optional<Pacer> pacer_;
  MessageSink* first_ = nullptr;
};

void share(ConnectionPool& pool, const ReplayOptions& options, Notices& notices, const StopToken& stop) {
  std::optional<Chain> chain;
  const bool printed = options.working.command.empty();
  GroupOptions sharing;
  sharing.topic = options.reading.topics.front();
  sharing.group = options.group;
  sharing.consumer = options.consumer;
  sharing.batch = printed ? printed_at_once : options.working.batch;
  sharing.count = options.printing.count;
  sharing.uncounted = [&chain] { return chain->skipped(); };
  sharing.claim_after = options.claim_after;
  sharing.wait_for_others = std::max(sharing.wait_for_others, options.claim_after);
  sharing.follow = options.reading.live;
  sharing.retry_for = options.reading.retry_for;
  if (printed) sharing.watch_fd = STDOUT_FILENO;
  if (!options.dead_letter.empty()) {
    sharing.most_deliveries = options.working.retries + spare_deliveries;
    sharing.give_up = [&](const Message& message) {
      chain->dead_letters().put(message);
      notices.warn("message " + message.id->str() + " was given out too often: put aside as a dead letter");
    };
  }
  GroupReader group(pool, sharing, notices);
  chain.emplace(options, pool, &group, notices, stop);
  group.run(chain->first(), stop);
}

void read_history(ConnectionPool& pool, const ReplayOptions& options, Notices& notices,
                  const StopToken& stop) {
  const bool printed = options.working.command.empty();
  SubscriberOptions reading = options.reading;
  if (printed) reading.watch_fd = STDOUT_FILENO;
  std::optional<CursorCheckpoint> cursor;
  if (!options.cursor.empty()) {
    cursor.emplace(options.cursor, printed ? 1000ms : 0ms);
    if (const std::vector<Anchor>& done = cursor->position(); !done.empty()) {
      reading.start = {};
      reading.start.kind = StartAt::Kind::after;
      reading.start.after = done.front().id;
      reading.start.pub = done.front().pub;
      reading.start.older.assign(done.begin() + 1, done.end());
      reading.start.counted = true;
    } else if (cursor->begun()) {
      reading.start = {};
      reading.start.kind = StartAt::Kind::after;
      reading.start.after = *cursor->begun();
      reading.start.numbered = true;
    } else if (cursor->is_empty_file()) {
      notices.warn("the cursor " + options.cursor + " is empty: beginning where a new one does");
    }
  }
  if (cursor) reading.starting = [&cursor](EntryId after) { cursor->begin(after); };
  std::optional<Chain> chain;
  reading.losing = [&chain](const Anchor& place) { chain->pass(place); };
  chain.emplace(options, pool, cursor ? &*cursor : nullptr, notices, stop);
  Subscriber(pool, reading, chain->first(), notices).run(stop);
  chain->first().flush();
  if (cursor) cursor->finish();
}

}  // namespace

void replay(ConnectionPool& pool, const ReplayOptions& options, Notices& notices, const StopToken& stop) {
  if (options.group.empty()) {
    read_history(pool, options, notices, stop);
  } else {
    share(pool, options, notices, stop);
  }
}

}  // namespace chat
