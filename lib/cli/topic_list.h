#pragma once

#include <string>
#include <vector>

#include "base/wait.h"
#include "redis/connection_pool.h"

namespace chat::cli {

/// What of the topics is asked for.
struct Listing {
  std::vector<std::string> topics;  ///< names and patterns; none: all
  bool names = false;
  bool json = false;
  std::string sort;                   ///< activity, name, or empty
  std::vector<std::string> commands;  ///< what a word may be a misspelt form of; empty: each word is a topic
};

/// Throws Error(usage) for a word that is neither a topic that is there nor a command.
void check_words(const Listing& listing, const std::vector<std::string>& there);

/// What is to be printed. They throw what list_topics, overview and presence throw, and Error(no_topic).
std::string list_text(const Listing& listing, ConnectionPool& pool, const StopToken& stop);
std::string who_text(const Listing& listing, ConnectionPool& pool, const StopToken& stop);

}  // namespace chat::cli
