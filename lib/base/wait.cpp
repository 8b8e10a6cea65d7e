#include "base/wait.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <limits>
#include <system_error>
#include <vector>

namespace chat {
namespace {

int poll_timeout(Deadline deadline) {
  if (deadline == no_deadline) return -1;
  const auto now = Clock::now();
  if (deadline <= now) return 0;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now).count();
  return static_cast<int>(std::min<std::chrono::milliseconds::rep>(left, std::numeric_limits<int>::max()));
}

}  // namespace

std::chrono::milliseconds time_since_boot() {
  timespec time{};
  clock_gettime(CLOCK_BOOTTIME, &time);
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::seconds(time.tv_sec) +
                                                               std::chrono::nanoseconds(time.tv_nsec));
}

int wait(std::span<pollfd> fds, Deadline deadline, const StopToken& stop) {
  for (pollfd& fd : fds) fd.revents = 0;
  std::array<pollfd, 8> few{};
  std::vector<pollfd> many(fds.size() < few.size() ? 0 : fds.size() + 1);
  const std::span<pollfd> all = many.empty() ? std::span(few).first(fds.size() + 1) : std::span(many);
  std::ranges::copy(fds, all.begin());
  pollfd& stopping = all.back();
  stopping = {stop.fd, POLLIN, 0};
  deadline = std::min(deadline, stop.until);
  while (!stop.requested()) {
    const int ready = ::poll(all.data(), all.size(), poll_timeout(deadline));
    if (ready < 0) {
      if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "poll");
    } else if (ready == 0) {
      if (Clock::now() >= deadline) return 0;
    } else {
      if (stop.requested() || stopping.revents != 0) return 0;
      std::copy_n(all.begin(), fds.size(), fds.begin());
      return ready;
    }
  }
  return 0;
}

}  // namespace chat
