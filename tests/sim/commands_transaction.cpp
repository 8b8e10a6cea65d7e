// MULTI, EXEC and DISCARD (https://redis.io/docs/latest/develop/interact/transactions/), without WATCH.
#include <array>
#include <string>
#include <utility>

#include "sim/command.h"
#include "sim/server.h"

namespace sim {

namespace {

void multi(Call& call) {
  if (call.client.transaction) return call.reply.error("MULTI calls can not be nested");
  call.client.transaction.emplace();
  call.reply.ok();
}

void discard(Call& call) {
  if (!call.client.transaction) return call.reply.error("DISCARD without MULTI");
  call.client.transaction.reset();
  call.reply.ok();
}

void exec(Call& call) {
  if (!call.client.transaction) return call.reply.error("EXEC without MULTI");
  const Transaction transaction = *std::exchange(call.client.transaction, std::nullopt);
  if (transaction.refused) {
    return call.reply.coded_error("EXECABORT Transaction discarded because of previous errors.");
  }
  call.reply.array(transaction.commands.size());
  for (const std::vector<std::string>& words : transaction.commands) {
    const std::vector<std::string_view> args(words.begin(), words.end());
    const Command& command = *find_command(args);
    Call one{call.server, call.client, args, ReplyWriter(call.client.output), command.name};
    one.may_block = false;
    command.run(one);
  }
}

constexpr unsigned always = while_loading | while_stale | no_script | while_busy | ends_queue;

constexpr std::array table{
    Command{"multi", 1, always, multi},
    Command{"exec", 1, while_loading | while_stale | no_script | ends_queue, exec},
    Command{"discard", 1, always, discard},
};

}  // namespace

std::span<const Command> transaction_commands() { return table; }

}  // namespace sim
