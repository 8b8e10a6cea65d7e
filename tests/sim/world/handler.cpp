// In the place of process/command.cpp: no process is started, but what the simulation gives runs in its
// place.
#include "process/command.h"
#include "process/keeper.h"
#include "sim/world/process.h"

namespace chat {

CommandRunner::CommandRunner() = default;
CommandRunner::~CommandRunner() = default;

std::optional<std::string> CommandRunner::run(const std::string&, const std::string& input,
                                              std::optional<std::chrono::milliseconds> keep_every,
                                              const std::function<void()>& keep) {
  std::optional<sim::Time> every;
  if (keep_every) every = keep_every->count() * sim::millisecond;
  return sim::Process::current()->handler(input, every, keep);
}

}  // namespace chat
