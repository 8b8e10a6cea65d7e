#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace chat::cli {

/// Runs the work of a tool on these topics. When it ends with an error about one of them and they are all
/// files, the error says too that a pattern wants quotes.
int with_file_hint(const std::vector<std::string>& topics, const std::function<int()>& work);

/// Whether a person is asked to wait and sees what is said: stderr and `fd` are terminals.
bool person_waits(int fd);

/// Warns that the terminal may have cut a line that was typed.
void warn_of_cut_line(std::uint64_t record);

}  // namespace chat::cli
