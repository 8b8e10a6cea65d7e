#include "chat/message.h"

#include <limits>

#include "base/utf8.h"
#include "chat/entry_id.h"
#include "unit/catch.h"

using namespace chat;

namespace {

std::string escaped(std::string_view text) {
  std::string out = "<";
  append_json_escaped(out, text);
  return out.substr(1);
}

std::string base64(std::string_view bytes) {
  std::string out;
  append_base64(out, bytes);
  return out;
}

std::string as_json(const Message& message, bool for_terminal = false) {
  std::string out;
  append_json(out, "topic1", message, for_terminal);
  return out;
}

struct Payload {
  bool accepted;
  Message message;
  std::string why;
};

Payload payload(std::string_view json) {
  Payload result{};
  result.accepted = parse_payload(json, result.message, result.why);
  return result;
}

std::string refusal(std::string_view json) {
  const Payload result = payload(json);
  return result.accepted ? "accepted" : result.why;
}

struct Input {
  bool accepted;
  InputRecord record;
  std::string why;
};

Input input(std::string_view json) {
  Input result{};
  result.accepted = parse_input(json, result.record, result.why);
  return result;
}

std::string input_refusal(std::string_view json) {
  const Input result = input(json);
  return result.accepted ? "accepted" : result.why;
}

std::string with_timestamp(std::string_view number) {
  return R"({"user": "ana", "message": "hi", "timestamp": )" + std::string(number) + "}";
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

}  // namespace

TEST_CASE("user names") {
  CHECK(valid_user("ana"));
  CHECK(valid_user("Zo\xc3\xab the 3rd"));
  CHECK(valid_user(std::string(64, 'x')));
  CHECK_FALSE(valid_user(""));
  CHECK_FALSE(valid_user(std::string(65, 'x')));
  CHECK_FALSE(valid_user("a\nb"));
  CHECK_FALSE(valid_user("a\x7f"));
  CHECK_FALSE(valid_user("a\xc2\x9b"));
  CHECK_FALSE(valid_user("a\xff"));
  CHECK_FALSE(valid_user(std::string_view("a\0b", 3)));
}

TEST_CASE("JSON text is escaped as JSON demands, and not more") {
  CHECK(escaped("") == "");
  CHECK(escaped("plain text, longer than eight bytes") == "plain text, longer than eight bytes");
  CHECK(escaped(R"(say "hi" \ bye)") == R"(say \"hi\" \\ bye)");
  CHECK(escaped("\b\f\n\r\t") == R"(\b\f\n\r\t)");
  CHECK(escaped(std::string_view("a\0\x01\x1b\x1f", 5)) == R"(a\u0000\u0001\u001b\u001f)");
  CHECK(escaped("\x7f/\xc2\x85\xe2\x80\xae") == "\x7f/\xc2\x85\xe2\x80\xae");
  CHECK(escaped("Gr\xc3\xbc\xc3\x9f"
                "e \xf0\x9f\x98\x80\n") ==
        "Gr\xc3\xbc\xc3\x9f"
        "e \xf0\x9f\x98\x80\\n");
}

TEST_CASE("each byte that is not UTF-8 becomes U+FFFD in JSON") {
  CHECK(escaped("a\xff z") == "a\xef\xbf\xbd z");
  CHECK(escaped("\xff") == "\xef\xbf\xbd");
  CHECK(escaped("ok \xe2\x82") == "ok \xef\xbf\xbd\xef\xbf\xbd");
  CHECK(escaped("\xff\"\xc3\xa9") == "\xef\xbf\xbd\\\"\xc3\xa9");
}

TEST_CASE("plain_json is true only for what stays as it is") {
  CHECK(plain_json(""));
  CHECK(plain_json("plain text, longer than eight bytes"));
  CHECK(plain_json("\x7f"));
  CHECK(
      plain_json("Gr\xc3\xbc\xc3\x9f"
                 "e"));
  for (int value = 0; value < 256; ++value) {
    for (std::size_t at = 0; at < 18; ++at) {
      std::string text(18, 'x');
      text[at] = static_cast<char>(static_cast<unsigned char>(value));
      CHECK(plain_json(text) == (escaped(text) == text));
    }
  }
}

TEST_CASE("base64 of RFC 4648, there and back") {
  const std::pair<std::string_view, std::string_view> vectors[] = {{"", ""},
                                                                   {"f", "Zg=="},
                                                                   {"fo", "Zm8="},
                                                                   {"foo", "Zm9v"},
                                                                   {"foob", "Zm9vYg=="},
                                                                   {"fooba", "Zm9vYmE="},
                                                                   {"foobar", "Zm9vYmFy"},
                                                                   {"\xfb\xff\xfe", "+//+"}};
  for (const auto& [bytes, text] : vectors) {
    CHECK(base64(bytes) == text);
    CHECK(decode_base64(text) == std::string(bytes));
  }
  std::string all;
  for (int value = 0; value < 256; ++value) all += static_cast<char>(static_cast<unsigned char>(value));
  CHECK(decode_base64(base64(all)) == all);
}

TEST_CASE("what is not base64") {
  for (const char* text : {"Z", "Zg", "Zg=", "Zm9", "Zg==Zg==", "=", "====", "Z===", "Zm8=\n", "Zm 8", "Zm-_",
                           "Zh==", "Zm9=", "Zm9vYg\xff="}) {
    INFO(text);
    CHECK_FALSE(decode_base64(text));
  }
}

TEST_CASE("a message's JSON has its bytes beside it when they are not UTF-8") {
  std::string out = "\"";
  append_message_json(out, "it's \"fine\"");
  CHECK(out + '"' == R"("it's \"fine\"")");
  out = "\"";
  append_message_json(out, "a\xff");
  CHECK(out + '"' == "\"a\xef\xbf\xbd\", \"data\": \"Yf8=\"");
}

TEST_CASE("a payload of these tools") {
  const Payload got = payload(
      R"({"user": "ana", "message": "hi", "timestamp": 1732400000, "id": "1732400000000-5", "pub": "abcdefgh-5"})");
  REQUIRE(got.accepted);
  CHECK(got.message.user == "ana");
  CHECK(got.message.text == "hi");
  CHECK(got.message.timestamp == 1732400000);
  CHECK(got.message.id == EntryId{1732400000000, 5});
  CHECK(got.message.pub == "abcdefgh-5");
}

TEST_CASE("a payload of the original has no ID, also after one that had") {
  Message message;
  message.id = EntryId{1, 1};
  message.pub = "old-1";
  std::string why;
  REQUIRE(parse_payload(R"({"user": "ana", "message": "hi", "timestamp": 1732400000})", message, why));
  CHECK_FALSE(message.id);
  CHECK(message.pub.empty());
}

TEST_CASE("id and pub count only together and well formed") {
  for (const char* rest :
       {R"("id": "1-1")", R"("pub": "a-1")", R"("id": "x", "pub": "a-1")", R"("id": "1-1", "pub": "a")",
        R"("id": 5, "pub": "a-1")", R"("id": "1-1", "pub": null)", R"("id": "1-1", "pub": "a-1", "id": {})",
        R"("id": "1-1", "pub": "a-1", "pub": 5)"}) {
    INFO(rest);
    const Payload got =
        payload(R"({"user": "ana", "message": "hi", "timestamp": 1, )" + std::string(rest) + "}");
    REQUIRE(got.accepted);
    CHECK_FALSE(got.message.id);
    CHECK(got.message.pub.empty());
  }
}

TEST_CASE("payload text is exact") {
  CHECK(payload(R"({"user":"\u00e9","message":"a\u0000b\n\ud83d\ude00\"\\\/","timestamp":0})").message.text ==
        std::string("a\0b\n\xf0\x9f\x98\x80\"\\/", 11));
  CHECK(payload("{\"user\":\"u\",\"message\":\"gr\xc3\xbcn\",\"timestamp\":0}").message.text ==
        "gr\xc3\xbcn");
  const std::string long_text(1 << 20, 'x');
  CHECK(payload(R"({"user":"u","timestamp":0,"message":")" + long_text + "\"}").message.text == long_text);
}

TEST_CASE("data wins over message") {
  CHECK(payload("{\"user\":\"u\",\"message\":\"a\xef\xbf\xbd\",\"timestamp\":0,\"data\":\"Yf8=\"}")
            .message.text == "a\xff");
  CHECK(payload(R"({"data":"Yf8=","user":"u","message":"a","timestamp":0})").message.text == "a\xff");
  CHECK(payload(R"({"data":null,"user":"u","message":"a","timestamp":0})").message.text == "a");
  CHECK(refusal(R"({"data":"?","user":"u","message":"a","timestamp":0})") == "\"data\" is not base64");
  CHECK(refusal(R"({"data":7,"user":"u","message":"a","timestamp":0})") ==
        "\"data\" is a number, not a string");
}

TEST_CASE("a payload's fields count at the top level only, and the last one wins") {
  const Payload got = payload(
      R"({"x": {"message": "no", "user": "no", "timestamp": 9}, "y": [{"message": 1}, []],
          "message": 5, "user": "bob", "timestamp": 1, "message": "yes", "user": "ana",
          "z": {"user": "no"}})");
  REQUIRE(got.accepted);
  CHECK(got.message.text == "yes");
  CHECK(got.message.user == "ana");
  CHECK(got.message.timestamp == 1);
  CHECK(refusal(R"({"user":"u","timestamp":1,"message":"ok","message":5})") ==
        "\"message\" is a number, not a string");
}

TEST_CASE("a wrong payload names what is wrong") {
  CHECK(refusal(R"({"user":"u","timestamp":1})") == "\"message\" is missing");
  CHECK(refusal(R"({"message":"m","timestamp":1})") == "\"user\" is missing");
  CHECK(refusal(R"({"message":"m","user":"u"})") == "\"timestamp\" is missing");
  CHECK(refusal(R"({"message":5,"user":"u","timestamp":1})") == "\"message\" is a number, not a string");
  CHECK(refusal(R"({"message":5.5,"user":"u","timestamp":1})") == "\"message\" is a number, not a string");
  CHECK(refusal(R"({"message":null,"user":"u","timestamp":1})") == "\"message\" is null, not a string");
  CHECK(refusal(R"({"message":true,"user":"u","timestamp":1})") == "\"message\" is a boolean, not a string");
  CHECK(refusal(R"({"message":["m"],"user":"u","timestamp":1})") == "\"message\" is an array, not a string");
  CHECK(refusal(R"({"message":"m","user":{"user":"u"},"timestamp":1})") ==
        "\"user\" is an object, not a string");
  CHECK(refusal(R"({"message":"m","user":"u","timestamp":"1"})") ==
        "\"timestamp\" is a string, not a number");
}

TEST_CASE("what is no JSON object") {
  CHECK(refusal("") == "empty, not a JSON object");
  CHECK(refusal("5") == "a number, not a JSON object");
  CHECK(refusal("\"hi\"") == "a string, not a JSON object");
  CHECK(refusal("null") == "null, not a JSON object");
  CHECK(refusal("[{}]") == "an array, not a JSON object");
  CHECK(refusal("hello") == "not valid JSON at byte 1");
  CHECK(refusal("   ") == "not valid JSON at byte 4");
  CHECK(refusal("{") == "not valid JSON at byte 2");
  CHECK(refusal(with_timestamp("1") + "x") == "not valid JSON at byte 49");
  CHECK(refusal(with_timestamp("1") + std::string(1, '\0')) == "not valid JSON at byte 49");
  for (const char* json : {"{\"user\":\"u\",\"message\":\"m\",\"timestamp\":1,}",
                           "{'user':'u'}",
                           "{user:1}",
                           "{\"a\"}",
                           "{\"a\":NaN}",
                           "{\"a\":Infinity}",
                           "{\"a\":01}",
                           "{\"a\":+1}",
                           "{\"a\":1e999}",
                           "{\"a\":\"\x01\"}",
                           "{\"a\":\"\n\"}",
                           "{\"a\":\"\\x\"}",
                           "{\"a\":\"\\ud800\"}",
                           "{\"a\":\"\\udc00\"}",
                           "{\"a\":\"\\ud800\\u0041\"}",
                           "{\"a\":\"\xff\"}",
                           "{\"a\":\"\xed\xa0\x80\"}",
                           "{\"\xc0\x80\":1}",
                           "{} {}",
                           "// x\n{}",
                           "{\"a\":1"}) {
    INFO(json);
    CHECK(refusal(json).starts_with("not valid JSON at byte "));
  }
}

TEST_CASE("deep nesting is no danger") {
  const std::size_t deep = 100000;
  CHECK(refusal(repeated("[", deep)) == "an array, not a JSON object");
  CHECK(refusal(repeated("{\"a\":", deep)) == "not valid JSON at byte 500001");
  const std::string nested = repeated("[", deep) + repeated("]", deep);
  CHECK(refusal(R"({"x": )" + nested + R"(, "user": "u", "message": "m", "timestamp": 1})") == "accepted");
  CHECK(refusal(R"({"user": "u", "timestamp": 1, "message": )" + nested + "}") ==
        "\"message\" is an array, not a string");
}

TEST_CASE("what the fast parser leaves to the other one is understood in the same way") {
  const std::string rest =
      R"("message": "gr\u00fcn \ud83d\ude00", "user": "ana", "timestamp": -7, "y": [1, {"user": "no"}]})";
  const std::string fast = "{" + rest;
  const std::string slow = R"({"x": 123456789012345678901234567890, )" + rest;
  for (const std::string& json : {fast, slow, "\xef\xbb\xbf" + fast, fast + std::string(100'000, ' ')}) {
    const Payload got = payload(json);
    REQUIRE(got.accepted);
    CHECK(got.message.text == "gr\xc3\xbcn \xf0\x9f\x98\x80");
    CHECK(got.message.user == "ana");
    CHECK(got.message.timestamp == -7);
  }
  CHECK(refusal(std::string("{\"a\":\0 1}", 10)) == "not valid JSON at byte 6");
  CHECK(refusal(std::string("{\"a\":\"\0\"}", 9)) == "not valid JSON at byte 7");
  CHECK(refusal(R"({"a":"\ud800\ue000"})").starts_with("not valid JSON at byte "));
}

TEST_CASE("a payload of these tools is read as any other JSON is") {
  const std::string plain =
      R"({"user": "ana", "message": "grün, hi", "timestamp": 1732400000, "id": "1732400000204-17", "pub": "p-_.9-3"})";
  REQUIRE(payload(plain).accepted);
  CHECK(payload(plain).message.id == EntryId{1732400000204, 17});
  // Each byte of it another one, and each of them gone, taken by the plain way or by the other.
  const std::string_view others("\"\\,:{}-0 9a\xc3\xff\x01\0", 16);
  for (std::size_t at = 1; at < plain.size(); ++at) {
    for (std::size_t other = 0; other <= others.size(); ++other) {
      const std::string json = other == others.size()
                                   ? plain.substr(0, at) + plain.substr(at + 1)
                                   : plain.substr(0, at) + others[other] + plain.substr(at + 1);
      const Payload one = payload(json);
      const Payload same = payload(' ' + json);
      INFO(json);
      REQUIRE(one.accepted == same.accepted);
      if (!one.accepted) continue;
      REQUIRE(one.message.user == same.message.user);
      REQUIRE(one.message.text == same.message.text);
      REQUIRE(one.message.timestamp == same.message.timestamp);
      REQUIRE(one.message.id == same.message.id);
      REQUIRE(one.message.pub == same.message.pub);
    }
  }
}

TEST_CASE("timestamps: fractions are cut, what doesn't fit is refused") {
  CHECK(payload(with_timestamp("1732400000.999")).message.timestamp == 1732400000);
  CHECK(payload(with_timestamp("1.7324e9")).message.timestamp == 1732400000);
  CHECK(payload(with_timestamp("-1.5")).message.timestamp == -1);
  CHECK(payload(with_timestamp("-0")).message.timestamp == 0);
  CHECK(payload(with_timestamp("9223372036854775807")).message.timestamp == INT64_MAX);
  CHECK(payload(with_timestamp("-9223372036854775808")).message.timestamp == INT64_MIN);
  for (const char* number : {"9223372036854775808", "18446744073709551615", "-9223372036854775809", "1e19",
                             "-1e300", "9223372036854775807.5", "1000000000000000000000000000000"}) {
    INFO(number);
    CHECK(refusal(with_timestamp(number)) == "\"timestamp\" is out of range");
  }
  CHECK(refusal(with_timestamp("1e400")).starts_with("not valid JSON"));
}

TEST_CASE("an input record") {
  const Input all = input(
      R"({"topic": "t", "id": "1-1", "user": "ana", "message": "hi", "timestamp": 1732400000.7, "x": [1]})");
  REQUIRE(all.accepted);
  CHECK(all.record.text == "hi");
  CHECK(all.record.user == "ana");
  CHECK(all.record.topic == "t");
  CHECK(all.record.timestamp == 1732400000);
  const Input least = input(R"({"message": ""})");
  REQUIRE(least.accepted);
  CHECK(least.record.text.empty());
  CHECK_FALSE(least.record.user);
  CHECK_FALSE(least.record.topic);
  CHECK_FALSE(least.record.timestamp);
}

TEST_CASE("an input record leaves nothing of the one before") {
  InputRecord record;
  std::string why;
  REQUIRE(parse_input(R"({"message": "a", "user": "u", "topic": "t", "timestamp": 1})", record, why));
  REQUIRE(parse_input(R"({"message": "b", "user": null, "topic": null, "timestamp": null})", record, why));
  CHECK(record.text == "b");
  CHECK_FALSE(record.user);
  CHECK_FALSE(record.topic);
  CHECK_FALSE(record.timestamp);
}

TEST_CASE("an input record's data") {
  CHECK(input(R"({"data": "Yf8="})").record.text == "a\xff");
  CHECK(input(R"({"data": "Yf8=", "message": null})").record.text == "a\xff");
  CHECK(input(R"({"data": "Yf8=", "message": "a"})").record.text == "a\xff");
  CHECK(input(R"({"data": "", "message": "a"})").record.text == "");
  CHECK(input(R"({"data": null, "message": "a"})").record.text == "a");
  CHECK(input_refusal(R"({"data": "Yf8"})") == "\"data\" is not base64");
  CHECK(input_refusal(R"({"data": 1})") == "\"data\" is a number, not a string");
}

TEST_CASE("a wrong input record names what is wrong") {
  CHECK(input_refusal("{}") == "\"message\" is missing");
  CHECK(input_refusal(R"({"message": null})") == "\"message\" is null, not a string");
  CHECK(input_refusal(R"({"message": 1})") == "\"message\" is a number, not a string");
  CHECK(input_refusal(R"({"message": "m", "user": 1})") == "\"user\" is a number, not a string");
  CHECK(input_refusal(R"({"message": "m", "topic": []})") == "\"topic\" is an array, not a string");
  CHECK(input_refusal(R"({"message": "m", "timestamp": "now"})") ==
        "\"timestamp\" is a string, not a number");
  CHECK(input_refusal(R"({"message": "m", "timestamp": 1e30})") == "\"timestamp\" is out of range");
  const std::string bad_user = "\"user\" is no user name: 1 to 64 bytes of UTF-8 without control characters";
  CHECK(input_refusal(R"({"message": "m", "user": ""})") == bad_user);
  CHECK(input_refusal(R"({"message": "m", "user": "a\nb"})") == bad_user);
  CHECK(input_refusal(R"({"message": "m", "user": ")" + std::string(65, 'x') + "\"}") == bad_user);
}

TEST_CASE("a message as JSON") {
  Message message;
  message.user = "an\"a";
  message.text = "hi\n";
  message.timestamp = 1732400000;
  CHECK(as_json(message) ==
        R"({"topic": "topic1", "user": "an\"a", "message": "hi\n", "timestamp": 1732400000})");
  message.id = EntryId{1732400000000, 5};
  message.pub = "abcdefgh-5";
  CHECK(
      as_json(message) ==
      R"({"topic": "topic1", "id": "1732400000000-5", "user": "an\"a", "message": "hi\n", "timestamp": 1732400000})");
  message.text = "a\xff";
  CHECK(as_json(message) ==
        "{\"topic\": \"topic1\", \"id\": \"1732400000000-5\", \"user\": \"an\\\"a\", \"message\": "
        "\"a\xef\xbf\xbd\", \"timestamp\": 1732400000, \"data\": \"Yf8=\"}");
}

TEST_CASE("JSON for a terminal holds nothing that drives it") {
  Message message;
  message.user = "a\x7f";
  message.text = "\x1b[2J \xc2\x9b \xe2\x80\xae \xc3\xa9";
  message.timestamp = std::numeric_limits<std::int64_t>::min();
  CHECK(
      as_json(message, true) ==
      "{\"topic\": \"topic1\", \"user\": \"a\\u007f\", \"message\": \"\\u001b[2J \\u009b \\u202e \xc3\xa9\", "
      "\"timestamp\": -9223372036854775808}");
  CHECK(as_json(message, false) ==
        "{\"topic\": \"topic1\", \"user\": \"a\x7f\", \"message\": \"\\u001b[2J \xc2\x9b \xe2\x80\xae "
        "\xc3\xa9\", "
        "\"timestamp\": -9223372036854775808}");
}

TEST_CASE("JSON out is JSON in, whatever the bytes") {
  Message message;
  message.user = "ana";
  for (int value = 0; value < 256; ++value) {
    message.text = "a" + std::string(1, static_cast<char>(static_cast<unsigned char>(value))) + "b";
    for (const bool for_terminal : {false, true}) {
      const Input got = input(as_json(message, for_terminal));
      REQUIRE(got.accepted);
      CHECK(got.record.text == message.text);
    }
  }
}
