#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace chat::cli {

/// Why the words that ask for help may not do so: `-hello` is -h and more for the parser, and redis-cli's
/// `-h localhost` names a server. Empty: they do.
std::string meant_by_help(const CLI::App& app, const std::vector<std::string>& words);

/// What to say when an option's time has two words and no quotes, such as `--since today 9:00`; else nothing.
std::string unquoted_time(const CLI::App& app, const std::vector<std::string>& words);

/// Runs the work of a tool on these topics. When it ends with an error about one of them and they are all
/// files, the error says too that a pattern wants quotes.
int with_file_hint(const std::vector<std::string>& topics, const std::function<int()>& work);

/// Whether a person is asked to wait and sees what is said: stderr and `fd` are terminals.
bool person_waits(int fd);

/// Warns that the terminal may have cut a line that was typed.
void warn_of_cut_line(std::uint64_t record);

}  // namespace chat::cli
