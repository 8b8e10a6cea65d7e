#include "redis/reply.h"

#include <algorithm>
#include <string>

#include "unit/catch.h"

using namespace chat;
using namespace std::string_literals;

namespace {

/// Hands the reader bytes as a connection would.
void receive(ReplyReader& reader, std::string_view bytes) {
  while (!bytes.empty()) {
    const std::span<char> room = reader.room();
    REQUIRE(room.size() >= 65536);
    const std::size_t count = std::min(bytes.size(), room.size());
    std::copy_n(bytes.data(), count, room.data());
    reader.filled(count);
    bytes.remove_prefix(count);
  }
}

std::string shape(ReplyView reply) {
  if (reply.is_nil()) return "nil";
  if (reply.is_error()) return "error " + std::string(reply.text());
  if (reply.is_string()) return "'" + std::string(reply.text()) + "'";
  if (!reply.is_array()) return std::to_string(reply.integer());
  std::string text = "[";
  for (std::size_t i = 0; i < reply.size(); ++i) text += (i > 0 ? ", " : "") + shape(reply[i]);
  return text + "]";
}

std::string next(ReplyReader& reader) {
  const auto reply = reader.next();
  return reply ? shape(reply->view()) : "nothing";
}

std::string refusal(std::string_view bytes) {
  ReplyReader reader;
  receive(reader, bytes);
  try {
    return next(reader);
  } catch (const NoReply& refused) {
    return refused.what();
  }
}

std::string bulk(std::string_view bytes) {
  return '$' + std::to_string(bytes.size()) + "\r\n" + std::string(bytes) + "\r\n";
}

}  // namespace

TEST_CASE("replies of every kind") {
  ReplyReader reader;
  CHECK(next(reader) == "nothing");
  receive(reader,
          "+OK\r\n-ERR no\r\n:-5\r\n:9223372036854775807\r\n:-9223372036854775808\r\n$-1\r\n*-1\r\n"
          "$0\r\n\r\n$4\r\na\r\nb\r\n*0\r\n+\r\n");
  for (const char* expected : {"'OK'", "error ERR no", "-5", "9223372036854775807", "-9223372036854775808",
                               "nil", "nil", "''", "'a\r\nb'", "[]", "''", "nothing"}) {
    CHECK(next(reader) == expected);
  }
}

TEST_CASE("arrays in arrays, cut anywhere") {
  const std::string bytes =
      "*3\r\n*2\r\n$3\r\n1-1\r\n*2\r\n+user\r\n$3\r\nana\r\n*0\r\n*2\r\n*1\r\n*1\r\n:7\r\n$-1\r\n";
  const std::string expected = "[['1-1', ['user', 'ana']], [], [[[7]], nil]]";
  for (std::size_t first = 0; first < bytes.size(); ++first) {
    for (std::size_t second = first; second < bytes.size(); ++second) {
      ReplyReader reader;
      receive(reader, "+before\r\n" + bytes.substr(0, first));
      CHECK(next(reader) == "'before'");
      CHECK(next(reader) == "nothing");
      receive(reader, bytes.substr(first, second - first));
      CHECK(next(reader) == "nothing");
      receive(reader, bytes.substr(second));
      CHECK(next(reader) == expected);
      CHECK(next(reader) == "nothing");
    }
  }
}

TEST_CASE("a reply stays as it is while others are read") {
  ReplyReader reader;
  receive(reader, "*2\r\n$3\r\none\r\n$3\r\ntwo\r\n+three\r\n*1\r\n");
  const auto first = reader.next();
  const auto second = reader.next();
  REQUIRE(first);
  REQUIRE(second);
  CHECK(next(reader) == "nothing");
  receive(reader, "$4\r\nfour\r\n");
  CHECK(next(reader) == "['four']");
  receive(reader, bulk(std::string(10'000'000, 'x')));
  CHECK(next(reader).size() == 10'000'002);
  CHECK(shape(first->view()) == "['one', 'two']");
  CHECK(shape(second->view()) == "'three'");
}

TEST_CASE("replies much larger than the buffer, and small ones after them") {
  ReplyReader reader;
  std::string text(20'000'000, ' ');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 23);
  const std::string bytes = bulk("small") + bulk(text) + bulk("small");
  for (int round = 0; round < 2; ++round) {
    receive(reader, bytes);
    CHECK(next(reader) == "'small'");
    CHECK(next(reader) == "'" + text + "'");
    CHECK(next(reader) == "'small'");
    CHECK(next(reader) == "nothing");
  }
  CHECK(reader.room().size() < 1'000'000);
}

TEST_CASE("many replies in pieces of any length") {
  std::string bytes;
  for (int i = 0; i < 20'000; ++i) bytes += "*2\r\n+message\r\n" + bulk(std::to_string(i));
  ReplyReader reader;
  int found = 0;
  std::size_t piece = 1;
  for (std::size_t at = 0; at < bytes.size(); at += piece, piece = piece * 5 % 9973) {
    receive(reader, bytes.substr(at, piece));
    while (const auto reply = reader.next()) CHECK(reply->view()[1].integer() == found++);
  }
  CHECK(found == 20'000);
}

TEST_CASE("what is no reply") {
  CHECK(refusal("HTTP/1.1 400 Bad Request") == "a reply begins with \"H\"");
  CHECK(refusal("\r\n") == "a reply begins with byte 13");
  CHECK(refusal("\xff") == "a reply begins with byte 255");
  CHECK(refusal("*x") == "a number begins with \"x\"");
  CHECK(refusal("$5x\r\n") == "a line goes on with \"x\"");
  CHECK(refusal("$5\rx") == "a line ends with \"x\"");
  CHECK(refusal("+a\rb") == "a line ends with \"b\"");
  CHECK(refusal(":\r\n") == "a number begins with byte 13");
  CHECK(refusal(":-\r\n") == "a number begins with byte 13");
  CHECK(refusal(":12345678901234567890") == "a number is too long");
  CHECK(refusal("$-2\r\n") == "a size is -2");
  CHECK(refusal("*4000000000\r\n") == "a size is 4000000000");
  CHECK(refusal("$5000000000\r\n") == "a size is 5000000000");
  CHECK(refusal("$2\r\nabc\r\n") == "a line goes on with \"c\"");
  for (const char* cut :
       {"", "*", "$", "$1", "$1\r", "$1\r\n", "$1\r\na", "$1\r\na\r", "*1\r\n", ":-", "+a", "-"}) {
    CHECK(refusal(cut) == "nothing");
  }
}
