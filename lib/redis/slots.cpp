#include "redis/slots.h"
#include "base/error.h"

#include <algorithm>
#include <unordered_map>

namespace chat {

namespace {

[[noreturn]] void refuse() { throw Outage("this is not what Redis answers to CLUSTER SLOTS"); }

std::int64_t within(ReplyView number, std::int64_t least, std::int64_t most) {
  const std::int64_t value = number.integer();
  if (!number.is_integer() || value < least || value > most) refuse();
  return value;
}

std::string name_of(ReplyView node, std::string_view asked) {
  if (node.size() < 2) refuse();
  const std::int64_t port = within(node[1], 1, UINT16_MAX);
  // A node that doesn't know its own address is the one asked; `?` is a host name that was not set.
  std::string_view host = node[0].text();
  if (host.empty() || host == "?") host = asked;
  if (!is_host(host)) refuse();
  return std::string(host) + ":" + std::to_string(port);
}

}  // namespace

std::uint16_t hash_slot(std::string_view key) {
  const std::size_t open = key.find('{');
  if (open != std::string_view::npos) {
    const std::size_t close = key.find('}', open + 1);
    if (close != std::string_view::npos && close > open + 1) key = key.substr(open + 1, close - open - 1);
  }
  // CRC-16/XMODEM
  unsigned crc = 0;
  for (const char c : key) {
    crc ^= static_cast<unsigned>(static_cast<unsigned char>(c)) << 8U;
    for (int bit = 0; bit < 8; ++bit) crc = (crc << 1U) ^ ((crc & 0x8000U) != 0 ? 0x1021U : 0U);
  }
  return static_cast<std::uint16_t>((crc & 0xFFFFU) % Slots::count);
}

Slots::Slots(ReplyView reply, std::string_view asked) : Slots() {
  if (!reply.is_array()) refuse();
  std::unordered_map<std::string, std::uint32_t> places;  // in shards_, by the master's name
  for (std::size_t i = 0; i < reply.size(); ++i) {
    const ReplyView range = reply[i];
    if (range.size() < 3) refuse();
    const std::int64_t first = within(range[0], 0, count - 1);
    const std::int64_t last = within(range[1], first, count - 1);
    const std::string master = name_of(range[2], asked);
    const auto [place, added] = places.emplace(master, static_cast<std::uint32_t>(shards_.size()));
    if (added) {
      shards_.push_back({.master = master, .replicas = {}});
      for (std::size_t j = 3; j < range.size(); ++j)
        shards_.back().replicas.push_back(name_of(range[j], asked));
    }
    std::fill(shard_of_.begin() + first, shard_of_.begin() + last + 1, place->second);
  }
}

const Shard& Slots::of(std::uint16_t slot) const {
  const std::uint32_t shard = shard_of_.at(slot);
  if (shard == nobody) throw Outage("no node of the cluster serves slot " + std::to_string(slot));
  return shards_.at(shard);
}

}  // namespace chat
