#include "redis/retry.h"

#include "base/error.h"
#include "base/wait.h"
#include "unit/failure.h"

using namespace chat;
using namespace std::chrono_literals;

TEST_CASE("pauses between tries double up to two seconds, with up to half as jitter") {
  Backoff backoff;
  for (int round = 0; round < 2; ++round) {
    for (const int whole : {20, 40, 80, 160, 320, 640, 1280, 2000, 2000, 2000}) {
      const auto pause = backoff.next();
      CHECK(pause <= whole * 1ms);
      CHECK(pause >= whole * 1ms / 2);
    }
    backoff.reset();
  }
}

TEST_CASE("retry without a limit has no end") {
  RetryPolicy retry(std::nullopt);
  CHECK_FALSE(retry.tried());
  for (int i = 0; i < 100; ++i) retry.failed({}, Outage("gone"));
  CHECK(retry.tried());
  retry.succeeded();
  CHECK_FALSE(retry.tried());
}

TEST_CASE("retry ends with the reason") {
  RetryPolicy retry(0ms);
  const Error error = error_of([&] { retry.failed({}, Outage("gone")); });
  CHECK(error.failure() == Failure::again);
  CHECK(std::string(error.what()) == "gave up on Redis at redis://127.0.0.1:6379 after 0s: gone");
}

TEST_CASE("no try is due after retry ends") {
  RetryPolicy retry(1h);
  const Deadline first = retry.failed({}, Outage("gone"));
  CHECK(first <= Clock::now() + 20ms);
  RetryPolicy short_one(5ms);
  const auto begin = Clock::now();
  const Deadline next = short_one.failed({}, Outage("gone"));
  CHECK(next <= Clock::now() + 5ms);
  CHECK(next >= begin);
}
