#include "chat/json_object.h"

#include <rapidjson/reader.h>

#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/utf8.h"

namespace chat {
namespace {

std::string not_an_object(JsonKind kind) { return std::string(name_of(kind)) + ", not a JSON object"; }

/// What a parser tells, of which the members of the outer object are handed on.
class Events {
 public:
  explicit Events(JsonMembers& members) : members_(members) {}

  /// Why this is no object; empty when it is one, or no JSON.
  const std::string& why() const { return why_; }

  bool open_object() { return ++depth_ == 1 || value(JsonValue(JsonKind::object), 1); }
  bool open_array() { return ++depth_ > 0 && value(JsonValue(JsonKind::array), 1); }
  bool close() { return depth_-- > 0; }
  /// Is kept until the value has been told.
  bool name(std::string_view name) {
    if (depth_ == 1) name_ = name;
    return true;
  }
  // It may have opened a level of its own.
  bool value(const JsonValue& value, std::size_t opened = 0) {
    const std::size_t depth = depth_ - opened;
    if (depth == 0) why_ = not_an_object(value.kind);
    if (depth == 1) members_.member(name_, value);
    return depth > 0;
  }
  bool whole(std::int64_t whole) { return value({whole, true}); }
  bool whole(std::uint64_t whole) { return value({static_cast<std::int64_t>(whole), whole >> 63U == 0}); }
  bool real(double real) {
    const bool fits = real > -0x1p63 && real < 0x1p63;
    return value({fits ? static_cast<std::int64_t>(real) : 0, fits});
  }

 private:
  JsonMembers& members_;
  std::size_t depth_ = 0;
  std::string_view name_;
  std::string why_;
};

/// RapidJSON's, which is the faster one. It doesn't look whether texts are UTF-8, nor whether an escape is
/// half of a surrogate pair.
class RapidEvents : public Events, public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, RapidEvents> {
 public:
  using Events::Events;

  bool Null() { return value(JsonValue(JsonKind::null)); }
  bool Bool(bool) { return value(JsonValue(JsonKind::boolean)); }
  // Its own numbers are inexact; the exact ones are undefined behaviour for some.
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) {
    std::int64_t integer = 0;
    double any = 0;
    const char* const end = text + size;
    if (const auto read = std::from_chars(text, end, integer); read.ec == std::errc() && read.ptr == end)
      return whole(integer);
    const auto read = std::from_chars(text, end, any);
    return read.ec == std::errc() && read.ptr == end && real(any);
  }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    return valid({text, size}) && value(JsonValue(JsonKind::string, {text, size}));
  }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    return valid({text, size}) && name({text, size});
  }
  bool StartObject() { return open_object(); }
  bool EndObject(rapidjson::SizeType) { return close(); }
  bool StartArray() { return open_array(); }
  bool EndArray(rapidjson::SizeType) { return close(); }

 private:
  static bool valid(std::string_view text) {
    return utf8::all_of(text, [](char32_t) { return true; });
  }
};

/// nlohmann_json's, which takes all that is JSON, and says where it isn't.
class NlohmannEvents final : public Events, public nlohmann::json_sax<nlohmann::json> {
 public:
  using Events::Events;

  /// Counted from 1; 0 when it is JSON.
  std::size_t wrong_byte() const { return wrong_byte_; }

  bool null() override { return value(JsonValue(JsonKind::null)); }
  bool boolean(bool) override { return value(JsonValue(JsonKind::boolean)); }
  bool number_integer(std::int64_t number) override { return whole(number); }
  bool number_unsigned(std::uint64_t number) override { return whole(number); }
  bool number_float(double number, const std::string&) override { return real(number); }
  bool string(std::string& text) override { return value(JsonValue(JsonKind::string, text)); }
  bool binary(binary_t&) override { return false; }
  bool key(std::string& text) override {
    kept_name_ = text;
    return name(kept_name_);
  }
  bool start_object(std::size_t) override { return open_object(); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open_array(); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t byte, const std::string&, const nlohmann::json::exception&) override {
    wrong_byte_ = byte;
    return false;
  }

 private:
  std::size_t wrong_byte_ = 0;
  std::string kept_name_;
};

std::string wrong_at(std::size_t byte) { return "not valid JSON at byte " + std::to_string(byte); }

}  // namespace

const char* name_of(JsonKind kind) {
  constexpr std::array<const char*, 6> names = {"null",     "a boolean", "a number",
                                                "a string", "an array",  "an object"};
  return names[static_cast<std::size_t>(kind)];
}

std::string read_json_object(std::string_view text, JsonMembers& members) {
  if (text.empty()) return "empty, not a JSON object";
  constexpr unsigned flags =
      rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;
  std::string copy(text);  // texts are unescaped in their places
  rapidjson::InsituStringStream stream(copy.data());
  RapidEvents events(members);
  const bool read = !rapidjson::Reader().Parse<flags>(stream, events).IsError();
  if (!events.why().empty() || (read && stream.Tell() == text.size())) return events.why();

  // To both a NUL is the end.
  const std::size_t end = text.find('\0');
  const std::string_view before = text.substr(0, end);
  NlohmannEvents again(members);
  nlohmann::json::sax_parse(before.begin(), before.end(), &again);
  if (again.wrong_byte() > 0) return wrong_at(again.wrong_byte());
  return again.why().empty() && end != text.npos ? wrong_at(end + 1) : again.why();
}

}  // namespace chat
