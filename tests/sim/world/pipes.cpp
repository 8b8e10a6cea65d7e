#include "sim/world/pipes.h"

#include <algorithm>
#include <cerrno>

namespace sim {

void InputPipe::type(const std::string& text) {
  bytes_ += text;
  process_.wake();
}

void InputPipe::end() {
  ended_ = true;
  process_.wake();
}

short InputPipe::ready() {
  if (!bytes_.empty()) return POLLIN;
  return ended_ ? POLLHUP : 0;
}

ssize_t InputPipe::read(char* room, std::size_t size) {
  if (bytes_.empty() && !ended_) {
    errno = EAGAIN;
    return -1;
  }
  const std::size_t count = std::min(size, bytes_.size());
  std::copy_n(bytes_.data(), count, room);
  bytes_.erase(0, count);
  return static_cast<ssize_t>(count);
}

void OutputPipe::block(Time until) {
  process_.trace("nobody reads its output for a while");
  blocked_until_ = std::max(blocked_until_, until);
  process_.world().at(until, [this] {
    if (blocked()) return;
    unread_ = 0;
    process_.wake();
  });
}

short OutputPipe::ready() { return blocked() && unread_ >= capacity ? 0 : POLLOUT; }

Time OutputPipe::written_at(std::size_t place) const {
  return std::ranges::upper_bound(ends_, place, {}, &std::pair<std::size_t, Time>::first)->second;
}

ssize_t OutputPipe::write(std::string_view bytes) {
  if (blocked()) {
    bytes = bytes.substr(0, capacity - std::min(unread_, capacity));
    unread_ += bytes.size();
    if (bytes.empty()) {
      errno = EAGAIN;
      return -1;
    }
  }
  text_ += bytes;
  ends_.emplace_back(text_.size(), process_.world().now());
  process_.trace("prints " + std::string(bytes));
  process_.after_effect();
  return static_cast<ssize_t>(bytes.size());
}

}  // namespace sim
