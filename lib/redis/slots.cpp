#include "redis/slots.h"
#include "base/error.h"

#include <algorithm>

namespace chat {

namespace {

std::string name_of(ReplyView node, std::string_view asked) {
  // A node that doesn't know its own address is the one asked; `?` is a host name that was not set.
  const std::string_view host = node[0].text();
  return std::string(host.empty() || host == "?" ? asked : host) + ":" + std::to_string(node[1].integer());
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
  for (std::size_t i = 0; i < reply.size(); ++i) {
    const ReplyView range = reply[i];
    if (range.size() < 3 || range[2].size() < 2) throw Outage("this is no answer to CLUSTER SLOTS");
    const std::string master = name_of(range[2], asked);
    auto shard = std::ranges::find(shards_, master, &Shard::master);
    if (shard == shards_.end()) {
      shard = shards_.insert(shard, {.master = master, .replicas = {}});
      for (std::size_t j = 3; j < range.size(); ++j) shard->replicas.push_back(name_of(range[j], asked));
    }
    const auto first = std::clamp<std::int64_t>(range[0].integer(), 0, count - 1);
    const auto last = std::clamp<std::int64_t>(range[1].integer(), first, count - 1);
    std::fill(shard_of_.begin() + first, shard_of_.begin() + last + 1,
              static_cast<std::uint16_t>(shard - shards_.begin()));
  }
}

const Shard& Slots::of(std::uint16_t slot) const {
  const std::uint16_t shard = shard_of_.at(slot);
  if (shard == nobody) throw Outage("no node of the cluster serves slot " + std::to_string(slot));
  return shards_.at(shard);
}

}  // namespace chat
