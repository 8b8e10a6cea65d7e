#include "redis/reply.h"

#include <algorithm>
#include <charconv>
#include <string>

namespace chat {

namespace {

using Value = Received::Value;
using Type = Received::Type;

constexpr std::size_t piece = std::size_t{16} * 1024;
constexpr std::size_t most_kept_input = std::size_t{4} * 1024 * 1024;  // of a buffer that is empty again
constexpr std::size_t longest_line = std::size_t{64} * 1024;
constexpr std::int64_t longest_text = std::int64_t{512} * 1024 * 1024;  // Redis's own limit
constexpr std::int64_t most_elements = 1 << 24;
constexpr std::size_t first_elements = 64;  // that an array gets memory for
constexpr std::ptrdiff_t most_digits = 19;
constexpr std::ptrdiff_t most_short = 9;

[[noreturn]] void refuse(const char* where, char found) {
  const bool printable = found >= 0x20 && found < 0x7f;
  throw NoReply(std::string(where) + ' ' +
                (printable ? std::string{'"', found, '"'}
                           : "byte " + std::to_string(static_cast<unsigned char>(found))));
}

[[noreturn]] void refuse_size(const char* what, std::int64_t size, const char* wrong) {
  throw NoReply(what + std::to_string(size) + wrong);
}

// Reads bytes from what was received; each function moves `at` and returns true, or returns false when they
// are not all here yet. A zero byte stands behind the end: no digit, and no end of a line.
struct Cursor {
  const char* at;
  const char* end;

  bool number(std::int64_t& number) { return short_number(number) || any_number(number); }

  // As most of them are: read where it is needed, which takes half of the work of a call.
  bool short_number(std::int64_t& number) {
    std::int64_t value = 0;
    const char* last = at;
    for (; *last >= '0' && *last <= '9' && last - at < most_short; ++last) value = 10 * value + (*last - '0');
    if (*at == '0' || last == at || last[0] != '\r' || last[1] != '\n') return false;
    at = last + 2;
    number = value;
    return true;
  }

  [[gnu::noinline]] bool any_number(std::int64_t& number) {
    const bool negative = *at == '-';
    const char* const digits = at + (negative ? 1 : 0);
    const char* last = digits;
    std::uint64_t value = 0;
    for (; *last >= '0' && *last <= '9'; ++last) value = 10 * value + static_cast<std::uint64_t>(*last - '0');
    if (last == digits && last != end) refuse("a number begins with", *last);
    if (*digits == '0' && last - at > 1) throw NoReply("a number begins with 0");
    if (last - digits > most_digits || value > std::uint64_t{INT64_MAX} + (negative ? 1 : 0)) {
      throw NoReply("a number is too large");
    }
    at = last;
    number = static_cast<std::int64_t>(negative ? 0 - value : value);
    return line_end("a number goes on behind its end");
  }

  bool size(std::int64_t& size, std::int64_t most, const char* what, const char* wrong) {
    if (!number(size)) return false;
    if (size < -1 || size > most) refuse_size(what, size, wrong);
    return true;
  }

  bool text(std::string_view& text, std::size_t size) {
    if (static_cast<std::size_t>(end - at) < size) return false;
    text = {at, size};
    at += size;
    return line_end("a text goes on behind its end");
  }

  bool line(std::string_view& line) {
    const std::string_view rest(at, std::min<std::size_t>(end - at, longest_line + 2));
    const std::size_t size = rest.find("\r\n");
    if (size != rest.npos) return text(line, size);
    if (rest.size() == longest_line + 2) throw NoReply("a line is too long");
    return false;
  }

  // Of an array only its size.
  bool value(Value& value, const char* bytes) {
    if (at == end) return false;
    std::int64_t number = 0;
    std::string_view found(at, at);
    switch (const char kind = *at++) {
      case '$':
        if (!size(number, longest_text, "a text of ", " bytes is too long")) return false;
        if (number >= 0 && !text(found, static_cast<std::size_t>(number))) return false;
        value.type = number < 0 ? Type::nil : Type::bulk;
        break;
      case '*':
        if (!size(number, most_elements, "an array has ", " elements")) return false;
        value = {number < 0 ? Type::nil : Type::array,
                 static_cast<std::uint32_t>(std::max<std::int64_t>(number, 0)), 0};
        return true;
      case ':':
        if (!this->number(number)) return false;
        value = {Type::integer, 0, static_cast<std::uint64_t>(number)};
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

 private:
  bool line_end(const char* otherwise) {
    if (at[0] == '\r' && at[1] == '\n') {
      at += 2;
      return true;
    }
    if (at == end || (at + 1 == end && *at == '\r')) return false;
    throw NoReply(otherwise);
  }
};

}  // namespace

std::int64_t ReplyView::integer() const {
  if (is_integer()) return static_cast<std::int64_t>(value().place);
  std::int64_t number = 0;
  const std::string_view digits = text();
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

ReplyView field(ReplyView map, std::string_view name) {
  std::size_t i = 0;
  while (i + 1 < map.size() && map[i].text() != name) i += 2;
  return map[i + 1];
}

std::span<char> ReplyReader::room() {
  const std::size_t rest = end_ - begin_;
  const char* const bytes = received_->bytes.get() + begin_;
  const bool in_use = received_.use_count() > 1;  // by replies that were given
  if (begin_ > 0 || in_use) depth_ = 0;           // places change: the reply is read from its beginning again
  if (in_use) {
    std::swap(received_, spare_);  // whose replies may be gone by now
    if (received_ == nullptr || received_.use_count() > 1) received_ = std::make_shared<Received>();
  }
  std::size_t capacity = std::max(received_->capacity, 2 * piece);
  if (rest <= piece && capacity > most_kept_input) capacity = 2 * piece;
  while (capacity < rest + piece) capacity *= 2;
  if (capacity != received_->capacity) {
    auto fresh = std::make_unique_for_overwrite<char[]>(capacity + 1);
    std::copy_n(bytes, rest, fresh.get());
    received_->bytes = std::move(fresh);
    received_->capacity = capacity;
  } else if (depth_ == 0) {
    std::copy_n(bytes, rest, received_->bytes.get());
  }
  begin_ = 0;
  end_ = rest;
  return {received_->bytes.get() + end_, capacity - end_};
}

void ReplyReader::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::span<char> to = room();
    filled(bytes.copy(to.data(), to.size()));
    bytes.remove_prefix(std::min(to.size(), bytes.size()));
  }
}

std::optional<Reply> ReplyReader::next() {
  if (begin_ == end_) return std::nullopt;
  char* const bytes = received_->bytes.get();
  bytes[end_] = '\0';
  if (depth_ == 0) {
    if (received_.use_count() == 1) used_ = 1;
    root_ = claim(1);
    open_[depth_++] = {0, root_, root_ + 1, 1};
    at_ = begin_;
  }
  Cursor cursor{bytes + at_, bytes + end_};
  while (depth_ > 0) {
    Open& open = open_[depth_ - 1];
    if (open.left == 0) {
      --depth_;
      continue;
    }
    if (open.next == open.end) make_room(open);
    const char* const begin = cursor.at;
    if (depth_ == deepest && *begin == '*') throw NoReply("arrays are nested too deep");
    Value& value = received_->values[open.next];
    if (!cursor.value(value, bytes)) {
      at_ = static_cast<std::size_t>(begin - bytes);
      return std::nullopt;
    }
    --open.left;
    ++open.next;
    if (value.type == Type::array) open_array(open.next - 1);
  }
  const std::size_t begin = std::exchange(begin_, static_cast<std::size_t>(cursor.at - bytes));
  return Reply(received_, root_, begin_ - begin);
}

// Memory for so many values, which are not cleared.
std::size_t ReplyReader::claim(std::size_t count) {
  std::vector<Value>& values = received_->values;
  const std::size_t first = std::exchange(used_, used_ + count);
  if (used_ > values.size()) values.resize(std::max(used_, 2 * values.size()));
  return first;
}

// An array's elements come next.
void ReplyReader::open_array(std::size_t array) {
  const std::size_t size = received_->values[array].size;
  const std::size_t room = std::min(size, first_elements);
  const std::size_t first = claim(room);
  received_->values[array].place = first;
  open_[depth_++] = {array, first, first + room, size};
}

// Elements have come, so there is memory for as many more. They move behind those of their own elements.
void ReplyReader::make_room(Open& open) {
  const std::size_t size = received_->values[open.array].size;
  const std::size_t found = size - open.left;
  const std::size_t room = std::min(size, 2 * found);
  const std::size_t first = claim(room);
  Value* const values = received_->values.data();
  std::copy_n(values + open.next - found, found, values + first);
  values[open.array].place = first;
  open = {open.array, first + found, first + room, open.left};
}

}  // namespace chat
