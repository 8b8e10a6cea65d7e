#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/error.h"
#include "base/wait.h"
#include "redis/connection_pool.h"
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

/// Who is told of an outage, as a sentence. Either may be absent.
struct OutageNotices {
  std::function<void(const std::string&)> warn;  ///< it begins: which node, and why
  std::function<void(const std::string&)> note;  ///< it is over
};

/// An outage, from the first try that failed to the next success: how long it is ridden out, when the next
/// try is due, and what people are told of it, in the same words in all tools. Whoever can block rides it out
/// with with_retry(), below; a state machine asks it directly:
///
///     if (connection == nullptr && retry.due()) {
///       try { connect(); work(); retry.succeeded(); }
///       catch (const Outage& outage) { pool.clear(); retry.failed(outage, node); }
///     }
///     wait(fds, std::min(retry.next_try(), …), stop);
class RetryPolicy {
 public:
  /// limit: how long an outage is ridden out; nothing means without end.
  RetryPolicy(Endpoint endpoint, std::optional<std::chrono::milliseconds> limit, OutageNotices notices = {})
      : endpoint_(std::move(endpoint)), limit_(limit), notices_(std::move(notices)) {}

  /// A try failed. The first one is told: `lost Redis at URL, node N (why): trying again`. node: of a
  /// cluster, where the outage itself names none; may be empty. Throws Error(again) with the reason in it
  /// when the first failure since the last success is longer ago than the limit.
  void failed(const Outage& outage, std::string_view node = {});

  /// It works. Tells the end of an outage, if there was one: `back at Redis`.
  void succeeded();

  /// Whether there is an outage: a try failed since the last success.
  bool in_outage() const { return since_.has_value(); }
  /// Whether the time for the next try has come: always, when there is no outage.
  bool due() const { return Clock::now() >= next_try_; }
  /// When it comes; without an outage a moment that has passed.
  Deadline next_try() const { return next_try_; }

  /// When the outage will have been too long; no_deadline when there is none, or no limit.
  Deadline give_up_at() const { return since_ && limit_ ? *since_ + *limit_ : no_deadline; }
  /// Throws as failed() does when that moment has passed: for those who don't notice by failing again.
  void give_up_if_late() const;

  /// `stop`, and the moment to give up: for what blocks in a try.
  StopToken until_give_up(StopToken stop) const;

  /// Waits for the next try. Throws Stopped at a stop, ClosedOutput at an error on watch_fd, if not negative.
  void wait_until_due(const StopToken& stop, int watch_fd = -1) const;

 private:
  std::string where() const;

  Endpoint endpoint_;
  std::optional<std::chrono::milliseconds> limit_;
  OutageNotices notices_;
  std::optional<Deadline> since_;
  Deadline next_try_{};
  std::string node_;
  std::string reason_;
  Backoff backoff_;
};

/// Does work at Redis, again and again through an outage, and returns its result:
///
///     RetryPolicy retry(pool.endpoint(), retry_for, {.warn = …, .note = …});
///     const auto names = with_retry(pool, retry, stop, [&](const StopToken& until) {
///       return list_topics(pool, until);
///     });
///
/// A try that ends with Outage has the pool cleared: connections may be broken or have answers outstanding,
/// so work gets them from the pool (or opens its own) each time. What it does must bear being done twice.
/// Give what blocks the token it gets: it ends also when the outage has lasted too long. Throws Error(again)
/// then, Stopped at a stop, ClosedOutput at an error on watch_fd between tries, and what else work throws.
template <typename Work>
auto with_retry(ConnectionPool& pool, RetryPolicy& retry, const StopToken& stop, const Work& work,
                int watch_fd = -1) -> decltype(work(stop)) {
  while (true) {
    try {
      if constexpr (std::is_void_v<decltype(work(stop))>) {
        work(retry.until_give_up(stop));
        return retry.succeeded();
      } else {
        auto result = work(retry.until_give_up(stop));
        retry.succeeded();
        return result;
      }
    } catch (const Outage& outage) {
      if (pool.broke(outage)) retry.failed(outage);
    } catch (const Stopped&) {
      pool.clear();
      if (!stop.requested()) retry.give_up_if_late();
      throw;
    }
    retry.wait_until_due(stop, watch_fd);
  }
}

}  // namespace chat
