#include "redis/route.h"

#include "base/error.h"
#include "base/wait.h"
#include "unit/failure.h"

using namespace chat;
using namespace std::chrono_literals;

TEST_CASE("a first connection that fails names the endpoint") {
  Endpoint nowhere;
  nowhere.socket = "/no/such/socket";
  Route once(nowhere);
  const Error error = error_of([&] { once.find(no_deadline, {}); });
  CHECK(error.failure() == Failure::unreachable);
  CHECK(std::string(error.what()) ==
        "can't reach Redis at unix:///no/such/socket: No such file or directory");

  Route patient(nowhere, {.first_retry_for = 30ms});
  CHECK(error_of([&] { patient.find(no_deadline, {}); }).failure() == Failure::unreachable);
  CHECK_THROWS_AS(patient.open("", Clock::now() + 1s, {}), Outage);

  Route endless(nowhere, {.first_retry_for = 1h});
  StopToken stop;
  stop.until = Clock::now() + 10ms;
  CHECK_THROWS_AS(endless.find(no_deadline, stop), Stopped);
}
