#include <algorithm>

#include "base/error.h"
#include "chat/entry_id.h"
#include "script.h"

using namespace chat;
using namespace std::chrono_literals;

namespace {

bool listed(const std::string& topic) {
  const auto names = list_topics(nodes(), {});
  CHECK(std::is_sorted(names.begin(), names.end()));
  return std::find(names.begin(), names.end(), topic) != names.end();
}

}  // namespace

TEST_CASE("a default topic exists before anything stands in Redis") {
  Connection connection = connect();
  CHECK(ask(connection, {"EXISTS", info_key("topic3")}).view().integer() == 0);
  const TopicState state = look_up(nodes(), "topic3", {});
  CHECK(state.exists);
  CHECK(state.last == EntryId{});
  CHECK(state.max_len == 100'000);
  CHECK(state.max_age == 0ms);
  CHECK(state.created == 0ms);
  CHECK(state.now > 1'700'000'000'000ms);
  CHECK(listed("topic3"));
  CHECK(ask(connection, {"EXISTS", info_key("topic3")}).view().integer() == 0);
}

TEST_CASE("a default topic that was removed stays removed, until it is added again") {
  Connection connection = connect();
  remove_topic(nodes(), "topic4", true, {});
  CHECK_FALSE(look_up(nodes(), "topic4", {}).exists);
  CHECK_FALSE(listed("topic4"));
  CHECK(listed("topic3"));
  CHECK(error_of([&] { require_topic(nodes(), "topic4", {}); }).failure() == Failure::no_topic);
  CHECK(error_of([&] { remove_topic(nodes(), "topic4", true, {}); }).failure() == Failure::no_topic);

  CHECK(add_topic(nodes(), "topic4", {}, {}));
  CHECK(look_up(nodes(), "topic4", {}).exists);
  CHECK(listed("topic4"));
  ask(connection, {"DEL", info_key("topic4")});
}

TEST_CASE("adding a topic") {
  Connection connection = connect();
  Settings settings;
  settings.max_len = 7;
  settings.max_age = 90'000ms;
  settings.description = "what\nit is";
  CHECK_FALSE(listed("topic_test/add"));
  CHECK(add_topic(nodes(), "topic_test/add", settings, {}));
  const TopicState state = look_up(nodes(), "topic_test/add", {});
  CHECK(state.exists);
  CHECK(state.max_len == 7);
  CHECK(state.max_age == 90'000ms);
  CHECK(state.description == "what\nit is");
  CHECK(state.created > state.now - 60s);
  CHECK(state.created <= state.now);
  CHECK(listed("topic_test/add"));

  settings.max_len = 8;
  CHECK_FALSE(add_topic(nodes(), "topic_test/add", settings, {}));
  CHECK(look_up(nodes(), "topic_test/add", {}).max_len == 7);
}

TEST_CASE("that a topic was added or removed is told, once") {
  Connection connection = connect();
  Connection sink = connect();
  ask(sink, {"SUBSCRIBE", topics_channel});
  add_topic(nodes(), "topic_test/told", {}, {});
  add_topic(nodes(), "topic_test/told", {}, {});
  remove_topic(nodes(), "topic_test/told", false, {});
  ask(connection, {"PUBLISH", topics_channel, "end"});
  for (const char* payload : {"topic_test/told", "topic_test/told", "end"}) {
    CHECK(sink.receive(soon(), {})[2].text() == payload);
  }
}

TEST_CASE("changing a topic's settings changes only those given, and trims at once") {
  Connection connection = connect();
  const std::string topic = "topic_test/set";
  publish(connection, topic, {"1", "2", "3", "4", "5"});
  Settings description;
  description.description = "d";
  set_topic(nodes(), topic, description, {});
  CHECK(stored(connection, topic).size() == 5);
  CHECK(look_up(nodes(), topic, {}).max_len == 100'000);

  Settings length;
  length.max_len = 2;
  set_topic(nodes(), topic, length, {});
  CHECK(texts_of(stored(connection, topic)) == std::vector<std::string>{"4", "5"});
  CHECK(look_up(nodes(), topic, {}).description == "d");
  CHECK(look_up(nodes(), topic, {}).last.n == 5);

  Settings endless;
  endless.max_len = 0;
  set_topic(nodes(), topic, endless, {});
  publish(connection, topic, {"6", "7", "8"});
  CHECK(stored(connection, topic).size() == 5);
}

TEST_CASE("a topic's age is trimmed at once") {
  Connection connection = connect();
  const std::string topic = "topic_test/age";
  add_topic(nodes(), topic, {}, {});
  add_entry(connection, topic, "1000-1", "old");
  publish(connection, topic, {"new"});
  Settings age;
  age.max_age = 3'600'000ms;
  set_topic(nodes(), topic, age, {});
  CHECK(texts_of(stored(connection, topic)) == std::vector<std::string>{"new"});
}

TEST_CASE("settings of a default topic make its info; those of an unknown one are refused") {
  Connection connection = connect();
  Settings settings;
  settings.description = "d";
  set_topic(nodes(), "topic2", settings, {});
  CHECK(look_up(nodes(), "topic2", {}).description == "d");
  CHECK(look_up(nodes(), "topic2", {}).created > 0ms);
  ask(connection, {"DEL", info_key("topic2")});
  const Error error = error_of([&] { set_topic(nodes(), "topic22", settings, {}); });
  CHECK(error.failure() == Failure::no_topic);
  CHECK(std::string(error.what()) == "no topic \"topic22\": did you mean topic2?");
  CHECK(std::string(error_of([&] { require_topic(nodes(), "elsewhere", {}); }).what()) ==
        "no topic \"elsewhere\"; chat-topics lists those there are");
}

TEST_CASE("removing a topic keeps its messages, and purging does not") {
  Connection connection = connect();
  const std::string topic = "topic_test/remove";
  publish(connection, topic, {"1", "2"});
  remove_topic(nodes(), topic, false, {});
  CHECK_FALSE(look_up(nodes(), topic, {}).exists);
  CHECK_FALSE(listed(topic));
  CHECK(stored(connection, topic).size() == 2);

  publish(connection, topic, {"3"});
  const auto messages = stored(connection, topic);
  REQUIRE(texts_of(messages) == std::vector<std::string>{"1", "2", "3"});
  CHECK(messages.back().id->n == 3);
  CHECK(look_up(nodes(), topic, {}).last == *messages.back().id);

  remove_topic(nodes(), topic, true, {});
  CHECK(ask(connection, {"EXISTS", stream_key(topic), info_key(topic)}).view().integer() == 0);
}

TEST_CASE("a topic whose making was cut off can be removed") {
  Connection connection = connect();
  const std::string topic = "topic_test/half";
  ask(connection, {"HSET", topics_channel, topic, "present"});
  REQUIRE(listed(topic));
  remove_topic(nodes(), topic, true, {});
  CHECK_FALSE(listed(topic));
  CHECK(error_of([&] { remove_topic(nodes(), topic, true, {}); }).failure() == Failure::no_topic);
}

TEST_CASE("IDs go on after a stream that is there already") {
  Connection connection = connect();
  const std::string topic = "topic_test/kept";
  const std::string key = stream_key(topic);
  ask(connection, {"XADD", key, "5000-41", "user", "ana", "message", "published", "pub", "p-3"});
  add_entry(connection, topic, "6000-50", "own, which has no number among the topic's messages");
  add_topic(nodes(), topic, {}, {});
  CHECK(look_up(nodes(), topic, {}).last.str() == "6000-41");
  publish(connection, topic, {"next"});
  CHECK(stored(connection, topic).back().id->n == 42);
}

TEST_CASE("the first message after entries of others is number 1") {
  Connection connection = connect();
  const std::string topic = "topic_test/others";
  add_entry(connection, topic, "6000-50", "own");
  add_topic(nodes(), topic, {}, {});
  CHECK(look_up(nodes(), topic, {}).last.str() == "6000-0");
  publish(connection, topic, {"first"});
  CHECK(stored(connection, topic).back().id->n == 1);
}

TEST_CASE("IDs go on after a stream of which nothing is left") {
  Connection connection = connect();
  const std::string topic = "topic_test/trimmed";
  publish(connection, topic, {"1", "2", "3"});
  remove_topic(nodes(), topic, false, {});
  ask(connection, {"XTRIM", stream_key(topic), "MAXLEN", "0"});
  publish(connection, topic, {"4"});
  CHECK(stored(connection, topic).back().id->n == 4);
}

TEST_CASE("a name in the index that can't be a topic's is left out") {
  Connection connection = connect();
  ask(connection, {"HSET", topics_channel, "chat:bad", "present"});
  CHECK_FALSE(listed("chat:bad"));
  ask(connection, {"HDEL", topics_channel, "chat:bad"});
}

TEST_CASE("who is there") {
  Connection connection = connect();
  const std::string topic = "topic_test/who[1]";
  CHECK(presence(nodes(), {topic}, {}).front().second.users.empty());
  CHECK(presence(nodes(), {topic}, {}).front().second.nameless == 0);
  Connection zoe = connect();
  Connection ana = connect();
  Connection nameless = connect();
  Connection elsewhere = connect();
  ask(zoe, {"SUBSCRIBE", topic, presence_channel(topic, "zo*e")});
  ask(ana, {"SUBSCRIBE", topic, presence_channel(topic, "ana [x]")});
  ask(nameless, {"SUBSCRIBE", topic});
  ask(elsewhere, {"SUBSCRIBE", "topic_test/who1", presence_channel("topic_test/who1", "bob")});
  const Presence there = presence(nodes(), {topic}, {}).front().second;
  CHECK(there.users == std::vector<std::string>{"ana [x]", "zo*e"});
  CHECK(there.nameless == 1);
}

TEST_CASE("negative numbers in the info hide and count nothing") {
  Connection connection = connect();
  const std::string topic = "topic_test/negative";
  add_topic(nodes(), topic, {}, {});
  ask(connection, {"HSET", info_key(topic), "max_age", "-1", "max_len", "-1", "n", "-5", "ms", "-9"});
  const TopicState state = look_up(nodes(), topic, {});
  CHECK(state.exists);
  CHECK(state.oldest().count() == 0);
  CHECK(state.max_age.count() == 0);
  CHECK(state.max_len == 0);
  CHECK(state.last == EntryId{0, 0});
}

TEST_CASE("a time that can't be one is none") {
  Connection connection = connect();
  const std::string topic = "topic_test/times";
  add_topic(nodes(), topic, {}, {});
  for (const char* const time : {"9223372036854775807", "-1", "253402300800"}) {
    ask(connection, {"HSET", info_key(topic), "created", time});
    CHECK(look_up(nodes(), topic, {}).created.count() == 0);
  }
}
