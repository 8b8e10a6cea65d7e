#include "process/filter.h"
#include "chat/entry_id.h"

#include <algorithm>

namespace chat {

void InStep::done(const std::vector<EntryId>& ids) {
  for (const EntryId& id : ids) {
    const auto told = std::ranges::find_if(told_, [&](const Told& one) { return !one.done && one.id == id; });
    if (told != told_.end()) told->done = true;
  }
  note();
}

void InStep::note() {
  std::vector<EntryId> ids;
  for (; !told_.empty() && told_.front().done; told_.pop_front()) ids.push_back(told_.front().id);
  if (!ids.empty()) checkpoint_.done(ids);
}

Filter::Filter(FilterOptions options, MessageSink& next, Notices& notices, InStep* in_step)
    : options_(std::move(options)), next_(next), notices_(notices), in_step_(in_step) {
  if (options_.pattern) pattern_.emplace(*options_.pattern);
}

bool Filter::message(const std::string& topic, const Message& message) {
  const bool wanted = wants(topic, message);
  if (in_step_ != nullptr && message.id) in_step_->next(*message.id, !wanted);
  if (wanted) return next_.message(topic, message);
  ++passed_over_;
  return true;
}

bool Filter::flush() {
  const bool more = next_.flush();
  if (in_step_ != nullptr) in_step_->note();
  return more;
}

bool Filter::wants(const std::string& topic, const Message& message) {
  if (!options_.users.empty() && std::ranges::count(options_.users, message.user) == 0) return false;
  if (!pattern_) return true;
  try {
    return pattern_->find(message.text).has_value();
  } catch (const TooCostly&) {
    notices_.warn(topic + ": passed over " + (message.id ? "message " + message.id->str() : "a message") +
                  ": whether it matches would take too long to find out");
    return false;
  }
}

}  // namespace chat
