#include "redis/connection_pool.h"

#include "base/error.h"
#include "base/wait.h"
#include "unit/failure.h"

using namespace chat;
using namespace std::chrono_literals;

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
