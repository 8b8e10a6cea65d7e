#include "chat/subscriber.h"

#include <algorithm>

#include "chat/topic_pattern.h"

namespace chat {

using namespace std::chrono_literals;

namespace {

constexpr auto pulse_time = 4s;
constexpr std::size_t most_unconfirmed = 8192;  // asking waits for what the server has to do before
constexpr std::size_t most_of_all = 8 * most_unconfirmed;  // of many topics together
constexpr std::size_t least_unconfirmed = 64;
constexpr std::size_t few = 16;  // read again instead of confirmed, so that others' entries are shown
constexpr auto time_to_catch_up = 15s;
constexpr auto soon = 50ms;

std::vector<std::string> names_of(const FollowedTopics& topics) {
  std::vector<std::string> names;
  for (const FollowedTopic* const topic : topics) names.push_back(topic->name);
  return names;
}

}  // namespace

Subscriber::Subscriber(ConnectionPool& pool, SubscriberOptions options, MessageSink& sink, Notices& notices)
    : pool_(pool),
      options_(std::move(options)),
      sink_(sink),
      notices_(notices),
      retry_(pool.endpoint(), options_.retry_for,
             {.warn = [this](const std::string& text) { notices_.warn(text); },
              .note = [this](const std::string& text) { notices_.note(text); }}),
      reader_(pool, options_, sink, notices, retry_) {}

Subscriber::End Subscriber::run(const StopToken& stop) {
  stop_ = stop;
  reader_.heed(stop);
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
  const bool outage_at_all = pool_.broke(outage);  // answers may be outstanding
  for (auto& [name, topic] : topics_) {
    if (topic->node == node) move_away(*topic);
  }
  if (!sink_.flush()) throw Stopped();
  if (outage_at_all) retry_.failed(outage, node);
}

void Subscriber::move_away(FollowedTopic& topic) {
  if (!topic.away) topic.caught_up_by = Clock::now() + time_to_catch_up;
  topic.away = true;
  topic.subscribed = false;
  topic.behind = true;
  topic.unsure = false;
  topic.expected.reset();
  if (topic.start_resolved) topic.account.reconnected();
}

bool Subscriber::all_there() const {
  return found_topics_ && !topics_changed_ && !(options_.live && pushes_.empty()) &&
         std::ranges::none_of(topics_, [](const auto& topic) { return topic.second->away; });
}

// Brings back the topics that are away, when the time for it has come. Returns whether all are there.
bool Subscriber::reconnect_all() {
  if (all_there()) return true;
  if (!retry_.due()) return false;
  std::map<std::string, FollowedTopics> away;
  bool well = with_retry("", [&] {
    pool_.begin(stop_);
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

void Subscriber::sync(const std::string& node, FollowedTopics topics) {
  const std::vector<std::string> names = names_of(topics);
  const bool newest =
      !options_.live || std::ranges::any_of(topics, [](const auto* topic) { return !topic->start_resolved; });
  ask_look_up(pool_, names, newest, stop_);
  if (options_.live) pushes_from(node);  // on its way meanwhile
  take_states(topics, take_look_up(pool_, names, newest, stop_));
  FollowedTopics behind;
  for (FollowedTopic* const topic : topics) {
    const bool at_end = options_.live && !topic->start_resolved && topic->start.kind == StartAt::Kind::now;
    if (!at_end) behind.push_back(topic);
    reader_.resolve_start(*topic);
    if (at_end && topic->state.newest.id == first_id) reader_.pass_empty(*topic);
  }
  reader_.catch_up(behind);
  if (options_.live) {
    subscribe(node, topics);
    reader_.catch_up(topics);
  }
  for (FollowedTopic* const topic : topics) topic->away = false;
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

FollowedTopic& Subscriber::follow_topic(const std::string& name, const StartAt& start) {
  heard_ = nullptr;
  std::unique_ptr<FollowedTopic>& topic = topics_[name];
  topic = std::make_unique<FollowedTopic>(name, start, delivered_ids_);
  return *topic;
}

void Subscriber::refresh_topics(FollowedTopics& topics) {
  take_states(topics, look_up(pool_, names_of(topics), stop_));
}

// Those that are not there any more are left out.
void Subscriber::take_states(FollowedTopics& topics, const std::vector<TopicState>& states) {
  FollowedTopics there;
  for (std::size_t i = 0; i < topics.size(); ++i) {
    FollowedTopic& topic = *topics[i];
    topic.state = states[i];
    if (topic.state.exists) {
      there.push_back(&topic);
    } else {
      if (topic.start_resolved) reader_.catch_up({&topic});  // with the last words before it was removed
      forget(topic);
    }
  }
  topics = std::move(there);
  if (topics_.empty() && !options_.wait_for_topics) {
    throw Error(Failure::no_topic, "no topic is left to follow");
  }
}

void Subscriber::forget(const FollowedTopic& topic) {
  const std::string name = topic.name;
  if (!topic.start_resolved && topic.by_name) require_topic(pool_, name, stop_);
  if (topic.start_resolved) notices_.note("topic " + name + " was removed");
  if (topic.subscribed) {
    pushes_.at(topic.node)
        .connection.append({pool_.is_cluster() ? "SUNSUBSCRIBE" : "UNSUBSCRIBE", name,
                            presence_channel(name, options_.user)});
  }
  if (topic.start_resolved) left_off_[name] = topic.account.position();
  heard_ = nullptr;
  topics_.erase(name);
}

Subscriber::Pushes& Subscriber::pushes_from(const std::string& node) {
  auto at = pushes_.find(node);
  if (at == pushes_.end()) at = pushes_.emplace(node, Pushes(pool_.open(node, no_deadline, stop_))).first;
  return at->second;
}

void Subscriber::subscribe(const std::string& node, const FollowedTopics& topics) {
  Pushes& pushes = pushes_from(node);
  if (!std::exchange(pushes.used, true)) {
    subscribe(pushes, "SUBSCRIBE", {std::string(topics_channel)});
    // Some may have been added since they were looked up and before this is in force.
    topics_changed_ = !options_.patterns.empty();
  }
  pushes.next_pulse = Clock::now();  // some may have been removed meanwhile
  std::vector<std::string> channels;
  for (FollowedTopic* const topic : topics) {
    topic->subscribed = true;
    topic->behind = true;
    channels.push_back(topic->name);
    if (!options_.user.empty()) channels.push_back(presence_channel(topic->name, options_.user));
    if (!pool_.is_cluster()) continue;
    subscribe(pushes, "SSUBSCRIBE", std::exchange(channels, {}));  // no two slots at once
  }
  if (!channels.empty()) subscribe(pushes, "SUBSCRIBE", channels);
  while (pushes.confirmations_due > 0) {
    on_push(node, pushes, pushes.connection.receive(stop_).view());
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
  while (auto push = pushes.connection.next()) on_push(node, pushes, push->view());
  FollowedTopics behind = topics_at(node, [](const FollowedTopic& topic) { return topic.behind; });
  if (!behind.empty()) {
    refresh_topics(behind);
    reader_.catch_up(behind);
    for (FollowedTopic* const topic : behind) {
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
  const bool more = std::exchange(more_, false) && !stop_.requested();
  if (more && pushes_.size() == 1) {  // it needs not be asked
    fds.front().revents = POLLIN;
  } else if (!more || wait(std::span(fds).first(pushes_.size()), Clock::now(), stop_) == 0) {
    if (!confirm_unsure()) return;
    if (stop_.requested() || !sink_.flush()) throw Stopped();
    if (!pulse()) return;
    wait(fds, next_deadline(), stop_);
  }
  if (fds.back().revents != 0) throw ClosedOutput();
  std::size_t i = 0;
  for (auto next = pushes_.begin(); next != pushes_.end(); ++i) {
    const auto at = next++;
    if (fds[i].revents != 0)
      with_retry(std::string(at->first), [&] { more_ |= at->second.connection.fill(); });
  }
}

Deadline Subscriber::next_deadline() const {
  Deadline earliest = no_deadline;
  for (const auto& [node, pushes] : pushes_) earliest = std::min(earliest, pushes.next_pulse);
  return all_there() ? earliest : std::min(earliest, retry_.next_try());
}

FollowedTopics Subscriber::topics_at(const std::string& node, bool (*wanted)(const FollowedTopic&)) const {
  FollowedTopics found;
  for (const auto& [name, topic] : topics_) {
    if (!topic->away && wanted(*topic) && topic->node == node) found.push_back(topic.get());
  }
  return found;
}

void Subscriber::on_push(const std::string& node, Pushes& pushes, ReplyView push) {
  throw_if_error(push, "subscribing");
  expect(push.size() >= 2, "SUBSCRIBE");
  if (push.size() < 3) return on_pong(node, pushes);
  const std::string_view kind = push[0].text();
  const std::string_view channel = push[1].text();
  const bool message = kind == "message" || kind == "smessage";
  if (message && channel == topics_channel) {
    topics_changed_ = true;
    const auto changed = topics_.find(push[2].text());
    if (changed != topics_.end()) changed->second->behind = true;
    return;
  }
  if (!message && (kind == "subscribe" || kind == "ssubscribe") && pushes.confirmations_due > 0) {
    --pushes.confirmations_due;
  }
  if (heard_ == nullptr || heard_->name != channel) {
    const auto topic = topics_.find(channel);
    if (topic == topics_.end()) return;
    heard_ = topic->second.get();
  }
  if (message) {
    on_live(*heard_, push[2].text());
  } else if (kind == "sunsubscribe" && heard_->subscribed) {
    // Its slot has moved to another node.
    move_away(*heard_);
    pool_.invalidate();
  }
}

void Subscriber::on_live(FollowedTopic& topic, std::string_view payload) {
  const std::size_t before = topic.account.unconfirmed_count();
  reader_.on_live(topic, payload);
  const std::size_t count = topic.account.unconfirmed_count();
  if (count == before) return;
  if (topic.account.needs_confirmation()) any_unsure_ = true;
  if (count % least_unconfirmed != 0) return;  // to divide takes its time
  const std::size_t most = std::clamp(most_of_all / topics_.size(), least_unconfirmed, most_unconfirmed);
  if (count % (most - most % least_unconfirmed) == 0) reader_.confirm({&topic});
}

// What was published before the topics' states were known has come before this.
void Subscriber::on_pong(const std::string& node, Pushes& pushes) {
  if (pushes.pongs_due > 0) --pushes.pongs_due;
  for (FollowedTopic* const topic :
       topics_at(node, [](const FollowedTopic& one) { return one.expected.has_value(); })) {
    const EntryId expected = *std::exchange(topic->expected, std::nullopt);
    const Account& account = topic->account;
    const bool all = account.newest_delivered() >= expected;
    if (all && account.unconfirmed_count() == 0) continue;
    (all && account.unconfirmed_count() > few ? topic->unsure : topic->behind) = true;
    any_unsure_ = any_unsure_ || topic->unsure;
  }
}

// What a PONG has left unsure, and a topic's first message before it is shown: from then on it can be told
// when the history changes. Returns whether there is time to wait.
bool Subscriber::confirm_unsure() {
  if (!std::exchange(any_unsure_, false)) return true;
  std::map<std::string, FollowedTopics> unsure;
  for (const auto& [name, topic] : topics_) {
    if (topic->away || !(topic->unsure || topic->account.needs_confirmation())) continue;
    unsure[topic->node].push_back(topic.get());
  }
  bool well = true;
  for (const auto& at : unsure) {
    well = with_retry(at.first, [&] { reader_.confirm(at.second); }) && well &&
           std::ranges::none_of(at.second, &FollowedTopic::behind);
  }
  return well;
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
  FollowedTopics topics = topics_at(node, [](const FollowedTopic&) { return true; });
  refresh_topics(topics);
  for (FollowedTopic* const topic : topics) {
    if (topic->account.newest_delivered() > topic->state.last) topic->behind = true;
    if (pushes.pongs_due == 0) topic->expected = topic->state.last;
  }
  pushes.connection.append({"PING"});
  pushes.connection.flush();
  ++pushes.pongs_due;
  if (++pulses_ % options_.list_every == 0) topics_changed_ = !options_.patterns.empty();
  pushes.next_pulse = now + pulse_time;
}

}  // namespace chat
