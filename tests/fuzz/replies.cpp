// Every function that reads a reply: what isn't what Redis answers is an outage or an error with a text,
// never anything else.
#include <array>

#include "base/error.h"
#include "chat/history.h"
#include "chat/overview.h"
#include "chat/publisher.h"
#include "chat/subscriber.h"
#include "chat/topic.h"
#include "fuzz/fake_redis.h"
#include "fuzz/target.h"
#include "process/group.h"
#include "redis/sentinel.h"
#include "redis/slots.h"
#include "unit/recorder.h"

namespace {

using namespace chat;
using namespace std::chrono_literals;

// Each piece of work has the same answers, on connections of its own.
template <typename Work>
void try_work(std::string_view lines, const Work& work, bool says_hello = true) {
  fuzz::answer_with(lines, says_hello);
  ConnectionPool pool(parse_url("redis://example:6379"));
  try {
    work(pool);
  } catch (const Outage&) {
  } catch (const Error& error) {
    fuzz::check(*error.what() != '\0', "an error has a text");
  }
}

const std::string topic = "topic1";
const StopToken no_stop{};

void try_topic(std::string_view input) {
  try_work(input, [](ConnectionPool& pool) { look_up(pool, {topic, "team"}, no_stop); });
  try_work(input, [](ConnectionPool& pool) { list_topics(pool, no_stop); });
  try_work(input, [](ConnectionPool& pool) { presence(pool, {topic}, no_stop); });
  try_work(input, [](ConnectionPool& pool) { add_topic(pool, topic, {}, no_stop); });
  try_work(input, [](ConnectionPool& pool) { set_topic(pool, topic, {1, 1ms, "it"}, no_stop); });
  try_work(input, [](ConnectionPool& pool) { remove_topic(pool, topic, true, no_stop); });
}

void try_overview(std::string_view input) {
  try_work(input, [](ConnectionPool& pool) {
    for (const TopicOverview& one : overview(pool, {topic, "team"}, no_stop)) {
      fuzz::check(one.name == topic || one.name == "team", "topics that were asked for", one.name);
    }
  });
}

void try_history(std::string_view input) {
  try_work(input, [](ConnectionPool& pool) { before_last(pool.of(topic, no_stop), topic, 3, no_stop); });
  try_work(input, [](ConnectionPool& pool) { newest_id(pool.of(topic, no_stop), topic, no_stop); });
  try_work(input, [](ConnectionPool& pool) {
    Connection& connection = pool.of(topic, no_stop);
    History history(topic, {});
    Message message;
    std::string why;
    for (history.ask(connection); history.asked();) {
      const Reply page = history.take(connection, no_stop);
      for (std::size_t i = 0; i < page.view().size(); ++i) parse_entry(page[i], message, why);
    }
  });
}

void try_subscriber(std::string_view input) {
  for (const bool live : {false, true}) {
    for (const bool reverse : {false, true}) {
      if (live && reverse) continue;
      try_work(input, [&](ConnectionPool& pool) {
        SubscriberOptions options;
        options.topics = {topic};
        options.start.kind = StartAt::Kind::after;
        options.start.counted = live;
        options.live = live;
        options.reverse = reverse;
        options.retry_for = 0ms;
        Recorder sink;
        Subscriber(pool, options, sink, sink).run(no_stop);
      });
    }
  }
}

void try_group(std::string_view input) {
  try_work(input, [](ConnectionPool& pool) {
    Recorder sink;
    GroupOptions options;
    options.topic = topic;
    options.group = "g";
    options.retry_for = 0ms;
    options.most_deliveries = 2;
    options.give_up = [](const Message&) {};
    GroupReader reader(pool, options, sink);
    sink.on_message = [&] {
      if (sink.messages.back().id) reader.save({Anchor{*sink.messages.back().id, {}}});
      reader.keep();
      return true;
    };
    reader.run(sink, no_stop);
  });
}

void try_publisher(std::string_view input) {
  try_work(input, [](ConnectionPool& pool) {
    PublisherOptions options;
    options.retry_for = 0ms;
    Publisher publisher(pool, options, no_stop);
    const std::size_t number = publisher.topic(topic);
    publisher.add(number, "ana", 1, "one", 1);
    publisher.add(number, "ana", 1, "two", 2);
    if (publisher.finish(Clock::now() + 10s)) publisher.close();
  });
}

void try_sentinel(std::string_view input) {
  fuzz::answer_with(input, false);
  try {
    const Connection master =
        open_master(parse_url("redis-sentinel://one,two,three/main"), 1, Clock::now() + 10s, no_stop);
    fuzz::check(master.role() == "master", "only a master is taken", master.role());
  } catch (const Outage& outage) {
    fuzz::check(*outage.what() != '\0', "an outage has a text");
  } catch (const Error&) {
  }
}

void try_cluster(std::string_view input) {
  try_work(
      input,
      [](ConnectionPool& pool) {
        pool.of(topic, no_stop).command({"PING"}, no_stop);
        fuzz::check(!pool.is_cluster() || !pool.node(topic).empty(), "a topic has a node");
      },
      false);
}

const std::array targets{fuzz::Target("topic", &try_topic),       fuzz::Target("overview", &try_overview),
                         fuzz::Target("history", &try_history),   fuzz::Target("subscriber", &try_subscriber),
                         fuzz::Target("group", &try_group),       fuzz::Target("publisher", &try_publisher),
                         fuzz::Target("sentinel", &try_sentinel), fuzz::Target("cluster", &try_cluster)};

}  // namespace
