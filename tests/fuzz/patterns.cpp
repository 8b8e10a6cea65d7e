// Patterns of topics' names beside a naive matcher, and regular expressions, which must end in time.
#include <algorithm>
#include <string>

#include "base/error.h"
#include "chat/topic.h"
#include "chat/topic_pattern.h"
#include "fuzz/target.h"
#include "process/regex.h"

namespace {

using namespace chat;

bool matches(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return name.empty();
  if (pattern[0] == '*') {
    for (std::size_t taken = 0; taken <= name.size(); ++taken) {
      if (matches(pattern.substr(1), name.substr(taken))) return true;
    }
    return false;
  }
  return !name.empty() && (pattern[0] == '?' || pattern[0] == name[0]) &&
         matches(pattern.substr(1), name.substr(1));
}

void try_pattern(std::string_view input) {
  fuzz::Input pieces(input);
  const std::string name(pieces.line());
  const std::string pattern(pieces.line());
  bool good = true;
  try {
    check_topic_or_pattern(pattern);
  } catch (const Error& error) {
    good = false;
    fuzz::check(error.failure() == Failure::usage, "a bad pattern is a usage error", pattern);
  }
  if (!good || pattern.size() > 200 || !valid_topic(name)) return;
  const bool simple = pattern.find('[') == pattern.npos;
  if (simple && std::count(pattern.begin(), pattern.end(), '*') <= 4) {
    fuzz::check(matches_any({pattern}, name) == matches(pattern, name), "a pattern of " + pattern, name);
  }
  try {
    const std::vector<std::string> found = select_topics({name, "topic1"}, {pattern});
    fuzz::check(found.size() <= 2, "of those there are", pattern);
  } catch (const Error& error) {
    fuzz::check(error.failure() == Failure::no_topic, "no such topic", error.what());
  }
}

void try_regex(std::string_view input) {
  fuzz::Input pieces(input);
  const std::string pattern(pieces.line());
  std::string text(pieces.rest());
  try {
    if (const auto found = Regex(pattern).find(text)) {
      fuzz::check(found->begin <= text.size() && found->end <= text.size(), "a match is in the text",
                  pattern);
    }
  } catch (const Error& error) {
    fuzz::check(error.failure() == Failure::usage, "a bad expression is a usage error", error.what());
  } catch (const TooCostly&) {
  }
  if (pattern.empty() || !valid_user(pattern) || text.size() > 1000) return;
  text = ", " + pattern + ". ";
  const auto found = Regex::of_word(pattern, Regex::Case::any).find(text);
  fuzz::check(found && text.substr(found->begin, found->end - found->begin) == pattern, "a word is found",
              pattern);
}

const fuzz::Target pattern("patterns", &try_pattern);
const fuzz::Target regex("regex", &try_regex);

}  // namespace
