#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "sim/client.h"
#include "sim/database.h"
#include "sim/effect_log.h"
#include "sim/resp.h"

namespace sim {

class ScriptEngine;
struct Call;

enum class Mode : std::uint8_t { standalone, cluster, sentinel };
enum class Role : std::uint8_t { master, replica };
/// https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/
enum class Persistence : std::uint8_t { none, snapshot, everysec, always };
/// How it ends: the process alone, or the machine with all that wasn't on its disk.
enum class Crash : std::uint8_t { process, machine };

struct Address {
  std::string host;
  std::uint16_t port = 0;
  friend bool operator==(const Address&, const Address&) = default;
};

/// Who serves which slots, as a node knows it; the master first.
struct SlotRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  std::vector<Address> nodes;
};

/// What a server is told to be. May be changed at any time between two commands.
struct ServerOptions {
  Mode mode = Mode::standalone;
  Persistence persistence = Persistence::none;
  NodeLimits node_limits;
  std::string password;                                 // empty: none is asked for
  std::size_t pubsub_limit = 0;                         // bytes that may wait for a subscriber; 0: any number
  Address address;                                      // its own, in a cluster
  std::vector<SlotRange> slots;                         // in a cluster; changed by hear_of_slots()
  std::map<std::uint16_t, Address> migrating;           // slots of its own that are being given away, to whom
  std::set<std::uint16_t> importing;                    // slots that it is being given
  std::map<std::string, Address, std::less<>> masters;  // what a sentinel knows, by name
  std::size_t needed_replicas = 0;                      // min-replicas-to-write
};

/// States in which it refuses commands. May be changed at any time between two commands.
struct Faults {
  bool out_of_memory = false;  // OOM
  bool loading = false;        // LOADING
  bool busy = false;           // BUSY: a script doesn't end
  bool master_down = false;    // MASTERDOWN: a replica without its master, that must not serve stale data
  bool cluster_down = false;   // CLUSTERDOWN
  bool disk_full = false;      // MISCONF
};

/// A Redis server in this process, as deterministic as its callers: it has no clock, no randomness, no
/// threads and no sockets. It behaves like Redis 7.0 as far as commands.h reaches; sim/differential compares
/// every reply with a real one.
///
/// The caller gives time (set_time), bytes or commands (receive, execute), and takes what the server writes
/// from Client::output. A client is served until it blocks; its further commands wait. Servers share nothing
/// but the script engine, which keeps no state of theirs, so that making one costs little.
class Server {
 public:
  /// `scripts` must outlive the server, and may be shared by all servers of one thread.
  explicit Server(ScriptEngine& scripts, ServerOptions initial = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  ServerOptions options;
  Faults faults;

  /// The clock, in ms since 1970: it may go back. Clients whose time is over get their replies.
  void set_time(std::int64_t now);
  std::int64_t now() const { return now_; }
  /// The earliest time at which set_time has something to do for a blocked client; nothing when there is
  /// none.
  std::optional<std::int64_t> next_timeout() const;

  /// The reference is valid until disconnect(), crash() or the server's end.
  Client& connect();
  /// Also clients that are doomed must be disconnected.
  void disconnect(Client& client);
  /// In the order in which they connected.
  const std::vector<std::unique_ptr<Client>>& clients() const { return clients_; }
  Client* find_client(std::uint64_t id);

  /// Bytes from the client, of which each complete command is executed.
  void receive(Client& client, std::string_view bytes);
  /// One command; the client must not be blocked.
  void execute(Client& client, std::span<const std::string_view> args);
  void execute(Client& client, std::initializer_list<std::string_view> args) {
    execute(client, std::span(args.begin(), args.size()));
  }
  /// Inside a script. The reply goes to `out`. False, with an error in `out`, when scripts can't call it.
  void call_from_script(Client& client, std::span<const std::string_view> args, std::string& out,
                        bool& wrote);

  /// Delivers to subscribers here, and returns how many there are. In a cluster, PUBLISH on one node is
  /// heard on all of them: published_to_cluster is called, and should call this on the other nodes.
  std::size_t deliver(std::string_view channel, std::string_view payload, bool sharded);
  std::function<void(std::string_view channel, std::string_view payload)> published_to_cluster;
  /// Called for each entry that is stored, by a client or by a master.
  std::function<void(std::string_view key, StreamId id, std::span<const std::string_view> texts)> added;
  /// Called for each key that goes since its time, by the server's clock, is over.
  std::function<void(std::string_view key, std::int64_t time)> expired;

  /// Called for each command that a client sends, before it is executed.
  std::function<void(std::string_view name)> asked;

  // In a cluster.

  /// Who serves what is something else now. Those who wait or listen here for what is another node's are sent
  /// away, and the keys of such slots are deleted, unless this is a replica.
  void hear_of_slots(std::vector<SlotRange> slots);
  /// What MIGRATE does: the value is gone here, as after DEL, and there at the other node, on its disk.
  std::optional<Value> give_away(std::string_view key);
  void take_over(std::string_view key, Value value);

  /// As CLIENT KILL does it.
  void doom(Client& client);

  // Replication (replication.h has the link between two servers).

  Role role() const { return role_; }
  void promote() { role_ = Role::master; }
  void demote() { role_ = Role::replica; }
  const EffectLog& log() const { return log_; }
  /// A replica does what its master did.
  void apply(const std::string& unit);
  /// A full synchronisation: the master's data as it is now. Becomes a replica.
  void copy_from(const Server& master);
  /// A replica, by any number of the caller's, has told that it has everything before `offset`.
  void acknowledge(std::uint64_t replica, EffectLog::Offset offset);
  /// The replica isn't connected any more.
  void forget_replica(std::uint64_t replica);
  std::size_t replicas_with(EffectLog::Offset offset) const;
  std::size_t replicas() const { return acknowledged_.size(); }

  // Persistence.

  /// The data as it is.
  const Database& data() const { return data_; }
  /// Saves a snapshot, which Persistence::snapshot starts from (BGSAVE).
  void save() { snapshot_ = data_; }
  /// What a restart after such an end would find.
  Database survivors(Crash crash) const;
  /// Ends and starts again with this: all clients are gone, scripts forgotten. The role stays.
  void restart(Database data);
  void crash(Crash how) { restart(survivors(how)); }

  // For the commands.

  Value* find(std::string_view key);
  Value& put(std::string_view key, Value value);
  bool erase(std::string_view key);
  void erase_all();
  void effect(std::span<const std::string_view> command);
  /// Clients that are blocked on the key are to be looked at.
  void signal(std::string_view key);
  void block(Client& client, Blocked blocked);
  void subscribe(Client& client, std::string_view channel, bool sharded);
  bool unsubscribe(Client& client, std::string_view channel, bool sharded);
  using Subscribers = std::map<std::string, std::vector<Client*>, std::less<>>;
  const Subscribers& subscribers(bool sharded) const { return sharded ? shard_channels_ : channels_; }
  ScriptEngine& scripts() { return scripts_; }
  std::unordered_set<std::string>& known_scripts() { return known_scripts_; }

 private:
  bool refused(Call& call, const struct Command& command);
  bool refused_by_state(Call& call, const struct Command& command);
  bool redirected(Call& call, const struct Command& command);
  bool redirected(ReplyWriter& reply, const Client& client, const struct Query& query);
  bool is_foreign(Call& call, const struct Command& command);
  bool serves(std::uint16_t slot) const;
  void forget_foreign_keys();
  void send_away_blocked();
  void run(Call& call, const struct Command& command);
  void discard_because(Client& client, std::size_t begin);
  void execute_in_transaction(Call& call, const struct Command& command);
  void finish_unit(Client& client);
  void serve_blocked();
  void serve(Client& client);
  void unblock(Client& client);
  void serve_waiting();
  void pump(Client& client);
  void check_output(Client& client);

  ScriptEngine& scripts_;
  std::int64_t now_ = 0;
  std::vector<std::unique_ptr<Client>> clients_;
  std::uint64_t last_client_ = 0;
  std::vector<Client*> blocked_;  // in the order in which they blocked

  Role role_ = Role::master;
  Database data_;
  Subscribers channels_;
  Subscribers shard_channels_;
  std::unordered_set<std::string> known_scripts_;
  std::vector<std::string> ready_;  // keys that blocked clients may wait for

  bool applying_ = false;
  std::string unit_;  // of the log, being made
  EffectLog log_;
  std::map<std::uint64_t, EffectLog::Offset> acknowledged_;

  Database base_;  // what the append only file starts with
  EffectLog::Offset synced_ = 0;
  std::int64_t synced_at_ = 0;
  Database snapshot_;
};

}  // namespace sim
