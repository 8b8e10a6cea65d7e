#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "sim/world/schedule.h"

namespace sim {

namespace {

[[noreturn]] void violated(const std::string& who, const std::string& what) {
  throw Violation{who + ": " + what};
}

// The number behind the first of these words.
std::uint64_t number_behind(std::string_view text, std::string_view words) {
  const std::size_t at = text.find(words);
  std::uint64_t number = 0;
  if (at == std::string_view::npos) return 0;
  std::from_chars(text.data() + at + words.size(), text.data() + text.size(), number);
  return number;
}

std::vector<Line> lines_of(std::string_view output) {
  std::vector<Line> lines;
  while (!output.empty()) {
    const std::size_t end = std::min(output.find('\n'), output.size());
    lines.push_back(Line::parse(output.substr(0, end)));
    output.remove_prefix(std::min(end + 1, output.size()));
  }
  return lines;
}

struct Books {
  std::uint64_t trimmed = 0;
  std::uint64_t gone = 0;
};

Books told_by(const Tool& tool) {
  Books books;
  for (const Told& told : tool.told) {
    if (told.kind != Told::Kind::lost) continue;
    const bool gone = told.text.find("older history") != std::string::npos;
    const std::uint64_t count = number_behind(told.text, gone ? "older history: " : ": lost ");
    if (count == 0) violated(tool.process.name(), "told nothing: " + told.text);
    (gone ? books.gone : books.trimmed) += count;
  }
  return books;
}

}  // namespace

void Schedule::check() {
  const Oracle::History& history = oracle_.of(host_.server(), "chat:{topic1}");
  check_history(history);
  for (const Author& author : authors_) check_author(author, history);
  for (const Reader& reader : readers_) check_reader(reader, history);
}

// Each line once, each author's in the order in which they were typed.
void Schedule::check_history(const Oracle::History& history) const {
  std::map<std::uint32_t, std::uint32_t> last;
  for (const Oracle::Stored& stored : history) {
    std::uint32_t& before = last[stored.line.publisher];
    if (stored.line.number == before) violated("history", stored.line.str() + " is stored twice");
    if (stored.line.number < before) {
      violated("history", stored.line.str() + " stands behind p" + std::to_string(stored.line.publisher) +
                              "-" + std::to_string(before));
    }
    before = stored.line.number;
  }
}

void Schedule::check_author(const Author& author, const Oracle::History& history) const {
  const Tool& tool = *author.tool;
  const std::string& name = tool.process.name();
  std::uint64_t acknowledged = 0;
  if (tool.end == Tool::End::done) {
    acknowledged = author.lines;
  } else if (tool.end == Tool::End::failed) {
    const std::uint64_t first = number_behind(tool.error, "nothing from record ");
    acknowledged = first == 0 ? 0 : first - 1;
    if (tool.failure != chat::Failure::again && tool.failure != chat::Failure::unreachable) {
      violated(name, "failed: " + tool.error);
    }
  }
  std::set<std::uint32_t> there;
  for (const Oracle::Stored& stored : history) {
    if (stored.line.publisher == author.number) there.insert(stored.line.number);
  }
  for (std::uint32_t i = 1; i <= acknowledged; ++i) {
    const Line line{author.number, i};
    if (there.contains(i) || oracle_.given_up().contains(line)) continue;
    violated(name, line.str() + " was acknowledged, and is not in the history");
  }
}

void Schedule::check_reader(const Reader& reader, const Oracle::History& history) const {
  const Tool& tool = *reader.tool;
  const std::string& name = tool.process.name();
  if (tool.end == Tool::End::failed) violated(name, "failed: " + tool.error);
  const Books books = told_by(tool);
  const std::vector<Line> lines = lines_of(tool.output->text());
  std::set<Line> delivered;
  for (const Line& line : lines) {
    if (line.number == 0) violated(name, "gave a line that nobody wrote");
    if (!delivered.insert(line).second) violated(name, "gave " + line.str() + " twice");
  }
  std::map<Line, std::size_t> places;
  for (std::size_t i = 0; i < history.size(); ++i) places[history[i].line] = i;
  std::optional<std::size_t> before;
  bool any_given_up = false;
  for (const Line& line : lines) {
    const auto place = places.find(line);
    const bool given_up = oracle_.given_up().contains(line);
    any_given_up = any_given_up || given_up;
    if (place == places.end() && !given_up) violated(name, "gave " + line.str() + ", which was never stored");
    if (place == places.end() || given_up) continue;
    if (before && place->second < *before) violated(name, "gave " + line.str() + " too late");
    before = place->second;
  }
  std::uint64_t missing = 0;
  std::string first_missing;
  for (const Oracle::Stored& stored : history) {
    if (delivered.contains(stored.line)) continue;
    if (missing++ == 0) first_missing = stored.line.str();
  }
  if (missing > books.trimmed) {
    violated(name, "did not give " + std::to_string(missing) + " messages (the first is " + first_missing +
                       "), and told only " + std::to_string(books.trimmed));
  }
  if (any_given_up) return;
  if (books.gone > 0) violated(name, "told that messages are gone, and none is");
  if (books.trimmed > missing) {
    violated(name, "told a loss of " + std::to_string(books.trimmed) + ", and " + std::to_string(missing) +
                       " are missing");
  }
}

}  // namespace sim
