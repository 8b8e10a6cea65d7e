#include <memory>
#include <utility>

#include "base/error.h"
#include "base/wait.h"
#include "chat/entry_id.h"
#include "group_bench.h"
#include "process/dead_letters.h"

using namespace chat;
using namespace std::chrono_literals;

TEST_CASE("a new group begins at the oldest message, and goes on where it was") {
  Bench bench("new");
  bench.options.batch = 2;
  CHECK(bench.run() == Texts{"1", "2", "3"});
  CHECK(bench.pending() == 0);
  CHECK(bench.run().empty());
  publish(bench.admin, bench.options.topic, {"4"});
  CHECK(bench.run() == Texts{"4"});
  CHECK(bench.consumers() == 1);
}

TEST_CASE("a consumer named for one run goes with it") {
  Bench bench("own");
  bench.options.consumer.clear();
  CHECK(bench.run() == Texts{"1", "2", "3"});
  CHECK(bench.consumers() == 0);
}

TEST_CASE("what a consumer left unfinished it gets first") {
  Bench bench("left");
  CHECK(bench.die("c", 2) == Texts{"1", "2"});
  CHECK(bench.pending() == 2);
  CHECK(bench.run() == Texts{"1", "2", "3"});
  CHECK(bench.pending() == 0);
}

TEST_CASE("what another consumer left is taken over, when it is time") {
  Bench bench("claim");
  CHECK(bench.die("dead", 2) == Texts{"1", "2"});
  volatile std::sig_atomic_t stopping = 0;
  StopToken stop = retry();
  stop.flag = &stopping;
  bench.at("3", [&] { stopping = 1; });
  CHECK(bench.run(stop) == Texts{"3"});
  bench.options.claim_after = 0ms;
  CHECK(bench.run() == Texts{"1", "2"});
  CHECK(bench.pending() == 0);
}

TEST_CASE("a consumer named for one run leaves what it did not finish to the others at once") {
  Bench bench("release");
  CHECK(bench.die("").size() == 3);
  CHECK(bench.pending() == 3);
  CHECK(bench.run() == Texts{"1", "2", "3"});
  CHECK(bench.pending() == 0);
}

TEST_CASE("so many and no more") {
  Bench bench("count");
  bench.options.count = 2;
  bench.options.batch = 10;
  CHECK(bench.run() == Texts{"1", "2"});
  CHECK(bench.pending() == 0);
  CHECK(bench.run() == Texts{"3"});
}

TEST_CASE("a sink that has enough ends the run") {
  Bench bench("enough");
  bench.sink.on_message = [&] {
    bench.act();
    return false;
  };
  CHECK(bench.run() == Texts{"1"});
}

TEST_CASE("following goes on with what is published") {
  Bench bench("follow");
  bench.options.follow = true;
  bench.at("3", [&] { publish(bench.admin, bench.options.topic, {"4"}); });
  volatile std::sig_atomic_t stopping = 0;
  bench.sink.on_flush = [&] {
    if (bench.sink.texts.back() == "4") stopping = 1;
    return true;
  };
  CHECK(bench.run({-1, &stopping}) == Texts{"1", "2", "3", "4"});
  CHECK(bench.pending() == 0);
}

TEST_CASE("a message that was trimmed before it was processed is a loss") {
  Bench bench("trimmed");
  bench.die("c");
  const std::string id = stored(bench.admin, bench.options.topic)[1].id->str();
  ask(bench.admin, {"XDEL", stream_key(bench.options.topic), id});
  CHECK(bench.run() == Texts{"1", "3"});
  CHECK(bench.sink.losses ==
        Texts{bench.options.topic + ": lost message " + id + ": trimmed before it was processed"});
  CHECK(bench.pending() == 0);
}

TEST_CASE("an entry that is no message is reported once, and done") {
  Bench bench("odd");
  const Reply id = ask(bench.admin, {"XADD", stream_key(bench.options.topic), "*", "other", "fields"});
  CHECK(bench.run() == Texts{"1", "2", "3"});
  CHECK(bench.sink.warnings ==
        Texts{bench.options.topic + ": skipped entry " + std::string(id.view().text()) +
              ", which is no chat message: the entry has no field \"message\""});
  CHECK(bench.pending() == 0);
}

TEST_CASE("what is older than the topic's max_age is done without being told") {
  Bench bench("age");
  ask(bench.admin, {"DEL", stream_key(bench.options.topic)});
  add_entry(bench.admin, bench.options.topic, "1000-1", "old");
  publish(bench.admin, bench.options.topic, {"new"});
  ask(bench.admin, {"HSET", info_key(bench.options.topic), "max_age", "3600000"});
  CHECK(bench.run() == Texts{"new"});
  CHECK(bench.pending() == 0);
}

TEST_CASE("a message given out too often is given up") {
  Bench bench("often");
  Texts given_up;
  bench.options.most_deliveries = 2;
  bench.options.give_up = [&](const Message& message) { given_up.push_back(message.text); };
  CHECK(bench.die("c", 1) == Texts{"1"});
  CHECK(bench.die("c", 1) == Texts{"1"});
  CHECK(given_up.empty());
  CHECK(bench.run() == Texts{"2", "3"});
  CHECK(given_up == Texts{"1"});
  CHECK(bench.pending() == 0);
}

TEST_CASE("messages that are being processed are kept from others") {
  Bench bench("keep");
  const std::string key = stream_key(bench.options.topic);
  CHECK(bench.options.claim_after == 3'600s);
  std::vector<std::int64_t> idle;
  std::string owner;
  bench.at("2", [&] {
    const EntryId id = *bench.sink.messages.back().id;
    const std::string text = id.str();
    const auto look = [&] {
      const Reply pending = ask(bench.admin, {"XPENDING", key, "g", text, text, "1"});
      idle.push_back(pending[0][2].integer());
      owner = pending[0][1].text();
    };
    ask(bench.admin, {"XCLAIM", key, "g", "c", "0", text, "IDLE", "1000000", "JUSTID"});
    look();
    bench.reader->keep();
    look();
  });
  CHECK(bench.run() == Texts{"1", "2", "3"});
  REQUIRE(idle.size() == 2);
  CHECK(idle[0] >= 1'000'000);
  CHECK(idle[1] < 1'000'000);
  CHECK(owner == "c");
}

TEST_CASE("how often messages are kept") {
  ConnectionPool pool{server()};
  GroupOptions options;
  options.claim_after = 30'000ms;
  Recorder notices;
  CHECK(GroupReader(pool, options, notices).keep_every() == 10'000ms);
}

TEST_CASE("a connection that breaks before a message is done") {
  Bench bench("broken");
  bench.options.batch = 2;
  bench.at("1", [&] { kill_others(bench.admin); });
  CHECK(bench.run() == Texts{"1", "2", "3"});
  CHECK(bench.pending() == 0);
  REQUIRE(bench.sink.warnings.size() == 1);
  CHECK(has(bench.sink.warnings[0], "lost Redis at unix://"));
}

TEST_CASE("a connection that breaks while messages are kept") {
  Bench bench("kept");
  bench.at("2", [&] {
    kill_others(bench.admin);
    bench.reader->keep();
    bench.reader->keep();
  });
  CHECK(bench.run() == Texts{"1", "2", "3"});
  CHECK(bench.pending() == 0);
}

TEST_CASE("a group that is destroyed under way is made again, and begins anew") {
  Bench bench("destroyed");
  bench.at("3", [&] { ask(bench.admin, {"XGROUP", "DESTROY", stream_key(bench.options.topic), "g"}); });
  CHECK(bench.run() == Texts{"1", "2", "3", "1", "2", "3"});
  CHECK(bench.pending() == 0);
}

TEST_CASE("a topic that isn't there, or goes under way") {
  Bench bench("gone");
  bench.at("3", [&] { remove_topic(nodes(), bench.options.topic, true, {}); });
  CHECK(error_of([&] { bench.run(); }).failure() == Failure::no_topic);
  CHECK(bench.sink.texts == Texts{"1", "2", "3"});
  CHECK(error_of([&] { bench.run(); }).failure() == Failure::no_topic);
  CHECK(ask(bench.admin, {"EXISTS", stream_key(bench.options.topic)}).view().integer() == 0);
}

TEST_CASE("an outage that lasts too long") {
  Bench bench("outage");
  bench.options.retry_for = 0ms;
  bench.at("1", [&] { kill_others(bench.admin); });
  CHECK(error_of([&] { bench.run(); }).failure() == Failure::again);
}

TEST_CASE("a group that is destroyed while messages are kept, or before a worker leaves, is made again") {
  Bench bench("destroyed-keep");
  bench.options.consumer.clear();
  const auto destroy = [&] { ask(bench.admin, {"XGROUP", "DESTROY", stream_key(bench.options.topic), "g"}); };
  SECTION("kept") {
    bench.at("3", [&] {
      destroy();
      bench.reader->keep();
    });
    CHECK(bench.run() == Texts{"1", "2", "3", "1", "2", "3"});
  }
  SECTION("left") {
    bench.options.count = 3;
    bench.at("3", destroy);
    CHECK(bench.run() == Texts{"1", "2", "3"});
  }
  CHECK(bench.pending() == 0);
}

TEST_CASE("only what was given to the sink counts as a try") {
  Bench bench("tries");
  CHECK(bench.die("c", 3) == Texts{"1", "2", "3"});
  Texts given_up;
  bench.options.most_deliveries = 2;
  bench.options.give_up = [&](const Message& message) { given_up.push_back(message.text); };
  bench.options.batch = 3;
  auto breaks = std::make_shared<int>(5);
  bench.sink.on_message = [&, breaks] {
    if (bench.sink.texts.back() == "1" && (*breaks)-- > 0) kill_others(bench.admin);
    return bench.act();
  };
  CHECK(bench.run() == Texts{"1", "2", "3"});
  CHECK(given_up.empty());
  CHECK(bench.pending() == 0);
}

TEST_CASE("a message that failed comes after the others") {
  const bool named = GENERATE(true, false);
  Bench bench(named ? "bad" : "bad-unnamed");
  if (!named) bench.options.consumer.clear();
  bench.sink.on_message = [&] {
    if (bench.sink.texts.back() == "1") {
      bench.reader->failed(*bench.sink.messages.back().id);
      throw Error(Failure::command, "failed");
    }
    return bench.act();
  };
  const auto fail = [&] { return error_of([&] { bench.run(); }).failure(); };
  CHECK(fail() == Failure::command);
  CHECK(bench.sink.texts == Texts{"1"});
  CHECK(fail() == Failure::command);
  CHECK(bench.sink.texts == Texts{"2", "3", "1"});
  publish(bench.admin, bench.options.topic, {"4"});
  CHECK(fail() == Failure::command);
  CHECK(bench.sink.texts == Texts{"4", "1"});
  CHECK(bench.pending() == 1);
}

TEST_CASE("names that killed workers left are removed when nothing is pending") {
  Bench bench("names");
  const std::string key = stream_key(bench.options.topic);
  bench.options.consumer.clear();
  CHECK(bench.run().size() == 3);
  for (const char* name : {"worker-0123456789abcdef", "worker-mine"}) {
    ask(bench.admin, {"XGROUP", "CREATECONSUMER", key, "g", name});
  }
  CHECK(bench.run().empty());
  CHECK(bench.consumers() == 2);
  bench.options.forget_after = 0ms;
  CHECK(bench.run().empty());
  CHECK(bench.consumers() == 1);
}

TEST_CASE("dead letters keep user, time and bytes") {
  Connection admin = connect();
  const std::string topic = "group_test/dead";
  ConnectionPool pool{server()};
  Recorder notices;
  CHECK(error_of([&] { DeadLetters(pool, topic, 1s, notices, {}); }).failure() == Failure::no_topic);
  add_topic(nodes(), topic, {}, {});
  DeadLetters letters(pool, topic, 600s, notices, {});
  Message message;
  message.user = "ana";
  message.timestamp = 7;
  message.text = std::string("\xff\n\0", 3);
  letters.put(message);
  message.user = "a\nb";
  letters.put(message);
  const auto messages = stored(admin, topic);
  REQUIRE(messages.size() == 2);
  CHECK(messages[0].user == "ana");
  CHECK(messages[0].timestamp == 7);
  CHECK(messages[0].text == message.text);
  CHECK(messages[1].user == "?");
}
