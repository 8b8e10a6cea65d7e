#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "chat/publisher.h"
#include "chat/subscriber.h"
#include "process/replay.h"
#include "sim/world/disk.h"
#include "sim/world/network.h"
#include "sim/world/pipes.h"
#include "sim/world/process.h"

namespace sim {

/// What a tool has told people, in its order.
struct Told {
  enum class Kind : std::uint8_t { lost, warn, note } kind;
  std::string text;
  Time when;
};

/// One run of a tool: the same few calls into lib as its main().
class Tool {
 public:
  enum class End : std::uint8_t { running, done, stopped, failed, killed };

  Tool(World& world, Network& network, Disk& disk, const std::string& name);

  void publish(const chat::Endpoint& endpoint, const std::string& topic, chat::PublisherOptions options,
               double rate);
  void subscribe(const chat::Endpoint& endpoint, chat::SubscriberOptions options);
  void replay(const chat::Endpoint& endpoint, chat::ReplayOptions options);

  Process process;
  std::function<void()> after_end;
  std::shared_ptr<InputPipe> input;
  std::shared_ptr<OutputPipe> output;
  std::vector<Told> told;
  End end = End::running;
  Time begun = 0;
  std::optional<chat::Failure> failure;
  std::string error;

  void tell(Told::Kind kind, const std::string& text);

 private:
  template <typename Work>
  void start(Work work);
};

}  // namespace sim
