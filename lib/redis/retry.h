#pragma once

#include <chrono>
#include <optional>
#include <random>
#include <string>

#include "base/error.h"
#include "base/wait.h"
#include "redis/endpoint.h"

namespace chat {

/// How long to wait before the next try: exponential from 20 ms to 2 s, each with up to half of it as jitter,
/// so that many clients don't come back in step.
class Backoff {
 public:
  std::chrono::milliseconds next();
  void reset() { tries_ = 0; }

 private:
  unsigned tries_ = 0;
  std::minstd_rand random_{std::random_device{}()};
};

/// A duration as a user would give it: `30s`, `500ms`.
std::string duration_text(std::chrono::milliseconds duration);

/// How long an outage is ridden out.
class RetryPolicy {
 public:
  /// limit: nothing means without end.
  explicit RetryPolicy(std::optional<std::chrono::milliseconds> limit) : limit_(limit) {}

  /// A try failed. Returns when the next one is due. Throws Error(again) with the reason in it when the first
  /// failure since the last success is longer ago than the limit.
  Deadline failed(const Endpoint& endpoint, const Outage& outage);
  void succeeded();
  /// Whether the last try failed.
  bool tried() const { return since_.has_value(); }

 private:
  std::optional<std::chrono::milliseconds> limit_;
  std::optional<Deadline> since_;
  Backoff backoff_;
};

}  // namespace chat
