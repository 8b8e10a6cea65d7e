#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/output.h"
#include "base/wait.h"
#include "chat/entry_id.h"
#include "chat/message_sink.h"
#include "process/cursor.h"

namespace chat {

/// Where it is kept how far processing came: a cursor file or a consumer group.
class Checkpoint {
 public:
  virtual ~Checkpoint() = default;

  /// These messages, in this order, are processed for good.
  virtual void done(const std::vector<EntryId>& ids) = 0;

  /// These messages are still being processed. Called every keep_every() meanwhile.
  virtual void keep(const std::vector<EntryId>& ids) { static_cast<void>(ids); }
  virtual std::optional<std::chrono::milliseconds> keep_every() const { return std::nullopt; }
};

/// Keeps nothing: each run processes everything.
class NullCheckpoint : public Checkpoint {
 public:
  void done(const std::vector<EntryId>&) override {}
};

/// Keeps progress in a cursor file.
class CursorCheckpoint : public Checkpoint {
 public:
  /// Saves at most once in `save_every`, and at save().
  CursorCheckpoint(const std::string& path, std::chrono::milliseconds save_every);

  /// Where the cursor stood at first.
  std::optional<EntryId> position() const { return saved_; }

  void done(const std::vector<EntryId>& ids) override;
  void save();

 private:
  Cursor cursor_;
  std::chrono::milliseconds save_every_;
  std::optional<EntryId> saved_;
  std::optional<EntryId> done_;
  Deadline next_save_{};
};

/// Passes messages on to a sink that writes to an output. They are done when the output was written.
class AfterOutput : public MessageSink {
 public:
  AfterOutput(MessageSink& next, const Output& output, Checkpoint& progress)
      : next_(next), output_(output), checkpoint_(progress) {}

  bool message(const std::string& topic, const Message& message) override;
  bool flush() override;

 private:
  void notice_written();

  MessageSink& next_;
  const Output& output_;
  Checkpoint& checkpoint_;
  std::vector<EntryId> told_;
};

}  // namespace chat
