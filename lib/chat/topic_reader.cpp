#include "chat/topic_reader.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "base/error.h"
#include "chat/publish_reply.h"

namespace chat {

using namespace std::chrono_literals;

namespace {

Entry entry_of(const Message& message) {
  const std::hash<std::string_view> hash;
  return {*message.id, message.pub, hash(message.text) ^ (hash(message.user) << 1U)};
}

std::uint64_t milliseconds(std::chrono::milliseconds time) {
  return static_cast<std::uint64_t>(std::max(time, 0ms).count());
}

}  // namespace

void TopicReader::resolve_start(FollowedTopic& topic) {
  const StartAt& start = topic.start;
  Account& account = topic.account;
  if (topic.start_resolved) {  // another history has other times: it has another end, too
    if (!options_.live && !options_.reverse) resolve_end(topic);
    return;
  }
  if (options_.replica) account.reads_replica();
  switch (start.kind) {
    case StartAt::Kind::now: {
      // Position and count come from the same moment: from the newest message itself.
      const Anchor& latest = topic.state.newest;
      latest.pub.empty() ? account.start_after(latest.id) : account.start_after(latest, false);
      break;
    }
    case StartAt::Kind::last:
      account.start_after(before_last(pool_.of(topic.name, stop_), topic.name, start.count, stop_));
      break;
    case StartAt::Kind::since:
      account.start_after(before({milliseconds(start.since.at(topic.state.now)), 0}));
      break;
    case StartAt::Kind::after:
      if (start.counted) {
        account.start_after({start.after, start.pub}, true, start.older);
      } else if (start.numbered) {
        account.start_behind(start.after);
      } else {
        account.start_after(start.after);
      }
      break;
  }
  if (options_.starting && !start.counted) options_.starting(account.position());
  options_.live ? notices_.end(topic.state.last) : resolve_end(topic);
  topic.start_resolved = true;
}

void TopicReader::resolve_end(FollowedTopic& topic) {
  Connection& connection = pool_.of(topic.name, stop_);
  topic.last_at_start = topic.state.last;
  topic.to = topic.state.newest.id;
  if (options_.to) topic.to = std::min(topic.to, *options_.to);
  if (options_.until) {
    topic.to = std::min(topic.to, EntryId{milliseconds(options_.until->at(topic.state.now)), UINT64_MAX});
  }
  notices_.end(options_.reverse ? std::max(topic.account.position(), oldest_id(connection, topic.name, stop_))
                                : topic.to);
}

struct TopicReader::Reading {
  FollowedTopic* topic;
  History history;
  bool again = false;  // what comes is void
};

// A run that the user has ended before what was delivered: that must not look like another history.
bool TopicReader::nothing_left(const FollowedTopic& topic) const {
  return (options_.to || options_.until) && topic.to <= topic.account.position();
}

Account::Reading TopicReader::about(const FollowedTopic& topic) const {
  Account::Reading about;
  about.last = topic.state.last;
  if (!options_.live && topic.last_at_start.n < about.last.n) about.last = topic.last_at_start;
  about.oldest = milliseconds(topic.state.oldest());
  about.now = milliseconds(topic.state.now);
  about.whole = !options_.reverse && !options_.to && !options_.until && topic.state.exists;
  about.may_lag = options_.replica && Clock::now() < topic.caught_up_by;
  return about;
}

void TopicReader::pass_empty(FollowedTopic& topic) {
  topic.account.begin_reading(about(topic));
  topic.account.end_of_reading();
}

std::optional<TopicReader::Reading> TopicReader::begin(FollowedTopic& topic) {
  const Account::Reading known = about(topic);
  if (nothing_left(topic)) {
    topic.behind = false;
    return std::nullopt;
  }
  const EntryId after = options_.reverse ? std::max(topic.account.position(), before({known.oldest, 0}))
                                         : topic.account.begin_reading(known);
  Reading reading{&topic, History(topic.name, {after, topic.to, options_.reverse})};
  reading.history.ask(pool_.of(topic.name, stop_));
  return reading;
}

void TopicReader::catch_up(const FollowedTopics& topics) {
  // Several topics' requests are under way at once; replies come in the order of the requests.
  std::deque<Reading> readings;
  const auto start = [&](FollowedTopic& topic) {
    if (auto reading = begin(topic)) readings.push_back(std::move(*reading));
  };
  for (FollowedTopic* const topic : topics) start(*topic);
  while (!readings.empty()) {
    Reading reading = std::move(readings.front());
    readings.pop_front();
    FollowedTopic& topic = *reading.topic;
    Connection& connection = pool_.of(topic.name, stop_);
    if (reading.again) {
      reading.history.drop(connection, stop_);
      start(topic);
      continue;
    }
    const Reply page = reading.history.take(connection, stop_, readings.empty());
    const bool any = page.view().size() > 0;
    // Connections that break before all is caught up are no outage as long as each brings something.
    if (any && topic.away) retry_.succeeded();
    Account::Verdict verdict = take_page(topic, page);
    const bool more = reading.history.asked();
    if (verdict == Account::Verdict::skip && !more && !options_.reverse) {
      verdict = topic.account.end_of_reading();
      if (options_.losing && topic.account.any_losses()) options_.losing(topic.account.reached());
      tell_losses(topic);
    }
    if (verdict == Account::Verdict::wait) throw Outage("the replica has not yet what was shown");
    reading.again = verdict == Account::Verdict::read;
    if (more) {
      readings.push_back(std::move(reading));
    } else if (reading.again) {
      start(topic);
    } else {
      topic.behind = false;
    }
    if (any && !sink_.flush()) throw Stopped();
  }
}

// `skip`: all was taken.
Account::Verdict TopicReader::take_page(FollowedTopic& topic, const Reply& page) {
  const ReplyView entries = page.view();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const Account::Verdict verdict = take_entry(topic, entries[i]);
    if (verdict == Account::Verdict::read || verdict == Account::Verdict::wait) return verdict;
  }
  return Account::Verdict::skip;
}

Account::Verdict TopicReader::take_entry(FollowedTopic& topic, ReplyView entry) {
  const bool readable = parse_entry(entry, message_, why_);
  auto verdict = Account::Verdict::deliver;
  if (options_.reverse) {
    topic.to = before(*message_.id);
  } else {
    verdict = topic.account.entry(entry_of(message_));
    if (topic.account.any_losses()) tell_losses(topic);
  }
  if (verdict == Account::Verdict::deliver && message_.id == last_id) {
    notices_.warn(publish_error_text("FULL " + last_id.str(), topic.name));
  }
  if (verdict == Account::Verdict::deliver) readable ? deliver(topic, message_) : skip(topic, why_);
  return verdict;
}

void TopicReader::tell_losses(FollowedTopic& topic) {
  for (const Loss& loss : topic.account.take_losses()) notices_.lost(loss.text(topic.name));
}

void TopicReader::deliver(const FollowedTopic& topic, const Message& message) {
  if (stop_.requested()) {
    sink_.flush();
    throw Stopped();
  }
  if (!sink_.message(topic.name, message)) throw Enough();
}

// The first ones are told, then ever fewer: anybody may publish what is none.
void TopicReader::skip(const FollowedTopic& topic, const std::string& why) {
  constexpr std::uint64_t told_each = 10;
  if (++skipped_ > told_each && skipped_ < 2 * told_) return;
  told_ = skipped_;
  notices_.warn(topic.name + ": skipped what is no chat message (" + std::to_string(skipped_) +
                " so far): " + why);
}

void TopicReader::on_live(FollowedTopic& topic, std::string_view payload) {
  if (!live_.read(payload)) return skip(topic, live_.why());
  const Message& message = live_.message();
  if (!message.id) return deliver(topic, message);
  if (topic.behind) return;
  switch (topic.account.live(entry_of(message))) {
    case Account::Verdict::deliver:
      return deliver(topic, message);
    case Account::Verdict::skip:
      return;
    case Account::Verdict::read:
    case Account::Verdict::wait:
      break;
  }
  topic.behind = true;
  topic.too_early = options_.replica;
}

void TopicReader::confirm(const FollowedTopics& topics) {
  FollowedTopics asked;
  for (FollowedTopic* const topic : topics) {
    topic->unsure = false;
    const auto newest = topic->account.unconfirmed();
    if (!newest) continue;
    const std::string id = newest->id.str();
    pool_.of(topic->name, stop_).append({"XRANGE", stream_key(topic->name), id, id});
    asked.push_back(topic);
  }
  for (FollowedTopic* const topic : asked) {
    const Reply found = pool_.of(topic->name, stop_).receive(stop_);
    throw_if_error(found.view(), "XRANGE " + stream_key(topic->name));
    expect(found.view().is_array(), "XRANGE");
    Message entry;
    if (found.view().size() == 0 && options_.replica) continue;  // not there yet
    if (found.view().size() == 1) parse_entry(found[0], entry, why_);
    topic->behind = topic->behind || !topic->account.confirm(entry.pub);
  }
}

}  // namespace chat
