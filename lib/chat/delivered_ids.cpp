#include "chat/delivered_ids.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "chat/message.h"

namespace chat {

namespace {

std::string key_of(std::string_view what, std::string_view topic) {
  std::string key;
  key.reserve(what.size() + 1 + topic.size());
  return key.append(what).append(1, ' ').append(topic);
}

std::string alone_key_of(const std::string& pub, std::size_t content, std::string_view topic) {
  return key_of(pub + ' ' + std::to_string(content), topic);
}

bool is_key_of(std::string_view key, std::string_view what, std::string_view topic) {
  return key.size() == what.size() + 1 + topic.size() && key.starts_with(what) && key.ends_with(topic);
}

}  // namespace

void DeliveredIds::add(const std::string& topic, const std::string& pub) {
  const auto parsed = PubId::parse(pub);
  if (!parsed) return;
  if (current_ != nullptr && is_key_of(current_->first, parsed->publisher, topic)) {
    current_->second = std::max(current_->second, parsed->sequence);
    return;
  }
  std::string key = key_of(parsed->publisher, topic);
  if (latest_.size() >= capacity && !latest_.contains(key)) older_ = std::exchange(latest_, {});
  // Messages stored again come with lower numbers than were shown.
  const auto before = older_.find(key);
  const std::uint64_t least = before == older_.end() ? 0 : before->second;
  current_ = &*latest_.try_emplace(std::move(key)).first;
  current_->second = std::max({current_->second, least, parsed->sequence});
}

void DeliveredIds::add_alone(const std::string& topic, const std::string& pub, std::size_t content) {
  if (latest_alone_.size() >= capacity) older_alone_ = std::exchange(latest_alone_, {});
  latest_alone_.insert(alone_key_of(pub, content, topic));
}

bool DeliveredIds::contains(const std::string& topic, const std::string& pub, std::size_t content) const {
  const std::string alone = alone_key_of(pub, content, topic);
  if (latest_alone_.contains(alone) || older_alone_.contains(alone)) return true;
  const auto parsed = PubId::parse(pub);
  if (!parsed) return false;
  const std::string key = key_of(parsed->publisher, topic);
  for (const auto* generation : {&latest_, &older_}) {
    const auto found = generation->find(key);
    if (found != generation->end()) return parsed->sequence <= found->second;
  }
  return false;
}

}  // namespace chat
