#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace chat {

/// What was received, and the replies that were found in it.
struct Received {
  enum class Type : std::uint8_t { nil, error, status, bulk, integer, array };
  struct Value {
    Type type = Type::nil;
    std::uint32_t size = 0;   // of a text; how many elements
    std::uint64_t place = 0;  // of a text in `bytes`; of the first element in `values`; an integer itself
  };

  explicit Received(std::size_t size);

  std::unique_ptr<char[]> bytes;
  std::size_t capacity;
  std::vector<Value> values;
};

/// One value of a reply. A view: valid as long as its Reply.
class ReplyView {
 public:
  ReplyView(const Received& received, std::size_t index) : received_(&received), index_(index) {}

  bool is_nil() const { return value().type == Type::nil; }
  bool is_error() const { return value().type == Type::error; }
  bool is_array() const { return value().type == Type::array; }
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
  /// index must be below size().
  ReplyView operator[](std::size_t index) const { return {*received_, value().place + index}; }

 private:
  using Type = Received::Type;
  const Received::Value& value() const { return received_->values[index_]; }

  const Received* received_;
  std::size_t index_;
};

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
/// for each value, which is what most of the time of reading a history would go into.
class ReplyReader {
 public:
  /// Room for bytes from the connection, at least 64 KiB. Replies that were given stay valid.
  std::span<char> room();
  /// So many bytes were put into the room.
  void filled(std::size_t count) { end_ += count; }
  /// The next complete reply, errors included; nothing when more has to be received first. Throws NoReply.
  std::optional<Reply> next();

 private:
  // An array whose elements, in Received::values, are not all read.
  struct Open {
    std::size_t next;
    std::size_t end;
  };

  void start_over();
  void open_array(Received::Value& array);

  std::shared_ptr<Received> received_ = std::make_shared<Received>(0);
  std::size_t begin_ = 0;   // of the reply that is being read
  std::size_t at_ = 0;      // so far it was read
  std::size_t end_ = 0;     // of what was received
  std::size_t root_ = 0;    // the reply itself, among the values
  std::vector<Open> open_;  // the innermost array last; empty between replies
};

}  // namespace chat
