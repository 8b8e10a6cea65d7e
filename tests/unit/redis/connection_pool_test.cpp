#include "redis/connection_pool.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/wait.h"
#include "unit/failure.h"

using namespace chat;
using namespace std::chrono_literals;

namespace {

std::string bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}
std::string number(std::int64_t value) { return ":" + std::to_string(value) + "\r\n"; }
std::string array(std::size_t size) { return "*" + std::to_string(size) + "\r\n"; }
std::string node(const std::string& host, std::int64_t port) {
  return array(3) + bulk(host) + number(port) + bulk("id");
}
std::string range(std::int64_t first, std::int64_t last, const std::string& nodes, std::size_t count = 1) {
  return array(2 + count) + number(first) + number(last) + nodes;
}

/// A node of a cluster, as far as HELLO and CLUSTER SLOTS go.
class Node {
 public:
  Node() : sink_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(bind(sink_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(listen(sink_, 8) == 0);
    REQUIRE(getsockname(sink_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    server_ = std::thread([this] { serve(); });
  }
  ~Node() {
    shutdown(sink_, SHUT_RDWR);
    server_.join();
    close(sink_);
  }
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  std::uint16_t port() const { return port_; }
  std::string name() const { return "127.0.0.1:" + std::to_string(port_); }
  Endpoint endpoint() const {
    Endpoint endpoint;
    endpoint.port = port_;
    return endpoint;
  }
  /// What it answers to CLUSTER SLOTS from now on.
  void say(const std::string& slots) {
    const std::lock_guard lock(mutex_);
    slots_ = slots;
  }

 private:
  // One connection after the other: the pool closes each one before it asks the next.
  void serve() {
    int peer = -1;
    while ((peer = accept4(sink_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0) {
      std::array<char, 4096> part{};
      ssize_t size = 0;
      while ((size = read(peer, part.data(), part.size())) > 0) {
        const std::string_view asked(part.data(), static_cast<std::size_t>(size));
        const auto has = [&](const char* word) { return asked.find(word) != std::string_view::npos; };
        if (has("HELLO")) answer(peer, array(2) + bulk("mode") + bulk("cluster"));
        if (has("SLOTS")) answer(peer, slots());
      }
      close(peer);
    }
  }
  std::string slots() {
    const std::lock_guard lock(mutex_);
    return slots_;
  }
  static void answer(int peer, const std::string& bytes) {
    CHECK(send(peer, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  }

  int sink_;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::string slots_ = array(0);
  std::thread server_;
};

std::string outage_with(const std::string& slots) {
  Node one;
  one.say(slots);
  ConnectionPool pool(one.endpoint());
  try {
    pool.refresh(no_deadline, {});
  } catch (const Outage& outage) {
    return outage.what();
  }
  return "no outage";
}

}  // namespace

TEST_CASE("a node that serves no slot is not believed when others are known") {
  Node first;
  Node second;
  Node third;
  first.say(array(1) + range(0, 16383, node("", second.port()) + node("", third.port()), 2));
  ConnectionPool pool(first.endpoint());
  pool.refresh(no_deadline, {});
  CHECK(pool.node("topic") == second.name());

  first.say(array(0));
  third.say(array(1) + range(0, 16383, node("?", third.port())));
  pool.invalidate();
  pool.refresh(no_deadline, {});
  CHECK(pool.node("topic") == third.name());

  third.say(array(0));
  pool.invalidate();
  CHECK_THROWS_AS(pool.refresh(no_deadline, {}), Outage);
  third.say(array(1) + range(0, 16383, node("127.0.0.1", second.port())));
  pool.refresh(no_deadline, {});
  CHECK(pool.node("topic") == second.name());
}

TEST_CASE("what can't be an answer to CLUSTER SLOTS") {
  const std::string wrong = "this is not what Redis answers to CLUSTER SLOTS";
  const std::string good = node("h", 1);
  CHECK(outage_with(array(1) + range(0, 16383, good)) == "no outage");
  CHECK(outage_with("+OK\r\n") == wrong);
  CHECK(outage_with(array(1) + number(1)) == wrong);
  CHECK(outage_with(array(1) + array(2) + number(0) + number(1)) == wrong);
  CHECK(outage_with(array(1) + range(-1, 16383, good)) == wrong);
  CHECK(outage_with(array(1) + range(0, 16384, good)) == wrong);
  CHECK(outage_with(array(1) + range(2, 1, good)) == wrong);
  CHECK(outage_with(array(1) + range(0, 1, bulk("h"))) == wrong);
  for (const std::int64_t port : {0, -1, 65536}) {
    CHECK(outage_with(array(1) + range(0, 1, node("h", port))) == wrong);
    CHECK(outage_with(array(1) + range(0, 1, good + node("h", port), 2)) == wrong);
  }
  for (const std::string& host : {std::string("a b"), std::string("h\0x", 3), std::string("\x1b[m")}) {
    CHECK(outage_with(array(1) + range(0, 1, node(host, 1))) == wrong);
  }
}

TEST_CASE("a cluster of very many ranges") {
  constexpr int count = 100'000;
  std::string slots = array(count);
  for (int i = 0; i < count; ++i) {
    slots += range(i % 16384, i % 16384, node("h" + std::to_string(i), 1));
  }
  Node one;
  one.say(slots);
  ConnectionPool pool(one.endpoint());
  pool.refresh(no_deadline, {});
  CHECK(pool.node("topic").starts_with("h"));
}

TEST_CASE("a first connection that fails names the endpoint") {
  Endpoint nowhere;
  nowhere.socket = "/no/such/socket";
  ConnectionPool once(nowhere);
  const Error error = error_of([&] { once.refresh(no_deadline, {}); });
  CHECK(error.failure() == Failure::unreachable);
  CHECK(std::string(error.what()) ==
        "can't reach Redis at unix:///no/such/socket: No such file or directory");

  ConnectionPool patient(nowhere, {.first_retry_for = 30ms});
  CHECK(error_of([&] { patient.refresh(no_deadline, {}); }).failure() == Failure::unreachable);
  CHECK_THROWS_AS(patient.open("", Clock::now() + 1s, {}), Outage);

  ConnectionPool endless(nowhere, {.first_retry_for = 1h});
  StopToken stop;
  stop.until = Clock::now() + 10ms;
  CHECK_THROWS_AS(endless.refresh(no_deadline, stop), Stopped);
}
