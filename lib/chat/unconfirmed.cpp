#include "chat/unconfirmed.h"

namespace chat {

void Unconfirmed::Run::skip(std::size_t some) {
  first.n += some;
  sequence += some;
  count -= some;
}

Anchor Unconfirmed::anchor(const Run& run, std::size_t at) {
  return {{run.first.ms, run.first.n + at}, PubId{run.publisher, run.sequence + at}.str()};
}

void Unconfirmed::push_back(const EntryId& id, std::string_view pub, std::size_t content) {
  const PubId by = PubId::split(pub);
  const bool follows = !runs_.empty() &&
                       id == EntryId{runs_.back().first.ms, runs_.back().first.n + runs_.back().count} &&
                       by == PubId{runs_.back().publisher, runs_.back().sequence + runs_.back().count};
  if (!follows) runs_.push_back({id, std::string(by.publisher), by.sequence, 0});
  ++runs_.back().count;
  contents_.push_back(content);
  ++size_;
}

void Unconfirmed::pop_front() {
  contents_.pop_front();
  --size_;
  runs_.front().skip(1);
  if (runs_.front().count == 0) runs_.pop_front();
}

bool Unconfirmed::erase(std::string_view pub, std::size_t content) {
  const PubId by = PubId::split(pub);
  auto begin = contents_.begin();
  for (auto run = runs_.begin(); run != runs_.end(); ++run) {
    const std::uint64_t at = by.sequence - run->sequence;
    if (at < run->count && run->publisher == by.publisher &&
        begin[static_cast<std::ptrdiff_t>(at)] == content) {
      contents_.erase(begin + static_cast<std::ptrdiff_t>(at));
      --size_;
      Run rest = *run;
      rest.skip(at + 1);
      run->count = at;
      if (rest.count > 0) run = std::prev(runs_.insert(std::next(run), std::move(rest)));
      if (at == 0) runs_.erase(run);
      return true;
    }
    begin += static_cast<std::ptrdiff_t>(run->count);
  }
  return false;
}

void Unconfirmed::clear() {
  runs_.clear();
  contents_.clear();
  size_ = 0;
}

}  // namespace chat
