#include "chat/history.h"

#include <algorithm>
#include <charconv>

#include "chat/topic.h"

namespace chat {

namespace {

constexpr std::size_t page_bytes = std::size_t{512} * 1024;
constexpr std::size_t most_entries = 2000;
constexpr std::size_t most_times = 4;  // so much larger far away: the server is held up for less than 5 ms
constexpr auto long_wait = std::chrono::milliseconds(2);

}  // namespace

EntryId entry_id(ReplyView entry) {
  const std::optional<EntryId> id = EntryId::parse(entry[0].text());
  expect(id.has_value(), "XRANGE");
  return *id;
}

bool parse_entry(ReplyView entry, Message& out, std::string& why) {
  out.id = entry_id(entry);
  out.user = "?";
  out.pub.clear();
  out.timestamp = static_cast<std::int64_t>(out.id->ms / 1000);
  const ReplyView fields = entry[1];
  bool has_message = false;
  for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
    const std::string_view name = fields[i].text();
    const std::string_view value = fields[i + 1].text();
    if (name == "message") {
      out.text = value;
      has_message = true;
    } else if (name == "user") {
      out.user = value;
    } else if (name == "timestamp") {
      std::from_chars(value.data(), value.data() + value.size(), out.timestamp);
    } else if (name == "pub") {
      out.pub = value;
    }
  }
  if (!has_message) why = "the entry has no field \"message\"";
  return has_message;
}

History::History(std::string_view topic, const Range& range) : key_(stream_key(topic)), range_(range) {}

void History::ask(Connection& connection) {
  // Nothing comes after the highest ID, and Redis doesn't take that for a range: asked for, it comes again.
  const std::string low = (range_.after == last_id ? "" : "(") + range_.after.str();
  const std::string high = range_.to == last_id ? "+" : range_.to.str();
  const std::string count = std::to_string(count_);
  if (range_.reverse) {
    connection.append({"XREVRANGE", key_, high, low, "COUNT", count});
  } else {
    connection.append({"XRANGE", key_, low, high, "COUNT", count});
  }
  connection.flush();
  asked_ = true;
}

Reply History::take(Connection& connection, const StopToken& stop) {
  const Deadline begin = Clock::now();
  Reply reply = connection.receive(stop);
  if (Clock::now() - begin > long_wait) times_ = std::min(2 * times_, most_times);
  asked_ = false;
  throw_if_error(reply.view(), "XRANGE " + key_);
  const ReplyView page = reply.view();
  expect(page.is_array() && page.size() <= count_, "XRANGE");
  const std::size_t size = page.size();
  if (size == 0 || size < count_) return reply;
  const EntryId last = entry_id(page[size - 1]);
  expect(range_.after < last && last <= range_.to, "XRANGE");  // or there would be no end
  (range_.reverse ? range_.to : range_.after) = range_.reverse ? before(last) : last;
  adapt(reply.bytes() / size);
  ask(connection);
  return reply;
}

void History::drop(Connection& connection, const StopToken& stop) {
  if (!asked_) return;
  connection.receive(stop);
  asked_ = false;
}

void History::adapt(std::size_t entry_bytes) {
  count_ = std::clamp<std::size_t>(times_ * page_bytes / entry_bytes, 1,
                                   std::min(times_ * most_entries, count_ * 4));
}

void append_newest(Connection& connection, std::string_view topic) {
  connection.append({"XREVRANGE", stream_key(topic), "+", "-", "COUNT", "1"});
}

Anchor newest_of(ReplyView reply) {
  expect(reply.is_array(), "XREVRANGE");
  if (reply.size() == 0) return {};
  Message message;
  std::string why;
  parse_entry(reply[0], message, why);
  return {*message.id, message.pub};
}

EntryId newest_id(Connection& connection, std::string_view topic, const StopToken& stop) {
  return newest_of(connection.command({"XREVRANGE", stream_key(topic), "+", "-", "COUNT", "1"}, stop).view())
      .id;
}

EntryId oldest_id(Connection& connection, std::string_view topic, const StopToken& stop) {
  const Reply oldest = connection.command({"XRANGE", stream_key(topic), "-", "+", "COUNT", "1"}, stop);
  expect(oldest.view().is_array(), "XRANGE");
  return oldest.view().size() == 0 ? first_id : entry_id(oldest[0]);
}

EntryId before_last(Connection& connection, std::string_view topic, std::uint64_t count,
                    const StopToken& stop) {
  if (count == 0) return newest_id(connection, topic, stop);
  History history(topic, {.reverse = true});
  EntryId oldest = first_id;
  std::uint64_t seen = 0;
  for (history.ask(connection); history.asked();) {
    const Reply page = history.take(connection, stop);
    for (std::size_t i = 0; i < page.view().size() && seen < count; ++i, ++seen) oldest = entry_id(page[i]);
    if (seen == count) history.drop(connection, stop);
  }
  return before(oldest);
}

}  // namespace chat
