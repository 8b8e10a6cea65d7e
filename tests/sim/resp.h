#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sim {

/// Appends replies of RESP2 to a string
/// (https://redis.io/docs/latest/develop/reference/protocol-spec/).
class ReplyWriter {
 public:
  /// `out` must outlive the writer.
  explicit ReplyWriter(std::string& out) : out_(out) {}

  void status(std::string_view text) { line('+', text); }
  /// `text` without a dash; "ERR " is put before it unless `coded`. Line ends become blanks.
  void error(std::string_view text) { error_line("ERR ", text); }
  void coded_error(std::string_view text) { error_line("", text); }
  void integer(std::int64_t value) { number(':', value); }
  void bulk(std::string_view text);
  void bulk_integer(std::int64_t value);
  void nil() { out_ += "$-1\r\n"; }
  void nil_array() { out_ += "*-1\r\n"; }
  void array(std::size_t size) { number('*', static_cast<std::int64_t>(size)); }
  void ok() { out_ += "+OK\r\n"; }
  /// Bytes that are replies already.
  void raw(std::string_view bytes) { out_ += bytes; }

  /// For an array whose size is known only behind its elements: mark() before them, array_at() after.
  std::size_t mark() const { return out_.size(); }
  void array_at(std::size_t mark, std::size_t size);
  /// Replies that belong at a mark.
  void insert(std::size_t mark, std::string_view bytes) { out_.insert(mark, bytes); }

 private:
  void line(char kind, std::string_view text);
  void number(char kind, std::int64_t value);
  void error_line(std::string_view code, std::string_view text);

  std::string& out_;
};

/// Appends a command as clients send it: an array of bulk strings.
void append_command(std::string& out, std::span<const std::string_view> arguments);

/// Splits a byte stream into commands.
class CommandReader {
 public:
  void feed(std::string_view bytes) { buffer_ += bytes; }
  /// The next complete command; valid until the next call of any function. Nothing when more bytes are
  /// needed or after broken(). An empty command is possible.
  std::optional<std::span<const std::string_view>> next();
  /// The bytes were none of the protocol.
  bool broken() const { return broken_; }

 private:
  bool header(char kind, std::size_t& at, std::int64_t& value);

  std::string buffer_;
  std::size_t begin_ = 0;
  bool broken_ = false;
  std::vector<std::string_view> arguments_;
};

/// The size of the complete reply that `bytes` starts with; 0 when it isn't complete.
std::size_t reply_size(std::string_view bytes);

/// As Redis reads integers: no blanks, no plus, no leading zeros.
std::optional<std::int64_t> parse_integer(std::string_view text);
std::optional<std::uint64_t> parse_unsigned(std::string_view text);

/// Equal but for the case of ASCII letters; `upper` is in capitals.
bool is_word(std::string_view text, std::string_view upper);

}  // namespace sim
