#include "chat/payload_reader.h"

#include <random>
#include <vector>

#include "unit/catch.h"

using namespace chat;

namespace {

// Beside one that has read nothing else, in another way.
void require_as_json(PayloadReader& reader, const std::string& payload) {
  INFO(payload);
  Message expected;
  std::string why;
  const bool is_one = parse_payload(payload, expected, why);
  REQUIRE(reader.read(payload) == is_one);
  if (!is_one) {
    REQUIRE(reader.why() == why);
    return;
  }
  const Message& message = reader.message();
  REQUIRE(message.id == expected.id);
  REQUIRE(message.pub == expected.pub);
  REQUIRE(message.user == expected.user);
  REQUIRE(message.text == expected.text);
  REQUIRE(message.timestamp == expected.timestamp);
}

std::string numbered(std::uint64_t n, const std::string& user = "ana", const std::string& text = "hello") {
  return R"({"user": ")" + user + R"(", "message": ")" + text +
         R"(", "timestamp": 1732400000, "id": "1732400000000-)" + std::to_string(n) +
         R"(", "pub": "abcdefgh-)" + std::to_string(n + 5) + "\"}";
}

}  // namespace

TEST_CASE("payloads are read one after the other as each by itself") {
  std::vector<std::string> payloads = {
      "",
      "{",
      "hello",
      R"({"user": "ana"})",
      R"({"user": "ana", "message": "hi", "timestamp": 1732400000})",
      R"({"user": "ana", "message": "hi there", "timestamp": 1732400000})",
      R"({"user": "ana", "message": "hi", "timestamp": 0})",
      R"({"user": "ana", "message": "hi", "timestamp": -5})",
      R"({"user": "ana", "message": "hi", "timestamp": 1.5})",
      R"({"user": "ana", "message": "hi", "timestamp": 01})",
      R"({"user": "ana", "message": "hi", "timestamp": 9223372036854775807})",
      R"({"user": "ana", "message": "hi", "timestamp": 9223372036854775808})",
      R"({"user": "ana", "message": "hi", "timestamp": 99999999999999999999})",
      R"({"user": "ana", "message": "hi", "timestamp": 1732400000, "data": "eA=="})",
      R"({"user": "ana", "message": "hi", "timestamp": 1732400000} )",
      R"({"user": "ana", "message": "say \"hi\"", "timestamp": 1732400000})",
      R"({"user": "a\"na", "message": "hi", "timestamp": 1732400000})",
      "{\"user\": \"ana\", \"message\": \"gr\xc3\xbcn\", \"timestamp\": 1732400000}",
      "{\"user\": \"ana\", \"message\": \"\xff\", \"timestamp\": 1732400000}",
      "{\"user\": \"ana\", \"message\": \"a\tb\", \"timestamp\": 1732400000}",
      "{\"user\": \"ana\", \"message\": \"\x7f\", \"timestamp\": 1732400000}",
      R"({"user": "", "message": "", "timestamp": 1732400000})"};
  for (std::uint64_t n : {1U, 2U, 3U, 1000U}) {
    payloads.push_back(numbered(n));
    payloads.push_back(numbered(n, "ana", "gr\xc3\xbcn"));
    payloads.push_back(numbered(n, "ana", R"(a \u0001 b)"));
    payloads.push_back(numbered(n, "bob", "longer than eight bytes, and longer than sixteen"));
    payloads.push_back(numbered(n) + " ");
    payloads.push_back(numbered(n) + "}");
  }
  // Everything that a byte more or less, or another one, can do to one.
  const std::string whole = numbered(42);
  for (std::size_t at = 0; at <= whole.size(); ++at) {
    payloads.push_back(whole.substr(0, at));
    for (const char c : {'"', '0', '9', '-', '\\', ' ', '}', '\xc3'}) {
      payloads.push_back(whole.substr(0, at) + c + whole.substr(at));
      if (at < whole.size()) payloads.push_back(whole.substr(0, at) + c + whole.substr(at + 1));
    }
  }
  PayloadReader reader;
  for (const std::string& payload : payloads) {
    require_as_json(reader, payload);
    require_as_json(reader, payload);
    require_as_json(reader, whole);
    require_as_json(reader, payload);
  }
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) require_as_json(reader, payloads[random() % payloads.size()]);
}
