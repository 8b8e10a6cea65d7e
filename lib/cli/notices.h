#pragma once

#include <functional>
#include <string>

#include "chat/notices.h"
#include "process/progress_line.h"

namespace CLI {
class App;
}

namespace chat::cli {

/// Logs what people are told.
class LoggedNotices : public Notices {
 public:
  bool strict = false;  ///< lost messages are an Error(lost)
  std::function<void()> on_live = [] {};
  std::function<void(const EntryId&)> on_end = [](const EntryId&) {};

  void lost(const std::string& text) override;
  void warn(const std::string& text) override;
  void note(const std::string& text) override;
  void live() override { on_live(); }
  void end(const EntryId& id) override { on_end(id); }
};

/// Shows a progress line on stderr. On a terminal, what is logged goes above it.
ProgressLine::Display progress_display();

/// --progress
void add_progress(CLI::App& app, bool& asked, const std::string& help);

}  // namespace chat::cli
