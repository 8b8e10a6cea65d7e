#pragma once

#include <chrono>
#include <string>

#include "base/wait.h"
#include "chat/subscriber.h"
#include "process/filter.h"
#include "process/printer.h"
#include "process/progress_line.h"
#include "process/worker.h"
#include "redis/connection_pool.h"

namespace chat {

struct ReplayOptions {
  /// The topic, and what of it. Without a group all counts; with one only retry_for and live, which is
  /// whether to wait for more. A cursor that stands somewhere takes the place of `start`.
  SubscriberOptions reading;
  FilterOptions filter;
  PrinterOptions printing;  ///< its count is for a command too
  double speed = 0;         ///< pace, as Pacer has it; 0: as fast as can be
  std::string cursor;       ///< a file; empty: none
  WorkerOptions working;    ///< without a command messages are printed
  std::string dead_letter;  ///< a topic; empty: a message that failed ends the run
  std::string group;        ///< share with a consumer group; empty: don't
  std::string consumer;
  std::chrono::milliseconds claim_after{60'000};
  ProgressLine* progress = nullptr;  ///< shows how far it came; may be absent
};

/// Reads a topic's history, or shares it with a group, and prints each message to stdout or gives it to a
/// command. Throws what Subscriber::run, GroupReader::run, Worker and Cursor throw.
void replay(ConnectionPool& pool, const ReplayOptions& options, Notices& notices, const StopToken& stop);

}  // namespace chat
