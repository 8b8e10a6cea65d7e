#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace chat {

/// A stream entry's ID, `<ms>-<n>` (https://redis.io/docs/latest/develop/data-types/streams/#entry-ids).
/// n counts the topic's messages.
struct EntryId {
  std::uint64_t ms = 0;
  std::uint64_t n = 0;

  auto operator<=>(const EntryId&) const = default;

  /// The ID that `text` spells; `<ms>` alone gets this n. Nothing when it is no ID (signs, spaces, overflow).
  static std::optional<EntryId> parse(std::string_view text, std::uint64_t n = 0);
  std::string str() const;
};

inline constexpr EntryId first_id{0, 0};  ///< before every entry: no entry can have it
inline constexpr EntryId last_id{UINT64_MAX, UINT64_MAX};

/// The ID right before `id`, so that what comes after it includes `id`. first_id stays.
EntryId before(EntryId id);

/// Who published a message, and as which of its messages: `P-s`. It stays the same whatever ID a store
/// gives the message. P is 1 to 64 of `A-Z a-z 0-9 . _ -`; s counts from 1.
struct PubId {
  std::string_view publisher;  ///< part of the text that was parsed
  std::uint64_t sequence = 0;

  bool operator==(const PubId&) const = default;

  /// The last `-` separates. Nothing when it is no such ID.
  static std::optional<PubId> parse(std::string_view text);
  /// The same without a look at the publisher: what has no sequence is a publisher alone, with the sequence
  /// 0.
  static PubId split(std::string_view text);
  /// What split() takes apart.
  std::string str() const;
};

/// Whether it can be the P of a PubId.
bool valid_publisher(std::string_view name);

}  // namespace chat
