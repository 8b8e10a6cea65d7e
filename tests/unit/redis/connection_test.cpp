#include "redis/connection.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <functional>
#include <thread>

#include "base/error.h"
#include "base/wait.h"
#include "unit/failure.h"
#include "unit/folder.h"

using namespace chat;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

const std::string hello = "*2\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n";

/// A server that answers a new connection with literal bytes. What comes after is the test's.
class Server {
 public:
  Server() {
    signal(SIGPIPE, SIG_IGN);
    endpoint_.socket = folder_ / "socket";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    endpoint_.socket.copy(address.sun_path, sizeof address.sun_path - 1);
    sink_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(bind(sink_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(listen(sink_, 1) == 0);
  }
  ~Server() {
    close(sink_);
    hang_up();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  Endpoint& endpoint() { return endpoint_; }

  /// Opens a connection that is answered with `bytes`.
  Connection open(const std::string& bytes = hello, Deadline deadline = Clock::now() + 10s) {
    hang_up();
    std::thread answer([&] {
      peer_ = accept4(sink_, nullptr, nullptr, SOCK_CLOEXEC);
      send(bytes);
    });
    try {
      Connection connection = Connection::open(endpoint_, deadline, {});
      answer.join();
      return connection;
    } catch (...) {
      answer.join();
      throw;
    }
  }
  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = write(peer_, bytes.data(), bytes.size());
      if (n <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  /// What has arrived.
  std::string received() const {
    std::string bytes;
    std::array<char, 65536> part{};
    ssize_t n = 0;
    while ((n = recv(peer_, part.data(), part.size(), MSG_DONTWAIT)) > 0)
      bytes.append(part.data(), static_cast<std::size_t>(n));
    return bytes;
  }
  /// Waits for some bytes, and tells how many have come.
  std::size_t take() const {
    std::array<char, 65536> part{};
    const ssize_t n = read(peer_, part.data(), part.size());
    return n > 0 ? static_cast<std::size_t>(n) : SIZE_MAX;
  }
  void hang_up() {
    if (peer_ >= 0) close(peer_);
    peer_ = -1;
  }

 private:
  Folder folder_;
  Endpoint endpoint_;
  int sink_ = -1;
  int peer_ = -1;
};

std::string outage_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Outage& outage) {
    return outage.what();
  }
  return "no outage";
}

Deadline soon() { return Clock::now() + 10s; }

/// A reply in the form of its parts, for comparing.
std::string shape(ReplyView reply) {
  if (reply.is_nil()) return "nil";
  if (reply.is_error()) return "error " + std::string(reply.text());
  if (reply.is_string()) return "'" + std::string(reply.text()) + "'";
  if (!reply.is_array()) return std::to_string(reply.integer());
  std::string text = "[";
  for (std::size_t i = 0; i < reply.size(); ++i) text += (i > 0 ? ", " : "") + shape(reply[i]);
  return text + "]";
}

}  // namespace

TEST_CASE("commands in the protocol's form") {
  std::string out;
  append_array_header(out, 12);
  append_bulk(out, "GET");
  append_bulk(out, "");
  append_bulk(out, std::string_view("a\0\r\n", 4));
  append_bulk(out, {"in ", "", "two parts"});
  CHECK(out == "*12\r\n$3\r\nGET\r\n$0\r\n\r\n$4\r\na\0\r\n\r\n$12\r\nin two parts\r\n"s);
}

TEST_CASE("errors that may pass") {
  for (const char* error :
       {"LOADING Redis is loading the dataset in memory", "BUSY Redis is busy running a script.",
        "READONLY You can't write against a read only replica.", "MASTERDOWN Link with MASTER is down",
        "OOM command not allowed when used memory > 'maxmemory'.", "MISCONF Redis is configured to save",
        "NOREPLICAS Not enough good replicas to write.", "CLUSTERDOWN The cluster is down",
        "TRYAGAIN Multiple keys request during rehashing of slot", "ERR max number of clients reached"}) {
    INFO(error);
    CHECK(is_temporary(error));
  }
  for (const char* error : {"ERR unknown command", "NOPERM x", "BUSYGROUP Consumer Group name already exists",
                            "WRONGTYPE x", "", "LOADING"}) {
    INFO(error);
    CHECK_FALSE(is_temporary(error));
  }
}

TEST_CASE("values of replies") {
  Server server;
  Connection connection = server.open();
  server.send("*7\r\n:-5\r\n+OK\r\n$-1\r\n$4\r\na\r\nb\r\n*0\r\n$4\r\n17ab\r\n-ERR no\r\n");
  const Reply reply = connection.receive(soon(), {});
  const ReplyView view = reply.view();
  CHECK(shape(view) == "[-5, 'OK', nil, 'a\r\nb', [], '17ab', error ERR no]");
  CHECK(view.size() == 7);
  CHECK(view[0].integer() == -5);
  CHECK(view[0].text().empty());
  CHECK(view[0].size() == 0);
  CHECK(view[1].integer() == 0);
  CHECK(view[2].text().empty());
  CHECK(view[4].is_array());
  CHECK(view[5].integer() == 17);
  CHECK_FALSE(view[6].is_string());
}

TEST_CASE("what an error means") {
  Server server;
  Connection connection = server.open();
  const auto thrown = [&](const std::string& line) {
    server.send("-" + line + "\r\n");
    const Reply reply = connection.receive(soon(), {});
    return error_of([&] { throw_if_error(reply.view()); });
  };
  CHECK(thrown("NOPERM this user has no permissions").failure() == Failure::denied);
  CHECK(thrown("NOAUTH Authentication required.").failure() == Failure::denied);
  CHECK(thrown("WRONGPASS invalid username-password pair").failure() == Failure::denied);
  CHECK(thrown("ERR unknown command").failure() == Failure::unreachable);
  CHECK(std::string(thrown("ERR unknown command").what()) == "Redis answered: ERR unknown command");
  server.send("-LOADING wait\r\n+OK\r\n");
  const Reply loading = connection.receive(soon(), {});
  CHECK(outage_of([&] { throw_if_error(loading.view()); }) == "Redis answered: LOADING wait");
  const Reply fine = connection.receive(soon(), {});
  CHECK_NOTHROW(throw_if_error(fine.view()));
}

TEST_CASE("a reply cut anywhere is read the same") {
  const std::string bytes = "*4\r\n$2\r\nhi\r\n*2\r\n:-12\r\n$-1\r\n+fine\r\n-ERR x\r\n";
  Server server;
  Connection connection = server.open();
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    INFO(cut);
    server.send(std::string_view(bytes).substr(0, cut));
    if (cut > 0) connection.fill();
    CHECK_FALSE(connection.next());
    server.send(std::string_view(bytes).substr(cut));
    connection.fill();
    const auto reply = connection.next();
    REQUIRE(reply);
    CHECK(shape(reply->view()) == "['hi', [-12, nil], 'fine', error ERR x]");
    CHECK_FALSE(connection.next());
  }
}

TEST_CASE("replies that arrive together are read one by one") {
  Server server;
  Connection connection = server.open();
  server.send("+a\r\n+b\r\n:3\r\n");
  CHECK(shape(connection.receive(soon(), {}).view()) == "'a'");
  CHECK(shape(connection.receive(soon(), {}).view()) == "'b'");
  CHECK(shape(connection.receive(soon(), {}).view()) == "3");
  CHECK_FALSE(connection.next());
}

TEST_CASE("what is not Redis's protocol is an outage") {
  Server server;
  for (const char* garbage :
       {"HTTP/1.1 400 Bad Request\r\n\r\n", "\r\n", "*x\r\n", "$-7\r\n", "\xff\xfe\r\n"}) {
    INFO(garbage);
    Connection connection = server.open();
    server.send(garbage);
    CHECK(has(outage_of([&] { connection.receive(soon(), {}); }), "this is not Redis's protocol: "));
  }
}

TEST_CASE("a connection that ends is an outage, in the middle of a reply too") {
  Server server;
  for (const char* rest : {"", "$5\r\nhal"}) {
    Connection connection = server.open();
    server.received();  // a socket closed with data unread would reset the connection
    server.send(rest);
    server.hang_up();
    CHECK(outage_of([&] { connection.receive(soon(), {}); }) == "Server closed the connection");
  }
  Connection connection = server.open();
  server.hang_up();
  connection.append({"PING"});
  CHECK(outage_of([&] { connection.flush(); }) == "Broken pipe");
}

TEST_CASE("silence is an outage at the deadline") {
  Server server;
  Connection connection = server.open();
  connection.append({"PING"});
  server.send("$5\r\nhal");
  const Deadline deadline = Clock::now() + 20ms;
  CHECK(outage_of([&] { connection.receive(deadline, {}); }) == "no answer in time");
  CHECK(Clock::now() >= deadline);
}

TEST_CASE("a stop ends the wait for a reply, but not a reply that is there") {
  Server server;
  Connection connection = server.open();
  const volatile std::sig_atomic_t stopping = 1;
  const StopToken stop{-1, &stopping};
  CHECK_THROWS_AS(connection.receive(soon(), stop), Stopped);
  server.send("+a\r\n");
  connection.fill();
  CHECK(shape(connection.receive(soon(), stop).view()) == "'a'");
}

TEST_CASE("what the socket does not take at once is sent later, whole and in order") {
  Server server;
  Connection connection = server.open();
  server.received();
  std::string sent;
  for (int i = 0; i < 100; ++i) {
    const std::string value(100'000, static_cast<char>('a' + i % 26));
    connection.append({"SET", value});
    append_array_header(sent, 2);
    append_bulk(sent, "SET");
    append_bulk(sent, value);
  }
  CHECK(connection.wants_write());
  connection.flush();
  CHECK(connection.wants_write());
  std::string received = server.received();
  for (int i = 0; i < 10'000 && connection.wants_write(); ++i) {
    connection.flush();
    received += server.received();
  }
  CHECK_FALSE(connection.wants_write());
  CHECK(received == sent);
}

TEST_CASE("logging in") {
  Server server;
  const std::string hello_command = "*2\r\n$5\r\nHELLO\r\n$1\r\n2\r\n";
  SECTION("without a password") {
    server.open();
    CHECK(server.received() == hello_command);
  }
  SECTION("with a password") {
    server.endpoint().password = "secret";
    server.open("+OK\r\n" + hello);
    CHECK(server.received() == "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n" + hello_command);
  }
  SECTION("with a user and an empty password") {
    server.endpoint().user = "ana";
    server.endpoint().password = "";
    server.open("+OK\r\n" + hello);
    CHECK(server.received() == "*3\r\n$4\r\nAUTH\r\n$3\r\nana\r\n$0\r\n\r\n" + hello_command);
  }
  SECTION("with what a file holds at the time") {
    const Folder folder;
    server.endpoint().password = "old";
    server.endpoint().password_file = folder / "password";
    for (const char* password : {"first", "other"}) {
      std::ofstream(server.endpoint().password_file) << password << '\n';
      server.open("+OK\r\n" + hello);
      CHECK(server.received() == "*2\r\n$4\r\nAUTH\r\n$5\r\n"s + password + "\r\n" + hello_command);
    }
  }
  SECTION("with a blank too many") {
    server.endpoint().password = "secret ";
    const Error error = error_of(
        [&] { server.open("-WRONGPASS invalid username-password pair or user is disabled.\r\n" + hello); });
    CHECK(error.failure() == Failure::denied);
    CHECK(has(error.what(), "; the password begins or ends with a blank"));
  }
  SECTION("with a password where none is needed") {
    server.endpoint().password = "secret";
    CHECK_NOTHROW(server.open(
        "-ERR AUTH <password> called without any password configured for the default user.\r\n" + hello));
  }
}

TEST_CASE("a login that fails") {
  Server server;
  const auto failure = [&](const std::string& answer) {
    return error_of([&] { server.open(answer); }).failure();
  };
  CHECK(failure("-NOAUTH HELLO must be called with the client already authenticated\r\n") == Failure::denied);
  CHECK(failure("-ERR unknown command `HELLO`\r\n") == Failure::unreachable);
  server.endpoint().password = "secret";
  const Error denied = error_of([&] { server.open("-WRONGPASS invalid\r\n-NOAUTH x\r\n"); });
  CHECK(denied.failure() == Failure::denied);
  CHECK(std::string(denied.what()) ==
        "Redis at " + server.endpoint().str() + " refused the login: wrong user or password");
  CHECK_THROWS_AS(server.open("-LOADING wait\r\n"), Outage);
  CHECK_THROWS_AS(server.open("-ERR max number of clients reached\r\n"), Outage);
}

TEST_CASE("a server that is not there, or says nothing") {
  Server server;
  CHECK(outage_of([&] { server.open("", Clock::now() + 20ms); }) == "no answer in time");
  Endpoint nowhere;
  nowhere.socket = "/no/such/socket";
  CHECK(outage_of([&] { Connection::open(nowhere, soon(), {}); }) == "No such file or directory");
}

TEST_CASE("whatever moves keeps a connection alive") {
  Server server;
  Connection connection = server.open();
  server.received();
  CHECK_FALSE(connection.asked());

  SECTION("silence begins when something is asked") {
    const Deadline before = connection.silent_since();
    connection.append({"PING"});
    connection.flush();
    const Deadline asked = connection.silent_since();
    CHECK(connection.asked());
    CHECK(asked > before);
    connection.append({"PING"});  // the socket takes it, and that says nothing
    connection.flush();
    CHECK(connection.silent_since() == asked);
    CHECK(connection.dead_at() == asked + answer_time);
    CHECK_FALSE(connection.dead());
  }
  SECTION("each byte that comes ends it") {
    connection.append({"PING"});
    connection.flush();
    const Deadline asked = connection.silent_since();
    server.send("+PO");
    connection.fill();
    CHECK(connection.silent_since() > asked);
    CHECK_FALSE(connection.asked());
  }
  SECTION("so does each byte that a full socket takes") {
    connection.append({"SET", std::string(10'000'000, 'x')});
    connection.flush();
    REQUIRE(connection.wants_write());
    const Deadline asked = connection.silent_since();
    connection.flush();  // nothing moves
    CHECK(connection.silent_since() == asked);
    server.received();
    connection.flush();
    CHECK(connection.silent_since() > asked);
  }
}

TEST_CASE("a message of 256 MiB is sent through a Unix socket") {
  Server server;
  Connection connection = server.open();
  server.received();
  const std::size_t size = std::size_t{256} * 1024 * 1024;
  std::size_t left = size + 27;  // *2, $3, SET, $268435456, and line ends
  std::thread peer([&] {
    while (left > 0) left -= std::min(left, server.take());
    server.send("+OK\r\n");
  });
  connection.append({"SET", std::string(size, 'x')});
  CHECK(connection.receive(soon() + 50s, {}).view().text() == "OK");
  peer.join();
}
