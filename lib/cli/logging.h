#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace chat::cli {

// What leaves for stderr. Each text becomes one line with the tool's name in front, `chat-pub: warning:
// TEXT`: what could drive a terminal is escaped, and passwords are taken out, whoever wrote it.

void log_error(std::string_view text);
void log_warn(std::string_view text);
void log_info(std::string_view text);

enum class LogLevel : std::uint8_t { debug, info, error };

/// name: of the tool. Before this nothing is written.
void start_logging(const std::string& name);
/// Less important lines are left out; info at first.
void set_log_level(LogLevel least);

/// Draws a line at the bottom of the terminal that is stderr, over the one drawn before; empty: takes it
/// away. What is logged goes above it.
void draw_at_bottom(std::string_view line);

}  // namespace chat::cli
