#include "sim/world/oracle.h"

#include <charconv>

namespace sim {

Line Line::parse(std::string_view text) {
  Line line;
  if (!text.starts_with('p')) return line;
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data() + 1, end, line.publisher);
  if (first.ptr == end || *first.ptr != '-') return {};
  std::from_chars(first.ptr + 1, end, line.number);
  return line;
}

void Oracle::watch(Server& server) {
  server.added = [this, &server](std::string_view key, StreamId id, std::span<const std::string_view> texts) {
    Line line;
    for (std::size_t i = 0; i + 1 < texts.size(); i += 2) {
      if (texts[i] == "message") line = Line::parse(texts[i + 1]);
    }
    auto& histories = histories_[&server];
    const auto place = histories.find(key);
    History& history = place != histories.end() ? place->second : histories[std::string(key)];
    history.push_back({id, line});
    if (old_masters_.contains(&server)) give_up(key, line);
  };
}

void Oracle::give_up(std::string_view key, const Line& line) {
  given_up_.insert(line);
  given_up_of_[std::string(key)].insert(line);
}

void Oracle::restarted(const Server& server) {
  for (auto& [key, history] : histories_[&server]) {
    StreamId last;
    const auto place = server.data().find(key);
    if (place != server.data().end()) last = std::get<Stream>(place->second.data).last_id();
    while (!history.empty() && history.back().id > last) {
      give_up(key, history.back().line);
      history.pop_back();
    }
  }
}

void Oracle::taken_over(const Server& from, const Server& to) {
  old_masters_.insert(&to);
  const auto& kept = histories_[&from];
  for (const auto& [key, history] : histories_[&to]) {
    const auto place = kept.find(key);
    // From the first one on that isn't the same.
    bool same = true;
    for (std::size_t i = 0; i < history.size(); ++i) {
      same = same && place != kept.end() && i < place->second.size() && place->second[i] == history[i];
      if (!same) give_up(key, history[i].line);
    }
  }
}

void Oracle::moved(const std::string& key, const Server& from, const Server& to, const Server* replica) {
  const auto place = histories_[&from].find(key);
  if (place == histories_[&from].end()) return;
  histories_[&to][key] = std::move(place->second);
  histories_[&from].erase(place);
  if (replica != nullptr) histories_[replica].erase(key);
}

void Oracle::copied(const Server& from, const Server& to) {
  taken_over(from, to);
  histories_[&to] = histories_[&from];
  old_masters_.erase(&to);
}

}  // namespace sim
