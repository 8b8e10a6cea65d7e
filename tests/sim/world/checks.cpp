// What must be true of what was written.
#include <charconv>
#include <map>
#include <set>

#include "sim/world/schedule.h"

namespace sim {

void violated(const std::string& who, const std::string& what) { throw Violation{who + ": " + what}; }

std::uint64_t number_behind(std::string_view text, std::string_view words) {
  const std::size_t at = text.find(words);
  std::uint64_t number = 0;
  if (at == std::string_view::npos) return 0;
  std::from_chars(text.data() + at + words.size(), text.data() + text.size(), number);
  return number;
}

namespace {

// How many of its lines a run says are acknowledged.
std::uint64_t acknowledged_by(const Tool& tool, std::uint32_t lines) {
  if (tool.end == Tool::End::done) return lines;
  if (tool.end != Tool::End::failed) return 0;
  const std::uint64_t first = number_behind(tool.error, "nothing from record ");
  return first == 0 ? 0 : first - 1;
}

std::uint64_t gone_by(const Tool& tool) {
  std::uint64_t gone = number_behind(tool.error, "of what it had acknowledged, ");
  for (const Told& told : tool.told) gone += number_behind(told.text, "of what it had acknowledged, ");
  return gone;
}

}  // namespace

void Schedule::check() {
  for (const auto& tool : tools_) {
    if (tool->error.starts_with("internal error")) violated(tool->process.name(), tool->error);
  }
  check_history();
  left_ = left_in_stream();
  for (const auto& author : authors_) check_author(*author);
  for (const auto& reader : readers_) {
    check_reader(*reader);
    if (reader->kind == Reader::Kind::group) check_group(*reader);
    if (reader->kind == Reader::Kind::subscriber) check_in_time(*reader);
  }
}

// Each line once, each author's in the order in which they were typed.
void Schedule::check_history() const {
  std::map<std::uint32_t, std::uint32_t> last;
  for (const Oracle::Stored& stored : history_) {
    std::uint32_t& before = last[stored.line.publisher];
    if (stored.line.number <= before && oracle_.is_not_known_again(stored.line)) continue;
    if (stored.line.number == before) violated("history", stored.line.str() + " is stored twice");
    if (stored.line.number < before) {
      violated("history", stored.line.str() + " stands behind p" + std::to_string(stored.line.publisher) +
                              "-" + std::to_string(before));
    }
    before = stored.line.number;
  }
}

void Schedule::check_author(const Author& author) const {
  const Tool& last = *author.runs.back();
  const std::string& name = last.process.name();
  std::set<std::uint32_t> there;
  for (const Oracle::Stored& stored : history_) {
    if (stored.line.publisher == author.number) there.insert(stored.line.number);
  }
  const std::uint32_t highest = there.empty() ? 0 : *there.rbegin();
  const std::uint64_t acknowledged = acknowledged_by(last, author.lines);
  std::uint64_t holes = 0;
  bool any_given_up = false;
  for (std::uint32_t i = 1; i <= author.lines; ++i) {
    const Line line{author.number, i};
    const bool given_up = oracle_.given_up().contains(line);
    any_given_up = any_given_up || given_up;
    if (there.contains(i)) continue;
    // A replica had it that has become the master, unless a server came back with less than it had.
    const bool kept = plan_.wait && !plan_.has(Fault::kill_server) && !plan_.has(Fault::crash);
    if (i <= acknowledged && (!given_up || author.imports || kept)) {
      violated(name, line.str() + " was acknowledged, and is not in the history");
    }
    if (i < highest) ++holes;
  }
  const std::uint64_t gone = gone_by(last);
  if (author.imports) {
    if (holes > 0) violated(name, "published lines behind a hole");
    return;
  }
  // In what was trimmed nobody sees whether it is another history; one that says so has ended with that.
  const bool unsure = last.error.find("may be stored or not") != std::string::npos;
  if (gone < holes && !plan_.has(Fault::trim) && !unsure) {
    violated(name,
             std::to_string(holes) + " acknowledged lines are gone, and it told " + std::to_string(gone));
  }
  // An old master that refuses all has them not, either, but gives up nothing.
  if (gone > 0 && !any_given_up && !last.process.split) {
    violated(name, "told that lines are gone, and none is");
  }
}

}  // namespace sim
