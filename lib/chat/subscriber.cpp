#include "chat/subscriber.h"

#include <algorithm>
#include <array>
#include <deque>
#include <utility>

#include "base/error.h"
#include "base/wait.h"
#include "chat/entry_id.h"
#include "chat/topic_pattern.h"

namespace chat {

using namespace std::chrono_literals;

namespace {

constexpr auto pulse_time = 4s;
constexpr std::size_t most_unconfirmed = 8192;  // asking waits for what the server has to do before
constexpr std::size_t most_of_all = 8 * most_unconfirmed;  // of many topics together
constexpr std::size_t least_unconfirmed = 64;
constexpr std::size_t most_ahead = 2 * most_unconfirmed;  // of what a replica has
constexpr auto time_to_catch_up = 15s;
constexpr auto soon = 50ms;

/// The sink has enough.
struct Enough {};

std::string count_of(std::uint64_t count) {
  return std::to_string(count) + (count == 1 ? " message" : " messages");
}

std::size_t content_of(const Message& message) {
  const std::hash<std::string> hash;
  return hash(message.text) ^ (hash(message.user) << 1U);
}

bool counts(const EntryId& id) { return id.n != 0 && id.n != UINT64_MAX; }

}  // namespace

Subscriber::Subscriber(ConnectionPool& pool, SubscriberOptions options, MessageSink& sink, Notices& notices)
    : pool_(pool),
      options_(std::move(options)),
      sink_(sink),
      notices_(notices),
      retry_(pool.endpoint(), options_.retry_for,
             {.warn = [this](const std::string& text) { notices_.warn(text); },
              .note = [this](const std::string& text) { notices_.note(text); }}) {}

Subscriber::End Subscriber::run(const StopToken& stop) {
  stop_ = stop;
  try {
    while (true) {
      if (reconnect_all()) {
        if (!options_.live) return End::enough;
        if (!std::exchange(was_live_, true)) notices_.live();
      }
      follow();
    }
  } catch (const Enough&) {
    return End::enough;
  } catch (const Stopped&) {
    return End::stopped;
  } catch (const Error&) {
    sink_.flush();  // what was delivered before is worth writing
    throw;
  }
}

// Does work at a node. Returns false when the node was lost meanwhile.
template <typename Work>
bool Subscriber::with_retry(const std::string& node, const Work& work) {
  try {
    work();
    return true;
  } catch (const Outage& outage) {
    on_disconnect(node, outage);
    return false;
  }
}

void Subscriber::on_disconnect(const std::string& node, const Outage& outage) {
  pushes_.erase(node);
  pool_.clear();  // answers may be outstanding
  for (auto& [name, topic] : topics_) {
    if (topic->node == node) move_away(*topic);
  }
  if (!sink_.flush()) throw Stopped();
  retry_.failed(outage, node);
}

void Subscriber::move_away(Followed& topic) {
  if (!topic.away) topic.caught_up_by = Clock::now() + time_to_catch_up;
  topic.away = true;
  topic.subscribed = false;
  topic.behind = true;
  topic.reconnected = true;
}

bool Subscriber::all_there() const {
  return found_topics_ && !topics_changed_ && !(options_.live && pushes_.empty()) &&
         std::ranges::none_of(topics_, [](const auto& topic) { return topic.second->away; });
}

// Brings back the topics that are away, when the time for it has come. Returns whether all are there.
bool Subscriber::reconnect_all() {
  if (all_there()) return true;
  if (!retry_.due()) return false;
  std::map<std::string, Topics> away;
  bool well = with_retry("", [&] {
    pool_.refresh(no_deadline, stop_);
    find_topics();
    for (auto& [name, topic] : topics_) {
      if (!topic->away) continue;
      topic->node = pool_.node(name);
      away[topic->node].push_back(topic.get());
    }
    // Without topics there is still news of them to be heard.
    if (options_.live && away.empty() && pushes_.empty()) away[pool_.node(topics_channel)] = {};
  });
  for (const auto& at : away) {
    well = with_retry(at.first, [&] { sync(at.first, at.second); }) && well;
  }
  if (well) retry_.succeeded();
  return well;
}

void Subscriber::sync(const std::string& node, Topics topics) {
  refresh_topics(topics);
  for (Followed* const topic : topics) {
    if (!topic->start_resolved) resolve_start(*topic);
  }
  catch_up(topics);
  if (options_.live) {
    subscribe(node, topics);
    refresh_topics(topics);
    catch_up(topics);
  }
  for (Followed* const topic : topics) topic->away = false;
}

void Subscriber::find_topics() {
  if (!found_topics_) {
    for (const std::string& name : options_.topics) follow_topic(name, options_.start).by_name = true;
  }
  if (!options_.patterns.empty()) {
    for (const std::string& name : list_topics(pool_, stop_)) {
      if (topics_.contains(name) || !matches_any(options_.patterns, name)) continue;
      follow_topic(name, found_topics_ ? start_of_added(name) : options_.start);
    }
  }
  found_topics_ = true;
  topics_changed_ = false;
}

StartAt Subscriber::start_of_added(const std::string& name) {
  StartAt start;
  if (const auto left = left_off_.find(name); left != left_off_.end()) {
    start.kind = StartAt::Kind::after;
    start.after = left->second;
  } else {
    // What was said in a new topic before we heard of it is delivered too.
    start.kind = StartAt::Kind::since;
    start.since.when = look_up(pool_, name, stop_).created;
  }
  return start;
}

Subscriber::Followed& Subscriber::follow_topic(const std::string& name, const StartAt& start) {
  std::unique_ptr<Followed>& topic = topics_[name];
  topic = std::make_unique<Followed>();
  topic->name = name;
  topic->start = start;
  return *topic;
}

// Those that are not there any more are left out.
void Subscriber::refresh_topics(Topics& topics) {
  std::vector<std::string> names;
  for (const Followed* const topic : topics) names.push_back(topic->name);
  const std::vector<TopicState> states = look_up(pool_, names, stop_);
  Topics there;
  for (std::size_t i = 0; i < topics.size(); ++i) {
    Followed& topic = *topics[i];
    topic.state = states[i];
    if (topic.state.exists) {
      there.push_back(&topic);
    } else {
      if (topic.start_resolved) catch_up({&topic});  // with the last words before it was removed
      forget(topic);
    }
  }
  topics = std::move(there);
  if (topics_.empty() && !options_.wait_for_topics) {
    throw Error(Failure::no_topic, "no topic is left to follow");
  }
}

void Subscriber::forget(const Followed& topic) {
  const std::string name = topic.name;
  if (!topic.start_resolved && topic.by_name) require_topic(pool_, name, stop_);
  if (topic.start_resolved) notices_.note("topic " + name + " was removed");
  if (topic.subscribed) {
    pushes_.at(topic.node)
        .connection.append({pool_.is_cluster() ? "SUNSUBSCRIBE" : "UNSUBSCRIBE", name,
                            presence_channel(name, options_.user)});
  }
  if (topic.start_resolved) left_off_[name] = topic.delivered.at;
  topics_.erase(name);
}

void Subscriber::resolve_start(Followed& topic) {
  const TopicState& state = topic.state;
  const StartAt& start = topic.start;
  Position& at = topic.confirmed;
  switch (start.kind) {
    case StartAt::Kind::now:
      at.at = std::max(state.last, newest_id(pool_.of(topic.name, stop_), topic.name, stop_));
      at.last_numbered = state.last;
      break;
    case StartAt::Kind::last:
      at.at = before_last(pool_.of(topic.name, stop_), topic.name, start.count, stop_);
      break;
    case StartAt::Kind::since:
      at.at = before({static_cast<std::uint64_t>(std::max(start.since.at(state.now), 0ms).count()), 0});
      break;
    case StartAt::Kind::after:
      at.at = start.after;
      if (start.counted && counts(start.after)) at.last_numbered = start.after;
      break;
  }
  topic.delivered = at;
  options_.live ? notices_.end(topic.state.last) : resolve_end(topic);
  topic.start_resolved = true;
}

void Subscriber::resolve_end(Followed& topic) {
  topic.to = newest_id(pool_.of(topic.name, stop_), topic.name, stop_);
  if (options_.to) topic.to = std::min(topic.to, *options_.to);
  if (options_.until) {
    const auto ms = std::max(options_.until->at(topic.state.now), 0ms).count();
    topic.to = std::min(topic.to, EntryId{static_cast<std::uint64_t>(ms), UINT64_MAX});
  }
  notices_.end(options_.reverse
                   ? std::max(topic.delivered.at, oldest_id(pool_.of(topic.name, stop_), topic.name, stop_))
                   : topic.to);
}

struct Subscriber::Reading {
  Followed* topic;
  History history;
  bool any = false;
};

void Subscriber::catch_up(const Topics& topics) {
  // Several topics' requests are under way at once; replies come in the order of the requests.
  std::deque<Reading> readings;
  for (Followed* const topic : topics) {
    topic->delivered = topic->confirmed;
    topic->last_numbered_read = false;
    const auto oldest = static_cast<std::uint64_t>(topic->state.oldest().count());
    const EntryId after = std::max(topic->confirmed.at, before({oldest, 0}));
    readings.push_back({topic, History(topic->name, {after, topic->to, options_.reverse})});
    readings.back().history.ask(pool_.of(topic->name, stop_));
  }
  while (!readings.empty()) {
    Reading reading = std::move(readings.front());
    readings.pop_front();
    Followed& topic = *reading.topic;
    const Reply page = reading.history.take(pool_.of(topic.name, stop_), stop_);
    const std::size_t size = page.view().size();
    reading.any = reading.any || size > 0;
    // Connections that break before all is caught up are no outage as long as each brings something.
    if (size > 0 && topic.away) retry_.succeeded();
    if (reading.history.asked()) readings.push_back(reading);
    for (std::size_t i = 0; i < size; ++i) deliver_entry(topic, page[i]);
    if (!reading.history.asked()) end_of_stream(topic, reading.any);
    if (size > 0 && !sink_.flush()) throw Stopped();
  }
}

void Subscriber::deliver_entry(Followed& topic, ReplyView entry) {
  const bool readable = parse_entry(entry, message_, why_);
  if (options_.reverse) {
    topic.to = before(*message_.id);
    return readable ? deliver(topic, message_) : skip(topic);
  }
  if (!readable) {
    topic.delivered.at = topic.confirmed.at = *message_.id;
    return skip(topic);
  }
  const EntryId id = *message_.id;
  const Skipped skipped = take_unconfirmed(topic, message_);
  if (!message_.pub.empty() && counts(id)) {
    std::optional<EntryId>& last_numbered = topic.delivered.last_numbered;
    if (last_numbered && id.n <= last_numbered->n && topic.last_numbered_read && !skipped.gone) {
      // Counted anew, but nothing is gone. Redis 7.0 does that to itself: of a transaction that a crash cut
      // in two it keeps the beginning in its append-only file, and runs it at the next start after all.
      topic.older_history = true;
      last_numbered = EntryId{0, id.n - 1};
    } else if (last_numbered && (id.n <= last_numbered->n || skipped.gone)) {
      roll_back(topic, {0, id.n - 1}, skipped.gone.value_or(*last_numbered));
    }
    if (last_numbered && id.n > last_numbered->n + 1 + skipped.count) {
      const std::uint64_t count = id.n - last_numbered->n - 1 - skipped.count;
      notices_.lost(topic.name + ": lost " + count_of(count) + " between " +
                    skipped.newest.value_or(*last_numbered).str() + " and " + id.str() +
                    ": trimmed before they could be read");
    }
    last_numbered = id;
    topic.last_numbered_read = true;
  }
  const bool again =
      topic.older_history && delivered_ids_.contains(topic.name, message_.pub, content_of(message_));
  topic.delivered.at = id;
  topic.confirmed = topic.delivered;
  delivered_ids_.add(topic.name, message_.pub, content_of(message_), 1);
  if (!skipped.found && !again) deliver(topic, message_);
}

// Takes those up to `entry` from the unconfirmed ones.
Subscriber::Skipped Subscriber::take_unconfirmed(Followed& topic, const Message& entry) {
  Skipped skipped;
  auto at = topic.unconfirmed.begin();
  for (; at != topic.unconfirmed.end() && at->id <= *entry.id; ++at) {
    if (at->id == *entry.id && at->pub == entry.pub) {
      skipped.found = true;
    } else if (at->id.n < entry.id->n) {
      ++skipped.count;
      skipped.newest = at->id;
    } else if (may_have_changed(topic)) {
      // Another message has its place: this one was forged, or the server has lost it.
      delivered_ids_.add_alone(topic.name, at->pub, at->content);
      skipped.gone = at->id;
    }
  }
  topic.unconfirmed.erase(topic.unconfirmed.begin(), at);
  // What a server with an older history and a slower clock stored again has a lower ID than it had.
  const auto same = [&](const Delivered& shown) {
    return !entry.pub.empty() && shown.pub == entry.pub && shown.content == content_of(entry);
  };
  skipped.found = skipped.found || (may_have_changed(topic) && std::ranges::any_of(topic.unconfirmed, same));
  return skipped;
}

void Subscriber::end_of_stream(Followed& topic, bool read_any) {
  topic.behind = false;
  if (options_.reverse || options_.to || options_.until || !topic.state.exists) return;
  const EntryId last = topic.state.last;
  Position& delivered = topic.delivered;
  if (!delivered.last_numbered) delivered.last_numbered = last;
  if (replica_lags(topic, read_any ? *delivered.last_numbered : last)) {
    topic.confirmed = delivered;
    delivered = {topic.unconfirmed.back().id, topic.unconfirmed.back().id};
    return;
  }
  EntryId shown = *delivered.last_numbered;
  // Told from the channel, but not in the stream: forged, unless the server lost its latest messages.
  for (const Delivered& one : std::exchange(topic.unconfirmed, {})) {
    if (!topic.reconnected) continue;
    delivered_ids_.add_alone(topic.name, one.pub, one.content);
    if (one.id.n > shown.n) shown = one.id;
  }
  const EntryId newest = read_any ? *delivered.last_numbered : last;
  if (shown.n > newest.n) {
    roll_back(topic, newest, shown);
    if (!read_any) delivered.at = last;
  } else if (!read_any && topic.reconnected && last < shown) {
    // As many messages, but with lower IDs: a slower clock has gone on from an older history.
    topic.older_history = true;
    notices_.lost(topic.name + ": Redis came back with another history up to " + last.str() +
                  ": of what was shown up to " + shown.str() +
                  " some is gone from it, and what took its place was not read");
    delivered.at = last;
  } else {
    delivered.last_numbered = shown;
  }
  if (last.n > delivered.last_numbered->n) {
    const std::uint64_t count = last.n - delivered.last_numbered->n;
    notices_.lost(topic.name + ": lost " + count_of(count) + " after " + delivered.last_numbered->str() +
                  " up to " + last.str() + ": trimmed before they could be read");
    delivered.at = std::max(delivered.at, last);
  }
  if (last.n > delivered.last_numbered->n || !read_any) delivered.last_numbered = last;
  topic.confirmed = delivered;
  topic.reconnected = false;
}

// Whether what was delivered from the channel may have been lost: not on the same connection to a master.
bool Subscriber::may_have_changed(const Followed& topic) const {
  return topic.reconnected || options_.replica;
}

// Whether a replica only doesn't have yet what was shown. On a new connection that is worth waiting for.
bool Subscriber::replica_lags(Followed& topic, EntryId newest) const {
  if (!options_.replica) return false;
  const EntryId shown =
      topic.unconfirmed.empty() ? *topic.delivered.last_numbered : topic.unconfirmed.back().id;
  if (shown.n <= newest.n) return false;
  if (!topic.reconnected) return !topic.unconfirmed.empty();
  if (Clock::now() < topic.caught_up_by) throw Outage("the replica has not yet what was shown");
  return false;
}

void Subscriber::roll_back(Followed& topic, EntryId to, EntryId from) {
  topic.older_history = true;
  notices_.lost(topic.name + ": Redis came back with an older history: " + count_of(from.n - to.n) +
                " up to " + from.str() + " that were shown are gone from it");
  topic.delivered.last_numbered = to;
}

void Subscriber::deliver(const Followed& topic, const Message& message) {
  if (stop_.requested()) {
    sink_.flush();
    throw Stopped();
  }
  if (!sink_.message(topic.name, message)) throw Enough();
}

void Subscriber::skip(const Followed& topic) {
  ++skipped_;
  notices_.warn(topic.name + ": skipped what is no chat message (" + std::to_string(skipped_) +
                " so far): " + why_);
}

void Subscriber::subscribe(const std::string& node, const Topics& topics) {
  auto at = pushes_.find(node);
  if (at == pushes_.end()) {
    at = pushes_.emplace(node, Pushes(pool_.open(node, no_deadline, stop_))).first;
    at->second.next_pulse = Clock::now() + pulse_time;
    subscribe(at->second, "SUBSCRIBE", {std::string(topics_channel)});
    // Some may have been added since they were looked up and before this is in force.
    topics_changed_ = !options_.patterns.empty();
  }
  Pushes& pushes = at->second;
  std::vector<std::string> channels;
  for (Followed* const topic : topics) {
    topic->subscribed = true;
    topic->behind = true;
    channels.push_back(topic->name);
    if (!options_.user.empty()) channels.push_back(presence_channel(topic->name, options_.user));
    if (!pool_.is_cluster()) continue;
    subscribe(pushes, "SSUBSCRIBE", std::exchange(channels, {}));  // no two slots at once
  }
  if (!channels.empty()) subscribe(pushes, "SUBSCRIBE", channels);
  while (pushes.confirmations_due > 0) {
    on_push(pushes, pushes.connection.receive(stop_).view());
  }
}

void Subscriber::subscribe(Pushes& pushes, std::string_view how, const std::vector<std::string>& channels) {
  std::vector<std::string_view> command{how};
  command.insert(command.end(), channels.begin(), channels.end());
  pushes.connection.append(command);
  pushes.confirmations_due += channels.size();
}

void Subscriber::follow() {
  for (auto next = pushes_.begin(); next != pushes_.end();) {
    const auto at = next++;
    const std::string node = at->first;
    with_retry(node, [&] { serve(node, at->second); });
  }
  wait_for_pushes();
}

void Subscriber::serve(const std::string& node, Pushes& pushes) {
  while (auto push = pushes.connection.next()) on_push(pushes, push->view());
  Topics behind = topics_at(node, [](const Followed& topic) { return topic.behind; });
  if (!behind.empty()) {
    refresh_topics(behind);
    catch_up(behind);
    for (Followed* const topic : behind) {
      if (std::exchange(topic->too_early, false)) {
        pushes.next_pulse = std::min(pushes.next_pulse, Clock::now() + soon);
      }
    }
  }
  if (pushes.connection.wants_write()) pushes.connection.flush();
}

void Subscriber::wait_for_pushes() {
  std::vector<pollfd> fds;
  for (const auto& [node, pushes] : pushes_) fds.push_back({pushes.connection.fd(), POLLIN, 0});
  fds.push_back({options_.watch_fd, 0, 0});
  if (wait(std::span(fds).first(pushes_.size()), Clock::now(), stop_) == 0) {
    if (stop_.requested() || !sink_.flush()) throw Stopped();
    if (!pulse()) return;
    wait(fds, next_deadline(), stop_);
  }
  if (fds.back().revents != 0) throw ClosedOutput();
  std::size_t i = 0;
  for (auto next = pushes_.begin(); next != pushes_.end(); ++i) {
    const auto at = next++;
    if (fds[i].revents != 0) with_retry(std::string(at->first), [&] { at->second.connection.fill(); });
  }
}

Deadline Subscriber::next_deadline() const {
  Deadline earliest = no_deadline;
  for (const auto& [node, pushes] : pushes_) earliest = std::min(earliest, pushes.next_pulse);
  return all_there() ? earliest : std::min(earliest, retry_.next_try());
}

Subscriber::Topics Subscriber::topics_at(const std::string& node, bool (*wanted)(const Followed&)) const {
  Topics found;
  for (const auto& [name, topic] : topics_) {
    if (!topic->away && wanted(*topic) && topic->node == node) found.push_back(topic.get());
  }
  return found;
}

void Subscriber::on_push(Pushes& pushes, ReplyView push) {
  throw_if_error(push, "subscribing");
  expect(push.size() >= 2, "SUBSCRIBE");
  if (push.size() < 3) return;
  const std::string_view kind = push[0].text();
  if ((kind == "subscribe" || kind == "ssubscribe") && pushes.confirmations_due > 0)
    --pushes.confirmations_due;
  const auto topic = topics_.find(push[1].text());
  if (kind == "message" && push[1].text() == topics_channel) {
    topics_changed_ = true;
    const auto changed = topics_.find(push[2].text());
    if (changed != topics_.end()) changed->second->behind = true;
  } else if (topic == topics_.end()) {
    return;
  } else if (kind == "message" || kind == "smessage") {
    on_live(*topic->second, push[2].text());
  } else if (kind == "sunsubscribe" && topic->second->subscribed) {
    // Its slot has moved to another node.
    move_away(*topic->second);
    pool_.invalidate();
  }
}

void Subscriber::on_live(Followed& topic, std::string_view payload) {
  if (!parse_payload(payload, message_, why_)) return skip(topic);
  if (!message_.id) return deliver(topic, message_);
  const EntryId id = *message_.id;
  Position& delivered = topic.delivered;
  if (topic.behind) return;
  if (id <= topic.confirmed.at && id.n <= topic.confirmed.last_numbered->n) return;
  if (id.n != delivered.last_numbered->n + 1 || id <= delivered.at ||
      topic.unconfirmed.size() >= most_ahead) {
    topic.behind = true;
    topic.too_early = options_.replica;
    return;
  }
  delivered = {id, id};
  const std::size_t content = content_of(message_);
  topic.unconfirmed.push_back({id, message_.pub, content});
  if (!topic.older_history || !delivered_ids_.contains(topic.name, message_.pub, content))
    deliver(topic, message_);
  const std::size_t often = std::clamp(most_of_all / topics_.size(), least_unconfirmed, most_unconfirmed);
  if (topic.unconfirmed.size() % often == 0) confirm(topic);
}

// The channel gave all real messages in order, so when the last one stands in the stream, all do.
void Subscriber::confirm(Followed& topic) {
  const Delivered& last = topic.unconfirmed.back();
  const std::string id = last.id.str();
  const Reply found = pool_.of(topic.name, stop_).command({"XRANGE", stream_key(topic.name), id, id}, stop_);
  Message entry;
  if (found.view().size() == 0 && options_.replica) return;  // not there yet
  if (found.view().size() != 1 || !parse_entry(found[0], entry, why_) || entry.pub != last.pub) {
    topic.behind = true;
    return;
  }
  for (const Delivered& shown : topic.unconfirmed)
    delivered_ids_.add(topic.name, shown.pub, shown.content, 1);
  topic.unconfirmed.clear();
  topic.confirmed = topic.delivered;
}

// Returns false when a node was lost.
bool Subscriber::pulse() {
  bool well = true;
  for (auto next = pushes_.begin(); next != pushes_.end();) {
    const auto at = next++;
    if (Clock::now() < at->second.next_pulse) continue;
    const std::string node = at->first;
    well = with_retry(node, [&] { pulse(node, at->second); }) && well;
  }
  return well;
}

void Subscriber::pulse(const std::string& node, Pushes& pushes) {
  const Deadline now = Clock::now();
  if (pushes.connection.asked() && pushes.connection.dead()) throw Outage("no answer in time");
  pushes.connection.append({"PING"});
  pushes.connection.flush();
  Topics topics = topics_at(node, [](const Followed&) { return true; });
  refresh_topics(topics);
  for (Followed* const topic : topics) {
    topic->behind =
        topic->behind || topic->state.last != topic->delivered.last_numbered || !topic->unconfirmed.empty();
  }
  pushes.next_pulse = now + pulse_time;
}

}  // namespace chat
