#include "redis/retry.h"

#include <algorithm>

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

std::string RetryPolicy::where() const {
  return "Redis at " + endpoint_.str() + (node_.empty() ? "" : ", node " + node_);
}

void RetryPolicy::failed(const Outage& outage, std::string_view node) {
  node_ = outage.node().empty() ? node : outage.node();
  reason_ = outage.what();
  const Deadline now = Clock::now();
  const bool begins = !since_;
  if (begins) since_ = now;
  give_up_if_late();
  if (begins && notices_.warn) notices_.warn("lost " + where() + " (" + reason_ + "): trying again");
  next_try_ = std::min(now + backoff_.next(), give_up_at());
}

void RetryPolicy::succeeded() {
  if (!since_) return;
  since_.reset();
  next_try_ = {};
  backoff_.reset();
  if (notices_.note) notices_.note("back at Redis");
}

void RetryPolicy::give_up_if_late() const {
  if (Clock::now() < give_up_at()) return;
  throw Error(Failure::again,
              "gave up on " + where() + " after " + duration_text(limit_.value_or(0ms)) + ": " + reason_);
}

StopToken RetryPolicy::until_give_up(StopToken stop) const {
  stop.until = std::min(stop.until, give_up_at());
  return stop;
}

void RetryPolicy::wait_until_due(const StopToken& stop, int watch_fd) const {
  pollfd watched{watch_fd, 0, 0};
  if (wait({&watched, 1}, next_try_, stop) > 0) throw ClosedOutput();
  if (stop.requested()) throw Stopped();
}

}  // namespace chat
