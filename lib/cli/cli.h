#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/times.h"
#include "base/wait.h"
#include "chat/entry_id.h"
#include "redis/endpoint.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace chat::cli {

/// The options that every tool has.
struct Common {
  std::optional<std::string> redis;
  std::optional<std::string> password_file;
  TlsFiles tls_files;
  std::optional<std::chrono::milliseconds> retry_for;
  std::string color = "auto";
  bool verbose = false;
  bool quiet = false;

  Endpoint endpoint() const;     ///< find_endpoint with the environment
  bool use_color(int fd) const;  ///< --color, NO_COLOR, TERM=dumb, and whether fd is a terminal
};

// Checks for CLI11: what is wrong with a value, or nothing.

std::function<std::string(const std::string&)> whole_number(
    std::uint64_t least, std::uint64_t most = std::numeric_limits<std::uint64_t>::max());
std::function<std::string(const std::string&)> decimal(double least, double most);
std::function<std::string(const std::string&)> one_of(std::vector<std::string> names);
std::function<std::string(const std::string&)> not_empty();

/// What `read` throws as Error is what is wrong with a value.
template <class Read>
std::function<std::string(const std::string&)> checked_by(Read read) {
  return [read](const std::string& value) -> std::string {
    try {
      read(value);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
}

/// These refuse bad values while parsing.
void add_common(CLI::App& app, Common& common);

/// Adds an option whose value is read by EntryId::parse, with this n.
CLI::Option* add_id(CLI::App& app, const std::string& names, std::optional<EntryId>& value,
                    const std::string& help, std::uint64_t n = 0);

/// Adds an option whose value must be readable by parse_time.
CLI::Option* add_time(CLI::App& app, const std::string& names, std::optional<std::string>& value,
                      const std::string& help);

/// parse_time with the present.
TimeSpec time_of(const std::string& value);

/// $CHAT_USER, if it is set and not empty.
std::optional<std::string> user_from_environment();

/// Throws Error(usage) unless it can be a user's name.
void check_user(const std::string& name);

/// Adds an option whose value is read by parse_duration.
CLI::Option* add_duration(CLI::App& app, const std::string& names,
                          std::optional<std::chrono::milliseconds>& value, const std::string& help);

/// Adds an option whose value is a whole number, at least `least`.
CLI::Option* add_number(CLI::App& app, const std::string& names, std::optional<std::uint64_t>& value,
                        const std::string& help, std::uint64_t least = 1);

/// Adds a positional that takes all words that are left, each as it is. CLI11's own would split `[a,b]` and
/// drop `{}`, which are fine messages.
CLI::Option* add_words(CLI::App& app, const std::string& name, std::vector<std::string>& words);

/// The exit code of each kind of failure.
int exit_code(Failure failure);

/// Draws a line at the bottom of the terminal that is stderr, over the one drawn before; empty: takes it
/// away. What is logged goes above it.
void draw_at_bottom(const std::string& line);

/// Overwrites the password in the value of each `--redis URL` and `--redis=URL` with `*`, in place.
void hide_passwords(int argc, char** argv);

/// A tool. run() gives `options` an App that needs only the tool's own options, in which of an option
/// given twice the last counts, parses, and calls `main`, whose result is the exit code.
struct Tool {
  std::string name;         ///< `chat-pub`
  std::string description;  ///< one line
  std::string footer;       ///< examples
  std::function<void(CLI::App&)> options;
  std::function<int(const StopToken&)> main;
};

/// The whole life of a program: overwrites a password in argv, sets up logging to stderr (spdlog, `chat-pub:
/// ` in front) and signals (SIGINT, SIGTERM ask to stop, a second one ends at once; SIGPIPE is ignored),
/// parses, runs, and maps what happens to the exit code: every Error to its own (the table in the README),
/// ClosedOutput to 0, anything else to 70. After a signal, dies by it.
int run(int argc, char** argv, Common& common, const Tool& tool);

}  // namespace chat::cli
