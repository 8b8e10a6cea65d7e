#include "cli/exit_code.h"

namespace chat::cli {

int exit_code(Failure failure) {
  switch (failure) {
    case Failure::usage:
      return 64;
    case Failure::input:
      return 65;
    case Failure::no_topic:
      return 66;
    case Failure::unreachable:
      return 69;
    case Failure::file:
      return 73;
    case Failure::output:
      return 74;
    case Failure::again:
      return 75;
    case Failure::lost:
      return 76;
    case Failure::denied:
      return 77;
    case Failure::command:
      return 1;
  }
  return internal_error;
}

}  // namespace chat::cli
