#include "chat/unconfirmed.h"

#include <iterator>
#include <utility>

namespace chat {

void Unconfirmed::Run::skip(std::size_t some) {
  first.n += some;
  sequence += some;
  count -= some;
}

void Unconfirmed::push_back(const EntryId& id, std::string_view pub, std::size_t content) {
  const PubId by = PubId::split(pub);
  const Run* const last = runs_.empty() ? nullptr : &runs_.back();
  const bool follows = last != nullptr && id == last->id(last->count) && by == last->pub(last->count);
  if (!follows) runs_.push_back({id, std::string(by.publisher), by.sequence, 0});
  ++runs_.back().count;
  contents_.push_back(content);
}

void Unconfirmed::pop_front() {
  contents_.pop_front();
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
}

}  // namespace chat
