#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "chat/message.h"

namespace chat {

/// Reads the payloads of channels one after the other, as parse_payload does. Mostly they are as the tools
/// write them, and the next one of a batch differs from the one before in its text and two numbers: the rest
/// is compared, not read.
class PayloadReader {
 public:
  /// Returns false when it is no chat message: why() tells the reason.
  bool read(std::string_view json);

  /// The last one that was read.
  const Message& message() const { return message_; }
  const std::string& why() const { return why_; }

 private:
  bool like_the_last(std::string_view json);
  bool plain(std::string_view json);

  Message message_;
  std::string why_;
  // The last one, if it was plain: up to its text, from there up to n, from there up to the sequence. Without
  // an ID the second part goes up to the end.
  std::string head_;
  std::string middle_;
  std::string by_;
  std::size_t publisher_ = 0;  // so long it is, with its dash
};

}  // namespace chat
