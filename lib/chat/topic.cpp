#include "chat/topic.h"

#include <algorithm>
#include <limits>
#include <set>

#include "base/error.h"
#include "base/numbers.h"
#include "base/suggest.h"
#include "chat/history.h"

namespace chat {

namespace {

constexpr std::string_view removed_mark = "removed";
constexpr std::string_view present_mark = "present";

// KEYS: info, stream   ARGV: now in seconds, max_len, max_age in ms, description
// The IDs of a stream that is there already go on from its last one. Entries without a pub are somebody
// else's, and count nothing.
constexpr std::string_view create_script = R"lua(
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local ms, n = '0', '0'
if redis.call('EXISTS', KEYS[2]) == 1 then
  local about = redis.call('XINFO', 'STREAM', KEYS[2])
  for i = 1, #about, 2 do
    if about[i] == 'last-generated-id' then ms, n = about[i + 1]:match('^(%d+)-(%d+)$') end
  end
  for _, entry in ipairs(redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 100)) do
    n = '0'
    for i = 1, #entry[2], 2 do
      if entry[2][i] == 'pub' then n = entry[1]:match('%d+$') end
    end
    if n ~= '0' then break end
  end
end
redis.call('HSET', KEYS[1], 'created', ARGV[1], 'max_len', ARGV[2], 'max_age', ARGV[3],
           'description', ARGV[4], 'ms', ms, 'n', n)
return 1
)lua";

// Since 1970; 0 for what can't be a time.
std::chrono::milliseconds from_seconds(std::int64_t seconds) {
  constexpr std::int64_t year_10000 = 253402300800;
  return std::chrono::seconds(seconds >= 0 && seconds < year_10000 ? seconds : 0);
}

std::chrono::milliseconds server_time(ReplyView time) {
  expect(time.size() == 2, "TIME");
  return from_seconds(time[0].integer()) + std::chrono::milliseconds(time[1].integer() / 1000);
}

// A field that holds a count. Whoever may publish can write anything there: what is no count is none.
std::uint64_t count_of(ReplyView field) { return parse_whole(field.text()).value_or(0); }

// The reply to a command queued before.
Reply answer(Connection& connection, const StopToken& stop, std::string_view command = {}) {
  Reply reply = connection.receive(stop);
  throw_if_error(reply.view(), command);
  return reply;
}

TopicState read_look(Connection& connection, std::string_view topic, const StopToken& stop) {
  const Reply time = answer(connection, stop);
  const Reply info = answer(connection, stop, "HMGET " + info_key(topic));
  return topic_state(time.view(), info.view());
}

// The index lives on another slot than the topic's own keys: in a cluster it is asked where they don't tell.
bool asks_index(const ConnectionPool& pool, std::string_view topic) {
  return !pool.is_cluster() && is_default(topic);
}

Connection& index_of(ConnectionPool& pool, const StopToken& stop) { return pool.of(topics_channel, stop); }

bool is_removed(ReplyView mark) {
  expect(mark.is_nil() || mark.is_string(), "HGET");
  return mark.text() == removed_mark;
}

bool create_info(Connection& connection, std::string_view topic, const Settings& settings,
                 const StopToken& stop) {
  const Reply time = connection.command({"TIME"}, stop);
  expect(time.view().size() == 2, "TIME");
  const Reply made =
      connection.command({"EVAL", create_script, "2", info_key(topic), stream_key(topic), time[0].text(),
                          std::to_string(settings.max_len.value_or(default_max_len)),
                          std::to_string(settings.max_age.value_or(std::chrono::milliseconds{0}).count()),
                          settings.description.value_or("")},
                         stop);
  expect(made.view().is_integer(), "EVAL");
  return made.view().integer() == 1;
}

// Default topics need no field in the index, unless one says that they were removed. Returns whether it
// wasn't listed before.
bool index_present(Connection& index, std::string_view topic, const StopToken& stop) {
  const Reply changed = is_default(topic)
                            ? index.command({"HDEL", topics_channel, topic}, stop)
                            : index.command({"HSET", topics_channel, topic, present_mark}, stop);
  expect(changed.view().is_integer(), "HSET");
  return changed.view().integer() == 1;
}

void trim(Connection& connection, std::string_view topic, const StopToken& stop) {
  append_look_up(connection, topic);
  const TopicState state = read_look(connection, topic, stop);
  const std::string key = stream_key(topic);
  if (state.max_len > exact_trim_limit) {
    connection.command({"XTRIM", key, "MAXLEN", "~", std::to_string(state.max_len), "LIMIT", "0"}, stop);
  } else if (state.max_len > 0) {
    connection.command({"XTRIM", key, "MAXLEN", std::to_string(state.max_len)}, stop);
  }
  if (state.max_age.count() > 0) {
    connection.command({"XTRIM", key, "MINID", std::to_string(state.oldest().count())}, stop);
  }
}

// A name may hold characters that a pattern treats specially.
std::string literal_pattern(std::string_view text) {
  std::string pattern;
  for (const char c : text) {
    if (std::string_view("*?[]\\").find(c) != std::string_view::npos) pattern.push_back('\\');
    pattern.push_back(c);
  }
  return pattern;
}

}  // namespace

bool is_default(std::string_view topic) {
  return std::ranges::find(default_topics, topic) != default_topics.end();
}

bool valid_topic(std::string_view topic) {
  const bool characters = std::ranges::all_of(topic, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._-/:").find(c) != std::string_view::npos;
  });
  return characters && !topic.empty() && topic.size() <= 128 && !topic.starts_with('-') &&
         !topic.starts_with("chat:");
}

void check_topic(std::string_view topic) {
  if (valid_topic(topic)) return;
  throw Error(Failure::usage,
              "\"" + std::string(topic) +
                  "\" can't be a topic's name: 1 to 128 of A-Z a-z 0-9 . _ - / :, "
                  "not starting with - or chat:" +
                  (topic.find(',') == std::string_view::npos ? "" : "; each topic is a word of its own") +
                  url_hint(topic));
}

std::string url_hint(std::string_view name) {
  return name.find("://") == std::string_view::npos ? "" : "; did you forget --redis?";
}

std::string stream_key(std::string_view topic) { return "chat:{" + std::string(topic) + "}"; }
std::string info_key(std::string_view topic) { return stream_key(topic) + ":info"; }

std::string publisher_key(std::string_view topic, std::string_view publisher) {
  return stream_key(topic) + ":pub:" + std::string(publisher);
}

std::string presence_channel(std::string_view topic, std::string_view user) {
  return stream_key(topic) + ":user:" + std::string(user);
}

void append_look_up(Connection& connection, std::string_view topic) {
  connection.append({"TIME"});
  connection.append({"HMGET", info_key(topic), "ms", "n", "max_len", "max_age", "description", "created"});
}

TopicState topic_state(ReplyView time, ReplyView info) {
  expect(info.size() == 6, "HMGET");
  TopicState state;
  state.now = server_time(time);
  for (std::size_t i = 0; i < info.size(); ++i) state.exists = state.exists || !info[i].is_nil();
  state.last = {count_of(info[0]), count_of(info[1])};
  if (!info[2].is_nil()) state.max_len = count_of(info[2]);
  constexpr std::uint64_t longest = std::numeric_limits<std::int64_t>::max();
  state.max_age = std::chrono::milliseconds(std::min(count_of(info[3]), longest));
  state.description = std::string(info[4].text());
  state.created = from_seconds(info[5].integer());
  return state;
}

void ask_look_up(ConnectionPool& pool, const std::vector<std::string>& topics, bool newest,
                 const StopToken& stop) {
  for (const std::string& topic : topics) {
    Connection& connection = pool.of(topic, stop);
    append_look_up(connection, topic);
    if (newest) append_newest(connection, topic);
    if (asks_index(pool, topic)) connection.append({"HGET", topics_channel, topic});
  }
  pool.flush();
}

std::vector<TopicState> take_look_up(ConnectionPool& pool, const std::vector<std::string>& topics,
                                     bool newest, const StopToken& stop, bool listed) {
  std::vector<TopicState> states;
  states.reserve(topics.size());
  for (const std::string& topic : topics) {
    Connection& connection = pool.of(topic, stop);
    states.push_back(read_look(connection, topic, stop));
    TopicState& state = states.back();
    if (newest) state.newest = newest_of(answer(connection, stop, "XREVRANGE " + stream_key(topic)).view());
    if (asks_index(pool, topic)) state.exists = !is_removed(answer(connection, stop).view()) || state.exists;
  }
  for (std::size_t i = 0; i < topics.size(); ++i) {
    if (states[i].exists || !is_default(topics[i]) || !pool.is_cluster()) continue;
    states[i].exists =
        listed || !is_removed(index_of(pool, stop).command({"HGET", topics_channel, topics[i]}, stop).view());
  }
  return states;
}

std::vector<TopicState> look_up(ConnectionPool& pool, const std::vector<std::string>& topics,
                                const StopToken& stop) {
  ask_look_up(pool, topics, false, stop);
  return take_look_up(pool, topics, false, stop);
}

TopicState look_up(ConnectionPool& pool, const std::string& topic, const StopToken& stop) {
  return look_up(pool, std::vector{topic}, stop).front();
}

TopicState require_topic(ConnectionPool& pool, const std::string& topic, const StopToken& stop) {
  TopicState state = look_up(pool, topic, stop);
  if (!state.exists) throw Error(Failure::no_topic, no_such_topic(topic, list_topics(pool, stop)));
  return state;
}

bool add_topic(ConnectionPool& pool, const std::string& topic, const Settings& settings,
               const StopToken& stop, bool again) {
  // A topic that is there must be listed, whenever the connection breaks. Readers that hear of it must find
  // it.
  const bool listed = index_present(index_of(pool, stop), topic, stop);
  const bool made = create_info(pool.of(topic, stop), topic, settings, stop);
  const bool news = listed || (made && !is_default(topic)) || again;
  if (news) index_of(pool, stop).command({"PUBLISH", topics_channel, topic}, stop);
  return made;
}

void set_topic(ConnectionPool& pool, const std::string& topic, const Settings& settings,
               const StopToken& stop) {
  require_topic(pool, topic, stop);
  Connection& connection = pool.of(topic, stop);
  create_info(connection, topic, {}, stop);
  const std::string key = info_key(topic);
  if (settings.max_len) connection.command({"HSET", key, "max_len", std::to_string(*settings.max_len)}, stop);
  if (settings.max_age) {
    connection.command({"HSET", key, "max_age", std::to_string(settings.max_age->count())}, stop);
  }
  if (settings.description) connection.command({"HSET", key, "description", *settings.description}, stop);
  trim(connection, topic, stop);
}

void remove_topic(ConnectionPool& pool, const std::string& topic, bool purge, const StopToken& stop) {
  if (is_default(topic)) {
    require_topic(pool, topic, stop);
    index_of(pool, stop).command({"HSET", topics_channel, topic, removed_mark}, stop);
  } else {
    // One whose making was cut off is in the index alone.
    const Reply removed = index_of(pool, stop).command({"HDEL", topics_channel, topic}, stop);
    expect(removed.view().is_integer(), "HDEL");
    if (removed.view().integer() == 0) require_topic(pool, topic, stop);
  }
  Connection& connection = pool.of(topic, stop);
  Connection& index = index_of(pool, stop);
  if (purge) {
    connection.command({"UNLINK", info_key(topic), stream_key(topic)}, stop);
  } else {
    connection.command({"UNLINK", info_key(topic)}, stop);
  }
  index.command({"PUBLISH", topics_channel, topic}, stop);
}

std::vector<std::string> list_topics(ConnectionPool& pool, const StopToken& stop) {
  const Reply index = index_of(pool, stop).command({"HGETALL", topics_channel}, stop);
  expect(index.view().is_array() && index.view().size() % 2 == 0, "HGETALL");
  std::set<std::string> names(default_topics.begin(), default_topics.end());
  for (std::size_t i = 0; i + 1 < index.view().size(); i += 2) {
    const std::string name(index[i].text());
    if (!valid_topic(name)) continue;
    if (index[i + 1].text() == removed_mark) {
      names.erase(name);
    } else {
      names.insert(name);
    }
  }
  return {names.begin(), names.end()};
}

Presences presence(ConnectionPool& pool, const std::vector<std::string>& topics, const StopToken& stop) {
  struct Part {
    std::size_t topic;
    Connection* at;
    std::size_t channels = 0;
  };
  std::vector<Part> parts;
  for (const std::string& topic : topics) pool.open_all(topic, stop);
  const bool sharded = pool.is_cluster();
  for (std::size_t i = 0; i < topics.size(); ++i) {
    const std::string pattern = literal_pattern(presence_channel(topics[i], "")) + "*";
    for (Connection* const at : pool.all_of(topics[i], stop)) {
      at->append({"PUBSUB", sharded ? "SHARDCHANNELS" : "CHANNELS", pattern});
      parts.push_back({i, at});
    }
  }
  pool.flush();
  std::vector<std::set<std::string>> users(topics.size());
  for (Part& part : parts) {
    const std::string prefix = presence_channel(topics[part.topic], "");
    const Reply channels = answer(*part.at, stop, "PUBSUB");
    expect(channels.view().is_array(), "PUBSUB CHANNELS");
    std::vector<std::string_view> count{"PUBSUB", sharded ? "SHARDNUMSUB" : "NUMSUB", topics[part.topic]};
    for (std::size_t i = 0; i < channels.view().size(); ++i) {
      expect(channels[i].text().starts_with(prefix), "PUBSUB CHANNELS");
      count.push_back(channels[i].text());
      users[part.topic].emplace(channels[i].text().substr(prefix.size()));
    }
    part.at->append(count);
    part.channels = count.size() - 2;
  }
  pool.flush();
  std::vector<std::int64_t> nameless(topics.size());
  for (const Part& part : parts) {
    const Reply counts = answer(*part.at, stop, "PUBSUB");
    expect(counts.view().size() == 2 * part.channels, "PUBSUB NUMSUB");
    for (std::size_t i = 1; i < counts.view().size(); i += 2) {
      nameless[part.topic] += i == 1 ? counts[i].integer() : -counts[i].integer();
    }
  }
  Presences found;
  for (std::size_t i = 0; i < topics.size(); ++i) {
    const auto others = static_cast<std::uint64_t>(std::max<std::int64_t>(nameless[i], 0));
    found.push_back({topics[i], {{users[i].begin(), users[i].end()}, others}});
  }
  return found;
}

std::string no_such_topic(std::string_view topic, const std::vector<std::string>& names) {
  const std::string hint = url_hint(topic);
  if (!hint.empty()) return "no topic \"" + std::string(topic) + "\"" + hint;
  if (topic == "help") return "no topic \"help\"; --help shows how to use this";
  const std::vector<std::string> near = near_names(topic, names);
  return "no topic \"" + std::string(topic) + "\"" +
         (near.empty() ? "; chat-topics lists those there are" : did_you_mean(near));
}

}  // namespace chat
