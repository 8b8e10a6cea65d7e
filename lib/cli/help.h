#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace chat::cli {

/// What `--help` shows of `app`, or of its command that was given: usage, then a row an option in its groups
/// (`  -n, --count N    End after N messages`), commands, the footer, and where the manual is. Completions
/// and tests read it: names are behind two blanks, and two blanks are before the description.
std::string help_page(const CLI::App& app);

/// What `-h` shows, on one screen: the same with these options (`--count`) only. A command that was given is
/// shown as a whole.
std::string short_help(const CLI::App& app, const std::vector<std::string>& options);

/// What is wrong with the command line, for a person: the option or word, its value, and what to do.
std::string explain(const CLI::App& app, const CLI::ParseError& error);

}  // namespace chat::cli
