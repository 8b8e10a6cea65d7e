#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/wait.h"
#include "chat/message.h"
#include "chat/notices.h"
#include "chat/publisher.h"
#include "redis/connection_pool.h"

namespace chat {

/// A topic for messages that could not be processed.
class DeadLetters {
 public:
  /// retry_for: how long an outage is ridden out; nothing: without end. Throws Error(no_topic), and what
  /// ConnectionPool::refresh throws.
  DeadLetters(ConnectionPool& pool, const std::string& topic,
              std::optional<std::chrono::milliseconds> retry_for, Notices& notices, const StopToken& stop);

  /// Publishes the message there, with its user and time, and returns when Redis has it. Throws what
  /// Publisher::step throws.
  void put(const Message& message);

 private:
  Publisher publisher_;
  std::size_t topic_;
  std::uint64_t count_ = 0;
};

}  // namespace chat
