#pragma once

#include "base/error.h"

namespace chat::cli {

constexpr int internal_error = 70;

/// The exit code of each kind of failure.
int exit_code(Failure failure);

}  // namespace chat::cli
