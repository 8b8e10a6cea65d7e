// What a real server can't be asked for in the differential test: what is left after a crash, replicas,
// refusals.
#include "sim/server.h"

#include <memory>

#include "sim/differential/grammar.h"
#include "sim/replication.h"
#include "sim/script.h"
#include "unit/catch.h"

namespace {

using namespace sim;

constexpr std::int64_t start = 1'732'400'000'000;

struct Fixture {
  ScriptEngine scripts;
  Server server{scripts};
  Client* client = &server.connect();

  Fixture() { server.set_time(start); }

  static std::string on(Server& where, Client& who, std::initializer_list<std::string_view> args) {
    where.execute(who, args);
    return std::exchange(who.output, {});
  }
  std::string operator()(std::initializer_list<std::string_view> args) { return on(server, *client, args); }
  std::string after_crash(Crash how) {
    server.crash(how);
    client = &server.connect();
    return (*this)({"XLEN", "s"});
  }
  void add(int from, int to) {
    for (int i = from; i <= to; ++i) (*this)({"XADD", "s", "1-" + std::to_string(i), "f", "v"});
  }
};

TEST_CASE_METHOD(Fixture, "without persistence a restart finds nothing") {
  add(1, 3);
  CHECK(after_crash(Crash::process) == ":0\r\n");
}

TEST_CASE_METHOD(Fixture, "a transaction is one, or nothing") {
  add(1, 3);
  (*this)({"XGROUP", "CREATE", "s", "g", "1-1"});
  CHECK((*this)({"EXEC"}) == "-ERR EXEC without MULTI\r\n");
  CHECK((*this)({"MULTI"}) == "+OK\r\n");
  CHECK((*this)({"XLEN", "s"}) == "+QUEUED\r\n");
  CHECK((*this)({"XREADGROUP", "GROUP", "g", "c", "COUNT", "1", "STREAMS", "s", ">"}) == "+QUEUED\r\n");
  CHECK((*this)({"XREADGROUP", "GROUP", "none", "c", "STREAMS", "s", ">"}) == "+QUEUED\r\n");
  const std::string replies = (*this)({"EXEC"});
  CHECK(replies.starts_with("*3\r\n:3\r\n*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n1-2\r\n"));
  CHECK(replies.find("-NOGROUP ") != std::string::npos);
  (*this)({"MULTI"});
  CHECK((*this)({"XLEN"}).starts_with("-ERR wrong number"));
  CHECK((*this)({"XADD", "s", "2-1", "f", "v"}) == "+QUEUED\r\n");
  CHECK((*this)({"EXEC"}).starts_with("-EXECABORT "));
  CHECK((*this)({"XLEN", "s"}) == ":3\r\n");
}

TEST_CASE_METHOD(Fixture, "a restart from a snapshot finds what was there when it was saved") {
  server.options.persistence = Persistence::snapshot;
  add(1, 2);
  server.save();
  add(3, 3);
  CHECK(after_crash(Crash::process) == ":2\r\n");
}

TEST_CASE_METHOD(Fixture,
                 "an append only file that is synced each second loses up to that when the machine ends") {
  server.options.persistence = Persistence::everysec;
  add(1, 2);
  server.set_time(start + 1500);
  add(3, 4);
  server.set_time(start + 1900);
  CHECK(server.survivors(Crash::process).size() == 1);
  CHECK(after_crash(Crash::machine) == ":2\r\n");
  add(3, 4);
  CHECK(after_crash(Crash::process) == ":4\r\n");
}

TEST_CASE_METHOD(Fixture, "an append only file that is always synced loses nothing") {
  server.options.persistence = Persistence::always;
  add(1, 4);
  CHECK(after_crash(Crash::machine) == ":4\r\n");
}

TEST_CASE_METHOD(Fixture, "a restart forgets scripts and ends connections") {
  (*this)({"SCRIPT", "LOAD", "return 1"});
  const std::string sha = sha1("return 1");
  CHECK((*this)({"EVALSHA", sha, "0"}) == ":1\r\n");
  server.crash(Crash::process);
  CHECK(server.clients().empty());
  client = &server.connect();
  CHECK((*this)({"EVALSHA", sha, "0"}) == "-NOSCRIPT No matching script. Please use EVAL.\r\n");
}

TEST_CASE_METHOD(Fixture, "a replica has what was let through, and refuses to write") {
  Server other(scripts);
  other.set_time(start);
  add(1, 2);
  ReplicationLink link(server, other, 1);
  add(3, 5);
  CHECK(link.waiting() == 3);
  link.deliver(2);
  Client& reader = other.connect();
  CHECK(on(other, reader, {"XLEN", "s"}) == ":4\r\n");
  CHECK(on(other, reader, {"XADD", "s", "9-9", "f", "v"}) ==
        "-READONLY You can't write against a read only replica.\r\n");
  CHECK(on(other, reader, {"EVAL", "return redis.call('DEL', 's')", "0"}).starts_with("-READONLY "));
}

TEST_CASE_METHOD(Fixture,
                 "what an old master stored after the failover is gone when it follows the new one") {
  Server other(scripts);
  other.set_time(start);
  auto link = std::make_unique<ReplicationLink>(server, other, 1);
  add(1, 2);
  link->catch_up();
  add(3, 3);
  other.promote();
  Client& writer = other.connect();
  CHECK(on(other, writer, {"XADD", "s", "2-1", "f", "new"}) == "$3\r\n2-1\r\n");
  link.reset();
  const ReplicationLink back(other, server, 1);
  CHECK(server.role() == Role::replica);
  CHECK(server.find("s") != nullptr);
  CHECK((*this)({"XRANGE", "s", "1-3", "+"}) == "*1\r\n*2\r\n$3\r\n2-1\r\n*2\r\n$1\r\nf\r\n$3\r\nnew\r\n");
}

TEST_CASE_METHOD(Fixture, "PUBLISH on a master is heard at its replicas") {
  Server other(scripts);
  ReplicationLink link(server, other, 1);
  Client& listener = other.connect();
  on(other, listener, {"SUBSCRIBE", "news"});
  (*this)({"PUBLISH", "news", "hi"});
  CHECK(listener.output.empty());
  link.catch_up();
  CHECK(listener.output == "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n");
}

TEST_CASE_METHOD(Fixture, "WAIT counts replicas that have the client's last write") {
  Server other(scripts);
  ReplicationLink link(server, other, 1);
  CHECK((*this)({"WAIT", "1", "100"}) == ":1\r\n");
  add(1, 1);
  CHECK((*this)({"WAIT", "1", "100"}).empty());
  link.deliver(1);
  CHECK(client->output.empty());
  link.acknowledge();
  CHECK(std::exchange(client->output, {}) == ":1\r\n");
  add(2, 2);
  CHECK((*this)({"WAIT", "1", "100"}).empty());
  CHECK(server.next_timeout() == start + 100);
  server.set_time(start + 100);
  CHECK(client->output == ":0\r\n");
}

// Deliveries that XREADGROUP counts when a consumer reads its own pending entries again are not told to
// replicas, in Redis neither; nor are consumers that got nothing.
TEST_CASE("replicas come to the same data by every command") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Fixture master;
    Server replica(master.scripts);
    replica.set_time(start);
    ReplicationLink link(master.server, replica, 1);
    const auto history = differential::Grammar(seed).history(100);
    master.server.options.node_limits = {history.node_entries, history.node_bytes};
    replica.options.node_limits = master.server.options.node_limits;
    for (const auto& step : history.steps) {
      if (master.client->is_blocked()) {
        master.server.disconnect(*master.client);
        master.client = &master.server.connect();
      }
      master.server.execute(*master.client,
                            std::vector<std::string_view>(step.args.begin(), step.args.end()));
      master.client->output.clear();
    }
    link.catch_up();
    Client& there = replica.connect();
    Client& here = master.server.connect();
    for (const auto& [key, value] : master.server.data()) {
      INFO("seed " << seed << ", key " << key);
      const std::initializer_list<std::string_view> looks[] = {
          {"TYPE", key}, {"XRANGE", key, "-", "+"}, {"HGETALL", key},       {"GET", key},
          {"PTTL", key}, {"XPENDING", key, "g1"},   {"XPENDING", key, "g2"}};
      for (const auto& look : looks)
        CHECK(Fixture::on(replica, there, look) == Fixture::on(master.server, here, look));
    }
    CHECK(replica.data().size() == master.server.data().size());
  }
}

TEST_CASE_METHOD(Fixture, "a client whose output grows too big is to be disconnected") {
  server.options.pubsub_limit = 1000;
  Client& listener = server.connect();
  on(server, listener, {"SUBSCRIBE", "news"});
  const std::string big(900, 'x');
  CHECK((*this)({"PUBLISH", "news", big}) == ":1\r\n");
  CHECK_FALSE(listener.doomed);
  CHECK((*this)({"PUBLISH", "news", big}) == ":1\r\n");
  CHECK(listener.doomed);
  CHECK((*this)({"PUBLISH", "news", big}) == ":0\r\n");
}

TEST_CASE_METHOD(Fixture, "faults refuse what they refuse in Redis") {
  const auto first_word = [&](std::initializer_list<std::string_view> args) {
    const std::string reply = (*this)(args);
    return reply.substr(0, reply.find(' '));
  };
  server.faults.out_of_memory = true;
  CHECK(first_word({"XADD", "s", "*", "f", "v"}) == "-OOM");
  CHECK(first_word({"EVAL", "return redis.call('SET', 'k', 'v')", "0"}) == "-OOM");
  CHECK((*this)({"EVAL", "redis.call('DEL', 'k') return redis.call('XLEN', 's')", "0"}) == ":0\r\n");
  server.faults = {};
  server.faults.loading = true;
  CHECK(first_word({"GET", "k"}) == "-LOADING");
  CHECK(first_word({"HELLO", "2"}).starts_with("*14"));
  server.faults = {};
  server.faults.busy = true;
  CHECK(first_word({"PING"}) == "-BUSY");
  server.faults = {};
  server.faults.disk_full = true;
  CHECK(first_word({"SET", "k", "v"}) == "-MISCONF");
  server.faults = {};
  server.options.needed_replicas = 1;
  CHECK(first_word({"SET", "k", "v"}) == "-NOREPLICAS");
  server.options.needed_replicas = 0;
  server.demote();
  server.faults.master_down = true;
  CHECK(first_word({"GET", "k"}) == "-MASTERDOWN");
}

TEST_CASE_METHOD(Fixture, "a node of a cluster points to the one that serves the slot") {
  server.options.mode = Mode::cluster;
  server.options.address = {"a", 7001};
  server.options.slots = {{0, 8000, {{"a", 7001}}}, {8001, 16000, {{"b", 7002}, {"a", 7001}}}};
  CHECK((*this)({"SET", "{foo}", "v"}) == "-MOVED 12182 b:7002\r\n");  // CLUSTER KEYSLOT foo
  CHECK((*this)({"GET", "bar"}) == "$-1\r\n");                         // 5061
  server.demote();
  CHECK((*this)({"READONLY"}) == "+OK\r\n");
  CHECK((*this)({"GET", "foo"}) == "$-1\r\n");
  server.faults.cluster_down = true;
  CHECK((*this)({"GET", "foo"}).starts_with("-CLUSTERDOWN "));
}

TEST_CASE_METHOD(Fixture, "a sentinel tells where the master is") {
  server.options.mode = Mode::sentinel;
  server.options.masters = {{"main", {"10.0.0.1", 6379}}};
  CHECK((*this)({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main"}) == "*2\r\n$8\r\n10.0.0.1\r\n$4\r\n6379\r\n");
  CHECK((*this)({"SENTINEL", "get-master-addr-by-name", "other"}) == "*-1\r\n");
  CHECK((*this)({"HELLO", "2"}).find("sentinel") != std::string::npos);
}

TEST_CASE_METHOD(Fixture, "bytes are cut into commands, and wait behind one that blocks") {
  server.receive(*client, "*1\r\n$4\r\nPI");
  CHECK(client->output.empty());
  server.receive(*client, "NG\r\n*3\r\n$4\r\nWAIT\r\n$1\r\n1\r\n$2\r\n50\r\n*1\r\n$4\r\nPING\r\n");
  CHECK(std::exchange(client->output, {}) == "+PONG\r\n");
  server.set_time(start + 50);
  CHECK(client->output == ":0\r\n+PONG\r\n");
}

}  // namespace
