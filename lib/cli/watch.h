#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/output.h"
#include "base/wait.h"
#include "redis/connection_pool.h"

namespace chat {

struct WatchOptions {
  std::vector<std::string> topics;  ///< names and patterns; none: all
  bool draw = false;                ///< over and over on the terminal that is the output
  bool color = false;
  bool by_activity = true;  ///< drawn: the busiest first; else by name
  bool json = false;        ///< not drawn: JSON objects
  std::optional<std::chrono::milliseconds>
      retry_for;                                 ///< how long an outage is ridden out; nothing: without end
  std::function<void(const std::string&)> warn;  ///< not drawn: told of an outage
  std::function<void(const std::string&)> note;  ///< not drawn: told of its end
};

/// Looks at topics once a second, until a stop is requested or, when drawn, q is pressed. Drawn, it shows all
/// of them; else it writes a line for each at first, and later for those in which something went on. Throws
/// what overview throws but Outage, Error(again) when an outage outlasts retry_for, ClosedOutput.
void watch(ConnectionPool& pool, const WatchOptions& options, Output& out, const StopToken& stop);

}  // namespace chat
