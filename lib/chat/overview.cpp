#include "chat/overview.h"

#include "chat/entry_id.h"
#include "chat/history.h"

namespace chat {

namespace {

using namespace std::chrono_literals;

constexpr auto part_length = std::chrono::milliseconds(1h) / TopicOverview::parts;

void append_parts(ConnectionPool& pool, const TopicOverview& topic, const StopToken& stop) {
  for (Connection* const each : pool.all_of(topic.name, stop)) {
    each->append({"PUBSUB", pool.is_cluster() ? "SHARDNUMSUB" : "NUMSUB", topic.name});
  }
  Connection& connection = pool.of(topic.name, stop);
  const std::string key = stream_key(topic.name);
  connection.append({"XLEN", key});
  append_newest(connection, topic.name);
  for (std::size_t i = 0; i < TopicOverview::parts; ++i) {
    const auto begin = topic.state.now - part_length * (TopicOverview::parts - i);
    connection.append({"XRANGE", key, std::to_string(begin.count()), "+", "COUNT", "1"});
  }
}

// IDs count the messages, so the first ID of each part tells how many came in between.
void read_parts(ConnectionPool& pool, TopicOverview& topic, const StopToken& stop) {
  const std::string key = stream_key(topic.name);
  const auto receive_from = [&](Connection& each) {
    Reply reply = each.receive(stop);
    throw_if_error(reply.view(), "on " + key);
    return reply;
  };
  for (Connection* const each : pool.all_of(topic.name, stop)) {
    const Reply count = receive_from(*each);
    expect(count.view().size() == 2, "PUBSUB NUMSUB");
    topic.subscribers += static_cast<std::uint64_t>(count[1].integer());
  }
  Connection& connection = pool.of(topic.name, stop);
  const auto receive = [&] { return receive_from(connection); };
  const auto receive_entry = [&] {
    Reply reply = receive();
    expect(reply.view().is_array() && reply.view().size() <= 1, "XRANGE");
    return reply;
  };
  const Reply kept = receive();
  expect(kept.view().is_integer(), "XLEN");
  topic.kept = static_cast<std::uint64_t>(kept.view().integer());
  EntryId newest;
  if (const Reply reply = receive_entry(); reply.view().size() == 1) {
    newest = entry_id(reply[0]);
    topic.last_stored = std::chrono::milliseconds(newest.ms);
    std::string why;
    if (Message message; parse_entry(reply[0], message, why)) topic.newest = std::move(message);
  }
  std::array<std::uint64_t, TopicOverview::parts + 1> first{};
  first.fill(newest.n + 1);
  for (std::size_t i = 0; i < TopicOverview::parts; ++i) {
    const Reply reply = receive_entry();
    if (reply.view().size() == 1) first[i] = entry_id(reply[0]).n;
  }
  for (std::size_t i = 0; i < TopicOverview::parts; ++i) {
    topic.stored[i] = first[i + 1] > first[i] ? first[i + 1] - first[i] : 0;
  }
}

}  // namespace

std::vector<TopicOverview> overview(ConnectionPool& pool, const std::vector<std::string>& names,
                                    const StopToken& stop) {
  std::vector<TopicOverview> topics;
  for (const std::string& name : names) pool.open_all(name, stop);
  ask_look_up(pool, names, false, stop);
  const std::vector<TopicState> states = take_look_up(pool, names, false, stop, true);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!states[i].exists) continue;
    topics.emplace_back();
    topics.back().name = names[i];
    topics.back().state = states[i];
  }
  for (const TopicOverview& topic : topics) append_parts(pool, topic, stop);
  pool.flush();
  for (TopicOverview& topic : topics) read_parts(pool, topic, stop);
  return topics;
}

}  // namespace chat
