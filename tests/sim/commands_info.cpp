// XINFO (https://redis.io/docs/latest/commands/xinfo-stream/), without FULL.
#include <algorithm>
#include <array>
#include <string>

#include "sim/command.h"
#include "sim/reading.h"
#include "sim/server.h"

namespace sim {

namespace {

Stream* find_stream(Call& call) {
  bool failed = false;
  Stream* stream = call.find<Stream>(call[2], failed);
  if (!failed && stream == nullptr) call.reply.error("no such key");
  return stream;
}

void write_id(Call& call, StreamId id) { call.reply.bulk(IdText(id).view()); }
void write_size(Call& call, std::size_t size) { call.reply.integer(static_cast<std::int64_t>(size)); }

void write_edge(Call& call, const Entry* entry) {
  if (entry == nullptr) return call.reply.nil();
  write_entry(call.reply, *entry);
}

void stream_info(Call& call) {
  const Stream* stream = find_stream(call);
  if (stream == nullptr) return;
  if (call.size() > 3) return call.bad_subcommand();
  call.reply.array(20);
  call.reply.bulk("length");
  write_size(call, stream->length());
  call.reply.bulk("radix-tree-keys");
  write_size(call, stream->nodes());
  call.reply.bulk("radix-tree-nodes");
  write_size(call, stream->nodes() + 1);  // about so many: how Redis stores it can't be told from here
  call.reply.bulk("last-generated-id");
  write_id(call, stream->last_id());
  call.reply.bulk("max-deleted-entry-id");
  write_id(call, stream->max_deleted());
  call.reply.bulk("entries-added");
  call.reply.integer(stream->entries_added());
  call.reply.bulk("recorded-first-entry-id");
  write_id(call, stream->first_id());
  call.reply.bulk("groups");
  write_size(call, stream->groups.size());
  call.reply.bulk("first-entry");
  write_edge(call, stream->first());
  call.reply.bulk("last-entry");
  write_edge(call, stream->last());
}

void groups_info(Call& call) {
  const Stream* stream = find_stream(call);
  if (stream == nullptr) return;
  call.reply.array(stream->groups.size());
  for (const auto& [name, group] : stream->groups) {
    call.reply.array(12);
    call.reply.bulk("name");
    call.reply.bulk(name);
    call.reply.bulk("consumers");
    write_size(call, group.consumers.size());
    call.reply.bulk("pending");
    write_size(call, group.pending.size());
    call.reply.bulk("last-delivered-id");
    write_id(call, group.last);
    call.reply.bulk("entries-read");
    if (group.entries_read == Group::unknown) {
      call.reply.nil();
    } else {
      call.reply.integer(group.entries_read);
    }
    call.reply.bulk("lag");
    const auto lag = stream->lag(group);
    if (lag) {
      call.reply.integer(*lag);
    } else {
      call.reply.nil();
    }
  }
}

void consumers_info(Call& call) {
  Stream* stream = find_stream(call);
  if (stream == nullptr) return;
  const Group* group = stream->group(call[3]);
  if (group == nullptr) {
    return call.reply.coded_error("NOGROUP No such consumer group '" + std::string(call[3]) +
                                  "' for key name '" + std::string(call[2]) + "'");
  }
  call.reply.array(group->consumers.size());
  for (const auto& [name, consumer] : group->consumers) {
    call.reply.array(6);
    call.reply.bulk("name");
    call.reply.bulk(name);
    call.reply.bulk("pending");
    write_size(call, consumer.pending);
    call.reply.bulk("idle");
    call.reply.integer(std::max<std::int64_t>(call.now() - consumer.seen, 0));
  }
}

constexpr std::array table{
    Command{"xinfo|stream", -3, has_key, stream_info, 2},
    Command{"xinfo|groups", 3, has_key, groups_info, 2},
    Command{"xinfo|consumers", 4, has_key, consumers_info, 2},
};

}  // namespace

std::span<const Command> stream_info_commands() { return table; }

}  // namespace sim
