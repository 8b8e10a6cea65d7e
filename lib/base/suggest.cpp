#include "base/suggest.h"

#include <algorithm>
#include <utility>

namespace chat {

namespace {

std::size_t distance(std::string_view a, std::string_view b) {
  // Edits: insert, delete, replace, swap of neighbours (optimal string alignment).
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

std::string did_you_mean(const std::vector<std::string>& names) {
  std::string text = ": did you mean ";
  for (std::size_t i = 0; i < names.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == names.size() ? " or " : ", ") + names[i];
  }
  return text + "?";
}

std::vector<std::string> near_names(std::string_view name, const std::vector<std::string>& names) {
  std::vector<std::pair<std::size_t, std::string>> near;
  for (const std::string& candidate : names) {
    const std::size_t edits = distance(name, candidate);
    if (edits > 0 && edits <= std::max<std::size_t>(1, name.size() / 3)) near.emplace_back(edits, candidate);
  }
  std::ranges::sort(near);
  std::vector<std::string> result;
  for (const auto& [edits, candidate] : near) {
    if (edits == near.front().first && result.size() < 3) result.push_back(candidate);
  }
  return result;
}

}  // namespace chat
