// Those who read.
#include <algorithm>

#include "sim/world/schedule.h"

namespace sim {

namespace {

using std::chrono::nanoseconds;

std::chrono::milliseconds to_ms(Time time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(nanoseconds(time));
}

}  // namespace

void Schedule::add_subscriber(std::uint32_t number) {
  Reader& reader = *readers_.emplace_back(std::make_unique<Reader>());
  reader.name = "sub" + std::to_string(number);
  reader.from_now = world_.random.chance(30);
  Tool& tool = make_tool(reader.name);
  reader.runs.push_back(&tool);
  Time when = world_.some_time(0, plan_.active);
  // What is said while it begins, and nothing more after that.
  if (world_.random.chance(25)) {
    when = last_words_[world_.random.below(last_words_.size())];
    when -= std::min(when, world_.some_time(0, 4 * millisecond));
  }
  world_.at(when, [this, &tool, &reader] {
    chat::SubscriberOptions options;
    options.topics = {"topic1"};
    if (!reader.from_now) options.start.kind = chat::StartAt::Kind::after;
    tool.subscribe(endpoint(), options);
  });
}

void Schedule::add_cursor(std::uint32_t number) {
  Reader& reader = *readers_.emplace_back(std::make_unique<Reader>());
  reader.kind = Reader::Kind::cursor;
  reader.name = "cursor" + std::to_string(number);
  reader.exec = world_.random.chance(40);
  world_.at(world_.some_time(0, plan_.active), [this, &reader] { run_cursor(reader); });
}

void Schedule::run_cursor(Reader& reader) {
  Tool& tool = make_tool(reader.name);
  if (!reader.runs.empty()) tool.process.newest_master = reader.runs.back()->process.newest_master;
  reader.runs.push_back(&tool);
  let_be_killed(tool, 20 + world_.random.below(500));
  chat::ReplayOptions options;
  options.reading.topics = {"topic1"};
  options.reading.start.kind = chat::StartAt::Kind::after;
  options.reading.live = !last_runs_ && world_.random.chance(30);
  options.cursor = "/cursor";
  options.printing.style.form = chat::Form::raw;
  if (reader.exec) {
    options.working.command = "handle";
    options.working.batch = 1 + world_.random.below(5);
    options.working.retries = 3;
    options.working.style.form = chat::Form::raw;
  }
  tool.process.handler = [this, &reader, &tool](const auto& input, const auto& every, const auto& keep) {
    return handle(reader, tool.process, input, every, keep);
  };
  tool.replay(endpoint(), options);
  if (options.reading.live) {
    world_.after(world_.some_time(millisecond, 20 * second), [&tool] { tool.process.stop(); });
  }
  again(tool, false, [this, &reader] { run_cursor(reader); });
}

void Schedule::add_group() {
  Reader& group = *readers_.emplace_back(std::make_unique<Reader>());
  group.kind = Reader::Kind::group;
  group.name = "group";
  group.exec = true;
  for (std::uint32_t i = 0; i < plan_.workers; ++i) {
    world_.at(world_.some_time(0, plan_.active), [this, &group] { run_worker(group); });
  }
}

void Schedule::run_worker(Reader& group) {
  Tool& tool = make_tool("worker" + std::to_string(group.runs.size() + 1));
  group.runs.push_back(&tool);
  let_be_killed(tool, 50 + world_.random.below(1000));
  chat::ReplayOptions options;
  options.reading.topics = {"topic1"};
  options.reading.live = true;
  options.group = "g";
  options.claim_after = to_ms(plan_.claim_after);
  options.working.command = "handle";
  options.working.batch = 1 + world_.random.below(5);
  options.working.retries = 1;
  options.working.style.form = chat::Form::raw;
  options.dead_letter = "topic2";
  tool.process.handler = [this, &group, &tool](const auto& input, const auto& every, const auto& keep) {
    return handle(group, tool.process, input, every, keep);
  };
  // It has two pools of connections, of which one may be there long before the other.
  tool.replay(endpoint(!plan_.has(Fault::remove_node)), options);
  if (!faults_over_ && world_.random.chance(30)) {
    world_.after(world_.some_time(millisecond, 20 * second), [&tool] { tool.process.stop(); });
  }
  again(tool, true, [this, &group] { run_worker(group); });
}

// What the command does with its input: it takes its time, and may fail, or kill who has started it.
std::optional<std::string> Schedule::handle(Reader& reader, Process& process, const std::string& input,
                                            std::optional<Time> keep_every,
                                            const std::function<void()>& keep) {
  std::vector<Line> lines;
  for (std::size_t at = 0; at < input.size(); at = input.find('\n', at) + 1) {
    lines.push_back(Line::parse(std::string_view(input).substr(at)));
  }
  const bool bad = plan_.has(Fault::bad_handler);
  Time work = world_.some_time(100 * microsecond, 50 * millisecond);
  if (bad && !faults_over_ && world_.once_in(20)) work = world_.some_time(second, 20 * second);
  for (const Time end = world_.now() + work; world_.now() < end;) {
    process.sleep_until(std::min(end, keep_every ? world_.now() + *keep_every : end));
    if (keep_every && world_.now() < end) keep();
  }
  process.at_call();
  if (bad && !faults_over_ && world_.once_in(40)) process.kill();
  process.at_call();
  if (bad && !faults_over_ && world_.once_in(10)) return "exit status 1";
  for (const Line& line : lines) {
    if (bad && reader.kind == Reader::Kind::group && line.number % 13 == 7) reader.bad.insert(line);
    if (reader.bad.contains(line)) return "exit status 2";
  }
  process.trace("handles " + input);
  reader.handled.insert(reader.handled.end(), lines.begin(), lines.end());
  process.after_effect();
  return std::nullopt;
}

}  // namespace sim
