#include "process/formatter.h"

#include <algorithm>

#include "base/error.h"
#include "base/escape.h"
#include "base/numbers.h"
#include "terminal/bidi.h"
#include "terminal/columns.h"
#include "terminal/links.h"

namespace chat {
namespace {

char* put_two(char* to, int value) {
  *to++ = static_cast<char>('0' + value / 10);
  *to++ = static_cast<char>('0' + value % 10);
  return to;
}

void append_date(std::string& out, const std::tm& time) {
  char buffer[10];
  const int year = time.tm_year + 1900;
  char* end = put_two(put_two(buffer, year / 100), year % 100);
  *end++ = '-';
  end = put_two(end, time.tm_mon + 1);
  *end++ = '-';
  out.append(buffer, put_two(end, time.tm_mday));
}

void append_clock(std::string& out, const std::tm& time) {
  char buffer[8];
  char* end = put_two(buffer, time.tm_hour);
  *end++ = ':';
  end = put_two(end, time.tm_min);
  *end++ = ':';
  out.append(buffer, put_two(end, time.tm_sec));
}

void append_iso(std::string& out, const std::tm& time) {
  append_date(out, time);
  out += 'T';
  append_clock(out, time);
  const int offset = static_cast<int>(time.tm_gmtoff / 60);
  const int ahead = offset < 0 ? -offset : offset;
  char buffer[6];
  buffer[0] = offset < 0 ? '-' : '+';
  char* end = put_two(buffer + 1, ahead / 60);
  *end++ = ':';
  out.append(buffer, put_two(end, ahead % 60));
}

// `format` ends with a space, which tells an empty result from one that had no room.
void append_strftime(std::string& out, const std::string& format, const std::tm& time) {
  constexpr std::size_t most = 65536;
  const std::size_t before = out.size();
  for (std::size_t room = 64; room <= most; room *= 4) {
    out.resize(before + room);
    const std::size_t length = std::strftime(out.data() + before, room, format.c_str(), &time);
    if (length > 0) {
      out.resize(before + length - 1);
      return;
    }
  }
  out.resize(before);
}

bool same_day(const std::tm* one, const std::tm* other) {
  return one != nullptr && other != nullptr && one->tm_yday == other->tm_yday &&
         one->tm_year == other->tm_year;
}

constexpr std::string_view dim = "\x1b[2m";
constexpr std::string_view bold = "\x1b[1m";
constexpr std::string_view inverse = "\x1b[1;7m";
constexpr std::string_view plain = "\x1b[0m";
// Of a message: each is looked for by itself, and a publisher can write very many.
constexpr int most_mentions = 50;
constexpr std::size_t least_width = 20;  // what is narrower is left to the terminal

// FNV-1a: the same colour in every run and on every machine.
std::string_view color_of(std::string_view name, bool many) {
  constexpr std::string_view few[] = {"\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[34m", "\x1b[35m", "\x1b[36m"};
  // Those of the 256 that stand out against black and white by 1 : 3.9 or more.
  constexpr std::string_view some[] = {"\x1b[38;5;160m", "\x1b[38;5;130m", "\x1b[38;5;64m",
                                       "\x1b[38;5;28m",  "\x1b[38;5;30m",  "\x1b[38;5;32m",
                                       "\x1b[38;5;63m",  "\x1b[38;5;129m", "\x1b[38;5;164m"};
  std::uint32_t hash = 2166136261U;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return many ? some[hash % std::size(some)] : few[hash % std::size(few)];
}

}  // namespace

Formatter::Formatter(const Style& style) : style_(style) {
  if (style_.form == Form::custom) compile(style_.format);
  nul_ends_ = style_.null_separated || std::ranges::any_of(fields_, [](const Field& field) {
                return field.kind == 'l' && field.text.find('\0') != std::string::npos;
              });
  if (style_.me.empty()) return;
  std::string name;
  append_escaped(name, style_.me, true);
  me_.emplace(Regex::of_word(name, Regex::Case::any));
}

void Formatter::add_literal(std::string_view text) {
  if (fields_.empty() || fields_.back().kind != 'l') fields_.push_back({'l', {}});
  fields_.back().text += text;
}

void Formatter::compile(std::string_view format) {
  constexpr std::string_view escapes = "nt0\\";
  constexpr std::string_view meanings("\n\t\0\\", 4);
  while (!format.empty()) {
    const std::size_t escape = format.size() > 1 ? escapes.find(format[1]) : std::string_view::npos;
    if (format[0] == '%') {
      format.remove_prefix(compile_field(format));
    } else if (format[0] == '\\' && escape != std::string_view::npos) {
      add_literal(meanings.substr(escape, 1));
      format.remove_prefix(2);
    } else {
      add_literal(format.substr(0, 1));
      format.remove_prefix(1);
    }
  }
}

// `rest` begins with a '%'. Returns how much of it the field takes.
std::size_t Formatter::compile_field(std::string_view rest) {
  const std::string all = "the format " + in_quotes(style_.format);
  if (rest.size() < 2) throw Error(Failure::usage, all + " ends with a '%'; write %% for one itself");
  const char kind = rest[1];
  if (kind == '%') {
    add_literal("%");
  } else if (kind == '{') {
    const std::size_t close = rest.find('}');
    if (close == std::string_view::npos) throw Error(Failure::usage, all + " lacks the '}' after its %{");
    fields_.push_back({'s', std::string(rest.substr(2, close - 2)) + ' '});
    return close + 1;
  } else if (std::string_view("tiumT").find(kind) != std::string_view::npos) {
    fields_.push_back({kind, {}});
  } else {
    throw Error(Failure::usage, all + " has an unknown " + in_quotes(rest.substr(0, 2)) +
                                    "; known are %t %i %u %m %T %{strftime} and %%");
  }
  return 2;
}

const std::tm* Formatter::LocalClock::at(std::int64_t seconds) {
  const std::int64_t wanted = floor_div(seconds, 60);
  const int second = static_cast<int>((seconds % 60 + 60) % 60);
  if (wanted == minute_) {
    time_.tm_sec = second;
    return &time_;
  }
  minute_ = no_minute;
  const std::time_t moment = seconds;
  if (localtime_r(&moment, &time_) == nullptr) return nullptr;
  if (time_.tm_year < 1 - 1900 || time_.tm_year > 9999 - 1900) return nullptr;
  // Before about 1900 offsets had seconds: there the local minute is another one.
  if (time_.tm_sec == second) minute_ = wanted;
  return &time_;
}

void Formatter::append_text(std::string& out, std::string_view topic, const Message& message,
                            std::int64_t now) {
  const std::tm* time = said_.at(message.timestamp);
  if (style_.dressed() && time != nullptr) append_day(out, *time, now);
  const std::size_t begin = out.size();
  if (style_.color) out += dim;
  if (time == nullptr) {
    out += '@';
    append_number(out, message.timestamp);
  } else {
    if (!style_.dressed() && !same_day(time, now_.at(now))) {
      append_date(out, *time);
      out += ' ';
    }
    append_clock(out, *time);
  }
  if (style_.color) out += plain;
  out += ' ';
  if (style_.with_topic) {
    if (style_.color) out += bold;
    out += '[';
    append_field(out, topic);
    out += ']';
    if (style_.color) out += plain;
    out += ' ';
  }
  if (style_.color) out += color_of(message.user, style_.many_colors);
  append_name(out, message.user);
  if (style_.color) out += plain;
  out += ": ";
  if (style_.dressed()) {
    append_body(out, begin, message.text);
  } else {
    append_field(out, message.text);
  }
}

// A line of its own, when it isn't the day of the message before, or today at first.
void Formatter::append_day(std::string& out, const std::tm& time, std::int64_t now) {
  const std::tm* const today = day_ ? nullptr : now_.at(now);
  if (today != nullptr) day_ = {today->tm_year, today->tm_yday};
  const std::pair day{time.tm_year, time.tm_yday};
  if (std::exchange(day_, day) == day) return;
  out += dim;
  out += "── ";
  append_strftime(out, "%A ", time);
  out += ' ';
  append_date(out, time);
  out += " ──";
  out += plain;
  out += '\n';
}

void Formatter::append_name(std::string& out, std::string_view name) {
  const bool isolated = style_.dressed() && style_.isolates && runs_backwards(name);
  if (isolated) out += isolate_start;
  const std::size_t begin = out.size();
  append_escaped_name(out, name, style_.for_terminal);
  escape_nul(out, begin);
  if (isolated) out += isolate_end;
}

void Formatter::append_field(std::string& out, std::string_view field) const {
  const std::size_t begin = out.size();
  append_escaped(out, field, style_.for_terminal);
  escape_nul(out, begin);
}

// Where a NUL ends a message, none of its own may look like that.
void Formatter::escape_nul(std::string& out, std::size_t from) const {
  if (!nul_ends_ || out.find('\0', from) == std::string::npos) return;
  const std::string field = out.substr(from);
  out.resize(from);
  for (const char c : field) {
    if (c == '\0') out += '\\';
    out += c == '\0' ? '0' : c;
  }
}

// The text of a message, in a line of `out` that begins at `begin`. Its own lines come under its first one:
// none of them begins at the left edge, where it could look like another message.
void Formatter::append_body(std::string& out, std::size_t begin, std::string_view text) {
  constexpr std::size_t narrow_indent = 4;
  const bool wrapped = width_ >= least_width;
  const std::size_t column = columns_of(std::string_view(out).substr(begin));
  const std::size_t indent = !wrapped || column > width_ / 2 ? narrow_indent : column;
  if (text.ends_with('\n')) text.remove_suffix(1);
  append_body_line(out, text.substr(0, text.find('\n')), wrapped ? column % width_ : column, indent);
  for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    text.remove_prefix(end + 1);
    out += '\n';
    out.append(indent, ' ');
    append_body_line(out, text.substr(0, text.find('\n')), indent, indent);
  }
}

void Formatter::append_body_line(std::string& out, std::string_view line, std::size_t column,
                                 std::size_t indent) {
  escaped_.clear();
  append_escaped(escaped_, line, true);
  decorate();
  const bool isolated = style_.isolates && runs_backwards(escaped_);
  std::string lines;
  std::string& to = isolated ? lines : out;
  if (width_ >= least_width) {
    append_wrapped(to, body_, column, indent, width_);
  } else {
    to += body_;
  }
  if (isolated) append_isolated(out, lines, indent);
}

// Makes body_ of escaped_.
void Formatter::decorate() {
  struct Mark {
    std::size_t at;
    std::string text;
  };
  std::vector<Mark> marks;
  std::size_t done = 0;
  for (int i = 0; i < most_mentions; ++i) {
    const auto me = find_me(escaped_, done);
    if (!me) break;
    marks.push_back({me->begin, std::string(inverse)});
    marks.push_back({me->end, std::string(plain)});
    done = me->end;
  }
  for (const Link& link : style_.links ? find_links(escaped_) : std::vector<Link>()) {
    const auto address = std::string_view(escaped_).substr(link.begin, link.end - link.begin);
    marks.push_back({link.begin, link_start(address)});
    marks.push_back({link.end, std::string(link_end)});
  }
  std::ranges::stable_sort(marks, {}, &Mark::at);
  body_.clear();
  done = 0;
  for (const Mark& mark : marks) {
    body_.append(escaped_, done, mark.at - done).append(mark.text);
    done = mark.at;
  }
  body_.append(escaped_, done);
}

std::optional<Regex::Match> Formatter::find_me(std::string_view escaped, std::size_t from) const {
  if (!me_) return std::nullopt;
  try {
    return me_->find(escaped, from);
  } catch (const TooCostly&) {
    return std::nullopt;
  }
}

bool Formatter::mentions_me(const Message& message) {
  escaped_.clear();
  append_escaped(escaped_, message.text, true);
  return find_me(escaped_, 0).has_value();
}

void Formatter::append_custom(std::string& out, std::string_view topic, const Message& message) {
  for (const Field& field : fields_) {
    const bool timed = field.kind == 'T' || field.kind == 's';
    const std::tm* time = timed ? said_.at(message.timestamp) : nullptr;
    if (field.kind == 'l') {
      out += field.text;
    } else if (field.kind == 't') {
      append_field(out, topic);
    } else if (field.kind == 'u') {
      append_name(out, message.user);
    } else if (field.kind == 'm') {
      append_field(out, message.text);
    } else if (field.kind == 'i') {
      out += message.id ? message.id->str() : "-";
    } else if (time == nullptr) {
      out += '@';
      append_number(out, message.timestamp);
    } else if (field.kind == 'T') {
      append_iso(out, *time);
    } else {
      append_strftime(out, field.text, *time);
    }
  }
}

void Formatter::append(std::string& out, std::string_view topic, const Message& message, std::int64_t now) {
  switch (style_.form) {
    case Form::text:
      append_text(out, topic, message, now);
      break;
    case Form::json:
      append_json(out, topic, message, style_.for_terminal);
      break;
    case Form::raw:
      if (style_.for_terminal) {
        append_escaped(out, message.text, true);
      } else {
        out += message.text;
      }
      break;
    case Form::custom:
      append_custom(out, topic, message);
      break;
  }
  out += style_.null_separated ? '\0' : '\n';
}

}  // namespace chat
