#include "base/error.h"
#include "fixture.h"

using namespace chat;
using namespace std::chrono_literals;

TEST_CASE("commands and their replies") {
  Connection connection = connect();
  CHECK(ask(connection, {"PING"}).view().text() == "PONG");
  CHECK(ask(connection, {"ECHO", std::string_view("a\0\r\n", 4)}).view().text() ==
        std::string_view("a\0\r\n", 4));
  CHECK(ask(connection, {"ECHO", ""}).view().is_string());
  const std::string big(5'000'000, 'x');
  CHECK(ask(connection, {"ECHO", big}).view().text() == big);
}

TEST_CASE("several commands under way are answered in order") {
  Connection connection = connect();
  for (int i = 0; i < 1000; ++i) connection.append({"ECHO", std::to_string(i)});
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(connection.receive(soon(), {}).view().text() == std::to_string(i));
  }
}

TEST_CASE("an error answer leaves the connection usable") {
  Connection connection = connect();
  const Error error = error_of([&] { ask(connection, {"NOSUCHCOMMAND"}); });
  CHECK(error.failure() == Failure::unreachable);
  CHECK(has(error.what(), "Redis answered: ERR unknown command"));
  connection.append({"NOSUCHCOMMAND"});
  CHECK(connection.receive(soon(), {}).view().is_error());
  CHECK(ask(connection, {"PING"}).view().text() == "PONG");
}

TEST_CASE("a connection that the server ends is an outage") {
  Connection connection = connect();
  Connection other = connect();
  ask(other, {"CLIENT", "KILL", "ID", client_id(connection)});
  CHECK_THROWS_AS(ask(connection, {"PING"}), Outage);
}

TEST_CASE("a server that is busy is an outage at the deadline") {
  Connection connection = connect();
  connection.append({"BLPOP", "connection_test:no such list", "0"});
  CHECK_THROWS_AS(connection.receive(Clock::now() + 20ms, {}), Outage);
}

TEST_CASE("users and passwords") {
  Connection admin = connect();
  ask(admin, {"ACL", "SETUSER", "connection-test", "on", ">right", "+@all", "~*", "&*"});
  ask(admin, {"ACL", "SETUSER", "connection-test-poor", "on", ">right", "+@connection"});
  Endpoint endpoint = server();
  const auto open = [&] { return Connection::open(endpoint, soon(), {}); };
  endpoint.user = "connection-test";
  endpoint.password = "right";
  Connection connection = open();
  CHECK(ask(connection, {"ACL", "WHOAMI"}).view().text() == "connection-test");

  endpoint.password = "wrong";
  const Error error = error_of(open);
  CHECK(error.failure() == Failure::denied);
  CHECK_FALSE(has(error.what(), "wrong\""));

  endpoint.user = "connection-test-poor";
  endpoint.password = "right";
  Connection poor = open();
  CHECK(error_of([&] { ask(poor, {"GET", "x"}); }).failure() == Failure::denied);
  ask(admin, {"ACL", "DELUSER", "connection-test", "connection-test-poor"});

  endpoint.user = "";
  endpoint.password = "a password too many";
  CHECK_NOTHROW(open());
}
