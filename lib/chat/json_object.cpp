#include "chat/json_object.h"

#include <simdjson.h>

#include <array>
#include <limits>
#include <nlohmann/json.hpp>

namespace chat {
namespace {

// A parser takes some fourteen bytes for one of text. It is fast because it keeps them: but not for a text
// that is larger than nearly all are.
constexpr std::size_t usual_size = std::size_t{1} << 16;

JsonValue number(std::int64_t whole) { return {whole, true}; }

JsonValue number(std::uint64_t value) {
  const bool fits = value <= std::numeric_limits<std::int64_t>::max();
  return {fits ? static_cast<std::int64_t>(value) : 0, fits};
}

JsonValue number(double value) {
  const bool fits = value > -0x1p63 && value < 0x1p63;
  return {fits ? static_cast<std::int64_t>(value) : 0, fits};
}

std::string not_an_object(JsonKind kind) { return std::string(name_of(kind)) + ", not a JSON object"; }

JsonValue value_of(const simdjson::dom::element& element) {
  using simdjson::dom::element_type;
  switch (element.type()) {
    case element_type::STRING:
      return JsonValue(JsonKind::string, element.get_string().value_unsafe());
    case element_type::INT64:
      return number(element.get_int64().value_unsafe());
    case element_type::UINT64:
      return number(element.get_uint64().value_unsafe());
    case element_type::DOUBLE:
      return number(element.get_double().value_unsafe());
    case element_type::BOOL:
      return JsonValue(JsonKind::boolean);
    case element_type::ARRAY:
      return JsonValue(JsonKind::array);
    case element_type::OBJECT:
      return JsonValue(JsonKind::object);
    default:
      return JsonValue(JsonKind::null);
  }
}

// Nothing when the parser refuses it, without saying where: also what is too deep or a too large number.
std::optional<std::string> read_fast(simdjson::dom::parser& parser, std::string_view text,
                                     JsonMembers& members) {
  simdjson::dom::element whole;
  if (parser.parse(text.data(), text.size()).get(whole) != simdjson::SUCCESS) return std::nullopt;
  simdjson::dom::object object;
  if (whole.get(object) != simdjson::SUCCESS) return not_an_object(value_of(whole).kind);
  for (const auto& [name, element] : object) members.member(name, value_of(element));
  return std::string();
}

std::optional<std::string> read_fast(std::string_view text, JsonMembers& members) {
  if (text.size() > usual_size) {
    simdjson::dom::parser parser;
    return read_fast(parser, text, members);
  }
  thread_local simdjson::dom::parser kept;
  if (kept.capacity() < usual_size && kept.allocate(usual_size) != simdjson::SUCCESS) return std::nullopt;
  return read_fast(kept, text, members);
}

/// Hears the parser that takes all that is JSON, and says where it isn't.
class Events final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Events(JsonMembers& members) : members_(members) {}

  const std::string& why() const { return why_; }

  bool null() override { return value(JsonValue(JsonKind::null)); }
  bool boolean(bool) override { return value(JsonValue(JsonKind::boolean)); }
  bool number_integer(std::int64_t whole) override { return value(number(whole)); }
  bool number_unsigned(std::uint64_t whole) override { return value(number(whole)); }
  bool number_float(double real, const std::string&) override { return value(number(real)); }
  bool string(std::string& text) override { return value(JsonValue(JsonKind::string, text)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override {
    ++depth_;
    return depth_ == 1 || value(JsonValue(JsonKind::object), 1);
  }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override {
    ++depth_;
    return value(JsonValue(JsonKind::array), 1);
  }
  bool end_array() override { return close(); }
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
  bool close() {
    --depth_;
    return true;
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
  if (const auto done = read_fast(text, members)) return *done;
  // To this parser a NUL is the end.
  const std::size_t end = text.find('\0');
  const std::string_view before = text.substr(0, end);
  Events events(members);
  nlohmann::json::sax_parse(before.begin(), before.end(), &events);
  if (!events.why().empty() || end == text.npos) return events.why();
  return "not valid JSON at byte " + std::to_string(end + 1);
}

}  // namespace chat
