#pragma once

namespace chat::cli {

/// Overwrites the password in the value of each `--redis URL` and `--redis=URL` with `*`, in place, where
/// other users of the machine see the command line.
void hide_passwords(int argc, char** argv);

/// From now on this process leaves no core file, and nobody but root reads its memory and environment
/// (PR_SET_DUMPABLE). What it executes is not concerned.
void keep_memory_private();

}  // namespace chat::cli
