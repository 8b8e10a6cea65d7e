#pragma once

#include "base/wait.h"

namespace chat::cli {

/// From now on SIGINT and SIGTERM, unless they are ignored, ask to stop by the token, a second one ends the
/// program at once; SIGPIPE is ignored. To be called once.
StopToken catch_signals();

/// The signal that asked to stop; 0: none did.
int stop_signal();

/// Ends the program as the signal does by itself.
void die_by(int signal);

}  // namespace chat::cli
