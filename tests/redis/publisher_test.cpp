#include "chat/publisher.h"

#include <sys/socket.h>
#include <deque>

#include <algorithm>

#include "base/error.h"
#include "base/wait.h"
#include "chat/entry_id.h"
#include "script.h"

using namespace chat;
using namespace std::chrono_literals;

namespace {

using Texts = std::vector<std::string>;

struct Bench {
  Connection admin = connect();
  std::deque<ConnectionPool> pools;  // one each
  PublisherOptions options;
  std::vector<std::string> warnings;
  std::vector<std::string> outages;
  std::vector<std::pair<std::uint64_t, EntryId>> told;

  Bench() {
    options.retry_for = 600s;
    options.warn = [this](const std::string& text) {
      (text.starts_with("lost Redis at ") ? outages : warnings).push_back(text);
    };
  }
  Publisher publisher() { return Publisher(pools.emplace_back(server()), options, {}); }
  void tell_ids() {
    options.stored = [this](std::uint64_t record, EntryId id) { told.emplace_back(record, id); };
  }
  std::string topic(const std::string& name) {
    const std::string topic = "publisher_test/" + name;
    add_topic(nodes(), topic, {}, {});
    return topic;
  }
};

/// Adds messages with these texts, waiting for room.
void add(Publisher& publisher, std::size_t topic, const Texts& texts, std::uint64_t record = 1) {
  for (const std::string& text : texts) {
    while (!publisher.has_room()) {
      publisher.step(0);
      pollfd ready{publisher.fd(), publisher.events(), 0};
      wait({&ready, 1}, std::min(soon(), publisher.deadline()), {});
      publisher.step(ready.revents);
    }
    publisher.add(topic, "ana", 1732400000, text, record++);
  }
}

Texts numbered(int from, int to) {
  Texts texts;
  for (int i = from; i <= to; ++i) texts.push_back("message " + std::to_string(i));
  return texts;
}

/// Takes away the answer that is to come, and breaks the connection.
void lose_answer(const Publisher& publisher) {
  pollfd answer{publisher.fd(), POLLIN, 0};
  REQUIRE(wait({&answer, 1}, soon(), {}) == 1);
  std::string bytes(100'000, '\0');
  REQUIRE(recv(publisher.fd(), bytes.data(), bytes.size(), 0) > 0);
  REQUIRE(shutdown(publisher.fd(), SHUT_RDWR) == 0);
}

}  // namespace

TEST_CASE("what was added is stored, exactly and in order") {
  Bench bench;
  const std::string topic = bench.topic("exact");
  Publisher publisher = bench.publisher();
  const std::size_t number = publisher.topic(topic);
  Texts texts = numbered(1, 3000);
  texts.insert(texts.begin() + 100,
               {"", "say \"hi\"\n", std::string("\0\xff", 2), std::string(200'000, 'x')});
  add(publisher, number, texts);
  CHECK(publisher.finish(soon()));
  CHECK(publisher.done());
  CHECK_FALSE(publisher.first_unacknowledged());
  const auto messages = stored(bench.admin, topic);
  CHECK(texts_of(messages) == texts);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    REQUIRE(messages[i].id->n == i + 1);
    REQUIRE(PubId::parse(messages[i].pub)->sequence == i + 1);
  }
  CHECK(messages[0].user == "ana");
  CHECK(messages[0].timestamp == 1732400000);

  const std::string key = publisher_key(topic, PubId::parse(messages[0].pub)->publisher);
  CHECK(ask(bench.admin, {"EXISTS", key}).view().integer() == 1);
  publisher.close();
  while (ask(bench.admin, {"EXISTS", key}).view().integer() != 0) {  // that isn't always waited for
  }
  CHECK(bench.warnings.empty());
}

TEST_CASE("each message keeps its own user and time") {
  Bench bench;
  const std::string topic = bench.topic("users");
  Publisher publisher = bench.publisher();
  const std::size_t number = publisher.topic(topic);
  publisher.add(number, "ana", 1, "a", 1);
  publisher.add(number, "bob", 1, "b", 2);
  publisher.add(number, "bob", 2, "c\n", 3);
  publisher.add(number, "bob", 2, "d", 4);
  REQUIRE(publisher.finish(soon()));
  std::string all;
  for (const Message& message : stored(bench.admin, topic)) {
    all += message.user + std::to_string(message.timestamp) + message.text + " ";
  }
  CHECK(all == "ana1a bob1b bob2c\n bob2d ");
}

TEST_CASE("there is no room without end") {
  Bench bench;
  const std::string topic = bench.topic("room");
  Publisher publisher = bench.publisher();
  const std::size_t number = publisher.topic(topic);
  int added = 0;
  for (; publisher.has_room() && added < 100'000; ++added) publisher.add(number, "ana", 1, "x", 1);
  CHECK(added < 100'000);
  REQUIRE(publisher.finish(soon()));
  CHECK(publisher.has_room());
  CHECK(stored(bench.admin, topic).size() == static_cast<std::size_t>(added));
}

TEST_CASE("an answer that got lost is asked for again, and nothing is stored twice") {
  Bench bench;
  const std::string topic = bench.topic("resend");
  bench.tell_ids();
  Publisher publisher = bench.publisher();
  const std::size_t number = publisher.topic(topic);
  add(publisher, number, {"one", "two"}, 11);
  publisher.flush();
  publisher.step(0);
  lose_answer(publisher);
  CHECK(publisher.first_unacknowledged() == 11U);
  add(publisher, number, {"three"}, 13);
  REQUIRE(publisher.finish(soon()));
  const auto messages = stored(bench.admin, topic);
  REQUIRE(texts_of(messages) == Texts{"one", "two", "three"});
  REQUIRE(bench.told.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(bench.told[i].first == 11 + i);
    CHECK(bench.told[i].second == *messages[i].id);
  }
  CHECK(bench.warnings.empty());
}

TEST_CASE("connections that keep being killed lose and double nothing") {
  Bench bench;
  const std::string topic = bench.topic("killed");
  Publisher publisher = bench.publisher();
  const std::size_t number = publisher.topic(topic);
  const Texts texts = numbered(1, 4000);
  for (std::size_t i = 0; i < texts.size(); i += 400) {
    add(publisher, number,
        {texts.begin() + static_cast<std::ptrdiff_t>(i),
         texts.begin() + static_cast<std::ptrdiff_t>(i + 400)});
    publisher.flush();
    publisher.step(0);
    kill_others(bench.admin);
  }
  REQUIRE(publisher.finish(soon()));
  CHECK(texts_of(stored(bench.admin, topic)) == texts);
  CHECK(bench.warnings.empty());
}

TEST_CASE("scripts that were flushed are loaded again") {
  Bench bench;
  const std::string topic = bench.topic("noscript");
  bench.tell_ids();
  Publisher publisher = bench.publisher();
  const std::size_t number = publisher.topic(topic);
  add(publisher, number, {"one"});
  REQUIRE(publisher.finish(soon()));
  ask(bench.admin, {"SCRIPT", "FLUSH"});
  add(publisher, number, {"two"});
  REQUIRE(publisher.finish(soon()));
  CHECK(texts_of(stored(bench.admin, topic)) == Texts{"one", "two"});
  CHECK(bench.told.size() == 2);
}

TEST_CASE("scripts flushed with many batches under way") {
  Bench bench;
  const std::string topic = bench.topic("noscripts");
  Publisher publisher = bench.publisher();
  const std::size_t number = publisher.topic(topic);
  ask(bench.admin, {"SCRIPT", "FLUSH"});
  const Texts texts = numbered(1, 1000);
  add(publisher, number, texts);
  REQUIRE(publisher.finish(soon()));
  CHECK(texts_of(stored(bench.admin, topic)) == texts);
}

TEST_CASE("an unknown topic") {
  Bench bench;
  Publisher strict = bench.publisher();
  CHECK(error_of([&] { strict.topic("publisher_test/unknown"); }).failure() == Failure::no_topic);
  CHECK(error_of([&] { strict.topic("bad name"); }).failure() == Failure::usage);
  bench.options.create = true;
  Publisher creating = bench.publisher();
  const std::size_t number = creating.topic("publisher_test/unknown");
  CHECK(creating.topic("publisher_test/unknown") == number);
  CHECK(look_up(nodes(), "publisher_test/unknown", {}).exists);
}

TEST_CASE("a default topic needs no set-up") {
  Bench bench;
  Publisher publisher = bench.publisher();
  add(publisher, publisher.topic("topic1"), {"one"});
  REQUIRE(publisher.finish(soon()));
  CHECK(stored(bench.admin, "topic1").back().text == "one");
}

TEST_CASE("a topic that is removed under way") {
  Bench bench;
  const std::string topic = bench.topic("removed");
  SECTION("ends the run") {
    Publisher publisher = bench.publisher();
    const std::size_t number = publisher.topic(topic);
    add(publisher, number, {"one"}, 1);
    REQUIRE(publisher.finish(soon()));
    remove_topic(nodes(), topic, true, {});
    add(publisher, number, {"two", "three"}, 2);
    const Error error = error_of([&] { publisher.finish(soon()); });
    CHECK(error.failure() == Failure::no_topic);
    CHECK(std::string(error.what()) ==
          "topic \"" + topic + "\" was removed; nothing from record 2 on was acknowledged");
    CHECK(stored(bench.admin, topic).empty());
    CHECK_FALSE(look_up(nodes(), topic, {}).exists);
  }
  SECTION("is made again by a publisher that may") {
    bench.options.create = true;
    Publisher publisher = bench.publisher();
    const std::size_t number = publisher.topic(topic);
    add(publisher, number, {"one"}, 1);
    REQUIRE(publisher.finish(soon()));
    remove_topic(nodes(), topic, true, {});
    add(publisher, number, {"two", "three"}, 2);
    REQUIRE(publisher.finish(soon()));
    CHECK(texts_of(stored(bench.admin, topic)) == Texts{"two", "three"});
  }
}

TEST_CASE("several topics, in turns") {
  Bench bench;
  const std::string one = bench.topic("turns1");
  const std::string two = bench.topic("turns2");
  bench.tell_ids();
  Publisher publisher = bench.publisher();
  Texts expected;
  for (int i = 0; i < 50; ++i) {
    expected.push_back(std::to_string(i));
    const auto record = static_cast<std::uint64_t>(2 * i);
    add(publisher, publisher.topic(one), {expected.back()}, record);
    add(publisher, publisher.topic(two), {expected.back()}, record + 1);
  }
  REQUIRE(publisher.finish(soon()));
  const auto first = stored(bench.admin, one);
  CHECK(texts_of(first) == expected);
  CHECK(texts_of(stored(bench.admin, two)) == expected);
  CHECK(PubId::parse(first.back().pub)->sequence == 50);
  REQUIRE(bench.told.size() == 100);
  for (std::size_t i = 0; i < 100; ++i) CHECK(bench.told[i].first == i);
  publisher.close();
  for (const std::string& topic : {one, two}) {
    while (ask(bench.admin, {"KEYS", publisher_key(topic, "*")}).view().size() != 0) {
    }
  }
}

TEST_CASE("ephemeral messages are only published") {
  Bench bench;
  const std::string topic = bench.topic("ephemeral");
  Connection sink = connect();
  ask(sink, {"SUBSCRIBE", topic});
  bench.options.ephemeral = true;
  Publisher publisher = bench.publisher();
  add(publisher, publisher.topic(topic), {"one", "say \"hi\""});
  REQUIRE(publisher.finish(soon()));
  publisher.close();
  CHECK(sink.receive(soon(), {})[2].text() ==
        R"({"user": "ana", "message": "one", "timestamp": 1732400000})");
  CHECK(sink.receive(soon(), {})[2].text() ==
        R"({"user": "ana", "message": "say \"hi\"", "timestamp": 1732400000})");
  CHECK(stored(bench.admin, topic).empty());
}

TEST_CASE("ephemeral messages that may be lost are told, and not sent again") {
  Bench bench;
  const std::string topic = bench.topic("ephemeral-lost");
  bench.options.ephemeral = true;
  Publisher publisher = bench.publisher();
  const std::size_t number = publisher.topic(topic);
  add(publisher, number, {"one"}, 1);
  REQUIRE(publisher.finish(soon()));
  add(publisher, number, {"two", "three"}, 2);
  publisher.flush();
  publisher.step(0);
  lose_answer(publisher);
  Connection sink = connect();
  ask(sink, {"SUBSCRIBE", topic});
  publisher.finish(soon());
  add(publisher, number, {"four"}, 4);
  REQUIRE(publisher.finish(soon()));
  CHECK(has(std::string(sink.receive(soon(), {})[2].text()), "\"four\""));
  CHECK(publisher.first_unacknowledged() == 2U);
  const Error error = error_of([&] { publisher.close(); });
  CHECK(error.failure() == Failure::again);
  CHECK(std::string(error.what()) ==
        "the connection broke: 2 messages from record 2 on may not have been published");
}

TEST_CASE("an import goes on where it stopped") {
  Bench bench;
  const std::string topic = bench.topic("import");
  bench.options.import_id = "nightly";
  {
    Publisher publisher = bench.publisher();
    add(publisher, publisher.topic(topic), {"one", "two"});
    REQUIRE(publisher.finish(soon()));
    publisher.close();
  }
  Publisher publisher = bench.publisher();
  add(publisher, publisher.topic(topic), {"one", "two", "three"});
  REQUIRE(publisher.finish(soon()));
  publisher.close();
  const auto messages = stored(bench.admin, topic);
  CHECK(texts_of(messages) == Texts{"one", "two", "three"});
  CHECK(messages[2].pub == "nightly-3");
}

TEST_CASE("an import that ran through an older history ends, and run again publishes what is missing") {
  Bench bench;
  const std::string topic = bench.topic("import-older");
  bench.options.import_id = "nightly";
  Publisher publisher = bench.publisher();
  const std::size_t number = publisher.topic(topic);
  add(publisher, number, {"one"}, 1);
  REQUIRE(publisher.finish(soon()));
  const std::string place(ask(bench.admin, {"HGET", info_key(topic), "import:nightly"}).view().text());
  add(publisher, number, {"two", "three"}, 2);
  REQUIRE(publisher.finish(soon()));
  const auto messages = stored(bench.admin, topic);
  ask(bench.admin, {"XDEL", stream_key(topic), messages[1].id->str(), messages[2].id->str()});
  ask(bench.admin, {"HSET", info_key(topic), "n", "1", "import:nightly", place});

  add(publisher, number, {"four", "five"}, 4);
  const Error error = error_of([&] { publisher.finish(soon()); });
  CHECK(error.failure() == Failure::again);
  CHECK(std::string(error.what()) ==
        "Redis came back with an older history: of what it had acknowledged, 2 messages before record 4 are "
        "gone from " +
            topic + "; run the same again: it publishes what is missing");
  Publisher again = bench.publisher();
  add(again, again.topic(topic), {"one", "two", "three", "four", "five"});
  REQUIRE(again.finish(soon()));
  CHECK(texts_of(stored(bench.admin, topic)) == Texts{"one", "two", "three", "four", "five"});
}

TEST_CASE("a publisher whose key has expired looks for its message before it sends it again") {
  Bench bench;
  const std::string topic = bench.topic("expired");
  bench.options.lease = 20ms;
  Publisher publisher = bench.publisher();
  const std::size_t number = publisher.topic(topic);
  for (const Texts& texts : {Texts{"one", "two"}, Texts{"three"}}) {
    add(publisher, number, texts);
    publisher.flush();
    publisher.step(0);
    lose_answer(publisher);
    const auto messages = stored(bench.admin, topic);
    if (!messages.empty() && messages.back().text == texts.back()) {  // else it was late
      while (static_cast<std::uint64_t>(look_up(nodes(), topic, {}).now.count()) <=
             messages.back().id->ms + 40) {
      }
      ask(bench.admin, {"DEL", publisher_key(topic, PubId::parse(messages.back().pub)->publisher)});
    }
    REQUIRE(publisher.finish(soon()));
  }
  CHECK(texts_of(stored(bench.admin, topic)) == Texts{"one", "two", "three"});
  CHECK(bench.warnings.empty());
}

TEST_CASE("a key that has expired between batches is no loss") {
  Bench bench;
  const std::string topic = bench.topic("expired-idle");
  Publisher publisher = bench.publisher();
  const std::size_t number = publisher.topic(topic);
  add(publisher, number, {"one", "two"});
  REQUIRE(publisher.finish(soon()));
  ask(bench.admin, {"DEL", publisher_key(topic, PubId::parse(stored(bench.admin, topic)[0].pub)->publisher)});
  add(publisher, number, {"three"}, 3);
  REQUIRE(publisher.finish(soon()));
  CHECK(texts_of(stored(bench.admin, topic)) == Texts{"one", "two", "three"});
  CHECK(bench.warnings.empty());
}

TEST_CASE("a run that lost a connection leaves its key: bytes may still arrive") {
  Bench bench;
  const std::string topic = bench.topic("key-kept");
  Publisher publisher = bench.publisher();
  const std::size_t number = publisher.topic(topic);
  add(publisher, number, {"one"});
  publisher.flush();
  publisher.step(0);
  lose_answer(publisher);
  REQUIRE(publisher.finish(soon()));
  publisher.close();
  const std::string key = publisher_key(topic, PubId::parse(stored(bench.admin, topic)[0].pub)->publisher);
  CHECK(ask(bench.admin, {"TTL", key}).view().integer() > 60);
}

TEST_CASE("what another program has put into the topic's keys is named, with the cure") {
  Bench bench;
  const std::string topic = bench.topic("poison");
  Publisher publisher = bench.publisher();
  const std::size_t number = publisher.topic(topic);
  const auto why = [&] {
    add(publisher, number, {"one"}, 3);
    const Error error = error_of([&] { publisher.finish(soon()); });
    CHECK(error.failure() == Failure::unreachable);
    CHECK(has(error.what(), "nothing from record 3 on was acknowledged"));
    return std::string(error.what());
  };
  SECTION("a setting") {
    ask(bench.admin, {"HSET", info_key(topic), "max_age", "-1"});
    CHECK(has(why(), info_key(topic) + " holds max_age \"-1\", which is no such number; chat-topics set " +
                         topic + " --max-age DURATION mends it"));
  }
  SECTION("the counter") {
    ask(bench.admin, {"HSET", info_key(topic), "n", "many"});
    CHECK(has(why(), info_key(topic) + " holds n \"many\", which is no count; chat-topics rm " + topic));
    remove_topic(nodes(), topic, false, {});
    add_topic(nodes(), topic, {}, {});
    Publisher mended = bench.publisher();
    add(mended, mended.topic(topic), {"two"});
    CHECK(mended.finish(soon()));
  }
  SECTION("the highest ID") {
    add_entry(bench.admin, topic, last_id.str(), "own");
    CHECK(has(why(), stream_key(topic) + " ends with the ID " + last_id.str() + ", after which"));
    remove_topic(nodes(), topic, true, {});
    add_topic(nodes(), topic, {}, {});
    Publisher mended = bench.publisher();
    add(mended, mended.topic(topic), {"two"});
    CHECK(mended.finish(soon()));
  }
}

TEST_CASE("too few replicas") {
  Bench bench;
  const std::string topic = bench.topic("replicas");
  bench.options.wait_replicas = 1;
  bench.options.retry_for = 0ms;
  Publisher publisher = bench.publisher();
  add(publisher, publisher.topic(topic), {"one"}, 7);
  const Error error = error_of([&] { publisher.finish(soon()); });
  CHECK(error.failure() == Failure::again);
  CHECK(has(error.what(), "only 0 of 1 replicas have it; nothing from record 7 on was acknowledged"));
}

TEST_CASE("a run that sends more than the topic keeps says how to keep it") {
  Bench bench;
  const std::string topic = bench.topic("short");
  ask(bench.admin, {"HSET", info_key(topic), "max_len", "2"});
  Publisher publisher = bench.publisher();
  add(publisher, publisher.topic(topic), {"one", "two", "three"});
  REQUIRE(publisher.finish(soon()));
  publisher.close();
  CHECK(bench.warnings ==
        Texts{topic + " keeps only its last 2 messages, and this run sent 3: chat-topics set " + topic +
              " --max-len 3 would keep them"});
}

TEST_CASE("a history that Redis lost is told") {
  Bench bench;
  const std::string topic = bench.topic("older");
  Publisher publisher = bench.publisher();
  const std::size_t number = publisher.topic(topic);
  add(publisher, number, {"one", "two"}, 1);
  REQUIRE(publisher.finish(soon()));
  ask(bench.admin, {"DEL", stream_key(topic), info_key(topic),
                    publisher_key(topic, PubId::parse(stored(bench.admin, topic)[0].pub)->publisher)});
  add_topic(nodes(), topic, {}, {});
  add(publisher, number, {"three"}, 3);
  REQUIRE(publisher.finish(soon()));
  CHECK(texts_of(stored(bench.admin, topic)) == Texts{"three"});
  CHECK(bench.warnings ==
        Texts{"Redis came back with an older history: of what it had acknowledged, 2 messages "
              "before record 3 are gone from " +
              topic});
}

TEST_CASE("of several topics it is told where the first record that was not acknowledged stands") {
  Bench bench;
  const std::string good = bench.topic("good");
  const std::string bad = bench.topic("bad");
  Publisher publisher = bench.publisher();
  const std::size_t to_good = publisher.topic(good);
  const std::size_t to_bad = publisher.topic(bad);
  ask(bench.admin, {"SET", stream_key(bad), "no stream"});
  add(publisher, to_good, {"one"}, 1);
  add(publisher, to_bad, {"two"}, 2);
  add(publisher, to_good, {"three"}, 3);
  add(publisher, to_bad, {"four"}, 4);
  const Error error = error_of([&] { publisher.finish(soon()); });
  remove_topic(nodes(), bad, true, {});
  CHECK(has(error.what(), "WRONGTYPE"));
  CHECK(has(error.what(), "of the records from 2 on not all were acknowledged"));
  CHECK(ask(bench.admin, {"XLEN", stream_key(good)}).view().integer() == 2);
}

TEST_CASE("a refusal that won't change ends the run with the first record it hit") {
  Bench bench;
  SECTION("a key of another type") {
    const std::string topic = bench.topic("type");
    ask(bench.admin, {"SET", stream_key(topic), "no stream"});
    Publisher publisher = bench.publisher();
    add(publisher, publisher.topic(topic), {"one", "two"}, 5);
    const Error error = error_of([&] { publisher.finish(soon()); });
    CHECK(error.failure() == Failure::unreachable);
    CHECK(has(error.what(), "WRONGTYPE"));
    remove_topic(nodes(), topic, true, {});
    CHECK(has(error.what(), "nothing from record 5 on was acknowledged"));
  }
  SECTION("no permission to publish") {
    const std::string topic = bench.topic("permission");
    ask(bench.admin, {"ACL", "SETUSER", "publisher-test", "on", ">pw", "+@all", "-publish", "~*", "&*"});
    Endpoint endpoint = server();
    endpoint.user = "publisher-test";
    endpoint.password = "pw";
    ConnectionPool pool(endpoint);
    Publisher publisher(pool, bench.options, {});
    add(publisher, publisher.topic(topic), {"one", "two"}, 5);
    const Error error = error_of([&] { publisher.finish(soon()); });
    ask(bench.admin, {"ACL", "DELUSER", "publisher-test"});
    INFO(error.what());
    CHECK(error.failure() == Failure::denied);
    CHECK(has(error.what(), "nothing from record 6 on was acknowledged"));
  }
}
