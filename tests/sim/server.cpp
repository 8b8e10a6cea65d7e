#include "sim/server.h"

#include <algorithm>
#include <array>

#include "sim/command.h"
#include "sim/script.h"

namespace sim {

Server::Server(ScriptEngine& scripts, ServerOptions initial)
    : options(std::move(initial)), scripts_(scripts) {}
Server::~Server() = default;

void Server::set_time(std::int64_t now) {
  now_ = now;
  if (now_ - synced_at_ >= 1000 || now_ < synced_at_) {
    synced_ = log_.end();
    synced_at_ = now_;
  }
  if (blocked_.empty()) return;
  std::vector<Client*> late;
  for (Client* client : blocked_) {
    if (client->blocked.until != 0 && client->blocked.until <= now_) late.push_back(client);
  }
  for (Client* client : late) {
    if (!client->is_blocked()) continue;  // something that an earlier one did has ended it
    ReplyWriter reply(client->output);
    if (client->blocked.by == Blocked::By::replicas) {
      reply.integer(static_cast<std::int64_t>(replicas_with(client->blocked.offset)));
    } else {
      reply.nil_array();
    }
    unblock(*client);
    pump(*client);
  }
}

std::optional<std::int64_t> Server::next_timeout() const {
  std::optional<std::int64_t> next;
  for (const Client* client : blocked_) {
    if (client->blocked.until != 0)
      next = std::min(next.value_or(client->blocked.until), client->blocked.until);
  }
  return next;
}

Client& Server::connect() {
  Client& client = *clients_.emplace_back(std::make_unique<Client>());
  client.id = ++last_client_;
  client.logged_in = options.password.empty();
  return client;
}

void Server::disconnect(Client& client) {
  doom(client);
  std::erase_if(clients_, [&](const auto& one) { return one.get() == &client; });
}

void Server::doom(Client& client) {
  client.doomed = true;
  unblock(client);
  while (!client.channels.empty()) unsubscribe(client, std::string(*client.channels.begin()), false);
  while (!client.shard_channels.empty())
    unsubscribe(client, std::string(*client.shard_channels.begin()), true);
}

Client* Server::find_client(std::uint64_t id) {
  const auto place = std::ranges::find_if(
      clients_, [id](const auto& client) { return client->id == id && !client->doomed; });
  return place == clients_.end() ? nullptr : place->get();
}

void Server::receive(Client& client, std::string_view bytes) {
  client.input.feed(bytes);
  pump(client);
}

void Server::pump(Client& client) {
  while (!client.doomed && !client.is_blocked()) {
    const auto command = client.input.next();
    if (!command) break;
    if (!command->empty()) execute(client, *command);
  }
  if (client.input.broken() && !client.doomed) {
    ReplyWriter(client.output).error("Protocol error: invalid multibulk length");
    doom(client);
  }
}

namespace {

std::string unknown_command(std::span<const std::string_view> args) {
  std::string name;
  if (!has_subcommands(args[0])) {
    std::string beginning;
    for (std::size_t i = 1; i < args.size() && beginning.size() < 128; ++i) {
      beginning += '\'' + std::string(args[i].substr(0, 128 - beginning.size())) + "' ";
    }
    return "unknown command '" + std::string(args[0].substr(0, 128)) +
           "', with args beginning with: " + beginning;
  }
  if (args.size() == 1) {
    for (const char c : args[0]) name += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    return "wrong number of arguments for '" + name + "' command";
  }
  for (const char c : args[0]) name += static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  return "unknown subcommand '" + std::string(args[1].substr(0, 128)) + "'. Try " + name + " HELP.";
}

}  // namespace

void Server::execute(Client& client, std::span<const std::string_view> args) {
  if (client.doomed) return;
  Call call{*this, client, args, ReplyWriter(client.output), {}};
  const Command* command = find_command(args);
  if (command == nullptr) {
    if (client.transaction) client.transaction->refused = true;
    return call.reply.error(unknown_command(args));
  }
  call.name = command->name;
  if (asked) asked(command->name);
  const std::size_t begin = client.output.size();
  if (client.transaction) {
    execute_in_transaction(call, *command);
  } else if (!refused(call, *command)) {
    return run(call, *command);
  } else if (command->name == "exec") {
    discard_because(client, begin);
  }
}

// EXEC that is refused says why in its own words.
void Server::discard_because(Client& client, std::size_t begin) {
  std::string why = client.output.substr(begin + 1);
  if (why.starts_with("ERR ")) why.erase(0, 4);
  client.output.resize(begin);
  client.transaction.reset();
  ReplyWriter(client.output)
      .coded_error("EXECABORT Transaction discarded because of: " + why.substr(0, why.find('\r')));
}

void Server::execute_in_transaction(Call& call, const Command& command) {
  Transaction& transaction = *call.client.transaction;
  Command whole = command;
  if (command.name == "exec") {
    if (redirected(call, command)) return call.client.transaction.reset();
    whole.flags |= transaction.flags & (writes | needs_memory);
  }
  const std::size_t begin = call.client.output.size();
  if (refused(call, whole)) {
    transaction.refused = true;
    if (command.name == "exec") discard_because(call.client, begin);
  } else if ((command.flags & ends_queue) != 0) {
    run(call, command);
  } else {
    if (!transaction.refused) {
      transaction.flags |= command.flags;
      transaction.commands.emplace_back(call.args.begin(), call.args.end());
    }
    call.reply.status("QUEUED");
  }
}

void Server::run(Call& call, const Command& command) {
  command.run(call);
  finish_unit(call.client);
  serve_blocked();
}

void Server::call_from_script(Client& client, std::span<const std::string_view> args, std::string& out,
                              bool& wrote) {
  Call call{*this, client, args, ReplyWriter(out), {}};
  call.in_script = true;
  const Command* command = find_command(args);
  if (command == nullptr) {
    call.reply.error("Unknown Redis command called from script");
    return;
  }
  call.name = command->name;
  const auto size = static_cast<int>(args.size());
  if (command->arity > 0 ? size != command->arity : size < -command->arity) {
    call.reply.error("Wrong number of args calling Redis command from script");
    return;
  }
  if ((command->flags & no_script) != 0) {
    call.reply.error("This Redis command is not allowed from script");
    return;
  }
  if (is_foreign(call, *command)) {
    call.reply.error("Script attempted to access a non local key in a cluster node");
    return;
  }
  if (!wrote) {  // a script that has begun to write is never stopped
    if ((command->flags & writes) != 0 && role_ == Role::replica) {
      call.reply.coded_error("READONLY You can't write against a read only replica.");
      return;
    }
    if ((command->flags & needs_memory) != 0 && faults.out_of_memory) {
      call.reply.coded_error("OOM command not allowed when used memory > 'maxmemory'.");
      return;
    }
  }
  const std::size_t before = unit_.size();
  command->run(call);
  if (unit_.size() != before && (command->flags & writes) != 0) wrote = true;
}

void Call::effect(std::span<const std::string_view> command) const { server.effect(command); }
std::int64_t Call::now() const { return server.now(); }
Value* Call::find(std::string_view key) const { return server.find(key); }

void Server::effect(std::span<const std::string_view> command) {
  if (!applying_) append_command(unit_, command);
}

void Server::finish_unit(Client& client) {
  if (unit_.empty()) return;
  log_.append(std::move(unit_));
  unit_.clear();
  client.last_write = log_.end();
  if (options.persistence == Persistence::always) synced_ = log_.end();
}

Value* Server::find(std::string_view key) {
  const auto place = data_.find(key);
  if (place == data_.end()) return nullptr;
  if (place->second.expires != 0 && place->second.expires <= now_ && !applying_) {
    if (role_ == Role::master) {
      if (expired) expired(key, place->second.expires);
      effect(std::array<std::string_view, 2>{"DEL", key});
      erase(key);
    }
    return nullptr;
  }
  return &place->second;
}

Value& Server::put(std::string_view key, Value value) {
  const auto place = data_.find(key);
  if (place == data_.end()) return data_.emplace(key, std::move(value)).first->second;
  if (std::holds_alternative<Stream>(place->second.data)) signal(key);
  place->second = std::move(value);
  return place->second;
}

bool Server::erase(std::string_view key) {
  const auto place = data_.find(key);
  if (place == data_.end()) return false;
  if (std::holds_alternative<Stream>(place->second.data)) signal(key);
  data_.erase(place);
  return true;
}

void Server::erase_all() {
  for (const auto& [key, value] : data_) signal(key);
  data_.clear();
}

std::size_t Server::deliver(std::string_view channel, std::string_view payload, bool sharded) {
  const Subscribers& all = subscribers(sharded);
  const auto place = all.find(channel);
  if (place == all.end()) return 0;
  const std::vector<Client*> clients = place->second;
  for (Client* client : clients) {
    ReplyWriter reply(client->output);
    reply.array(3);
    reply.bulk(sharded ? "smessage" : "message");
    reply.bulk(channel);
    reply.bulk(payload);
    check_output(*client);
  }
  return clients.size();
}

void Server::check_output(Client& client) {
  if (options.pubsub_limit != 0 && client.output.size() > options.pubsub_limit) doom(client);
}

void Server::subscribe(Client& client, std::string_view channel, bool sharded) {
  auto& mine = sharded ? client.shard_channels : client.channels;
  if (!mine.emplace(channel).second) return;
  auto& all = sharded ? shard_channels_ : channels_;
  all.emplace(channel, std::vector<Client*>{}).first->second.push_back(&client);
}

bool Server::unsubscribe(Client& client, std::string_view channel, bool sharded) {
  auto& mine = sharded ? client.shard_channels : client.channels;
  const auto place = mine.find(channel);
  if (place == mine.end()) return false;
  mine.erase(place);
  auto& all = sharded ? shard_channels_ : channels_;
  const auto channel_place = all.find(channel);
  std::erase(channel_place->second, &client);
  if (channel_place->second.empty()) all.erase(channel_place);
  return true;
}

}  // namespace sim
