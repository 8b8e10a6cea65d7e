#include "sim/world/plan.h"

namespace sim {

Plan make_plan(World& world) {
  Random& random = world.random;
  Plan plan;
  plan.publishers = 1 + static_cast<unsigned>(random.below(3));
  plan.subscribers = 1 + static_cast<unsigned>(random.below(2));
  plan.lines = 1 + static_cast<unsigned>(random.below(40));
  plan.active = world.some_time(10 * millisecond, 20 * second);
  plan.faults = plan.active + world.some_time(millisecond, 10 * second);
  plan.split = random.chance(40);
  plan.slow = random.chance(20);
  plan.cut = random.chance(50);
  plan.late = random.chance(50);
  plan.stall = random.chance(30);
  return plan;
}

}  // namespace sim
