#pragma once

#include <string>

#include "chat/message.h"

namespace chat {

/// Takes the messages that are read, one after the other.
class MessageSink {
 public:
  virtual ~MessageSink() = default;
  /// The next message. Returns whether to go on.
  virtual bool message(const std::string& topic, const Message& message) = 0;
  /// For the moment nothing more has arrived: time to write out, or to process, what was held back. Returns
  /// whether to go on.
  virtual bool flush() = 0;
};

}  // namespace chat
