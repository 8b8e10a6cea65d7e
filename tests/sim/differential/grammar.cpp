#include "sim/differential/grammar.h"

#include "chat/publish_script.h"
#include "sim/differential/compare.h"
#include "sim/differential/scripts.h"
#include "sim/resp.h"

namespace sim::differential {

namespace {

std::string str(std::uint64_t value) { return std::to_string(value); }

}  // namespace

History Grammar::history(std::size_t steps) {
  constexpr std::size_t entries[] = {100, 100, 1, 2, 3, 5, 10, 0};
  constexpr std::size_t bytes[] = {4096, 4096, 0, 60, 100, 200, 1000};
  History history{entries[random_.below(8)], bytes[random_.below(7)], {}};
  history.steps.reserve(steps);
  while (history.steps.size() < steps) {
    if (random_.chance(1)) add_transaction(history);
    Step step{random_.below(10) < 7 ? 0 : 1 + random_.below(clients - 1), command()};
    if (random_.chance(2) && step.args[0] != "CONFIG")
      damage(step.args);  // which has more settings than here
    history.steps.push_back(std::move(step));
  }
  return history;
}

// Of commands whose replies don't tell the time.
void Grammar::add_transaction(History& history) {
  const std::size_t client = random_.below(clients);
  history.steps.push_back({client, {"MULTI"}});
  for (std::uint64_t i = random_.below(6); i > 0; --i) {
    Args args = random_.chance(30) ? hash_command() : random_.chance(70) ? stream_command() : group_command();
    if (is_word(args[0], "XINFO") || makes_up_time(args)) args = {cased("GET"), "k1"};
    if (random_.chance(3)) args.push_back(text());
    history.steps.push_back({client, std::move(args)});
  }
  history.steps.push_back({client, {random_.chance(85) ? "EXEC" : "DISCARD"}});
}

// A word left out, doubled or exchanged.
void Grammar::damage(Args& args) {
  const std::size_t at = random_.below(args.size());
  const auto place = args.begin() + static_cast<std::ptrdiff_t>(at);
  switch (random_.below(4)) {
    case 0:
      if (at > 0) args.erase(place);
      break;
    case 1:
      args.insert(place + 1, args[at]);
      break;
    case 2:
      if (at > 0)
        args[at] = random_.pick({"", "nonsense", "-1", "0", "99999999999999999999", "*", "~", "1-"});
      break;
    default:
      args.push_back(text());
  }
}

Grammar::Args Grammar::command() {
  const std::uint64_t kind = random_.below(100);
  if (kind < 8) return key_command();
  if (kind < 15) return hash_command();
  if (kind < 45) return stream_command();
  if (kind < 60) return group_command();
  if (kind < 72) return claim_command();
  if (kind < 82) return pubsub_command();
  if (kind < 95 && !in_script_) return script_command();
  return server_command();
}

std::string Grammar::cased(std::string word) {
  if (!random_.chance(10)) return word;
  for (char& c : word) {
    if (c >= 'A' && c <= 'Z' && random_.chance(50)) c = static_cast<char>(c + 32);
  }
  return word;
}

std::string Grammar::stream() {
  if (random_.chance(3)) return std::string(random_.pick({"h1", "k1", "nothing"}));
  return std::string(random_.pick({"s1", "s1", "s1", "s2"}));
}

std::string Grammar::hash() {
  if (random_.chance(5)) return std::string(random_.pick({"s1", "k1"}));
  return std::string(random_.pick({"h1", "h1", "h2", "info1"}));
}

std::string Grammar::text() {
  switch (random_.below(8)) {
    case 0:
      return {};
    case 1:
      return str(random_.below(300));
    case 2:
      return "-" + str(random_.below(100000));
    case 3:
      return "00" + str(random_.below(10));
    case 4:
      return std::string(60 + random_.below(10), 'x');
    case 5:
      return std::string(random_.below(200), 'y');
    case 6:
      return "a\r\nb\xff";
    default:
      return std::string(random_.pick({"user", "message", "hello", "9223372036854775807", "4294967296"}));
  }
}

std::string Grammar::id() {
  switch (random_.below(24)) {
    case 0:
      return str(random_.below(8));
    case 1:
      return "0-0";
    case 2:
      return "18446744073709551615-18446744073709551615";
    case 3:
      return std::string(
          random_.pick({"5-*", "-1", "abc", "1-x", "01-1", "18446744073709551616", "1-1-1", ""}));
    default:
      return str(1 + random_.below(9)) + "-" + str(random_.below(4));
  }
}

std::string Grammar::range_end() {
  switch (random_.below(6)) {
    case 0:
      return "-";
    case 1:
      return "+";
    case 2:
      return "(" + id();
    default:
      return id();
  }
}

std::string Grammar::number() {
  if (random_.chance(5))
    return std::string(random_.pick({"-1", "x", "1.5", "", "01", "9223372036854775808"}));
  return str(random_.below(6));
}

void Grammar::add_count(Args& args) {
  if (random_.chance(50)) return;
  args.push_back(cased("COUNT"));
  args.push_back(number());
}

void Grammar::add_trim(Args& args) {
  const bool by_id = random_.chance(40);
  args.push_back(cased(by_id ? "MINID" : "MAXLEN"));
  const bool approximate = random_.chance(40);
  if (approximate) args.emplace_back("~");
  if (!approximate && random_.chance(30)) args.emplace_back("=");
  args.push_back(by_id ? id() : number());
  if (!random_.chance(approximate ? 30 : 3)) return;
  args.push_back(cased("LIMIT"));
  args.push_back(number());
}

Grammar::Args Grammar::key_command() {
  const std::string key(random_.pick({"k1", "k1", "k2", "s2", "h2"}));
  switch (random_.below(12)) {
    case 0:
    case 1:
      return {cased("GET"), key};
    case 2:
      return {"SET", key, text()};
    case 3:
      return {"SET", key, text(), cased(std::string(random_.pick({"EX", "PX"}))),
              std::string(random_.pick({"100000", "200000", "0", "-1", "x", "9223372036854775807"}))};
    case 4:
      return {"SET", key, text(), cased(std::string(random_.pick({"NX", "XX", "KEEPTTL", "NO"})))};
    case 5:
      return {cased("DEL"), key, std::string(random_.pick({"k2", "s1", "h1", "nothing"}))};
    case 6:
      return {"UNLINK", key};
    case 7:
      return {"EXISTS", key, key, "s1"};
    case 8:
      return {std::string(random_.pick({"EXPIRE", "PEXPIRE"})), key,
              std::string(random_.pick({"100000", "-1", "0", "x", "9223372036854775807"}))};
    case 9:
      return {std::string(random_.pick({"PTTL", "TTL"})), key};
    case 10:
      return {"PERSIST", key};
    default:
      return {"TYPE", random_.chance(50) ? key : stream()};
  }
}

Grammar::Args Grammar::hash_command() {
  const std::string field(random_.pick({"a", "b", "c", "ms", "n"}));
  switch (random_.below(8)) {
    case 0:
      return {"HSET", hash(), field, text().substr(0, 60)};
    case 1:
      return {"HSET", hash(), field, str(random_.below(9)), "b", str(random_.below(9))};
    case 2:
      return {"HSET", hash(), field, "1", "odd"};
    case 3:
      return {"HGET", hash(), field};
    case 4:
      return {"HMGET", hash(), field, "a", "nothing"};
    case 5:
      return {"HGETALL", hash()};
    case 6:
      return {"HDEL", hash(), field, std::string(random_.pick({"a", "b"}))};
    default:
      return {"HLEN", hash()};
  }
}

Grammar::Args Grammar::xadd() {
  Args args{cased("XADD"), stream()};
  if (random_.chance(5)) args.push_back(cased("NOMKSTREAM"));
  if (random_.chance(20)) add_trim(args);
  const std::uint64_t kind = random_.below(20);
  args.push_back(kind == 0 ? "*" : kind < 4 ? str(1 + random_.below(9)) + "-*" : id());
  args.emplace_back(random_.pick({"user", "user", "f"}));
  args.push_back(text());
  if (random_.chance(50)) {
    args.emplace_back(random_.pick({"message", "pub"}));
    args.push_back(text());
  }
  return args;
}

Grammar::Args Grammar::stream_command() {
  Args args;
  switch (random_.below(16)) {
    case 0:
    case 1:
      args = {random_.chance(50) ? "XRANGE" : "XREVRANGE", stream(), range_end(), range_end()};
      add_count(args);
      return args;
    case 2:
      args = {"XRANGE", stream(), "-", "+"};
      add_count(args);
      return args;
    case 3:
      args = {"XREVRANGE", stream(), "+", "-"};
      add_count(args);
      return args;
    case 4:
    case 5:
      args = {"XTRIM", stream()};
      add_trim(args);
      return args;
    case 6:
      return {"XDEL", stream(), id(), id()};
    case 7:
      return {"XLEN", stream()};
    case 8:
      return {cased("XINFO"), cased("STREAM"), stream()};
    case 9:
      return {"XSETID", stream(), id()};
    case 10:
      return read(false);
    default:
      return xadd();
  }
}

Grammar::Args Grammar::read(bool grouped) {
  Args args;
  if (grouped) {
    args = {"XREADGROUP", cased("GROUP"), group(), consumer()};
  } else {
    args = {"XREAD"};
  }
  add_count(args);
  if (random_.chance(20)) {
    args.push_back(cased("BLOCK"));
    args.emplace_back(random_.pick({"0", "0", "1", "1", "-1", "x"}));
  }
  if (grouped && random_.chance(10)) args.push_back(cased("NOACK"));
  args.push_back(cased("STREAMS"));
  const bool two = random_.chance(15);
  args.push_back(stream());
  if (two) args.emplace_back("s2");
  for (int i = 0; i < (two ? 2 : 1); ++i) {
    const bool fresh = random_.chance(grouped ? 65 : 3);
    args.push_back(fresh ? ">" : random_.chance(grouped ? 3 : 30) ? "$" : id());
  }
  return args;
}

Grammar::Args Grammar::group_command() {
  switch (random_.below(16)) {
    case 0:
    case 1: {
      Args args{"XGROUP", cased("CREATE"), stream(), group(),
                random_.chance(30)   ? "$"
                : random_.chance(60) ? "0"
                                     : id()};
      if (random_.chance(50)) args.push_back(cased("MKSTREAM"));
      if (random_.chance(5)) args.insert(args.end(), {"ENTRIESREAD", number()});
      return args;
    }
    case 2:
      return {"XGROUP", "SETID", stream(), group(), random_.chance(30) ? "$" : id()};
    case 3:
      return random_.chance(40) ? Args{"XGROUP", "DESTROY", stream(), group()}
                                : Args{"XGROUP", "DELCONSUMER", stream(), group(), consumer()};
    case 4:
      return {"XGROUP", "CREATECONSUMER", stream(), group(), consumer()};
    case 5:
      return {"XINFO", "GROUPS", stream()};
    case 6:
      return {"XINFO", "CONSUMERS", stream(), group()};
    case 7:
    case 8:
      return {"XACK", stream(), group(), id(), id()};
    default:
      return read(true);
  }
}

Grammar::Args Grammar::pending() {
  Args args{"XPENDING", stream(), group()};
  if (random_.chance(30)) return args;
  if (random_.chance(30))
    args.insert(args.end(), {cased("IDLE"), std::string(random_.pick({"0", "50000", "x"}))});
  args.push_back(random_.chance(50) ? "-" : range_end());
  args.push_back(random_.chance(50) ? "+" : range_end());
  args.push_back(random_.chance(70) ? "10" : number());
  if (random_.chance(40)) args.push_back(consumer());
  return args;
}

Grammar::Args Grammar::claim_command() {
  const std::string idle(random_.pick({"0", "0", "0", "50000", "-5", "x"}));
  Args args;
  switch (random_.below(8)) {
    case 0:
    case 1:
    case 2:
      return pending();
    case 3:
    case 4:
      args = {"XAUTOCLAIM", stream(), group(), consumer(), idle, random_.chance(50) ? "0" : range_end()};
      add_count(args);
      if (random_.chance(30)) args.push_back(cased("JUSTID"));
      return args;
    default:
      args = {"XCLAIM", stream(), group(), consumer(), idle, id()};
      while (random_.chance(50)) args.push_back(id());
      if (random_.chance(30))
        args.insert(args.end(), {"IDLE", std::string(random_.pick({"100000", "0", "-7", "x"}))});
      if (random_.chance(10))
        args.insert(args.end(), {"TIME", std::string(random_.pick({"1", "9999999999999", "x"}))});
      if (random_.chance(20)) args.insert(args.end(), {cased("RETRYCOUNT"), number()});
      if (random_.chance(20)) args.push_back(cased("FORCE"));
      if (random_.chance(40)) args.push_back(cased("JUSTID"));
      if (random_.chance(5)) args.insert(args.end(), {"LASTID", id()});
      return args;
  }
}

Grammar::Args Grammar::pubsub_command() {
  const std::string shard = random_.chance(30) ? "S" : "";
  switch (random_.below(in_script_ ? 3 : 10)) {
    case 0:
    case 1:
    case 2:
      return {shard + "PUBLISH", channel(), text()};
    case 3:
      return {shard + "SUBSCRIBE", channel()};
    case 4:
      return {shard + "SUBSCRIBE", channel(), channel()};
    case 5:
      return {shard + "UNSUBSCRIBE", channel()};
    case 6:
      return {shard + "UNSUBSCRIBE"};
    case 7:
      return {"PUBSUB", shard.empty() ? "NUMSUB" : "SHARDNUMSUB", channel(), "nobody"};
    case 8:
      return {"PUBSUB", shard.empty() ? "CHANNELS" : "SHARDCHANNELS",
              std::string(random_.pick({"*", "n*", "[ns]*", "sp?rt", "topic[0-9]", "[^t]*", "\\news"}))};
    default:
      return {"PUBSUB",
              std::string(random_.pick({"CHANNELS", "SHARDCHANNELS", "NUMPAT", "NUMSUB", "WRONG"}))};
  }
}

Grammar::Args Grammar::server_command() {
  switch (random_.below(in_script_ ? 6 : 16)) {
    case 0:
      return {"PING"};
    case 1:
      return {"PING", text()};
    case 2:
      return {"ECHO", text()};
    case 3:
      return {"TIME"};
    case 4:
      return {"DBSIZE"};
    case 5:
      return {std::string(random_.pick({"NOSUCH", "X", "XGROUP", "XINFO"})), text(), text()};
    case 6:
      return {"HELLO", "2"};
    case 7:
      return {"HELLO", std::string(random_.pick({"x", "9", "2"})), "AUTH", "default", "nopass"};
    case 8:
      return {"AUTH", "x"};
    case 9:
      return {"WAIT", std::string(random_.pick({"0", "1", "x", "-1"})),
              std::string(random_.pick({"1", "1", "-1", "x"}))};
    case 10:
      return {"CLUSTER", "SLOTS"};
    case 11:
      return {"READONLY"};
    case 12:
      return random_.chance(10) ? Args{"FLUSHALL"} : Args{"FLUSHALL", "WRONG"};
    case 13:
      return {"CONFIG", "GET", "stream-node-max-entries"};
    case 14:
      return {"CLIENT", std::string(random_.pick({"WRONG", "SETNAME", "KILL"})), "x"};
    default:
      return {std::string(random_.pick({"XGROUP", "XINFO", "PUBSUB", "SCRIPT", "CLIENT"})), "NOSUCH", text()};
  }
}

Grammar::Args Grammar::publish_script() {
  const std::string topic(random_.pick({"t1", "t1", "t2"}));
  const std::string publisher(random_.pick({"p1", "p2"}));
  Args args{"EVALSHA",
            std::string(chat::publish_script_sha1),
            "3",
            "chat:{" + topic + "}",
            "chat:{" + topic + "}:info",
            "chat:{" + topic + "}:pub:" + publisher};
  const std::uint64_t first = 1 + random_.below(12);
  args.insert(
      args.end(),
      {topic, publisher, str(first), str(random_.below(first + 2)),
       std::string(random_.pick({"600", "600", "0", ""})), random_.chance(80) ? "PUBLISH" : "SPUBLISH",
       std::string(random_.pick({"0", "0", "9999999999999", "1"})),
       std::string(random_.pick({"0", "9999999999999"})), std::string(random_.pick({"0", "0", "1"})),
       std::string(random_.pick({"0", "9999999999999"})),
       std::string(random_.pick({"0-0", "0-0", "5-2", "9999999999999-3"}))});
  for (std::uint64_t run = 1 + random_.below(2); run > 0; --run) {
    const bool plain = random_.chance(60);
    const std::uint64_t count = 1 + random_.below(4);
    args.insert(args.end(),
                {str(count), plain ? "1" : "0", "ana", R"({"user": "ana", "message": ")", "1732400000"});
    for (std::uint64_t i = 0; i < count; ++i) {
      args.push_back(text());
      if (!plain) args.push_back(text());
    }
  }
  return args;
}

Grammar::Args Grammar::create_script() {
  const std::string topic(random_.pick({"t1", "t2"}));
  return {"EVAL",
          create_topic_script(),
          "2",
          "chat:{" + topic + "}:info",
          "chat:{" + topic + "}",
          "1732400000",
          std::string(random_.pick({"0", "2", "5", "100000"})),
          "0",
          text()};
}

Grammar::Args Grammar::script_command() {
  const std::uint64_t kind = random_.below(20);
  if (kind < 6) return publish_script();
  if (kind < 9) return create_script();
  if (kind == 9) return {"SCRIPT", "LOAD", std::string(chat::publish_script)};
  if (kind == 10) {
    if (random_.chance(30)) return {"SCRIPT", "FLUSH"};
    return {"SCRIPT", "EXISTS", std::string(chat::publish_script_sha1), "00"};
  }
  if (kind == 11) return {"EVALSHA", random_.chance(50) ? "abc" : std::string(40, 'a'), number()};
  if (kind < 15) return {"EVAL", std::string(literal_script(random_)), "1", "key", "arg1", text()};
  in_script_ = true;
  Args args{"EVAL", std::string(calling_script(random_)), "0"};
  const Args called = command();
  args.insert(args.end(), called.begin(), called.end());
  in_script_ = false;
  return args;
}

}  // namespace sim::differential
