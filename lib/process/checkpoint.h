#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/wait.h"
#include "chat/entry_id.h"
#include "chat/message_sink.h"
#include "chat/trail.h"
#include "process/cursor.h"

namespace chat {

/// Where it is kept which messages are processed: a cursor file or a consumer group.
class Checkpoint {
 public:
  virtual ~Checkpoint() = default;

  /// Whether it keeps one position, which stands for all before it too.
  virtual bool in_order() const = 0;

  /// This message is about to be processed.
  virtual void coming(EntryId id, std::string_view pub) { static_cast<void>(id), static_cast<void>(pub); }

  /// These messages are processed for good.
  virtual void save(const std::vector<Anchor>& done) = 0;

  /// What was given out is still being processed. To be called every keep_every() meanwhile.
  virtual void keep() {}
  /// A message failed for good, and is still to be processed.
  virtual void failed(EntryId id) { static_cast<void>(id); }
  virtual std::optional<std::chrono::milliseconds> keep_every() const { return std::nullopt; }
};

/// Keeps the position in a cursor file: the last message done, the 15 before it, ever fewer of the older
/// ones, and where the reader began; 32 lines at most. Where it begins is written before the first message is
/// given to anybody: when the run ends before that is done, the next one must tell what was trimmed
/// meanwhile.
class CursorCheckpoint : public Checkpoint {
 public:
  /// Saves at most once in `save_every`, and at finish().
  CursorCheckpoint(const std::string& path, std::chrono::milliseconds save_every);

  /// Where the cursor stands, and some that were done before, the latest first; empty: nowhere yet.
  const std::vector<Anchor>& position() const { return saved_; }
  bool is_empty_file() const { return cursor_.is_empty_file(); }
  /// Where a reader begins that has no position: after this ID. It is kept as the last line, with the count
  /// of what was before, since no place tells what stood before it.
  void begin(EntryId after) { start_ = after; }

  /// Where an earlier run began that has got nothing done.
  const std::optional<EntryId>& begun() const { return begun_; }

  bool in_order() const override { return true; }
  void coming(EntryId id, std::string_view pub) override;
  void save(const std::vector<Anchor>& done) override;
  void finish();

 private:
  void remember(const Anchor& anchor);
  std::vector<Anchor> kept() const;

  Cursor cursor_;
  std::chrono::milliseconds save_every_;
  std::vector<Anchor> saved_;
  std::optional<EntryId> start_;
  std::optional<EntryId> begun_;  // kept, and nothing else is
  Anchor done_;                   // the last one; no ID: none in this run
  Trail trail_;                   // by n
  std::uint64_t newest_ = 0;      // there
  Deadline next_save_{};
};

/// The messages that are being processed, in their order. They may be done in any order; a checkpoint that
/// keeps one position hears of them only when all before them are done, too.
class CheckpointQueue {
 public:
  /// checkpoint: nullptr keeps nothing, so that each run processes everything.
  explicit CheckpointQueue(Checkpoint* checkpoint) : checkpoint_(checkpoint) {}

  bool keeps_any() const { return checkpoint_ != nullptr; }

  /// Takes the next message that comes.
  void add(EntryId id, std::string_view pub = {});
  /// Marks messages as done: printed and written, given to a command that succeeded, filtered out.
  void done(const std::vector<EntryId>& ids);
  /// Tells the checkpoint what it may know.
  void commit();

  void failed(EntryId id) const;
  void keep() const;
  std::optional<std::chrono::milliseconds> keep_every() const;

 private:
  struct Entry {
    Anchor anchor;
    bool done;
  };

  Checkpoint* checkpoint_;
  std::deque<Entry> entries_;
};

/// Puts the messages that pass into a queue.
class QueueMessages : public MessageSink {
 public:
  QueueMessages(CheckpointQueue& queue, MessageSink& next) : queue_(queue), next_(next) {}

  bool message(const std::string& topic, const Message& message) override;
  bool flush() override;

 private:
  CheckpointQueue& queue_;
  MessageSink& next_;
};

}  // namespace chat
