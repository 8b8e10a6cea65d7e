#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

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

/// Passes on the messages that are wanted.
class Filter : public MessageSink {
 public:
  /// What it leaves out is marked as done in the queue. Throws Error(usage) for a bad pattern.
  Filter(FilterOptions options, MessageSink& next, Notices& notices, CheckpointQueue& queue);

  bool message(const std::string& topic, const Message& message) override;
  bool flush() override { return next_.flush(); }

  std::uint64_t skipped() const { return skipped_; }

 private:
  bool wants(const std::string& topic, const Message& message);

  FilterOptions options_;
  std::optional<Regex> pattern_;
  MessageSink& next_;
  Notices& notices_;
  CheckpointQueue& queue_;
  std::uint64_t skipped_ = 0;
};

}  // namespace chat
