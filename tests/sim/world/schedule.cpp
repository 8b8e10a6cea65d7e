#include "sim/world/schedule.h"

#include <algorithm>

namespace sim {

namespace {

constexpr Time time_to_write = 320 * second;
constexpr Time time_to_settle = 30 * second;
constexpr Time time_to_read = 60 * second;
constexpr Time time_to_handle = 120 * second;
constexpr Time time_to_stop = 20 * second;

bool has_ended(const Tool* tool) { return tool->end != Tool::End::running; }

}  // namespace

Schedule::Schedule(ScriptEngine& scripts, std::uint64_t seed, bool tracing)
    : scripts_(scripts),
      world_(seed, tracing),
      plan_(make_plan(world_)),
      network_(world_),
      a_(world_, scripts, "redis-a", {}),
      b_(world_, scripts, "redis-b", {}) {}

// Those that still run unwind, with all that they use there.
Schedule::~Schedule() {
  for (const auto& tool : tools_) tool->process.end_now();
}

void Schedule::run() {
  world_.trace("", "--- " + plan_.str());
  set_up_servers();
  std::uint32_t number = 0;
  for (std::uint32_t i = 0; i < plan_.publishers; ++i) add_author(++number);
  for (std::uint32_t i = 0; i < plan_.importers; ++i) add_importer(++number);
  for (std::uint32_t i = 1; i <= plan_.subscribers; ++i) add_subscriber(i);
  for (std::uint32_t i = 1; i <= plan_.cursors; ++i) add_cursor(i);
  if (plan_.workers > 0) add_group();
  begin_faults();
  world_.run_until(plan_.faults);
  end_faults();
  finish_writing();
  finish_reading();
  check();
}

void Schedule::wait_for(Time most, const std::string& what, const std::function<bool()>& done) {
  if (!world_.run_until(std::max(world_.now(), last_late_) + most, done)) throw Violation{what};
}

void Schedule::finish_writing() {
  wait_for(time_to_write, "a publisher doesn't end", [this] {
    return std::ranges::all_of(authors_, [](const auto& author) {
      return !author->runs.empty() && has_ended(author->runs.back()) &&
             (!author->imports || (author->last_run && author->runs.back()->end == Tool::End::done));
    });
  });
  world_.run_until(std::max(world_.now(), last_late_) + time_to_settle);
}

void Schedule::finish_reading() {
  history_ = stored("chat:{topic1}");
  // By a clock that was set back, messages have been left for less time than they were.
  const Time set_back = plan_.has(Fault::server_clock) ? 1500 * second : 0;
  wait_for(time_to_handle + set_back + 6 * plan_.claim_after, "the group doesn't handle all", [this] {
    return std::ranges::all_of(readers_, [this](const auto& reader) {
      return reader->kind != Reader::Kind::group || !anything_left(*reader);
    });
  });
  last_runs_ = true;
  const auto ended = [this] {
    return std::ranges::all_of(
        readers_, [](const auto& reader) { return std::ranges::all_of(reader->runs, has_ended); });
  };
  world_.trace("", "--- all are told to stop");
  for (const auto& tool : tools_) {
    if (!tool->process.ended()) tool->process.stop();
  }
  wait_for(time_to_stop, "a reader doesn't stop", ended);
  for (const auto& reader : readers_) {
    if (reader->kind == Reader::Kind::cursor) run_cursor(*reader);
  }
  wait_for(time_to_read, "a cursor's run doesn't end", ended);
}

// The messages that are in the stream now.
std::set<Line> Schedule::left_in_stream() {
  const Database& data = serving("chat:{topic1}").server().data();
  const auto place = data.find("chat:{topic1}");
  std::set<Line> left;
  if (place == data.end()) return left;
  const auto& stream = std::get<Stream>(place->second.data);
  for (const Oracle::Stored& one : history_) {
    if (stream.has(one.id)) left.insert(one.line);
  }
  return left;
}

// Whether there are messages in the stream that the group neither handled nor put aside.
bool Schedule::anything_left(const Reader& group) {
  dead_letters_.clear();
  for (const Oracle::Stored& one : stored("chat:{topic2}")) dead_letters_.insert(one.line);
  const std::set<Line> missing = missing_of(group, group.handled);
  if (missing.empty() || is_split(group)) return false;
  return std::ranges::any_of(left_in_stream(), [&](const Line& line) { return missing.contains(line); });
}

}  // namespace sim
