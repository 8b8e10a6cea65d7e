// How a Publisher's batches are sent, acknowledged, and sent again.

#include <algorithm>
#include <charconv>

#include "chat/history.h"
#include "chat/publish_script.h"
#include "chat/publisher.h"
#include "chat/topic.h"

namespace chat {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t header_arguments = 17;  // EVALSHA, its hash, the number of keys, 3 keys, 11 of ARGV
constexpr std::size_t most_unsent = std::size_t{256} * 1024;  // in a copy
constexpr auto replica_time = 1000ms;
constexpr auto key_outlives = 60s;  // the time of a batch, and an outage
constexpr std::chrono::milliseconds longest_lease = 24h;
constexpr unsigned most_refusals = 12;  // one after the other; a lease is doubled up to 11 times
constexpr auto clocks_differ = 10min;

}  // namespace

// What is stored from now on has a higher ID, or is refused.
EntryId Publisher::guess_after() const {
  return {static_cast<std::uint64_t>((server_time() - clocks_differ).count()), UINT64_MAX};
}

void Publisher::connect(const std::string& topic) {
  connection_ = nullptr;
  const StopToken until = retry_.until_give_up(until_);
  pool_.refresh(no_deadline, until);
  node_ = pool_.node(topic);
  connection_ = &pool_.of(topic, until);
}

void Publisher::load_script() {
  connection_->append({"SCRIPT", "LOAD", publish_script});
  const Reply loaded = connection_->receive(retry_.until_give_up(until_));
  throw_if_error(loaded.view());
  expect(loaded.view().text() == publish_script_sha1, "SCRIPT LOAD");
}

std::size_t Publisher::replies_of(const Batch& batch) const {
  if (options_.ephemeral) return batch.records.size();
  return options_.wait_replicas > 0 ? 2 : 1;
}

void Publisher::append_header(Batch& batch) {
  const Topic& topic = topics_[batch.topic];
  const bool lasting = !options_.import_id.empty();
  const auto ttl = std::chrono::ceil<std::chrono::seconds>(options_.retry_for) + key_outlives;
  const auto by = server_time() + options_.lease;
  last_by_ = std::max(last_by_, by);
  std::string header;
  header.reserve(512);
  append_array_header(header, header_arguments + batch.arguments);
  append_bulk(header, "EVALSHA");
  append_bulk(header, publish_script_sha1);
  append_bulk(header, "3");
  append_bulk(header, stream_key(topic.name));
  append_bulk(header, info_key(topic.name));
  append_bulk(header, publisher_key(topic.name, id_));
  append_bulk(header, topic.name);
  append_bulk(header, id_);
  append_bulk(header, std::to_string(batch.first_sequence));
  append_bulk(header, std::to_string(topic.acknowledged));
  append_bulk(header, lasting ? "0" : std::to_string(ttl.count()));
  append_bulk(header, publish_command());
  append_bulk(header, std::to_string(by.count()));
  append_bulk(header, std::to_string(std::chrono::milliseconds(last_by_ + key_outlives).count()));
  append_bulk(header, std::to_string(batch.sent_first));
  append_bulk(header, std::to_string(batch.sent_last));
  append_bulk(header, topic.after.str());
  connection_->append_encoded(header);
  batch.sent_last = std::max(batch.sent_last, static_cast<std::uint64_t>(by.count()));
  if (batch.sent_first == 0) batch.sent_first = batch.sent_last;
}

// Returns whether the batch can be sent now: one for another node waits until this one has answered.
bool Publisher::connect_for(const Batch& batch) {
  const std::string& topic = topics_[batch.topic].name;
  if (pool_.cached(topic) == connection_) return true;
  if (due_ > 0) return false;
  connect(topic);
  return true;
}

void Publisher::send() {
  while (!going_back_ && sent_ < queue_.size() && connect_for(queue_[sent_])) {
    if (connection_->unsent() >= most_unsent) connection_->flush();
    if (connection_->unsent() >= most_unsent) break;
    Batch& batch = queue_[sent_++];
    batch.sent = window_.mark();
    if (!options_.ephemeral) append_header(batch);
    connection_->append_encoded(batch.body);
    if (options_.ephemeral) std::string().swap(batch.body);  // never sent again
    if (options_.wait_replicas > 0 && !options_.ephemeral) {
      connection_->append(
          {"WAIT", std::to_string(options_.wait_replicas), std::to_string(replica_time.count())});
    }
    due_ += replies_of(batch);
  }
  if (connection_->wants_write()) connection_->flush();
}

void Publisher::on_reply(ReplyView reply) {
  if (due_ == 0) throw Outage("an answer to nothing: this is not Redis's protocol");
  --due_;
  if (going_back_) {
    all_refused_ = all_refused_ && reply.is_error();
    if (due_ == 0) repair_and_resend();
    return;
  }
  if (options_.ephemeral) {  // what is refused, or no answer, acknowledges nothing
    if (reply.is_error()) throw_if_error(reply, "PUBLISH " + topics_[queue_.front().topic].name);
    expect(reply.is_integer(), "PUBLISH");
  }
  ++front_replies_;
  const bool last = front_replies_ == replies_of(queue_.front());
  if (options_.ephemeral) {
    if (last) acknowledge_front();
    return;
  }
  if (front_replies_ == 1 && reply.is_error()) return on_refusal(reply.text());
  if (front_replies_ == 1) {
    on_stored(PublishReply::read(reply));
  } else if (static_cast<std::uint64_t>(reply.integer()) < options_.wait_replicas) {
    // Another server may have taken over, and this one is cut off from its replicas: look for it.
    throw Outage("only " + std::to_string(reply.integer()) + " of " + std::to_string(options_.wait_replicas) +
                 " replicas have it");
  }
  if (last) acknowledge_front();
}

void Publisher::on_refusal(std::string_view error) {
  const auto number = [&error] {
    std::uint64_t value = 0;
    const std::size_t at = error.find(' ') + 1;
    std::from_chars(error.data() + at, error.data() + error.size(), value);
    return value;
  };
  if (error.starts_with("NOSCRIPT")) return go_back(Repair::load_script, error);
  if (error.starts_with("NOTOPIC")) return go_back(Repair::check_topic, error);
  if (error.starts_with("CLUSTER ")) return go_back(Repair::none, error);  // HELLO has told that
  const Batch& batch = queue_.front();
  if (error.starts_with("HOLE")) {  // what was acknowledged together with later ones is gone
    Topic& topic = topics_[batch.topic];
    if (topic.acknowledged < batch.first_sequence - 1) topic.after.n = UINT64_MAX;  // stands for none
    topic.acknowledged = batch.first_sequence - 1;
    return go_back(Repair::none, error);
  }
  if (error.starts_with("LATE")) {  // the clock has stepped, or so large a batch takes longer
    heard_time(std::chrono::milliseconds(number()));
    // The position may have expired, too. If the clock comes back, nothing but the stream tells.
    for (Batch& one : queue_) one.sent_first = std::min<std::uint64_t>(one.sent_first, 1);
    options_.lease = std::min(2 * options_.lease, longest_lease);
    Topic& topic = topics_[batch.topic];
    if (topic.after.n == UINT64_MAX) topic.after = std::min(topic.after, guess_after());
    return go_back(Repair::none, error);
  }
  if (error.starts_with("GONE")) {
    throw Error(Failure::again, "Redis came back with an older history: of what it had acknowledged, " +
                                    std::to_string(batch.first_sequence - 1 - number()) +
                                    " messages before record " + std::to_string(batch.records.front()) +
                                    " are gone from " + topics_[batch.topic].name +
                                    "; run the same again: it publishes what is missing");
  }
  if (error.starts_with("UNSURE")) {
    const std::string why(error.substr(error.find(' ') + 1));
    throw Error(Failure::again, "Redis has forgotten how far this run came in " + topics_[batch.topic].name +
                                    (why == "trimmed" ? ", and what would tell has been trimmed"
                                                      : ", and this user may not look it up (" + why + ")") +
                                    ": record " + std::to_string(batch.records.front()) +
                                    " may be stored or not" + unacknowledged(batch.records.front()));
  }
  // It may tell more. But what the script wasn't allowed to do may come after what it has stored.
  const bool in_script = is_denied(error) && error.starts_with("ERR");
  if (!topics_[batch.topic].seen && !is_temporary(error) && !in_script) return go_back(Repair::look, error);
  refuse(batch.records.front(), error);
}

// An error that ends the run is told with the record it hit.
void Publisher::refuse(std::uint64_t record, std::string_view error) const {
  const std::string text = publish_error_text(error, topics_[queue_.front().topic].name);
  if (is_temporary(error)) throw Outage(text);
  throw Error(is_denied(error) ? Failure::denied : Failure::unreachable, text + unacknowledged(record));
}

void Publisher::on_stored(const PublishReply& reply) {
  Batch& batch = queue_.front();
  Topic& topic = topics_[batch.topic];
  heard_time(reply.now);
  const std::uint64_t expected = batch.first_sequence - 1;
  const Position& before = reply.before;
  if (reply.gone > 0) {
    warn("Redis came back with an older history: of what it had acknowledged, " + std::to_string(reply.gone) +
         " messages before record " + std::to_string(batch.records.front()) + " are gone from " + topic.name);
  }
  if (reply.failure) {
    const std::uint64_t stored = reply.last.sequence - expected;
    refuse(batch.records[std::min<std::size_t>(stored, batch.records.size() - 1)], *reply.failure);
  }
  expect(reply.last.sequence == expected + batch.records.size(), "EVALSHA");
  const bool anything_new = reply.last.sequence > before.sequence;
  topic.max_len = reply.max_len;
  if (anything_new) topic.stored += reply.last.sequence - std::max(before.sequence, expected);
  front_last_.reset();
  if (anything_new) front_last_ = reply.last.id;
  if (before.sequence == reply.last.sequence) front_last_ = before.id;  // else it is a later batch's
  if (options_.stored) front_ids_ = ids_of(batch, reply);
}

std::vector<EntryId> Publisher::ids_of(const Batch& batch, const PublishReply& reply) {
  std::vector<EntryId> ids;
  const Position& before = reply.before;
  // What stands before the position is of other batches, with others' messages in between.
  if (before.sequence >= batch.first_sequence + batch.records.size()) return ids_in_stream(batch);
  for (std::size_t i = 0; i < batch.records.size(); ++i) {
    const std::uint64_t mine = batch.first_sequence + i;
    const Position& known = mine <= before.sequence ? before : reply.last;
    ids.push_back({known.id.ms, known.id.n - (known.sequence - mine)});
  }
  return ids;
}

std::vector<EntryId> Publisher::ids_in_stream(const Batch& batch) {
  const Topic& topic = topics_[batch.topic];
  const StopToken until = retry_.until_give_up(until_);
  Connection connection = pool_.open(node_, no_deadline, until);
  History history(topic.name, {.after = topic.after});
  std::vector<EntryId> ids;
  Message message;
  std::string why;
  for (history.ask(connection); history.asked() && ids.size() < batch.records.size();) {
    const Reply page = history.take(connection, until);
    for (std::size_t i = 0; i < page.view().size() && ids.size() < batch.records.size(); ++i) {
      parse_entry(page[i], message, why);
      const std::string wanted = id_ + "-" + std::to_string(batch.first_sequence + ids.size());
      if (message.pub == wanted) ids.push_back(*message.id);
    }
  }
  if (ids.size() == batch.records.size()) return ids;
  throw Error(Failure::again,
              "what was stored before the connection broke is trimmed already, and its IDs are not known" +
                  unacknowledged(batch.records.front()));
}

void Publisher::acknowledge_front() {
  const Batch& batch = queue_.front();
  Topic& topic = topics_[batch.topic];
  if (front_last_) {
    topic.acknowledged = batch.first_sequence + batch.records.size() - 1;
    topic.after = *front_last_;
  }
  topic.seen = true;
  for (std::size_t i = 0; i < front_ids_.size(); ++i) options_.stored(batch.records[i], front_ids_[i]);
  front_ids_.clear();
  window_.answered(batch.sent, batch.bytes);
  queued_bytes_ -= batch.bytes;
  queue_.pop_front();
  --sent_;
  front_replies_ = 0;
  refusals_ = 0;
  refused_since_ = {};
  retry_.succeeded();
  flush();
}

void Publisher::go_back(Repair repair, std::string_view why) {
  // A server that refuses for ever is an outage.
  if (refused_since_ == Deadline{}) refused_since_ = Clock::now();
  if (++refusals_ > most_refusals && Clock::now() > refused_since_ + 2s)
    throw Outage(publish_error_text(why, topics_[queue_.front().topic].name));
  going_back_ = true;
  all_refused_ = true;
  repair_ = repair;
  front_replies_ = 0;
  if (due_ == 0) repair_and_resend();
}

void Publisher::repair_and_resend() {
  const Repair repair = std::exchange(repair_, Repair::none);
  if (repair == Repair::load_script) load_script();
  if (repair == Repair::look || repair == Repair::check_topic) {
    const StopToken until = retry_.until_give_up(until_);
    Topic& topic = topics_[queue_.front().topic];
    const std::string& name = topic.name;
    if (!look_up(pool_, name, until).exists && !options_.create) {
      if (!topic.seen) require_topic(pool_, name, until);
      throw Error(Failure::no_topic,
                  "topic \"" + name + "\" was removed" + unacknowledged(queue_.front().records.front()));
    }
    topic.seen = true;
    if (repair == Repair::check_topic) add_topic(pool_, name, {}, until, lost_connection_);
  }
  going_back_ = false;
  sent_ = 0;
  if (!lost_connection_ && all_refused_) {  // all that was sent has been answered
    for (Batch& batch : queue_) batch.sent_first = batch.sent_last = 0;
  }
  send();
}

void Publisher::drop_connection() {
  connection_ = nullptr;
  window_ = SendWindow(!options_.ephemeral);
  refusals_ = 0;
  due_ = 0;
  going_back_ = false;
  repair_ = Repair::none;
  if (options_.ephemeral) {
    for (; sent_ > 0; --sent_) {
      const Batch& batch = queue_.front();
      const std::uint64_t first = batch.records[front_replies_];
      lost_from_ = std::min(first, lost_from_.value_or(first));
      lost_ += batch.records.size() - front_replies_;
      front_replies_ = 0;
      queued_bytes_ -= batch.bytes;
      queue_.pop_front();
    }
  }
  front_replies_ = 0;
  sent_ = 0;
}

void Publisher::lose_connection(const Outage& outage) {
  if (!pool_.broke(outage)) {  // nothing can have been stored yet
    for (Batch& batch : queue_) batch.sent_first = batch.sent_last = 0;
    return drop_connection();
  }
  lost_connection_ = true;
  drop_connection();
  if (!done()) naming_first_record([&] { retry_.failed(outage, node_); });
}

void Publisher::heard_time(std::chrono::milliseconds now) { clocks_[node_] = now - time_since_boot(); }

std::chrono::milliseconds Publisher::server_time() const {
  const auto known = clocks_.find(node_);
  if (known != clocks_.end()) return time_since_boot() + known->second;
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch());
}

}  // namespace chat
