// JSON both ways, beside nlohmann_json.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "chat/message.h"
#include "chat/payload_reader.h"
#include "fuzz/target.h"

namespace {

using namespace chat;
using nlohmann::json;

// As nlohmann_json has it, for which a NUL is the end.
std::optional<json> parsed(std::string_view text) {
  if (text.find('\0') != text.npos) return std::nullopt;
  json value = json::parse(text, nullptr, false);
  return value.is_discarded() ? std::nullopt : std::optional(std::move(value));
}

const std::string* text_in(const json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : found->get_ptr<const std::string*>();
}

bool fits(const json& object) {
  const auto time = object.find("timestamp");
  if (time == object.end() || !time->is_number()) return false;
  if (time->is_number_float()) return time->get<double>() > -0x1p63 && time->get<double>() < 0x1p63;
  return !time->is_number_unsigned() || time->get<std::uint64_t>() <= INT64_MAX;
}

// Whether a payload must be taken; `data` is looked at by itself.
bool is_payload(const json& value) {
  return value.is_object() && text_in(value, "message") != nullptr && text_in(value, "user") != nullptr &&
         fits(value) && (!value.contains("data") || value["data"].is_null());
}

bool same(const Message& one, const Message& other) {
  return one.id == other.id && one.pub == other.pub && one.user == other.user && one.text == other.text &&
         one.timestamp == other.timestamp;
}

// Whatever the reader has read before.
void check_read(PayloadReader& reader, std::string_view payload) {
  Message said;
  std::string why;
  const bool taken = parse_payload(payload, said, why);
  fuzz::check(reader.read(payload) == taken, "both ways take it", payload);
  fuzz::check(taken ? same(said, reader.message()) : reader.why() == why, "both ways read the same", payload);
}

void try_payload(std::string_view input) {
  Message said;
  std::string why;
  const bool taken = parse_payload(input, said, why);
  fuzz::check(taken || !why.empty(), "a refusal says why", input);
  const std::optional<json> value = parsed(input);
  if (taken) {
    fuzz::check(value && value->is_object(), "it is a JSON object", input);
    const std::string* const user = text_in(*value, "user");
    fuzz::check(user != nullptr && *user == said.user, "the user", said.user);
    if (!value->contains("data") || (*value)["data"].is_null()) {
      fuzz::check(*text_in(*value, "message") == said.text, "the text", said.text);
    }
    fuzz::check(said.id.has_value() == !said.pub.empty(), "an ID and a pub, or none", said.pub);
  } else {
    fuzz::check(!value || !is_payload(*value), "it is a payload, but refused", why);
  }
  PayloadReader reader;
  for (fuzz::Input lines(input); !lines.empty();) check_read(reader, lines.line());
  check_read(reader, input);
  check_read(reader, input);
  InputRecord record;
  if (parse_input(input, record, why)) {
    fuzz::check(value && value->is_object(), "a record is a JSON object", input);
    fuzz::check(!record.user || valid_user(*record.user), "a record's user is a valid one", input);
  } else {
    fuzz::check(!why.empty(), "a refusal says why", input);
  }
}

// What is made of a message is read again as it was.
void try_output(std::string_view input) {
  fuzz::Input pieces(input);
  Message said;
  const std::size_t how = pieces.byte();
  if (how % 2 == 1) said.id = EntryId{pieces.number(), pieces.number()};
  said.timestamp = static_cast<std::int64_t>(pieces.number());
  said.user = pieces.line();
  said.pub = "p-1";
  const std::string topic(pieces.line());
  said.text = pieces.rest();
  std::string out;
  const bool for_terminal = how % 4 >= 2;
  append_json(out, topic, said, for_terminal);
  fuzz::check(std::ranges::none_of(out, [](char c) { return c >= 0 && c < ' '; }), "one line", out);
  fuzz::check(!for_terminal || fuzz::harmless(out), "nothing that drives a terminal", out);
  const std::optional<json> value = parsed(out);
  fuzz::check(value.has_value(), "what is written is JSON", out);
  fuzz::check((*value)["timestamp"] == said.timestamp, "the time", out);
  InputRecord again;
  std::string why;
  if (parse_input(out, again, why)) {
    fuzz::check(again.text == said.text, "the text comes back", out);
  } else {
    fuzz::check(!valid_user((*value)["user"].get<std::string>()), "it is read again", why);
  }
  std::string payload = R"({"user": ")";
  append_json_escaped(payload, said.user);
  payload += R"(", "timestamp": 1, "message": ")";
  append_message_json(payload, said.text);
  payload += "\"}";
  Message heard;
  fuzz::check(parse_payload(payload, heard, why) && heard.text == said.text, "a payload comes back", payload);
  if (plain_json(said.text)) {
    std::string escaped;
    append_json_escaped(escaped, said.text);
    fuzz::check(escaped == said.text, "plain text is written as it is", escaped);
  }
  std::string base64;
  append_base64(base64, said.text);
  fuzz::check(decode_base64(base64) == said.text, "base64 comes back", base64);
  if (const auto bytes = decode_base64(said.text)) {
    std::string canonical;
    append_base64(canonical, *bytes);
    fuzz::check(canonical == said.text, "base64 has one form", said.text);
  }
}

const fuzz::Target payload("payload", &try_payload);
const fuzz::Target output("json_output", &try_output);

}  // namespace
