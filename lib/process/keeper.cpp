#include "process/keeper.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace chat {

namespace {

struct ProcessAndParent {
  pid_t process;
  pid_t parent;
};

// https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: the parent is the second word behind the name,
// which stands in parentheses and may have any.
std::vector<ProcessAndParent> all_processes() {
  std::vector<ProcessAndParent> all;
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", gone)) {
    const std::string name = entry.path().filename();
    pid_t process = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), process).ec != std::errc()) continue;
    std::string line;
    std::getline(std::ifstream(entry.path() / "stat"), line, '\0');
    const std::size_t behind = line.rfind(") ");
    if (behind == std::string::npos || behind + 4 >= line.size()) continue;
    pid_t parent = 0;
    std::from_chars(line.data() + behind + 4, line.data() + line.size(), parent);
    all.push_back({process, parent});
  }
  return all;
}

// What is stopped starts nothing any more, so the search has an end.
void kill_with_descendants(pid_t top) {
  std::vector<pid_t> doomed{top};
  const auto is_doomed = [&](pid_t one) { return std::ranges::find(doomed, one) != doomed.end(); };
  kill(top, SIGSTOP);
  for (std::size_t before = 0; before < doomed.size();) {
    before = doomed.size();
    for (const auto& [process, parent] : all_processes()) {
      if (!is_doomed(parent) || is_doomed(process)) continue;
      kill(process, SIGSTOP);
      doomed.push_back(process);
    }
  }
  for (const pid_t one : doomed) kill(one, SIGKILL);
}

void close_all_but(int kept) {
  dup2(kept, STDIN_FILENO);
  if (close_range(STDIN_FILENO + 1, ~0U, 0) == 0) return;
  for (int fd = STDIN_FILENO + 1; fd < getdtablesize(); ++fd) close(fd);
}

[[noreturn]] void keep(int told) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  prctl(PR_SET_NAME, "chat-keeper");  // pkill(1) by the name of the tool must not take both
  close_all_but(told);                // connections, locks and outputs end with the other one
  pid_t command = 0;
  pid_t next = 0;
  while (read(STDIN_FILENO, &next, sizeof next) == sizeof next) command = next;
  if (command > 0) kill_with_descendants(command);
  _exit(0);
}

}  // namespace

Keeper::Keeper() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
  pid_ = fork();
  if (pid_ == 0) {
    close(ends[1]);
    keep(ends[0]);
  }
  const int error = errno;
  close(ends[0]);
  told_ = ends[1];
  if (pid_ > 0) return;
  close(told_);
  throw std::system_error(error, std::generic_category(), "can't start a process");
}

Keeper::~Keeper() {
  close(told_);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

bool Keeper::watch(pid_t command) const { return write(told_, &command, sizeof command) == sizeof command; }

}  // namespace chat
