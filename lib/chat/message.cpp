#include "chat/message.h"

#include <array>

#include "base/numbers.h"
#include "base/utf8.h"
#include "chat/json_object.h"

namespace chat {
namespace {

void append_json_escape(std::string& out, char32_t code_point) {
  constexpr std::u32string_view short_ones = U"\"\\\b\f\n\r\t";
  const std::size_t at = short_ones.find(code_point);
  out += '\\';
  if (at != std::u32string_view::npos) {
    out += "\"\\bfnrt"[at];
    return;
  }
  out += 'u';
  for (unsigned digit = 4; digit-- > 0;) out += "0123456789abcdef"[code_point >> (4 * digit) & 0xfU];
}

// Returns whether the text is valid UTF-8.
bool append_json_text(std::string& out, std::string_view text, bool for_terminal) {
  bool valid = true;
  std::size_t written = 0;
  std::size_t at = utf8::plain_prefix(text);
  while (at < text.size()) {
    char32_t code_point = 0;
    const std::size_t length = utf8::decode(text.substr(at), code_point);
    const bool escape = code_point < 0x20 || code_point == '"' || code_point == '\\' ||
                        (for_terminal && utf8::drives_terminal(code_point));
    if (length == 0 || escape) out += text.substr(written, at - written);
    at += length == 0 ? 1 : length;
    if (length == 0) {
      valid = false;
      out += "\xef\xbf\xbd";
      written = at;
    } else if (escape) {
      append_json_escape(out, code_point);
      written = at;
    }
    at += utf8::plain_prefix(text.substr(at));
  }
  out += text.substr(written);
  return valid;
}

constexpr std::string_view base64_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t no_digit = 64;

constexpr std::array<std::uint8_t, 256> base64_values = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(no_digit);
  for (std::size_t i = 0; i < base64_digits.size(); ++i) {
    values[static_cast<unsigned char>(base64_digits[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}();

using Kind = JsonKind;

enum Field : std::size_t { message, user, timestamp, data, id, pub, topic, other, field_count };
constexpr std::array<std::string_view, other> field_names = {"message", "user", "timestamp", "data",
                                                             "id",      "pub",  "topic"};

Field field_named(std::string_view name) {
  std::size_t field = 0;
  while (field < other && field_names[field] != name) ++field;
  return static_cast<Field>(field);
}

// Takes the known fields of a JSON object; a field given twice has its last value.
class ObjectReader final : public JsonMembers {
 public:
  explicit ObjectReader(std::string& why) : why_(why) {}

  void keep(Field field, std::string& value) { values_[field] = &value; }
  bool has(Field field) const { return kinds_[field] && kinds_[field] != Kind::null; }
  bool has(Field field, Kind kind) const { return kinds_[field] == kind; }
  std::int64_t time() const { return time_.whole; }

  bool read(std::string_view json) {
    why_ = read_json_object(json, *this);
    return why_.empty();
  }
  bool require(Field field, Kind kind);
  bool check_time();
  // Replaces `text` by what "data" holds, if it is there.
  bool take_data(const std::string& base64, std::string& text);
  bool fail(std::string why) {
    why_ = std::move(why);
    return false;
  }

 private:
  void member(std::string_view name, const JsonValue& value) override;

  std::string& why_;
  std::array<std::optional<Kind>, field_count> kinds_{};
  std::array<std::string*, field_count> values_{};
  JsonValue time_;
};

void ObjectReader::member(std::string_view name, const JsonValue& value) {
  const Field field = field_named(name);
  kinds_[field] = value.kind;
  if (value.kind == Kind::string && values_[field] != nullptr) values_[field]->assign(value.text);
  if (value.kind == Kind::number && field == timestamp) time_ = value;
}

bool ObjectReader::require(Field field, Kind kind) {
  if (has(field, kind)) return true;
  const std::string name = '"' + std::string(field_names[field]) + '"';
  if (!kinds_[field]) return fail(name + " is missing");
  return fail(name + " is " + name_of(*kinds_[field]) + ", not " + name_of(kind));
}

bool ObjectReader::check_time() {
  if (!require(timestamp, Kind::number)) return false;
  return time_.fits || fail("\"timestamp\" is out of range");
}

bool ObjectReader::take_data(const std::string& base64, std::string& text) {
  if (!has(data)) return true;
  if (!require(data, Kind::string)) return false;
  std::optional<std::string> bytes = decode_base64(base64);
  if (!bytes) return fail("\"data\" is not base64");
  text = std::move(*bytes);
  return true;
}

}  // namespace

bool valid_user(std::string_view name) {
  return !name.empty() && name.size() <= 64 &&
         utf8::all_of(name, [](char32_t c) { return !utf8::is_control(c); });
}

void append_json_escaped(std::string& out, std::string_view text) { append_json_text(out, text, false); }

bool plain_json(std::string_view text) {
  return utf8::all_of(text, [](char32_t c) { return c >= 0x20 && c != '"' && c != '\\'; });
}

void append_base64(std::string& out, std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::string_view group = bytes.substr(at, 3);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      bits = bits << 8U | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      out += i <= group.size() ? base64_digits[bits >> (18 - 6 * i) & 0x3fU] : '=';
    }
  }
}

std::optional<std::string> decode_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  text.remove_suffix(padding);
  std::string out;
  out.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const std::uint8_t digit = base64_values[static_cast<unsigned char>(c)];
    if (digit == no_digit) return std::nullopt;
    bits = bits << 6U | digit;
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>(static_cast<unsigned char>(bits >> count & 0xffU));
      bits &= (1U << count) - 1;
    }
  }
  if (bits != 0) return std::nullopt;
  return out;
}

void append_message_json(std::string& out, std::string_view text) {
  if (append_json_text(out, text, false)) return;
  out += "\", \"data\": \"";
  append_base64(out, text);
}

bool parse_payload(std::string_view json, Message& out, std::string& why) {
  std::string base64;
  std::string entry;
  ObjectReader object(why);
  object.keep(message, out.text);
  object.keep(user, out.user);
  object.keep(data, base64);
  object.keep(id, entry);
  object.keep(pub, out.pub);
  if (!object.read(json)) return false;
  if (!object.require(message, Kind::string) || !object.require(user, Kind::string)) return false;
  if (!object.check_time() || !object.take_data(base64, out.text)) return false;
  out.timestamp = object.time();
  out.id.reset();
  const bool both = object.has(id, Kind::string) && object.has(pub, Kind::string);
  if (both && PubId::parse(out.pub)) out.id = EntryId::parse(entry);
  if (!out.id) out.pub.clear();
  return true;
}

bool parse_input(std::string_view json, InputRecord& out, std::string& why) {
  std::string base64;
  std::string name;
  std::string where;
  ObjectReader object(why);
  object.keep(message, out.text);
  object.keep(user, name);
  object.keep(data, base64);
  object.keep(topic, where);
  if (!object.read(json)) return false;
  if ((object.has(message) || !object.has(data)) && !object.require(message, Kind::string)) return false;
  if (object.has(user) && !object.require(user, Kind::string)) return false;
  if (object.has(topic) && !object.require(topic, Kind::string)) return false;
  if (object.has(timestamp) && !object.check_time()) return false;
  if (object.has(user) && !valid_user(name)) {
    return object.fail("\"user\" is no user name: 1 to 64 bytes of UTF-8 without control characters");
  }
  out.user = object.has(user) ? std::optional(std::move(name)) : std::nullopt;
  out.topic = object.has(topic) ? std::optional(std::move(where)) : std::nullopt;
  out.timestamp = object.has(timestamp) ? std::optional(object.time()) : std::nullopt;
  return object.take_data(base64, out.text);
}

void append_json(std::string& out, std::string_view topic_name, const Message& said, bool for_terminal) {
  out += "{\"topic\": \"";
  append_json_text(out, topic_name, for_terminal);
  if (said.id) {
    out += "\", \"id\": \"";
    append_number(out, said.id->ms);
    out += '-';
    append_number(out, said.id->n);
  }
  out += "\", \"user\": \"";
  append_json_text(out, said.user, for_terminal);
  out += "\", \"message\": \"";
  const bool exact = append_json_text(out, said.text, for_terminal);
  out += "\", \"timestamp\": ";
  append_number(out, said.timestamp);
  if (!exact) {
    out += ", \"data\": \"";
    append_base64(out, said.text);
    out += '"';
  }
  out += '}';
}

}  // namespace chat
