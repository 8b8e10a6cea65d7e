#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "chat/entry_id.h"

namespace chat {

/// Remembers which messages were delivered, by topic and publisher, whose sequence numbers count each
/// topic's: for the latest of these, at least `capacity`, at most twice as many. A content is a hash of what
/// a message says: where it is remembered too (the latest messages', and each publisher's first), another
/// content under the same name is another message.
class DeliveredIds {
 public:
  DeliveredIds() = default;
  ~DeliveredIds() = default;
  DeliveredIds(const DeliveredIds&) = delete;
  DeliveredIds& operator=(const DeliveredIds&) = delete;

  /// Also stands for those before it in an unbroken sequence of those that were added. `serial`: when it was,
  /// as the caller counts. Nothing for what is no PubId.
  void add(std::string_view topic, const PubId& pub, std::size_t content, std::uint64_t serial);
  void add(std::string_view topic, std::string_view pub, std::size_t content, std::uint64_t serial) {
    add(topic, PubId::split(pub), content, serial);
  }
  /// It alone, with this content: where only the channel has named it, it may be forged, and must not stand
  /// for another message.
  void add_alone(std::string_view topic, std::string_view pub, std::size_t content);
  /// The serial of one that was delivered; `long_ago` when that is not remembered. Nothing when it was not.
  std::optional<std::uint64_t> find(std::string_view topic, std::string_view pub, std::size_t content) const;
  bool contains(std::string_view topic, std::string_view pub, std::size_t content) const {
    return find(topic, pub, content).has_value();
  }

  static constexpr std::uint64_t long_ago = 0;
  static constexpr std::uint64_t alone = UINT64_MAX;  ///< add_alone's serial

 private:
  static constexpr std::size_t capacity = 4096;
  static constexpr std::size_t buckets = 4096;
  struct Sequences {
    std::uint64_t first = 0;
    std::size_t first_content = 0;
    std::uint64_t highest = 0;
    std::size_t hash = 0;  // of the key
  };
  struct Content {
    std::size_t name = 0;
    std::size_t content = 0;
    std::uint64_t serial = 0;
  };
  static constexpr std::size_t page_size = 128;
  using Page = std::array<Content, page_size>;
  using Places = std::array<std::unique_ptr<Page>, buckets / page_size>;  // one in each bucket
  void remember(std::size_t bucket, Content one);
  static std::size_t bucket_of(std::size_t key_hash, std::uint64_t sequence);
  const Content* remembered(std::size_t key_hash, std::uint64_t sequence) const;
  // Two generations: the older one is dropped when the latest is full. Keys are "publisher topic".
  using Publishers = std::unordered_map<std::string, Sequences>;
  const Sequences* sequences_of(const std::string& key) const;
  void make_current(std::string_view topic, const PubId& pub, std::size_t content);

  Publishers latest_;
  Publishers older_;
  Publishers::value_type* current_ = nullptr;  // in latest_: mostly the same one as before
  // Four places a bucket. Most programs end before they need all.
  std::array<Places, 4> contents_;
  std::unordered_set<std::size_t> latest_alone_;
  std::unordered_set<std::size_t> older_alone_;
};

}  // namespace chat
