#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/wait.h"
#include "chat/message_sink.h"
#include "chat/notices.h"
#include "process/checkpoint.h"
#include "process/command.h"
#include "process/formatter.h"

namespace chat {

struct WorkerOptions {
  std::string command;                 ///< for `sh -c`
  std::size_t batch = 1;               ///< at most so many messages a run of it
  unsigned retries = 0;                ///< of a single message, with pauses
  Style style;                         ///< how messages are written to its input
  std::optional<std::uint64_t> count;  ///< enough after so many
  /// Takes a message that failed for good; when it returns, that counts as processed. Absent: such a message
  /// is an Error(command).
  std::function<void(const Message&)> dead_letter;
};

/// Gives messages to a command, and marks in a queue what succeeded. A batch that fails is given again
/// message by message.
class Worker : public MessageSink {
 public:
  Worker(WorkerOptions options, CheckpointQueue& queue, Notices& notices, const StopToken& stop)
      : options_(std::move(options)),
        queue_(queue),
        notices_(notices),
        stop_(stop),
        formatter_(options_.style) {}

  bool message(const std::string& topic, const Message& message) override;
  /// Runs the command with what there is, without waiting for a full batch.
  bool flush() override;

 private:
  bool process();
  std::optional<std::string> run(std::size_t begin, std::size_t end);
  bool retry(std::size_t index, std::string failure);
  void done(std::size_t begin, std::size_t end);

  WorkerOptions options_;
  CheckpointQueue& queue_;
  Notices& notices_;
  StopToken stop_;
  Formatter formatter_;
  CommandRunner runner_;
  std::string topic_;
  std::vector<Message> batch_;
  std::uint64_t taken_ = 0;
};

}  // namespace chat
