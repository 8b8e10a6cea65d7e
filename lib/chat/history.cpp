#include "chat/history.h"

#include <algorithm>
#include <charconv>

#include "chat/topic.h"

namespace chat {

namespace {

constexpr std::size_t page_bytes = std::size_t{512} * 1024;
constexpr std::size_t most_entries = 2000;
constexpr std::size_t most_times = 2;  // so much larger far away: the server is held up for less than 5 ms
constexpr std::size_t most_pages = 16;
constexpr auto long_wait = std::chrono::milliseconds(2);
constexpr double part = 0.6;  // of a page that ends at a guess: somewhat more is no harm

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

History::History(std::string_view topic, const Range& range, std::size_t pages)
    : key_(stream_key(topic)), range_(range), pages_(pages) {}

void History::ask(Connection& connection) { ask_for(connection, range_.to); }

void History::ask_for(Connection& connection, const EntryId& to) {
  // Nothing comes after the highest ID, and Redis doesn't take that for a range: asked for, it comes again.
  const std::string low = (range_.after == last_id ? "" : "(") + range_.after.str();
  const std::string high = to == last_id ? "+" : to.str();
  const std::string count = std::to_string(count_);
  if (range_.reverse) {
    connection.append({"XREVRANGE", key_, high, low, "COUNT", count});
  } else {
    connection.append({"XRANGE", key_, low, high, "COUNT", count});
  }
  connection.flush();
  asked_.push_back({range_.after, to, count_});
  if (to != range_.to) range_.after = to;
}

// Where a page will end is known when it is there. To ask for the next ones before, their ends are guessed by
// time: the parts are of any size then, but leave nothing out. At most two at once: they are worked off
// without a look at other clients.
void History::ask_ahead(Connection& connection) {
  for (int i = 0; i < 2 && asked_.size() < pages_ && (asked_.empty() || asked_.back().to != range_.to); ++i) {
    EntryId to = range_.to;
    if (span_ >= 1 && static_cast<double>(range_.after.ms) + span_ < static_cast<double>(to.ms))
      to = std::min(to, {range_.after.ms + static_cast<std::uint64_t>(span_), UINT64_MAX});
    ask_for(connection, to);
  }
}

Reply History::take(Connection& connection, const StopToken& stop, bool alone) {
  const Deadline begin = Clock::now();
  Reply reply = connection.receive(stop);
  if (Clock::now() - begin > long_wait) {
    pages_ = std::min(2 * pages_, most_pages);
    times_ = std::min(2 * times_, most_times);
  }
  const Page due = asked_.front();
  asked_.pop_front();
  throw_if_error(reply.view(), "XRANGE " + key_);
  const ReplyView page = reply.view();
  expect(page.is_array() && page.size() <= due.count, "XRANGE");
  const std::size_t size = page.size();
  const bool full = size == due.count;
  if (!full && due.to == range_.to) return reply;
  EntryId last = due.to;
  if (full) {
    last = entry_id(page[size - 1]);
    expect(due.after < last && last <= due.to, "XRANGE");  // or there would be no end
    if (asked()) pages_ = std::max<std::size_t>(pages_ / 2, 1);
    drop(connection, stop);
    (range_.reverse ? range_.to : range_.after) = range_.reverse ? before(last) : last;
  }
  adapt(size, static_cast<double>(last.ms) - static_cast<double>(due.after.ms) + 1, due.count, reply.bytes());
  if (!alone || pages_ == 1 || range_.reverse || range_.to == last_id) span_ = 0;
  ask_ahead(connection);
  return reply;
}

void History::drop(Connection& connection, const StopToken& stop) {
  for (; asked(); asked_.pop_front()) connection.receive(stop);
}

void History::adapt(std::size_t size, double time, std::size_t count, std::size_t bytes) {
  if (size == count) {  // the guess was too long, or there was none
    count_ = std::clamp<std::size_t>(times_ * page_bytes * size / bytes, 1,
                                     std::min(times_ * most_entries, count_ * 4 * times_ * times_));
    span_ = part * time * static_cast<double>(count_) / static_cast<double>(size);
  } else {
    const double fits = part * time * static_cast<double>(count) / static_cast<double>(size);
    span_ = size == 0 ? 0 : std::min(fits, 1.5 * span_);
  }
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
