#include "chat/delivered_ids.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "chat/entry_id.h"

namespace chat {

namespace {

std::string key_of(std::string_view publisher, std::string_view topic) {
  std::string key;
  key.reserve(publisher.size() + 1 + topic.size());
  return key.append(publisher).append(1, ' ').append(topic);
}

bool is_key_of(std::string_view key, std::string_view publisher, std::string_view topic) {
  return key.size() == publisher.size() + 1 + topic.size() && key.starts_with(publisher) &&
         key.ends_with(topic);
}

std::size_t mix(std::size_t one, std::size_t other) {
  return (one ^ (other + 0x9e3779b97f4a7c15U + (one << 6U) + (one >> 2U)));
}

std::size_t name_of(std::string_view topic, std::string_view pub) {
  const std::hash<std::string_view> hash;
  return mix(hash(pub), hash(topic));
}

}  // namespace

const DeliveredIds::Sequences* DeliveredIds::sequences_of(const std::string& key) const {
  for (const Publishers* generation : {&latest_, &older_}) {
    const auto found = generation->find(key);
    if (found != generation->end()) return &found->second;
  }
  return nullptr;
}

DeliveredIds::Sequences& DeliveredIds::current(std::string_view topic, std::string_view publisher,
                                               std::uint64_t sequence, std::size_t content) {
  if (current_ != nullptr && is_key_of(current_->first, publisher, topic)) return current_->second;
  std::string key = key_of(publisher, topic);
  if (latest_.size() >= capacity && !latest_.contains(key)) older_ = std::exchange(latest_, {});
  const Sequences* const before = sequences_of(key);
  const Sequences start = before != nullptr ? *before : Sequences{sequence, content, sequence};
  current_ = &*latest_.try_emplace(std::move(key), start).first;
  return current_->second;
}

void DeliveredIds::add(std::string_view topic, std::string_view pub, std::size_t content,
                       std::uint64_t serial) {
  const auto parsed = PubId::parse(pub);
  if (!parsed) return;
  if (contents_.empty()) contents_.resize(buckets);
  Sequences& known = current(topic, parsed->publisher, parsed->sequence, content);
  if (parsed->sequence == known.highest + 1) {
    known.highest = parsed->sequence;
  } else if (parsed->sequence < known.first) {
    add_alone(topic, pub, content);
  } else if (parsed->sequence > known.highest || !contains(topic, pub, content)) {
    // What lies between was not delivered; or the name is used anew.
    known = {parsed->sequence, content, parsed->sequence};
  }
  const std::size_t name = name_of(topic, pub);
  Bucket& bucket = contents_[name % buckets];
  auto place = std::ranges::find(bucket, name, &Content::name);
  if (place == bucket.end()) --place;
  std::move_backward(bucket.begin(), place, std::next(place));
  bucket.front() = {name, content, serial};
}

void DeliveredIds::add_alone(std::string_view topic, std::string_view pub, std::size_t content) {
  if (latest_alone_.size() >= capacity) older_alone_ = std::exchange(latest_alone_, {});
  latest_alone_.insert(mix(name_of(topic, pub), content));
}

const DeliveredIds::Content* DeliveredIds::remembered(std::size_t name) const {
  if (contents_.empty()) return nullptr;
  const Bucket& bucket = contents_[name % buckets];
  const auto found = std::ranges::find(bucket, name, &Content::name);
  return found == bucket.end() || found->serial == 0 ? nullptr : &*found;
}

std::optional<std::uint64_t> DeliveredIds::find(std::string_view topic, std::string_view pub,
                                                std::size_t content) const {
  const std::size_t name = name_of(topic, pub);
  const Content* const latest = remembered(name);
  if (latest != nullptr && latest->content == content) return latest->serial;
  const std::size_t one = mix(name, content);
  if (latest_alone_.contains(one) || older_alone_.contains(one)) return alone;
  const auto parsed = PubId::parse(pub);
  const Sequences* const known = parsed ? sequences_of(key_of(parsed->publisher, topic)) : nullptr;
  if (latest != nullptr || known == nullptr) return std::nullopt;
  if (parsed->sequence < known->first || parsed->sequence > known->highest) return std::nullopt;
  if (parsed->sequence == known->first && known->first_content != content) return std::nullopt;
  return long_ago;
}

}  // namespace chat
