#include "chat/json_reader.h"

#include <charconv>
#include <cmath>
#include <cstdlib>

#include "base/utf8.h"

namespace chat {

namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

void append_utf8(std::string& out, char32_t code_point) {
  const auto byte = [&](char32_t value) { out += static_cast<char>(static_cast<unsigned char>(value)); };
  const auto continued = [&](unsigned shift) { byte(0x80U | (code_point >> shift & 0x3fU)); };
  if (code_point < 0x80) {
    byte(code_point);
  } else if (code_point < 0x800) {
    byte(0xc0U | code_point >> 6U);
    continued(0);
  } else if (code_point < 0x10000) {
    byte(0xe0U | code_point >> 12U);
    continued(6);
    continued(0);
  } else {
    byte(0xf0U | code_point >> 18U);
    continued(12);
    continued(6);
    continued(0);
  }
}

// A number in JSON's form; nothing when it is too large for a double.
std::optional<double> parse_double(std::string_view number) {
  double value = 0;
  const auto [stop, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error == std::errc()) return value;
  // Too large or too small: only this one tells which.
  value = std::strtod(std::string(number).c_str(), nullptr);
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

}  // namespace

JsonReader::JsonReader(std::string_view text) : text_(text) {
  if (text.starts_with(byte_order_mark)) at_ = byte_order_mark.size();
}

bool JsonReader::is_next(char c) const { return at_ < text_.size() && text_[at_] == c; }

char JsonReader::peek() const {
  if (at_ == text_.size()) fail();
  return text_[at_];
}

bool JsonReader::take(char expected) {
  const bool found = peek() == expected;
  if (found) ++at_;
  return found;
}

void JsonReader::require(char expected) {
  if (!take(expected)) fail();
}

void JsonReader::require_word(std::string_view word) {
  for (const char c : word) require(c);
}

void JsonReader::pass_space() {
  while (is_next(' ') || is_next('\n') || is_next('\r') || is_next('\t')) ++at_;
}

JsonReader::Kind JsonReader::kind() {
  pass_space();
  switch (const char c = peek()) {
    case '{':
      return Kind::object;
    case '[':
      return Kind::array;
    case '"':
      return Kind::string;
    case 'n':
      return Kind::null;
    case 't':
    case 'f':
      return Kind::boolean;
    default:
      if (c != '-' && !is_digit(c)) fail();
      return Kind::number;
  }
}

std::optional<std::string_view> JsonReader::member() {
  pass_space();
  const bool first = !entered_;
  if (first) require('{');
  entered_ = true;
  pass_space();
  if (!take('}')) {
    if (!first) require(',');
    return name();
  }
  pass_space();
  if (at_ != text_.size()) fail();
  return std::nullopt;
}

std::string_view JsonReader::name() {
  pass_space();
  const std::string_view name = string();
  pass_space();
  require(':');
  return name;
}

std::string_view JsonReader::string() {
  pass_space();
  require('"');
  const std::size_t begin = at_;
  std::size_t copied_to = begin;
  unescaped_.clear();
  for (;;) {
    at_ += utf8::plain_prefix(text_.substr(at_));
    const char c = peek();
    if (c == '"') break;
    if (c == '\\') {
      unescaped_ += text_.substr(copied_to, at_ - copied_to);
      unescape();
      copied_to = at_;
      continue;
    }
    char32_t code_point = 0;
    const std::size_t length = utf8::decode(text_.substr(at_), code_point);
    if (length == 0 || code_point < 0x20) fail();
    at_ += length;
  }
  const std::string_view rest = text_.substr(copied_to, at_ - copied_to);
  ++at_;
  if (copied_to == begin) return rest;
  unescaped_ += rest;
  return unescaped_;
}

void JsonReader::unescape() {
  require('\\');
  constexpr std::string_view letters = "\"\\/bfnrt";
  const std::size_t letter = letters.find(peek());
  if (letter != std::string_view::npos) {
    ++at_;
    unescaped_ += "\"\\/\b\f\n\r\t"[letter];
    return;
  }
  char32_t code_point = code_unit();
  if (code_point >= 0xdc00 && code_point < 0xe000) fail();
  if (code_point >= 0xd800 && code_point < 0xdc00) {
    require('\\');
    const char32_t low = code_unit();
    if (low < 0xdc00 || low >= 0xe000) fail();
    code_point = 0x10000 + ((code_point - 0xd800) << 10U) + (low - 0xdc00);
  }
  append_utf8(unescaped_, code_point);
}

// The `uXXXX` of an escape.
char32_t JsonReader::code_unit() {
  require('u');
  char32_t unit = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = peek();
    std::uint32_t digit = 0;
    if (std::from_chars(&c, &c + 1, digit, 16).ptr == &c) fail();
    ++at_;
    unit = unit << 4U | digit;
  }
  return unit;
}

JsonReader::Number JsonReader::number() {
  pass_space();
  const std::size_t begin = at_;
  take('-');
  if (!take('0')) pass_digits();
  const std::size_t whole_end = at_;
  if (is_next('.')) {
    ++at_;
    pass_digits();
  }
  if (is_next('e') || is_next('E')) {
    ++at_;
    if (!take('+')) take('-');
    pass_digits();
  }
  const std::string_view digits = text_.substr(begin, at_ - begin);
  Number number;
  if (at_ == whole_end) {
    const char* const digits_end = digits.data() + digits.size();
    number.fits = std::from_chars(digits.data(), digits_end, number.whole).ec == std::errc();
    if (number.fits) return number;
  }
  const std::optional<double> value = parse_double(digits);
  if (!value) fail();
  number.fits = *value > -0x1p63 && *value < 0x1p63;
  if (number.fits) number.whole = static_cast<std::int64_t>(*value);
  return number;
}

// At least one.
void JsonReader::pass_digits() {
  if (!is_digit(peek())) fail();
  while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
}

void JsonReader::skip() {
  std::string open;  // the brackets to come, the innermost last
  do {
    const Kind next = kind();
    switch (next) {
      case Kind::null:
        require_word("null");
        break;
      case Kind::boolean:
        require_word(peek() == 't' ? "true" : "false");
        break;
      case Kind::number:
        number();
        break;
      case Kind::string:
        string();
        break;
      case Kind::array:
      case Kind::object:
        ++at_;
        open += next == Kind::object ? '}' : ']';
        pass_space();
        if (is_next(open.back())) break;
        if (next == Kind::object) name();
        continue;
    }
    close(open);
  } while (!open.empty());
}

// After a value: closes what ends here, and comes to the next value.
void JsonReader::close(std::string& open) {
  while (!open.empty()) {
    pass_space();
    if (!take(open.back())) {
      require(',');
      if (open.back() == '}') name();
      return;
    }
    open.pop_back();
  }
}

}  // namespace chat
