#include "chat/overview.h"

#include "chat/entry_id.h"
#include "script.h"

using namespace chat;
using namespace std::chrono_literals;

TEST_CASE("what is going on in topics") {
  Connection connection = connect();
  const std::string busy = "overview_test/busy";
  Settings settings;
  settings.description = "d";
  add_topic(nodes(), busy, settings, {});
  publish(connection, "overview_test/removed", {"x"});
  remove_topic(nodes(), "overview_test/removed", false, {});
  const auto now = look_up(nodes(), busy, {}).now;
  std::uint64_t n = 0;
  const auto add = [&](std::chrono::milliseconds ago) {
    add_entry(connection, busy, EntryId{static_cast<std::uint64_t>((now - ago).count()), ++n}.str(), "x");
  };
  add(3h);
  add(59min);
  add(32min);
  add(31min);
  add(31min);
  add(1min);
  Connection sink = connect();
  ask(sink, {"SUBSCRIBE", busy});

  const auto topics = overview(nodes(), {busy, "overview_test/removed", "topic3", "overview_test/no"}, {});
  REQUIRE(topics.size() == 2);
  CHECK(topics[0].name == busy);
  CHECK(topics[0].state.description == "d");
  CHECK(topics[0].subscribers == 1);
  CHECK(topics[0].kept == 6);
  CHECK(topics[0].last_stored == now - 1min);
  CHECK(topics[0].stored == std::array<std::uint64_t, 12>{1, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 1});
  CHECK(topics[1].name == "topic3");
  CHECK(topics[1].state.exists);
  CHECK(topics[1].kept == 0);
  CHECK_FALSE(topics[1].last_stored);
  CHECK(topics[1].stored == std::array<std::uint64_t, 12>{});

  CHECK(overview(nodes(), {"overview_test/no"}, {}).empty());
  CHECK(ask(connection, {"PING"}).view().text() == "PONG");
}

TEST_CASE("messages in the last hour count, though some were trimmed") {
  Connection connection = connect();
  const std::string topic = "overview_test/trimmed";
  publish(connection, topic, {"1", "2", "3", "4"});
  ask(connection, {"XTRIM", stream_key(topic), "MAXLEN", "3"});
  const auto topics = overview(nodes(), {topic}, {});
  REQUIRE(topics.size() == 1);
  CHECK(topics[0].kept == 3);
  CHECK(topics[0].state.last.n == 4);
  CHECK(topics[0].stored[11] == 3);
}
