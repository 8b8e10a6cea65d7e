#include "sim/resp.h"

#include <array>

namespace sim {

void ReplyWriter::line(char kind, std::string_view text) {
  out_ += kind;
  out_ += text;
  out_ += "\r\n";
}

void ReplyWriter::number(char kind, std::int64_t value) {
  std::array<char, 24> digits{};
  const char* end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  line(kind, {digits.data(), static_cast<std::size_t>(end - digits.data())});
}

void ReplyWriter::error_line(std::string_view code, std::string_view text) {
  out_ += '-';
  out_ += code;
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  for (const char c : text) out_ += c == '\r' || c == '\n' ? ' ' : c;
  out_ += "\r\n";
}

void ReplyWriter::bulk(std::string_view text) {
  number('$', static_cast<std::int64_t>(text.size()));
  out_ += text;
  out_ += "\r\n";
}

void ReplyWriter::bulk_integer(std::int64_t value) {
  std::array<char, 24> digits{};
  const char* end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  bulk({digits.data(), static_cast<std::size_t>(end - digits.data())});
}

void ReplyWriter::array_at(std::size_t mark, std::size_t size) {
  std::array<char, 24> header{'*'};
  char* end = std::to_chars(header.data() + 1, header.data() + header.size() - 2, size).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out_.insert(mark, header.data(), static_cast<std::size_t>(end - header.data()));
}

void append_command(std::string& out, std::span<const std::string_view> arguments) {
  ReplyWriter writer(out);
  writer.array(arguments.size());
  for (const std::string_view argument : arguments) writer.bulk(argument);
}

bool CommandReader::header(char kind, std::size_t& at, std::int64_t& value) {
  const std::size_t end = buffer_.find("\r\n", at);
  if (end == std::string::npos) {
    broken_ = at < buffer_.size() && buffer_[at] != kind;
    return false;
  }
  const std::string_view text = std::string_view(buffer_).substr(at, end - at);
  const auto number = text.starts_with(kind) ? parse_integer(text.substr(1)) : std::nullopt;
  broken_ = !number || *number < 0;
  if (broken_) return false;
  value = *number;
  at = end + 2;
  return true;
}

std::optional<std::span<const std::string_view>> CommandReader::next() {
  if (broken_) return std::nullopt;
  if (begin_ == buffer_.size()) {
    buffer_.clear();
    begin_ = 0;
  }
  std::size_t at = begin_;
  std::int64_t count = 0;
  if (!header('*', at, count)) return std::nullopt;
  arguments_.clear();
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t size = 0;
    if (!header('$', at, size)) return std::nullopt;
    const auto length = static_cast<std::size_t>(size);
    if (buffer_.size() - at < length + 2) return std::nullopt;
    arguments_.emplace_back(std::string_view(buffer_).substr(at, length));
    at += length + 2;
  }
  begin_ = at;
  return arguments_;
}

std::size_t reply_size(std::string_view bytes) {
  std::size_t at = 0;
  for (std::size_t open = 1; open > 0; --open) {
    const std::size_t end = bytes.find("\r\n", at);
    if (end == std::string_view::npos) return 0;
    const char kind = bytes[at];
    const std::int64_t number = parse_integer(bytes.substr(at + 1, end - at - 1)).value_or(-1);
    at = end + 2;
    if (kind == '*' && number > 0) open += static_cast<std::size_t>(number);
    if (kind == '$' && number >= 0) at += static_cast<std::size_t>(number) + 2;
    if (at > bytes.size()) return 0;
  }
  return at;
}

namespace {

template <class Number>
std::optional<Number> parse(std::string_view text) {
  Number value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.starts_with('0') && text.size() > 1) return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::int64_t> parse_integer(std::string_view text) { return parse<std::int64_t>(text); }
std::optional<std::uint64_t> parse_unsigned(std::string_view text) {
  // Redis reads what looks like a number with strtoull here, and so takes zeros before it.
  std::uint64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_word(std::string_view text, std::string_view upper) {
  if (text.size() != upper.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i] >= 'a' && text[i] <= 'z' ? static_cast<char>(text[i] - 32) : text[i];
    if (c != upper[i]) return false;
  }
  return true;
}

}  // namespace sim
