#include "chat/entry_id.h"

#include <charconv>
#include <limits>

#include "base/numbers.h"

namespace chat {
namespace {

// As from_chars does it, but faster for what can't overflow.
std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  if (text.empty() || text.size() > std::numeric_limits<std::uint64_t>::digits10) {
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    return error == std::errc() && stop == end ? std::optional(value) : std::nullopt;
  }
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = 10 * value + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

}  // namespace

std::optional<EntryId> EntryId::parse(std::string_view text, std::uint64_t n) {
  const std::size_t dash = text.find('-');
  const auto first = parse_number(text.substr(0, dash));
  if (!first) return std::nullopt;
  if (dash == std::string_view::npos) return EntryId{*first, n};
  const auto second = parse_number(text.substr(dash + 1));
  if (!second) return std::nullopt;
  return EntryId{*first, *second};
}

std::string EntryId::str() const {
  std::string out;
  out.reserve(41);
  append_number(out, ms);
  out += '-';
  append_number(out, n);
  return out;
}

EntryId before(EntryId id) {
  if (id.n > 0) return {id.ms, id.n - 1};
  return id.ms > 0 ? EntryId{id.ms - 1, UINT64_MAX} : first_id;
}

bool valid_publisher(std::string_view name) {
  if (name.empty() || name.size() > 64) return false;
  for (const char c : name) {
    const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    const bool digit = c >= '0' && c <= '9';
    if (!letter && !digit && c != '.' && c != '_' && c != '-') return false;
  }
  return true;
}

std::optional<PubId> PubId::parse(std::string_view text) {
  const std::size_t dash = text.rfind('-');
  if (dash == std::string_view::npos || !valid_publisher(text.substr(0, dash))) return std::nullopt;
  const auto number = parse_sequence(text.substr(dash + 1));
  if (!number) return std::nullopt;
  return PubId{std::string(text.substr(0, dash)), *number};
}

std::optional<std::uint64_t> PubId::parse_sequence(std::string_view digits) {
  if (digits.starts_with('0')) return std::nullopt;
  return parse_number(digits);
}

}  // namespace chat
