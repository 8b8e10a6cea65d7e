#pragma once

#include <sys/types.h>

namespace chat {

/// A process that outlives this one by a moment, to kill the command under way with all that it has started:
/// it must not run on beside its own repetition. (PR_SET_PDEATHSIG reaches the shell, and not what a shell
/// has started.) It stays in this process's group, so a command may still use the terminal.
class Keeper {
 public:
  /// Throws std::system_error when it can't be started.
  Keeper();
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  /// From now on this process is to be killed; 0: none. Async-signal-safe, so that a command can tell of
  /// itself before exec: then there is no moment in which nobody knows of it. Returns false when the keeper
  /// isn't there any more.
  bool watch(pid_t command) const;

 private:
  int told_ = -1;  // the keeper reads its other end
  pid_t pid_ = -1;
};

}  // namespace chat
