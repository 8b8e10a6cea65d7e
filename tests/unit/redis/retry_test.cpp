#include "redis/retry.h"

#include <vector>

#include "base/error.h"
#include "base/wait.h"
#include "unit/failure.h"

using namespace chat;
using namespace std::chrono_literals;

namespace {

/// Keeps what is told.
struct Told {
  std::vector<std::string> texts;
  OutageNotices notices() {
    const auto keep = [this](const std::string& text) { texts.push_back(text); };
    return {.warn = keep, .note = keep};
  }
};

// Nothing is opened there before a connection is asked for.
ConnectionPool nowhere() { return ConnectionPool(Endpoint{}); }

}  // namespace

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
  RetryPolicy retry({}, std::nullopt);
  CHECK_FALSE(retry.in_outage());
  CHECK(retry.due());
  for (int i = 0; i < 100; ++i) retry.failed(Outage("gone"));
  CHECK(retry.in_outage());
  CHECK_FALSE(retry.due());
  CHECK(retry.give_up_at() == no_deadline);
  retry.succeeded();
  CHECK_FALSE(retry.in_outage());
  CHECK(retry.due());
}

TEST_CASE("retry ends with the reason") {
  Told told;
  RetryPolicy retry({}, 0ms, told.notices());
  const Error error = error_of([&] { retry.failed(Outage("gone")); });
  CHECK(error.failure() == Failure::again);
  CHECK(std::string(error.what()) == "gave up on Redis at redis://127.0.0.1:6379 after 0s: gone");
  CHECK(told.texts.empty());
}

TEST_CASE("no try is due after retry ends") {
  RetryPolicy retry({}, 1h);
  retry.failed(Outage("gone"));
  CHECK(retry.next_try() <= Clock::now() + 20ms);
  CHECK(retry.give_up_at() > Clock::now());
  RetryPolicy short_one({}, 5ms);
  const auto begin = Clock::now();
  short_one.failed(Outage("gone"));
  CHECK(short_one.next_try() <= Clock::now() + 5ms);
  CHECK(short_one.next_try() >= begin);
}

TEST_CASE("an outage is told once when it begins and once when it ends") {
  Told told;
  RetryPolicy retry({}, std::nullopt, told.notices());
  retry.succeeded();
  CHECK(told.texts.empty());
  for (int i = 0; i < 2; ++i) {
    told.texts.clear();
    retry.failed(Outage("no way"), "10.0.0.1:7000");
    retry.failed(Outage("gone"));
    retry.succeeded();
    retry.succeeded();
    CHECK(told.texts == std::vector<std::string>{
                            "lost Redis at redis://127.0.0.1:6379, node 10.0.0.1:7000 (no way): trying again",
                            "back at Redis"});
  }
}

TEST_CASE("the node that an outage names is told, also at the end") {
  RetryPolicy retry({}, 0ms);
  const Error error = error_of([&] { retry.failed(Outage("gone", "10.0.0.1:7000"), "other:1"); });
  CHECK(std::string(error.what()) ==
        "gave up on Redis at redis://127.0.0.1:6379, node 10.0.0.1:7000 after 0s: gone");
}

TEST_CASE("work is done again until it succeeds, and gives its result") {
  Told told;
  ConnectionPool pool = nowhere();
  RetryPolicy retry({}, std::nullopt, told.notices());
  int tries = 0;
  const int result = with_retry(pool, retry, {}, [&](const StopToken&) {
    if (++tries < 3) throw Outage("gone");
    return 7;
  });
  CHECK(result == 7);
  CHECK(tries == 3);
  CHECK(told.texts.size() == 2);
  with_retry(pool, retry, {}, [&](const StopToken&) { ++tries; });
  CHECK(tries == 4);
}

TEST_CASE("work that blocks in an outage ends when it has lasted too long, with the reason") {
  ConnectionPool pool = nowhere();
  RetryPolicy retry({}, 1ms);
  int tries = 0;
  const Error error = error_of([&] {
    with_retry(pool, retry, {}, [&](const StopToken& until) {
      if (++tries == 1) throw Outage("gone");
      wait({}, no_deadline, until);  // a connection would do so
      throw Stopped();
    });
  });
  CHECK(error.failure() == Failure::again);
  CHECK(std::string(error.what()) == "gave up on Redis at redis://127.0.0.1:6379 after 1ms: gone");
}

TEST_CASE("a stop ends the tries") {
  ConnectionPool pool = nowhere();
  RetryPolicy retry({}, std::nullopt);
  const volatile std::sig_atomic_t stopped = 1;
  const StopToken stop{-1, &stopped};
  CHECK_THROWS_AS(with_retry(pool, retry, stop, [](const StopToken&) { throw Outage("gone"); }), Stopped);
}
