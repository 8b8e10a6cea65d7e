#pragma once

#include <string>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace chat::cli {

/// What `--help` shows of `app`, or of its command that was given: usage, then a row an option in its groups
/// (`  -n, --count N    End after N messages`), commands, the footer, and where the manual is. An option
/// without a description shares the row of the next one: `  --from ID --to ID    Between these`. Completions
/// and tests read it: names are behind two blanks, and two blanks are before the description.
std::string help_page(const CLI::App& app);

/// What is wrong with the command line, for a person: the option or word, its value, and what to do.
std::string explain(const CLI::App& app, const CLI::ParseError& error);

}  // namespace chat::cli
