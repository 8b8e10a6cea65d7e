// EVAL, EVALSHA and SCRIPT (https://redis.io/docs/latest/develop/interact/programmability/eval-intro/).
#include <array>
#include <string>

#include "sim/command.h"
#include "sim/script.h"
#include "sim/server.h"

namespace sim {

namespace {

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return lower;
}

bool compile(Call& call, std::string_view body, const std::string& sha) {
  if (!call.server.scripts().compile(body, sha, call.reply)) return false;
  call.server.known_scripts().insert(sha);
  return true;
}

void run(Call& call, bool by_sha) {
  const auto keys = call.integer(2);
  if (!keys) return;
  if (*keys > static_cast<std::int64_t>(call.size()) - 3) {
    return call.reply.error("Number of keys can't be greater than number of args");
  }
  if (*keys < 0) return call.reply.error("Number of keys can't be negative");
  const std::string sha = by_sha ? lower_case(call[1]) : sha1(call[1]);
  if (by_sha && !call.server.known_scripts().contains(sha)) {
    return call.reply.coded_error("NOSCRIPT No matching script. Please use EVAL.");
  }
  if (!by_sha && !call.server.known_scripts().contains(sha) && !compile(call, call[1], sha)) return;
  const auto count = static_cast<std::size_t>(*keys);
  call.server.scripts().run(call.server, call.client, sha, call.args.subspan(3, count),
                            call.args.subspan(3 + count));
}

void eval(Call& call) { run(call, false); }

void evalsha(Call& call) {
  if (call[1].size() != 40) return call.reply.coded_error("NOSCRIPT No matching script. Please use EVAL.");
  run(call, true);
}

void script_load(Call& call) {
  const std::string sha = sha1(call[2]);
  if (compile(call, call[2], sha)) call.reply.bulk(sha);
}

void script_exists(Call& call) {
  call.reply.array(call.size() - 2);
  for (const std::string_view sha : call.args.subspan(2)) {
    call.reply.integer(call.server.known_scripts().contains(lower_case(sha)) ? 1 : 0);
  }
}

void script_flush(Call& call) {
  if (call.size() > 3 || (call.size() == 3 && !is_word(call[2], "SYNC") && !is_word(call[2], "ASYNC"))) {
    return call.reply.error("SCRIPT FLUSH only support SYNC|ASYNC option");
  }
  call.server.known_scripts().clear();
  call.reply.ok();
}

constexpr std::array table{
    Command{"eval", -3, no_script | while_stale | has_key, eval, key_of_script},
    Command{"evalsha", -3, no_script | while_stale | has_key, evalsha, key_of_script},
    Command{"script|load", 3, no_script | while_stale, script_load},
    Command{"script|exists", -3, no_script, script_exists},
    Command{"script|flush", -2, no_script, script_flush},
};

}  // namespace

std::span<const Command> script_commands() { return table; }

}  // namespace sim
