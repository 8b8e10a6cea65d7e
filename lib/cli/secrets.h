#pragma once

namespace chat::cli {

/// Overwrites the password in the value of each `--redis URL` and `--redis=URL` with `*`, in place, where
/// other users of the machine see the command line.
void hide_passwords(int argc, char** argv);

}  // namespace chat::cli
