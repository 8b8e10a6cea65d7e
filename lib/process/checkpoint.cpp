#include "process/checkpoint.h"

namespace chat {

CursorCheckpoint::CursorCheckpoint(const std::string& path, std::chrono::milliseconds save_every)
    : cursor_(path), save_every_(save_every), saved_(cursor_.load()), done_(saved_) {}

void CursorCheckpoint::done(const std::vector<EntryId>& ids) {
  done_ = ids.back();
  if (Clock::now() >= next_save_) save();
}

void CursorCheckpoint::save() {
  if (!done_ || done_ == saved_) return;
  cursor_.save(*done_);
  saved_ = done_;
  next_save_ = Clock::now() + save_every_;
}

bool AfterOutput::message(const std::string& topic, const Message& message) {
  const bool more = next_.message(topic, message);
  if (message.id) told_.push_back(*message.id);
  notice_written();
  return more;
}

bool AfterOutput::flush() {
  const bool more = next_.flush();
  notice_written();
  return more;
}

void AfterOutput::notice_written() {
  if (told_.empty() || !output_.buffer().empty()) return;
  checkpoint_.done(told_);
  told_.clear();
}

}  // namespace chat
