// When a server refuses commands, what it keeps, and what replicas do.
#include <array>

#include "sim/command.h"
#include "sim/server.h"

namespace sim {

bool Server::refused(Call& call, const Command& command) {
  const auto size = static_cast<int>(call.size());
  if (command.arity > 0 ? size != command.arity : size < -command.arity) {
    call.wrong_arity();
    return true;
  }
  if (!call.client.logged_in && (command.flags & logged_out) == 0) {
    call.reply.coded_error("NOAUTH Authentication required.");
    return true;
  }
  return redirected(call, command) || refused_by_state(call, command);
}

bool Server::refused_by_state(Call& call, const Command& command) {
  const bool write = (command.flags & writes) != 0;
  if (faults.out_of_memory && (command.flags & needs_memory) != 0) {
    call.reply.coded_error("OOM command not allowed when used memory > 'maxmemory'.");
  } else if (faults.disk_full && (write || command.name == "ping")) {
    call.reply.coded_error(
        "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. "
        "Commands "
        "that may modify the data set are disabled, because this instance is configured to report errors "
        "during "
        "writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs "
        "for "
        "details about the RDB error.");
  } else if (write && role_ == Role::master && replicas() < options.needed_replicas) {
    call.reply.coded_error("NOREPLICAS Not enough good replicas to write.");
  } else if (write && role_ == Role::replica) {
    call.reply.coded_error("READONLY You can't write against a read only replica.");
  } else if (call.client.subscribed() && (command.flags & while_subscribed) == 0) {
    call.reply.error(
        "Can't execute '" + std::string(command.name) +
        "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context");
  } else if (faults.master_down && role_ == Role::replica && (command.flags & while_stale) == 0) {
    call.reply.coded_error(
        "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.");
  } else if (faults.loading && (command.flags & while_loading) == 0) {
    call.reply.coded_error("LOADING Redis is loading the dataset in memory");
  } else if (faults.busy && (command.flags & while_busy) == 0) {
    call.reply.coded_error(
        "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.");
  } else {
    return false;
  }
  return true;
}

void Server::apply(const std::string& unit) {
  applying_ = true;
  CommandReader reader;
  reader.feed(unit);
  Client master;
  while (const auto args = reader.next()) {
    const Command* command = find_command(*args);
    Call call{*this, master, *args, ReplyWriter(master.output), command->name, false, true};
    command->run(call);
    master.output.clear();
  }
  applying_ = false;
  log_.append(unit);
  if (options.persistence == Persistence::always) synced_ = log_.end();
  serve_blocked();
}

void Server::copy_from(const Server& master) {
  send_away_blocked();
  erase_all();
  data_ = master.data_;
  base_ = data_;
  log_.restart(master.log_.end());
  synced_ = log_.end();
  role_ = Role::replica;
  acknowledged_.clear();
  serve_blocked();
}

Database Server::survivors(Crash crash) const {
  switch (options.persistence) {
    case Persistence::none:
      return {};
    case Persistence::snapshot:
      return snapshot_;
    case Persistence::always:
      return data_;
    case Persistence::everysec:
      break;
  }
  if (crash == Crash::process || synced_ == log_.end()) return data_;
  Server reader(scripts_);
  reader.data_ = base_;
  reader.now_ = now_;
  for (EffectLog::Offset offset = log_.begin(); offset < synced_; ++offset) reader.apply(log_.at(offset));
  return std::move(reader.data_);
}

void Server::restart(Database data) {
  for (const auto& client : clients_) doom(*client);
  clients_.clear();
  ready_.clear();
  known_scripts_.clear();
  acknowledged_.clear();
  data_ = std::move(data);
  forget_foreign_keys();
  base_ = data_;
  snapshot_ = data_;
  // A data set of its own: offsets of the one before mean nothing here.
  log_.restart(log_.end());
  synced_ = log_.end();
  synced_at_ = now_;
}

}  // namespace sim
