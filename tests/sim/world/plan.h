#pragma once

#include <cstdint>
#include <string>

#include "sim/server.h"
#include "sim/world/world.h"

namespace sim {

/// What a seed turns on: who takes part, and which faults there are. Each is off more often than on, so that
/// what two of them do together isn't hidden by a third one.
struct Plan {
  unsigned publishers = 1;
  unsigned subscribers = 1;
  unsigned lines = 10;   ///< at most, of each publisher
  Time active = second;  ///< so long people type
  Time faults = second;  ///< so long things go wrong
  Persistence persistence = Persistence::always;
  std::size_t max_len = 0;  ///< of the topic; 0: the default

  bool split = false;
  bool slow = false;
  bool cut = false;
  bool late = false;  ///< what was cut off arrives later
  bool stall = false;
};

Plan make_plan(World& world);

}  // namespace sim
