#include "process/group.h"

#include <algorithm>

#include "base/error.h"
#include "chat/history.h"
#include "process/consumer_name.h"

namespace chat {

using namespace std::chrono_literals;

namespace {

constexpr std::string_view long_ago = "31536000000";  // ms: longer than any --claim-after that makes sense
constexpr auto longest_block = 1000ms;  // so that a stop is heard, and others' messages are looked at

// A stop, while the connection may be used on: with_retry() must not take it.
struct Interrupted {};

std::string one_text(const std::string& topic, std::string_view id, std::string_view how) {
  return topic + ": lost message " + std::string(id) + ": " + std::string(how) + " before it was processed";
}

void check(ReplyView reply, const std::string& what) {
  const std::string_view text = reply.text();
  // A group that has gone may only need to be made again, unless its topic has gone too.
  if (reply.is_error() && (text.starts_with("NOGROUP ") || text.starts_with("ERR no such key")))
    throw Outage("Redis answered: " + std::string(text));
  throw_if_error(reply, what);
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
              .note = [this](const std::string& text) { notices_.note(text); }}),
      account_(options_.topic, options_.group, notices) {
  if (own_name_) options_.consumer = own_consumer();
}

template <typename Work>
auto GroupReader::retry(const Work& work) {
  const auto attempt = [&](const StopToken&) {
    try {
      if (connection_ == nullptr) connect();
      return work();
    } catch (const Outage&) {
      connection_ = nullptr;
      throw;
    } catch (const Stopped&) {
      if (stop_.requested()) throw Interrupted();
      connection_ = nullptr;
      throw;
    }
  };
  return with_retry(pool_, retry_, stop_, attempt, options_.watch_fd);
}

void GroupReader::connect() {
  const StopToken until = retry_.until_give_up(stop_);
  connection_ = &pool_.of(options_.topic, until);
  // First, so that what comes meanwhile lies behind where a new group begins.
  append_look_up(*connection_, options_.topic);
  connection_->append({"XRANGE", key_, "-", "+", "COUNT", "1"});
  connection_->append({"XRANGE", key_, account_.known().str(), "+", "COUNT", "1"});
  const TopicState state = receive_state();
  const Reply oldest = receive(until, "XRANGE");
  const Reply next = receive(until, "XRANGE");
  if (!state.exists) require_topic(pool_, options_.topic, until);
  std::optional<EntryId> begin = beginning(oldest.view(), state);
  connection_->append({"XGROUP", "CREATE", key_, options_.group, begin->str(), "MKSTREAM"});
  const Reply made = connection_->receive(until);
  if (made.view().text().starts_with("BUSYGROUP ")) {
    begin.reset();
  } else {
    throw_if_error(made.view(), "XGROUP CREATE " + key_);
  }
  account_.look_back(state, next.view(), begin);
  waiting_ = false;
  look_for_left();
  acknowledge();
  retry_.succeeded();
}

TopicState GroupReader::receive_state() {
  const Reply time = receive(retry_.until_give_up(stop_), "TIME");
  const Reply info = connection_->receive(retry_.until_give_up(stop_));
  check(info.view(), "HMGET " + info_key(options_.topic));
  return topic_state(time.view(), info.view());
}

void GroupReader::disconnect() {
  connection_ = nullptr;
  pool_.clear();
}

Reply GroupReader::receive(const StopToken& stop, std::string_view command) {
  Reply reply = connection_->receive(stop);
  check(reply.view(), std::string(command) + " on " + key_);
  return reply;
}

Reply GroupReader::ask(std::initializer_list<std::string_view> command) {
  connection_->append(command);
  return receive(retry_.until_give_up(stop_), *command.begin());
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
  } catch (const Interrupted&) {
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
  if (left_after_) return give_left(count);
  // JUSTID, because only what is given to the sink counts as a try.
  const Reply claimed =
      ask({"XAUTOCLAIM", key_, options_.group, options_.consumer,
           std::to_string(options_.claim_after.count()), claim_from_, "COUNT", count, "JUSTID"});
  expect(claimed[0].is_string() && claimed[1].is_array(), "XAUTOCLAIM");
  claim_from_ = claimed[0].text();
  // What Redis 7 found deleted, it has taken out of the group itself.
  Texts gone;
  for (std::size_t i = 0; i < claimed[2].size(); ++i) gone.emplace_back(claimed[2][i].text());
  tell_trimmed(gone);
  for (std::size_t i = 0; i < claimed[1].size(); ++i) {
    if (deferred_.contains(id_of(claimed[1][i], "XAUTOCLAIM"))) continue;
    look_for_left();
    return true;
  }
  const Reply taken = take(count);
  if (!waiting_) return tell(taken.view());
  if (!deferred_.empty()) {
    deferred_.clear();
    look_for_left();
    last_resort_ = true;
    return true;
  }
  pollfd output{options_.watch_fd, 0, 0};
  if (wait({&output, 1}, Clock::now(), stop_) > 0) throw ClosedOutput();
  return options_.follow || others_get_on();
}

// How far the group was, and what comes next, of one moment: the groups, the stream's entries, the time, the
// topic. Behind a wait until there is something.
Reply GroupReader::take(const std::string& count) {
  const StopToken until = retry_.until_give_up(stop_);
  std::size_t before = 5;
  if (waiting_) {
    const auto block =
        std::max(std::min<std::chrono::milliseconds>(longest_block, options_.claim_after), 1ms);
    connection_->append({"XREAD", "COUNT", "1", "BLOCK", std::to_string(block.count()), "STREAMS", key_,
                         account_.given().str()});
    ++before;
  }
  connection_->append({"MULTI"});
  connection_->append({"XINFO", "GROUPS", key_});
  connection_->append(
      {"XREADGROUP", "GROUP", options_.group, options_.consumer, "COUNT", count, "STREAMS", key_, ">"});
  append_look_up(*connection_, options_.topic);
  connection_->append({"EXEC"});
  for (; before > 0; --before) receive(until, "XREADGROUP");
  Reply taken = receive(until, "EXEC");
  expect(taken.view().size() == 4, "EXEC");
  check(taken[1], "XREADGROUP on " + key_);
  check(taken[0], "XINFO on " + key_);
  throw_if_error(taken[2], "TIME");
  throw_if_error(taken[3], "HMGET " + info_key(options_.topic));
  expect(taken[1].is_nil() || taken[1][0][1].is_array(), "XREADGROUP");
  held_.clear();
  account_for(taken.view());
  return taken;
}

// Before anything is told: the connection may break meanwhile, and all be given out again.
void GroupReader::account_for(ReplyView taken) {
  const TopicState state = topic_state(taken[2], taken[3]);
  const ReplyView entries = taken[1][0][1];
  for (std::size_t i = 0; i < entries.size(); ++i) held_.insert(entry_id(entries[i]));
  waiting_ = entries.size() == 0;
  oldest_ = state.oldest();
  if (!account_.take(taken[0], entries, state, *connection_)) connection_ = nullptr;  // connect() looks back
}

// All at once, since it may end the run.
void GroupReader::tell_trimmed(const Texts& ids) {
  std::string all;
  for (const std::string& id : ids) {
    all.append(all.empty() ? "" : "; ").append(one_text(options_.topic, id, "trimmed"));
  }
  if (!all.empty()) notices_.lost(all);
}

// Tells it before it counts as done, and then even when that ends the run.
void GroupReader::lose(EntryId id, std::string_view how) {
  try {
    notices_.lost(one_text(options_.topic, id.str(), how));
  } catch (const Error&) {
    save({Anchor{id, {}}});
    throw;
  }
  save({Anchor{id, {}}});
}

void GroupReader::look_for_left() {
  left_after_ = EntryId{};
  last_resort_ = false;
}

// Gives what this consumer was given before it lost its connection or its life, or has taken over: first what
// was tried once at most. If none is ever given up, the rest waits until there is nothing new, so that a
// message that ends its workers holds up no others. Asking for it leaves Redis's count of deliveries as it
// is: only what is given to the sink counts as a try.
bool GroupReader::give_left(const std::string& count) {
  const Reply pending =
      ask({"XPENDING", key_, options_.group, '(' + left_after_->str(), "+", count, options_.consumer});
  expect(pending.view().is_array(), "XPENDING");
  std::vector<Left> left;
  for (std::size_t i = 0; i < pending.view().size(); ++i) {
    const EntryId id = id_behind(*left_after_, pending[i][0], "XPENDING");
    left_after_ = id;
    const auto tries = static_cast<std::uint64_t>(pending[i][3].integer());
    if (tries > 1 && !last_resort_ && options_.most_deliveries == 0) {
      deferred_.insert(id);
    } else {
      left.push_back({id, tries});
    }
  }
  if (pending.view().size() == 0 || left_after_ == last_id) left_after_.reset();
  if (left.empty()) return true;
  for (const Left& one : left) connection_->append({"XRANGE", key_, one.id.str(), one.id.str()});
  append_look_up(*connection_, options_.topic);
  const StopToken until = retry_.until_give_up(stop_);
  std::vector<Reply> entries;
  entries.reserve(left.size());
  for (std::size_t i = 0; i < left.size(); ++i) entries.push_back(receive(until, "XRANGE"));
  oldest_ = receive_state().oldest();
  count_tries(left);
  held_.clear();
  for (const Left& one : left) held_.insert(one.id);
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
    append_claim(options_.consumer, {one.id.str()}, {"RETRYCOUNT", std::to_string(one.tries + 1)});
    ++asked;
  }
  for (; asked > 0; --asked) receive(retry_.until_give_up(stop_), "XCLAIM");
}

// A message whose command failed for good: the others come before it from now on.
void GroupReader::failed(EntryId id) {
  claim_quietly({id.str()}, {"RETRYCOUNT", std::to_string(std::max<std::uint64_t>(tries_[id], 2))});
}

void GroupReader::keep() {
  Texts ids;
  for (const EntryId& id : held_) ids.push_back(id.str());
  claim_quietly(ids, {});
}

void GroupReader::append_claim(std::string_view consumer, const Texts& ids,
                               std::initializer_list<std::string_view> how) {
  std::vector<std::string_view> command{"XCLAIM", key_, options_.group, consumer, "0"};
  command.insert(command.end(), ids.begin(), ids.end());
  command.insert(command.end(), how);
  command.emplace_back("JUSTID");
  connection_->append(command);
}

void GroupReader::claim_quietly(const Texts& ids, std::initializer_list<std::string_view> how) {
  if (connection_ == nullptr || ids.empty()) return;
  try {
    append_claim(options_.consumer, ids, how);
    receive({}, "XCLAIM");
  } catch (const Outage&) {
    disconnect();
  }
}

bool GroupReader::tell(ReplyView taken) {
  const ReplyView entries = taken[1][0][1];
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const EntryId id = entry_id(entries[i]);
    if (is_expired(id)) {
      ++taken_;
      save({Anchor{id, {}}});
    } else if (!tell(id, entries[i], 1)) {
      return false;
    }
  }
  return sink_->flush();
}

// tries: this one counts in. Returns whether to go on.
bool GroupReader::tell(EntryId id, ReplyView entry, std::uint64_t tries) {
  ++taken_;
  Message message;
  std::string why;
  if (!entry[1].is_array()) {
    lose(id, "trimmed");
  } else if (is_expired(id)) {
    lose(id, "expired");
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

// Whether to wait for what others have taken: as long as they get on with it.
bool GroupReader::others_get_on() {
  const Reply pending = ask({"XPENDING", key_, options_.group});
  expect(pending.view().size() == 4, "XPENDING");
  if (pending[0].integer() == 0) return false;
  std::string others;
  for (std::size_t i = 0; i < pending[3].size(); ++i) {
    others.append(i == 0 ? "" : ", ")
        .append(pending[3][i][1].text())
        .append(" at ")
        .append(pending[3][i][0].text());
  }
  others = std::string(pending[1].text()) + " to " + std::string(pending[2].text()) + " (" + others + ")";
  const Deadline now = Clock::now();
  if (others != others_) others_since_ = now;
  others_ = others;
  if (now < others_since_ + options_.wait_for_others) return true;
  notices_.warn(options_.topic + ": other consumers of " + options_.group +
                " don't get on with what they have taken: " + others + "; not waiting for them");
  return false;
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

// A consumer named for this run alone would stay in the group's list for ever, and others would wait for
// what it has left.
void GroupReader::leave() {
  account_.tell();
  if (!own_name_ || connection_ == nullptr) return;
  for (std::optional<EntryId> after = EntryId{}; after && *after < last_id;) after = release(*after);
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
    const std::string_view name = field(consumers[i], "name").text();
    const std::chrono::milliseconds idle(field(consumers[i], "idle").integer());
    if (!is_own_consumer(name) || field(consumers[i], "pending").integer() > 0) continue;
    if (idle >= options_.forget_after) left.emplace_back(name);
  }
  for (const std::string& name : left) remove_consumer(name);
}

// Hands messages behind this one over to nobody, as if left for long. Returns the last of them, if there were
// any.
std::optional<EntryId> GroupReader::release(EntryId after) {
  connection_->append({"XPENDING", key_, options_.group, '(' + after.str(), "+", "1000", options_.consumer});
  const Reply mine = receive({}, "XPENDING");
  expect(mine.view().is_array(), "XPENDING");
  if (mine.view().size() == 0) return std::nullopt;
  Texts ids;
  for (std::size_t i = 0; i < mine.view().size(); ++i) {
    after = id_behind(after, mine[i][0], "XPENDING");
    ids.push_back(after.str());
  }
  // What was trimmed, Redis takes out of the group without a word. What this consumer has no more at that
  // moment is no loss: another one had it, too, and has processed it.
  connection_->append({"MULTI"});
  connection_->append({"XPENDING", key_, options_.group, ids.front(), ids.back(), "1000", options_.consumer});
  append_claim("nobody", ids, {"IDLE", long_ago});
  connection_->append({"EXEC"});
  for (int i = 0; i < 3; ++i) receive({}, "MULTI");
  const Reply done = receive({}, "EXEC");
  const ReplyView pending = done[0];
  const ReplyView claimed = done[1];
  expect(pending.is_array() && claimed.is_array(), "EXEC");
  std::set<std::string_view> released;
  for (std::size_t i = 0; i < claimed.size(); ++i) released.insert(claimed[i].text());
  Texts gone;
  for (std::size_t i = 0; i < pending.size(); ++i) {
    if (!released.contains(pending[i][0].text())) gone.emplace_back(pending[i][0].text());
  }
  tell_trimmed(gone);
  return after;
}

// A stop may have left answers unread, and messages may be on their way to this consumer.
void GroupReader::read_what_is_due() {
  if (connection_ == nullptr) return;
  constexpr std::string_view mark = "that is all";
  connection_->append({"PING", mark});
  for (int most_due = 10'000; most_due > 0; --most_due) {
    const Reply reply = connection_->receive({});
    if (reply.view().text() == mark) return;
    if (is_denied(reply.view().text())) throw_if_error(reply.view());             // perhaps PING itself
    if (reply[2].size() == 2 && reply[3].size() == 6) account_for(reply.view());  // take()'s
  }
  throw Outage("it answers without end");
}

void GroupReader::leave_quietly() {
  try {
    read_what_is_due();
    leave();
  } catch (const Error& error) {
    disconnect();
    if (error.failure() == Failure::lost) throw;
  } catch (const std::exception&) {
    // It is all claimed by others after a while.
    disconnect();
  }
}

}  // namespace chat
