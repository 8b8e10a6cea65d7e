#include "chat/topic_pattern.h"

#include <fnmatch.h>

#include <algorithm>
#include <iterator>

#include "base/error.h"
#include "chat/topic.h"

namespace chat {

namespace {

constexpr std::string_view special = "*?[";

[[noreturn]] void refuse(std::string_view pattern, const std::string& why) {
  throw Error(Failure::usage, "\"" + std::string(pattern) + "\" can't be a pattern of topics' names: " + why +
                                  url_hint(pattern));
}

// Takes what stands at the beginning: a set in brackets, in which a `]` at its beginning stands for itself.
std::string_view after_set(std::string_view pattern, std::string_view all) {
  std::size_t at = 1;
  if (at < pattern.size() && (pattern[at] == '!' || pattern[at] == '^')) ++at;
  const std::size_t end = pattern.find(']', at + 1);
  if (end == std::string_view::npos) refuse(all, "its [ has no ]");
  return pattern.substr(end + 1);
}

}  // namespace

bool is_topic_pattern(std::string_view text) { return text.find_first_of(special) != std::string_view::npos; }

void check_topic_or_pattern(std::string_view text) {
  if (!is_topic_pattern(text)) return check_topic(text);
  // What is left without the special characters must be what names are made of.
  std::string plain = "x";
  for (std::string_view rest = text; !rest.empty();) {
    if (rest.front() == '[') {
      rest = after_set(rest, text);
      continue;
    }
    if (special.find(rest.front()) == std::string_view::npos) plain += rest.front();
    rest.remove_prefix(1);
  }
  if (!valid_topic(plain)) refuse(text, "beside * ? [ ] it may have A-Z a-z 0-9 . _ - / :");
}

bool matches_any(const std::vector<std::string>& patterns, const std::string& name) {
  return std::ranges::any_of(patterns, [&](const std::string& pattern) {
    return pattern == name || fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
  });
}

std::vector<std::string> select_topics(const std::vector<std::string>& there,
                                       const std::vector<std::string>& wanted) {
  if (wanted.empty()) return there;
  for (const std::string& name : wanted) {
    if (is_topic_pattern(name) || std::ranges::find(there, name) != there.end()) continue;
    throw Error(Failure::no_topic, no_such_topic(name, there));
  }
  std::vector<std::string> selected;
  std::ranges::copy_if(there, std::back_inserter(selected),
                       [&](const std::string& name) { return matches_any(wanted, name); });
  return selected;
}

}  // namespace chat
