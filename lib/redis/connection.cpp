#include "redis/connection.h"

#include <hiredis/hiredis.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "redis/dial.h"

namespace chat {

namespace {

constexpr std::size_t large = std::size_t{64} * 1024;            // takes its time on a slow link
constexpr std::size_t most_kept = std::size_t{4} * 1024 * 1024;  // of an output that was sent

bool starts_with_any(std::string_view text, std::span<const std::string_view> beginnings) {
  return std::ranges::any_of(beginnings,
                             [&](std::string_view beginning) { return text.starts_with(beginning); });
}

std::size_t read_some(int fd, std::span<char> room) {
  const ssize_t count = ::read(fd, room.data(), room.size());
  if (count == 0) throw Outage("Server closed the connection");
  if (count < 0 && errno != EAGAIN && errno != EINTR) throw Outage(std::strerror(errno));
  return static_cast<std::size_t>(std::max<ssize_t>(count, 0));
}

std::size_t write_some(int fd, std::string_view bytes) {
  const ssize_t count = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (count < 0 && errno != EAGAIN && errno != EINTR) throw Outage(std::strerror(errno));
  return static_cast<std::size_t>(std::max<ssize_t>(count, 0));
}

// How much of what was sent the peer has not yet taken: it lives as long as this gets less.
int unacknowledged(int fd) {
  int count = 0;
  return ioctl(fd, TIOCOUTQ, &count) == 0 ? count : 0;
}

void append_header(std::string& out, char kind, std::size_t size) {
  std::array<char, 24> line{kind};
  char* end = std::to_chars(line.data() + 1, line.data() + line.size() - 2, size).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out.append(line.data(), end);
}

// A command for an error's text: its key stands among the first arguments.
std::string shortened(std::span<const std::string_view> arguments) {
  constexpr std::size_t most = 5;       // EVAL, its script, their number and two keys
  constexpr std::size_t longest = 150;  // of a key
  std::string text;
  for (const std::string_view argument : arguments.first(std::min<std::size_t>(arguments.size(), most))) {
    text += (text.empty() ? "" : " ") + std::string(argument.size() > longest ? "…" : argument);
  }
  return text;
}

void throw_error(std::string_view error, std::string_view command = {}) {
  const std::string text = answer_text(error, command);
  if (is_temporary(error)) throw Outage(text);
  throw Error(is_denied(error) ? Failure::denied : Failure::unreachable, text);
}

// A server without the command answers with its arguments, and a proxy may in its own way.
std::string without_password(std::string_view error, const std::string& password) {
  std::string text(error.substr(0, error.find(", with args")));
  for (std::size_t at = 0; !password.empty() && (at = text.find(password, at)) != std::string::npos; ++at) {
    text.replace(at, password.size(), "*");
  }
  return text;
}

void throw_unless_let_in(const Endpoint& endpoint, ReplyView reply, const std::string& password) {
  if (reply.text().starts_with("NOAUTH ")) {
    throw Error(Failure::denied, "Redis at " + endpoint.str() +
                                     " wants a password: give it in $REDISCLI_AUTH or with --password-file");
  }
  if (reply.text().starts_with("WRONGPASS ")) {
    const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
    const bool blanks = !password.empty() && (is_blank(password.front()) || is_blank(password.back()));
    throw Error(Failure::denied, "Redis at " + endpoint.str() + " refused the login: wrong user or password" +
                                     (blanks ? "; the password begins or ends with a blank" : ""));
  }
  if (reply.is_error()) throw_error(without_password(reply.text(), password));
}

}  // namespace

void append_array_header(std::string& out, std::size_t count) { append_header(out, '*', count); }

void append_bulk(std::string& out, std::initializer_list<std::string_view> parts) {
  std::size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  append_header(out, '$', size);
  for (const std::string_view part : parts) out += part;
  out.append("\r\n", 2);
}

bool is_temporary(std::string_view error) {
  static constexpr std::array<std::string_view, 12> codes{
      "LOADING ", "BUSY ",       "READONLY ",    "MASTERDOWN ", "OOM ", "MISCONF ",
      "MOVED ",   "NOREPLICAS ", "CLUSTERDOWN ", "TRYAGAIN ",   "ASK ", "ERR max number of clients reached"};
  return starts_with_any(error, codes);
}

bool is_denied(std::string_view error) {
  // Inside a script, Redis 7.0 and 8.0 say it in their own ways.
  static constexpr std::array<std::string_view, 6> refusals{
      "NOAUTH ",
      "WRONGPASS ",
      "NOPERM ",
      "EXECABORT Transaction discarded because of: NOPERM",
      "ERR ACL failure in script",
      "ERR The user executing the script can't run this"};
  return starts_with_any(error, refusals);
}

std::string answer_text(std::string_view error, std::string_view command) {
  std::string text = "Redis answered: " + std::string(error);
  while (text.ends_with('.')) text.pop_back();  // more may follow
  const bool denied = is_denied(error);
  const bool wrong_type = error.starts_with("WRONGTYPE ");
  if ((denied || wrong_type) && !command.empty()) text += " (" + std::string(command) + ")";
  if (denied) text += "; man redis-chat-server names the rights that are needed";
  if (wrong_type) text += "; another program uses this key: rename or delete it";
  return text;
}

void throw_if_error(ReplyView reply, std::string_view command) {
  if (reply.is_error()) throw_error(reply.text(), command);
}

void expect(bool fits, std::string_view command) {
  if (!fits) throw Outage("what came is not what Redis answers to " + std::string(command));
}

void Connection::Free::operator()(redisContext* context) const { redisFree(context); }

Connection Connection::start(const Endpoint& endpoint, Deadline deadline, const StopToken& stop) {
  std::optional<Tls> tls;
  if (endpoint.tls) tls.emplace(endpoint);
  Socket socket = dial(endpoint, deadline, stop);
  Connection connection(redisConnectFd(socket.get()));
  redisContext* const context = connection.context_.get();
  if (context == nullptr) throw std::bad_alloc();
  socket.release();
  context->flags &= ~REDIS_BLOCK;
  if (tls) tls->start(context->fd, deadline, stop);
  connection.tls_ = std::move(tls);
  connection.append_login(endpoint);
  const Clock::duration left = deadline == no_deadline ? answer_time : deadline - Clock::now();
  connection.time_to_greet_ = std::clamp<Clock::duration>(left, std::chrono::seconds(1), answer_time);
  return connection;
}

Connection Connection::open(const Endpoint& endpoint, Deadline deadline, const StopToken& stop) {
  Connection connection = start(endpoint, deadline, stop);
  connection.greet(stop);
  return connection;
}

void Connection::append_login(const Endpoint& endpoint) {
  const std::optional<std::string> password =
      endpoint.password_file.empty() ? endpoint.password : read_password(endpoint.password_file);
  const auto let_in = [endpoint, password](Connection&, ReplyView reply) {
    // A server without passwords lets everyone in: a password too many is no reason to stop.
    if (reply.text().starts_with("ERR AUTH <password> called without any password")) return;
    throw_unless_let_in(endpoint, reply, password.value_or(""));
  };
  if (password && endpoint.user.empty()) append_first({"AUTH", *password}, let_in);
  if (password && !endpoint.user.empty()) append_first({"AUTH", endpoint.user, *password}, let_in);
  append_first({"HELLO", "2"}, [let_in](Connection& connection, ReplyView hello) {
    let_in(connection, hello);
    connection.mode_ = field(hello, "mode").text();
    expect(!connection.mode_.empty(), "HELLO");
    connection.role_ = field(hello, "role").text();
  });
}

void Connection::append_first(std::initializer_list<std::string_view> arguments, Answered answered) {
  append(arguments);
  first_.push_back(std::move(answered));
}

bool Connection::take_first() {
  if (greeted()) return false;
  const auto reply = read();
  if (!reply) return false;
  const Answered answered = std::move(first_.front());
  answered(*this, reply->view());
  first_.pop_front();
  return true;
}

void Connection::greet(const StopToken& stop) {
  silent_since_ = std::max(silent_since_, Clock::now());
  while (!greeted()) {
    flush();
    if (!take_first()) wait_for_more(no_deadline, stop);
  }
}

int Connection::fd() const { return context_->fd; }

void Connection::append(std::span<const std::string_view> arguments) {
  std::string& out = queue();
  append_array_header(out, arguments.size());
  for (const std::string_view argument : arguments) append_bulk(out, argument);
}

void Connection::append_encoded(std::string_view bytes) { queue() += bytes; }

// The output, without what was sent when that is the larger part: so each byte is moved once at most.
std::string& Connection::queue() {
  if (sent_ > out_.size() / 2) {
    out_.erase(0, sent_);
    sent_ = 0;
  }
  return out_;
}

void Connection::flush() {
  if (!wants_write()) return;
  if (!asked_) silent_since_ = Clock::now();
  asked_ = true;
  const std::string_view rest = std::string_view(out_).substr(sent_);
  const std::size_t count = tls_ ? tls_->write(rest) : write_some(fd(), rest);
  // What fits into the socket's own memory says nothing of the peer.
  if (count > 0 && full_) silent_since_ = Clock::now();
  sent_ += count;
  if (rest.size() >= large) unacknowledged_ = unacknowledged(fd());
  full_ = wants_write();
  if (full_) return;
  sent_ = 0;
  out_.clear();
  if (out_.capacity() > most_kept) out_.shrink_to_fit();
}

bool Connection::dead() {
  if (Clock::now() < dead_at()) return false;
  const int before = std::exchange(unacknowledged_, unacknowledged(fd()));
  if (unacknowledged_ >= before) return true;
  silent_since_ = Clock::now();
  return false;
}

bool Connection::fill() {
  bool more = false;
  do {
    const std::span<char> room = replies_.room();
    const std::size_t count = tls_ ? tls_->read(room) : read_some(fd(), room);
    replies_.filled(count);
    more = count == room.size();
    if (count > 0) {
      asked_ = false;
      if (unacknowledged_ > 0) unacknowledged_ = unacknowledged(fd());
      silent_since_ = Clock::now();
    }
  } while (tls_ && tls_->pending());
  return more;
}

std::optional<Reply> Connection::read() {
  try {
    return replies_.next();
  } catch (const NoReply& bytes) {
    throw Outage(std::string("this is not Redis's protocol: ") + bytes.what());
  }
}

std::optional<Reply> Connection::next() {
  while (take_first()) {
  }
  return greeted() ? read() : std::nullopt;
}

void Connection::wait_for_more(Deadline deadline, const StopToken& stop) {
  pollfd ready{fd(), static_cast<short>(wants_write() ? POLLIN | POLLOUT : POLLIN), 0};
  if (wait({&ready, 1}, std::min(deadline, dead_at()), stop) == 0) {
    if (stop.requested()) throw Stopped();
    if (Clock::now() >= deadline || dead()) throw Outage("no answer in time");
  }
  if ((ready.revents & ~POLLOUT) != 0) fill();
}

Reply Connection::receive(Deadline deadline, const StopToken& stop) {
  silent_since_ = std::max(silent_since_, Clock::now());  // nobody listened before
  while (true) {
    flush();
    if (auto reply = next()) return std::move(*reply);
    wait_for_more(deadline, stop);
  }
}

Reply Connection::command(std::initializer_list<std::string_view> arguments, const StopToken& stop) {
  append(arguments);
  Reply reply = receive(stop);
  if (reply.view().is_error()) throw_if_error(reply.view(), shortened(arguments));
  return reply;
}

}  // namespace chat
