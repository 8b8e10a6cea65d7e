#pragma once

#include <optional>

#include "base/wait.h"
#include "chat/message_sink.h"

namespace chat {

/// Passes messages on in the pace in which they were stored (by their IDs).
class Pacer : public MessageSink {
 public:
  /// speed: 2 is twice as fast as it was; above 0.
  Pacer(double speed, MessageSink& next, const StopToken& stop) : speed_(speed), next_(next), stop_(stop) {}

  bool message(const std::string& topic, const Message& message) override;
  bool flush() override { return next_.flush(); }

 private:
  double speed_;
  MessageSink& next_;
  StopToken stop_;
  std::optional<std::uint64_t> first_ms_;
  Deadline begin_{};
};

}  // namespace chat
