#include "sim/glob.h"

#include <utility>

namespace sim {

namespace {

// A class behind its `[`, which is taken off the pattern.
bool class_matches(std::string_view& pattern, char c) {
  const bool negated = pattern.starts_with('^');
  if (negated) pattern.remove_prefix(1);
  bool found = false;
  while (!pattern.empty() && pattern[0] != ']') {
    if (pattern[0] == '\\' && pattern.size() >= 2) {
      found = found || pattern[1] == c;
      pattern.remove_prefix(2);
    } else if (pattern.size() >= 3 && pattern[1] == '-') {
      char low = pattern[0];
      char high = pattern[2];
      if (low > high) std::swap(low, high);
      found = found || (c >= low && c <= high);
      pattern.remove_prefix(3);
    } else {
      found = found || pattern[0] == c;
      pattern.remove_prefix(1);
    }
  }
  if (!pattern.empty()) pattern.remove_prefix(1);
  return found != negated;
}

bool matches(std::string_view pattern, std::string_view text) {
  while (!pattern.empty()) {
    if (pattern[0] == '*') {
      pattern.remove_prefix(1);
      for (std::size_t skip = 0; skip <= text.size(); ++skip) {
        if (matches(pattern, text.substr(skip))) return true;
      }
      return false;
    }
    if (text.empty()) return false;
    const char c = text[0];
    text.remove_prefix(1);
    if (pattern[0] == '[') {
      pattern.remove_prefix(1);
      if (!class_matches(pattern, c)) return false;
      continue;
    }
    if (pattern[0] == '\\' && pattern.size() >= 2) {
      pattern.remove_prefix(1);
    } else if (pattern[0] == '?') {
      pattern.remove_prefix(1);
      continue;
    }
    if (pattern[0] != c) return false;
    pattern.remove_prefix(1);
  }
  return text.empty();
}

}  // namespace

bool glob_matches(std::string_view pattern, std::string_view text) {
  // In Redis, `*` doesn't match the empty text.
  return text.empty() ? pattern.empty() : matches(pattern, text);
}

}  // namespace sim
