// Those who write.
#include "sim/world/schedule.h"

namespace sim {

Tool& Schedule::make_tool(const std::string& name) {
  Tool& tool = *tools_.emplace_back(std::make_unique<Tool>(world_, network_, disk_, name));
  if (faults_over_) return tool;
  if (plan_.has(Fault::pause_tool)) tool.process.paused_once_in = 300 + world_.random.below(3000);
  return tool;
}

// At one in so many system calls, or, more often in some runs, just behind what others see.
void Schedule::let_be_killed(Tool& tool, std::uint64_t once_in) {
  if (!plan_.has(Fault::kill_tool) || faults_over_) return;
  tool.process.killed_once_in = once_in;
  tool.process.killed_once_in_effects = 1 + world_.random.below(12);
}

chat::PublisherOptions Schedule::publishing() {
  chat::PublisherOptions options;
  if (world_.random.chance(30)) options.stored = [](std::uint64_t, chat::EntryId) {};
  if (plan_.wait) options.wait_replicas = 1;
  if (world_.random.chance(20)) options.retry_for = std::chrono::minutes(5);
  return options;
}

void Schedule::add_author(std::uint32_t number) {
  Tool& tool = make_tool("pub" + std::to_string(number));
  Author& author = *authors_.emplace_back(std::make_unique<Author>());
  author.number = number;
  author.lines = 1 + static_cast<std::uint32_t>(world_.random.below(plan_.lines));
  author.runs.push_back(&tool);
  Time when = world_.some_time(0, plan_.active / 2);
  const double rate = world_.random.chance(10) ? 20 : 0;
  world_.at(when, [this, &tool, rate] { tool.publish(endpoint(), "topic1", publishing(), rate); });
  const Time gap = (plan_.active - when) / author.lines;
  const bool burst = world_.random.chance(30);
  const std::size_t long_once = world_.random.chance(30) ? 3 : 0;
  for (std::uint32_t i = 1; i <= author.lines; ++i) {
    std::string text = Line{number, i}.str();
    if (world_.once_in(long_once)) text += ' ' + std::string(world_.random.below(3000), 'x');
    world_.at(when, [&tool, text] { tool.input->type(text + '\n'); });
    if (i == author.lines) last_words_.push_back(when);
    if (burst && !world_.once_in(10)) continue;
    when += static_cast<Time>(world_.random.below(static_cast<std::uint64_t>(2 * gap + 1)));
  }
  world_.at(when, [&tool] { tool.input->end(); });
}

void Schedule::add_importer(std::uint32_t number) {
  Author& author = *authors_.emplace_back(std::make_unique<Author>());
  author.number = number;
  author.lines = 1 + static_cast<std::uint32_t>(world_.random.below(plan_.lines));
  author.imports = true;
  world_.at(world_.some_time(0, plan_.active), [this, &author] { run_import(author); });
}

void Schedule::run_import(Author& author) {
  Tool& tool = make_tool("import" + std::to_string(author.number));
  author.runs.push_back(&tool);
  // A node that doesn't know yet that another one has taken over still leads to it.
  author.last_run = faults_over_ && !taking_over_;
  let_be_killed(tool, 20 + world_.random.below(500));
  std::string text;
  Time when = world_.now();
  for (std::uint32_t i = 1; i <= author.lines; ++i) {
    text += Line{author.number, i}.str() + '\n';
    if (!world_.once_in(4) && i < author.lines) continue;
    if (!faults_over_) when += world_.some_time(0, second);
    world_.at(when, [&tool, text] { tool.input->type(text); });
    text.clear();
  }
  world_.at(when, [&tool] { tool.input->end(); });
  chat::PublisherOptions options = publishing();
  options.import_id = "import" + std::to_string(author.number);
  tool.publish(endpoint(), "topic1", std::move(options), 0);
  again(tool, false, [this, &author] { run_import(author); });
}

// A tool that has ended is run again some time later, until a run has succeeded in which nothing went wrong.
void Schedule::again(Tool& tool, bool always, std::function<void()> run) {
  tool.after_end = [this, &tool, always, last = faults_over_ && !taking_over_ && !always,
                    run = std::move(run)] {
    if (last_runs_ || (last && tool.end == Tool::End::done)) return;
    // Soon, or when much has been stored, and trimmed, since then.
    const Time least = world_.random.chance(30) ? second : 0;
    const Time wait = faults_over_ ? second : least + world_.some_time(millisecond, 5 * second);
    world_.after(wait, [this, run] {
      if (!last_runs_) run();
    });
  };
}

}  // namespace sim
