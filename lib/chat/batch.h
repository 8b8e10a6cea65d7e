#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "chat/send_window.h"

namespace chat {

/// Messages of one topic that are stored together.
struct Batch {
  std::size_t topic = 0;  ///< its number at the publisher
  std::uint64_t first_sequence = 0;
  std::vector<std::uint64_t> records;  ///< of each message: its number in the input
  std::size_t arguments = 0;           ///< of the publish script, in body
  std::string body;                    ///< encoded: those arguments, or whole PUBLISH commands
  std::size_t bytes = 0;               ///< of the body, when it is closed; ephemeral: also when it was sent
  SendWindow::Mark sent{};
  std::uint64_t sent_first = 0;  ///< until when its first sending may be stored, as in publish.lua
  std::uint64_t sent_last = 0;   ///< and any of them
};

/// Makes batches of the messages of a topic.
class BatchBuilder {
 public:
  /// publish_command: `PUBLISH` or `SPUBLISH` for ephemeral messages; empty where they are stored.
  BatchBuilder(std::size_t topic, std::string_view name, std::string_view publish_command);

  /// Adds a message. like: the batch before, which this one most likely gets as long as; may be nullptr.
  /// Returns by how many bytes the batch has grown.
  std::size_t add(std::uint64_t sequence, std::string_view user, std::int64_t timestamp,
                  std::string_view text, std::uint64_t record, const Batch* like);

  const Batch& building() const { return batch_; }
  bool full() const;
  Batch take();

 private:
  /// Messages that have all but their text in common.
  struct Run {
    std::string user;
    std::int64_t timestamp = 0;
    bool plain = false;
    std::size_t count = 0;
    std::size_t count_at = 0;  // where its digits stand in the batch's body
    std::string head;          // of the payload, up to the message
    std::string tail;          // behind it, if ephemeral
  };

  bool ephemeral() const { return !publish_command_.empty(); }
  void start_run(std::string_view user, std::int64_t timestamp, bool plain);
  void append_message(std::string_view text, bool plain);

  std::size_t topic_;
  std::string publish_command_;  // encoded, up to the payload
  Batch batch_;
  Run run_;
  std::string scratch_;
};

}  // namespace chat
