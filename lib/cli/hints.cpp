#include "cli/hints.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/error.h"
#include "cli/arguments.h"
#include "cli/logging.h"
#include "redis/endpoint.h"

namespace chat::cli {

int with_file_hint(const std::vector<std::string>& topics, const std::function<int()>& work) {
  try {
    return work();
  } catch (const Error& error) {
    const bool about_topics = error.failure() == Failure::no_topic || error.failure() == Failure::usage;
    const bool files = topics.size() > 1 && std::ranges::all_of(topics, [](const std::string& name) {
                         return access(name.c_str(), F_OK) == 0;
                       });
    if (!about_topics || !files) throw;
    throw Error(error.failure(),
                std::string(error.what()) + " (these are files: a pattern wants quotes, as in 'team/*')");
  }
}

std::string meant_by_help(const CLI::App& app, const std::vector<std::string>& words) {
  for (auto at = words.begin(); at != words.end() && *at != "--"; ++at) {
    if (*at == "-h") {
      const std::vector<std::string> more(at + 1, words.end());
      if (more.empty() || !is_host(more.front()) || more.front().starts_with('-')) break;
      const bool command =
          !app.get_subcommands([&](const CLI::App* each) { return each->check_name(more.front()); }).empty();
      const bool host = more.size() > 1 || more.front() == "localhost" ||
                        more.front().find_first_of(".:") != std::string::npos;
      if (command || !host) break;
      return "-h is for help; what names a server is --redis redis://" + more.front() + ":6379";
    }
    if (at->starts_with("-") && !at->starts_with("--") && at->find('h') != std::string::npos) {
      return "unknown option " + *at + "; what begins with - and is no option stands behind --";
    }
  }
  return "";
}

std::string unquoted_time(const CLI::App& app, const std::vector<std::string>& words) {
  for (std::size_t i = 0; i + 1 < words.size() && words[i] != "--"; ++i) {
    const std::string name = words[i].substr(0, words[i].find('='));
    const CLI::Option* const option = name.starts_with("--") ? app.get_option_no_throw(name) : nullptr;
    if (option == nullptr || !option->get_type_name().starts_with("TIME")) continue;
    const bool joined = name.size() < words[i].size();
    if (!joined && i + 2 == words.size()) break;
    const std::string time =
        joined ? words[i].substr(name.size() + 1) + " " + words[i + 1] : words[i + 1] + " " + words[i + 2];
    try {
      time_of(time);
      std::string hint = name;
      hint.append(": a time of two words wants quotes: ").append(name).append(" '").append(time).append("'");
      return hint;
    } catch (const Error&) {
    }
  }
  return "";
}

bool person_waits(int fd) { return isatty(fd) == 1 && isatty(STDERR_FILENO) == 1; }

void warn_of_cut_line(std::uint64_t record) {
  log_warn(
      "record " + std::to_string(record) +
      ": a terminal takes at most 4095 bytes of a line, so its end may be missing; longer ones come from a "
      "file or a pipe");
}

}  // namespace chat::cli
