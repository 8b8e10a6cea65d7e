#include "process/checkpoint.h"

#include <algorithm>
#include <utility>

namespace chat {

namespace {

constexpr std::size_t all_kept = 16;  // so many of the latest
constexpr std::size_t most_kept = 32;

// Nobody counts the others.
bool has_place(const EntryId& id) { return id.n != 0 && id.n != UINT64_MAX; }

// A stranger's entry may have anything there.
bool can_be_kept(std::string_view pub) { return pub.empty() || PubId::parse(pub); }

}  // namespace

CursorCheckpoint::CursorCheckpoint(const std::string& path, std::chrono::milliseconds save_every)
    : cursor_(path), save_every_(save_every), saved_(cursor_.load()) {
  if (!saved_.empty() && saved_.front().pub == Cursor::start) {
    begun_ = saved_.front().id;
    saved_.clear();
  }
  const bool starts = saved_.size() > 1 && saved_.back().pub.empty();
  if (starts) start_ = saved_.back().id;
  for (std::size_t i = saved_.size() - (starts ? 1 : 0); i-- > 0;) {
    const Anchor& anchor = saved_[i];
    // Without a pub behind others, it is a foreign entry.
    if (!anchor.pub.empty() || newest_ == 0) remember(anchor);
  }
}

void CursorCheckpoint::coming(EntryId id, std::string_view pub) {
  if (begun_ || !saved_.empty() || !start_ || pub.empty() || !has_place(id)) return;
  begun_ = {std::min(start_->ms, id.ms), id.n - 1};
  cursor_.save({{*begun_, std::string(Cursor::start)}});
}

void CursorCheckpoint::save(const std::vector<Anchor>& done) {
  for (const Anchor& anchor : done) {
    if (!anchor.pub.empty()) remember(anchor);
  }
  done_ = done.back();
  if (Clock::now() >= next_save_) finish();
}

void CursorCheckpoint::finish() {
  if (done_.id == EntryId{} || (!saved_.empty() && done_ == saved_.front())) return;
  saved_ = kept();
  cursor_.save(saved_);
  next_save_ = Clock::now() + save_every_;
}

void CursorCheckpoint::remember(const Anchor& anchor) {
  const std::uint64_t n = anchor.id.n;
  if (!has_place(anchor.id)) return;
  if (n <= newest_) trail_.cut(n - 1);  // another history, which goes on from there
  trail_.add(anchor.id, anchor.pub, n, 0);
  if (start_) start_ = {std::min(start_->ms, anchor.id.ms), std::min(start_->n, n - 1)};
  newest_ = n;
}

std::vector<Anchor> CursorCheckpoint::kept() const {
  std::vector<Anchor> kept{done_};
  if (!can_be_kept(done_.pub)) kept.front().pub.clear();
  std::uint64_t distance = 0;
  for (Trail::Step& step : trail_.steps()) {
    if (kept.size() == most_kept - 1) break;
    if (!can_be_kept(step.anchor.pub)) continue;
    const std::uint64_t back = newest_ - step.serial;
    if (step.anchor.id >= kept.back().id || (kept.size() >= all_kept && back < 2 * distance)) continue;
    kept.push_back(std::move(step.anchor));
    distance = back;
  }
  if (start_ && *start_ < kept.back().id) kept.push_back({*start_, {}});
  return kept;
}

void CheckpointQueue::add(EntryId id, std::string_view pub) {
  if (checkpoint_ == nullptr) return;
  checkpoint_->coming(id, pub);
  entries_.push_back({{id, std::string(pub)}, false});
}

void CheckpointQueue::done(const std::vector<EntryId>& ids) {
  if (entries_.empty()) return;
  // They are mostly in order, or the last that came.
  auto from = entries_.begin();
  for (const EntryId& id : ids) {
    const auto is_it = [&](const Entry& entry) { return !entry.done && entry.anchor.id == id; };
    if (!entries_.empty() && is_it(entries_.back())) {
      entries_.back().done = true;
      continue;
    }
    auto at = std::find_if(from, entries_.end(), is_it);
    if (at == entries_.end()) at = std::find_if(entries_.begin(), from, is_it);
    if (at == entries_.end() || !is_it(*at)) continue;
    at->done = true;
    from = at;
  }
}

void CheckpointQueue::commit() {
  if (checkpoint_ == nullptr) return;
  std::vector<Anchor> done;
  if (checkpoint_->in_order()) {
    for (; !entries_.empty() && entries_.front().done; entries_.pop_front())
      done.push_back(std::move(entries_.front().anchor));
  } else {
    std::erase_if(entries_, [&](Entry& entry) {
      if (entry.done) done.push_back(std::move(entry.anchor));
      return entry.done;
    });
  }
  if (!done.empty()) checkpoint_->save(done);
}

void CheckpointQueue::failed(EntryId id) const {
  if (checkpoint_ != nullptr) checkpoint_->failed(id);
}

void CheckpointQueue::keep() const {
  if (checkpoint_ != nullptr) checkpoint_->keep();
}

std::optional<std::chrono::milliseconds> CheckpointQueue::keep_every() const {
  return checkpoint_ == nullptr ? std::nullopt : checkpoint_->keep_every();
}

bool QueueMessages::message(const std::string& topic, const Message& message) {
  if (message.id) queue_.add(*message.id, message.pub);
  return next_.message(topic, message);
}

bool QueueMessages::flush() {
  const bool more = next_.flush();
  queue_.commit();
  return more;
}

}  // namespace chat
