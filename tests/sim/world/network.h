#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/server.h"
#include "sim/world/process.h"
#include "sim/world/world.h"

namespace sim {

class Host;

/// What the network does to bytes, by default.
struct NetworkOptions {
  Time least_delay = 30 * microsecond;
  Time most_delay = 500 * microsecond;
  std::uint64_t split_once_in = 0;  ///< so often bytes that were sent together come in two parts
  std::size_t window = 256 * 1024;  ///< bytes under way in one direction before the sender has to wait
};

/// One TCP connection from a tool to a host. Each direction keeps its order; what it makes of time, and of
/// the end, is up to whoever calls the functions for faults.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(World& world, const NetworkOptions& options, Process& tool, Host& host);

  // The tool's side: its Socket (system_calls.cpp).
  enum class State : std::uint8_t { connecting, refused, open, ended, reset };
  State state() const { return state_; }
  std::string& inbox() { return inbox_; }
  /// Returns how many bytes were taken.
  std::size_t send(std::string_view bytes);
  std::size_t in_flight() const { return up_.bytes; }
  bool full() const { return up_.bytes >= options_.window; }
  /// The tool took bytes from its inbox.
  void took() { pull(); }
  void close_by_tool();

  // The host's side.
  void accepted();
  void refused_by_host();
  /// Bytes that the host's program has not seen yet; and whether the tool has closed behind them.
  std::string arrived;
  bool tool_closed = false;
  Client* client = nullptr;  ///< of the server, once it has taken the connection
  /// The server has disconnected the client; what it sent before arrives.
  void close_by_server();
  /// Takes what the server has written, as far as the window goes.
  void pull();
  /// The host's kernel says that it knows nothing of this connection.
  void reset_by_host();

  // Faults.

  /// Nothing gets through until then, in both directions; what was sent before it arrives after it.
  void stall(Time until);
  /// The tool sees the end now. Of what it has sent, all but the last `lost` bytes arrive, `late`.
  void cut(Time late, std::size_t lost);

  Process& tool() const { return *tool_; }
  Host& host() const { return host_; }
  bool done() const { return done_; }
  std::uint64_t number = 0;

 private:
  struct Way {
    Time last = 0;                            // when what was sent last arrives
    std::size_t bytes = 0;                    // under way
    std::deque<std::function<void()>> queue;  // what arrives, one after the other
  };
  Time arrival(Way& way);
  void arrive(Way& way, Time when, std::function<void()> what);
  void let_in(Way& way);
  void up(std::string bytes);
  void down(std::string bytes);
  void end_up();
  void wake_tool();

  World& world_;
  const NetworkOptions& options_;
  Process* tool_;
  Host& host_;
  State state_ = State::connecting;
  std::string inbox_;
  Way up_;
  Way down_;
  Time stalled_until_ = 0;
  bool cut_ = false;                    // the tool hears nothing of the host any more
  bool gone_ = false;                   // the tool has closed it
  bool done_ = false;                   // the server has
  std::size_t drop_behind_ = SIZE_MAX;  // bytes that still go up, after a cut
};

/// A machine with one server. Its kernel takes connections and bytes also while the server is paused.
class Host {
 public:
  Host(World& world, ScriptEngine& scripts, std::string name, ServerOptions options);

  Server& server() { return server_; }
  const Server& server() const { return server_; }
  const std::string& name() const { return name_; }
  void trace(std::string_view what) { world_.trace(name_, what); }

  std::int64_t clock_ms() const { return epoch_ms + (world_.now() + clock_ahead_) / millisecond; }
  void step_clock(Time by);
  void set_clock_right() { clock_ahead_ = 0; }

  void connect(const std::shared_ptr<Connection>& connection);
  void receive(const std::shared_ptr<Connection>& connection);
  /// To be called after anything that lets the server do something on its own.
  void serve();

  void pause(Time until);
  bool paused() const { return world_.now() < paused_until_; }
  /// The process ends; the machine's kernel goes on and answers with resets.
  void kill();
  void restart(Crash how);
  bool up() const { return up_; }
  /// Hosts of one set hold copies of the same data; none: a sentinel.
  static constexpr std::size_t no_set = SIZE_MAX;
  std::size_t set = 0;
  /// How many masters its set had before it was one.
  std::uint32_t generation = 0;
  /// Disconnects everybody.
  void drop_clients();

  /// The server has done something: its data may have changed.
  std::function<void()> changed;

 private:
  void take(const std::shared_ptr<Connection>& connection);
  void set_time();
  void flush_outputs();
  void plan_timeout();

  World& world_;
  std::string name_;
  Server server_;
  bool up_ = true;
  Time paused_until_ = 0;
  Time clock_ahead_ = 0;
  std::int64_t timeout_planned_ = 0;
  std::vector<std::shared_ptr<Connection>> connections_;
};

/// Who can be reached under which port of 127.0.0.1.
class Network {
 public:
  explicit Network(World& world) : world_(world) {}

  NetworkOptions options;

  void listen(std::uint16_t port, Host& host) { hosts_[port] = &host; }
  std::shared_ptr<Connection> connect(Process& tool, std::uint16_t port);
  /// Those that are open, in the order in which they were made.
  std::vector<std::shared_ptr<Connection>> open();
  /// New connections get no answer until then.
  void stall(Time until) { stalled_until_ = until; }

 private:
  void note_master(Process& tool, const Host& host);

  World& world_;
  std::map<std::uint16_t, Host*> hosts_;
  std::vector<std::weak_ptr<Connection>> all_;
  std::uint64_t last_number_ = 0;
  Time stalled_until_ = 0;
};

}  // namespace sim
