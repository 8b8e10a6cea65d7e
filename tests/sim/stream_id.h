#pragma once

#include <array>
#include <charconv>
#include <compare>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "sim/resp.h"

namespace sim {

/// The ID of an entry of a stream (https://redis.io/docs/latest/develop/data-types/streams/).
struct StreamId {
  std::uint64_t ms = 0;
  std::uint64_t seq = 0;

  friend auto operator<=>(const StreamId&, const StreamId&) = default;
  bool is_zero() const { return ms == 0 && seq == 0; }
};

inline constexpr std::uint64_t biggest = std::numeric_limits<std::uint64_t>::max();
inline constexpr StreamId highest_id{biggest, biggest};

/// The ID's text, without an allocation.
class IdText {
 public:
  explicit IdText(StreamId id) {
    char* end = std::to_chars(text_.data(), text_.data() + text_.size(), id.ms).ptr;
    *end++ = '-';
    size_ =
        static_cast<std::size_t>(std::to_chars(end, text_.data() + text_.size(), id.seq).ptr - text_.data());
  }
  std::string_view view() const { return {text_.data(), size_}; }

 private:
  std::array<char, 44> text_{};
  std::size_t size_;
};

/// Sets `id` to the next or the one before; false, and unchanged, when there is none.
inline bool increment(StreamId& id) {
  if (id == highest_id) return false;
  if (++id.seq == 0) ++id.ms;
  return true;
}
inline bool decrement(StreamId& id) {
  if (id.is_zero()) return false;
  if (id.seq-- == 0) --id.ms;
  return true;
}

/// `ms-seq` or `ms`, where `missing` stands for the seq; no `-` and `+`. With `any_seq`, `ms-*` is one too,
/// and sets it.
inline std::optional<StreamId> parse_strict_id(std::string_view text, std::uint64_t missing,
                                               bool* any_seq = nullptr) {
  const std::size_t dash = text.find('-');
  const auto ms = parse_unsigned(text.substr(0, dash));
  if (!ms) return std::nullopt;
  if (dash == std::string_view::npos) return StreamId{*ms, missing};
  if (any_seq != nullptr && text.substr(dash + 1) == "*") {
    *any_seq = true;
    return StreamId{*ms, 0};
  }
  const auto seq = parse_unsigned(text.substr(dash + 1));
  if (!seq) return std::nullopt;
  return StreamId{*ms, *seq};
}

/// parse_strict_id, or `-` and `+` for the lowest and the highest ID.
inline std::optional<StreamId> parse_id(std::string_view text, std::uint64_t missing) {
  if (text == "-") return StreamId{};
  if (text == "+") return highest_id;
  return parse_strict_id(text, missing);
}

}  // namespace sim
