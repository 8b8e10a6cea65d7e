#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/stream_id.h"

namespace sim {

/// One consumer of a group. Its pending entries are those in the group that have its number.
struct Consumer {
  std::uint32_t number = 0;
  std::int64_t seen = 0;  // ms, when it was last heard of
  std::size_t pending = 0;
};

/// An entry that was given to a consumer and not acknowledged.
struct Pending {
  static constexpr std::uint32_t nobody = 0;
  std::uint32_t owner = nobody;
  std::int64_t delivered = 0;  // ms
  std::int64_t count = 1;
};

/// A consumer group.
struct Group {
  static constexpr std::int64_t unknown = -1;
  StreamId last;
  std::int64_t entries_read = unknown;
  std::map<std::string, Consumer, std::less<>> consumers;
  std::map<StreamId, Pending> pending;
  std::uint32_t last_number = 0;

  Consumer& make_consumer(std::string_view name, std::int64_t now);
  /// Null when there is none.
  Consumer* find(std::string_view name);
  /// The name of a consumer by its number; empty for nobody.
  std::string_view name_of(std::uint32_t number) const;
  /// Removes the pending entry.
  void forget(std::map<StreamId, Pending>::iterator place);
  void give(Pending& entry, std::uint32_t owner);

 private:
  Consumer* of(std::uint32_t number);
};

struct Entry {
  StreamId id;
  std::uint32_t texts = 0;  // fields and values
  bool deleted = false;
  std::string encoded;  // the texts, each as a bulk string of RESP
};

/// How the stream is cut into nodes, the unit of trimming with `~`
/// (stream-node-max-entries, stream-node-max-bytes).
struct NodeLimits {
  std::size_t entries = 100;  // 0: no limit
  std::size_t bytes = 4096;   // 0: no limit
};

/// Which entries to trim away, from the oldest on.
struct Trim {
  enum class By : std::uint8_t { nothing, length, id };
  By by = By::nothing;
  bool approximate = false;
  std::uint64_t limit = 0;  // of entries; 0: none
  std::uint64_t max_length = 0;
  StreamId min_id;
};

/// A stream with the parts of Redis's representation that can be seen from outside: its nodes (as big as
/// Redis's, in entries and bytes) and its tombstones. A value: copies are independent.
class Stream {
 public:
  /// Appends an entry of `texts` (fields and values in turn). `id` must be above last_id().
  void append(StreamId id, std::span<const std::string_view> texts, const NodeLimits& limits);
  /// Whether it was there.
  bool remove(StreamId id);
  /// How many entries went.
  std::uint64_t trim(const Trim& trim);

  std::size_t length() const { return length_; }
  std::size_t nodes() const { return nodes_.size(); }
  StreamId last_id() const { return last_id_; }
  void set_last_id(StreamId id) { last_id_ = id; }
  StreamId max_deleted() const { return max_deleted_; }
  std::int64_t entries_added() const { return entries_added_; }
  void set_counters(std::int64_t added, StreamId deleted) {
    entries_added_ = added;
    max_deleted_ = deleted;
  }
  /// The first and last entries that are there; null in an empty stream.
  const Entry* first() const;
  const Entry* last() const;
  /// The first one's ID; 0-0 in an empty stream.
  StreamId first_id() const { return length_ == 0 ? StreamId{} : first()->id; }
  /// As a tombstone it may still stand in the first node.
  StreamId first_id_or_tombstone() const;
  const Entry* find(StreamId id) const;
  bool has(StreamId id) const { return find(id) != nullptr; }

  /// Calls visit(const Entry&) for entries from `low` to `high`, as long as it returns true.
  template <class Visit>
  void scan(StreamId low, StreamId high, Visit visit) const;
  template <class Visit>
  void scan_back(StreamId low, StreamId high, Visit visit) const;

  /// https://redis.io/docs/latest/commands/xinfo-groups/ tells when the lag of a group is not known.
  std::optional<std::int64_t> lag(const Group& group) const;
  /// Moves a group's position on to an entry that it is given.
  void advance(Group& group, StreamId id) const;

  std::map<std::string, Group, std::less<>> groups;
  Group* group(std::string_view name) {
    const auto place = groups.find(name);
    return place == groups.end() ? nullptr : &place->second;
  }

 private:
  struct Node {
    std::vector<Entry> entries;  // tombstones among them
    std::size_t live = 0;
    std::size_t bytes = 0;      // of Redis's listpack, without the two counts of entries at its begin
    std::string master_fields;  // which the first entry had
    std::size_t size() const;
  };
  struct Place {
    std::size_t node;
    std::size_t entry;
  };

  Place lower_bound(StreamId id) const;
  bool tombstone_behind(StreamId id) const;
  std::int64_t estimated_read(StreamId id) const;
  void trim_within(Node& node, const Trim& trim, std::uint64_t& gone);

  std::vector<Node> nodes_;
  std::size_t length_ = 0;
  StreamId last_id_;
  StreamId max_deleted_;
  std::int64_t entries_added_ = 0;
};

template <class Visit>
void Stream::scan(StreamId low, StreamId high, Visit visit) const {
  Place place = lower_bound(low);
  for (; place.node < nodes_.size(); ++place.node, place.entry = 0) {
    const auto& entries = nodes_[place.node].entries;
    for (; place.entry < entries.size(); ++place.entry) {
      const Entry& entry = entries[place.entry];
      if (entry.id > high) return;
      if (!entry.deleted && !visit(entry)) return;
    }
  }
}

template <class Visit>
void Stream::scan_back(StreamId low, StreamId high, Visit visit) const {
  if (low > high) return;
  StreamId end = high;
  const bool all = !increment(end);
  const Place place = all ? Place{nodes_.size(), 0} : lower_bound(end);
  for (std::size_t node = place.node + 1; node-- > 0;) {
    if (node == nodes_.size()) continue;
    const auto& entries = nodes_[node].entries;
    for (std::size_t i = node == place.node ? place.entry : entries.size(); i-- > 0;) {
      if (entries[i].id < low) return;
      if (!entries[i].deleted && !visit(entries[i])) return;
    }
  }
}

}  // namespace sim
