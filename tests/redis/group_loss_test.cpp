// What a group tells of messages that are gone.

#include <algorithm>

#include "base/error.h"
#include "group_bench.h"

using namespace chat;
using namespace std::chrono_literals;

namespace {

struct Losing : Bench {
  using Bench::Bench;

  std::string key() const { return stream_key(options.topic); }
  std::vector<std::string> ids() {
    std::vector<std::string> all;
    for (const Message& message : stored(admin, options.topic)) all.push_back(message.id->str());
    return all;
  }
  /// Messages of 1970 that a publisher has stored.
  void store_old(std::uint64_t count) {
    for (std::uint64_t n = 1; n <= count; ++n) {
      const std::string id = "1000-" + std::to_string(n);
      ask(admin, {"XADD", key(), id, "user", "ana", "message", "old", "pub", "a-" + std::to_string(n)});
    }
    set("ms", "1000");
    set("n", std::to_string(count).c_str());
  }
  void remove(const std::string& id) { ask(admin, {"XDEL", key(), id}); }
  void set(const char* field, const char* value) {
    ask(admin, {"HSET", info_key(options.topic), field, value});
  }
  std::string loss(std::uint64_t count, const std::string& after, const std::string& next,
                   const std::string& why) {
    return options.topic + ": lost " + std::to_string(count) + (count == 1 ? " message" : " messages") +
           " between " + after + " and " + next + ": " + why + " before they could be read";
  }
};

}  // namespace

TEST_CASE("a group tells what was trimmed before it was given out") {
  Losing bench("loss-trimmed");
  bench.set("max_len", "2");
  CHECK(bench.run() == Texts{"1", "2", "3"});
  const std::string third = bench.ids().back();
  publish(bench.admin, bench.options.topic, {"4", "5", "6", "7"});
  CHECK(bench.run() == Texts{"6", "7"});
  CHECK(bench.sink.losses == Texts{bench.loss(2, third, bench.ids().front(), "trimmed")});
  CHECK(bench.run().empty());
  CHECK(bench.sink.losses.size() == 1);
  CHECK(bench.pending() == 0);
}

TEST_CASE("a group that was there before the first message counts from it; a new one doesn't") {
  Losing bench("loss-first", {});
  bench.set("max_len", "2");
  CHECK(bench.run().empty());
  publish(bench.admin, bench.options.topic, {"1", "2", "3", "4"});
  const std::string third = bench.ids().front();
  CHECK(bench.run() == Texts{"3", "4"});
  CHECK(bench.sink.losses == Texts{bench.loss(2, "1-0", third, "trimmed")});
  SECTION("a new one") { bench.options.group = "new"; }
  SECTION("one of another program") {
    bench.options.group = "other";
    ask(bench.admin, {"XGROUP", "CREATE", bench.key(), "other", "0"});
  }
  CHECK(bench.run().size() == (bench.options.group == "g" ? 0 : 2));
  CHECK(bench.sink.losses.size() == 1);
}

TEST_CASE("a group tells what is too old") {
  Losing bench("loss-expired", {});
  CHECK(bench.run().empty());
  SECTION("still there, all of it") {
    bench.store_old(3);
    bench.set("max_age", "3600000");
    CHECK(bench.run().empty());
    CHECK(bench.sink.losses ==
          Texts{bench.options.topic +
                ": lost 3 messages after 1-0 up to 1000-3: expired before they could be read"});
  }
  SECTION("still there, in part") {
    bench.store_old(2);
    publish(bench.admin, bench.options.topic, {"3"});
    bench.set("max_age", "3600000");
    CHECK(bench.run() == Texts{"3"});
    CHECK(bench.sink.losses ==
          Texts{bench.options.topic +
                ": lost 2 messages after 1-0 up to 1000-2: expired before they could be read"});
  }
  SECTION("deleted since") {
    publish(bench.admin, bench.options.topic, {"1", "2", "3"});
    bench.set("max_age", "3600000");
    ask(bench.admin, {"XTRIM", bench.key(), "MINID", bench.ids().back()});
    CHECK(bench.run() == Texts{"3"});
    CHECK(bench.sink.losses == Texts{bench.loss(2, "1-0", bench.ids().back(), "expired")});
  }
  SECTION("after it was given out") {
    bench.store_old(1);
    CHECK(bench.die("c") == Texts{"old"});
    bench.set("max_age", "3600000");
    CHECK(bench.run().empty());
    CHECK(bench.sink.losses == Texts{bench.options.topic + ": lost message " + bench.ids().back() +
                                     ": expired before it was processed"});
  }
  CHECK(bench.run().empty());
  CHECK(bench.sink.losses.size() == 1);
  CHECK(bench.pending() == 0);
}

TEST_CASE("a group tells what was deleted") {
  Losing bench("loss-deleted", {"1", "2", "3", "4", "5"});
  const auto ids = bench.ids();
  bench.options.count = 1;
  CHECK(bench.run() == Texts{"1"});
  bench.options.count.reset();
  bench.options.batch = 10;
  bench.remove(ids[1]);
  bench.remove(ids[3]);
  CHECK(bench.run() == Texts{"3", "5"});
  CHECK(bench.sink.losses ==
        Texts{bench.loss(1, ids[0], ids[2], "deleted") + "; " + bench.loss(1, ids[2], ids[4], "deleted")});
}

TEST_CASE("a group tells what was deleted with it") {
  Losing bench("loss-all", {"1", "2", "3", "4", "5"});
  const auto ids = bench.ids();
  bench.at("2", [&] {
    ask(bench.admin, {"DEL", bench.key()});
    publish(bench.admin, bench.options.topic, {"6"});
  });
  CHECK(bench.run() == Texts{"1", "2", "6"});
  REQUIRE(bench.sink.losses.size() == 1);
  CHECK(has(bench.sink.losses[0], "lost 3 messages after " + ids[1] + " up to "));
  CHECK(has(bench.sink.losses[0], "-5: deleted before they could be read"));
}

TEST_CASE("a group tells what is gone since Redis came back with an older state") {
  const bool reconnecting = GENERATE(true, false);
  const bool more = GENERATE(true, false);
  Losing bench("loss-older", {});
  const std::string info = info_key(bench.options.topic);
  CHECK(bench.run().empty());
  publish(bench.admin, bench.options.topic, {"1", "2"});
  const Reply older = ask(bench.admin, {"DUMP", bench.key()});
  const Reply older_info = ask(bench.admin, {"DUMP", info});
  publish(bench.admin, bench.options.topic, {"3", "4", "5"});
  const auto ids = bench.ids();
  // Within one millisecond IDs would be the same.
  const auto now = [&] {
    const Reply time = ask(bench.admin, {"TIME"});
    return static_cast<std::uint64_t>(time[0].integer() * 1000 + time[1].integer() / 1000);
  };
  bench.at("1", [&] {
    while (now() <= EntryId::parse(ids[4])->ms) {
    }
    ask(bench.admin, {"RESTORE", bench.key(), "0", older.view().text(), "REPLACE"});
    ask(bench.admin, {"RESTORE", info, "0", older_info.view().text(), "REPLACE"});
    if (more) publish(bench.admin, bench.options.topic, {"6", "7", "8", "9", "10"});
    if (reconnecting) kill_others(bench.admin);
  });
  Texts given{"1", "1", "2"};
  if (more) given.insert(given.end(), {"6", "7", "8", "9", "10"});
  CHECK(bench.run() == given);
  // On the same connection it is seen by the numbers, which may have come as far again.
  if (reconnecting || !more) {
    CHECK(bench.sink.losses == Texts{bench.options.topic + ": lost 3 messages after " + ids[0] + " up to " +
                                     ids[4] + ": gone, since Redis came back with an older history"});
  }
  CHECK(bench.pending() == 0);
}

TEST_CASE("of several readers of a group the one that is given what comes next tells what is gone") {
  Losing bench("loss-several", {"1", "2", "3", "4", "5", "6"});
  Losing other("loss-other", {});
  other.options = bench.options;
  other.options.consumer = "d";
  other.options.count = 2;
  const auto ids = bench.ids();
  bench.at("1", [&] {
    bench.remove(ids[2]);
    CHECK(other.run() == Texts{"2", "4"});
  });
  CHECK(bench.run() == Texts{"1", "5", "6"});
  CHECK(bench.sink.losses.empty());
  CHECK(other.sink.losses == Texts{bench.loss(1, ids[1], ids[3], "deleted")});
}

TEST_CASE("strangers' entries are no loss to a group") {
  Losing bench("loss-strangers");
  const auto foreign = [&](const std::string& id) {
    add_entry(bench.admin, bench.options.topic, id, "foreign");
  };
  foreign("*");
  foreign("*");
  publish(bench.admin, bench.options.topic, {"4"});
  bench.options.batch = GENERATE(1, 2, 10);
  CHECK(bench.run() == Texts{"1", "2", "3", "foreign", "foreign", "4"});
  foreign("*");
  foreign("*");
  CHECK(bench.run() == Texts{"foreign", "foreign"});
  publish(bench.admin, bench.options.topic, {"5"});
  CHECK(bench.run() == Texts{"5"});
  CHECK(bench.sink.losses == Texts{});
}

TEST_CASE("a loss that ends the run is told once, and nothing that comes with it is lost") {
  Losing bench("loss-strict", {"1", "2", "3", "4"});
  const auto ids = bench.ids();
  struct Strict : Recorder {
    void lost(const std::string& text) override { throw Error(Failure::lost, text); }
  } strict;
  const auto fails = [&] {
    return error_of([&] {
             GroupReader group(bench.pool, bench.options, strict);
             bench.reader = &group;
             group.run(bench.sink, retry());
           }).failure() == Failure::lost;
  };
  SECTION("before it was given out") {
    bench.run();
    publish(bench.admin, bench.options.topic, {"5", "6"});
    bench.remove(bench.ids()[4]);
    CHECK(fails());
    CHECK(bench.run() == Texts{"6"});
  }
  SECTION("after it was given out") {
    bench.die("c", 1);
    bench.remove(ids[0]);
    CHECK(fails());
    CHECK(bench.run() == Texts{"2", "3", "4"});
  }
  CHECK(bench.sink.losses.empty());
  CHECK(bench.pending() == 0);
}

TEST_CASE("a run that ends when nothing is left waits for others as long as they get on") {
  Losing bench("loss-hung");
  bench.die("hung", 2);
  bench.options.wait_for_others = 0ms;
  CHECK(bench.run() == Texts{"3"});
  const auto ids = bench.ids();
  REQUIRE(bench.sink.warnings.size() == 1);
  CHECK(has(bench.sink.warnings[0], ids[0] + " to " + ids[1] + " (2 at hung)"));
  CHECK(bench.pending() == 2);
}
