#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chat/entry_id.h"

namespace chat {

/// A position that can be found again in a history, or be told to be gone from it: an ID alone may be another
/// message's after a failover. An empty pub stands for any.
struct Anchor {
  EntryId id;
  std::string pub;

  bool operator==(const Anchor&) const = default;
};

/// Positions of a topic's latest 16 messages, and ever fewer of the older ones: of those that lie d messages
/// back one in every d / 8. The first one stays: in a history that has hardly more of it, it tells where the
/// reader began. Memory grows with the logarithm of the messages: some dozens of positions.
class Trail {
 public:
  struct Step {
    Anchor anchor;
    std::uint64_t serial = 0;
    std::uint64_t held = 0;
  };

  /// `serial` is one more than that of the message before. `held` is kept with it.
  void add(const EntryId& id, std::string_view pub, std::uint64_t serial, std::uint64_t held);
  /// Whether a message with this serial still has a place when the one with the serial `newest` is added:
  /// else it needs not be, unless it is the first of all.
  static bool keeps(std::uint64_t serial, std::uint64_t newest) {
    return (newest - serial) >> (std::countr_zero(serial) + 1) < wide;
  }
  bool empty() const { return !first_; }
  /// Forgets those behind this serial.
  void cut(std::uint64_t serial);
  /// All, the latest first.
  std::vector<Step> steps() const;

 private:
  // A serial that two divides k times goes to level k, where it replaces the oldest.
  static constexpr std::size_t wide = 8;
  struct Level {
    std::vector<Step> steps;  // a ring
    std::size_t oldest = 0;
  };
  std::array<Level, 65> levels_;
  std::optional<Step> first_;
};

}  // namespace chat
