#pragma once

#include <string>

#include "chat/entry_id.h"

namespace chat {

/// What people, and the tool, are told besides messages. Whoever reads, filters or processes is given the
/// same one. Texts are sentences.
class Notices {
 public:
  virtual ~Notices() = default;
  /// Messages that can't be delivered any more, with their count and IDs. May throw Error(lost).
  virtual void lost(const std::string& text) = 0;
  /// What a person should know.
  virtual void warn(const std::string& text) = 0;
  virtual void note(const std::string& text) = 0;
  /// Subscribed, and all that was there before was delivered: called once.
  virtual void live() {}
  /// The reading will end at this ID; one with n = 0 or the highest n stands for its time.
  virtual void end(const EntryId& id) { static_cast<void>(id); }
};

}  // namespace chat
