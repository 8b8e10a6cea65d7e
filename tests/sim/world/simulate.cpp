// Runs schedules of the simulation, by seed.
//
//   simulate [SCHEDULES] [--from SEED] [--seed N] [--trace] [--jobs N] [--digest] [--first]
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "sim/script.h"
#include "sim/world/schedule.h"

namespace {

struct Options {
  std::uint64_t schedules = 1000;
  std::uint64_t seed = 1;
  bool one = false;
  bool trace = false;
  bool digest = false;
  std::uint64_t jobs = 2;
  std::uint64_t most_failures = 10;  // of a job
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto value = [&] { return i + 1 < argc ? std::strtoull(argv[++i], nullptr, 10) : 0; };
    if (word == "--seed") {
      options.seed = value();
      options.one = true;
    } else if (word == "--from") {
      options.seed = value();
    } else if (word == "--jobs") {
      options.jobs = std::max<std::uint64_t>(value(), 1);
    } else if (word == "--trace") {
      options.trace = true;
    } else if (word == "--first") {
      options.most_failures = 1;
    } else if (word == "--digest") {
      options.digest = true;
    } else {
      options.schedules = std::strtoull(word.c_str(), nullptr, 10);
    }
  }
  if (options.one) options.schedules = 1;
  return options;
}

// Returns whether it held.
bool run(sim::ScriptEngine& scripts, std::uint64_t seed, const Options& options) {
  sim::Schedule schedule(scripts, seed, options.trace);
  std::string wrong;
  try {
    schedule.run();
  } catch (const sim::Violation& violation) {
    wrong = violation.text;
  }
  if (options.digest) {
    std::printf("seed %llu: %016llx, %llu events\n", static_cast<unsigned long long>(seed),
                static_cast<unsigned long long>(schedule.digest()),
                static_cast<unsigned long long>(schedule.events()));
  }
  if (wrong.empty()) return true;
  std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), wrong.c_str());
  std::fflush(stdout);
  return false;
}

int run_share(const Options& options, std::uint64_t job, std::uint64_t jobs) {
  sim::ScriptEngine scripts;
  std::uint64_t failed = 0;
  for (std::uint64_t i = job; i < options.schedules; i += jobs) {
    if (!run(scripts, options.seed + i, options)) ++failed;
    if (failed >= options.most_failures) break;
  }
  std::fflush(stdout);
  return failed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  const std::uint64_t jobs = std::min(options.jobs, options.schedules);
  if (jobs <= 1) return run_share(options, 0, 1);
  bool well = true;
  std::vector<pid_t> children;
  for (std::uint64_t job = 0; job < jobs; ++job) {
    const pid_t child = fork();
    if (child == 0) _exit(run_share(options, job, jobs));
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    well = well && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  return well ? 0 : 1;
}
