#include "redis/retry.h"

#include <algorithm>

#include "base/error.h"

namespace chat {

using namespace std::chrono_literals;

std::chrono::milliseconds Backoff::next() {
  const auto whole = std::min<std::chrono::milliseconds>(20ms * (1U << std::min(tries_, 7U)), 2000ms);
  ++tries_;
  std::uniform_int_distribution<std::chrono::milliseconds::rep> jitter(0, whole.count() / 2);
  return whole - std::chrono::milliseconds(jitter(random_));
}

std::string duration_text(std::chrono::milliseconds duration) {
  const auto ms = duration.count();
  return ms % 1000 == 0 ? std::to_string(ms / 1000) + "s" : std::to_string(ms) + "ms";
}

Deadline RetryPolicy::failed(const Endpoint& endpoint, const Outage& outage) {
  const Deadline now = Clock::now();
  if (!since_) since_ = now;
  const Deadline next = now + backoff_.next();
  if (!limit_) return next;
  const Deadline give_up = *since_ + *limit_;
  if (now < give_up) return std::min(next, give_up);
  throw Error(Failure::again, "gave up on Redis at " + endpoint.str() + " after " + duration_text(*limit_) +
                                  ": " + outage.what());
}

void RetryPolicy::succeeded() {
  since_.reset();
  backoff_.reset();
}

}  // namespace chat
