#include "chat/publisher.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <random>

#include "base/error.h"
#include "chat/publish_script.h"
#include "redis/slots.h"

namespace chat {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t window = 8;
constexpr std::size_t batch_messages = 128;
constexpr std::size_t batch_bytes = std::size_t{64} * 1024;
constexpr std::size_t open_bytes = std::size_t{256} * 1024;
constexpr std::size_t window_bytes = std::size_t{1024} * 1024;
constexpr std::size_t count_digits = 6;
constexpr std::size_t header_arguments = 12;  // EVALSHA, its hash, the number of keys, 3 keys, 6 of ARGV
constexpr auto replica_time = 1000ms;
constexpr std::size_t run_arguments = 5;
constexpr auto time_to_finish = 5s;  // after a stop

std::string random_id() {
  static constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789";
  std::random_device random;
  std::uniform_int_distribution<std::size_t> pick(0, letters.size() - 1);
  std::string id(8, ' ');
  for (char& c : id) c = letters[pick(random)];
  return id;
}

// A position as the script keeps it: `sequence ms n`.
struct Position {
  std::uint64_t sequence = 0;
  EntryId id;
};

Position parse_position(std::string_view text) {
  Position position;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (std::uint64_t* value : {&position.sequence, &position.id.ms, &position.id.n}) {
    at = std::from_chars(at, end, *value).ptr;
    if (at != end) ++at;
  }
  return position;
}

}  // namespace

Publisher::Publisher(ConnectionPool& pool, PublisherOptions options, const StopToken& stop)
    : pool_(pool),
      options_(std::move(options)),
      id_(options_.import_id.empty() ? random_id() : options_.import_id),
      stop_(stop),
      retry_(pool.endpoint(), options_.retry_without_end ? std::nullopt : std::optional(options_.retry_for),
             {.warn = options_.warn, .note = options_.note}) {
  pool.refresh(no_deadline, stop);
}

void Publisher::connect(const std::string& topic) {
  connection_ = nullptr;
  pool_.refresh(retry_.give_up_at(), {});
  node_ = pool_.node(topic);
  connection_ = &pool_.of(topic, {}, retry_.give_up_at());
  if (script_sha_.empty()) load_script();
}

void Publisher::load_script() {
  if (options_.ephemeral) return;
  connection_->append({"SCRIPT", "LOAD", publish_script});
  const Reply loaded = connection_->receive(retry_.give_up_at(), {});
  throw_if_error(loaded.view());
  expect(loaded.view().text().size() == 40, "SCRIPT LOAD");
  script_sha_ = loaded.view().text();
}

// What gives up tells the first record that is not acknowledged.
template <typename Try>
void Publisher::naming_first_record(const Try& attempt) const {
  try {
    attempt();
  } catch (const Error& error) {
    const auto first = first_unacknowledged();
    if (error.failure() != Failure::again || !first) throw;
    throw Error(Failure::again, error.what() + unacknowledged(*first));
  }
}

std::string_view Publisher::publish_command() const { return pool_.is_cluster() ? "SPUBLISH" : "PUBLISH"; }

std::size_t Publisher::topic(const std::string& name) {
  for (std::size_t i = 0; i < topics_.size(); ++i) {
    if (topics_[i].name == name) return i;
  }
  check_topic(name);
  while (!finish(Clock::now() + time_to_finish)) stop_if_requested();
  Topic topic;
  topic.name = name;
  topic.slot = hash_slot(name);
  append_array_header(topic.publish_command, 3);
  append_bulk(topic.publish_command, publish_command());
  append_bulk(topic.publish_command, name);
  connection_ = nullptr;
  const auto look = [&](const StopToken& until) {
    const bool exists = look_up(pool_, name, until).exists;
    if (!exists && options_.create) {
      add_topic(pool_, name, {}, until);
    } else if (!exists) {
      require_topic(pool_, name, until);
    }
    if (options_.import_id.empty()) return;
    const Reply place = pool_.of(name, until).command({"HGET", info_key(name), "import:" + id_}, until);
    topic.skip_to = parse_position(place.view().text()).sequence;
  };
  naming_first_record([&] { with_retry(pool_, retry_, stop_, look); });
  topics_.push_back(std::move(topic));
  return topics_.size() - 1;
}

bool Publisher::queue_full() const {
  const std::size_t most = options_.stored ? 1 : window;
  return queue_.size() >= most || queued_bytes_ >= window_bytes;
}

bool Publisher::has_room() const {
  if (options_.stored && queue_.size() >= window) return false;
  return !full_ || !queue_full();
}

void Publisher::start_run(Topic& topic, std::string_view user, std::int64_t timestamp, bool plain) {
  Run& run = topic.run;
  run.user = user;
  run.timestamp = timestamp;
  run.plain = plain;
  run.count = 0;
  run.head = "{\"user\": \"";
  append_json_escaped(run.head, user);
  run.head += "\", \"message\": \"";
  run.tail = "\", \"timestamp\": " + std::to_string(timestamp) + "}";
  if (options_.ephemeral) return;
  std::string& body = topic.building.body;
  append_bulk(body, std::string(count_digits, '0'));
  run.count_at = body.size() - 2 - count_digits;
  append_bulk(body, plain ? "1" : "0");
  append_bulk(body, user);
  append_bulk(body, run.head);
  append_bulk(body, std::to_string(timestamp));
  topic.building.arguments += run_arguments;
}

void Publisher::add(std::size_t topic, std::string_view user, std::int64_t timestamp, std::string_view text,
                    std::uint64_t record) {
  Topic& to = topics_[topic];
  const std::uint64_t sequence = to.next_sequence++;
  if (sequence <= to.skip_to) {
    to.acknowledged = sequence;
    return;
  }
  const bool in_order = options_.stored && !open_.empty() && open_.front() != topic;
  if (full_ || in_order) close_batches();
  Batch& batch = to.building;
  Run& run = to.run;
  const bool plain = plain_json(text);
  const bool first = batch.records.empty();
  const std::size_t size = batch.body.size();
  if (first) {
    open_.push_back(topic);
    batch.topic = topic;
    batch.first_sequence = sequence;
    if (!queue_.empty()) {  // most likely it gets as long
      batch.records.reserve(queue_.back().records.size());
      batch.body.reserve(queue_.back().body.size());
    }
  }
  if (first || run.plain != plain || run.timestamp != timestamp || run.user != user) {
    start_run(to, user, timestamp, plain);
  }
  batch.records.push_back(record);
  append_message(to, text, plain);
  open_bytes_ += batch.body.size() - size;
  full_ =
      batch.records.size() >= batch_messages || batch.body.size() >= batch_bytes || open_bytes_ >= open_bytes;
}

void Publisher::append_message(Topic& topic, std::string_view text, bool plain) {
  Batch& batch = topic.building;
  Run& run = topic.run;
  std::string_view json = text;
  if (!plain) {
    scratch_.clear();
    append_message_json(scratch_, text);
    json = scratch_;
  }
  if (options_.ephemeral) {
    batch.body += topic.publish_command;
    append_bulk(batch.body, {run.head, json, run.tail});
    return;
  }
  ++run.count;
  std::size_t value = run.count;
  for (std::size_t i = count_digits; value > 0; value /= 10) {
    batch.body[run.count_at + --i] = static_cast<char>('0' + value % 10);
  }
  append_bulk(batch.body, text);
  ++batch.arguments;
  if (plain) return;
  append_bulk(batch.body, json);
  ++batch.arguments;
}

void Publisher::close_batches() {
  // A node serves ranges of slots, so that its batches come one after the other.
  if (pool_.is_cluster()) {
    std::ranges::sort(open_, {}, [this](std::size_t topic) { return topics_[topic].slot; });
  }
  for (const std::size_t topic : open_) {
    Batch& building = topics_[topic].building;
    queued_bytes_ += building.body.size();
    queue_.push_back(std::exchange(building, {}));
  }
  open_.clear();
  open_bytes_ = 0;
  full_ = false;
}

void Publisher::flush() {
  if (!open_.empty() && !queue_full()) close_batches();
}

int Publisher::fd() const { return connection_ != nullptr ? connection_->fd() : -1; }

short Publisher::events() const {
  return static_cast<short>(connection_ != nullptr && connection_->wants_write() ? POLLIN | POLLOUT : POLLIN);
}

Deadline Publisher::deadline() const {
  if (done()) return no_deadline;
  Deadline earliest = no_deadline;
  if (connection_ == nullptr) earliest = retry_.next_try();
  if (due_ > 0) earliest = connection_->dead_at();
  return std::min(earliest, retry_.give_up_at());
}

void Publisher::step(short ready_events) {
  try {
    if (connection_ == nullptr && !queue_.empty() && retry_.due()) {
      connect(topics_[queue_.front().topic].name);
    }
    if (connection_ != nullptr) {
      send();
      const bool late = due_ > 0 && Clock::now() >= connection_->dead_at();
      if ((ready_events & ~POLLOUT) != 0 || late) {  // late may be this program alone
        connection_->fill();
        while (const auto reply = connection_->next()) on_reply(reply->view());
        send();
      }
      if (due_ > 0 && connection_->dead()) throw Outage("no answer in time");
    }
  } catch (const Outage& outage) {
    lose_connection(outage);
  }
  naming_first_record([this] { retry_.give_up_if_late(); });
}

bool Publisher::finish(Deadline deadline) {
  while (true) {
    flush();
    step(0);
    if (done()) return true;
    if (Clock::now() >= deadline) return false;
    pollfd ready{fd(), events(), 0};
    wait({&ready, 1}, std::min(deadline, this->deadline()), {});
    step(ready.revents);
  }
}

std::size_t Publisher::replies_of(const Batch& batch) const {
  if (options_.ephemeral) return batch.records.size();
  return options_.wait_replicas > 0 ? 2 : 1;
}

void Publisher::append_header(const Batch& batch) {
  const Topic& topic = topics_[batch.topic];
  const bool lasting = !options_.import_id.empty();
  const auto ttl = std::chrono::ceil<std::chrono::seconds>(options_.retry_for) + 60s;
  scratch_.clear();
  append_array_header(scratch_, header_arguments + batch.arguments);
  append_bulk(scratch_, "EVALSHA");
  append_bulk(scratch_, script_sha_);
  append_bulk(scratch_, "3");
  append_bulk(scratch_, stream_key(topic.name));
  append_bulk(scratch_, info_key(topic.name));
  append_bulk(scratch_, publisher_key(topic.name, id_));
  append_bulk(scratch_, topic.name);
  append_bulk(scratch_, id_);
  append_bulk(scratch_, std::to_string(batch.first_sequence));
  append_bulk(scratch_, std::to_string(topic.acknowledged));
  append_bulk(scratch_, lasting ? "0" : std::to_string(ttl.count()));
  append_bulk(scratch_, publish_command());
  connection_->append_encoded(scratch_);
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
  // Where IDs are asked for, what was stored of a batch before an outage must be all that its answer tells.
  const std::size_t most = options_.stored ? 1 : queue_.size();
  while (!going_back_ && sent_ < std::min(most, queue_.size()) && connect_for(queue_[sent_])) {
    const Batch& batch = queue_[sent_++];
    if (!options_.ephemeral) append_header(batch);
    connection_->append_encoded(batch.body);
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
    if (due_ == 0) repair_and_resend();
    return;
  }
  ++front_replies_;
  const bool last = front_replies_ == replies_of(queue_.front());
  if (options_.ephemeral) {
    if (reply.is_error()) throw_if_error(reply, "PUBLISH " + topics_[queue_.front().topic].name);
    expect(reply.is_integer(), "PUBLISH");
  } else if (front_replies_ == 1 && reply.is_error()) {
    return on_refusal(reply.text());
  } else if (front_replies_ == 1) {
    on_stored(reply);
  } else if (static_cast<std::uint64_t>(reply.integer()) < options_.wait_replicas) {
    // Another server may have taken over, and this one is cut off from its replicas: look for it.
    throw Outage("only " + std::to_string(reply.integer()) + " of " + std::to_string(options_.wait_replicas) +
                 " replicas have it");
  }
  if (last) acknowledge_front();
}

void Publisher::on_refusal(std::string_view error) {
  if (error.starts_with("NOSCRIPT")) return go_back(Repair::load_script);
  if (error.starts_with("HOLE")) return go_back(Repair::none);
  if (error.starts_with("NOTOPIC")) return go_back(Repair::check_topic);
  refuse(queue_.front().records.front(), error);
}

// An error that ends the run is told with the record it hit.
void Publisher::refuse(std::uint64_t record, std::string_view error) const {
  const std::string text = answer_text(error, "EVALSHA on " + stream_key(topics_[queue_.front().topic].name));
  if (is_temporary(error)) throw Outage(text);
  throw Error(is_denied(error) ? Failure::denied : Failure::unreachable, text + unacknowledged(record));
}

void Publisher::on_stored(ReplyView reply) {
  expect(reply.size() >= 5, "EVALSHA");
  Batch& batch = queue_.front();
  Topic& topic = topics_[batch.topic];
  const auto sequence = static_cast<std::uint64_t>(reply[1].integer());
  const Position before = parse_position(reply[0].text());
  const std::uint64_t expected = batch.first_sequence - 1;
  const bool lasts = !options_.import_id.empty() || Clock::now() - topic.acknowledged_at < options_.retry_for;
  if (before.sequence < expected && topic.acknowledged > topic.skip_to && lasts) {
    warn("Redis came back with an older history: of what it had acknowledged, " +
         std::to_string(expected - before.sequence) + " messages before record " +
         std::to_string(batch.records.front()) + " are gone from " + topic.name);
  }
  if (reply.size() > 5) {
    const std::uint64_t stored = sequence - expected;
    refuse(batch.records[std::min<std::size_t>(stored, batch.records.size() - 1)], reply[5].text());
  }
  expect(sequence == expected + batch.records.size(), "EVALSHA");
  topic.max_len = static_cast<std::uint64_t>(reply[4].integer());
  if (sequence > before.sequence) topic.stored += sequence - std::max(before.sequence, expected);
  if (!options_.stored) return;
  const EntryId last{static_cast<std::uint64_t>(reply[2].integer()),
                     static_cast<std::uint64_t>(reply[3].integer())};
  front_ids_.clear();
  for (std::size_t i = 0; i < batch.records.size(); ++i) {
    const std::uint64_t mine = batch.first_sequence + i;
    const bool earlier = mine <= before.sequence;
    const EntryId& id = earlier ? before.id : last;
    const std::uint64_t back = (earlier ? before.sequence : sequence) - mine;
    front_ids_.push_back({id.ms, id.n - back});
  }
}

void Publisher::acknowledge_front() {
  const Batch& batch = queue_.front();
  Topic& topic = topics_[batch.topic];
  topic.acknowledged = batch.first_sequence + batch.records.size() - 1;
  topic.acknowledged_at = connection_->silent_since();  // when the answer was read
  for (std::size_t i = 0; i < front_ids_.size(); ++i) options_.stored(batch.records[i], front_ids_[i]);
  front_ids_.clear();
  queued_bytes_ -= batch.body.size();
  queue_.pop_front();
  --sent_;
  front_replies_ = 0;
  retry_.succeeded();
  flush();
}

void Publisher::go_back(Repair repair) {
  going_back_ = true;
  repair_ = repair;
  front_replies_ = 0;
  if (due_ == 0) repair_and_resend();
}

void Publisher::repair_and_resend() {
  const Repair repair = std::exchange(repair_, Repair::none);
  if (repair == Repair::load_script) {
    load_script();
  }
  if (repair == Repair::check_topic) {
    const std::string& name = topics_[queue_.front().topic].name;
    if (!look_up(pool_, name, {}).exists && !options_.create) {
      throw Error(Failure::no_topic,
                  "topic \"" + name + "\" was removed" + unacknowledged(queue_.front().records.front()));
    }
    add_topic(pool_, name, {}, {});
  }
  going_back_ = false;
  sent_ = 0;
  send();
}

void Publisher::stop_if_requested() const {
  if (!stop_.requested()) return;
  const auto first = first_unacknowledged();
  if (!first) throw Stopped();
  throw Error(Failure::again, "stopped" + unacknowledged(*first));
}

void Publisher::lose_connection(const Outage& outage) {
  connection_ = nullptr;
  pool_.clear();
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
      queued_bytes_ -= batch.body.size();
      queue_.pop_front();
    }
  }
  front_replies_ = 0;
  sent_ = 0;
  if (!done()) naming_first_record([&] { retry_.failed(outage, node_); });
}

std::optional<std::uint64_t> Publisher::first_unacknowledged() const {
  if (lost_from_) return lost_from_;
  std::optional<std::uint64_t> first;
  const auto look = [&first](const Batch& batch) {
    if (!first || batch.records.front() < *first) first = batch.records.front();
  };
  std::ranges::for_each(queue_, look);
  for (const std::size_t topic : open_) look(topics_[topic].building);
  return first;
}

std::string Publisher::unacknowledged(std::uint64_t record) const {
  if (topics_.size() > 1) {
    record = std::min(record, first_unacknowledged().value_or(record));
    return "; of the records from " + std::to_string(record) + " on not all were acknowledged";
  }
  return "; nothing from record " + std::to_string(record) + " on was acknowledged";
}

void Publisher::warn(const std::string& text) const {
  if (options_.warn) options_.warn(text);
}

void Publisher::close() {
  for (const Topic& topic : topics_) {
    if (topic.max_len > 0 && topic.stored > topic.max_len) {
      warn(topic.name + " keeps only its last " + std::to_string(topic.max_len) +
           " messages, and this run sent " + std::to_string(topic.stored) + ": chat-topics set " +
           topic.name + " --max-len " + std::to_string(topic.stored) + " would keep them");
    }
  }
  if (options_.import_id.empty() && !options_.ephemeral && connection_ != nullptr) {
    try {
      for (const Topic& topic : topics_) {
        if (topic.acknowledged == 0) continue;
        pool_.of(topic.name, {}).command({"UNLINK", publisher_key(topic.name, id_)}, {});
      }
    } catch (const std::exception&) {
      // The keys expire by themselves: nothing that was promised depends on this.
    }
  }
  if (lost_from_) {
    throw Error(Failure::again, "the connection broke: " + std::to_string(lost_) + " messages from record " +
                                    std::to_string(*lost_from_) + " on may not have been published");
  }
}

}  // namespace chat
