#include "chat/json_object.h"

#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/utf8.h"

namespace chat {
namespace {

std::string not_an_object(JsonKind kind) { return std::string(name_of(kind)) + ", not a JSON object"; }

/// Reads what nearly all messages are, a flat object of texts and whole numbers, in a fifth of the parser's
/// time.
class FlatReader {
 public:
  explicit FlatReader(std::string_view text) : text_(text) {}

  /// False when it is, or may be, anything else. Then some members may have been given.
  bool read(JsonMembers& members) {
    if (!take('{')) return false;
    do {
      std::string_view name;
      JsonValue value(JsonKind::string);
      if (!string(name) || !made_.empty() || !take(':')) return false;
      if (!string(value.text) && !whole_number(value)) return false;
      members.member(name, value);
    } while (take(','));
    return take('}') && at_ == text_.size();
  }

 private:
  bool take(char wanted) {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    const bool there = at_ < text_.size() && text_[at_] == wanted;
    at_ += there ? 1 : 0;
    return there;
  }

  bool whole_number(JsonValue& value) {
    const char* const first = text_.data() + at_;
    const char* const last = text_.data() + text_.size();
    if (first == last || *first < '1' || *first > '9') return false;
    std::int64_t whole = 0;
    const auto [end, error] = std::from_chars(first, last, whole);
    at_ += static_cast<std::size_t>(end - first);
    value = JsonValue(whole, true);
    return error == std::errc();
  }

  bool string(std::string_view& text) {
    if (!take('"')) return false;
    made_.clear();
    std::size_t start = at_;
    while ((at_ += utf8::plain_prefix(text_.substr(at_))) < text_.size() && text_[at_] != '"') {
      char32_t code_point = 0;
      std::size_t length = utf8::decode(text_.substr(at_), code_point);
      if (code_point == '\\') {
        made_ += text_.substr(start, at_ - start);
        length = escape();
        start = at_ + length;
      }
      if (length == 0 || code_point < 0x20) return false;
      at_ += length;
    }
    if (at_ == text_.size()) return false;
    text = text_.substr(start, at_++ - start);
    if (!made_.empty()) text = made_ += text;
    return true;
  }

  // Its length; 0 for one that is left to the parser.
  std::size_t escape() {
    constexpr std::string_view letters = "\"\\/bfnrt";
    const std::size_t which = at_ + 1 < text_.size() ? letters.find(text_[at_ + 1]) : letters.npos;
    if (which == letters.npos) return 0;
    made_ += "\"\\/\b\f\n\r\t"[which];
    return 2;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string made_;  // a text that has escapes, without them
};

/// Hears the parser that takes all that is JSON, and says where it isn't.
class Events final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Events(JsonMembers& members) : members_(members) {}

  const std::string& why() const { return why_; }

  bool null() override { return value(JsonValue(JsonKind::null)); }
  bool boolean(bool) override { return value(JsonValue(JsonKind::boolean)); }
  bool number_integer(std::int64_t whole) override { return value({whole, true}); }
  bool number_unsigned(std::uint64_t whole) override {
    return value({static_cast<std::int64_t>(whole), whole >> 63U == 0});
  }
  bool number_float(double real, const std::string&) override {
    const bool fits = real > -0x1p63 && real < 0x1p63;
    return value({fits ? static_cast<std::int64_t>(real) : 0, fits});
  }
  bool string(std::string& text) override { return value(JsonValue(JsonKind::string, text)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return ++depth_ == 1 || value(JsonValue(JsonKind::object), 1); }
  bool end_object() override { return depth_-- > 0; }
  bool start_array(std::size_t) override {
    ++depth_;
    return value(JsonValue(JsonKind::array), 1);
  }
  bool end_array() override { return depth_-- > 0; }
  bool key(std::string& name) override {
    if (depth_ == 1) name_ = name;
    return true;
  }
  bool parse_error(std::size_t byte, const std::string&, const nlohmann::json::exception&) override {
    why_ = "not valid JSON at byte " + std::to_string(byte);
    return false;
  }

 private:
  // It may have opened a level of its own.
  bool value(const JsonValue& value, std::size_t opened = 0) {
    const std::size_t depth = depth_ - opened;
    if (depth == 0) why_ = not_an_object(value.kind);
    if (depth == 1) members_.member(name_, value);
    return depth > 0;
  }

  JsonMembers& members_;
  std::size_t depth_ = 0;
  std::string name_;
  std::string why_;
};

}  // namespace

const char* name_of(JsonKind kind) {
  constexpr std::array<const char*, 6> names = {"null",     "a boolean", "a number",
                                                "a string", "an array",  "an object"};
  return names[static_cast<std::size_t>(kind)];
}

std::string read_json_object(std::string_view text, JsonMembers& members) {
  if (text.empty()) return "empty, not a JSON object";
  if (FlatReader(text).read(members)) return {};
  // To this parser a NUL is the end.
  const std::size_t end = text.find('\0');
  const std::string_view before = text.substr(0, end);
  Events events(members);
  nlohmann::json::sax_parse(before.begin(), before.end(), &events);
  if (!events.why().empty() || end == text.npos) return events.why();
  return "not valid JSON at byte " + std::to_string(end + 1);
}

}  // namespace chat
