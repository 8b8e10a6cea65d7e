#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace chat {

/// The text is not JSON.
struct NotJson {
  std::size_t byte;  ///< the first one that can't stand there or is missing, counted from 1
};

/// Reads one JSON object (RFC 8259), a member at a time: as strict as the standard about all of it, read or
/// skipped, with valid UTF-8 and whole surrogate pairs. A byte order mark before it is passed over. Strings
/// are copied only where something in them is escaped. The functions throw NotJson.
class JsonReader {
 public:
  enum class Kind : std::uint8_t { null, boolean, number, string, array, object };

  struct Number {
    std::int64_t whole = 0;  ///< without its fraction
    bool fits = false;       ///< into `whole`
  };

  /// The text must outlive the reader.
  explicit JsonReader(std::string_view text);

  /// What comes next, told by its first byte: the text's own value first, then a member's.
  Kind kind();

  /// The name of the object's next member, whose value has to be read next. Nothing at the object's end, when
  /// nothing but white space follows. Valid until the next call, as string().
  std::optional<std::string_view> member();

  std::string_view string();
  Number number();
  /// Any value.
  void skip();

 private:
  [[noreturn]] void fail() const { throw NotJson{at_ + 1}; }
  bool is_next(char c) const;
  char peek() const;
  bool take(char expected);
  void require(char expected);
  void require_word(std::string_view word);
  void pass_space();
  std::string_view name();
  void unescape();
  char32_t code_unit();
  void pass_digits();
  void close(std::string& open);

  std::string_view text_;
  std::size_t at_ = 0;
  bool entered_ = false;
  std::string unescaped_;
};

}  // namespace chat
