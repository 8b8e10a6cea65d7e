#include "sim/world/schedule.h"

namespace sim {

namespace {

constexpr std::uint16_t port = 6379;

}  // namespace

chat::Endpoint Schedule::endpoint() const {
  chat::Endpoint endpoint;
  endpoint.port = port;
  return endpoint;
}

Tool& Schedule::make_tool(const std::string& name) {
  return *tools_.emplace_back(std::make_unique<Tool>(world_, network_, disk_, name));
}

void Schedule::add_author(std::uint32_t number) {
  Tool& tool = make_tool("pub" + std::to_string(number));
  Author author{&tool, number, 1 + static_cast<std::uint32_t>(world_.random.below(plan_.lines))};
  authors_.push_back(author);
  Time when = world_.some_time(0, plan_.active / 2);
  world_.at(when, [this, &tool] {
    chat::PublisherOptions options;
    if (world_.random.chance(30)) options.stored = [](std::uint64_t, chat::EntryId) {};
    tool.publish(endpoint(), "topic1", std::move(options), 0);
  });
  const Time gap = (plan_.active - when) / author.lines;
  const bool burst = world_.random.chance(30);
  const std::size_t long_once = world_.random.chance(30) ? 3 : 0;
  for (std::uint32_t i = 1; i <= author.lines; ++i) {
    std::string text = Line{number, i}.str();
    if (world_.once_in(long_once)) text += ' ' + std::string(world_.random.below(3000), 'x');
    world_.at(when, [&tool, text] { tool.input->type(text + '\n'); });
    if (!burst || world_.once_in(10))
      when += static_cast<Time>(world_.random.below(static_cast<std::uint64_t>(2 * gap + 1)));
  }
  world_.at(when, [&tool] { tool.input->end(); });
}

void Schedule::add_reader(std::uint32_t number) {
  Tool& tool = make_tool("sub" + std::to_string(number));
  readers_.push_back({&tool});
  world_.at(world_.some_time(0, plan_.active), [this, &tool] {
    chat::SubscriberOptions options;
    options.topics = {"topic1"};
    options.start.kind = chat::StartAt::Kind::after;
    tool.subscribe(endpoint(), options);
  });
}

}  // namespace sim
