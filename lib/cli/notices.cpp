#include "cli/notices.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "cli/logging.h"
#include "terminal/terminal.h"

namespace chat::cli {

void LoggedNotices::lost(const std::string& text) {
  if (strict) throw Error(Failure::lost, text);
  log_error(text);
}

void LoggedNotices::warn(const std::string& text) { log_warn(text); }
void LoggedNotices::note(const std::string& text) { log_info(text); }

ProgressLine::Display progress_display() {
  ProgressLine::Display display;
  display.log = log_info;
  const char* const term = std::getenv("TERM");
  if (isatty(STDERR_FILENO) != 1 || term == nullptr || std::string_view(term) == "dumb") return display;
  display.draw = draw_at_bottom;
  display.columns = [] { return terminal_width(STDERR_FILENO); };
  return display;
}

void add_progress(CLI::App& app, bool& asked, const std::string& help) {
  app.add_flag("--progress", asked, help)->group("Output");
}

}  // namespace chat::cli
