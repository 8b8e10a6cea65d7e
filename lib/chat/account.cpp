#include "chat/account.h"

#include <algorithm>

namespace chat {

namespace {

constexpr std::size_t most_ahead = 16'384;  // unconfirmed ones
constexpr std::size_t most_forks = 64;

bool counts(const EntryId& id) { return id.n != 0 && id.n != UINT64_MAX; }
bool counts(const Entry& entry) { return !entry.pub.empty() && counts(entry.id); }
bool is(const Anchor& anchor, const Entry& entry) {
  return anchor.id == entry.id && (anchor.pub.empty() || anchor.pub == entry.pub);
}

}  // namespace

std::string Loss::text(const std::string& topic) const {
  const std::string messages = std::to_string(count) + (count == 1 ? " message" : " messages");
  if (reason == Reason::other_history || reason == Reason::not_there) {
    const bool sure = reason == Reason::other_history;
    return topic + (sure ? ": " : ": forged, or ") + "Redis came back with an older history: " + messages +
           " up to " + up_to.str() + " that were shown are " + (sure ? "gone from it" : "not in it");
  }
  const std::string text = topic + ": lost " + messages + (before ? " between " : " after ") + after.str() +
                           (before ? " and " : " up to ") + up_to.str() + ": ";
  if (reason == Reason::rolled_back) return text + "gone, since Redis came back with an older history";
  return text +
         (reason == Reason::expired   ? "expired"
          : reason == Reason::deleted ? "deleted"
                                      : "trimmed") +
         " before they could be read";
}

void Account::start_after(EntryId id) { start_ = at_ = id; }

void Account::start_behind(EntryId id) {
  start_after(id);
  numbered_ = id;
  base_ = held_ = id.n;
  start_n_ = id.n + 1;
  fresh_ = false;
}

void Account::start_after(const Anchor& anchor, bool delivered, const std::vector<Anchor>& older) {
  start_ = at_ = anchor.id;
  for (std::size_t i = older.size() + 1; i-- > 0;) {
    const Anchor& step = i == 0 ? anchor : older[i - 1];
    if (!counts(step.id) || step.id.n <= held_) continue;
    serial_ = held_ = step.id.n;
    trail_.add(step.id, step.pub, serial_, held_);
  }
  if (held_ == 0) return;
  last_ = trail_.steps().front();
  numbered_ = last_.anchor.id;
  start_n_ = numbered_->n;
  base_ = start_n_;
  if (delivered) {
    // Where none of them is found, nothing but the start tells what another history has for this reader.
    const bool known = !older.empty() && older.back().pub.empty();
    start_ = known ? older.back().id : trail_.steps().back().anchor.id;
    start_n_ = start_.n + (known ? 1 : 0);
    base_ = start_n_ - 1;
  }
  fresh_ = false;
}

void Account::pass(EntryId up_to) {
  if (up_to != at_) {  // else it is known how many that were, also when the last one is a stranger's
    numbered_.reset();
    if (counts(up_to) || up_to == before_all) numbered_ = up_to;
  }
  at_ = up_to;
  taken_ = up_to.n;
  last_ = {};
  held_ = base_ = 0;
  fresh_ = false;
}

EntryId Account::newest_delivered() const {
  if (!unconfirmed_.empty()) return unconfirmed_.newest_id();
  return numbered_.value_or(EntryId{});
}

EntryId Account::position() const {
  return unconfirmed_.empty() ? at_ : std::max(at_, unconfirmed_.newest_id());
}

EntryId Account::begin_reading(const Reading& reading) {
  reading_ = reading;
  first_ = true;
  placed_ = false;
  in_hole_ = 0;
  passed_ = {};
  covered_ = std::max(covered_, newest_delivered().n);
  anchor_ = {};
  if (search_ == Search::oldest) return first_id;
  if (search_ == Search::steps) anchor_ = steps_[probe_].anchor;
  if (search_ == Search::none) anchor_ = last_.anchor;
  if (anchor_.id != EntryId{}) return before(anchor_.id);
  return everything_ ? at_ : std::max(at_, before({reading.oldest, 0}));
}

Account::Verdict Account::entry(const Entry& entry) {
  if (std::exchange(first_, false)) {
    if (search_ == Search::oldest) return search(entry);
    if (anchor_.id != EntryId{}) return check(entry);
  }
  return judge(entry);
}

Account::Verdict Account::end_of_reading() {
  if (std::exchange(first_, false)) {
    if (anchor_.id != EntryId{}) return missing();
    search_ = Search::none;  // there is nothing at all
  }
  if (reading_.whole) {
    if (!placed_ && went_back()) fork(nullptr);
    // On a new connection a replica is worth waiting for.
    const std::uint64_t known = std::max(placed_ ? numbered_->n : 0, reading_.last.n);
    if (reading_.may_lag && reconnected_ && newest_delivered().n > known) return Verdict::wait;
    end_whole();
  }
  finish();
  return Verdict::skip;
}

// Whether the position that has to come first has come.
Account::Verdict Account::check(const Entry& first) {
  if (!is(anchor_, first)) return missing();
  placed_ = true;
  if (search_ == Search::none) {
    last_.anchor.pub = first.pub;
    // All that followed it had been trimmed, and it hadn't here: that is no later state of the same history.
    if (numbered_->n > first.id.n) {
      const Trail::Step shared = last_;
      fork(&shared);
      placed_ = true;
    }
    return Verdict::skip;
  }
  high_ = probe_;
  if (low_ < high_) return probe();
  const Trail::Step shared = steps_[high_];
  fork(&shared);
  placed_ = true;
  return Verdict::skip;
}

Account::Verdict Account::missing() {
  if (reading_.may_lag && reconnected_ && reading_.last.n < numbered_->n) return Verdict::wait;
  if (search_ == Search::none) {
    search_ = Search::oldest;
    return Verdict::read;
  }
  low_ = probe_ + 1;
  return probe();
}

// The history's oldest entry tells whether the position is gone because it was trimmed.
Account::Verdict Account::search(const Entry& oldest) {
  search_ = Search::none;
  if (oldest.id > last_.anchor.id) {
    forked_ = true;  // perhaps: nobody sees that in what was trimmed
    add_fork(0, true);
    assume(held_ - std::min(held_, base_), start_, at_, false);
    return judge(oldest);
  }
  steps_ = trail_.steps();
  std::erase_if(steps_, [&](const Trail::Step& step) {
    return step.anchor.id < oldest.id || step.anchor.id >= last_.anchor.id;
  });
  low_ = 0;
  high_ = steps_.size();
  if (low_ < high_) return probe();
  fork(nullptr);
  everything_ = true;
  return judge(oldest);
}

// Looks for the latest of the steps that is in the history.
Account::Verdict Account::probe() {
  if (low_ >= steps_.size()) {
    fork(nullptr);
    everything_ = true;
    return Verdict::read;
  }
  high_ = std::max(low_, high_);
  probe_ = low_ == 0 ? 0 : (low_ + high_) / 2;
  search_ = Search::steps;
  return Verdict::read;
}

// The history is another one, which shares with the one before what comes up to this step, if that is known.
void Account::fork(const Trail::Step* shared) {
  missing_up_to_ = newest_delivered();
  const std::uint64_t kept = shared != nullptr ? shared->held : base_;
  missing_ += held_ - std::min(held_, kept);
  held_ = kept;
  const std::uint64_t serial = shared != nullptr ? shared->serial : 0;
  trail_.cut(serial);
  add_fork(serial, false);
  foreign_until_ = std::max(foreign_until_, at_);
  last_ = shared != nullptr ? *shared : Trail::Step{};
  at_ = last_.anchor.id;
  restart_ = shared == nullptr && numbered_.has_value();
  numbered_.reset();
  if (shared != nullptr) numbered_ = last_.anchor.id;
  search_ = Search::none;
  forked_ = reconnected_ = true;
}

void Account::add_fork(std::uint64_t after, bool assumed) {
  if (forks_.size() == most_forks) forks_.pop_front();
  forks_.push_back({after, serial_, false, assumed});
}

Account::Verdict Account::judge(const Entry& entry) {
  if (entry.id.ms < reading_.oldest) return Verdict::skip;  // a hole tells that
  if (everything_ && entry.id <= start_ && entry.id.n < start_n_) return Verdict::skip;
  if (!counts(entry)) {
    const bool known = entry.id <= std::max(at_, foreign_until_);
    at_ = std::max(at_, entry.id);
    return known ? Verdict::skip : Verdict::deliver;
  }
  place(entry);
  const bool known = take_unconfirmed(entry) || take_again(entry);
  count_hole(entry.id, true);
  see(entry);
  numbered_ = at_ = entry.id;
  return known ? Verdict::skip : Verdict::deliver;
}

void Account::see(const Entry& entry) {
  last_.anchor.id = entry.id;
  last_.anchor.pub = entry.pub;
  last_.held = ++held_;
  last_.serial = ++serial_;
  trail_.add(entry.id, entry.pub, serial_, held_);
  delivered_ids_.add(topic_, entry.pub, entry.content, serial_);
}

// Where its n stands among the others.
void Account::place(const Entry& entry) {
  const std::uint64_t n = entry.id.n;
  if (numbered_ && n <= numbered_->n) {
    if (!placed_) {
      fork(nullptr);
    } else {
      // Counted anew, but nothing is gone. Redis 7.0 does that to itself: of a transaction that a crash cut
      // in two it keeps the beginning in its append-only file, and runs it at the next start after all.
      forked_ = true;
      numbered_ = EntryId{0, n - 1};
    }
  }
  if (!numbered_ || future_) {
    if (!restart_ && !(future_ && numbered_)) {
      base_ = held_ = n - 1;
      start_n_ = n;
    }
    numbered_ = EntryId{start_.ms, restart_ ? std::min(base_, n - 1) : n - 1};
  }
  restart_ = future_ = fresh_ = false;
  placed_ = true;
}

// Takes those that stand before it or in its place, and tells whether it is one of those delivered.
bool Account::take_unconfirmed(const Entry& entry) {
  const auto same = [&](const Unconfirmed::One& one) {
    return one.anchor.pub == entry.pub && one.content == entry.content;
  };
  bool found = false;
  while (!unconfirmed_.empty() && unconfirmed_.front().anchor.id.n <= entry.id.n) {
    Unconfirmed::One one = unconfirmed_.front();
    if (!found && same(one)) {
      found = true;
    } else if (one.anchor.id.n > numbered_->n && one.anchor.id.n < entry.id.n) {
      pass_unconfirmed();
      continue;
    } else {
      displaced_.push_back(std::move(one));
    }
    unconfirmed_.pop_front();
  }
  if (found) return true;
  // What is stored again has another place than it had.
  if (unconfirmed_.erase(entry.pub, entry.content)) return true;
  const auto old = std::ranges::find_if(displaced_, same);
  if (old == displaced_.end()) return false;
  displaced_.erase(old);
  return true;
}

// The first one stood where there is a hole now.
void Account::pass_unconfirmed() {
  const Unconfirmed::One one = unconfirmed_.front();
  delivered_ids_.add(topic_, one.anchor.pub, one.content, ++serial_);
  forked_ = true;  // perhaps: this may be another history, in which it comes later
  if (forks_.empty() || !forks_.back().assumed || forks_.back().up_to + 1 != serial_) {
    add_fork(serial_ - 1, true);
  }
  forks_.back().up_to = serial_;
  ++in_hole_;
  passed_ = one.anchor.id;
  unconfirmed_.pop_front();
}

// Whether it was delivered in an earlier history.
bool Account::take_again(const Entry& entry) {
  if (!forked_) return false;
  const auto serial = delivered_ids_.find(topic_, entry.pub, entry.content);
  if (!serial) return false;
  // The first fork behind which it stood tells, and only then what this reading has assumed.
  const auto has = [&](const Fork& fork) { return *serial > fork.after && *serial <= fork.up_to; };
  auto fork = std::ranges::find_if(forks_, [&](const Fork& one) { return !one.assumed && has(one); });
  if (fork == forks_.end()) fork = std::ranges::find_if(forks_, has);
  const bool untold = *serial == DeliveredIds::long_ago || (fork != forks_.end() && !fork->told);
  if (!untold) return true;
  if (missing_ > 0) {
    --missing_;
  } else if (hole_.count > refuted_) {
    ++refuted_;
    --held_;
  }
  return true;
}

// So many in there are the ones that were delivered; unless they come elsewhere.
void Account::assume(std::uint64_t count, EntryId after, EntryId up_to, bool before) {
  if (count == 0) return;
  if (hole_.count == 0) hole_.after = after;
  hole_ = {Loss::Reason::trimmed, hole_.count + count, hole_.after, up_to, before};
}

// Counts what isn't there between the last one and this one, which was read (`before`) or is missing too.
void Account::count_hole(EntryId up_to, bool before) {
  const std::uint64_t last = before ? up_to.n - 1 : up_to.n;
  const std::uint64_t hole = last - numbered_->n;
  if (hole == 0) return;
  // By their n these were delivered; but in another history perhaps, and come elsewhere in this one.
  const std::uint64_t numbers = std::clamp(covered_, numbered_->n, last) - numbered_->n;
  const std::uint64_t heard = std::min(std::exchange(in_hole_, 0), numbers);
  const std::uint64_t delivered = std::min(numbers, heard + missing_ + taken_);
  held_ += delivered;
  missing_ -= std::min(missing_, delivered - heard);
  assume(delivered, *numbered_, up_to, before);
  if (hole == delivered) return;
  const EntryId after = delivered == 0 ? *numbered_ : std::max(*numbered_, passed_);
  losses_.push_back({Loss::Reason::trimmed, hole - delivered, after, up_to, before});
}

// Whether the last ID given tells of another history, where nothing that was read tells anything.
bool Account::went_back() const {
  return numbered_ && (reading_.last.n < numbered_->n || reading_.last < last_.anchor.id);
}

// Compares with the last ID given. It is from before the reading, so what was read may be further.
void Account::end_whole() {
  const EntryId last = reading_.last;
  if (!numbered_) {
    // What was stored between the last ID given and the start is not missing.
    if (std::exchange(fresh_, false) && !restart_) return;
    numbered_ = restart_ ? EntryId{last.ms, std::min(base_, last.n)} : last;
    if (!restart_) base_ = held_ = start_n_ = last.n;
    restart_ = false;
    future_ = start_.ms >= reading_.now;
  }
  if (last.n <= numbered_->n) return;
  if (future_ || last <= start_) {
    future_ = start_.ms >= reading_.now;
  } else {
    while (!unconfirmed_.empty() && unconfirmed_.front().anchor.id.n <= last.n) {
      pass_unconfirmed();
    }
    count_hole(last, false);
    at_ = std::max(at_, last);
  }
  numbered_ = last;
}

void Account::finish() {
  // A replica has the latest ones later.
  const bool later = !reading_.whole || (replica_ && !reconnected_);
  std::uint64_t gone = std::exchange(missing_, 0);
  std::erase_if(forks_, [](const Fork& fork) { return fork.assumed; });
  for (Fork& fork : forks_) fork.told = true;
  EntryId up_to = missing_up_to_;
  if (!later) {
    for (; !unconfirmed_.empty(); unconfirmed_.pop_front()) displaced_.push_back(unconfirmed_.front());
  }
  for (const Unconfirmed::One& one : displaced_) {
    // It may have been forged: it stands for no other one.
    delivered_ids_.add_alone(topic_, one.anchor.pub, one.content);
    up_to = one.anchor.id;
    forked_ = true;
  }
  gone += displaced_.size();
  // A history may change under a connection that lives on: a cluster's master is demoted, and comes back.
  const auto reason = reconnected_ || replica_ ? Loss::Reason::other_history : Loss::Reason::not_there;
  if (gone > 0) losses_.push_back({reason, gone, {}, up_to, false});
  hole_.count = std::exchange(refuted_, 0);
  if (hole_.count > 0) losses_.push_back(hole_);
  hole_ = {};
  displaced_.clear();
  covered_ = 0;
  everything_ = false;
  reconnected_ = reconnected_ && !reading_.whole;
}

Account::Verdict Account::live(const Entry& entry) {
  if (!numbered_) return Verdict::read;
  const EntryId id = entry.id;
  const EntryId last = newest_delivered();
  const auto known = [&] { return delivered_ids_.contains(topic_, entry.pub, entry.content); };
  if (id <= at_ && id.n <= numbered_->n) return known() ? Verdict::skip : Verdict::read;
  if (id.n != last.n + 1 || id <= position() || unconfirmed_.size() >= most_ahead) return Verdict::read;
  unconfirmed_.push_back(id, entry.pub, entry.content);
  future_ = false;
  return forked_ && known() ? Verdict::skip : Verdict::deliver;
}

bool Account::confirm(std::string_view pub) {
  if (unconfirmed_.empty() || pub.empty()) return false;
  Anchor newest_one = unconfirmed_.newest();
  if (newest_one.pub != pub) return false;
  last_.anchor = std::move(newest_one);
  const std::uint64_t newest = serial_ + unconfirmed_.size();
  unconfirmed_.for_each([&](const EntryId& id, const PubId& by, std::size_t content) {
    ++held_;
    if (Trail::keeps(++serial_, newest) || trail_.empty()) trail_.add(id, by.str(), serial_, held_);
    delivered_ids_.add(topic_, by, content, serial_);
  });
  last_.held = held_;
  last_.serial = serial_;
  numbered_ = at_ = last_.anchor.id;
  unconfirmed_.clear();
  return true;
}

}  // namespace chat
