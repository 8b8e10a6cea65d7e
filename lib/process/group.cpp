#include "process/group.h"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "chat/history.h"
#include "chat/topic.h"

namespace chat {

using namespace std::chrono_literals;

namespace {

constexpr std::string_view long_ago = "31536000000";  // ms: longer than any --claim-after that makes sense
constexpr auto longest_block = 1000ms;  // so that a stop is heard, and others' messages are looked at

std::string own_consumer() {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  return std::string(host.data()) + "-" + std::to_string(getpid());
}

}  // namespace

GroupReader::GroupReader(ConnectionPool& pool, GroupOptions options, Notices& notices)
    : pool_(pool),
      options_(std::move(options)),
      notices_(notices),
      key_(stream_key(options_.topic)),
      own_name_(options_.consumer.empty()),
      retry_(pool.endpoint(), options_.retry_for,
             {.warn = [this](const std::string& text) { notices_.warn(text); },
              .note = [this](const std::string& text) { notices_.note(text); }}) {
  if (own_name_) options_.consumer = own_consumer();
}

template <typename Work>
auto GroupReader::retry(const Work& work) {
  while (true) {
    try {
      if (connection_ == nullptr) connect();
      return work();
    } catch (const Outage& outage) {
      disconnect();
      retry_.failed(outage);
      retry_.wait_until_due(stop_, options_.watch_fd);
    }
  }
}

void GroupReader::connect() {
  connection_ = &pool_.of(options_.topic, stop_);
  require_topic(pool_, options_.topic, stop_);
  connection_->append({"XGROUP", "CREATE", key_, options_.group, "0", "MKSTREAM"});
  const Reply made = connection_->receive(stop_);
  if (!made.view().text().starts_with("BUSYGROUP ")) throw_if_error(made.view(), "XGROUP CREATE " + key_);
  own_left_ = true;
  acknowledge();
  retry_.succeeded();
}

void GroupReader::disconnect() {
  connection_ = nullptr;
  pool_.clear();
}

// Like Connection::command. A group that has gone may only need to be made again, unless its topic has gone
// too.
Reply GroupReader::ask(std::initializer_list<std::string_view> command) {
  connection_->append(command);
  Reply reply = connection_->receive(stop_);
  const std::string_view text = reply.view().text();
  if (text.starts_with("NOGROUP ") || text.starts_with("UNBLOCKED "))
    throw Outage("Redis answered: " + std::string(text));
  throw_if_error(reply.view(), std::string(*command.begin()) + " on " + key_);
  return reply;
}

void GroupReader::run(MessageSink& sink, const StopToken& stop) {
  sink_ = &sink;
  stop_ = stop;
  try {
    while (retry([this] { return work(); })) {
    }
    retry([this] { leave(); });
  } catch (const Stopped&) {
    leave_quietly();
  } catch (const Error&) {
    sink.flush();  // what was given before is worth writing
    leave_quietly();
    throw;
  } catch (...) {
    leave_quietly();
    throw;
  }
}

// One step. Returns whether to go on.
bool GroupReader::work() {
  if (stop_.requested()) throw Stopped();
  std::uint64_t most = options_.batch;
  if (options_.count) {
    const std::uint64_t uncounted = options_.uncounted ? options_.uncounted() : 0;
    most = std::min(most, *options_.count + uncounted - taken_);
  }
  if (most == 0) return false;
  const std::string count = std::to_string(most);
  if (own_left_) {
    // What this consumer took before it lost its connection or its life.
    const Reply own =
        ask({"XREADGROUP", "GROUP", options_.group, options_.consumer, "COUNT", count, "STREAMS", key_, "0"});
    expect(own[0][1].is_array(), "XREADGROUP");
    own_left_ = own[0][1].size() > 0;
    return own_left_ ? tell(own[0][1]) : true;
  }
  const Reply left = ask({"XAUTOCLAIM", key_, options_.group, options_.consumer,
                          std::to_string(options_.claim_after.count()), claim_from_, "COUNT", count});
  expect(left[0].is_string() && left[1].is_array(), "XAUTOCLAIM");
  claim_from_ = left[0].text();
  // What Redis 7 found deleted, it has taken out of the group itself.
  for (std::size_t i = 0; left.view().size() > 2 && i < left[2].size(); ++i) {
    lose(std::string(left[2][i].text()));
  }
  if (left[1].size() > 0) return tell(left[1]);
  const auto block =
      waiting_ ? std::min<std::chrono::milliseconds>(longest_block, options_.claim_after) : 1ms;
  const Reply fresh = ask({"XREADGROUP", "GROUP", options_.group, options_.consumer, "COUNT", count, "BLOCK",
                           std::to_string(std::max(block, 1ms).count()), "STREAMS", key_, ">"});
  waiting_ = fresh.view().is_nil();
  expect(waiting_ || fresh[0][1].is_array(), "XREADGROUP");
  if (!waiting_) return tell(fresh[0][1]);
  pollfd output{options_.watch_fd, 0, 0};
  if (wait({&output, 1}, Clock::now(), stop_) > 0) throw ClosedOutput();
  return options_.follow || anything_pending();
}

bool GroupReader::tell(ReplyView entries) {
  // Looked up before anything is told: the connection may break meanwhile, and all be given out again.
  std::vector<std::uint64_t> given_out(entries.size());
  for (std::size_t i = 0; i < entries.size() && options_.most_deliveries > 0; ++i) {
    given_out[i] = deliveries(entry_id(entries[i]));
  }
  const auto oldest = look_up(pool_, options_.topic, stop_).oldest();
  taken_ += entries.size();
  held_.clear();
  for (std::size_t i = 0; i < entries.size(); ++i) held_.insert(entry_id(entries[i]));
  Message message;
  std::string why;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const EntryId id = entry_id(entries[i]);
    if (!entries[i][1].is_array()) {
      lose(id.str());
      save({id});
    } else if (id.ms < static_cast<std::uint64_t>(oldest.count())) {
      save({id});  // past the topic's max_age, only not trimmed yet
    } else if (!parse_entry(entries[i], message, why)) {
      notices_.warn(options_.topic + ": skipped entry " + id.str() + ", which is no chat message: " + why);
      save({id});
    } else if (options_.most_deliveries > 0 && given_out[i] > options_.most_deliveries) {
      options_.give_up(message);
      save({id});
    } else if (stop_.requested() || !sink_->message(options_.topic, message)) {
      sink_->flush();
      return false;
    }
  }
  return sink_->flush();
}

void GroupReader::lose(const std::string& id) {
  notices_.lost(options_.topic + ": lost message " + id + ": trimmed before it was processed");
}

std::uint64_t GroupReader::deliveries(EntryId id) {
  const Reply pending = ask({"XPENDING", key_, options_.group, id.str(), id.str(), "1"});
  expect(pending.view().is_array(), "XPENDING");
  return static_cast<std::uint64_t>(pending[0][3].integer());
}

bool GroupReader::anything_pending() {
  const Reply pending = ask({"XPENDING", key_, options_.group});
  expect(pending.view().size() == 4, "XPENDING");
  return pending[0].integer() > 0;
}

void GroupReader::save(const std::vector<EntryId>& ids) {
  for (const EntryId& id : ids) {
    held_.erase(id);
    unacknowledged_.push_back(id.str());
  }
  // What was processed must not be told again, so this is worth waiting for; at a stop too.
  const StopToken stop = std::exchange(stop_, {});
  retry([this] { acknowledge(); });
  stop_ = stop;
}

void GroupReader::acknowledge() {
  if (unacknowledged_.empty()) return;
  std::vector<std::string_view> command{"XACK", key_, options_.group};
  command.insert(command.end(), unacknowledged_.begin(), unacknowledged_.end());
  connection_->append(command);
  const Reply reply = connection_->receive({});
  throw_if_error(reply.view());
  unacknowledged_.clear();
}

void GroupReader::keep() {
  if (connection_ == nullptr || held_.empty()) return;
  std::vector<std::string> texts;
  texts.reserve(held_.size());
  for (const EntryId& id : held_) texts.push_back(id.str());
  std::vector<std::string_view> command{"XCLAIM", key_, options_.group, options_.consumer, "0"};
  command.insert(command.end(), texts.begin(), texts.end());
  command.emplace_back("JUSTID");
  try {
    connection_->append(command);
    throw_if_error(connection_->receive({}).view());
  } catch (const Outage&) {
    disconnect();
  }
}

// A consumer named for this run alone would stay in the group's list for ever, and others would wait for
// what it has left.
void GroupReader::leave() {
  if (!own_name_ || connection_ == nullptr) return;
  while (release()) {
  }
  connection_->command({"XGROUP", "DELCONSUMER", key_, options_.group, options_.consumer}, {});
}

// Hands messages over to nobody, as if left for long. Returns whether there were any.
bool GroupReader::release() {
  const Reply mine =
      connection_->command({"XPENDING", key_, options_.group, "-", "+", "1000", options_.consumer}, {});
  if (mine.view().size() == 0) return false;
  std::vector<std::string_view> command{"XCLAIM", key_, options_.group, "nobody", "0"};
  for (std::size_t i = 0; i < mine.view().size(); ++i) command.push_back(mine[i][0].text());
  command.insert(command.end(), {"IDLE", long_ago, "JUSTID"});
  connection_->append(command);
  throw_if_error(connection_->receive({}).view());
  return true;
}

// A stop may have left answers unread, and messages may be on their way to this consumer.
void GroupReader::read_what_is_due() {
  if (connection_ == nullptr) return;
  constexpr std::string_view mark = "that is all";
  connection_->append({"PING", mark});
  while (true) {
    const Reply reply = connection_->receive({});
    if (reply.view().text() == mark) return;
    if (is_denied(reply.view().text())) throw_if_error(reply.view());  // perhaps PING itself
  }
}

void GroupReader::leave_quietly() {
  try {
    read_what_is_due();
    leave();
  } catch (const std::exception&) {
    // It is all claimed by others after a while.
    disconnect();
  }
}

}  // namespace chat
