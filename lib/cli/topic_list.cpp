#include "cli/topic_list.h"

#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/suggest.h"
#include "chat/overview.h"
#include "chat/topic.h"
#include "chat/topic_pattern.h"
#include "cli/logging.h"
#include "cli/overview_text.h"
#include "terminal/terminal.h"

namespace chat::cli {

namespace {

// What people try instead of a command.
std::string command_for(std::string_view word) {
  constexpr std::pair<std::string_view, const char*> others[] = {
      {"watch", "--watch"},   {"top", "--watch"}, {"names", "--names"}, {"users", "who"},
      {"subscribers", "who"}, {"show", "list"},   {"info", "list"},     {"new", "add"},
      {"make", "add"},        {"change", "set"},  {"remove", "rm"},     {"del", "rm --purge"},
      {"purge", "rm --purge"}};
  for (const auto& [other, command] : others) {
    if (word == other) return command;
  }
  return "";
}

}  // namespace

void check_words(const Listing& listing, const std::vector<std::string>& there) {
  if (listing.commands.empty()) return;
  for (const std::string& word : listing.topics) {
    if (is_topic_pattern(word) || std::ranges::count(there, word) > 0) continue;
    const std::string wrong = "\"" + word + "\" is neither a command nor a topic";
    std::vector<std::string> known = there;
    known.insert(known.end(), listing.commands.begin(), listing.commands.end());
    const std::string hint = url_hint(word);
    if (!hint.empty()) throw Error(Failure::usage, wrong + hint);
    const std::string command = command_for(word);
    const auto near = command.empty() ? near_names(word, known) : std::vector{"chat-topics " + command};
    throw Error(Failure::usage, wrong + (near.empty() ? "; try 'chat-topics --help'" : did_you_mean(near)));
  }
}

std::string list_text(const Listing& listing, ConnectionPool& pool, const StopToken& stop) {
  pool.begin(stop);
  const std::vector<std::string> there = list_topics(pool, stop);
  check_words(listing, there);
  const std::vector<std::string> names = select_topics(there, listing.topics);
  if (!listing.names) {
    auto topics = overview(pool, names, stop);
    if (listing.sort == "activity") sort_by_activity(topics);
    return listing.json ? overview_json(topics) : overview_table(topics, terminal_width(STDOUT_FILENO));
  }
  std::string text;
  for (const std::string& name : names) text += name + "\n";
  return text;
}

std::string who_text(const Listing& listing, ConnectionPool& pool, const StopToken& stop) {
  pool.begin(stop);
  const Presences topics = presence(pool, select_topics(list_topics(pool, stop), listing.topics), stop);
  if (listing.json) return presence_json(topics);
  if (isatty(STDOUT_FILENO) == 1) return presence_table(topics, terminal_width(STDOUT_FILENO));
  for (const auto& [topic, present] : topics) {
    if (present.nameless > 0)
      log_info(topic + ": " + std::to_string(present.nameless) + " more without a name");
  }
  const bool one = listing.topics.size() == 1 && !is_topic_pattern(listing.topics.front());
  return presence_lines(topics, !one);
}

}  // namespace chat::cli
