// What must be true of what was read.
#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "sim/world/schedule.h"

namespace sim {

namespace {

std::vector<Line> lines_of(std::string_view output) {
  std::vector<Line> lines;
  while (!output.empty()) {
    const std::size_t end = std::min(output.find('\n'), output.size());
    lines.push_back(Line::parse(output.substr(0, end)));
    output.remove_prefix(std::min(end + 1, output.size()));
  }
  return lines;
}

// What a reader said of messages that it won't give.
struct Losses {
  std::uint64_t trimmed = 0;
  std::uint64_t gone = 0;
};

Losses told_by(const Reader& reader) {
  Losses losses;
  for (const Tool* tool : reader.runs) {
    for (const Told& told : tool->told) {
      if (told.kind != Told::Kind::lost) continue;
      const std::string_view text = told.text;
      const bool gone = text.find("older history: ") != std::string_view::npos;
      const std::string_view words = gone ? "older history: " : ": lost ";
      std::uint64_t count = 0;
      const char* const begin = text.data() + std::min(text.find(words) + words.size(), text.size());
      std::from_chars(begin, text.data() + text.size(), count);
      if (text.find(": lost message ") != std::string_view::npos) count = 1;
      if (count == 0) violated(reader.name, "told nothing: " + told.text);
      (gone ? losses.gone : losses.trimmed) += count;
    }
  }
  return losses;
}

// Whether something has ended that may have to be done again.
bool may_repeat(const Reader& reader) {
  return std::ranges::any_of(reader.runs, [](const Tool* tool) {
    return tool->end == Tool::End::killed || tool->end == Tool::End::failed;
  });
}

}  // namespace

std::set<Line> Schedule::missing_of(const Reader& reader, const std::vector<Line>& lines) const {
  const std::set<Line> given(lines.begin(), lines.end());
  std::set<Line> missing;
  for (const Oracle::Stored& one : history_) {
    const bool dead = reader.kind == Reader::Kind::group && dead_letters_.contains(one.line);
    if (!given.contains(one.line) && !dead) missing.insert(one.line);
  }
  return missing;
}

void Schedule::check_reader(const Reader& reader) const {
  std::vector<Line> lines = reader.handled;
  for (const Tool* tool : reader.runs) {
    if (!reader.exec) {
      const std::vector<Line> more = lines_of(tool->output->text());
      lines.insert(lines.end(), more.begin(), more.end());
    }
    if (tool->end != Tool::End::failed) continue;
    const bool may_fail = reader.kind != Reader::Kind::subscriber &&
                          (tool->failure == chat::Failure::command || tool->failure == chat::Failure::file ||
                           tool->failure == chat::Failure::again || tool->failure == chat::Failure::unreachable);
    if (!may_fail) violated(reader.name, "failed: " + tool->error);
  }
  if (reader.kind != Reader::Kind::group) check_once_and_in_order(reader, lines);
  check_losses(reader, lines);
}

void Schedule::check_once_and_in_order(const Reader& reader, const std::vector<Line>& lines) const {
  std::map<Line, std::size_t> places;
  for (std::size_t i = 0; i < history_.size(); ++i) places[history_[i].line] = i;
  const bool repeats = may_repeat(reader);
  std::set<Line> given;
  std::optional<std::size_t> before;
  for (const Line& line : lines) {
    const auto place = places.find(line);
    const bool given_up = oracle_.given_up().contains(line);
    if (place == places.end() && !given_up) violated(reader.name, "gave " + line.str() + ", which was never stored");
    if (repeats) continue;
    if (!given.insert(line).second) violated(reader.name, "gave " + line.str() + " twice");
    if (given_up) continue;
    if (before && place->second < *before) violated(reader.name, "gave " + line.str() + " too late");
    before = place->second;
  }
}

void Schedule::check_losses(const Reader& reader, const std::vector<Line>& lines) const {
  const Losses told = told_by(reader);
  const std::set<Line> missing = missing_of(reader, lines);
  if (missing.size() > told.trimmed) {
    violated(reader.name, "did not give " + std::to_string(missing.size()) + " messages (the first is " +
                              missing.begin()->str() + "), and told " + std::to_string(told.trimmed));
  }
  const bool any_given_up = std::ranges::any_of(
      lines, [this](const Line& line) { return oracle_.given_up().contains(line); });
  if (any_given_up || may_repeat(reader) || reader.kind == Reader::Kind::group) return;
  if (told.gone > 0) violated(reader.name, "told that messages are gone, and none is");
  if (told.trimmed > missing.size()) {
    violated(reader.name, "told a loss of " + std::to_string(told.trimmed) + ", and " +
                              std::to_string(missing.size()) + " are missing");
  }
}

}  // namespace sim
