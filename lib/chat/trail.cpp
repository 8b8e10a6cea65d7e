#include "chat/trail.h"

#include <algorithm>
#include <bit>

namespace chat {

void Trail::add(const EntryId& id, std::string_view pub, std::uint64_t serial, std::uint64_t held) {
  if (!first_) first_ = {{id, std::string(pub)}, serial, held};
  auto& [steps, oldest] = levels_[static_cast<std::size_t>(std::countr_zero(serial))];
  if (steps.size() < wide) {
    steps.push_back({{id, std::string(pub)}, serial, held});
    return;
  }
  Step& step = steps[oldest];
  oldest = (oldest + 1) % wide;
  step.anchor.id = id;
  step.anchor.pub = pub;
  step.serial = serial;
  step.held = held;
}

void Trail::cut(std::uint64_t serial) {
  for (auto& [steps, oldest] : levels_) {
    std::rotate(steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(oldest), steps.end());
    oldest = 0;
    std::erase_if(steps, [&](const Step& step) { return step.serial > serial; });
  }
  if (first_ && first_->serial > serial) first_.reset();
}

std::vector<Trail::Step> Trail::steps() const {
  std::vector<Step> all;
  for (const Level& level : levels_) all.insert(all.end(), level.steps.begin(), level.steps.end());
  std::ranges::sort(all, std::ranges::greater(), &Step::serial);
  if (first_ && (all.empty() || all.back().serial != first_->serial)) all.push_back(*first_);
  return all;
}

}  // namespace chat
