// Streams without their groups.
#include <algorithm>
#include <array>
#include <string>

#include "sim/command.h"
#include "sim/reading.h"
#include "sim/server.h"

namespace sim {

void write_entry(ReplyWriter& reply, const Entry& entry) {
  reply.array(2);
  reply.bulk(IdText(entry.id).view());
  reply.array(entry.texts);
  reply.raw(entry.encoded);
}

namespace {

constexpr std::int64_t default_limit_nodes = 100;  // that `~` looks at

struct AddOrTrim {
  Trim trim;
  std::size_t trim_argument = 0;  // the number or ID behind MAXLEN or MINID
  bool limit_given = false;
  bool no_stream = false;
  bool id_given = false;
  bool any_seq = false;
  StreamId id;
  std::size_t next = 2;  // the first argument that isn't an option: XADD's ID
};

// MAXLEN or MINID, whose argument stands at `i`.
bool parse_bound(Call& call, AddOrTrim& parsed, std::size_t& i, bool by_length) {
  Trim& trim = parsed.trim;
  if (trim.by != Trim::By::nothing) {
    call.reply.error("syntax error, MAXLEN and MINID options at the same time are not compatible");
    return false;
  }
  trim.approximate = false;
  if (call.size() - i > 2 && (call[i + 1] == "~" || call[i + 1] == "=")) {
    trim.approximate = call[i + 1] == "~";
    ++i;
  }
  ++i;
  if (by_length) {
    const auto length = call.integer(i);
    if (!length) return false;
    if (*length < 0) {
      call.reply.error("The MAXLEN argument must be >= 0.");
      return false;
    }
    trim.max_length = static_cast<std::uint64_t>(*length);
  } else {
    const auto id = call.strict_id(i, 0);
    if (!id) return false;
    trim.min_id = *id;
  }
  trim.by = by_length ? Trim::By::length : Trim::By::id;
  parsed.trim_argument = i;
  return true;
}

bool parse_limit(Call& call, AddOrTrim& parsed, std::size_t index) {
  const auto limit = call.integer(index);
  if (!limit) return false;
  if (*limit < 0) {
    call.reply.error("The LIMIT argument must be >= 0.");
    return false;
  }
  parsed.trim.limit = static_cast<std::uint64_t>(*limit);
  parsed.limit_given = true;
  return true;
}

bool check_limit(Call& call, AddOrTrim& parsed, bool add) {
  Trim& trim = parsed.trim;
  if (trim.by == Trim::By::nothing && (trim.limit != 0 || !add)) {
    call.reply.error(trim.limit != 0
                         ? "syntax error, LIMIT cannot be used without specifying a trimming strategy"
                         : "syntax error, XTRIM must be called with a trimming strategy");
    return false;
  }
  if (call.obey) {
    trim.limit = 0;
  } else if (parsed.limit_given && !trim.approximate) {
    call.reply.error("syntax error, LIMIT cannot be used without the special ~ option");
    return false;
  } else if (!parsed.limit_given) {
    const auto entries = static_cast<std::int64_t>(call.server.options.node_limits.entries);
    const std::int64_t limit =
        entries == 0 ? 10000 : std::min<std::int64_t>(default_limit_nodes * entries, 1000000);
    trim.limit = trim.approximate ? static_cast<std::uint64_t>(limit) : 0;
  }
  return true;
}

bool parse(Call& call, AddOrTrim& parsed, bool add) {
  std::size_t i = 2;
  for (; i < call.size(); ++i) {
    const bool more = i + 1 < call.size();
    if (add && call[i] == "*") break;
    if (more && (is_word(call[i], "MAXLEN") || is_word(call[i], "MINID"))) {
      if (!parse_bound(call, parsed, i, is_word(call[i], "MAXLEN"))) return false;
    } else if (more && is_word(call[i], "LIMIT")) {
      if (!parse_limit(call, parsed, ++i)) return false;
    } else if (add && is_word(call[i], "NOMKSTREAM")) {
      parsed.no_stream = true;
    } else if (add) {
      const auto id = parse_strict_id(call[i], 0, &parsed.any_seq);
      if (!id) {
        call.reply.error("Invalid stream ID specified as stream command argument");
        return false;
      }
      parsed.id = *id;
      parsed.id_given = true;
      break;
    } else {
      call.syntax_error();
      return false;
    }
  }
  parsed.next = i;
  return check_limit(call, parsed, add);
}

// The command with what it came to in place of what it asked for.
void exact_effect(Call& call, const AddOrTrim& parsed, const Stream& stream, std::string_view id) {
  std::vector<std::string_view> command(call.args.begin(), call.args.end());
  const std::string bound = parsed.trim.by == Trim::By::length
                                ? std::to_string(stream.length())
                                : std::string(IdText(stream.first_id_or_tombstone()).view());
  if (parsed.trim.by != Trim::By::nothing && parsed.trim.approximate) {
    command[parsed.trim_argument - 1] = "=";
    command[parsed.trim_argument] = bound;
  }
  if (!id.empty()) command[parsed.next] = id;
  call.effect(command);
}

bool new_id(Call& call, const AddOrTrim& parsed, const Stream& stream, StreamId& id) {
  const StreamId last = stream.last_id();
  if (last == highest_id) {
    call.reply.error("The stream has exhausted the last possible ID, unable to add more items");
    return false;
  }
  id = parsed.id;
  if (!parsed.id_given) {
    id = {static_cast<std::uint64_t>(call.now()), 0};
    if (id <= last) {
      id = last;
      increment(id);
    }
  } else if (parsed.any_seq && last.ms == id.ms) {
    if (last.seq == biggest) {
      call.reply.error("The ID specified in XADD is equal or smaller than the target stream top item");
      return false;
    }
    id.seq = last.seq + 1;
  }
  if (id <= last) {
    call.reply.error("The ID specified in XADD is equal or smaller than the target stream top item");
    return false;
  }
  return true;
}

void xadd(Call& call) {
  AddOrTrim parsed;
  if (!parse(call, parsed, true)) return;
  const std::size_t fields = parsed.next + 1;
  if (call.size() < fields + 2 || (call.size() - fields) % 2 == 1) return call.wrong_arity();
  if (parsed.id_given && !parsed.any_seq && parsed.id.is_zero()) {
    return call.reply.error("The ID specified in XADD must be greater than 0-0");
  }
  bool failed = false;
  Stream* stream = call.find<Stream>(call[1], failed);
  if (failed) return;
  if (stream == nullptr) {
    if (parsed.no_stream) return call.reply.nil();
    stream = &std::get<Stream>(call.server.put(call[1], {Stream{}, 0}).data);
  }
  StreamId id;
  if (!new_id(call, parsed, *stream, id)) return;
  stream->append(id, call.args.subspan(fields), call.server.options.node_limits);
  if (call.server.added) call.server.added(call[1], id, call.args.subspan(fields));
  stream->trim(parsed.trim);
  const IdText text(id);
  exact_effect(call, parsed, *stream, text.view());
  call.server.signal(call[1]);
  call.reply.bulk(text.view());
}

void xtrim(Call& call) {
  AddOrTrim parsed;
  if (!parse(call, parsed, false)) return;
  bool failed = false;
  Stream* stream = call.find<Stream>(call[1], failed);
  if (failed) return;
  const std::uint64_t gone = stream == nullptr ? 0 : stream->trim(parsed.trim);
  if (gone > 0) exact_effect(call, parsed, *stream, {});
  call.reply.integer(static_cast<std::int64_t>(gone));
}

void xdel(Call& call) {
  bool failed = false;
  Stream* stream = call.find<Stream>(call[1], failed);
  if (failed) return;
  if (stream == nullptr) return call.reply.integer(0);
  std::vector<StreamId> ids;
  for (std::size_t i = 2; i < call.size(); ++i) {
    const auto id = call.strict_id(i, 0);
    if (!id) return;
    ids.push_back(*id);
  }
  const auto gone = std::ranges::count_if(ids, [&](StreamId id) { return stream->remove(id); });
  if (gone > 0) call.changed();
  call.reply.integer(gone);
}

void xlen(Call& call) {
  bool failed = false;
  const Stream* stream = call.find<Stream>(call[1], failed);
  if (!failed) call.reply.integer(stream == nullptr ? 0 : static_cast<std::int64_t>(stream->length()));
}

void range(Call& call, bool back) {
  const auto low = call.low(back ? 3 : 2);
  if (!low) return;
  const auto high = call.high(back ? 2 : 3);
  if (!high) return;
  std::int64_t count = -1;
  for (std::size_t i = 4; i < call.size(); i += 2) {
    if (!is_word(call[i], "COUNT") || i + 1 == call.size()) return call.syntax_error();
    const auto given = call.integer(i + 1);
    if (!given) return;
    count = std::max<std::int64_t>(*given, 0);
  }
  bool failed = false;
  const Stream* stream = call.find<Stream>(call[1], failed);
  if (failed) return;
  if (stream == nullptr) return call.reply.array(0);
  if (count == 0) return call.reply.nil_array();
  const std::size_t begin = call.reply.mark();
  std::int64_t found = 0;
  const auto visit = [&](const Entry& entry) {
    write_entry(call.reply, entry);
    return ++found != count;
  };
  if (back) {
    stream->scan_back(*low, *high, visit);
  } else {
    stream->scan(*low, *high, visit);
  }
  call.reply.array_at(begin, static_cast<std::size_t>(found));
}

void xrange(Call& call) { range(call, false); }
void xrevrange(Call& call) { range(call, true); }

void xsetid(Call& call) {
  const auto id = call.strict_id(2, 0);
  if (!id) return;
  if (call.size() > 3) return call.syntax_error();
  bool failed = false;
  Stream* stream = call.find<Stream>(call[1], failed);
  if (failed) return;
  if (stream == nullptr) return call.reply.error("no such key");
  if (stream->length() > 0 && *id < stream->last()->id) {
    return call.reply.error("The ID specified in XSETID is smaller than the target stream top item");
  }
  stream->set_last_id(*id);
  call.changed();
  call.reply.ok();
}

constexpr std::array table{
    Command{"xadd", -5, writes | needs_memory | has_key, xadd},
    Command{"xtrim", -4, writes | has_key, xtrim},
    Command{"xdel", -3, writes | has_key, xdel},
    Command{"xlen", 2, has_key, xlen},
    Command{"xrange", -4, has_key, xrange},
    Command{"xrevrange", -4, has_key, xrevrange},
    Command{"xsetid", -3, writes | needs_memory | has_key, xsetid},
};

}  // namespace

std::span<const Command> stream_commands() { return table; }

}  // namespace sim
