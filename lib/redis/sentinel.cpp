#include "redis/sentinel.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "redis/dial.h"

namespace chat {

namespace {

using namespace std::chrono_literals;
using Address = std::pair<std::string, std::uint16_t>;

std::string text_of(const Address& address) {
  const bool ipv6 = address.first.find(':') != std::string::npos;
  return (ipv6 ? '[' + address.first + ']' : address.first) + ':' + std::to_string(address.second);
}

Endpoint at(const Endpoint& endpoint, const Address& address) {
  Endpoint one = endpoint;
  one.sentinels.clear();
  one.master.clear();
  one.host = address.first;
  one.port = address.second;
  return one;
}

Address ask(const Endpoint& endpoint, const Address& sentinel, Deadline deadline, const StopToken& stop) {
  Endpoint one = at(endpoint, sentinel);
  one.user.clear();
  one.password = endpoint.sentinel_password;
  one.password_file.clear();
  Connection connection = Connection::start(one, deadline, stop);
  connection.append({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", endpoint.master});
  const Reply master = connection.receive(deadline, stop);
  if (connection.mode() != "sentinel") throw Outage("is no sentinel, but a Redis server");
  throw_if_error(master.view());
  expect(master.view().is_nil() || master.view().size() == 2, "SENTINEL GET-MASTER-ADDR-BY-NAME");
  if (master.view().is_nil()) throw Outage("knows no master \"" + endpoint.master + '"');
  const std::int64_t port = master[1].integer();
  if (!is_host(master[0].text()) || port < 1 || port > UINT16_MAX) {
    throw Outage("says what can't be an address: this is not what Redis answers to SENTINEL");
  }
  return {std::string(master[0].text()), static_cast<std::uint16_t>(port)};
}

}  // namespace

Connection open_master(const Endpoint& endpoint, std::size_t turn, Deadline deadline, const StopToken& stop) {
  std::string said;
  bool denied = false;
  std::vector<Address> tried;
  std::size_t left = endpoint.sentinels.size();
  for (std::size_t i = 0; i < endpoint.sentinels.size(); ++i) {
    const Address& sentinel = endpoint.sentinels[(turn + i) % endpoint.sentinels.size()];
    said += (said.empty() ? "sentinel " : "; sentinel ") + text_of(sentinel) + ": ";
    --left;
    Address master;
    try {
      master = ask(endpoint, sentinel, std::min(share_of(deadline, left + 2), Clock::now() + 1s), stop);
    } catch (const Outage& outage) {
      said += outage.what();
      continue;
    } catch (const Error& error) {
      if (error.failure() == Failure::usage || error.failure() == Failure::file) throw;
      denied = denied || error.failure() == Failure::denied;
      said += error.what();
      continue;
    }
    said += "says " + text_of(master);
    if (std::ranges::find(tried, master) != tried.end()) continue;
    tried.push_back(master);
    try {
      Connection connection = Connection::open(at(endpoint, master), share_of(deadline, left + 1), stop);
      if (connection.role() == "master") return connection;
      said += ", which is a " + connection.role();
    } catch (const Outage& outage) {
      said += std::string(", where: ") + outage.what();
    }
  }
  if (tried.empty() && denied) {
    throw Error(Failure::denied,
                said + "; the password for sentinels is taken from $REDIS_SENTINEL_AUTH alone");
  }
  throw Outage(said);
}

}  // namespace chat
