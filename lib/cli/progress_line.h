#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/wait.h"
#include "terminal/progress_estimate.h"

namespace CLI {
class App;
}

namespace chat::cli {

/// A line on stderr that shows how far a run has come. On a terminal it is drawn over, and what is logged
/// goes above it; elsewhere a line is written now and then.
class ProgressLine {
 public:
  /// never: nothing is written. by_itself: only on a terminal, after a second, and no more when the run is
  /// held up by the reader of its output, which may be a pager on the same terminal. asked: in any case.
  enum class When : std::uint8_t { never, by_itself, asked };

  explicit ProgressLine(When when);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  bool wanted() const { return when_ != When::never; }
  /// Whether show() would write something now.
  bool due() const { return wanted() && Clock::now() >= next_; }
  void show(const Reached& reached);
  /// The run, or the part of it that has an end, is over: a summary takes the line's place.
  void end();

 private:
  When when_;
  bool terminal_;
  ProgressEstimate gauge_;
  Deadline next_;
  Reached reached_;
  bool shown_ = false;
};

/// --progress
void add_progress(CLI::App& app, bool& asked, const std::string& help);

}  // namespace chat::cli
