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
#include "chat/entry_id.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace chat::cli {

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

/// As whom to publish: `given`, else $CHAT_USER, else the login name, else the user's number. Throws
/// Error(usage) when that can't be a user's name.
std::string publishing_user(const std::optional<std::string>& given);

/// Turns `64K` into bytes, for CLI11: returns what is wrong with it.
std::string read_size(std::string& text);

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

}  // namespace chat::cli
