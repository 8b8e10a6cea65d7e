// Strings, and what all keys have: existence and expiry.
#include <algorithm>
#include <array>
#include <limits>

#include "sim/command.h"
#include "sim/server.h"

namespace sim {

namespace {

constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

void invalid_expiry(Call& call) {
  call.reply.error("invalid expire time in '" + std::string(call.name) + "' command");
}

void get(Call& call) {
  bool failed = false;
  const auto* text = call.find<std::string>(call[1], failed);
  if (failed) return;
  if (text == nullptr) return call.reply.nil();
  call.reply.bulk(*text);
}

struct SetOptions {
  bool if_absent = false;
  bool if_present = false;
  bool keep_ttl = false;
  std::size_t expiry = 0;  // which argument
  bool seconds = false;
  bool absolute = false;
};

bool parse_set(Call& call, SetOptions& options) {
  for (std::size_t i = 3; i < call.size(); ++i) {
    const bool has_next = i + 1 < call.size() && options.expiry == 0 && !options.keep_ttl;
    if (is_word(call[i], "NX") && !options.if_present) {
      options.if_absent = true;
    } else if (is_word(call[i], "XX") && !options.if_absent) {
      options.if_present = true;
    } else if (is_word(call[i], "KEEPTTL") && options.expiry == 0) {
      options.keep_ttl = true;
    } else if (has_next && (is_word(call[i], "EX") || is_word(call[i], "PX") || is_word(call[i], "PXAT"))) {
      options.seconds = is_word(call[i], "EX");
      options.absolute = is_word(call[i], "PXAT");
      options.expiry = ++i;
    } else {
      call.syntax_error();
      return false;
    }
  }
  return true;
}

void set(Call& call) {
  SetOptions options;
  if (!parse_set(call, options)) return;
  std::int64_t expires = 0;
  if (options.expiry != 0) {
    const auto given = call.integer(options.expiry);
    if (!given) return;
    if (*given <= 0 || (options.seconds && *given > most / 1000)) return invalid_expiry(call);
    expires = options.seconds ? *given * 1000 : *given;
    const std::int64_t base = options.absolute ? 0 : call.now();
    if (expires > most - base) return invalid_expiry(call);
    expires += base;
  }
  const Value* there = call.find(call[1]);
  if ((options.if_absent && there != nullptr) || (options.if_present && there == nullptr))
    return call.reply.nil();
  if (options.keep_ttl && there != nullptr) expires = there->expires;
  call.server.put(call[1], {std::string(call[2]), expires});
  if (options.expiry != 0) {
    call.effect({"SET", call[1], call[2], "PXAT", std::to_string(expires)});
  } else {
    call.changed();
  }
  call.reply.ok();
}

void del(Call& call) {
  std::int64_t count = 0;
  for (const std::string_view key : call.args.subspan(1)) {
    if (call.find(key) != nullptr && call.server.erase(key)) ++count;
  }
  if (count > 0) call.changed();
  call.reply.integer(count);
}

void exists(Call& call) {
  call.reply.integer(std::ranges::count_if(call.args.subspan(1),
                                           [&](std::string_view key) { return call.find(key) != nullptr; }));
}

void type(Call& call) {
  static constexpr std::array<std::string_view, 3> names{"string", "hash", "stream"};
  const Value* value = call.find(call[1]);
  call.reply.status(value == nullptr ? "none" : names.at(value->data.index()));
}

void expire_at(Call& call, std::int64_t unit, std::int64_t base) {
  if (call.size() > 3) return call.reply.error("Unsupported option " + std::string(call[3]));
  const auto given = call.integer(2);
  if (!given) return;
  if (*given > most / unit || *given < -most / unit || *given * unit > most - base)
    return invalid_expiry(call);
  const std::int64_t when = *given * unit + base;
  Value* value = call.find(call[1]);
  if (value == nullptr) return call.reply.integer(0);
  if (when <= call.now() && !call.obey) {
    call.server.erase(call[1]);
    call.effect({"DEL", call[1]});
  } else {
    value->expires = when;
    call.effect({"PEXPIREAT", call[1], std::to_string(when)});
  }
  call.reply.integer(1);
}

void expire(Call& call) { expire_at(call, 1000, call.now()); }
void pexpire(Call& call) { expire_at(call, 1, call.now()); }
void pexpireat(Call& call) { expire_at(call, 1, 0); }

std::int64_t time_left(Call& call) {
  const Value* value = call.find(call[1]);
  if (value == nullptr) return -2;
  return value->expires == 0 ? -1 : std::max<std::int64_t>(value->expires - call.now(), 0);
}

void pttl(Call& call) { call.reply.integer(time_left(call)); }
void ttl(Call& call) {
  const std::int64_t left = time_left(call);
  call.reply.integer(left < 0 ? left : (left + 500) / 1000);
}

void persist(Call& call) {
  Value* value = call.find(call[1]);
  if (value == nullptr || value->expires == 0) return call.reply.integer(0);
  value->expires = 0;
  call.changed();
  call.reply.integer(1);
}

void dbsize(Call& call) { call.reply.integer(static_cast<std::int64_t>(call.server.data().size())); }

void flushall(Call& call) {
  if (call.size() > 2 || (call.size() == 2 && !is_word(call[1], "SYNC") && !is_word(call[1], "ASYNC"))) {
    return call.syntax_error();
  }
  call.server.erase_all();
  call.changed();
  call.reply.ok();
}

constexpr std::array table{
    Command{"get", 2, has_key, get},
    Command{"set", -3, writes | needs_memory | has_key, set},
    Command{"del", -2, writes | has_key, del, keys_to_the_end},
    Command{"unlink", -2, writes | has_key, del, keys_to_the_end},
    Command{"exists", -2, has_key, exists, keys_to_the_end},
    Command{"type", 2, has_key, type},
    Command{"expire", -3, writes | has_key, expire},
    Command{"pexpire", -3, writes | has_key, pexpire},
    Command{"pexpireat", -3, writes | has_key, pexpireat},
    Command{"pttl", 2, has_key, pttl},
    Command{"ttl", 2, has_key, ttl},
    Command{"persist", 2, writes | has_key, persist},
    Command{"dbsize", 1, 0, dbsize},
    Command{"flushall", -1, writes, flushall},
    Command{"flushdb", -1, writes, flushall},
};

}  // namespace

std::span<const Command> key_commands() { return table; }

}  // namespace sim
