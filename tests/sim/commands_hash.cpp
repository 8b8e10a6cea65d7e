#include <algorithm>
#include <array>

#include "sim/command.h"
#include "sim/server.h"

namespace sim {

namespace {

std::string* field(Hash& hash, std::string_view name) {
  const auto place =
      std::ranges::find(hash, name, [](const auto& pair) -> const std::string& { return pair.first; });
  return place == hash.end() ? nullptr : &place->second;
}

void hset(Call& call) {
  if (call.size() % 2 == 1) return call.wrong_arity();
  bool failed = false;
  Hash* hash = call.find<Hash>(call[1], failed);
  if (failed) return;
  if (hash == nullptr) hash = &std::get<Hash>(call.server.put(call[1], {Hash{}, 0}).data);
  std::int64_t added = 0;
  for (std::size_t i = 2; i < call.size(); i += 2) {
    if (std::string* value = field(*hash, call[i])) {
      value->assign(call[i + 1]);
    } else {
      hash->emplace_back(call[i], call[i + 1]);
      ++added;
    }
  }
  call.changed();
  call.reply.integer(added);
}

void write_field(Call& call, Hash* hash, std::string_view name) {
  const std::string* value = hash == nullptr ? nullptr : field(*hash, name);
  if (value == nullptr) return call.reply.nil();
  call.reply.bulk(*value);
}

void hget(Call& call) {
  bool failed = false;
  Hash* hash = call.find<Hash>(call[1], failed);
  if (!failed) write_field(call, hash, call[2]);
}

void hmget(Call& call) {
  bool failed = false;
  Hash* hash = call.find<Hash>(call[1], failed);
  if (failed) return;
  call.reply.array(call.size() - 2);
  for (const std::string_view name : call.args.subspan(2)) write_field(call, hash, name);
}

void hgetall(Call& call) {
  bool failed = false;
  const Hash* hash = call.find<Hash>(call[1], failed);
  if (failed) return;
  if (hash == nullptr) return call.reply.array(0);
  call.reply.array(hash->size() * 2);
  for (const auto& [name, value] : *hash) {
    call.reply.bulk(name);
    call.reply.bulk(value);
  }
}

void hdel(Call& call) {
  bool failed = false;
  Hash* hash = call.find<Hash>(call[1], failed);
  if (failed) return;
  std::int64_t gone = 0;
  for (std::size_t i = 2; hash != nullptr && i < call.size(); ++i) {
    gone += static_cast<std::int64_t>(
        std::erase_if(*hash, [&](const auto& pair) { return pair.first == call[i]; }));
  }
  if (hash != nullptr && hash->empty()) call.server.erase(call[1]);
  if (gone > 0) call.changed();
  call.reply.integer(gone);
}

void hlen(Call& call) {
  bool failed = false;
  const Hash* hash = call.find<Hash>(call[1], failed);
  if (!failed) call.reply.integer(hash == nullptr ? 0 : static_cast<std::int64_t>(hash->size()));
}

constexpr std::array table{
    Command{"hset", -4, writes | needs_memory | has_key, hset},
    Command{"hget", 3, has_key, hget},
    Command{"hmget", -3, has_key, hmget},
    Command{"hgetall", 2, has_key, hgetall},
    Command{"hdel", -3, writes | has_key, hdel},
    Command{"hlen", 2, has_key, hlen},
};

}  // namespace

std::span<const Command> hash_commands() { return table; }

}  // namespace sim
