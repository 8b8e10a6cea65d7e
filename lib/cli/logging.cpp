#include "cli/logging.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/sink.h>
#include <unistd.h>

#include <memory>
#include <utility>

#include "base/error.h"
#include "base/escape.h"
#include "base/output.h"
#include "base/secrets.h"

namespace chat::cli {

namespace {

constexpr std::string_view erase_line = "\r\x1b[K";

// Text from anywhere, as it may stand on a terminal.
std::string harmless(std::string_view text) {
  std::string line;
  append_escaped(line, without_passwords(std::string(text)), true);
  return line;
}

void write_to_stderr(std::string text) {
  try {
    Output out(STDERR_FILENO);
    out.buffer() = std::move(text);
    out.flush();
  } catch (const Error&) {         // there is nowhere left
  } catch (const ClosedOutput&) {  // to tell it
  }
}

// Writes each message at once, above the line at the bottom.
class StderrSink final : public spdlog::sinks::sink {
 public:
  void log(const spdlog::details::log_msg& message) override {
    std::string line(bottom_.empty() ? "" : erase_line);
    line += std::string_view(message.logger_name.data(), message.logger_name.size());
    line += ": ";
    if (message.level == spdlog::level::warn) line += "warning: ";
    if (message.level <= spdlog::level::debug) line += "debug: ";
    line += harmless({message.payload.data(), message.payload.size()});
    line += '\n';
    write_to_stderr(line + bottom_);
  }
  void flush() override {}
  void set_pattern(const std::string&) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

  void draw_at_bottom(std::string_view line) {
    bottom_ = harmless(line);
    write_to_stderr(std::string(erase_line) + bottom_);
  }

 private:
  std::string bottom_;
};

// Not in spdlog's registry, which would make a logger for stdout that nobody asked for.
struct Log {
  std::shared_ptr<StderrSink> sink = std::make_shared<StderrSink>();
  std::unique_ptr<spdlog::logger> logger;
};

Log& the_log() {
  static Log log;
  return log;
}

void log(spdlog::level::level_enum level, std::string_view text) {
  const auto& logger = the_log().logger;
  if (logger) logger->log(level, spdlog::string_view_t(text.data(), text.size()));
}

}  // namespace

void log_error(std::string_view text) { log(spdlog::level::err, text); }
void log_warn(std::string_view text) { log(spdlog::level::warn, text); }
void log_info(std::string_view text) { log(spdlog::level::info, text); }
void log_debug(std::string_view text) { log(spdlog::level::debug, text); }

void start_logging(const std::string& name) {
  the_log().logger = std::make_unique<spdlog::logger>(name, the_log().sink);
}

void set_log_level(LogLevel least) {
  const auto& logger = the_log().logger;
  if (!logger) return;
  logger->set_level(least == LogLevel::debug  ? spdlog::level::debug
                    : least == LogLevel::info ? spdlog::level::info
                                              : spdlog::level::err);
}

void draw_at_bottom(std::string_view line) { the_log().sink->draw_at_bottom(line); }

}  // namespace chat::cli
