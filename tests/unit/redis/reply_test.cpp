#include "redis/reply.h"

#include <malloc.h>

#include <algorithm>
#include <string>

#include "unit/catch.h"

using namespace chat;
using namespace std::string_literals;

namespace {

/// Hands the reader bytes as a connection would.
void receive(ReplyReader& reader, std::string_view bytes) {
  constexpr std::size_t piece = 16384;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    reader.feed(bytes.substr(0, piece));
  }
}

/// The bytes of memory that are in use; 0 under AddressSanitizer.
std::size_t memory() {
  const struct mallinfo2 now = mallinfo2();
  return now.uordblks + now.hblkhd;
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

/// The first reply in the bytes.
std::string next_of(std::string_view bytes) {
  ReplyReader reader;
  receive(reader, bytes);
  return next(reader);
}

std::string refusal(std::string_view bytes) {
  try {
    return next_of(bytes);
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
}

TEST_CASE("much has come behind a reply that is still used") {
  ReplyReader reader;
  const std::string first(2'000'000, 'a');
  const std::string second(1'500'000, 'b');
  reader.feed("$2000000\r\n" + first + "\r\n$1500000\r\n" + second);
  const auto reply = reader.next();
  REQUIRE(reply);
  CHECK_FALSE(reader.next());
  reader.feed("\r\n");
  const auto behind = reader.next();
  REQUIRE(behind);
  CHECK(bool(behind->view().text() == second));
  CHECK(bool(reply->view().text() == first));
}

TEST_CASE("memory of a large reply is given back") {
  const std::size_t before = memory();
  ReplyReader reader;
  receive(reader, bulk(std::string(20'000'000, 'x')));
  CHECK(next(reader).size() == 20'000'002);
  receive(reader, "+small\r\n");
  CHECK(next(reader) == "'small'");
  CHECK(memory() < before + 1'000'000);
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
  for (const char* bytes :
       {"HTTP/1.1 400 Bad Request", "\r\n", "\xff", "*x\r\n", "$5x\r\n", ":\r\n", ":-\r\n", ":1x\r\n",
        ":12345678901234567890\r\n", "$-2\r\n", "*-2\r\n", "*4000000000\r\n", "*16777217\r\n",
        "$5000000000\r\n", "$99999999999999999999\r\n"}) {
    INFO(bytes);
    CHECK(refusal(bytes) != "nothing");
  }
  CHECK(refusal("HTTP/1.1").find("\"H\"") != std::string::npos);
  CHECK(refusal("$2\r\nabc\r\n") == "a text goes on behind its end");
  CHECK(refusal("$2\r\nab\nc\r\n") == "a text goes on behind its end");
  for (const char* cut :
       {"", "*", "$", "$1", "$1\r", "$1\r\n", "$1\r\na", "$1\r\na\r", "*1\r\n", ":-", "+a", "-"}) {
    INFO(cut);
    CHECK(refusal(cut) == "nothing");
  }
}

TEST_CASE("the types of RESP3 are no replies, whatever hiredis knows of them") {
  for (const char* bytes :
       {"_\r\n", "#t\r\n", ",1.5\r\n", "(12345678901234567890\r\n", "=5\r\ntxt:a\r\n", "%1\r\n+a\r\n+b\r\n",
        "~1\r\n+a\r\n", ">1\r\n+a\r\n", "|1\r\n+a\r\n+b\r\n:1\r\n"}) {
    INFO(bytes);
    CHECK_THROWS_AS(next_of(bytes), NoReply);
    CHECK_THROWS_AS(next_of("*1\r\n" + std::string(bytes)), NoReply);
  }
}

TEST_CASE("values are nested at most 9 deep") {
  const auto nested = [](int arrays) {
    std::string bytes;
    for (int i = 0; i < arrays; ++i) bytes += "*1\r\n";
    return bytes + ":7\r\n";
  };
  CHECK(next_of(nested(8)) == "[[[[[[[[7]]]]]]]]");
  CHECK_THROWS_AS(next_of(nested(9)), NoReply);
  CHECK_THROWS_AS(next_of(nested(100'000)), NoReply);
}

TEST_CASE("a status or an error is at most 64 KiB long") {
  const std::string longest(65536, 'x');
  for (const std::string kind : {"+", "-", "*1\r\n+"}) {
    CHECK(next_of(kind + longest + "\r\n").find(longest) != std::string::npos);
    CHECK(next_of(kind + longest + "\r") == "nothing");
    CHECK_THROWS_AS(next_of(kind + longest + "x\r\n"), NoReply);
    CHECK_THROWS_AS(next_of(kind + longest + "xx"), NoReply);
  }
}

TEST_CASE("a text is at most 512 MiB long, which shows before it comes") {
  CHECK(next_of("$536870912\r\nabc") == "nothing");
  CHECK(refusal("$536870913\r\n") == "a text of 536870913 bytes is too long");
  CHECK(refusal("*2\r\n+a\r\n$536870913\r\nabc") == "a text of 536870913 bytes is too long");
}

TEST_CASE("what is only announced takes no memory") {
  const std::size_t before = memory();
  for (const std::string announced : {"*16777216\r\n", "*16777216\r\n*16777216\r\n*16777216\r\n*16777216\r\n",
                                      "$536870912\r\n", "*3\r\n$536870912\r\nabc"}) {
    ReplyReader reader;
    receive(reader, announced);
    CHECK(next(reader) == "nothing");
    receive(reader, std::string(100, 'x'));
    CHECK(memory() < before + 200'000);
  }
}

TEST_CASE("what a reply doesn't have is nil") {
  ReplyReader reader;
  receive(reader, "*3\r\n*0\r\n$1\r\na\r\n:9000000000\r\n");
  const auto reply = reader.next();
  REQUIRE(reply);
  for (const ReplyView view : {(*reply)[3], (*reply)[SIZE_MAX], (*reply)[0][0], (*reply)[1][0],
                               (*reply)[2][1], (*reply)[2][1][4][0]}) {
    CHECK(view.is_nil());
    CHECK(view.text().empty());
    CHECK(view.integer() == 0);
    CHECK(view.size() == 0);
  }
}
