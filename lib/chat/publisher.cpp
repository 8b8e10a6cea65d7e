#include "chat/publisher.h"

#include <algorithm>
#include <random>

#include "chat/publish_script.h"
#include "chat/topic.h"
#include "redis/slots.h"

namespace chat {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t open_bytes = std::size_t{256} * 1024;
constexpr auto time_to_finish = 5s;   // after a stop
constexpr std::size_t most_kept = 4;  // ephemeral batches: those that are sent are in memory no more

std::string random_id() {
  static constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789";
  std::random_device random;
  std::uniform_int_distribution<std::size_t> pick(0, letters.size() - 1);
  std::string id(8, ' ');
  for (char& c : id) c = letters[pick(random)];
  return id;
}

}  // namespace

Publisher::Publisher(ConnectionPool& pool, PublisherOptions options, const StopToken& stop)
    : pool_(pool),
      options_(std::move(options)),
      id_(options_.import_id.empty() ? random_id() : options_.import_id),
      stop_(stop),
      until_(stop),
      retry_(pool.endpoint(), options_.retry_without_end ? std::nullopt : std::optional(options_.retry_for),
             {.warn = options_.warn, .note = options_.note}),
      window_(!options_.ephemeral) {
  pool.begin(stop);
}

// What gives up tells the first record that is not acknowledged.
void Publisher::naming_first_record(const std::function<void()>& attempt) const {
  try {
    attempt();
  } catch (const Error& error) {
    const auto first = first_unacknowledged();
    if (error.failure() != Failure::again || !first) throw;
    throw Error(Failure::again, error.what() + unacknowledged(*first));
  }
}

std::string_view Publisher::publish_command() const {
  return pool_.is_guess() ? "" : pool_.is_cluster() ? "SPUBLISH" : "PUBLISH";
}

std::size_t Publisher::topic(const std::string& name) {
  if (const auto known = numbers_.find(name); known != numbers_.end()) return known->second;
  check_topic(name);
  if (!finish(no_deadline)) stop_if_requested();
  connection_ = nullptr;
  TopicState state;
  Position place;
  bool adding = false;
  const auto look = [&](const StopToken& until) {
    state = look_up(pool_, name, until);
    if (options_.create && (!state.exists || adding)) {
      const bool again = std::exchange(adding, true);
      add_topic(pool_, name, {}, until, again);
    } else if (!state.exists) {
      require_topic(pool_, name, until);
    }
    node_ = pool_.node(name);
    if (options_.import_id.empty()) return;
    const Reply reply = pool_.of(name, until).command({"HGET", info_key(name), "import:" + id_}, until);
    place = Position::parse(reply.view().text());
  };
  naming_first_record([&] { with_retry(pool_, retry_, stop_, look); });
  heard_time(state.now);
  const auto ephemeral = options_.ephemeral ? publish_command() : "";
  topics_.push_back({.name = name,
                     .slot = hash_slot(name),
                     .builder = BatchBuilder(topics_.size(), name, ephemeral),
                     .after = state.last,
                     .skip_to = place.sequence});
  return numbers_[name] = topics_.size() - 1;
}

std::optional<std::size_t> Publisher::topic_unseen(const std::string& name) {
  if (!topics_.empty() || options_.ephemeral || !options_.import_id.empty()) return std::nullopt;
  topics_.push_back({.name = name,
                     .slot = hash_slot(name),
                     .builder = BatchBuilder(0, name, ""),
                     .after = guess_after(),
                     .seen = false});
  return numbers_[name] = 0;
}

bool Publisher::queue_full() const {
  const bool unsent = options_.ephemeral && queue_.size() - sent_ >= most_kept;
  return unsent || window_.full(queue_.size(), queued_bytes_);
}

bool Publisher::has_room() const { return !full_ || !queue_full(); }

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
  if (to.builder.building().records.empty()) open_.push_back(topic);
  open_bytes_ +=
      to.builder.add(sequence, user, timestamp, text, record, queue_.empty() ? nullptr : &queue_.back());
  full_ = to.builder.full() || open_bytes_ >= open_bytes;
}

void Publisher::close_batches() {
  // A node serves ranges of slots, so that its batches come one after the other.
  if (pool_.is_cluster()) {
    std::ranges::sort(open_, {}, [this](std::size_t topic) { return topics_[topic].slot; });
  }
  for (const std::size_t topic : open_) {
    queue_.push_back(topics_[topic].builder.take());
    queued_bytes_ += queue_.back().bytes;
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
  } catch (const Stopped&) {
    pool_.clear();
    lost_connection_ = true;
    drop_connection();  // there is some time left to finish
  }
  naming_first_record([this] { retry_.give_up_if_late(); });
}

bool Publisher::finish(Deadline deadline) {
  while (true) {
    if (stop_.requested() && !finish_by_) finish_by_ = Clock::now() + time_to_finish;
    if (finish_by_) {
      deadline = std::min(deadline, *finish_by_);
      until_ = {.until = deadline};
    }
    flush();
    step(0);
    if (done()) return true;
    if (Clock::now() >= deadline) return false;
    pollfd ready{fd(), events(), 0};
    wait({&ready, 1}, std::min(deadline, this->deadline()), until_);
    step(ready.revents);
  }
}

void Publisher::stop_if_requested() const {
  if (!stop_.requested()) return;
  const auto first = first_unacknowledged();
  if (!first) throw Stopped();
  throw Error(Failure::again, "stopped" + unacknowledged(*first));
}

std::optional<std::uint64_t> Publisher::first_unacknowledged() const {
  if (lost_from_) return lost_from_;
  std::optional<std::uint64_t> first;
  const auto look = [&first](const Batch& batch) {
    if (!first || batch.records.front() < *first) first = batch.records.front();
  };
  std::ranges::for_each(queue_, look);
  for (const std::size_t topic : open_) look(topics_[topic].builder.building());
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
  // Bytes of a connection that broke may still arrive: then the key must be there to tell what they are.
  if (options_.import_id.empty() && !options_.ephemeral && connection_ != nullptr && !lost_connection_) {
    const StopToken stop{.until = Clock::now() + time_to_finish};
    try {
      for (const Topic& topic : topics_) {
        if (topic.acknowledged == 0) continue;
        pool_.of(topic.name, stop).append({"UNLINK", publisher_key(topic.name, id_)});
        pool_.of(topic.name, stop).flush();  // the answer isn't worth the time
      }
    } catch (...) {  // The keys expire by themselves: nothing that was promised depends on this.
    }
  }
  if (lost_from_) {
    throw Error(Failure::again, "the connection broke: " + std::to_string(lost_) + " messages from record " +
                                    std::to_string(*lost_from_) + " on may not have been published");
  }
}

}  // namespace chat
