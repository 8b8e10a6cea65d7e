#pragma once

#include <deque>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/wait.h"
#include "redis/endpoint.h"
#include "redis/reply.h"
#include "redis/tls.h"

struct redisContext;

namespace chat {

/// Appends a command in the protocol's form (https://redis.io/docs/latest/develop/reference/protocol-spec/),
/// in parts: the number of arguments, then each argument, which may come in parts too.
void append_array_header(std::string& out, std::size_t count);
void append_bulk(std::string& out, std::initializer_list<std::string_view> parts);
inline void append_bulk(std::string& out, std::string_view bytes) { append_bulk(out, {bytes}); }

/// Whether an error reply says that the same command may work later: LOADING, BUSY, READONLY, MASTERDOWN,
/// OOM, MISCONF, NOREPLICAS, CLUSTERDOWN, TRYAGAIN, too many clients, and, from a node that doesn't serve the
/// slot (any more), MOVED and ASK.
bool is_temporary(std::string_view error);

/// Whether an error reply says that the login or a permission is refused.
bool is_denied(std::string_view error);

/// The text for an error reply. When it denies a permission or a key's type is wrong, `command` is named,
/// since Redis names no key, and what can be done about it.
std::string answer_text(std::string_view error, std::string_view command = {});

/// Throws what an error reply means: Outage when is_temporary, Error(denied) when is_denied, else
/// Error(unreachable), with answer_text. Other replies pass.
void throw_if_error(ReplyView reply, std::string_view command = {});

/// Throws an Outage that says so, unless what came has the shape (`fits`) that Redis's answer to `command`
/// has. For what can't be taken as nil, as ReplyView does it.
void expect(bool fits, std::string_view command);

/// How long a server that owes an answer may be silent before the connection counts as dead.
inline constexpr std::chrono::seconds answer_time{8};

/// One connection to one server, logged in. Non-blocking at its core; receive() waits.
/// SIGPIPE must be ignored by the program.
class Connection {
 public:
  /// Connects. The login and the question who is there (HELLO, https://redis.io/docs/latest/commands/hello/)
  /// go out together with what is queued first, and their answers are looked at before its own: so they cost
  /// no round trip. The endpoint's sentinels are not looked at: open_master (sentinel.h) asks them.
  /// Throws Outage when nobody takes the connection in time, Stopped; and all that reads answers throws,
  /// until greeted(), also Outage when none comes in what is left of the time (at least a second),
  /// Error(denied) when the login is refused, Error(unreachable) for a Redis that these tools can't use.
  static Connection start(const Endpoint& endpoint, Deadline deadline, const StopToken& stop);

  /// start() and greet().
  static Connection open(const Endpoint& endpoint, Deadline deadline, const StopToken& stop);

  /// Waits for what was queued with append_first.
  void greet(const StopToken& stop);
  bool greeted() const { return first_.empty(); }

  /// As HELLO said it: `standalone`, `cluster` or `sentinel`. Empty before.
  const std::string& mode() const { return mode_; }
  /// `master` or `replica`; empty for a sentinel, and before.
  const std::string& role() const { return role_; }

  /// Queues a command that belongs to the greeting: nothing else was queued yet. Its answer goes to
  /// `answered`, not to next().
  using Answered = std::function<void(Connection&, ReplyView)>;
  void append_first(std::initializer_list<std::string_view> arguments, Answered answered);

  int fd() const;

  /// Queues a command. Nothing is sent before flush() or receive().
  void append(std::span<const std::string_view> arguments);
  void append(std::initializer_list<std::string_view> arguments) {
    append(std::span(arguments.begin(), arguments.size()));
  }
  /// Queues what append_array_header and append_bulk have made.
  void append_encoded(std::string_view bytes);

  /// Sends what the socket takes now. Throws Outage.
  void flush();
  /// So many bytes are queued that the socket did not take yet.
  std::size_t unsent() const { return out_.size() - sent_; }
  bool wants_write() const { return unsent() > 0; }
  /// Reads what has arrived, at most one read(2) or one record of TLS. Throws Outage when the connection
  /// ended. Returns whether more may have arrived.
  bool fill();
  /// The next complete reply of what was read, errors included. Throws Outage for what is no reply.
  std::optional<Reply> next();

  /// Sends all that is queued and waits for one reply, errors included. Throws Outage when the peer is dead
  /// or nothing has come by the deadline, Stopped.
  Reply receive(const StopToken& stop) { return receive(no_deadline, stop); }
  Reply receive(Deadline deadline, const StopToken& stop);

  /// Whether something was sent since the last byte came.
  bool asked() const { return asked_; }
  /// Since when nothing has moved: the last byte that was read, or that a full socket took; where the peer
  /// had nothing to answer, since it was asked.
  Deadline silent_since() const { return silent_since_; }
  /// When to ask whether a peer that owes an answer is dead(), if no byte has come before.
  Deadline dead_at() const { return silent_since_ + (greeted() ? answer_time : time_to_greet_); }
  /// Whether nothing has moved for answer_time, in the socket's memory neither. The time may have passed
  /// while this program did not run: what has arrived must be read first.
  bool dead();

  /// append, receive, throw_if_error.
  Reply command(std::initializer_list<std::string_view> arguments, const StopToken& stop);

 private:
  struct Free {
    void operator()(redisContext* context) const;
  };
  explicit Connection(redisContext* context) : context_(context) {}
  std::string& queue();
  void append_login(const Endpoint& endpoint);
  std::optional<Reply> read();
  bool take_first();
  void wait_for_more(Deadline deadline, const StopToken& stop);

  std::unique_ptr<redisContext, Free> context_;
  std::optional<Tls> tls_;
  ReplyReader replies_;
  std::string out_;
  std::size_t sent_ = 0;    // of out_: nothing is moved for each part that the socket takes
  bool full_ = false;       // the socket did not take all that was there
  int unacknowledged_ = 0;  // of a large output: bytes in the socket's memory, not yet taken by the peer
  bool asked_ = false;
  Deadline silent_since_ = Clock::now();
  std::deque<Answered> first_;  // of the greeting: who gets the answers that are due
  Clock::duration time_to_greet_ = answer_time;
  std::string mode_;
  std::string role_;
};

}  // namespace chat
