// XCLAIM and XAUTOCLAIM: pending entries change hands.
#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include "sim/command.h"
#include "sim/reading.h"
#include "sim/server.h"

namespace sim {

namespace {

void no_group(Call& call) {
  call.reply.coded_error("NOGROUP No such key '" + std::string(call[1]) + "' or consumer group '" +
                         std::string(call[2]) + "'");
}

// The consumer that claims, made when the first entry is claimed.
struct Claimer {
  Call& call;
  Group& group;
  std::uint32_t number = Pending::nobody;

  std::uint32_t get() {
    if (number != Pending::nobody) return number;
    Consumer* there = group.find(call[3]);
    if (there == nullptr) there = &group.make_consumer(call[3], call.now());
    there->seen = call.now();
    return number = there->number;
  }
};

struct Claim {
  std::int64_t min_idle = 0;
  std::vector<StreamId> ids;
  std::optional<std::int64_t> delivered;
  std::int64_t count = -1;
  bool force = false;
  bool only_ids = false;
  StreamId last;
};

bool parse_number(Call& call, std::size_t index, std::string_view option, std::int64_t& value) {
  const auto given = call.integer(index, "Invalid " + std::string(option) + " option argument for XCLAIM");
  value = given.value_or(0);
  return given.has_value();
}

bool parse_claim_option(Call& call, Claim& claim, std::size_t& i) {
  const bool more = i + 1 < call.size();
  std::int64_t value = 0;
  if (is_word(call[i], "FORCE")) {
    claim.force = true;
  } else if (is_word(call[i], "JUSTID")) {
    claim.only_ids = true;
  } else if (is_word(call[i], "IDLE") && more) {
    if (!parse_number(call, ++i, "IDLE", value)) return false;
    claim.delivered =
        static_cast<std::int64_t>(static_cast<std::uint64_t>(call.now()) - static_cast<std::uint64_t>(value));
  } else if (is_word(call[i], "TIME") && more) {
    if (!parse_number(call, ++i, "TIME", value)) return false;
    claim.delivered = value;
  } else if (is_word(call[i], "RETRYCOUNT") && more) {
    if (!parse_number(call, ++i, "RETRYCOUNT", claim.count)) return false;
  } else if (is_word(call[i], "LASTID") && more) {
    const auto id = call.strict_id(++i, 0);
    if (!id) return false;
    claim.last = *id;
  } else {
    call.reply.error("Unrecognized XCLAIM option '" + std::string(call[i]) + "'");
    return false;
  }
  return true;
}

bool parse_claim(Call& call, Claim& claim) {
  const auto idle = call.integer(4, "Invalid min-idle-time argument for XCLAIM");
  if (!idle) return false;
  claim.min_idle = std::max<std::int64_t>(*idle, 0);
  std::size_t i = 5;
  for (; i < call.size(); ++i) {
    const auto id = parse_strict_id(call[i], 0);
    if (!id) break;
    claim.ids.push_back(*id);
  }
  for (; i < call.size(); ++i) {
    if (!parse_claim_option(call, claim, i)) return false;
  }
  return true;
}

void write_claimed(Call& call, const Entry& entry, bool only_id) {
  if (only_id) {
    call.reply.bulk(IdText(entry.id).view());
  } else {
    write_entry(call.reply, entry);
  }
}

// One entry. Returns whether it changed hands.
bool claim_one(Call& call, const Claim& claim, Stream& stream, Claimer& claimer, StreamId id, bool& told) {
  Group& group = claimer.group;
  auto place = group.pending.find(id);
  const Entry* entry = stream.find(id);
  if (entry == nullptr) {
    if (place == group.pending.end()) return false;
    claim_effect(call.server, call[1], call[2], group, id, place->second);
    told = true;
    group.forget(place);
    return false;
  }
  if (place == group.pending.end()) {
    if (!claim.force) return false;
    place = group.pending.emplace(id, Pending{Pending::nobody, call.now(), 1}).first;
  }
  Pending& pending = place->second;
  if (pending.owner != Pending::nobody && call.now() - pending.delivered < claim.min_idle &&
      claim.min_idle > 0) {
    return false;
  }
  group.give(pending, claimer.get());
  pending.delivered = *claim.delivered;
  if (claim.count >= 0) {
    pending.count = claim.count;
  } else if (!claim.only_ids) {
    ++pending.count;
  }
  write_claimed(call, *entry, claim.only_ids);
  claim_effect(call.server, call[1], call[2], group, id, pending);
  told = true;
  return true;
}

void xclaim(Call& call) {
  bool failed = false;
  Stream* stream = call.find<Stream>(call[1], failed);
  if (failed) return;
  Group* group = stream == nullptr ? nullptr : stream->group(call[2]);
  if (group == nullptr) return no_group(call);
  Claim claim;
  if (!parse_claim(call, claim)) return;
  const bool moved = claim.last > group->last;
  if (moved) group->last = claim.last;
  // -1 is what Redis takes for no time at all.
  if (!claim.delivered || *claim.delivered < 0 || *claim.delivered > call.now()) {
    claim.delivered =
        call.obey && claim.delivered && *claim.delivered > call.now() ? *claim.delivered : call.now();
  }
  Claimer claimer{call, *group};
  const std::size_t begin = call.reply.mark();
  std::size_t claimed = 0;
  bool told = false;
  for (const StreamId id : claim.ids) claimed += claim_one(call, claim, *stream, claimer, id, told) ? 1U : 0U;
  call.reply.array_at(begin, claimed);
  if (moved && !told) {
    call.effect({"XGROUP", "SETID", call[1], call[2], IdText(group->last).view(), "ENTRIESREAD",
                 std::to_string(group->entries_read)});
  }
}

struct AutoClaim {
  std::int64_t min_idle = 0;
  StreamId start;
  std::int64_t count = 100;
  bool only_ids = false;
};

bool parse_auto_claim(Call& call, AutoClaim& claim) {
  const auto idle = call.integer(4, "Invalid min-idle-time argument for XAUTOCLAIM");
  if (!idle) return false;
  claim.min_idle = std::max<std::int64_t>(*idle, 0);
  const auto start = call.low(5);
  if (!start) return false;
  claim.start = *start;
  for (std::size_t i = 6; i < call.size(); ++i) {
    if (is_word(call[i], "COUNT") && i + 1 < call.size()) {
      const auto count = parse_integer(call[++i]);
      if (!count || *count < 1 || *count > std::numeric_limits<std::int64_t>::max() / 16) {
        call.reply.error("COUNT must be > 0");
        return false;
      }
      claim.count = *count;
    } else if (is_word(call[i], "JUSTID")) {
      claim.only_ids = true;
    } else {
      call.syntax_error();
      return false;
    }
  }
  return true;
}

void auto_claim(Call& call, const AutoClaim& claim, Stream& stream, Group& group) {
  constexpr std::int64_t looks = 10;  // for each entry asked for
  call.reply.array(3);
  const std::size_t begin = call.reply.mark();
  std::vector<StreamId> deleted;
  std::size_t claimed = 0;
  Claimer claimer{call, group};
  auto place = group.pending.lower_bound(claim.start);
  std::int64_t left = claim.count;
  for (std::int64_t tries = claim.count * looks; tries > 0 && left > 0 && place != group.pending.end();
       --tries) {
    const StreamId id = place->first;
    Pending& pending = place->second;
    const Entry* entry = stream.find(id);
    if (entry == nullptr) {
      claim_effect(call.server, call[1], call[2], group, id, pending);
      deleted.push_back(id);
      group.forget(place++);
      --left;
      continue;
    }
    ++place;
    if (claim.min_idle > 0 && call.now() - pending.delivered < claim.min_idle) continue;
    group.give(pending, claimer.get());
    pending.delivered = call.now();
    if (!claim.only_ids) ++pending.count;
    write_claimed(call, *entry, claim.only_ids);
    claim_effect(call.server, call[1], call[2], group, id, pending);
    ++claimed;
    --left;
  }
  call.reply.array_at(begin, claimed);
  std::string next;
  ReplyWriter(next).bulk(IdText(place == group.pending.end() ? StreamId{} : place->first).view());
  call.reply.insert(begin, next);
  call.reply.array(deleted.size());
  for (const StreamId id : deleted) call.reply.bulk(IdText(id).view());
}

void xautoclaim(Call& call) {
  AutoClaim claim;
  if (!parse_auto_claim(call, claim)) return;
  bool failed = false;
  Stream* stream = call.find<Stream>(call[1], failed);
  if (failed) return;
  Group* group = stream == nullptr ? nullptr : stream->group(call[2]);
  if (group == nullptr) return no_group(call);
  auto_claim(call, claim, *stream, *group);
}

constexpr std::array table{
    Command{"xclaim", -6, writes | has_key, xclaim},
    Command{"xautoclaim", -6, writes | has_key, xautoclaim},
};

}  // namespace

std::span<const Command> claim_commands() { return table; }

}  // namespace sim
