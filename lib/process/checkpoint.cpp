#include "process/checkpoint.h"

#include <algorithm>

namespace chat {

CursorCheckpoint::CursorCheckpoint(const std::string& path, std::chrono::milliseconds save_every)
    : cursor_(path), save_every_(save_every), saved_(cursor_.load()), done_(saved_) {}

void CursorCheckpoint::save(const std::vector<EntryId>& ids) {
  done_ = ids.back();
  if (Clock::now() >= next_save_) finish();
}

void CursorCheckpoint::finish() {
  if (!done_ || done_ == saved_) return;
  cursor_.save(*done_);
  saved_ = done_;
  next_save_ = Clock::now() + save_every_;
}

void CheckpointQueue::add(EntryId id) {
  if (checkpoint_ != nullptr) entries_.push_back({id, false});
}

void CheckpointQueue::done(const std::vector<EntryId>& ids) {
  if (entries_.empty()) return;
  // They are mostly in order, or the last that came.
  auto from = entries_.begin();
  for (const EntryId& id : ids) {
    const auto is_it = [&](const Entry& entry) { return !entry.done && entry.id == id; };
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
  std::vector<EntryId> ids;
  if (checkpoint_->in_order()) {
    for (; !entries_.empty() && entries_.front().done; entries_.pop_front())
      ids.push_back(entries_.front().id);
  } else {
    std::erase_if(entries_, [&](const Entry& entry) {
      if (entry.done) ids.push_back(entry.id);
      return entry.done;
    });
  }
  if (!ids.empty()) checkpoint_->save(ids);
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
  if (message.id) queue_.add(*message.id);
  return next_.message(topic, message);
}

bool QueueMessages::flush() {
  const bool more = next_.flush();
  queue_.commit();
  return more;
}

}  // namespace chat
