#include "chat/subscriber.h"

#include <unistd.h>

#include "base/error.h"
#include "chat/entry_id.h"
#include "script.h"

using namespace chat;
using namespace std::chrono_literals;

namespace {

using Texts = std::vector<std::string>;
using End = Subscriber::End;

/// Follows a topic until so many messages were told. Its sink acts in the middle by connections of its
/// own, so that all happens in an order that is known.
struct Bench {
  std::string topic;
  Connection admin = connect();
  ConnectionPool pool{server()};
  SubscriberOptions options;
  Recorder sink;
  std::size_t wanted = 1'000'000;

  explicit Bench(const std::string& name) : topic("subscriber_test/" + name) {
    ask(admin, {"DEL", stream_key(topic), info_key(topic)});  // another section's
    add_topic(nodes(), topic, {}, {});
    options.topics = {topic};
    sink.on_message = [this] { return go_on(); };
  }
  bool go_on() const { return sink.messages.size() < wanted; }
  void say(const Texts& texts) { publish(admin, topic, texts); }
  void from_start() {
    options.start.kind = StartAt::Kind::after;
    options.start.after = first_id;
  }
  /// Does something once, when the message with this text is told.
  void at(const std::string& text, std::function<void()> act) {
    sink.on_message = [this, text, act] {
      if (sink.texts.back() == text) act();
      return go_on();
    };
  }
  void send_raw(const std::string& payload) { ask(admin, {"PUBLISH", topic, payload}); }
  void forge(const std::string& text, const std::string& id) {
    send_raw(R"({"user": "eve", "message": ")" + text + R"(", "timestamp": 1, "id": ")" + id +
             R"(", "pub": "evil-1"})");
  }
  End run() {
    Subscriber subscriber(pool, options, sink, sink);
    return subscriber.run(retry());
  }
};

}  // namespace

TEST_CASE("history first, then live, without a gap") {
  Bench bench("both");
  bench.say({"1", "2", "3"});
  bench.from_start();
  bench.wanted = 5;
  bench.sink.on_live = [&] {
    CHECK(bench.sink.texts == Texts{"1", "2", "3"});
    bench.say({"4", "5"});
  };
  CHECK(bench.run() == End::enough);
  CHECK(bench.sink.texts == Texts{"1", "2", "3", "4", "5"});
  CHECK(bench.sink.topics.back() == bench.topic);
  const auto messages = stored(bench.admin, bench.topic);
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(bench.sink.messages[i].id == messages[i].id);
    CHECK(bench.sink.messages[i].pub == messages[i].pub);
    CHECK(bench.sink.messages[i].user == "ana");
  }
  CHECK(bench.sink.times_live == 1);
  CHECK(bench.sink.losses.empty());
  CHECK(bench.sink.warnings.empty());
}

TEST_CASE("from now on") {
  Bench bench("now");
  bench.say({"old"});
  bench.wanted = 2;
  bench.sink.on_live = [&] { bench.say({"new", "newer"}); };
  CHECK(bench.run() == End::enough);
  CHECK(bench.sink.texts == Texts{"new", "newer"});
}

TEST_CASE("parts of the history, and then the end") {
  Bench bench("parts");
  for (int i = 1; i <= 5; ++i) {
    add_entry(bench.admin, bench.topic, std::to_string(1000 * i) + "-" + std::to_string(i),
              std::to_string(i));
  }
  SubscriberOptions& options = bench.options;
  StartAt& start = options.start;
  options.live = false;
  bench.from_start();
  Texts expected;
  SECTION("all") { expected = {"1", "2", "3", "4", "5"}; }
  SECTION("the last ones") {
    start.kind = StartAt::Kind::last;
    start.count = 2;
    expected = {"4", "5"};
  }
  SECTION("since a time, which counts in") {
    start.kind = StartAt::Kind::since;
    start.since.when = 3000ms;
    expected = {"3", "4", "5"};
  }
  SECTION("after an ID") {
    start.after = {3000, 3};
    expected = {"4", "5"};
  }
  SECTION("up to a time, which counts in") {
    options.until.emplace();
    options.until->when = 3000ms;
    expected = {"1", "2", "3"};
  }
  SECTION("up to an ID, which counts in") {
    options.to = EntryId{3000, 3};
    expected = {"1", "2", "3"};
  }
  SECTION("from the newest to the oldest") {
    options.reverse = true;
    start.after = {1000, 1};
    options.to = EntryId{4000, 4};
    expected = {"4", "3", "2"};
  }
  SECTION("from now on, which is nothing") { start.kind = StartAt::Kind::now; }
  CHECK(bench.run() == End::enough);
  CHECK(bench.sink.texts == expected);
  REQUIRE(bench.sink.ends.size() == 1);
  const EntryId last = options.reverse            ? start.after
                       : bench.sink.texts.empty() ? EntryId{5000, 5}
                                                  : *bench.sink.messages.back().id;
  CHECK(bench.sink.ends.front().ms == last.ms);
  CHECK(bench.sink.times_live == 0);
  CHECK(bench.sink.losses.empty());
}

TEST_CASE("what comes after the start of a run that doesn't go on live is not its matter") {
  Bench bench("end");
  bench.say({"1", "2"});
  bench.from_start();
  bench.options.live = false;
  bench.at("1", [&] { bench.say({"3"}); });
  CHECK(bench.run() == End::enough);
  CHECK(bench.sink.texts == Texts{"1", "2"});
}

TEST_CASE("long histories of several topics, each in its order") {
  Bench bench("long1");
  bench.options.topics = {"subscriber_test/long1", "subscriber_test/long2"};
  Texts texts;
  for (int i = 0; i < 1500; ++i) texts.push_back(std::to_string(i));
  for (const std::string& topic : bench.options.topics) publish(bench.admin, topic, texts);
  bench.from_start();
  bench.options.live = false;
  bench.run();
  for (const std::string& topic : bench.options.topics) {
    Texts told;
    for (std::size_t i = 0; i < bench.sink.texts.size(); ++i) {
      if (bench.sink.topics[i] == topic) told.push_back(bench.sink.texts[i]);
    }
    CHECK(told == texts);
  }
}

TEST_CASE("what is published while the history is told comes once") {
  Bench bench("meanwhile");
  bench.say({"1", "2"});
  bench.from_start();
  bench.wanted = 5;
  bench.at("1", [&] { bench.say({"3", "4"}); });
  bench.sink.on_live = [&] { bench.say({"5"}); };
  CHECK(bench.run() == End::enough);
  CHECK(bench.sink.texts == Texts{"1", "2", "3", "4", "5"});
}

TEST_CASE("many live messages") {
  Bench bench("many");
  Texts texts;
  for (int i = 0; i < 5000; ++i) texts.push_back(std::to_string(i));
  bench.wanted = texts.size();
  bench.sink.on_live = [&] { bench.say(texts); };
  CHECK(bench.run() == End::enough);
  CHECK(bench.sink.texts == texts);
}

TEST_CASE("plain publishers are heard live, and what is no message is reported") {
  Bench bench("plain");
  bench.wanted = 2;
  bench.sink.on_live = [&] {
    bench.send_raw(R"({"user": "bob", "message": "plain", "timestamp": 5})");
    bench.send_raw("garbage");
    bench.say({"stored"});
  };
  CHECK(bench.run() == End::enough);
  CHECK(bench.sink.texts == Texts{"plain", "stored"});
  CHECK_FALSE(bench.sink.messages[0].id);
  CHECK(bench.sink.messages[0].user == "bob");
  REQUIRE(bench.sink.warnings.size() == 1);
  CHECK(has(bench.sink.warnings[0], bench.topic + ": skipped what is no chat message (1 so far): "));
}

TEST_CASE("an entry that is no message is reported, and somebody's own entry told") {
  Bench bench("own");
  ask(bench.admin, {"XADD", stream_key(bench.topic), "1-1", "other", "fields"});
  add_entry(bench.admin, bench.topic, "1-2", "own");
  bench.say({"stored"});
  bench.from_start();
  bench.options.live = false;
  bench.run();
  CHECK(bench.sink.texts == Texts{"own", "stored"});
  CHECK(bench.sink.warnings.size() == 1);
  CHECK(bench.sink.losses.empty());
}

TEST_CASE("forged IDs neither hide messages nor raise alarms") {
  Bench bench("forged");
  bench.say({"1", "2"});
  bench.from_start();
  SECTION("far ahead") {
    bench.sink.on_live = [&] {
      bench.forge("forged", "9999999999999-99");
      bench.say({"3", "4"});
    };
    bench.wanted = 4;
    CHECK(bench.run() == End::enough);
    CHECK(bench.sink.texts == Texts{"1", "2", "3", "4"});
  }
  SECTION("from the past") {
    bench.sink.on_live = [&] {
      bench.forge("forged", "1-1");
      bench.forge("forged", "1-3");
      bench.say({"3", "4"});
    };
    bench.wanted = 4;
    CHECK(bench.run() == End::enough);
    CHECK(bench.sink.texts == Texts{"1", "2", "3", "4"});
  }
  SECTION("exactly the next one") {
    bench.sink.on_live = [&] {
      bench.forge("forged", "9999999999999-3");
      bench.say({"3", "4"});
    };
    bench.wanted = 5;
    CHECK(bench.run() == End::enough);
    CHECK(bench.sink.texts == Texts{"1", "2", "forged", "3", "4"});
  }
  CHECK(bench.sink.losses.empty());
}

TEST_CASE("messages trimmed before they could be read are a loss, with count and IDs") {
  Bench bench("trimmed");
  bench.say({"1", "2", "3", "4", "5"});
  const auto all = stored(bench.admin, bench.topic);
  bench.options.live = false;
  bench.options.start.kind = StartAt::Kind::after;
  bench.options.start.after = *all[0].id;
  bench.options.start.counted = true;
  SECTION("some") {
    ask(bench.admin, {"XTRIM", stream_key(bench.topic), "MAXLEN", "2"});
    bench.run();
    CHECK(bench.sink.texts == Texts{"4", "5"});
    CHECK(bench.sink.losses == Texts{bench.topic + ": lost 2 messages between " + all[0].id->str() + " and " +
                                     all[3].id->str() + ": trimmed before they could be read"});
  }
  SECTION("all") {
    ask(bench.admin, {"XTRIM", stream_key(bench.topic), "MAXLEN", "0"});
    bench.run();
    CHECK(bench.sink.texts.empty());
    CHECK(bench.sink.losses == Texts{bench.topic + ": lost 4 messages after " + all[0].id->str() + " up to " +
                                     all[4].id->str() + ": trimmed before they could be read"});
  }
  SECTION("none that counts: where it begins, nothing was told before") {
    bench.options.start.counted = false;
    ask(bench.admin, {"XTRIM", stream_key(bench.topic), "MAXLEN", "2"});
    bench.run();
    CHECK(bench.sink.texts == Texts{"4", "5"});
    CHECK(bench.sink.losses.empty());
  }
}

TEST_CASE("a connection that breaks is made again, and nothing told twice or left out") {
  Bench bench("broken");
  bench.wanted = 6;
  bench.sink.on_live = [&] { bench.say({"1", "2", "3"}); };
  bench.at("2", [&] {
    kill_others(bench.admin);
    bench.say({"4", "5", "6"});
  });
  CHECK(bench.run() == End::enough);
  CHECK(bench.sink.texts == Texts{"1", "2", "3", "4", "5", "6"});
  CHECK(bench.sink.times_live == 1);
  CHECK(bench.sink.losses.empty());
  REQUIRE(bench.sink.warnings.size() == 1);
  CHECK(has(bench.sink.warnings[0], "lost Redis at unix://"));
}

TEST_CASE("a connection that breaks again and again") {
  Bench bench("brittle");
  Texts texts;
  for (int i = 0; i < 400; ++i) texts.push_back(std::to_string(i));
  bench.say(texts);
  bench.from_start();
  bench.wanted = 800;
  bench.sink.on_live = [&] { bench.say(texts); };
  bench.sink.on_message = [&] {
    if (bench.sink.messages.size() % 90 == 0) kill_others(bench.admin);
    return bench.go_on();
  };
  CHECK(bench.run() == End::enough);
  Texts twice = texts;
  twice.insert(twice.end(), texts.begin(), texts.end());
  CHECK(bench.sink.texts == twice);
  CHECK(bench.sink.losses.empty());
}

TEST_CASE("messages trimmed during an outage are a loss") {
  Bench bench("away");
  bench.wanted = 2;
  bench.sink.on_live = [&] { bench.say({"1"}); };
  bench.at("1", [&] {
    kill_others(bench.admin);
    bench.say({"2", "3", "4", "5"});
    ask(bench.admin, {"XTRIM", stream_key(bench.topic), "MAXLEN", "1"});
  });
  CHECK(bench.run() == End::enough);
  CHECK(bench.sink.texts == Texts{"1", "5"});
  const auto& told = bench.sink.messages;
  CHECK(bench.sink.losses == Texts{bench.topic + ": lost 3 messages between " + told[0].id->str() + " and " +
                                   told[1].id->str() + ": trimmed before they could be read"});
}

TEST_CASE("a server that comes back with an older history: told, and nothing shown again") {
  Bench bench("older");
  ScriptCall call;
  call.topic = bench.topic;
  call.texts = {"a", "b", "c"};
  bench.wanted = 5;
  bench.sink.on_live = [&] { call_script(bench.admin, call); };
  bench.at("c", [&] {
    const std::uint64_t later = bench.sink.messages.back().id->ms + 1;
    ask(bench.admin,
        {"DEL", stream_key(bench.topic), info_key(bench.topic), publisher_key(bench.topic, call.publisher)});
    add_topic(nodes(), bench.topic, {}, {});
    ask(bench.admin, {"HSET", info_key(bench.topic), "ms", std::to_string(later)});
    kill_others(bench.admin);
    call.first = 2;
    call.acked = 1;
    call.texts = {"b", "c", "d"};
    call_script(bench.admin, call);
  });
  bool said = false;
  bench.sink.on_flush = [&] {
    // What is gone is known at the end of the history.
    if (!bench.sink.losses.empty() && !std::exchange(said, true)) bench.say({"e"});
    return true;
  };
  CHECK(bench.run() == End::enough);
  CHECK(bench.sink.texts == Texts{"a", "b", "c", "d", "e"});
  CHECK(stored(bench.admin, bench.topic).size() == 4);
  REQUIRE(bench.sink.losses.size() == 1);
  CHECK(has(bench.sink.losses[0], bench.topic + ": Redis came back with an older history: 1 message up to " +
                                      bench.sink.messages[0].id->str()));
}

TEST_CASE("what is stored again by a slower clock is not shown again") {
  Bench bench("slower");
  ScriptCall call;
  call.topic = bench.topic;
  call.texts = {"a"};
  call_script(bench.admin, call);
  const EntryId first = *stored(bench.admin, bench.topic)[0].id;
  const std::string ms = std::to_string(first.ms);
  bench.from_start();
  bench.wanted = 4;
  bench.sink.on_live = [&] {
    ask(bench.admin, {"HSET", info_key(bench.topic), "ms", std::to_string(first.ms + 3'600'000)});
    call.texts = {"a", "b", "c"};
    call_script(bench.admin, call);
  };
  bench.at("c", [&] {
    ask(bench.admin, {"DEL", stream_key(bench.topic), publisher_key(bench.topic, call.publisher)});
    ask(bench.admin, {"XADD", stream_key(bench.topic), first.str(), "user", "ana", "message", "a",
                      "timestamp", "1732400000", "pub", "tester-1"});
    ask(bench.admin, {"HSET", info_key(bench.topic), "ms", ms, "n", "1"});
    kill_others(bench.admin);
    call.first = 2;
    call.acked = 1;
    call.texts = {"b", "c", "d"};
    call_script(bench.admin, call);
  });
  CHECK(bench.run() == End::enough);
  CHECK(bench.sink.texts == Texts{"a", "b", "c", "d"});
  const auto messages = stored(bench.admin, bench.topic);
  CHECK(texts_of(messages) == Texts{"a", "b", "c", "d"});
  CHECK(*messages[1].id < *bench.sink.messages[1].id);
  CHECK(bench.sink.losses.empty());
}

TEST_CASE("what is older than the topic's max_age is not told") {
  Bench bench("age");
  add_entry(bench.admin, bench.topic, "1000-1", "old");
  ask(bench.admin, {"HSET", info_key(bench.topic), "max_age", "3600000", "n", "1"});
  bench.say({"new"});
  CHECK(stored(bench.admin, bench.topic).size() == 2);
  bench.from_start();
  bench.options.live = false;
  bench.run();
  CHECK(bench.sink.texts == Texts{"new"});
  CHECK(bench.sink.losses.empty());
}

TEST_CASE("a topic that isn't there") {
  Bench bench("there");
  bench.options.topics = {"subscriber_test/ther"};
  const Error error = error_of([&] { bench.run(); });
  CHECK(error.failure() == Failure::no_topic);
  CHECK(has(error.what(), "did you mean subscriber_test/there?"));
}

TEST_CASE("a topic that is removed under way is told; with the last one the run ends") {
  Bench bench("removed");
  Bench other("stays");
  bench.options.topics = {bench.topic, other.topic};
  bench.sink.on_live = [&] {
    remove_topic(nodes(), bench.topic, true, {});
    other.say({"1"});
  };
  bench.at("1", [&] { remove_topic(nodes(), other.topic, true, {}); });
  const Error error = error_of([&] { bench.run(); });
  CHECK(error.failure() == Failure::no_topic);
  CHECK(std::string(error.what()) == "no topic is left to follow");
  CHECK(bench.sink.texts == Texts{"1"});
  CHECK(bench.sink.notes ==
        Texts{"topic " + bench.topic + " was removed", "topic " + other.topic + " was removed"});
}

TEST_CASE("all topics, and one that is added under way with all that was said in it") {
  Bench bench("all");
  bench.options.patterns = {"*"};
  bench.options.topics.clear();
  bench.wanted = 3;
  bench.sink.on_live = [&] {
    bench.say({"1"});
    publish(bench.admin, "subscriber_test/added", {"2", "3"});
  };
  CHECK(bench.run() == End::enough);
  const bool added_first = bench.sink.texts[0] == "2";
  CHECK(bench.sink.texts == (added_first ? Texts{"2", "3", "1"} : Texts{"1", "2", "3"}));
  CHECK(bench.sink.topics[added_first ? 0 : 1] == "subscriber_test/added");
}

TEST_CASE("a topic whose maker was killed before it told of it is found all the same") {
  Bench bench("quiet");
  bench.options.patterns = {"subscriber_test/quiet*"};
  bench.options.topics.clear();
  bench.options.list_every = 1;
  bench.wanted = 1;
  ScriptCall call;
  call.topic = "subscriber_test/quiet-new";
  call.texts = {"1"};
  bench.sink.on_live = [&] {
    ask(bench.admin, {"HSET", topics_channel, call.topic, "present"});
    ask(bench.admin, {"HSET", info_key(call.topic), "ms", "0", "n", "0"});
    call_script(bench.admin, call);
  };
  CHECK(bench.run() == End::enough);
  CHECK(bench.sink.texts == Texts{"1"});
}

TEST_CASE("who has a name is listed, who has none is counted") {
  Bench bench("presence");
  Presence there;
  bench.wanted = 1;
  bench.sink.on_live = [&] {
    there = presence(nodes(), {bench.topic}, {}).front().second;
    bench.say({"1"});
  };
  SECTION("named") {
    bench.options.user = "ana";
    bench.run();
    CHECK(there.users == Texts{"ana"});
    CHECK(there.nameless == 0);
  }
  SECTION("nameless") {
    bench.run();
    CHECK(there.users.empty());
    CHECK(there.nameless == 1);
  }
}

TEST_CASE("a stop") {
  Bench bench("stop");
  bench.say({"1", "2"});
  volatile std::sig_atomic_t stopping = 0;
  Subscriber subscriber(bench.pool, bench.options, bench.sink, bench.sink);
  SECTION("while live") {
    bench.sink.on_live = [&] { stopping = 1; };
  }
  SECTION("at once") { stopping = 1; }
  SECTION("by the sink's output") {
    bench.sink.on_flush = [] { return false; };
  }
  SECTION("during an outage") {
    bench.sink.on_live = [&] {
      kill_others(bench.admin);
      stopping = 1;
    };
  }
  CHECK(subscriber.run({-1, &stopping}) == End::stopped);
}

TEST_CASE("a stop is heard between two messages, and what was told before is written") {
  Bench bench("stop_between");
  bench.from_start();
  bench.say({"1", "2", "3", "4"});
  volatile std::sig_atomic_t stopping = 0;
  bench.at("2", [&] {
    stopping = 1;
    bench.sink.flushes = 0;
  });
  CHECK(Subscriber(bench.pool, bench.options, bench.sink, bench.sink).run({-1, &stopping}) == End::stopped);
  CHECK(bench.sink.texts == Texts{"1", "2"});
  CHECK(bench.sink.flushes == 1);
}

TEST_CASE("a closed output ends the run") {
  Bench bench("output");
  int fds[2];
  REQUIRE(pipe(fds) == 0);
  bench.options.watch_fd = fds[1];
  bench.sink.on_live = [&] { close(fds[0]); };
  CHECK_THROWS_AS(bench.run(), ClosedOutput);
  close(fds[1]);
}

TEST_CASE("an outage that lasts too long ends the run") {
  Bench bench("outage");
  bench.options.retry_for = 0ms;
  bench.sink.on_live = [&] { kill_others(bench.admin); };
  CHECK(error_of([&] { bench.run(); }).failure() == Failure::again);
}
