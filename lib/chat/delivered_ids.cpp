#include "chat/delivered_ids.h"

#include <algorithm>
#include <functional>
#include <utility>

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

std::size_t hash_of(std::string_view text) { return std::hash<std::string_view>()(text); }

std::size_t name_of(std::size_t key_hash, std::uint64_t sequence) {
  return mix(key_hash, sequence * 0x9e3779b97f4a7c15U);
}

std::size_t name_alone(std::string_view topic, std::string_view pub, std::size_t content) {
  return mix(mix(hash_of(pub), hash_of(topic)), content);
}

}  // namespace

const DeliveredIds::Sequences* DeliveredIds::sequences_of(const std::string& key) const {
  for (const Publishers* generation : {&latest_, &older_}) {
    const auto found = generation->find(key);
    if (found != generation->end()) return &found->second;
  }
  return nullptr;
}

void DeliveredIds::make_current(std::string_view topic, const PubId& pub, std::size_t content) {
  std::string key = key_of(pub.publisher, topic);
  if (latest_.size() >= capacity && !latest_.contains(key)) older_ = std::exchange(latest_, {});
  const Sequences* const before = sequences_of(key);
  const Sequences start =
      before != nullptr ? *before : Sequences{pub.sequence, content, pub.sequence, hash_of(key)};
  current_ = &*latest_.try_emplace(std::move(key), start).first;
}

void DeliveredIds::add(std::string_view topic, const PubId& pub, std::size_t content, std::uint64_t serial) {
  const std::uint64_t sequence = pub.sequence;
  if (sequence == 0) return;
  // Mostly it is the same publisher as before: nothing is hashed or copied then.
  if (current_ == nullptr || !is_key_of(current_->first, pub.publisher, topic)) {
    if (!valid_publisher(pub.publisher)) return;
    make_current(topic, pub, content);
  }
  Sequences& known = current_->second;
  if (sequence == known.highest + 1) {
    known.highest = sequence;
  } else if (sequence < known.first) {
    add_alone(topic, pub.str(), content);
  } else if (sequence > known.highest || !contains(topic, pub.str(), content)) {
    // What lies between was not delivered; or the name is used anew.
    known = {sequence, content, sequence, known.hash};
  }
  remember(bucket_of(known.hash, sequence), {name_of(known.hash, sequence), content, serial});
}

// The latest one comes first, and each moves by one, up to the place that is free or had the same name.
void DeliveredIds::remember(std::size_t bucket, Content one) {
  const std::size_t name = one.name;
  for (Places& places : contents_) {
    std::unique_ptr<Page>& page = places[bucket / page_size];
    if (page == nullptr) page = std::make_unique<Page>();
    std::swap((*page)[bucket % page_size], one);
    if (one.serial == 0 || one.name == name) return;
  }
}

void DeliveredIds::add_alone(std::string_view topic, std::string_view pub, std::size_t content) {
  if (latest_alone_.size() >= capacity) older_alone_ = std::exchange(latest_alone_, {});
  latest_alone_.insert(name_alone(topic, pub, content));
}

// One after the other for a publisher's messages: a random place for each would take a third of the time of
// reading.
std::size_t DeliveredIds::bucket_of(std::size_t key_hash, std::uint64_t sequence) {
  return (key_hash + sequence) % buckets;
}

const DeliveredIds::Content* DeliveredIds::remembered(std::size_t key_hash, std::uint64_t sequence) const {
  const std::size_t bucket = bucket_of(key_hash, sequence);
  const std::size_t name = name_of(key_hash, sequence);
  for (const Places& places : contents_) {
    const Page* const page = places[bucket / page_size].get();
    if (page == nullptr) return nullptr;
    const Content& one = (*page)[bucket % page_size];
    if (one.name == name && one.serial != 0) return &one;
  }
  return nullptr;
}

std::optional<std::uint64_t> DeliveredIds::find(std::string_view topic, std::string_view pub,
                                                std::size_t content) const {
  const auto parsed = PubId::parse(pub);
  const std::string key = parsed ? key_of(parsed->publisher, topic) : std::string();
  const Content* const latest = parsed ? remembered(hash_of(key), parsed->sequence) : nullptr;
  if (latest != nullptr && latest->content == content) return latest->serial;
  const std::size_t one = name_alone(topic, pub, content);
  if (latest_alone_.contains(one) || older_alone_.contains(one)) return alone;
  const Sequences* const known = parsed ? sequences_of(key) : nullptr;
  if (latest != nullptr || known == nullptr) return std::nullopt;
  if (parsed->sequence < known->first || parsed->sequence > known->highest) return std::nullopt;
  if (parsed->sequence == known->first && known->first_content != content) return std::nullopt;
  return long_ago;
}

}  // namespace chat
