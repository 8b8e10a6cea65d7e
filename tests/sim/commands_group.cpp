// Consumer groups: making them, acknowledging, looking at what is pending.
#include <algorithm>
#include <array>
#include <string>

#include "sim/command.h"
#include "sim/server.h"

namespace sim {

namespace {

struct GroupCall {
  Stream* stream = nullptr;
  Group* group = nullptr;
  bool make_stream = false;
  std::int64_t entries_read = Group::unknown;
};

bool parse_group_options(Call& call, GroupCall& parsed, bool create) {
  for (std::size_t i = 5; i < call.size(); ++i) {
    if (create && is_word(call[i], "MKSTREAM")) {
      parsed.make_stream = true;
    } else if (is_word(call[i], "ENTRIESREAD") && i + 1 < call.size()) {
      const auto read = call.integer(++i);
      if (!read) return false;
      if (*read < -1) {
        call.reply.error("value for ENTRIESREAD must be positive or -1");
        return false;
      }
      parsed.entries_read = *read;
    } else {
      call.bad_subcommand();
      return false;
    }
  }
  return true;
}

// Finds the stream, which must be there unless it is to be made, and the group, which may be missing.
bool find_group(Call& call, GroupCall& parsed, bool needs_group) {
  bool failed = false;
  parsed.stream = call.find<Stream>(call[2], failed);
  if (failed) return false;
  if (parsed.stream != nullptr) parsed.group = parsed.stream->group(call[3]);
  if (parsed.make_stream) return true;
  if (parsed.stream == nullptr) {
    call.reply.error(
        "The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the "
        "MKSTREAM "
        "option to create an empty stream automatically.");
    return false;
  }
  if (needs_group && parsed.group == nullptr) {
    call.reply.coded_error("NOGROUP No such consumer group '" + std::string(call[3]) + "' for key name '" +
                           std::string(call[2]) + "'");
    return false;
  }
  return true;
}

void create(Call& call) {
  GroupCall parsed;
  if (!parse_group_options(call, parsed, true) || !find_group(call, parsed, false)) return;
  if (call.size() > 8) return call.bad_subcommand();
  StreamId id = parsed.stream != nullptr ? parsed.stream->last_id() : StreamId{};
  if (call[4] != "$") {
    const auto given = call.strict_id(4, 0);
    if (!given) return;
    id = *given;
  }
  if (parsed.stream == nullptr) {
    parsed.stream = &std::get<Stream>(call.server.put(call[2], {Stream{}, 0}).data);
  }
  const auto [place, made] = parsed.stream->groups.emplace(call[3], Group{});
  if (!made) return call.reply.coded_error("BUSYGROUP Consumer Group name already exists");
  place->second.last = id;
  place->second.entries_read = parsed.entries_read;
  call.changed();
  call.reply.ok();
}

void set_id(Call& call) {
  GroupCall parsed;
  if (!parse_group_options(call, parsed, false) || !find_group(call, parsed, true)) return;
  if (call.size() != 5 && call.size() != 7) return call.bad_subcommand();
  StreamId id = parsed.stream->last_id();
  if (call[4] != "$") {
    const auto given = call.id(4, 0);
    if (!given) return;
    id = *given;
  }
  parsed.group->last = id;
  parsed.group->entries_read = parsed.entries_read;
  call.changed();
  call.reply.ok();
}

void destroy(Call& call) {
  GroupCall parsed;
  if (!find_group(call, parsed, false)) return;
  if (parsed.group == nullptr) return call.reply.integer(0);
  parsed.stream->groups.erase(std::string(call[3]));
  call.changed();
  call.server.signal(call[2]);
  call.reply.integer(1);
}

void create_consumer(Call& call) {
  GroupCall parsed;
  if (!find_group(call, parsed, true)) return;
  if (parsed.group->find(call[4]) != nullptr) return call.reply.integer(0);
  parsed.group->make_consumer(call[4], call.now());
  call.changed();
  call.reply.integer(1);
}

void delete_consumer(Call& call) {
  GroupCall parsed;
  if (!find_group(call, parsed, true)) return;
  Consumer* consumer = parsed.group->find(call[4]);
  if (consumer == nullptr) return call.reply.integer(0);
  const auto pending = static_cast<std::int64_t>(consumer->pending);
  std::erase_if(parsed.group->pending,
                [number = consumer->number](const auto& entry) { return entry.second.owner == number; });
  parsed.group->consumers.erase(std::string(call[4]));
  call.changed();
  call.reply.integer(pending);
}

void xack(Call& call) {
  bool failed = false;
  Stream* stream = call.find<Stream>(call[1], failed);
  if (failed) return;
  Group* group = stream == nullptr ? nullptr : stream->group(call[2]);
  if (group == nullptr) return call.reply.integer(0);
  std::vector<StreamId> ids;
  for (std::size_t i = 3; i < call.size(); ++i) {
    const auto id = call.strict_id(i, 0);
    if (!id) return;
    ids.push_back(*id);
  }
  const auto done = std::ranges::count_if(ids, [group](StreamId id) {
    const auto place = group->pending.find(id);
    if (place == group->pending.end()) return false;
    group->forget(place);
    return true;
  });
  if (done > 0) call.changed();
  call.reply.integer(done);
}

struct PendingRange {
  bool summary = false;
  std::int64_t min_idle = 0;
  StreamId low;
  StreamId high;
  std::int64_t count = 0;
  std::optional<std::string_view> consumer;
};

bool parse_pending(Call& call, PendingRange& range) {
  range.summary = call.size() == 3;
  if (range.summary) return true;
  std::size_t at = 3;
  if (call.size() < 6 || call.size() > 9) {
    call.syntax_error();
    return false;
  }
  if (is_word(call[3], "IDLE")) {
    const auto idle = call.integer(4);
    if (!idle) return false;
    range.min_idle = *idle;
    if (call.size() < 8) {
      call.syntax_error();
      return false;
    }
    at += 2;
  }
  const auto count = call.integer(at + 2);
  if (!count) return false;
  range.count = std::max<std::int64_t>(*count, 0);
  const auto low = call.low(at);
  if (!low) return false;
  const auto high = call.high(at + 1);
  if (!high) return false;
  range.low = *low;
  range.high = *high;
  if (at + 3 < call.size()) range.consumer = call[at + 3];
  return true;
}

void write_summary(Call& call, const Group& group) {
  call.reply.array(4);
  call.reply.integer(static_cast<std::int64_t>(group.pending.size()));
  if (group.pending.empty()) {
    call.reply.nil();
    call.reply.nil();
    call.reply.nil_array();
    return;
  }
  call.reply.bulk(IdText(group.pending.begin()->first).view());
  call.reply.bulk(IdText(group.pending.rbegin()->first).view());
  const auto busy = [](const auto& consumer) { return consumer.second.pending > 0; };
  call.reply.array(static_cast<std::size_t>(std::ranges::count_if(group.consumers, busy)));
  for (const auto& [name, consumer] : group.consumers) {
    if (consumer.pending == 0) continue;
    call.reply.array(2);
    call.reply.bulk(name);
    call.reply.bulk_integer(static_cast<std::int64_t>(consumer.pending));
  }
}

void write_pending(Call& call, Group& group, const PendingRange& range) {
  std::optional<std::uint32_t> owner;
  if (range.consumer) {
    const Consumer* consumer = group.find(*range.consumer);
    if (consumer == nullptr) return call.reply.array(0);
    owner = consumer->number;
  }
  const std::size_t begin = call.reply.mark();
  std::int64_t found = 0;
  for (auto place = group.pending.lower_bound(range.low);
       place != group.pending.end() && place->first <= range.high && found < range.count; ++place) {
    const Pending& pending = place->second;
    const std::int64_t idle = call.now() - pending.delivered;
    if ((owner && pending.owner != *owner) || (range.min_idle != 0 && idle < range.min_idle)) continue;
    ++found;
    call.reply.array(4);
    call.reply.bulk(IdText(place->first).view());
    call.reply.bulk(group.name_of(pending.owner));
    call.reply.integer(std::max<std::int64_t>(idle, 0));
    call.reply.integer(pending.count);
  }
  call.reply.array_at(begin, static_cast<std::size_t>(found));
}

void xpending(Call& call) {
  PendingRange range;
  if (!parse_pending(call, range)) return;
  bool failed = false;
  Stream* stream = call.find<Stream>(call[1], failed);
  if (failed) return;
  Group* group = stream == nullptr ? nullptr : stream->group(call[2]);
  if (group == nullptr) {
    return call.reply.coded_error("NOGROUP No such key '" + std::string(call[1]) + "' or consumer group '" +
                                  std::string(call[2]) + "'");
  }
  if (range.summary) return write_summary(call, *group);
  write_pending(call, *group, range);
}

constexpr std::array table{
    Command{"xgroup|create", -5, writes | needs_memory | has_key, create, 2},
    Command{"xgroup|setid", -5, writes | has_key, set_id, 2},
    Command{"xgroup|destroy", 4, writes | has_key, destroy, 2},
    Command{"xgroup|createconsumer", 5, writes | needs_memory | has_key, create_consumer, 2},
    Command{"xgroup|delconsumer", 5, writes | has_key, delete_consumer, 2},
    Command{"xack", -4, writes | has_key, xack},
    Command{"xpending", -3, has_key, xpending},
};

}  // namespace

std::span<const Command> group_commands() { return table; }

}  // namespace sim
