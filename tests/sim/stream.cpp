#include "sim/stream.h"

#include <algorithm>
#include <iterator>

namespace sim {

namespace {

// The length of an element of a listpack, and behind it that length again, backwards
// (https://github.com/antirez/listpack/blob/master/listpack.md).
std::size_t with_back_length(std::size_t size) {
  if (size < 128) return size + 1;
  if (size < 16384) return size + 2;
  if (size < 2097152) return size + 3;
  return size + (size < 268435456 ? 4U : 5U);
}

std::size_t packed_size(std::int64_t value) {
  if (value >= 0 && value <= 127) return with_back_length(1);
  if (value >= -4096 && value <= 4095) return with_back_length(2);
  if (value >= -32768 && value <= 32767) return with_back_length(3);
  if (value >= -8388608 && value <= 8388607) return with_back_length(4);
  if (value >= -2147483648LL && value <= 2147483647LL) return with_back_length(5);
  return with_back_length(9);
}

std::size_t packed_size(std::string_view text) {
  if (const auto number = parse_integer(text)) return packed_size(*number);
  const std::size_t header = text.size() < 64 ? 1 : text.size() < 4096 ? 2 : 5;
  return with_back_length(header + text.size());
}

constexpr std::size_t empty_listpack = 7;
constexpr std::size_t biggest_listpack = std::size_t{1} << 30;

// Names of fields, so that different ones are different texts.
std::string field_names(std::span<const std::string_view> texts) {
  std::string names;
  for (std::size_t i = 0; i < texts.size(); i += 2) {
    names += texts[i];
    names += '\0';
    names += std::to_string(texts[i].size());
    names += '\0';
  }
  return names;
}

}  // namespace

std::size_t Stream::Node::size() const {
  return bytes + packed_size(static_cast<std::int64_t>(live)) +
         packed_size(static_cast<std::int64_t>(entries.size() - live));
}

void Stream::append(StreamId id, std::span<const std::string_view> texts, const NodeLimits& limits) {
  std::size_t total = 0;
  for (const std::string_view text : texts) total += text.size();
  const std::size_t most = limits.bytes == 0 ? biggest_listpack : std::min(limits.bytes, biggest_listpack);
  const bool fresh = nodes_.empty() || nodes_.back().size() + total >= most ||
                     (limits.entries > 0 && nodes_.back().entries.size() >= limits.entries);
  const auto fields = static_cast<std::int64_t>(texts.size() / 2);
  const std::string names = field_names(texts);
  if (fresh) {
    Node& node = nodes_.emplace_back();
    node.master_fields = names;
    node.bytes = empty_listpack + packed_size(fields) + packed_size(std::int64_t{0});
    for (std::size_t i = 0; i < texts.size(); i += 2) node.bytes += packed_size(texts[i]);
  }
  Node& node = nodes_.back();
  const bool same = node.master_fields == names;
  const StreamId master = fresh ? id : node.entries.front().id;
  node.bytes += packed_size(std::int64_t{same ? 2 : 0}) +
                packed_size(static_cast<std::int64_t>(id.ms - master.ms)) +
                packed_size(static_cast<std::int64_t>(id.seq - master.seq)) +
                packed_size(same ? fields + 3 : 2 * fields + 4) + (same ? 0 : packed_size(fields));
  Entry& entry = node.entries.emplace_back();
  entry.id = id;
  entry.texts = static_cast<std::uint32_t>(texts.size());
  entry.encoded.reserve(total + 8 * texts.size());
  ReplyWriter writer(entry.encoded);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (!same || i % 2 == 1) node.bytes += packed_size(texts[i]);
    writer.bulk(texts[i]);
  }
  ++node.live;
  ++length_;
  ++entries_added_;
  last_id_ = id;
}

Stream::Place Stream::lower_bound(StreamId id) const {
  const auto node = std::ranges::partition_point(
      nodes_, [id](const Node& candidate) { return candidate.entries.back().id < id; });
  const auto index = static_cast<std::size_t>(node - nodes_.begin());
  if (node == nodes_.end()) return {index, 0};
  const auto entry =
      std::ranges::partition_point(node->entries, [id](const Entry& candidate) { return candidate.id < id; });
  return {index, static_cast<std::size_t>(entry - node->entries.begin())};
}

const Entry* Stream::find(StreamId id) const {
  const Place place = lower_bound(id);
  if (place.node == nodes_.size()) return nullptr;
  const Entry& entry = nodes_[place.node].entries[place.entry];
  return entry.id == id && !entry.deleted ? &entry : nullptr;
}

bool Stream::remove(StreamId id) {
  const Place place = lower_bound(id);
  if (place.node == nodes_.size()) return false;
  Node& node = nodes_[place.node];
  Entry& entry = node.entries[place.entry];
  if (entry.id != id || entry.deleted) return false;
  entry.deleted = true;
  max_deleted_ = std::max(max_deleted_, id);
  --length_;
  if (--node.live == 0) nodes_.erase(nodes_.begin() + static_cast<std::ptrdiff_t>(place.node));
  return true;
}

void Stream::trim_within(Node& node, const Trim& trim, std::uint64_t& gone) {
  for (Entry& entry : node.entries) {
    if (trim.by == Trim::By::length ? length_ <= trim.max_length : entry.id >= trim.min_id) return;
    if (entry.deleted) continue;
    entry.deleted = true;
    --node.live;
    --length_;
    ++gone;
  }
}

std::uint64_t Stream::trim(const Trim& trim) {
  if (trim.by == Trim::By::nothing) return 0;
  std::uint64_t gone = 0;
  std::size_t whole = 0;
  for (; whole < nodes_.size(); ++whole) {
    Node& node = nodes_[whole];
    if (trim.by == Trim::By::length && length_ <= trim.max_length) break;
    if (trim.limit > 0 && gone + node.live > trim.limit) break;
    // Redis looks at the node's last entry even when that is a tombstone.
    const bool all = trim.by == Trim::By::length ? length_ - node.live >= trim.max_length
                                                 : node.entries.back().id < trim.min_id;
    if (!all) {
      if (!trim.approximate) trim_within(node, trim, gone);
      break;
    }
    length_ -= node.live;
    gone += node.live;
  }
  nodes_.erase(nodes_.begin(), nodes_.begin() + static_cast<std::ptrdiff_t>(whole));
  return gone;
}

const Entry* Stream::first() const {
  const Entry* found = nullptr;
  scan({}, highest_id, [&](const Entry& entry) {
    found = &entry;
    return false;
  });
  return found;
}

const Entry* Stream::last() const {
  const Entry* found = nullptr;
  scan_back({}, highest_id, [&](const Entry& entry) {
    found = &entry;
    return false;
  });
  return found;
}

StreamId Stream::first_id_or_tombstone() const {
  return nodes_.empty() ? highest_id : nodes_.front().entries.front().id;
}

bool Stream::tombstone_behind(StreamId id) const {
  if (length_ == 0 || max_deleted_.is_zero() || first_id() > max_deleted_) return false;
  return id <= max_deleted_;
}

// How many entries were ever added up to this ID, as far as that can be known.
std::int64_t Stream::estimated_read(StreamId id) const {
  if (entries_added_ == 0) return 0;
  if (length_ == 0 && id <= last_id_) return entries_added_;
  if (id == last_id_) return entries_added_;
  if (id > last_id_) return Group::unknown;
  if (max_deleted_.is_zero() || max_deleted_ < first_id()) {
    const std::int64_t before = entries_added_ - static_cast<std::int64_t>(length_);
    if (id < first_id()) return before;
    if (id == first_id()) return before + 1;
  }
  return Group::unknown;
}

std::optional<std::int64_t> Stream::lag(const Group& group) const {
  if (entries_added_ == 0) return 0;
  std::int64_t read = group.entries_read;
  if (read == Group::unknown || tombstone_behind(group.last)) read = estimated_read(group.last);
  if (read == Group::unknown) return std::nullopt;
  return entries_added_ - read;
}

void Stream::advance(Group& group, StreamId id) const {
  if (id <= group.last) return;
  if (group.entries_read != Group::unknown && !tombstone_behind(id)) {
    ++group.entries_read;
  } else if (entries_added_ > 0) {
    group.entries_read = estimated_read(id);
  }
  group.last = id;
}

Consumer& Group::make_consumer(std::string_view name, std::int64_t now) {
  Consumer& consumer = consumers.emplace(name, Consumer{}).first->second;
  consumer.number = ++last_number;
  consumer.seen = now;
  return consumer;
}

Consumer* Group::find(std::string_view name) {
  const auto place = consumers.find(name);
  return place == consumers.end() ? nullptr : &place->second;
}

Consumer* Group::of(std::uint32_t number) {
  for (auto& [name, consumer] : consumers) {
    if (consumer.number == number) return &consumer;
  }
  return nullptr;
}

std::string_view Group::name_of(std::uint32_t number) const {
  for (const auto& [name, consumer] : consumers) {
    if (consumer.number == number) return name;
  }
  return {};
}

void Group::forget(std::map<StreamId, Pending>::iterator place) {
  if (Consumer* owner = of(place->second.owner)) --owner->pending;
  pending.erase(place);
}

void Group::give(Pending& entry, std::uint32_t owner) {
  if (Consumer* before = of(entry.owner)) --before->pending;
  entry.owner = owner;
  if (Consumer* after = of(owner)) ++after->pending;
}

}  // namespace sim
