#pragma once

#include <initializer_list>

#include "base/wait.h"

namespace chat::cli {

/// From now on SIGINT and SIGTERM, unless they are ignored, ask to stop by the token, a second one ends the
/// program at once; SIGPIPE and SIGXFSZ are ignored. To be called once.
StopToken catch_signals();

/// From now on these ask to stop too, unless they are ignored: SIGHUP and SIGQUIT where something has to be
/// put back first.
void stop_by(std::initializer_list<int> signals);

/// What the second one does before the program ends: only what a handler of signals may do. nullptr: nothing.
void before_death(void (*work)());

/// The signal that asked to stop; 0: none did.
int stop_signal();

/// Ends the program as the signal does by itself, or with 128 + signal where the system doesn't let it
/// (process 1).
[[noreturn]] void die_by(int signal);

/// As process 1, which a container without an init makes of a program, signals don't end it and nobody reaps
/// what others leave behind. So it goes on as a child of itself, and this returns only there: the parent
/// hands signals on, reaps, and ends with the child's exit code, 128 + n after signal n. Elsewhere nothing
/// happens.
void leave_process_1();

}  // namespace chat::cli
