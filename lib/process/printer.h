#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/output.h"
#include "chat/message_sink.h"
#include "process/formatter.h"

namespace chat {

struct PrinterOptions {
  Style style;
  std::string hidden_user;             ///< messages of this user aren't printed; empty: all are
  std::optional<std::uint64_t> count;  ///< enough after so many
  bool strict = false;                 ///< lost messages are an Error(lost)
  int ready_fd = -1;                   ///< gets a newline when live; closed then
  bool bell = false;                   ///< rings the terminal's bell when a live message mentions Style::me
  std::function<void(const std::string&)> lost, warn, note;  ///< told what people should know
};

/// Prints messages as chat-sub and chat-replay do, and passes on what else a MessageSink is told.
class Printer : public MessageSink {
 public:
  /// Throws Error(usage) for a bad template or a ready_fd that isn't open.
  Printer(PrinterOptions options, Output& output);

  bool message(const std::string& topic, const Message& message) override;
  bool pause() override { return output_.flush(); }
  void live() override;
  void lost(const std::string& text) override;
  void warn(const std::string& text) override;
  void note(const std::string& text) override;

  bool has_enough() const { return options_.count && printed_ >= *options_.count; }

 private:
  PrinterOptions options_;
  Output& output_;
  Formatter formatter_;
  std::uint64_t printed_ = 0;
  bool live_ = false;
};

}  // namespace chat
