// What must be true of what was read.
#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "sim/world/schedule.h"

namespace sim {

namespace {

// Without the one that its writer didn't finish.
std::vector<Line> lines_of(std::string_view output) {
  std::vector<Line> lines;
  for (std::size_t end = output.find('\n'); end != std::string_view::npos; end = output.find('\n')) {
    lines.push_back(Line::parse(output.substr(0, end)));
    output.remove_prefix(end + 1);
  }
  return lines;
}

// The n of the ID behind these words.
std::uint64_t n_in(std::string_view text, std::string_view behind) {
  const std::size_t at = text.find(behind);
  if (at == std::string_view::npos) return 0;
  const std::size_t dash = text.find('-', at + behind.size());
  return dash == std::string_view::npos ? 0 : number_behind(text.substr(dash), "-");
}

// What a reader said of messages that it won't give.
struct Losses {
  std::uint64_t missing = 0;
  std::set<std::uint64_t> n;  // of those
  std::uint64_t gone = 0;     // in another history
};

void add_loss(const Reader& reader, std::string_view text, Losses& losses) {
  const bool gone = text.find("older history: ") != std::string_view::npos;
  std::uint64_t count = number_behind(text, gone ? "older history: " : ": lost ");
  if (gone || text.find("gone, since") != std::string_view::npos) {
    losses.gone += count;
  } else if (text.find(": lost message ") != std::string_view::npos) {
    count = losses.n.insert(n_in(text, ": lost message ")).second ? 1 : 0;
    losses.missing += count;
    return;
  } else {
    const bool between = text.find(" between ") != std::string_view::npos;
    const std::uint64_t from = n_in(text, between ? " between " : " after ") + 1;
    const std::uint64_t to = between ? n_in(text, " and ") - 1 : n_in(text, " up to ");
    for (std::uint64_t n = from; n <= to && n - from < 10'000; ++n) losses.n.insert(n);
    losses.missing += count;
  }
  if (count == 0) violated(reader.name, "told nothing: " + std::string(text));
}

Losses told_by(const Reader& reader) {
  Losses losses;
  for (const Tool* tool : reader.runs) {
    for (const Told& told : tool->told) {
      if (told.kind != Told::Kind::lost) continue;
      for (std::string_view rest = told.text; !rest.empty();) {
        const std::size_t end = std::min(rest.find("; "), rest.size());
        add_loss(reader, rest.substr(0, end), losses);
        rest.remove_prefix(std::min(end + 2, rest.size()));
      }
    }
  }
  return losses;
}

bool lost_redis(const Reader& reader) {
  return std::ranges::any_of(reader.runs, [](const Tool* tool) {
    return std::ranges::any_of(tool->told,
                               [](const Told& told) { return told.text.starts_with("lost Redis"); });
  });
}

bool told_forged(const Reader& reader) {
  return std::ranges::any_of(reader.runs, [](const Tool* tool) {
    return std::ranges::any_of(
        tool->told, [](const Told& told) { return told.text.find("forged, or") != std::string::npos; });
  });
}

// Whether something has ended that may have to be done again.
bool may_repeat(const Reader& reader) {
  return std::ranges::any_of(reader.runs, [](const Tool* tool) {
    return tool->end == Tool::End::killed || tool->end == Tool::End::failed;
  });
}

}  // namespace

// What one of its connections says is not what the other one does: a reader can't know which one is right.
bool Schedule::is_split(const Reader& reader) {
  return std::ranges::any_of(reader.runs, [](const Tool* tool) { return tool->process.split; });
}

std::set<Line> Schedule::missing_of(const Reader& reader, const std::vector<Line>& lines) const {
  const std::set<Line> given(lines.begin(), lines.end());
  std::set<Line> missing;
  std::set<Line> put_aside;
  if (reader.kind == Reader::Kind::group) {
    put_aside = dead_letters_;
    // Of a dead letter that is gone with its history, its publisher tells.
    for (const Oracle::Stored& one : oracle_.given_up_of("chat:{topic2}")) put_aside.insert(one.line);
  }
  // What was trimmed, or came back, before a reader's first look is not missing.
  bool begun = !plan_.has(Fault::trim) && oracle_.given_up().empty() && !reader.from_now;
  for (const Oracle::Stored& one : history_) {
    // What it saw in another history may stand before its place in this one.
    const bool elsewhere = reader.from_now && oracle_.given_up().contains(one.line);
    begun = begun || (given.contains(one.line) && !elsewhere);
    if (!begun) continue;
    if (!given.contains(one.line) && !put_aside.contains(one.line)) missing.insert(one.line);
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
    const bool may_fail =
        reader.kind != Reader::Kind::subscriber &&
        (tool->failure == chat::Failure::command || tool->failure == chat::Failure::file ||
         tool->failure == chat::Failure::again || tool->failure == chat::Failure::unreachable);
    if (!may_fail) violated(reader.name, "failed: " + tool->error);
  }
  if (reader.kind != Reader::Kind::group) check_once_and_in_order(reader, lines);
  if (is_split(reader)) return;
  // Nobody forges here, and a history that changes under a connection that lives on is a cluster's.
  if (nodes_.empty() && told_forged(reader)) violated(reader.name, "took what is gone for forged");
  const std::set<Line> missing = missing_of(reader, lines);
  check_left(reader, lines, missing);
  // What was trimmed in another history can't be told from what was trimmed in the one before.
  if (plan_.has(Fault::trim) && !oracle_.given_up().empty()) return check_count(reader, lines, missing);
  // What a worker had that was killed is taken from it by Redis without a word when it is trimmed meanwhile
  // (XCLAIM). What a group lost in an answer that was lost, or from what its worker kept with XCLAIM, isn't
  // told yet.
  const bool group_outage = reader.kind == Reader::Kind::group &&
                            (may_repeat(reader) || reader.runs.size() > plan_.workers || lost_redis(reader));
  if (!plan_.has(Fault::trim) || !group_outage) check_losses(reader, lines, missing);
}

void Schedule::check_once_and_in_order(const Reader& reader, const std::vector<Line>& lines) const {
  std::map<Line, std::size_t> places;
  for (std::size_t i = 0; i < history_.size(); ++i) places[history_[i].line] = i;
  // A run that is stopped while nobody reads has given part of what the next one begins with again. In
  // another history the next one goes back to the last place that it knows there.
  const bool many = reader.runs.size() > 1;
  const bool repeats = is_split(reader) || may_repeat(reader) ||
                       (many && (plan_.has(Fault::block_output) || !oracle_.given_up().empty()));
  std::set<Line> given;
  std::optional<std::size_t> before;
  for (const Line& line : lines) {
    const auto place = places.find(line);
    const bool given_up = oracle_.given_up().contains(line);
    if (place == places.end() && !given_up)
      violated(reader.name, "gave " + line.str() + ", which was never stored");
    if (repeats || oracle_.is_not_known_again(line)) continue;
    if (!given.insert(line).second) violated(reader.name, "gave " + line.str() + " twice");
    if (given_up) continue;
    if (before && place->second < *before) {
      // What was trimmed when the reader came to it, and came back with an older state, is given then.
      if (was_trimmed(history_[place->second])) continue;
      violated(reader.name, "gave " + line.str() + " too late");
    }
    before = place->second;
  }
}

// Whether it was trimmed in a history that was given up.
bool Schedule::was_trimmed(const Oracle::Stored& one) const {
  return plan_.max_len > 0 &&
         std::ranges::any_of(oracle_.given_up_of("chat:{topic1}"), [&](const Oracle::Stored& other) {
           return other.id > one.id && other.id.seq >= one.id.seq + plan_.max_len;
         });
}

// The same, and the reader was given another one in its place.
bool Schedule::looked_given(const Oracle::Stored& one, const std::vector<Line>& lines) const {
  return was_trimmed(one) &&
         std::ranges::any_of(oracle_.given_up_of("chat:{topic1}"), [&](const Oracle::Stored& other) {
           return other.id.seq == one.id.seq && std::ranges::find(lines, other.line) != lines.end();
         });
}

// What stands in the stream in the end was given, or told as lost: what was trimmed may come back with an
// older history. But what was trimmed when the reader came to it, it can't tell from what it was given in its
// place in another history, and doesn't look again when it is back.
void Schedule::check_left(const Reader& reader, const std::vector<Line>& lines,
                          std::set<Line> missing) const {
  std::erase_if(missing, [&](const Line& line) { return !left_.contains(line); });
  for (const Oracle::Stored& one : history_) {
    if (reader.kind == Reader::Kind::group || !missing.contains(one.line)) continue;
    if (looked_given(one, lines)) missing.erase(one.line);
  }
  if (missing.size() > told_by(reader).missing) {
    violated(reader.name, "did not give " + missing.begin()->str() + ", which is there");
  }
}

// In what was trimmed nobody sees which history it was of. But for each message that was not given, one that
// was is of a history that was given up, or it is told.
void Schedule::check_count(const Reader& reader, const std::vector<Line>& lines,
                           const std::set<Line>& missing) const {
  if (reader.kind != Reader::Kind::subscriber || may_repeat(reader) || lines.empty()) return;
  const auto is_given_up = [this](const Line& line) { return oracle_.given_up().contains(line); };
  if (is_given_up(lines.front())) return;  // of where it began, only the number tells then
  const auto elsewhere = std::ranges::count_if(lines, is_given_up);
  const auto sure = std::ranges::count_if(missing, std::not_fn(is_given_up));
  const std::uint64_t told = told_by(reader).missing;
  if (sure > elsewhere && static_cast<std::uint64_t>(sure - elsewhere) > told) {
    violated(reader.name, "did not give " + std::to_string(sure) + " messages, gave " +
                              std::to_string(elsewhere) + " of other histories, and told " +
                              std::to_string(told));
  }
}

// What was given and is in the history no more has to be told.
void Schedule::check_gone(const Reader& reader, const std::vector<Line>& lines, std::uint64_t told) const {
  if (reader.kind != Reader::Kind::subscriber) return;
  std::set<Line> there;
  for (const Oracle::Stored& one : history_) there.insert(one.line);
  const auto gone = std::ranges::count_if(lines, [&](const Line& line) { return !there.contains(line); });
  if (static_cast<std::uint64_t>(gone) > told) {
    violated(reader.name, "gave " + std::to_string(gone) + " messages that are gone now, and told " +
                              std::to_string(told));
  }
}

void Schedule::check_losses(const Reader& reader, const std::vector<Line>& lines,
                            const std::set<Line>& missing) const {
  const Losses told = told_by(reader);
  if (missing.size() > told.missing) {
    violated(reader.name, "did not give " + std::to_string(missing.size()) + " messages (the first is " +
                              missing.begin()->str() + "), and told " + std::to_string(told.missing));
  }
  if (!oracle_.given_up().empty()) return check_gone(reader, lines, told.gone);
  if (told.gone > 0) violated(reader.name, "told that messages are gone, and none is");
  const std::set<Line> given(lines.begin(), lines.end());
  for (const Oracle::Stored& one : history_) {
    const bool is_told = told.n.contains(one.id.seq);
    if (missing.contains(one.line) && !is_told) {
      violated(reader.name, "did not give " + one.line.str() + ", and told others");
    }
    // XAUTOCLAIM tells one worker that a message is trimmed which another one is still at.
    if (is_told && !plan_.has(Fault::trim)) {
      violated(reader.name, "told that " + one.line.str() + " is lost, and it is there");
    }
    const bool stopped_halfway = reader.runs.size() > 1 && plan_.has(Fault::block_output);
    if (is_told && given.contains(one.line) && !stopped_halfway && !may_repeat(reader) &&
        reader.kind != Reader::Kind::group) {
      violated(reader.name, "told that " + one.line.str() + " is lost, and gave it");
    }
  }
}

// A subscriber that is there, and that nothing holds up, shows at once what is said.
void Schedule::check_in_time(const Reader& subscriber) {
  constexpr Time at_once = 2 * second;
  if (!plan_.is_quiet() || plan_.has(Fault::block_output) || plan_.clock_was_ahead) return;
  const OutputPipe& output = *subscriber.runs.front()->output;
  const std::string& text = output.text();
  const auto clock = serving("chat:{topic1}").server().now() * millisecond;
  std::map<Line, Time> stored_at;
  for (const Oracle::Stored& one : history_)
    stored_at[one.line] = world_.now() - (clock - static_cast<Time>(one.id.ms) * millisecond);
  for (std::size_t at = 0, end = 0; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
    const Line line = Line::parse(std::string_view(text).substr(at));
    const Time from = std::max(stored_at[line], subscriber.runs.front()->begun);
    if (output.written_at(end) > from + at_once)
      violated(subscriber.name, "gave " + line.str() + " too late");
  }
}

// Whom nothing cuts off or holds up, that is given nothing twice, and what it is done with is acknowledged.
void Schedule::check_group(const Reader& group) {
  if (!plan_.is_quiet() || may_repeat(group)) return;
  std::set<Line> done;
  for (const Line& line : group.handled) {
    if (!done.insert(line).second) violated(group.name, "gave " + line.str() + " twice");
  }
  for (const Oracle::Stored& one : stored("chat:{topic2}")) {
    if (!done.insert(one.line).second)
      violated(group.name, "put " + one.line.str() + " aside, and was done with it");
  }
  const Database& data = serving("chat:{topic1}").server().data();
  const auto place = data.find("chat:{topic1}");
  if (place == data.end()) return;
  const auto& groups = std::get<Stream>(place->second.data).groups;
  const auto g = groups.find("g");
  if (g == groups.end()) return;
  for (const Oracle::Stored& one : history_) {
    if (done.contains(one.line) && g->second.pending.contains(one.id))
      violated(group.name, "did not acknowledge " + one.line.str());
  }
}

}  // namespace sim
