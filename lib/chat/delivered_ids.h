#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>

namespace chat {

/// Remembers which messages were shown, by topic and publisher, whose sequence numbers count each topic's:
/// for the latest of these, at least `capacity`, at most twice as many.
class DeliveredIds {
 public:
  DeliveredIds() = default;
  ~DeliveredIds() = default;
  DeliveredIds(const DeliveredIds&) = delete;
  DeliveredIds& operator=(const DeliveredIds&) = delete;

  /// With all that the publisher has published before it.
  void add(const std::string& topic, const std::string& pub);
  /// It alone, with this content (a hash): where only the channel has named it, it may be forged, and must
  /// not stand for another message.
  void add_alone(const std::string& topic, const std::string& pub, std::size_t content);
  bool contains(const std::string& topic, const std::string& pub, std::size_t content) const;

 private:
  static constexpr std::size_t capacity = 4096;
  // Two generations: the older one is dropped when the latest is full. Keys are "publisher topic" and
  // "publisher-sequence content topic".
  using Highest = std::unordered_map<std::string, std::uint64_t>;
  Highest latest_;
  Highest older_;
  Highest::value_type* current_ = nullptr;  // in latest_: messages mostly come from the same one as before
  std::unordered_set<std::string> latest_alone_;
  std::unordered_set<std::string> older_alone_;
};

}  // namespace chat
