#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/output.h"
#include "chat/message_sink.h"
#include "process/checkpoint.h"
#include "process/formatter.h"

namespace chat {

struct PrinterOptions {
  Style style;
  std::string hidden_user;             ///< messages of this user aren't printed; empty: all are
  std::optional<std::uint64_t> count;  ///< enough after so many
  int ready_fd = -1;                   ///< gets a newline when live; closed then
  bool bell = false;                   ///< rings the terminal's bell when a live message mentions Style::me
};

/// Prints messages as chat-sub and chat-replay do, in a form for people or programs.
class Printer : public MessageSink {
 public:
  /// What was written is marked as done in the queue. Throws Error(usage) for a bad template or a ready_fd
  /// that isn't open.
  Printer(PrinterOptions options, Output& output, CheckpointQueue& queue);

  bool message(const std::string& topic, const Message& message) override;
  bool flush() override;

  /// What comes from now on is live: writes to ready_fd, and may ring the bell.
  void live();

  bool has_enough() const { return options_.count && printed_ >= *options_.count; }

 private:
  void notice_written();

  PrinterOptions options_;
  Output& output_;
  CheckpointQueue& queue_;
  Formatter formatter_;
  std::vector<EntryId> unwritten_;
  std::uint64_t printed_ = 0;
  bool live_ = false;
};

}  // namespace chat
