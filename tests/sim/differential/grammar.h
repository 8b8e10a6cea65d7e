#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/random.h"

namespace sim::differential {

/// A command of one of the clients.
struct Step {
  std::size_t client;
  std::vector<std::string> args;
};

struct History {
  std::size_t node_entries;  // stream-node-max-entries
  std::size_t node_bytes;    // stream-node-max-bytes
  std::vector<Step> steps;
};

inline constexpr std::size_t clients = 3;

/// Makes up commands from a seed, close to the edges: few keys, few IDs, small numbers, wrong types, wrong
/// numbers of arguments.
class Grammar {
 public:
  explicit Grammar(std::uint64_t seed) : random_(seed) {}
  History history(std::size_t steps);

 private:
  using Args = std::vector<std::string>;

  void add_transaction(History& history);
  Args command();
  Args key_command();
  Args hash_command();
  Args stream_command();
  Args group_command();
  Args claim_command();
  Args pubsub_command();
  Args script_command();
  Args server_command();
  Args publish_script();
  Args create_script();
  Args xadd();
  Args read(bool grouped);
  Args pending();

  std::string stream();
  std::string hash();
  std::string text();
  std::string id();
  std::string range_end();
  std::string number();
  std::string group() { return std::string(random_.pick({"g1", "g1", "g2"})); }
  std::string consumer() { return std::string(random_.pick({"ana", "ben", "cleo"})); }
  std::string channel() { return std::string(random_.pick({"news", "sport", "topic1"})); }
  std::string cased(std::string word);
  void add_trim(Args& args);
  void add_count(Args& args);
  void damage(Args& args);

  Random random_;
  bool in_script_ = false;
};

}  // namespace sim::differential
