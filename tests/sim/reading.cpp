// XREAD and XREADGROUP, at once or when something comes.
#include "sim/reading.h"

#include <array>
#include <string>

#include "sim/command.h"

namespace sim {

void claim_effect(Server& server, std::string_view key, std::string_view group_name, const Group& group,
                  StreamId id, const Pending& pending) {
  const std::string time = std::to_string(pending.delivered);
  const std::string count = std::to_string(pending.count);
  const IdText text(id);
  const IdText last(group.last);
  server.effect(std::array<std::string_view, 14>{"XCLAIM", key, group_name, group.name_of(pending.owner), "0",
                                                 text.view(), "TIME", time, "RETRYCOUNT", count, "FORCE",
                                                 "JUSTID", "LASTID", last.view()});
}

Consumer& GroupReading::consumer() {
  if (Consumer* there = group->find(consumer_name)) {
    there->seen = server.now();
    return *there;
  }
  if (no_ack) {
    server.effect(
        std::array<std::string_view, 5>{"XGROUP", "CREATECONSUMER", key, group_name, consumer_name});
  }
  return group->make_consumer(consumer_name, server.now());
}

void GroupReading::give(StreamId id, std::uint32_t owner) {
  Pending& pending = group->pending[id];
  pending.delivered = server.now();
  pending.count = 1;
  group->give(pending, owner);
  claim_effect(server, key, group_name, *group, id, pending);
}

void GroupReading::read_new(ReplyWriter& reply, StreamId after, std::uint64_t count) {
  const std::uint32_t owner = group == nullptr ? Pending::nobody : consumer().number;
  const std::size_t begin = reply.mark();
  std::uint64_t found = 0;
  StreamId low = after;
  increment(low);
  stream.scan(low, highest_id, [&](const Entry& entry) {
    if (group != nullptr) stream.advance(*group, entry.id);
    write_entry(reply, entry);
    if (group != nullptr && !no_ack) give(entry.id, owner);
    return ++found != count;
  });
  reply.array_at(begin, found);
  if (group != nullptr && no_ack && found > 0) {
    const IdText last(group->last);
    const std::string read = std::to_string(group->entries_read);
    server.effect(std::array<std::string_view, 7>{"XGROUP", "SETID", key, group_name, last.view(),
                                                  "ENTRIESREAD", read});
  }
}

void GroupReading::read_pending(ReplyWriter& reply, StreamId after, std::uint64_t count) {
  const std::uint32_t owner = consumer().number;
  const std::size_t begin = reply.mark();
  std::uint64_t found = 0;
  StreamId low = after;
  increment(low);
  for (auto place = group->pending.lower_bound(low); place != group->pending.end(); ++place) {
    if (place->second.owner != owner) continue;
    if (const Entry* entry = stream.find(place->first)) {
      write_entry(reply, *entry);
      place->second.delivered = server.now();
      ++place->second.count;
    } else {
      reply.array(2);
      reply.bulk(IdText(place->first).view());
      reply.nil_array();
    }
    if (++found == count) break;
  }
  reply.array_at(begin, found);
}

namespace {

constexpr std::uint64_t most_when_blocked = 1000;

struct Read {
  bool grouped = false;
  std::optional<std::int64_t> block;  // until, in ms; 0: for ever
  std::uint64_t count = 0;
  bool no_ack = false;
  std::string_view group;
  std::string_view consumer;
  std::size_t first_key = 0;
  std::size_t keys = 0;
  std::vector<StreamId> after;
  std::vector<bool> fresh;  // `>`
};

bool parse_block(Call& call, Read& read, std::size_t index) {
  if (call.in_script) {
    call.reply.error(std::string(call[0]) + " command is not allowed with BLOCK option from scripts");
    return false;
  }
  const auto time = call.integer(index, "timeout is not an integer or out of range");
  if (!time) return false;
  if (*time < 0) {
    call.reply.error("timeout is negative");
    return false;
  }
  read.block = *time == 0 ? 0 : *time + call.now();
  return true;
}

bool parse_options(Call& call, Read& read) {
  const std::string_view both = "option is only supported by XREADGROUP. You called XREAD instead.";
  for (std::size_t i = 1; i < call.size(); ++i) {
    const std::size_t more = call.size() - 1 - i;
    if (is_word(call[i], "BLOCK") && more > 0) {
      if (!parse_block(call, read, ++i)) return false;
    } else if (is_word(call[i], "COUNT") && more > 0) {
      const auto count = call.integer(++i);
      if (!count) return false;
      read.count = *count < 0 ? 0 : static_cast<std::uint64_t>(*count);
    } else if (is_word(call[i], "STREAMS") && more > 0) {
      read.first_key = i + 1;
      if (more % 2 == 1) {
        call.reply.error(
            "Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.");
        return false;
      }
      read.keys = more / 2;
      break;
    } else if (is_word(call[i], "GROUP") && more > 1) {
      if (!read.grouped) {
        call.reply.error("The GROUP " + std::string(both));
        return false;
      }
      read.group = call[i + 1];
      read.consumer = call[i + 2];
      i += 2;
    } else if (is_word(call[i], "NOACK")) {
      if (!read.grouped) {
        call.reply.error("The NOACK " + std::string(both));
        return false;
      }
      read.no_ack = true;
    } else {
      call.syntax_error();
      return false;
    }
  }
  if (read.first_key == 0) {
    call.syntax_error();
    return false;
  }
  if (read.grouped && read.group.data() == nullptr) {
    call.reply.error("Missing GROUP option for XREADGROUP");
    return false;
  }
  return true;
}

bool parse_position(Call& call, Read& read, std::size_t index, const Stream* stream) {
  const std::string_view text = call[read.first_key + read.keys + index];
  StreamId& after = read.after[index];
  if (text == "$") {
    if (read.grouped) {
      call.reply.error(
          "The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this "
          "consumer by "
          "specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty "
          "result "
          "set.");
      return false;
    }
    if (stream != nullptr) after = stream->last_id();
    return true;
  }
  if (text == ">") {
    if (!read.grouped) {
      call.reply.error(
          "The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> "
          "option.");
      return false;
    }
    read.fresh[index] = true;
    return true;
  }
  const auto id = call.strict_id(read.first_key + read.keys + index, 0);
  if (id) after = *id;
  // Redis marks `>` by the highest ID.
  if (id && read.grouped && *id == highest_id) read.fresh[index] = true;
  return id.has_value();
}

bool parse_positions(Call& call, Read& read) {
  read.after.resize(read.keys);
  read.fresh.resize(read.keys);
  for (std::size_t i = 0; i < read.keys; ++i) {
    const std::string_view key = call[read.first_key + i];
    bool failed = false;
    Stream* stream = call.find<Stream>(key, failed);
    if (failed) return false;
    if (read.grouped && (stream == nullptr || stream->group(read.group) == nullptr)) {
      call.reply.coded_error("NOGROUP No such key '" + std::string(key) + "' or consumer group '" +
                             std::string(read.group) + "' in XREADGROUP with GROUP option");
      return false;
    }
    if (!parse_position(call, read, i, stream)) return false;
  }
  return true;
}

bool serve(Call& call, Read& read, std::size_t index) {
  const std::string_view key = call[read.first_key + index];
  Value* value = call.find(key);
  if (value == nullptr) return false;
  Stream& stream = std::get<Stream>(value->data);
  Group* group = read.grouped ? stream.group(read.group) : nullptr;
  const bool history = read.grouped && !read.fresh[index];
  const StreamId after = group != nullptr && !history ? group->last : read.after[index];
  if (!history && (stream.length() == 0 || stream.last()->id <= after)) return false;
  GroupReading reading{call.server, key, stream, group, read.group, read.consumer, read.no_ack};
  call.reply.array(2);
  call.reply.bulk(key);
  if (history) {
    reading.read_pending(call.reply, after, read.count);
  } else {
    reading.read_new(call.reply, after, read.count);
  }
  return true;
}

void read_streams(Call& call, bool grouped) {
  Read read;
  read.grouped = grouped;
  if (!parse_options(call, read) || !parse_positions(call, read)) return;
  const std::size_t begin = call.reply.mark();
  std::size_t served = 0;
  for (std::size_t i = 0; i < read.keys; ++i) served += serve(call, read, i) ? 1U : 0U;
  if (served > 0) return call.reply.array_at(begin, served);
  if (!read.block || call.in_script || !call.may_block) return call.reply.nil_array();
  Blocked blocked;
  blocked.by = Blocked::By::stream;
  blocked.until = *read.block;
  blocked.count = read.count != 0 ? read.count : most_when_blocked;
  blocked.group = read.group;
  blocked.consumer = read.consumer;
  blocked.no_ack = read.no_ack;
  blocked.after = read.after;
  for (std::size_t i = 0; i < read.keys; ++i) blocked.keys.emplace_back(call[read.first_key + i]);
  call.server.block(call.client, std::move(blocked));
}

void xread(Call& call) { read_streams(call, false); }
void xreadgroup(Call& call) { read_streams(call, true); }

constexpr std::array table{
    Command{"xread", -4, has_key, xread, key_behind_streams},
    Command{"xreadgroup", -7, writes | has_key, xreadgroup, key_behind_streams},
};

}  // namespace

std::span<const Command> reading_commands() { return table; }

}  // namespace sim
