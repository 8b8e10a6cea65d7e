// measure REPORT COMMAND [ARGUMENT…]: runs the command and ends with its exit status. Writes to the file
// REPORT seconds from start to end, seconds of CPU, and the peak of resident memory in KiB.
//
// A program of its own because the kernel counts what a process had before exec into its peak: this one has
// little. The command is killed when this program or its parent is gone.

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <chrono>
#include <fstream>

#include "raw.h"

namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) raw::fail("measure REPORT COMMAND [ARGUMENT…]");
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const auto start = std::chrono::steady_clock::now();
  const pid_t child = fork();
  if (child < 0) raw::fail(std::strerror(errno));
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execvp(argv[2], argv + 2);
    raw::fail(std::strerror(errno));
  }
  int status = 0;
  rusage usage{};
  if (wait4(child, &status, 0, &usage) < 0) raw::fail(std::strerror(errno));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::ofstream(argv[1]) << took.count() << ' ' << seconds(usage.ru_utime) + seconds(usage.ru_stime) << ' '
                         << usage.ru_maxrss << '\n';
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
