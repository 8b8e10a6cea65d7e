#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/wait.h"
#include "chat/entry_id.h"
#include "chat/message_sink.h"

namespace chat {

/// How far a long run has come.
struct Reached {
  std::uint64_t messages = 0;
  std::optional<double> part = std::nullopt;  ///< 0 to 1; nothing when the end isn't known
};

/// `12,345 messages  4,115/s  43 %  0:35 left`, with as long a bar as fits into `columns`, if one does; 0:
/// none.
std::string progress_text(const Reached& reached, Clock::duration time, std::size_t columns);

/// `12,345 messages in 3.0 s, 4,115/s`
std::string progress_summary(std::uint64_t messages, Clock::duration time);

/// A line that shows how far a run has come. On a terminal it is drawn over; elsewhere one is written now and
/// then.
class ProgressLine {
 public:
  /// never: nothing is written. by_itself: only on a terminal, after a second, and no more when the run is
  /// held up by the reader of its output, which may be a pager on the same terminal. asked: in any case.
  enum class When : std::uint8_t { never, by_itself, asked };
  /// Where it is shown.
  struct Display {
    std::function<void(std::string_view)> log;   ///< writes a line
    std::function<void(std::string_view)> draw;  ///< over the one drawn before; absent: that is no terminal
    std::function<std::size_t()> columns;        ///< of the terminal; 0: not known
  };

  ProgressLine(When when, Display display);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  bool wanted() const { return when_ != When::never; }

  /// Where a history that is read ends; one with n = 0 or the highest n: at that time. And after how many
  /// messages. What comes first counts.
  void ends_at(const EntryId& id) { end_ = id; }
  void ends_after(std::uint64_t messages) { count_ = messages; }
  /// One more message of it.
  void add(const std::optional<EntryId>& id);
  /// Or how far a run has come, by its own measure.
  void set(const Reached& reached) { reached_ = reached; }

  const Reached& reached() const { return reached_; }
  /// Shows it when it is time. blocked: for how long the reader of the output took nothing.
  void show(Clock::duration blocked = {});
  /// The run, or the part of it that has an end, is over: a summary takes the line's place.
  void end();

 private:
  void hide();

  When when_;
  Display display_;
  Clock::time_point begin_;
  Deadline next_;
  Reached reached_;
  std::optional<EntryId> first_;
  std::optional<EntryId> end_;
  std::optional<std::uint64_t> count_;
  bool shown_ = false;
};

/// Counts messages on their way to a sink.
class Meter : public MessageSink {
 public:
  Meter(ProgressLine& line, MessageSink& next) : line_(line), next_(next) {}

  bool message(const std::string& topic, const Message& message) override;
  bool flush() override;

 private:
  ProgressLine& line_;
  MessageSink& next_;
};

}  // namespace chat
