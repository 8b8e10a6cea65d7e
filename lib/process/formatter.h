#pragma once

#include <cstdint>
#include <ctime>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chat/message.h"
#include "process/regex.h"

namespace chat {

/// How messages are written.
enum class Form { text, json, raw, custom };

struct Style {
  Form form = Form::text;
  std::string format;           ///< the template, for Form::custom
  bool null_separated = false;  ///< records end with NUL instead of newline
  bool with_topic = false;      ///< text names the topic: `14:03:27 [topic1] ana: hello`
  bool for_terminal = false;    ///< escape what could drive a terminal
  bool color = false;           ///< ANSI colours: dim time, a stable colour per user
  bool many_colors = false;     ///< the terminal has 256: users' are readable on light and dark alike
  bool links = false;           ///< the terminal makes links of web addresses (OSC 8)
  bool isolates = false;        ///< what runs from right to left can be kept by itself: all is UTF-8
  std::string me;               ///< whose mentions are looked for; empty: nobody's

  /// Text for people who look at a terminal: days have a line of their own, long messages are wrapped, lines
  /// inside a message are lines under its first one,
  /// mentions stand out, web addresses are links.
  bool dressed() const { return form == Form::text && for_terminal && color && !null_separated; }
};

/// Writes messages in one style. Made once, used for many: the template is compiled, local times are cached.
class Formatter {
 public:
  /// Throws Error(usage) when the template has an unknown `%x`, a `%` at its end or an unclosed `%{`.
  /// Template: %t topic, %i ID (`-` when not stored), %u user, %m message, %T ISO 8601 local time with
  /// offset, %{strftime}, %%, and \n \t \0 \\ ; any other backslash stands for itself.
  explicit Formatter(const Style& style);

  /// Appends the message and its end. `now` (seconds since 1970) decides whether text shows the date:
  /// `14:03:27 ana: hello`, `2026-11-24 14:03:27 ana: hello`. A time outside the years 1 to 9999 is shown as
  /// `@` and its seconds. Fields are escaped (append_escaped) in text and custom forms; raw is the bytes
  /// alone, escaped only when for_terminal.
  void append(std::string& out, std::string_view topic, const Message& message, std::int64_t now);

  /// The width of the terminal, which what is dressed is wrapped to; 0: it isn't.
  void set_width(std::size_t columns) { width_ = columns; }

  /// Whether the text names Style::me, as a word of its own in any case.
  bool mentions_me(const Message& message);

 private:
  struct Field {
    char kind;  ///< 'l' literal, 't' 'i' 'u' 'm' 'T', 's' strftime
    std::string text;
  };

  /// Local times, looked up once a minute; nullptr outside the years 1 to 9999.
  class LocalClock {
   public:
    const std::tm* at(std::int64_t seconds);

   private:
    static constexpr std::int64_t no_minute = std::numeric_limits<std::int64_t>::min();
    std::int64_t minute_ = no_minute;
    std::tm time_{};
  };

  void compile(std::string_view format);
  std::size_t compile_field(std::string_view rest);
  void add_literal(std::string_view text);
  void append_text(std::string& out, std::string_view topic, const Message& message, std::int64_t now);
  void append_day(std::string& out, const std::tm& time, std::int64_t now);
  void append_name(std::string& out, std::string_view name);
  void append_field(std::string& out, std::string_view field) const;
  void escape_nul(std::string& out, std::size_t from) const;
  void append_body(std::string& out, std::size_t begin, std::string_view text);
  void append_body_line(std::string& out, std::string_view line, std::size_t column, std::size_t indent);
  void decorate();
  std::optional<Regex::Match> find_me(std::string_view escaped, std::size_t from) const;
  void append_custom(std::string& out, std::string_view topic, const Message& message);

  Style style_;
  std::vector<Field> fields_;
  bool nul_ends_ = false;  // each message, or a part of it
  std::optional<Regex> me_;
  std::size_t width_ = 0;
  std::optional<std::pair<int, int>> day_;  // of what was shown last: year, day of the year
  std::string escaped_;                     // reused
  std::string body_;                        // reused
  LocalClock said_;
  LocalClock now_;
};

}  // namespace chat
