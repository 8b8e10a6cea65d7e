#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/script.h"
#include "sim/world/disk.h"
#include "sim/world/network.h"
#include "sim/world/oracle.h"
#include "sim/world/plan.h"
#include "sim/world/tools.h"
#include "sim/world/world.h"

namespace sim {

/// One seed's story: tools at work, things that go wrong, and what must be true afterwards.
class Schedule {
 public:
  Schedule(ScriptEngine& scripts, std::uint64_t seed, bool tracing);

  /// Throws Violation.
  void run();
  std::uint64_t digest() const { return world_.digest(); }
  std::uint64_t events() const { return world_.events(); }

  /// Somebody who types lines into a publisher.
  struct Author {
    Tool* tool = nullptr;
    std::uint32_t number = 0;
    std::uint32_t lines = 0;
  };
  /// Somebody who reads from the topic's begin.
  struct Reader {
    Tool* tool = nullptr;
  };

 private:
  // Who takes part (actors.cpp).
  Tool& make_tool(const std::string& name);
  void add_author(std::uint32_t number);
  void add_reader(std::uint32_t number);
  chat::Endpoint endpoint() const;

  // What goes wrong (faults.cpp).
  void begin_faults();
  void end_faults();
  void often(Time mean, void (Schedule::*fault)());
  void cut_one();
  void stall_one();

  // What must be true (checks.cpp).
  void check();
  void check_history(const Oracle::History& history) const;
  void check_author(const Author& author, const Oracle::History& history) const;
  void check_reader(const Reader& reader, const Oracle::History& history) const;

  World world_;
  Plan plan_;
  Disk disk_;
  Network network_;
  Oracle oracle_;
  Host host_;
  std::vector<std::unique_ptr<Tool>> tools_;
  std::vector<Author> authors_;
  std::vector<Reader> readers_;
  bool faults_over_ = false;
  Time last_late_ = 0;  // when the last bytes arrive that were cut off
};

}  // namespace sim
