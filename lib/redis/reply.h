#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

namespace chat {

/// What was received, and the values that were found in it.
struct Received {
  enum class Type : std::uint8_t { nil, error, status, bulk, integer, array };
  struct Value {
    Type type = Type::nil;
    std::uint32_t size = 0;   // of a text; how many elements
    std::uint64_t place = 0;  // of a text in `bytes`; of the first element in `values`; an integer itself
  };

  std::unique_ptr<char[]> bytes;
  std::size_t capacity = 0;
  std::vector<Value> values{1};  // the elements of an array in a row; the first is nil, for what isn't there
};

/// One value of a reply. A view: valid as long as its Reply. What isn't there is nil, so that a reply of
/// another shape than expected can be read all the same.
class ReplyView {
 public:
  ReplyView(const Received& received, std::size_t index) : received_(&received), index_(index) {}

  bool is_nil() const { return value().type == Type::nil; }
  bool is_error() const { return value().type == Type::error; }
  bool is_array() const { return value().type == Type::array; }
  bool is_integer() const { return value().type == Type::integer; }
  bool is_string() const { return value().type == Type::bulk || value().type == Type::status; }
  /// The bytes of a string, status or error; empty for other types.
  std::string_view text() const {
    if (!is_string() && !is_error()) return {};
    return {received_->bytes.get() + value().place, value().size};
  }
  /// An integer's value, or that of a string of digits; 0 for others.
  std::int64_t integer() const;
  /// Number of elements; 0 when it is no array.
  std::size_t size() const { return is_array() ? value().size : 0; }
  /// An element; nil when there is none with this index, or this is no array.
  ReplyView operator[](std::size_t index) const {
    return {*received_, index < size() ? value().place + index : 0};
  }

 private:
  using Type = Received::Type;
  const Received::Value& value() const { return received_->values[index_]; }

  const Received* received_;
  std::size_t index_;
};

/// The value behind this name, in an array of names and values as HELLO and XINFO answer it; nil when it
/// isn't there.
ReplyView field(ReplyView map, std::string_view name);

/// A reply that keeps the memory of what it was received in.
class Reply {
 public:
  Reply(std::shared_ptr<const Received> received, std::size_t index, std::size_t bytes)
      : received_(std::move(received)), index_(index), bytes_(bytes) {}
  ReplyView view() const { return {*received_, index_}; }
  ReplyView operator[](std::size_t index) const { return view()[index]; }
  /// How many bytes it took to send it.
  std::size_t bytes() const { return bytes_; }

 private:
  std::shared_ptr<const Received> received_;
  std::size_t index_;
  std::size_t bytes_;
};

/// What was received is no reply of Redis.
class NoReply : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Finds replies in the bytes of a connection (RESP2,
/// https://redis.io/docs/latest/develop/reference/protocol-spec/). Neither copies their texts nor allocates
/// for each value, which is what most of the time of reading a history would go into. It takes memory for
/// what has come, not for what is announced. Refused are: values nested more than 9 deep, arrays of more than
/// 16,777,216 elements, a status or error of more than 64 KiB, a text of more than 512 MiB, and the types of
/// RESP3, which nobody asked for.
class ReplyReader {
 public:
  /// Room for bytes from the connection, at least 16 KiB. Replies that were given stay valid.
  std::span<char> room();
  /// So many bytes were put into the room.
  void filled(std::size_t count) { end_ += count; }
  /// Both, for bytes that are elsewhere.
  void feed(std::string_view bytes);
  /// The next complete reply, errors included; nothing when more has to be received first. Throws NoReply.
  std::optional<Reply> next();

 private:
  static constexpr std::size_t deepest = 9;
  // An array whose elements are not all read. Places are those in Received::values.
  struct Open {
    std::size_t array;
    std::size_t next;
    std::size_t end;   // of the room that there is for elements so far
    std::size_t left;  // to read
  };

  std::size_t claim(std::size_t count);
  void open_array(std::size_t array);
  void make_room(Open& open);

  std::shared_ptr<Received> received_ = std::make_shared<Received>();
  std::shared_ptr<Received> spare_;  // the one before
  std::size_t begin_ = 0;            // of the reply that is being read
  std::size_t at_ = 0;               // so far it was read
  std::size_t end_ = 0;              // of what was received
  std::size_t used_ = 1;             // of the values
  std::size_t root_ = 0;             // the reply itself, among the values
  std::array<Open, deepest> open_{};
  std::size_t depth_ = 0;  // of those open: the innermost last; 0 between replies
};

}  // namespace chat
