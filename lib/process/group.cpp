#include "process/group.h"

#include <algorithm>
#include <array>
#include <random>

#include "base/error.h"
#include "chat/history.h"
#include "chat/topic.h"

namespace chat {

using namespace std::chrono_literals;

namespace {

constexpr std::string_view long_ago = "31536000000";  // ms: longer than any --claim-after that makes sense
constexpr auto longest_block = 1000ms;  // so that a stop is heard, and others' messages are looked at

constexpr std::string_view own_prefix = "worker-";
constexpr std::size_t own_length = own_prefix.size() + 16;

// At random: hosts share names, and containers process IDs as well.
std::string own_consumer() {
  constexpr std::string_view digits = "0123456789abcdef";
  std::random_device random;
  std::string name(own_prefix);
  while (name.size() < own_length) name += digits[random() % digits.size()];
  return name;
}

bool is_own_consumer(std::string_view name) {
  return name.starts_with(own_prefix) && name.size() == own_length &&
         name.find_first_not_of("0123456789abcdef", own_prefix.size()) == std::string_view::npos;
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
  look_for_left();
  acknowledge();
  retry_.succeeded();
}

void GroupReader::disconnect() {
  connection_ = nullptr;
  pool_.clear();
}

// A group that has gone may only need to be made again, unless its topic has gone too.
Reply GroupReader::receive(const StopToken& stop, std::string_view command) {
  Reply reply = connection_->receive(stop);
  const std::string_view text = reply.view().text();
  if (text.starts_with("NOGROUP ") || text.starts_with("UNBLOCKED "))
    throw Outage("Redis answered: " + std::string(text));
  throw_if_error(reply.view(), std::string(command) + " on " + key_);
  return reply;
}

Reply GroupReader::ask(std::initializer_list<std::string_view> command) {
  connection_->append(command);
  return receive(stop_, *command.begin());
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
  if (left_from_) return give_left(count);
  // JUSTID, because only what is given to the sink counts as a try.
  const Reply claimed =
      ask({"XAUTOCLAIM", key_, options_.group, options_.consumer,
           std::to_string(options_.claim_after.count()), claim_from_, "COUNT", count, "JUSTID"});
  expect(claimed[0].is_string() && claimed[1].is_array(), "XAUTOCLAIM");
  claim_from_ = claimed[0].text();
  // What Redis 7 found deleted, it has taken out of the group itself.
  for (std::size_t i = 0; claimed.view().size() > 2 && i < claimed[2].size(); ++i) {
    lose(std::string(claimed[2][i].text()));
  }
  for (std::size_t i = 0; i < claimed[1].size(); ++i) {
    const auto id = EntryId::parse(claimed[1][i].text());
    if (!id || deferred_.contains(*id)) continue;
    look_for_left();
    return true;
  }
  const auto block =
      waiting_ ? std::min<std::chrono::milliseconds>(longest_block, options_.claim_after) : 1ms;
  const Reply fresh = ask({"XREADGROUP", "GROUP", options_.group, options_.consumer, "COUNT", count, "BLOCK",
                           std::to_string(std::max(block, 1ms).count()), "STREAMS", key_, ">"});
  waiting_ = fresh.view().is_nil();
  expect(waiting_ || fresh[0][1].is_array(), "XREADGROUP");
  if (!waiting_) return tell(fresh[0][1]);
  if (!deferred_.empty()) {
    deferred_.clear();
    look_for_left();
    last_resort_ = true;
    return true;
  }
  pollfd output{options_.watch_fd, 0, 0};
  if (wait({&output, 1}, Clock::now(), stop_) > 0) throw ClosedOutput();
  return options_.follow || anything_pending();
}

void GroupReader::look_for_left() {
  left_from_ = "-";
  last_resort_ = false;
}

// Gives what this consumer was given before it lost its connection or its life, or has taken over: first what
// was tried once at most. If none is ever given up, the rest waits until there is nothing new, so that a
// message that ends its workers holds up no others. Asking for it leaves Redis's count of deliveries as it
// is: only what is given to the sink counts as a try.
bool GroupReader::give_left(const std::string& count) {
  const Reply pending = ask({"XPENDING", key_, options_.group, *left_from_, "+", count, options_.consumer});
  expect(pending.view().is_array(), "XPENDING");
  std::vector<Left> left;
  for (std::size_t i = 0; i < pending.view().size(); ++i) {
    const auto id = EntryId::parse(pending[i][0].text());
    expect(id.has_value(), "XPENDING");
    left_from_ = "(" + id->str();
    const auto tries = static_cast<std::uint64_t>(pending[i][3].integer());
    if (tries > 1 && !last_resort_ && options_.most_deliveries == 0) {
      deferred_.insert(*id);
    } else {
      left.push_back({*id, tries});
    }
  }
  if (pending.view().size() == 0) left_from_.reset();
  if (left.empty()) return true;
  for (const Left& one : left) connection_->append({"XRANGE", key_, one.id.str(), one.id.str()});
  std::vector<Reply> entries;
  entries.reserve(left.size());
  for (std::size_t i = 0; i < left.size(); ++i) entries.push_back(receive(stop_, "XRANGE"));
  count_tries(left);
  held_.clear();
  for (const Left& one : left) held_.insert(one.id);
  oldest_ = look_up(pool_, options_.topic, stop_).oldest();
  for (std::size_t i = 0; i < left.size(); ++i) {
    counted_.erase(left[i].id);
    if (!tell(left[i].id, entries[i][0], left[i].tries + 1)) return false;
  }
  return sink_->flush();
}

// A connection that breaks before they were given must not make it another try.
void GroupReader::count_tries(const std::vector<Left>& left) {
  std::size_t asked = 0;
  for (const Left& one : left) {
    if (!counted_.insert(one.id).second) continue;
    connection_->append({"XCLAIM", key_, options_.group, options_.consumer, "0", one.id.str(), "RETRYCOUNT",
                         std::to_string(one.tries + 1), "JUSTID"});
    ++asked;
  }
  for (; asked > 0; --asked) receive(stop_, "XCLAIM");
}

// A message whose command failed for good: the others come before it from now on.
void GroupReader::failed(EntryId id) {
  if (connection_ == nullptr) return;
  try {
    connection_->append({"XCLAIM", key_, options_.group, options_.consumer, "0", id.str(), "RETRYCOUNT",
                         std::to_string(std::max<std::uint64_t>(tries_[id], 2)), "JUSTID"});
    receive({}, "XCLAIM");
  } catch (const Outage&) {
    disconnect();
  }
}

bool GroupReader::tell(ReplyView entries) {
  // Looked up before anything is told: the connection may break meanwhile, and all be given out again.
  oldest_ = look_up(pool_, options_.topic, stop_).oldest();
  held_.clear();
  for (std::size_t i = 0; i < entries.size(); ++i) held_.insert(entry_id(entries[i]));
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (!tell(entry_id(entries[i]), entries[i], 1)) return false;
  }
  return sink_->flush();
}

// tries: this one counts in. Returns whether to go on.
bool GroupReader::tell(EntryId id, ReplyView entry, std::uint64_t tries) {
  ++taken_;
  Message message;
  std::string why;
  if (!entry[1].is_array()) {
    lose(id.str());
    save({Anchor{id, {}}});
  } else if (id.ms < static_cast<std::uint64_t>(oldest_.count())) {
    save({Anchor{id, {}}});  // past the topic's max_age, only not trimmed yet
  } else if (!parse_entry(entry, message, why)) {
    notices_.warn(options_.topic + ": skipped entry " + id.str() + ", which is no chat message: " + why);
    save({Anchor{id, {}}});
  } else if (options_.most_deliveries > 0 && tries > options_.most_deliveries) {
    options_.give_up(message);
    save({Anchor{id, {}}});
  } else {
    tries_[id] = tries;
    if (stop_.requested() || !sink_->message(options_.topic, message)) {
      sink_->flush();
      return false;
    }
  }
  return true;
}

void GroupReader::lose(const std::string& id) {
  notices_.lost(options_.topic + ": lost message " + id + ": trimmed before it was processed");
}

bool GroupReader::anything_pending() {
  const Reply pending = ask({"XPENDING", key_, options_.group});
  expect(pending.view().size() == 4, "XPENDING");
  return pending[0].integer() > 0;
}

void GroupReader::save(const std::vector<Anchor>& done) {
  for (const auto& [id, pub] : done) {
    held_.erase(id);
    tries_.erase(id);
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
    receive({}, "XCLAIM");
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
  remove_consumer(options_.consumer);
  remove_left_consumers();
}

void GroupReader::remove_consumer(std::string_view name) {
  connection_->append({"XGROUP", "DELCONSUMER", key_, options_.group, name});
  receive({}, "XGROUP");
}

// Workers that were killed have left their names. One that lives asks for messages, and is not idle for long.
void GroupReader::remove_left_consumers() {
  connection_->append({"XINFO", "CONSUMERS", key_, options_.group});
  const Reply consumers = connection_->receive({});
  if (is_denied(consumers.view().text())) return;
  std::vector<std::string> left;
  for (std::size_t i = 0; i < consumers.view().size(); ++i) {
    std::string_view name;
    std::int64_t pending = 1;
    std::chrono::milliseconds idle{0};
    for (std::size_t j = 0; j + 1 < consumers[i].size(); j += 2) {
      const std::string_view field = consumers[i][j].text();
      if (field == "name") name = consumers[i][j + 1].text();
      if (field == "pending") pending = consumers[i][j + 1].integer();
      if (field == "idle") idle = std::chrono::milliseconds(consumers[i][j + 1].integer());
    }
    if (is_own_consumer(name) && pending == 0 && idle >= options_.forget_after) left.emplace_back(name);
  }
  for (const std::string& name : left) remove_consumer(name);
}

// Hands messages over to nobody, as if left for long. Returns whether there were any.
bool GroupReader::release() {
  connection_->append({"XPENDING", key_, options_.group, "-", "+", "1000", options_.consumer});
  const Reply mine = receive({}, "XPENDING");
  if (mine.view().size() == 0) return false;
  std::vector<std::string_view> command{"XCLAIM", key_, options_.group, "nobody", "0"};
  for (std::size_t i = 0; i < mine.view().size(); ++i) command.push_back(mine[i][0].text());
  command.insert(command.end(), {"IDLE", long_ago, "JUSTID"});
  connection_->append(command);
  receive({}, "XCLAIM");
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
