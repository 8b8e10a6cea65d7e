#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>

#include "sim/client.h"
#include "sim/database.h"
#include "sim/resp.h"

namespace sim {

class Server;

/// One command that is being executed.
struct Call {
  Server& server;
  Client& client;
  std::span<const std::string_view> args;  // the command's name first
  ReplyWriter reply;
  std::string_view name;  // as in the table, in small letters
  bool in_script = false;
  bool obey = false;      // from the master or the log: never refused
  bool may_block = true;  // in a script it may not, either

  std::size_t size() const { return args.size(); }
  std::string_view operator[](std::size_t index) const { return args[index]; }

  /// The command did something, and does the same to every copy of the data.
  void changed() const { effect(args); }
  /// What the command did, in the words of another one.
  void effect(std::span<const std::string_view> command) const;
  void effect(std::initializer_list<std::string_view> command) const {
    effect(std::span(command.begin(), command.size()));
  }

  /// Replies with the error and returns false, for `return call.syntax_error()`.
  void syntax_error() { reply.error("syntax error"); }
  void wrong_type() {
    reply.coded_error("WRONGTYPE Operation against a key holding the wrong kind of value");
  }
  void wrong_arity();
  void bad_subcommand();
  /// Each replies with an error when it returns nothing.
  std::optional<std::int64_t> integer(std::size_t index,
                                      std::string_view error = "value is not an integer or out of range");
  std::optional<StreamId> strict_id(std::size_t index, std::uint64_t missing);
  std::optional<StreamId> id(std::size_t index, std::uint64_t missing);
  /// The ends of an interval, which `(` excludes. Replies with an error when they are none.
  std::optional<StreamId> low(std::size_t index);
  std::optional<StreamId> high(std::size_t index);

  std::int64_t now() const;
  /// The value at a key; null when there is none.
  Value* find(std::string_view key) const;
  /// The same, of one type; null also after a reply that the type is wrong, which `failed` tells.
  template <class Type>
  Type* find(std::string_view key, bool& failed) {
    Value* value = find(key);
    if (value == nullptr) return nullptr;
    Type* typed = std::get_if<Type>(&value->data);
    failed = typed == nullptr;
    if (failed) wrong_type();
    return typed;
  }
  /// The same, made when there is none.
  template <class Type>
  Type* make(std::string_view key);
};

/// When a command is refused.
enum CommandFlag : unsigned {
  writes = 1,             // by a replica
  needs_memory = 2,       // when there is none left
  while_loading = 4,      // isn't, when the server loads its data
  while_stale = 8,        // isn't, when a replica lost its master
  no_script = 16,         // in scripts
  while_busy = 32,        // isn't, when a script runs for long
  while_subscribed = 64,  // isn't, from clients that subscribed
  logged_out = 128,       // isn't, from clients that have yet to log in
  has_key = 256,          // in a cluster, when the slot is another node's
  ends_queue = 512,       // it is not queued in a transaction, but run
  of_channels = 1024,     // its keys are sharded channels
};

/// Values of Command::key for keys that stand in no fixed place.
inline constexpr int key_behind_streams = -1;
inline constexpr int key_of_script = -2;
inline constexpr int keys_to_the_end = -3;

struct Command {
  std::string_view name;  // in small letters; `a|b` is a subcommand
  int arity;              // with the name; negative: at least
  unsigned flags;
  void (*run)(Call&);
  int key = 1;  // which argument is the key, with has_key
};

/// Null when there is no such command.
const Command* find_command(std::span<const std::string_view> args);
/// Whether the command has subcommands.
bool has_subcommands(std::string_view name);

// By the files that have them.
std::span<const Command> key_commands();
std::span<const Command> hash_commands();
std::span<const Command> stream_commands();
std::span<const Command> group_commands();
std::span<const Command> claim_commands();
std::span<const Command> stream_info_commands();
std::span<const Command> pubsub_commands();
std::span<const Command> script_commands();
std::span<const Command> server_commands();
std::span<const Command> reading_commands();
std::span<const Command> transaction_commands();

}  // namespace sim
