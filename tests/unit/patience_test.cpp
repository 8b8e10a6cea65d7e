#include "patience.h"

#include "failure.h"

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

TEST_CASE("patience without a limit has no end") {
  Patience patience(std::nullopt);
  CHECK_FALSE(patience.tried());
  for (int i = 0; i < 100; ++i) patience.failed({}, Outage("gone"));
  CHECK(patience.tried());
  patience.succeeded();
  CHECK_FALSE(patience.tried());
}

TEST_CASE("patience ends with the reason") {
  Patience patience(0ms);
  const Error error = error_of([&] { patience.failed({}, Outage("gone")); });
  CHECK(error.failure() == Failure::again);
  CHECK(std::string(error.what()) == "gave up on Redis at redis://127.0.0.1:6379 after 0s: gone");
}

TEST_CASE("no try is due after patience ends") {
  Patience patience(1h);
  const Deadline first = patience.failed({}, Outage("gone"));
  CHECK(first <= Clock::now() + 20ms);
  Patience short_one(5ms);
  const auto begin = Clock::now();
  const Deadline next = short_one.failed({}, Outage("gone"));
  CHECK(next <= Clock::now() + 5ms);
  CHECK(next >= begin);
}
