#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "chat/entry_id.h"
#include "chat/message_sink.h"
#include "terminal/progress_estimate.h"

namespace chat {

struct MeterOptions {
  std::optional<EntryId> end;          ///< where the run ends; n 0: at that time
  std::optional<std::uint64_t> count;  ///< or after so many messages
  std::function<void(const Reached&)> reached;
  std::function<void()> live;  ///< what has an end is over
};

/// Counts messages on their way to a sink, and tells how far they came.
class Meter : public MessageSink {
 public:
  Meter(MeterOptions options, MessageSink& next) : options_(std::move(options)), next_(next) {}

  bool message(const std::string& topic, const Message& message) override;
  bool pause() override;
  void live() override;
  void lost(const std::string& text) override { next_.lost(text); }
  void warn(const std::string& text) override { next_.warn(text); }
  void note(const std::string& text) override { next_.note(text); }

 private:
  void look_at(const EntryId& id);
  void tell(Clock::time_point began);

  MeterOptions options_;
  MessageSink& next_;
  std::optional<EntryId> first_;
  Reached reached_;
  bool over_ = false;
};

}  // namespace chat
