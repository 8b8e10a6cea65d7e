#include "redis/reply.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>
#include <utility>

namespace chat {

namespace {

using Value = Received::Value;
using Type = Received::Type;

constexpr std::size_t piece = std::size_t{64} * 1024;
constexpr std::size_t usual_capacity = 2 * piece;
constexpr std::size_t most_kept = std::size_t{4} * 1024 * 1024;  // of a buffer that is empty again
constexpr std::int64_t longest_text = UINT32_MAX;
constexpr std::int64_t most_elements = 1 << 24;
constexpr std::ptrdiff_t most_digits = 19;

[[noreturn]] void refuse(const char* where, char found) {
  const bool printable = found >= 0x20 && found < 0x7f;
  throw NoReply(std::string(where) + ' ' +
                (printable ? std::string{'"', found, '"'}
                           : "byte " + std::to_string(static_cast<unsigned char>(found))));
}

// Reads bytes from what was received; each function moves `at` and returns true, or returns false when they
// are not all here yet.
struct Cursor {
  const char* at;
  const char* end;

  bool line_end() {
    if (end - at < 2) return false;
    if (at[0] != '\r') refuse("a line goes on with", at[0]);
    if (at[1] != '\n') refuse("a line ends with", at[1]);
    at += 2;
    return true;
  }

  bool number(std::int64_t& number) {
    const bool negative = at != end && *at == '-';
    if (negative) ++at;
    const char* const digits = at;
    std::uint64_t value = 0;
    for (; at != end && *at >= '0' && *at <= '9'; ++at) {
      if (at - digits == most_digits) throw NoReply("a number is too long");
      value = 10 * value + static_cast<std::uint64_t>(*at - '0');
    }
    if (at != end && at == digits) refuse("a number begins with", *at);
    number = static_cast<std::int64_t>(negative ? 0 - value : value);
    return line_end();
  }

  bool size(std::int64_t& size, std::int64_t most) {
    if (!number(size)) return false;
    if (size < -1 || size > most) throw NoReply("a size is " + std::to_string(size));
    return true;
  }

  bool text(std::string_view& text, std::size_t size) {
    if (static_cast<std::size_t>(end - at) < size) return false;
    text = {at, size};
    at += size;
    return line_end();
  }

  bool line(std::string_view& line) {
    return text(line, static_cast<std::size_t>(std::find(at, end, '\r') - at));
  }

  // Of an array only its size.
  bool value(Value& value, const char* bytes) {
    if (at == end) return false;
    std::int64_t number = 0;
    std::string_view found{at, at};
    switch (const char kind = *at++) {
      case '$':
        if (!size(number, longest_text)) return false;
        if (number >= 0 && !text(found, static_cast<std::size_t>(number))) return false;
        value.type = number < 0 ? Type::nil : Type::bulk;
        break;
      case '*':
        if (!size(number, most_elements)) return false;
        value.type = number < 0 ? Type::nil : Type::array;
        value.size = static_cast<std::uint32_t>(std::max<std::int64_t>(number, 0));
        return true;
      case ':':
        if (!this->number(number)) return false;
        value.type = Type::integer;
        value.place = static_cast<std::uint64_t>(number);
        return true;
      case '+':
      case '-':
        if (!line(found)) return false;
        value.type = kind == '+' ? Type::status : Type::error;
        break;
      default:
        refuse("a reply begins with", kind);
    }
    value.place = static_cast<std::uint64_t>(found.data() - bytes);
    value.size = static_cast<std::uint32_t>(found.size());
    return true;
  }
};

}  // namespace

std::int64_t ReplyView::integer() const {
  if (value().type == Type::integer) return static_cast<std::int64_t>(value().place);
  std::int64_t number = 0;
  const std::string_view digits = text();
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

Received::Received(std::size_t size) : bytes(std::make_unique_for_overwrite<char[]>(size)), capacity(size) {}

std::span<char> ReplyReader::room() {
  const std::size_t rest = end_ - begin_;
  const std::size_t capacity = received_->capacity;
  const bool in_use = received_.use_count() > 1;  // by replies that were given
  const bool too_large = rest == 0 && capacity > most_kept;
  char* const bytes = received_->bytes.get();
  if (in_use || too_large || capacity - rest < piece) {
    auto fresh = std::make_shared<Received>(std::max(usual_capacity, 2 * rest));
    std::copy_n(bytes + begin_, rest, fresh->bytes.get());
    received_ = std::move(fresh);
    start_over();
  } else if (begin_ > 0) {
    std::memmove(bytes, bytes + begin_, rest);
    start_over();
  }
  return {received_->bytes.get() + end_, received_->capacity - end_};
}

// The places of the values found so far are no longer right.
void ReplyReader::start_over() {
  end_ -= begin_;
  begin_ = 0;
  open_.clear();
}

std::optional<Reply> ReplyReader::next() {
  std::vector<Value>& values = received_->values;
  if (open_.empty()) {
    if (received_.use_count() == 1) values.clear();
    root_ = values.size();
    values.emplace_back();
    open_.push_back({root_, root_ + 1});
    at_ = begin_;
  }
  const char* const bytes = received_->bytes.get();
  Cursor cursor{bytes + at_, bytes + end_};
  while (!open_.empty()) {
    Open& open = open_.back();
    if (open.next == open.end) {
      open_.pop_back();
      continue;
    }
    Value& value = values[open.next];
    if (!cursor.value(value, bytes)) return std::nullopt;
    at_ = static_cast<std::size_t>(cursor.at - bytes);
    ++open.next;
    if (value.type == Type::array) open_array(value);
  }
  const std::size_t begin = std::exchange(begin_, at_);
  return Reply(received_, root_, at_ - begin);
}

// An array's elements come next.
void ReplyReader::open_array(Value& array) {
  std::vector<Value>& values = received_->values;
  const std::size_t first = values.size();
  const std::size_t end = first + array.size;
  array.place = first;
  values.resize(end);
  open_.push_back({first, end});
}

}  // namespace chat
