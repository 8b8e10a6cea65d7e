#include "cli/hints.h"

#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "cli/logging.h"

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

bool person_waits(int fd) { return isatty(fd) == 1 && isatty(STDERR_FILENO) == 1; }

void warn_of_cut_line(std::uint64_t record) {
  log_warn(
      "record " + std::to_string(record) +
      ": a terminal takes at most 4095 bytes of a line, so its end may be missing; longer ones come from a "
      "file or a pipe");
}

}  // namespace chat::cli
