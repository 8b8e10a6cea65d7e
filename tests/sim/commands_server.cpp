// Connections, what kind of server this is, and who else is there.
#include <algorithm>
#include <array>
#include <string>

#include "sim/command.h"
#include "sim/server.h"

namespace sim {

namespace {

void ping(Call& call) {
  if (call.size() > 2) return call.wrong_arity();
  if (call.client.subscribed()) {
    call.reply.array(2);
    call.reply.bulk("pong");
    return call.reply.bulk(call.size() == 1 ? "" : call[1]);
  }
  if (call.size() == 1) return call.reply.status("PONG");
  call.reply.bulk(call[1]);
}

void echo(Call& call) { call.reply.bulk(call[1]); }

bool right_password(Call& call, std::string_view user, std::string_view password) {
  const std::string& wanted = call.server.options.password;
  if (user == "default" && (wanted.empty() || wanted == password)) {
    call.client.logged_in = true;
    return true;
  }
  call.reply.coded_error("WRONGPASS invalid username-password pair or user is disabled.");
  return false;
}

void auth(Call& call) {
  if (call.size() > 3) return call.syntax_error();
  if (call.size() == 2 && call.server.options.password.empty()) {
    return call.reply.error(
        "AUTH <password> called without any password configured for the default user. Are you sure your "
        "configuration is correct?");
  }
  if (right_password(call, call.size() == 3 ? call[1] : "default", call[call.size() - 1])) call.reply.ok();
}

void write_pair(Call& call, std::string_view name, std::string_view value) {
  call.reply.bulk(name);
  call.reply.bulk(value);
}

bool hello_options(Call& call) {
  for (std::size_t i = 2; i < call.size(); ++i) {
    const std::size_t more = call.size() - 1 - i;
    if (is_word(call[i], "AUTH") && more >= 2) {
      if (!right_password(call, call[i + 1], call[i + 2])) return false;
      i += 2;
    } else if (is_word(call[i], "SETNAME") && more >= 1) {
      ++i;
    } else {
      call.reply.error("Syntax error in HELLO option '" + std::string(call[i]) + "'");
      return false;
    }
  }
  return true;
}

void hello(Call& call) {
  if (call.size() > 1) {
    const auto version = call.integer(1, "Protocol version is not an integer or out of range");
    if (!version) return;
    if (*version != 2) return call.reply.coded_error("NOPROTO unsupported protocol version");
  }
  if (!hello_options(call)) return;
  if (!call.client.logged_in) {
    return call.reply.coded_error(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> "
        "<pass> "
        "option can be used to authenticate the client and select the RESP protocol version at the same "
        "time");
  }
  const Mode mode = call.server.options.mode;
  call.reply.array(mode == Mode::sentinel ? 12 : 14);
  write_pair(call, "server", "redis");
  write_pair(call, "version", "7.0.15");
  call.reply.bulk("proto");
  call.reply.integer(2);
  call.reply.bulk("id");
  call.reply.integer(static_cast<std::int64_t>(call.client.id));
  write_pair(call, "mode",
             mode == Mode::sentinel  ? "sentinel"
             : mode == Mode::cluster ? "cluster"
                                     : "standalone");
  if (mode != Mode::sentinel) {
    write_pair(call, "role", call.server.role() == Role::replica ? "replica" : "master");
  }
  call.reply.bulk("modules");
  call.reply.array(0);
}

void time(Call& call) {
  call.reply.array(2);
  call.reply.bulk_integer(call.now() / 1000);
  call.reply.bulk_integer(call.now() % 1000 * 1000);
}

void wait(Call& call) {
  if (call.server.role() == Role::replica) {
    return call.reply.error(
        "WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is "
        "configured to be writable (which is not the default) writes to replicas are just local and are not "
        "propagated.");
  }
  const auto replicas = call.integer(1);
  if (!replicas) return;
  const auto timeout = call.integer(2, "timeout is not an integer or out of range");
  if (!timeout) return;
  if (*timeout < 0) return call.reply.error("timeout is negative");
  const auto count = static_cast<std::int64_t>(call.server.replicas_with(call.client.last_write));
  if (count >= *replicas) return call.reply.integer(count);
  Blocked blocked;
  blocked.by = Blocked::By::replicas;
  blocked.until = *timeout == 0 ? 0 : *timeout + call.now();
  blocked.offset = call.client.last_write;
  blocked.replicas = *replicas;
  call.server.block(call.client, std::move(blocked));
}

void readonly(Call& call) {
  if (call.server.options.mode != Mode::cluster) {
    return call.reply.error("This instance has cluster support disabled");
  }
  call.client.read_only = true;
  call.reply.ok();
}

void write_node(Call& call, const Address& node) {
  call.reply.array(4);
  call.reply.bulk(node.host);
  call.reply.integer(node.port);
  std::string id = node.host + ':' + std::to_string(node.port);
  id.resize(40, '0');
  call.reply.bulk(id);
  call.reply.array(0);
}

void cluster_slots(Call& call) {
  if (call.server.options.mode != Mode::cluster) {
    return call.reply.error("This instance has cluster support disabled");
  }
  call.reply.array(call.server.options.slots.size());
  for (const SlotRange& range : call.server.options.slots) {
    call.reply.array(2 + range.nodes.size());
    call.reply.integer(range.first);
    call.reply.integer(range.last);
    for (const Address& node : range.nodes) write_node(call, node);
  }
}

void sentinel_master(Call& call) {
  const auto& masters = call.server.options.masters;
  const auto place = masters.find(call[2]);
  if (place == masters.end()) return call.reply.nil_array();
  call.reply.array(2);
  call.reply.bulk(place->second.host);
  call.reply.bulk_integer(place->second.port);
}

void client_id(Call& call) { call.reply.integer(static_cast<std::int64_t>(call.client.id)); }

void client_setname(Call& call) { call.reply.ok(); }

// CLIENT KILL ID id, as far as it goes here: the one who asks is skipped.
void client_kill(Call& call) {
  if (call.size() == 3) return call.reply.error("No such client");
  if (call.size() != 4 || !is_word(call[2], "ID")) return call.syntax_error();
  const auto id = call.integer(3, "client-id should be greater than 0");
  if (!id) return;
  Client* found = *id > 0 ? call.server.find_client(static_cast<std::uint64_t>(*id)) : nullptr;
  if (found == &call.client) found = nullptr;
  if (found != nullptr) call.server.doom(*found);
  call.reply.integer(found == nullptr ? 0 : 1);
}

struct Setting {
  std::string_view name;
  std::size_t& (*value)(ServerOptions&);
};

constexpr std::array settings{
    Setting{"stream-node-max-entries",
            [](ServerOptions& o) -> std::size_t& { return o.node_limits.entries; }},
    Setting{"stream-node-max-bytes", [](ServerOptions& o) -> std::size_t& { return o.node_limits.bytes; }},
    Setting{"min-replicas-to-write", [](ServerOptions& o) -> std::size_t& { return o.needed_replicas; }},
};

void config_set(Call& call) {
  for (const Setting& setting : settings) {
    if (call.size() != 4 || call[2] != setting.name) continue;
    const auto value = call.integer(3);
    if (!value) return;
    setting.value(call.server.options) = static_cast<std::size_t>(*value);
    return call.reply.ok();
  }
  call.reply.error("Unknown option or number of arguments for CONFIG SET - '" + std::string(call[2]) + "'");
}

void config_get(Call& call) {
  const std::size_t begin = call.reply.mark();
  std::size_t found = 0;
  for (const Setting& setting : settings) {
    if (std::ranges::find(call.args.subspan(2), setting.name) == call.args.end()) continue;
    write_pair(call, setting.name, std::to_string(setting.value(call.server.options)));
    found += 2;
  }
  call.reply.array_at(begin, found);
}

constexpr unsigned always = while_loading | while_stale;
constexpr unsigned to_connect = always | no_script | while_busy | logged_out;

constexpr std::array table{
    Command{"ping", -1, while_subscribed, ping},
    Command{"echo", 2, always, echo},
    Command{"auth", -2, to_connect, auth},
    Command{"hello", -1, to_connect, hello},
    Command{"time", 1, always, time},
    Command{"wait", 3, no_script, wait},
    Command{"readonly", 1, always, readonly},
    Command{"cluster|slots", 2, while_stale, cluster_slots},
    Command{"sentinel|get-master-addr-by-name", 3, always, sentinel_master},
    Command{"client|id", 2, always | no_script, client_id},
    Command{"client|setname", 3, always | no_script, client_setname},
    Command{"client|kill", -3, always | no_script, client_kill},
    Command{"config|get", -3, always | no_script, config_get},
    Command{"config|set", -4, always | no_script, config_set},
};

}  // namespace

std::span<const Command> server_commands() { return table; }

}  // namespace sim
