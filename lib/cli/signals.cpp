#include "cli/signals.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
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

extern "C" void on_stop(int signal) {
  if (stopped_by != 0) {
    die_by(signal);
    return;
  }
  const int saved = errno;
  stopped_by = signal;
  const ssize_t written = write(stop_pipe[1], "", 1);
  static_cast<void>(written);
  alarm(1);
  errno = saved;
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
  set_handler(SIGALRM, on_alarm);
  for (const int signal : {SIGINT, SIGTERM}) {
    struct sigaction inherited = {};
    sigaction(signal, nullptr, &inherited);
    if (inherited.sa_handler != SIG_IGN) set_handler(signal, on_stop);  // the shell's `&` ignores SIGINT
  }
  return {stop_pipe[0], &stopped_by};
}

int stop_signal() { return stopped_by; }

void die_by(int signal) {
  set_handler(signal, SIG_DFL);
  raise(signal);
}

}  // namespace chat::cli
