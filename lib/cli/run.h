#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/wait.h"
#include "cli/common_options.h"

namespace CLI {
class App;
}

namespace chat::cli {

/// A tool. run() gives `options` an App that needs only the tool's own options, in which of an option
/// given twice the last counts, parses, and calls `main`, whose result is the exit code.
struct Tool {
  std::string name;                       ///< `chat-pub`
  std::string description;                ///< one line
  std::string footer;                     ///< examples
  std::vector<std::string> main_options;  ///< those that -h shows: `--count`
  std::function<void(CLI::App&)> options;
  std::function<int(const StopToken&)> main;
};

/// The whole life of a program: overwrites a password in argv, sets up logging to stderr and signals (SIGINT,
/// SIGTERM ask to stop, a second one ends at once; SIGPIPE is ignored), parses, runs, and maps what happens
/// to the exit code: every Error to its own (the table in redis-chat(7)), ClosedOutput to 0, anything else
/// to 70. After a signal, dies by it.
int run(int argc, char** argv, Common& common, const Tool& tool);

}  // namespace chat::cli
