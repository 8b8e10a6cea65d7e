#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace chat {

/// What a reply consists of.
struct Received {
  enum class Type : std::uint8_t { nil, error, status, bulk, integer, array };
  struct Value {
    Type type = Type::nil;
    std::uint32_t size = 0;   // of a text; how many elements
    std::uint64_t place = 0;  // of a text in `texts`; of the first element in `values`; an integer itself
  };

  std::string texts;
  std::vector<Value> values;  // the elements of an array in a row; the reply itself last
};

/// One value of a reply. A view: valid as long as its Reply. What isn't there is nil, so that a reply of
/// another shape than expected can be read all the same.
class ReplyView {
 public:
  ReplyView(const Received& received, const Received::Value& value) : received_(&received), value_(&value) {}

  bool is_nil() const { return value_->type == Type::nil; }
  bool is_error() const { return value_->type == Type::error; }
  bool is_array() const { return value_->type == Type::array; }
  bool is_integer() const { return value_->type == Type::integer; }
  bool is_string() const { return value_->type == Type::bulk || value_->type == Type::status; }
  /// The bytes of a string, status or error; empty for other types.
  std::string_view text() const {
    if (!is_string() && !is_error()) return {};
    return {received_->texts.data() + value_->place, value_->size};
  }
  /// An integer's value, or that of a string of digits; 0 for others.
  std::int64_t integer() const;
  /// Number of elements; 0 when it is no array.
  std::size_t size() const { return is_array() ? value_->size : 0; }
  /// An element; nil when there is none with this index, or this is no array.
  ReplyView operator[](std::size_t index) const {
    return {*received_, index < size() ? received_->values[value_->place + index] : nothing};
  }

 private:
  using Type = Received::Type;
  static constexpr Received::Value nothing{};

  const Received* received_;
  const Received::Value* value_;
};

/// A reply that keeps the memory of what it was received in.
class Reply {
 public:
  explicit Reply(std::shared_ptr<const Received> received) : received_(std::move(received)) {}
  ReplyView view() const { return {*received_, received_->values.back()}; }
  ReplyView operator[](std::size_t index) const { return view()[index]; }
  /// About how many bytes it took to send it.
  std::size_t bytes() const {
    constexpr std::size_t around_value = 6;
    return received_->texts.size() + around_value * received_->values.size();
  }

 private:
  std::shared_ptr<const Received> received_;
};

/// What was received is no reply of Redis.
class NoReply : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Finds replies in the bytes of a connection: hiredis's reader for RESP2
/// (https://redis.io/docs/latest/develop/reference/protocol-spec/), which copies each text once into the
/// memory of the reply and allocates for none. It takes memory for what has come, not for what is announced.
/// Refused are: values nested more than 9 deep, arrays of more than 16,777,216 elements, a status or error of
/// more than 64 KiB, a text of more than 512 MiB, and the types of RESP3, which nobody asked for.
class ReplyReader {
 public:
  ReplyReader();
  /// Takes bytes from the connection; some 64 KiB at a time are best. Replies that were given stay valid.
  void feed(std::string_view bytes);
  /// The next complete reply, errors included; nothing when more has to be received first. Throws NoReply.
  std::optional<Reply> next();

  ReplyReader(ReplyReader&&) = default;
  ReplyReader& operator=(ReplyReader&&) = default;

 private:
  struct State;
  std::shared_ptr<State> state_;  // of one reader: its address stands in what hiredis was given
};

}  // namespace chat
