#include "process/pacer.h"

#include <cmath>

namespace chat {

bool Pacer::message(const std::string& topic, const Message& message) {
  if (!message.id) return next_.message(topic, message);
  if (!first_ms_) {
    first_ms_ = message.id->ms;
    begin_ = Clock::now();
  }
  const double apart = std::abs(static_cast<double>(message.id->ms) - static_cast<double>(*first_ms_));
  const auto ms = std::chrono::milliseconds(std::llround(std::min(apart / speed_, 1e12)));
  const Deadline due = begin_ + ms;
  if (due > Clock::now()) {
    if (!next_.flush()) return false;
    wait({}, due, stop_);
    if (stop_.requested()) return false;
  }
  return next_.message(topic, message);
}

}  // namespace chat
