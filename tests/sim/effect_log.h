#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>

namespace sim {

/// What commands did, as commands that do the same to any copy of the data, in units that take effect as one:
/// a script is one unit. This is what a master sends to its replicas and what an append only file holds
/// (https://redis.io/docs/latest/operate/oss_and_stack/management/replication/). Offsets count units since
/// the data set began; a copy of the data set goes on counting where it was copied.
class EffectLog {
 public:
  using Offset = std::uint64_t;

  void append(std::string unit) { units_.push_back(std::move(unit)); }
  /// Where the next unit will stand.
  Offset end() const { return begin_ + units_.size(); }
  /// The oldest unit that is kept.
  Offset begin() const { return begin_; }
  /// offset must be at least begin() and below end().
  const std::string& at(Offset offset) const { return units_[offset - begin_]; }
  /// Forgets everything and goes on at `offset`.
  void restart(Offset offset) {
    units_.clear();
    begin_ = offset;
  }

 private:
  std::deque<std::string> units_;
  Offset begin_ = 0;
};

}  // namespace sim
