#include "chat/entry_id.h"

#include <algorithm>
#include <array>

#include "base/numbers.h"

namespace chat {
namespace {

constexpr std::array<bool, 256> publisher_bytes = [] {
  std::array<bool, 256> allowed{};
  for (const char c : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")) {
    allowed[static_cast<unsigned char>(c)] = true;
  }
  return allowed;
}();

}  // namespace

std::optional<EntryId> EntryId::parse(std::string_view text, std::uint64_t n) {
  const std::size_t dash = text.find('-');
  const auto first = parse_whole(text.substr(0, dash));
  if (!first) return std::nullopt;
  if (dash == std::string_view::npos) return EntryId{*first, n};
  const auto second = parse_whole(text.substr(dash + 1));
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
  return !name.empty() && name.size() <= 64 &&
         std::ranges::all_of(name, [](char c) { return publisher_bytes[static_cast<unsigned char>(c)]; });
}

std::optional<PubId> PubId::parse(std::string_view text) {
  const PubId id = split(text);
  if (id.sequence == 0 || !valid_publisher(id.publisher)) return std::nullopt;
  return id;
}

PubId PubId::split(std::string_view text) {
  const std::size_t dash = text.rfind('-');
  if (dash == std::string_view::npos) return {text, 0};
  const std::string_view digits = text.substr(dash + 1);
  const auto sequence = digits.starts_with('0') ? std::nullopt : parse_whole(digits);
  return sequence ? PubId{text.substr(0, dash), *sequence} : PubId{text, 0};
}

std::string PubId::str() const {
  std::string out(publisher);
  if (sequence == 0) return out;
  out += '-';
  append_number(out, sequence);
  return out;
}

}  // namespace chat
