#include "chat/trail.h"

#include <algorithm>
#include <bit>

namespace chat {

void Trail::add(const EntryId& id, std::string_view pub, std::uint64_t serial, std::uint64_t held) {
  std::vector<Step>& level = levels_[static_cast<std::size_t>(std::countr_zero(serial))];
  if (level.size() < wide) {
    level.push_back({{id, std::string(pub)}, serial, held});
    return;
  }
  Step& oldest = *std::ranges::min_element(level, {}, &Step::serial);
  oldest.anchor.id = id;
  oldest.anchor.pub = pub;
  oldest.serial = serial;
  oldest.held = held;
}

void Trail::cut(std::uint64_t serial) {
  for (std::vector<Step>& level : levels_) {
    std::erase_if(level, [&](const Step& step) { return step.serial > serial; });
  }
}

std::vector<Trail::Step> Trail::steps() const {
  std::vector<Step> all;
  for (const std::vector<Step>& level : levels_) all.insert(all.end(), level.begin(), level.end());
  std::ranges::sort(all, std::ranges::greater(), &Step::serial);
  return all;
}

}  // namespace chat
