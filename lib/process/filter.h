#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "chat/entry_id.h"
#include "chat/message_sink.h"
#include "chat/notices.h"
#include "process/checkpoint.h"
#include "process/regex.h"

namespace chat {

struct FilterOptions {
  std::optional<std::string> pattern;  ///< a regular expression that the text must match
  std::vector<std::string> users;      ///< one of them must have said it; empty: anybody

  bool any() const { return pattern || !users.empty(); }
};

/// Keeps a Checkpoint in step when some messages are passed over: these are done too, but none before those
/// that were told before it.
class InStep : public Checkpoint {
 public:
  explicit InStep(Checkpoint& progress) : checkpoint_(progress) {}

  /// The next message; whether it was passed over.
  void next(EntryId id, bool passed_over) { told_.push_back({id, passed_over}); }
  /// Notes what is done so far.
  void note();

  void done(const std::vector<EntryId>& ids) override;
  void keep(const std::vector<EntryId>& ids) override { checkpoint_.keep(ids); }
  std::optional<std::chrono::milliseconds> keep_every() const override { return checkpoint_.keep_every(); }

 private:
  struct Told {
    EntryId id;
    bool done;
  };

  Checkpoint& checkpoint_;
  std::deque<Told> told_;
};

/// Passes on the messages that are wanted.
class Filter : public MessageSink {
 public:
  /// in_step: what `next` tells its progress to, if it does. Throws Error(usage) for a bad pattern.
  Filter(FilterOptions options, MessageSink& next, Notices& notices, InStep* in_step);

  bool message(const std::string& topic, const Message& message) override;
  bool flush() override;

  std::uint64_t passed_over() const { return passed_over_; }

 private:
  bool wants(const std::string& topic, const Message& message);

  FilterOptions options_;
  std::optional<Regex> pattern_;
  MessageSink& next_;
  Notices& notices_;
  InStep* in_step_;
  std::uint64_t passed_over_ = 0;
};

}  // namespace chat
