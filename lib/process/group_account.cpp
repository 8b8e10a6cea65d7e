#include "process/group_account.h"

#include <algorithm>
#include <utility>

#include "chat/history.h"

namespace chat {

namespace {

Anchor anchor_of(ReplyView entry) { return {entry_id(entry), std::string(field(entry[1], "pub").text())}; }

}  // namespace

EntryId id_of(ReplyView text, std::string_view command) {
  const auto id = EntryId::parse(text.text());
  expect(id.has_value(), command);
  return *id;
}

EntryId id_behind(EntryId before, ReplyView text, std::string_view command) {
  const EntryId id = id_of(text, command);
  expect(id > before, command);
  return id;
}

EntryId beginning(ReplyView oldest, const TopicState& state) {
  if (oldest.size() == 0) return std::max(state.last, Account::before_all);
  const Anchor first = anchor_of(oldest[0]);
  if (first.pub.empty()) return {};
  return first.id.n == 1 ? Account::before_all : before(first.id);
}

bool GroupAccount::take(ReplyView groups, ReplyView entries, const TopicState& state,
                        Connection& connection) {
  EntryId given;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (field(groups[i], "name").text() == group_)
      given = id_of(field(groups[i], "last-delivered-id"), "XINFO");
  }
  const bool older = state.last.n < known_.n;
  if (!older) known_ = state.last;
  if (!older) given_ = given;
  if (entries.size() == 0) {
    tell();
    return !older;
  }
  std::vector<Anchor> anchors;
  for (std::size_t i = 0; i < entries.size(); ++i) anchors.push_back(anchor_of(entries[i]));
  if (!older) given_ = anchors.back().id;
  Account::Reading reading{.last = {}, .oldest = static_cast<std::uint64_t>(state.oldest().count())};
  EntryId expired;  // the last one that is given though it is too old
  for (const Anchor& anchor : anchors) {
    if (!anchor.pub.empty()) reading.last = anchor.id;
    if (anchor.id.ms < reading.oldest) expired = anchor.id;
  }
  reading.whole = reading.last != EntryId{};
  account_.pass(given);
  account_.begin_reading(reading);
  for (const Anchor& anchor : anchors) account_.entry({anchor.id, anchor.pub, 0});
  account_.end_of_reading();
  const std::size_t before = losses_.size();
  for (const Loss& loss : account_.take_losses()) losses_.push_back(loss);
  for (std::size_t i = before; i < losses_.size(); ++i) {
    explain(losses_[i], state, anchors.front().id, expired, connection);
  }
  if (anchors.back().id != expired) tell();  // else there may be more of it
  return !older;
}

void GroupAccount::explain(Loss& loss, const TopicState& state, EntryId first, EntryId expired,
                           Connection& connection) const {
  if (expired > loss.after) {
    loss.reason = Loss::Reason::expired;
  } else if (loss.after >= first) {  // trimming takes nothing between two that are there
    loss.reason = Loss::Reason::deleted;
  } else {
    connection.append({"XLEN", stream_key(topic_)});
    connection.append({"XREVRANGE", stream_key(topic_), loss.after.str(), "-", "COUNT", "1"});
    const auto length = static_cast<std::uint64_t>(connection.receive({}).view().integer());
    const Reply there = connection.receive({});
    if (there.view().size() > 0) {
      const Anchor last = anchor_of(there[0]);
      if (last.id == loss.after && last.pub.empty()) loss.count = 0;  // a stranger's ID counts nothing
      loss.reason = Loss::Reason::deleted;
    } else if (state.max_age.count() > 0 && (state.max_len == 0 || length < state.max_len)) {
      loss.reason = Loss::Reason::expired;
    }
  }
}

void GroupAccount::look_back(const TopicState& state, ReplyView next, const std::optional<EntryId>& made) {
  const EntryId known = std::exchange(known_, state.last);
  const EntryId given = std::exchange(given_, made.value_or(given_));
  const Anchor there = next.size() > 0 ? anchor_of(next[0]) : Anchor{};
  std::uint64_t kept = known.n;  // so many messages of what was known are in this history
  if (there.pub.empty()) kept = std::min(kept, state.last.n);
  // Others may have taken their numbers.
  if (!there.pub.empty() && there.id != known) kept = std::min(kept, there.id.n - 1);
  if (kept < known.n) {
    const std::uint64_t from = std::max(kept, given.n);
    if (known.n > from) losses_.push_back({Loss::Reason::rolled_back, known.n - from, given, known, false});
  } else if (made && given != EntryId{} && made->n > given.n) {
    losses_.push_back({Loss::Reason::deleted, made->n - given.n, given, *made, false});
  }
  tell();
}

// All at once, since it may end the run.
void GroupAccount::tell() {
  std::string all;
  const std::vector<Loss> losses = std::exchange(losses_, {});
  for (std::size_t i = 0; i < losses.size(); ++i) {
    Loss loss = losses[i];
    while (i + 1 < losses.size() && losses[i + 1].after == loss.up_to &&
           losses[i + 1].reason == Loss::Reason::expired) {
      const Loss& next = losses[++i];
      loss = {next.reason, loss.count + next.count, loss.after, next.up_to, next.before};
    }
    if (loss.count > 0) all.append(all.empty() ? "" : "; ").append(loss.text(topic_));
  }
  if (!all.empty()) notices_.lost(all);
}

}  // namespace chat
