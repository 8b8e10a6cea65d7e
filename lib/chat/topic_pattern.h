#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace chat {

/// Whether it has a `*`, `?` or `[`, which no topic's name has: then it stands for many topics.
bool is_topic_pattern(std::string_view text);

/// Throws Error(usage) unless it is a topic's name or a pattern of topics' names.
void check_topic_or_pattern(std::string_view text);

/// Whether a name matches one of patterns, or is one of them: `*` stands for any characters, `/` too, `?` for
/// one,
/// `[a-c]` and `[!a-c]` for one of a set or none of it (fnmatch(3) without flags).
bool matches_any(const std::vector<std::string>& patterns, const std::string& name);

/// What one of `wanted` stands for among the topics `there`; all of these when nothing is wanted. Throws
/// Error(no_topic), which lists near names, when a name is not among them.
std::vector<std::string> select_topics(const std::vector<std::string>& there,
                                       const std::vector<std::string>& wanted);

}  // namespace chat
