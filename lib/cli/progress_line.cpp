#include "cli/progress_line.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <string_view>

#include "cli/logging.h"
#include "terminal/terminal.h"

namespace chat::cli {

namespace {

using namespace std::chrono_literals;

constexpr auto retry = 1s;  // a short run shows nothing by itself
constexpr auto redraw_every = 100ms;
constexpr auto line_every = 5s;

bool can_draw() {
  const char* const term = std::getenv("TERM");
  return isatty(STDERR_FILENO) == 1 && term != nullptr && std::string_view(term) != "dumb";
}

}  // namespace

ProgressLine::ProgressLine(When when)
    : when_(when), terminal_(can_draw()), gauge_(Clock::now()), next_(Clock::now() + line_every) {
  if (when_ == When::by_itself && !terminal_) when_ = When::never;
  if (terminal_) next_ = Clock::now() + (when_ == When::by_itself ? retry : redraw_every);
}

ProgressLine::~ProgressLine() {
  if (shown_) draw_at_bottom("");
}

void ProgressLine::show(const Reached& reached) {
  if (when_ == When::by_itself && reached.held_up) {
    if (shown_) draw_at_bottom("");
    shown_ = false;
    when_ = When::never;
  }
  reached_ = reached;
  if (!due()) return;
  const Deadline now = Clock::now();
  if (terminal_) {
    // The last column is left free: some terminals go to the next line right behind it.
    const std::size_t width = terminal_width(STDERR_FILENO);
    draw_at_bottom(gauge_.line(reached, now, width == 0 ? 0 : width - 1));
    shown_ = true;
  } else {
    log_info(gauge_.line(reached, now, 0));
  }
  next_ = now + (terminal_ ? std::chrono::milliseconds(redraw_every) : line_every);
}

void ProgressLine::end() {
  if (shown_) draw_at_bottom("");
  if (when_ == When::asked || shown_) log_info(gauge_.summary(reached_, Clock::now()));
  shown_ = false;
  when_ = When::never;
}

void add_progress(CLI::App& app, bool& asked, const std::string& help) {
  app.add_flag("--progress", asked, help)->group("Output");
}

}  // namespace chat::cli
