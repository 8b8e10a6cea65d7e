#include "cli/logging.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/sink.h>
#include <unistd.h>

#include <chrono>
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

constexpr auto patience = std::chrono::seconds(1);

// Writes each message at once, above the line at the bottom. A reader who takes nothing for so long is not
// waited for again until there is room: the work goes on, and what is left out is counted.
class StderrSink final : public spdlog::sinks::sink {
 public:
  void log(const spdlog::details::log_msg& message) override {
    const auto name = std::string(message.logger_name.data(), message.logger_name.size()) + ": ";
    std::string line(bottom_.empty() ? "" : erase_line);
    if (left_out_ > 0)
      line += name + "left out " + std::to_string(left_out_) + " lines here: nobody read them\n";
    line += name;
    if (message.level == spdlog::level::warn) line += "warning: ";
    if (message.level <= spdlog::level::debug) line += "debug: ";
    line += harmless({message.payload.data(), message.payload.size()});
    line += '\n';
    left_out_ = write(line + bottom_, stalled_ ? Clock::duration() : patience) ? 0 : left_out_ + 1;
  }
  void flush() override {}
  void set_pattern(const std::string&) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

  void draw_at_bottom(std::string_view line) {
    bottom_ = harmless(line);
    write(std::string(erase_line) + bottom_, {});
  }

 private:
  // Returns whether it was written, or begun.
  bool write(const std::string& text, Clock::duration at_most) {
    bool begun = true;
    try {
      Output out(STDERR_FILENO, {.until = Clock::now() + at_most});
      out.buffer() = std::exchange(rest_, {}) + text;
      stalled_ = !out.flush();
      begun = out.buffer().size() < text.size();
      rest_ = out.buffer().substr(0, out.buffer().size() - (begun ? 0 : text.size()));
    } catch (const Error&) {         // there is nowhere left
    } catch (const ClosedOutput&) {  // to tell it
    }
    return begun;
  }

  std::string bottom_;
  std::string rest_;  // of what was begun
  bool stalled_ = false;
  std::uint64_t left_out_ = 0;
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
