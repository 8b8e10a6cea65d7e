#include "process/command.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <vector>

#include "base/output.h"
#include "base/secrets.h"
#include "base/wait.h"
#include "process/keeper.h"

namespace chat {

namespace {

class Descriptor {
 public:
  Descriptor(int fd, const char* call) : fd_(fd) {
    if (fd < 0) throw std::system_error(errno, std::generic_category(), call);
  }
  ~Descriptor() { close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

int status_of(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "waitpid");
  }
  return status;
}

/// What the child needs, made before the fork: after it only async-signal-safe calls may be made.
struct Start {
  int input;
  int failed;  // closed by exec; else the error's number goes there
  const Keeper& keeper;
  pid_t parent;
  sigset_t mask;
  char* const* arguments;
  char* const* variables;
};

[[noreturn]] void become_shell(const Start& start) {
  if (!start.keeper.watch(getpid()) || getppid() != start.parent) _exit(127);  // it has died before that
  // What this program handles must not be handled here too, once the mask is open again.
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction action {};
    if (sigaction(number, nullptr, &action) == 0 && action.sa_handler != SIG_IGN) signal(number, SIG_DFL);
  }
  // What this program ignores, the command shall not: exec passes that on.
  for (const int ignored : {SIGPIPE, SIGXFSZ}) signal(ignored, SIG_DFL);
  sigprocmask(SIG_SETMASK, &start.mask, nullptr);
  if (dup2(start.input, STDIN_FILENO) >= 0) execve("/bin/sh", start.arguments, start.variables);
  const int error = errno;
  static_cast<void>(write(start.failed, &error, sizeof error) == sizeof error);
  _exit(127);
}

pid_t spawn(const std::string& command, int input, const Keeper& keeper) {
  std::string shell = "sh";
  std::string option = "-c";
  std::string script = command;
  std::array<char*, 4> arguments{shell.data(), option.data(), script.data(), nullptr};
  // A command that talks to the same Redis logs in by itself: with --password-file, or a variable that it
  // sets.
  std::vector<std::string> environment = environment_without_passwords();
  std::vector<char*> variables;
  variables.reserve(environment.size() + 1);
  for (std::string& variable : environment) variables.push_back(variable.data());
  variables.push_back(nullptr);
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
  const Descriptor reading(ends[0], "pipe2");
  std::optional<Descriptor> writing(std::in_place, ends[1], "pipe2");
  Start start{input, ends[1], keeper, getpid(), {}, arguments.data(), variables.data()};
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, &start.mask);
  const pid_t pid = fork();
  if (pid == 0) become_shell(start);
  int error = errno;
  sigprocmask(SIG_SETMASK, &start.mask, nullptr);
  if (pid < 0) throw std::system_error(error, std::generic_category(), "can't start /bin/sh");
  writing.reset();
  ssize_t size = 0;
  do {
    size = read(reading.get(), &error, sizeof error);
  } while (size < 0 && errno == EINTR);
  if (size != sizeof error) return pid;
  status_of(pid);
  throw std::system_error(error, std::generic_category(), "can't start /bin/sh");
}

}  // namespace

CommandRunner::CommandRunner() = default;
CommandRunner::~CommandRunner() = default;

std::optional<std::string> CommandRunner::run(const std::string& command, const std::string& input,
                                              std::optional<std::chrono::milliseconds> keep_every,
                                              const std::function<void()>& keep) {
  if (keeper_ && !keeper_->watch(0)) keeper_.reset();  // somebody has killed it
  if (!keeper_) keeper_ = std::make_unique<Keeper>();
  std::optional<Descriptor> file(std::in_place, memfd_create("messages", MFD_CLOEXEC), "memfd_create");
  Output out(file->get());
  out.buffer() = input;
  out.flush();
  lseek(file->get(), 0, SEEK_SET);
  const pid_t pid = spawn(command, file->get(), *keeper_);
  file.reset();  // so that there is a descriptor for the next one: the command runs, and must not be started
                 // again
  if (keep_every) {
    const Descriptor process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)), "pidfd_open");
    pollfd ended{process.get(), POLLIN, 0};
    while (wait({&ended, 1}, Clock::now() + *keep_every, {}) == 0) keep();
  }
  const int status = status_of(pid);
  keeper_->watch(0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return std::nullopt;
  if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
  return "exit status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace chat
