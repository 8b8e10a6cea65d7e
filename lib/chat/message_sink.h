#pragma once

#include <string>

#include "chat/message.h"

namespace chat {

/// Whom a Subscriber tells what it hears.
class MessageSink {
 public:
  virtual ~MessageSink() = default;
  /// The next message. Returns whether to go on.
  virtual bool message(const std::string& topic, const Message& message) = 0;
  /// For the moment nothing more has arrived: time to write out what was held back.
  virtual bool pause() = 0;
  /// Subscribed, and all that was there before was delivered: called once.
  virtual void live() = 0;
  /// Messages that can't be delivered any more, as a sentence with their count and IDs.
  virtual void lost(const std::string& text) = 0;
  /// What a person should know, as a sentence.
  virtual void warn(const std::string& text) = 0;
  virtual void note(const std::string& text) = 0;
};

}  // namespace chat
