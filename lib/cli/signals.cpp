#include "cli/signals.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <limits>
#include <system_error>

namespace chat::cli {

namespace {

// A signal handler reaches nothing but statics.
volatile std::sig_atomic_t stopped_by = 0;
int stop_pipe[2] = {-1, -1};

void set_handler(int signal, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, nullptr);  // without SA_RESTART, so that a blocked call ends
}

void (*volatile last_work)() = nullptr;

extern "C" void on_stop(int signal) {
  if (stopped_by != 0) {
    void (*const work)() = last_work;
    last_work = nullptr;  // a third signal doesn't wait for it
    if (work != nullptr) work();
    die_by(signal);
  }
  const int saved = errno;
  stopped_by = signal;
  const ssize_t written = write(stop_pipe[1], "", 1);
  static_cast<void>(written);
  alarm(1);
  errno = saved;
}

void stop_by(int signal) {
  struct sigaction inherited = {};
  sigaction(signal, nullptr, &inherited);
  if (inherited.sa_handler != SIG_IGN) set_handler(signal, on_stop);  // the shell's `&` ignores SIGINT
}

// The signal may come after the flag was tested but before a read or write blocks: the alarm interrupts
// that call soon.
extern "C" void on_alarm(int) { alarm(1); }

}  // namespace

StopToken catch_signals() {
  if (pipe2(stop_pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
    throw std::system_error(errno, std::generic_category(), "pipe");
  }
  set_handler(SIGPIPE, SIG_IGN);
  set_handler(SIGXFSZ, SIG_IGN);  // a limit of files' sizes is told as an error
  set_handler(SIGALRM, on_alarm);
  stop_by({SIGINT, SIGTERM});
  return {stop_pipe[0], &stopped_by};
}

void stop_by(std::initializer_list<int> signals) {
  for (const int signal : signals) stop_by(signal);
}

void before_death(void (*work)()) { last_work = work; }

int stop_signal() { return stopped_by; }

void die_by(int signal) {
  set_handler(signal, SIG_DFL);
  sigset_t one{};
  sigemptyset(&one);
  sigaddset(&one, signal);
  sigprocmask(SIG_UNBLOCK, &one, nullptr);  // a handler has blocked its own
  raise(signal);
  _exit(128 + signal);
}

void leave_process_1() {
  if (getpid() != 1) return;
  sigset_t all{};
  sigset_t before{};
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  const pid_t child = fork();
  if (child <= 0) {  // a system without room for another process has to do with this one
    sigprocmask(SIG_SETMASK, &before, nullptr);
    return;
  }
  // A pipe ends when the child closes it.
  close_range(0, std::numeric_limits<unsigned>::max(), 0);
  while (true) {
    siginfo_t info{};
    if (sigwaitinfo(&all, &info) < 0) continue;
    int status = 0;
    for (pid_t pid = 0; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
      if (pid == child) _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
    }
    // What is typed the terminal tells the child too; of its end it tells this one only.
    const bool told = info.si_code == SI_KERNEL && info.si_signo != SIGHUP;
    if (info.si_signo != SIGCHLD && !told) kill(child, info.si_signo);
  }
}

}  // namespace chat::cli
