#include <algorithm>

#include "chat/entry_id.h"
#include "script.h"

using namespace chat;

namespace {

std::string text_of(const Reply& reply) { return std::string(reply.view().text()); }

std::string position(Connection& connection, const ScriptCall& call) {
  return text_of(ask(connection, {"GET", publisher_key(call.topic, call.publisher)}));
}

std::vector<std::uint64_t> numbers(const std::vector<Message>& messages) {
  std::vector<std::uint64_t> result;
  for (const Message& message : messages) result.push_back(message.id->n);
  return result;
}

/// A topic that is there, and a call with these texts.
ScriptCall prepare(const std::string& name, std::vector<std::string> texts) {
  ScriptCall call;
  call.topic = "publish_script_test/" + name;
  call.texts = std::move(texts);
  add_topic(nodes(), call.topic, {}, {});
  return call;
}

std::uint64_t current_millisecond() {
  return static_cast<std::uint64_t>(look_up(nodes(), "topic1", {}).now.count());
}

}  // namespace

TEST_CASE("the script stores and publishes in one order, with one ID") {
  Connection connection = connect();
  Connection sink = connect();
  const ScriptCall call = prepare("both", {"one", "two"});
  ask(sink, {"SUBSCRIBE", call.topic});
  const std::uint64_t before = current_millisecond();
  const Reply reply = call_script(connection, call);
  REQUIRE(reply.view().size() == 7);
  CHECK(reply[0].is_nil());
  CHECK(reply[1].integer() == 2);
  CHECK(static_cast<std::uint64_t>(reply[2].integer()) >= before);
  CHECK(reply[3].integer() == 2);
  CHECK(reply[4].integer() == 100'000);

  const std::string ms = std::to_string(reply[2].integer());
  const auto messages = stored(connection, call.topic);
  REQUIRE(texts_of(messages) == std::vector<std::string>{"one", "two"});
  CHECK(messages[0].id->str() == ms + "-1");
  CHECK(messages[1].id->str() == ms + "-2");
  CHECK(messages[1].user == "ana");
  CHECK(messages[1].timestamp == 1732400000);
  CHECK(messages[1].pub == "tester-2");
  CHECK(sink.receive(soon(), {})[2].text() ==
        R"({"user": "ana", "message": "one", "timestamp": 1732400000, "id": ")" + ms +
            R"(-1", "pub": "tester-1"})");
  CHECK(sink.receive(soon(), {})[2].text() ==
        R"({"user": "ana", "message": "two", "timestamp": 1732400000, "id": ")" + ms +
            R"(-2", "pub": "tester-2"})");
  CHECK(position(connection, call) == "2 " + ms + " 2");
  const auto ttl = ask(connection, {"TTL", publisher_key(call.topic, "tester")}).view().integer();
  CHECK(ttl > 60);
  CHECK(ttl <= 90);
  CHECK(look_up(nodes(), call.topic, {}).last == *messages[1].id);
}

TEST_CASE("a message that JSON must escape comes in two forms, in runs of user and timestamp") {
  Connection connection = connect();
  Connection sink = connect();
  const ScriptCall call = prepare("runs", {});
  ask(sink, {"SUBSCRIBE", call.topic});
  ask(connection, {"EVAL",
                   publish_script,
                   "3",
                   stream_key(call.topic),
                   info_key(call.topic),
                   publisher_key(call.topic, "p"),
                   call.topic,
                   "p",
                   "1",
                   "0",
                   "90",
                   "PUBLISH",
                   "0",
                   "0",
                   "0",
                   "0",
                   "0-0",  //
                   "2",
                   "0",
                   "ana",
                   R"({"user": "ana", "message": ")",
                   "5",  //
                   "a\"b",
                   R"(a\"b)",
                   std::string_view("\xff", 1),
                   R"(?", "data": "/w==)",  //
                   "1",
                   "1",
                   "bob",
                   R"({"user": "bob", "message": ")",
                   "6",
                   "plain"});
  const auto messages = stored(connection, call.topic);
  REQUIRE(texts_of(messages) == std::vector<std::string>{"a\"b", "\xff", "plain"});
  CHECK(messages[2].user == "bob");
  CHECK(messages[2].timestamp == 6);
  Message heard;
  std::string why;
  for (const Message& message : messages) {
    const Reply push = sink.receive(soon(), {});
    REQUIRE(parse_payload(push[2].text(), heard, why));
    CHECK(heard.text == message.text);
    CHECK(heard.user == message.user);
    CHECK(heard.timestamp == message.timestamp);
    CHECK(heard.id == message.id);
    CHECK(heard.pub == message.pub);
  }
}

TEST_CASE("numbers go on through tens and hundreds") {
  Connection connection = connect();
  ScriptCall call = prepare("tens", {"first"});
  call.publisher = "other";
  call_script(connection, call);
  call.publisher = "tester";
  call.texts.assign(110, "text");
  call_script(connection, call);
  call.first = 111;
  call_script(connection, call);
  const auto messages = stored(connection, call.topic);
  REQUIRE(messages.size() == 221);
  for (std::uint64_t i = 1; i < messages.size(); ++i) {
    CHECK(messages[i].id->n == i + 1);
    CHECK(messages[i].pub == "tester-" + std::to_string(i));
  }
}

TEST_CASE("a topic that isn't there is refused") {
  Connection connection = connect();
  ScriptCall call;
  call.topic = "publish_script_test/nowhere";
  call.texts = {"one"};
  CHECK(text_of(call_script(connection, call)) == "NOTOPIC publish_script_test/nowhere");
  CHECK(ask(connection, {"EXISTS", stream_key(call.topic), publisher_key(call.topic, "tester")})
            .view()
            .integer() == 0);
}

TEST_CASE("a topic whose info lacks its counter exists") {
  Connection connection = connect();
  ScriptCall call;
  call.topic = "publish_script_test/bare";
  call.texts = {"one"};
  ask(connection, {"HSET", info_key(call.topic), "description", "d"});
  CHECK(call_script(connection, call)[3].integer() == 1);
}

TEST_CASE("a hole is refused, and nothing stored") {
  Connection connection = connect();
  ScriptCall call = prepare("hole", {"two", "three"});
  call.first = 2;
  CHECK(text_of(call_script(connection, call)) == "HOLE 0");
  CHECK(stored(connection, call.topic).empty());

  call.first = 1;
  call_script(connection, call);
  call.first = 4;
  CHECK(text_of(call_script(connection, call)) == "HOLE 2");
  CHECK(stored(connection, call.topic).size() == 2);
}

TEST_CASE("what was acknowledged is no hole, though the position is gone") {
  Connection connection = connect();
  ScriptCall call = prepare("acked", {"three", "four"});
  call.first = 3;
  call.acked = 1;
  CHECK(text_of(call_script(connection, call)) == "HOLE 0");
  call.acked = 2;
  const Reply reply = call_script(connection, call);
  REQUIRE(reply.view().size() == 7);
  CHECK(reply[0].is_nil());
  CHECK(reply[1].integer() == 4);
  const auto messages = stored(connection, call.topic);
  CHECK(texts_of(messages) == call.texts);
  CHECK(messages[0].pub == "tester-3");
}

TEST_CASE("what is stored already is skipped") {
  Connection connection = connect();
  ScriptCall call = prepare("skip", {"one", "two"});
  const Reply first = call_script(connection, call);
  Connection sink = connect();
  ask(sink, {"SUBSCRIBE", call.topic});
  ask(connection, {"EXPIRE", publisher_key(call.topic, "tester"), "45"});
  const std::string place = position(connection, call);

  const Reply again = call_script(connection, call);
  CHECK(again[0].text() == place);
  CHECK(again[1].integer() == 2);
  CHECK(stored(connection, call.topic).size() == 2);
  CHECK(position(connection, call) == place);
  CHECK(ask(connection, {"TTL", publisher_key(call.topic, "tester")}).view().integer() > 45);

  call.first = 2;
  call.texts = {"two", "three", "four"};
  const Reply partly = call_script(connection, call);
  CHECK(partly[0].text() == place);
  CHECK(partly[1].integer() == 4);
  CHECK(partly[3].integer() == 4);
  const auto messages = stored(connection, call.topic);
  CHECK(texts_of(messages) == std::vector<std::string>{"one", "two", "three", "four"});
  CHECK(numbers(messages) == std::vector<std::uint64_t>{1, 2, 3, 4});
  CHECK(messages[2].pub == "tester-3");
  CHECK(has(std::string(sink.receive(soon(), {})[2].text()), "\"three\""));

  call.first = 1;
  call.texts = {"one"};
  CHECK(call_script(connection, call)[1].integer() == 1);
  CHECK(position(connection, call).substr(0, 2) == "4 ");
}

TEST_CASE("publishers count for themselves, and the topic's n goes on") {
  Connection connection = connect();
  ScriptCall call = prepare("publishers", {"one"});
  call_script(connection, call);
  call.publisher = "other";
  call_script(connection, call);
  const auto messages = stored(connection, call.topic);
  CHECK(numbers(messages) == std::vector<std::uint64_t>{1, 2});
  CHECK(messages[1].pub == "other-1");
}

TEST_CASE("somebody's own entry may be ahead") {
  struct Case {
    std::string name;
    std::uint64_t own_n;
    std::uint64_t skipped_ms;
  };
  for (const Case& own : {Case{"in its milliseconds", 0, 0}, Case{"in both parts", 7, 1},
                          Case{"by exactly the next ID", 1, 1}}) {
    INFO(own.name);
    Connection connection = connect();
    ScriptCall call = prepare("ahead" + std::to_string(own.own_n), {"one", "two"});
    const std::uint64_t later = current_millisecond() + 3'600'000;
    add_entry(connection, call.topic, EntryId{later, own.own_n}.str(), "own");
    call_script(connection, call);
    call.first = 3;
    call_script(connection, call);
    const auto messages = stored(connection, call.topic);
    REQUIRE(messages.size() == 5);
    for (std::uint64_t n = 1; n <= 4; ++n) CHECK(messages[n].id == EntryId{later + own.skipped_ms, n});
    CHECK(look_up(nodes(), call.topic, {}).last == *messages[4].id);
  }
}

TEST_CASE("the clock may be set back") {
  Connection connection = connect();
  const ScriptCall call = prepare("clock", {"one"});
  const std::uint64_t later = current_millisecond() + 3'600'000;
  ask(connection, {"HSET", info_key(call.topic), "ms", std::to_string(later), "n", "9"});
  call_script(connection, call);
  CHECK(stored(connection, call.topic)[0].id == EntryId{later, 10});
}

TEST_CASE("few messages are trimmed exactly") {
  Connection connection = connect();
  ScriptCall call = prepare("exact", {"1", "2", "3", "4", "5"});
  ask(connection, {"HSET", info_key(call.topic), "max_len", "3"});
  CHECK(call_script(connection, call)[4].integer() == 3);
  CHECK(texts_of(stored(connection, call.topic)) == std::vector<std::string>{"3", "4", "5"});
  call.first = 6;
  call.texts = {"6"};
  call_script(connection, call);
  const auto messages = stored(connection, call.topic);
  CHECK(numbers(messages) == std::vector<std::uint64_t>{4, 5, 6});
}

TEST_CASE("many messages are trimmed to about so many, never below") {
  Connection connection = connect();
  ScriptCall call = prepare("about", std::vector<std::string>(550, "x"));
  ask(connection, {"HSET", info_key(call.topic), "max_len", "5001"});
  std::int64_t longest = 0;
  for (int i = 0; i < 12; ++i) {
    call_script(connection, call);
    call.first += 550;
    longest = std::max(longest, ask(connection, {"XLEN", stream_key(call.topic)}).view().integer());
  }
  const std::int64_t kept = ask(connection, {"XLEN", stream_key(call.topic)}).view().integer();
  CHECK(kept >= 5001);
  CHECK(kept <= 5101);
  CHECK(longest <= 5101);
}

TEST_CASE("what is too old is trimmed, roughly") {
  Connection connection = connect();
  const ScriptCall call = prepare("age", {"new"});
  for (int i = 1; i <= 1000; ++i) {
    connection.append({"XADD", stream_key(call.topic), "1000-" + std::to_string(i), "message", "old"});
  }
  for (int i = 1; i <= 1000; ++i) connection.receive(soon(), {});
  ask(connection, {"HSET", info_key(call.topic), "max_age", "3600000"});
  call_script(connection, call);
  const auto messages = stored(connection, call.topic);
  CHECK(messages.size() <= 101);
  CHECK(messages.back().text == "new");
}

TEST_CASE("nothing is trimmed where nothing was stored") {
  Connection connection = connect();
  ScriptCall call = prepare("untrimmed", {"1", "2", "3"});
  call_script(connection, call);
  ask(connection, {"HSET", info_key(call.topic), "max_len", "1"});
  call_script(connection, call);
  CHECK(stored(connection, call.topic).size() == 3);
}

TEST_CASE("an import's position lives and dies with its topic") {
  Connection connection = connect();
  ScriptCall call = prepare("import", {"one", "two"});
  call.publisher = "nightly";
  call.ttl = "0";
  call_script(connection, call);
  const std::string ms = std::to_string(stored(connection, call.topic)[0].id->ms);
  CHECK(text_of(ask(connection, {"HGET", info_key(call.topic), "import:nightly"})) == "2 " + ms + " 2");
  CHECK(ask(connection, {"EXISTS", publisher_key(call.topic, "nightly")}).view().integer() == 0);
  CHECK(call_script(connection, call)[0].text() == "2 " + ms + " 2");
  CHECK(stored(connection, call.topic).size() == 2);

  remove_topic(nodes(), call.topic, true, {});
  add_topic(nodes(), call.topic, {}, {});
  CHECK(call_script(connection, call)[0].is_nil());
  CHECK(stored(connection, call.topic).size() == 2);
}

TEST_CASE("a key of another type stops the first message") {
  Connection connection = connect();
  const ScriptCall call = prepare("type", {"one"});
  ask(connection, {"SET", stream_key(call.topic), "no stream"});
  const Reply reply = call_script(connection, call);
  REQUIRE(reply.view().size() == 8);
  CHECK(reply[1].integer() == 0);
  CHECK(reply[3].integer() == 0);
  CHECK(has(std::string(reply[7].text()), "WRONGTYPE"));
  CHECK(ask(connection, {"EXISTS", publisher_key(call.topic, "tester")}).view().integer() == 0);
  remove_topic(nodes(), call.topic, true, {});
}

TEST_CASE("an error in the middle leaves a beginning, and the next try goes on there") {
  Connection connection = connect();
  ScriptCall call = prepare("middle", {"one", "two", "three"});
  ask(connection, {"ACL", "SETUSER", "script-test", "on", "nopass", "+@all", "-publish", "~*", "&*"});
  Connection mute = connect();
  ask(mute, {"AUTH", "script-test", ""});
  const Reply reply = call_script(mute, call);
  ask(connection, {"ACL", "DELUSER", "script-test"});
  REQUIRE(reply.view().size() == 8);
  CHECK(reply[1].integer() == 1);
  CHECK(reply[3].integer() == 1);
  INFO(reply[7].text());
  CHECK(is_denied(reply[7].text()));
  CHECK(texts_of(stored(connection, call.topic)) == std::vector<std::string>{"one"});
  CHECK(position(connection, call).substr(0, 2) == "1 ");

  CHECK(call_script(connection, call)[1].integer() == 3);
  const auto messages = stored(connection, call.topic);
  CHECK(texts_of(messages) == call.texts);
  CHECK(numbers(messages) == std::vector<std::uint64_t>{1, 2, 3});
}

TEST_CASE("a batch whose time is over is refused, whoever sent it") {
  Connection connection = connect();
  ScriptCall call = prepare("late", {"one"});
  call.by = std::to_string(current_millisecond() - 1000);
  const std::string refusal = text_of(call_script(connection, call));
  REQUIRE(refusal.starts_with("LATE "));
  CHECK(std::stoull(refusal.substr(5)) >= std::stoull(call.by) + 1000);
  CHECK(stored(connection, call.topic).empty());
  call.by = std::to_string(current_millisecond() + 60'000);
  CHECK(call_script(connection, call)[1].integer() == 1);
}

TEST_CASE("the position outlives the time of all batches") {
  Connection connection = connect();
  ScriptCall call = prepare("outlives", {"one"});
  call.keep = std::to_string(current_millisecond() + 3'600'000);
  call_script(connection, call);
  CHECK(ask(connection, {"TTL", publisher_key(call.topic, "tester")}).view().integer() > 3500);
}

TEST_CASE("what was stored before the position expired is found in the stream") {
  Connection connection = connect();
  ScriptCall call = prepare("expired", {"one", "two"});
  remove_topic(nodes(), call.topic, true, {});  // of another section
  ask(connection, {"DEL", publisher_key(call.topic, "tester")});
  publish(connection, call.topic, {"other"});
  call.after = stored(connection, call.topic)[0].id->str();
  call_script(connection, call);
  const std::string place = position(connection, call);
  publish(connection, call.topic, {"more"});
  ask(connection, {"DEL", publisher_key(call.topic, "tester")});

  const std::string soon_over = std::to_string(current_millisecond() + 60'000);
  SECTION("when the time of what was sent is over") {
    call.texts = {"one", "two", "three"};
    call.sent_first = std::to_string(current_millisecond() - 1);
    call.sent_last = soon_over;
    const Reply reply = call_script(connection, call);
    CHECK(reply[0].text() == place);
    CHECK(reply[1].integer() == 3);
    CHECK(reply[6].integer() == 0);
    CHECK(texts_of(stored(connection, call.topic)) ==
          std::vector<std::string>{"other", "one", "two", "more", "three"});
  }
  SECTION("unless that may have been trimmed") {
    call.sent_first = std::to_string(current_millisecond() - 1);
    call.sent_last = soon_over;
    ask(connection, {"XTRIM", stream_key(call.topic), "MAXLEN", "1"});
    CHECK(text_of(call_script(connection, call)) == "UNSURE trimmed");
  }
  SECTION("only by who may look") {
    call.sent_first = std::to_string(current_millisecond() - 1);
    call.sent_last = soon_over;
    ask(connection, {"ACL", "SETUSER", "script-test", "on", "nopass", "+@all", "-xrange", "~*", "&*"});
    Connection blind = connect();
    ask(blind, {"AUTH", "script-test", ""});
    CHECK(text_of(call_script(blind, call)).starts_with("UNSURE "));
    ask(connection, {"ACL", "DELUSER", "script-test"});
    CHECK(stored(connection, call.topic).size() == 4);
  }
}

TEST_CASE("what was stored while the stream was ahead of the clock is found, too") {
  Connection connection = connect();
  ScriptCall call = prepare("ahead", {"one", "two"});
  const std::uint64_t ahead = current_millisecond() + 3'600'000;
  ask(connection, {"HSET", info_key(call.topic), "ms", std::to_string(ahead), "n", "9"});
  publish(connection, call.topic, {"other"});
  call_script(connection, call);
  const std::string place = position(connection, call);
  ask(connection, {"DEL", publisher_key(call.topic, "tester")});
  call.sent_first = call.sent_last = std::to_string(current_millisecond() - 1);
  call.after = std::to_string(current_millisecond() - 60'000) + "-9";
  CHECK(call_script(connection, call)[0].text() == place);
  CHECK(stored(connection, call.topic).size() == 3);
}

TEST_CASE("an expired position is told from an older history") {
  Connection connection = connect();
  static int topics = 0;  // one for each section
  ScriptCall call = prepare("gone" + std::to_string(++topics), {"one", "two"});
  call_script(connection, call);
  const EntryId last = *stored(connection, call.topic).at(1).id;
  call.first = 3;
  call.acked = 2;
  call.after = last.str();
  call.texts = {"three"};
  ask(connection, {"DEL", publisher_key(call.topic, "tester")});
  SECTION("all is there") { CHECK(call_script(connection, call)[6].integer() == 0); }
  SECTION("it was trimmed") {
    publish(connection, call.topic, {"other"});
    ask(connection, {"XTRIM", stream_key(call.topic), "MAXLEN", "1"});
    CHECK(call_script(connection, call)[6].integer() == 0);
    ask(connection, {"DEL", publisher_key(call.topic, "tester"), stream_key(call.topic)});
    CHECK(call_script(connection, call)[6].integer() == 0);
  }
  SECTION("the topic has fewer messages") {
    ask(connection, {"HSET", info_key(call.topic), "n", "1"});
    CHECK(call_script(connection, call)[6].integer() == 2);
  }
  SECTION("its ID is another message's") {
    ask(connection, {"DEL", stream_key(call.topic)});
    ask(connection, {"XADD", stream_key(call.topic), last.str(), "message", "other", "pub", "other-1"});
    CHECK(call_script(connection, call)[6].integer() == 2);
  }
  SECTION("an older message is there, and it is not") {
    ask(connection, {"XDEL", stream_key(call.topic), last.str()});
    CHECK(call_script(connection, call)[6].integer() == 2);
  }
  SECTION("others have published as many since") {
    ask(connection, {"DEL", stream_key(call.topic), info_key(call.topic)});
    add_topic(nodes(), call.topic, {}, {});
    publish(connection, call.topic, {"other", "words"});
    CHECK(call_script(connection, call)[6].integer() == 2);
  }
  SECTION("and that is told again when the answer was lost") {
    ask(connection, {"HSET", info_key(call.topic), "n", "1"});
    call_script(connection, call);
    ScriptCall next = call;
    next.first = 4;
    next.texts = {"four"};
    CHECK(call_script(connection, next)[6].integer() == 0);
    CHECK(call_script(connection, call)[6].integer() == 2);
  }
}

TEST_CASE("an import doesn't go on behind a hole") {
  Connection connection = connect();
  ScriptCall call = prepare("import-hole", {"three"});
  call.publisher = "nightly";
  call.ttl = "0";
  call.first = 3;
  CHECK(text_of(call_script(connection, call)) == "HOLE 0");
  call.acked = 2;
  CHECK(text_of(call_script(connection, call)) == "GONE 0");
  CHECK(stored(connection, call.topic).empty());
}

TEST_CASE("somebody's entry may have more milliseconds than Lua can count") {
  struct Case {
    std::string ahead;
    std::string ours;
  };
  int number = 0;
  for (const Case& own : {Case{"1732400000000000000-0", "1732400000000000000-1"},
                          Case{"1732400000000000001-7", "1732400000000000002-1"},
                          Case{"1732400000000000999-7", "1732400000000001000-1"},
                          Case{"9999999999999999-1", "10000000000000000-1"},
                          Case{"18446744073709551615-0", "18446744073709551615-1"}}) {
    INFO(own.ahead);
    Connection connection = connect();
    ScriptCall call = prepare("nanoseconds" + std::to_string(number++), {"one", "two"});
    add_entry(connection, call.topic, own.ahead, "own");
    const Reply reply = call_script(connection, call);
    CHECK(reply.view().size() == 7);
    call.first = 3;
    call_script(connection, call);
    const auto messages = stored(connection, call.topic);
    REQUIRE(messages.size() == 5);
    CHECK(messages[1].id->str() == own.ours);
    CHECK(*messages[4].id == EntryId{messages[1].id->ms, 4});
    CHECK(position(connection, call) == "4 " + std::to_string(messages[1].id->ms) + " 4");
    CHECK(look_up(nodes(), call.topic, {}).last == *messages[4].id);
  }
}

TEST_CASE("after the highest ID nothing can be stored") {
  Connection connection = connect();
  const ScriptCall call = prepare("full", {"one"});
  add_entry(connection, call.topic, last_id.str(), "own");
  const Reply reply = call_script(connection, call);
  REQUIRE(reply.view().size() == 8);
  CHECK(reply[1].integer() == 0);
  CHECK(reply[7].text() == "FULL " + last_id.str());
  remove_topic(nodes(), call.topic, true, {});
}

TEST_CASE("a field of the info that is no number is named") {
  Connection connection = connect();
  ScriptCall call = prepare("poison", {"one"});
  for (const char* field : {"ms", "n", "max_len", "max_age"}) {
    for (const std::string value : {"-5", "abc", "", "1e3", "99999999999999999999999"}) {
      ask(connection, {"HSET", info_key(call.topic), field, value});
      CHECK(text_of(call_script(connection, call)) == std::string("BADINFO ") + field + " " + value);
    }
    ask(connection, {"HSET", info_key(call.topic), field, "x\r\n\x1b"});
    CHECK(text_of(call_script(connection, call)) == std::string("BADINFO ") + field + " x???");
    ask(connection, {"HDEL", info_key(call.topic), field});
  }
  CHECK(call_script(connection, call)[1].integer() == 1);
}
