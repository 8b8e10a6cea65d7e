#include "process/filter.h"
#include "chat/entry_id.h"

#include <algorithm>

namespace chat {

Filter::Filter(FilterOptions options, MessageSink& next, Notices& notices, CheckpointQueue& queue)
    : options_(std::move(options)), next_(next), notices_(notices), queue_(queue) {
  if (options_.pattern) pattern_.emplace(*options_.pattern);
}

bool Filter::message(const std::string& topic, const Message& message) {
  if (wants(topic, message)) return next_.message(topic, message);
  if (message.id) queue_.done({*message.id});
  ++skipped_;
  return true;
}

bool Filter::wants(const std::string& topic, const Message& message) {
  if (!options_.users.empty() && std::ranges::count(options_.users, message.user) == 0) return false;
  if (!pattern_) return true;
  try {
    return pattern_->find(message.text).has_value();
  } catch (const TooCostly&) {
    notices_.warn(topic + ": skipped " + (message.id ? "message " + message.id->str() : "a message") +
                  ": whether it matches would take too long to find out");
    return false;
  }
}

}  // namespace chat
