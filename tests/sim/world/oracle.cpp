#include "sim/world/oracle.h"

#include <algorithm>
#include <cctype>
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

namespace {

const Stream* stream_of(const Server& server, const std::string& key) {
  const auto place = server.data().find(key);
  return place == server.data().end() ? nullptr : std::get_if<Stream>(&place->second.data);
}

// Whether the entry is one of the history's.
bool has(const Oracle::History& history, const Entry& entry) {
  return std::ranges::any_of(history, [&](const Oracle::Stored& one) {
    if (one.id != entry.id) return false;
    const std::string begin = "\r\n" + one.line.str();
    const std::size_t at = entry.encoded.find(begin);
    return at != std::string::npos && std::isdigit(entry.encoded[at + begin.size()]) == 0;
  });
}

}  // namespace

void Oracle::watch(Server& server) {
  watch_expiry(server);
  server.added = [this, &server](std::string_view key, StreamId id, std::span<const std::string_view> texts) {
    Line line;
    std::string_view pub;
    for (std::size_t i = 0; i + 1 < texts.size(); i += 2) {
      if (texts[i] == "message") line = Line::parse(texts[i + 1]);
      if (texts[i] == "pub") pub = texts[i + 1];
    }
    const auto forgotten = forgotten_.find(pub.substr(0, pub.rfind('-')));
    if (forgotten != forgotten_.end() && server.now() < forgotten->second) not_known_again_.insert(line);
    auto& histories = histories_[&server];
    const auto place = histories.find(key);
    History& history = place != histories.end() ? place->second : histories[std::string(key)];
    history.push_back({id, line});
    if (old_masters_.contains(&server)) give_up(key, history.back());
  };
}

void Oracle::watch_expiry(Server& server) {
  server.expired = [this](std::string_view key, std::int64_t time) {
    constexpr std::string_view part = ":pub:";
    const std::size_t at = key.find(part);
    if (at == std::string_view::npos) return;
    std::int64_t& latest = forgotten_[std::string(key.substr(at + part.size()))];
    latest = std::max(latest, time);
  };
}

void Oracle::give_up(std::string_view key, const Stored& stored) {
  given_up_.insert(stored.line);
  given_up_of_[std::string(key)].insert(stored);
}

void Oracle::restarted(const Server& server) {
  for (auto& [key, earlier] : given_away_[&server]) come_back(server, key, earlier);
  for (auto& [key, history] : histories_[&server]) {
    StreamId last;
    if (const Stream* const stream = stream_of(server, key)) last = stream->last_id();
    while (!history.empty() && history.back().id > last) {
      give_up(key, history.back());
      history.pop_back();
    }
  }
}

// A server that gave a key away, or its replica, and starts from what it saved before, has the key as it was
// then.
void Oracle::come_back(const Server& server, const std::string& key, const std::vector<History>& earlier) {
  const Stream* const stream = stream_of(server, key);
  const Entry* const last = stream == nullptr ? nullptr : stream->last();
  History& now = histories_[&server][key];
  if (last == nullptr || has(now, *last)) return;
  const auto was = std::find_if(earlier.rbegin(), earlier.rend(),
                                [&](const History& history) { return has(history, *last); });
  if (was == earlier.rend()) return;
  give_up_others(key, now, *was);
  now = *was;
}

void Oracle::taken_over(const Server& from, const Server& to) {
  old_masters_.insert(&to);
  for (const auto& [key, history] : histories_[&to]) give_up_others(key, history, histories_[&from][key]);
}

void Oracle::give_up_others(std::string_view key, const History& history, const History& kept) {
  const auto other = std::ranges::mismatch(history, kept).in1;
  for (auto one = other; one != history.end(); ++one) give_up(key, *one);
}

void Oracle::moved(const std::string& key, const Server& from, const Server& to, const Server* replica) {
  const auto place = histories_[&from].find(key);
  if (place == histories_[&from].end()) return;
  given_away_[&from][key].push_back(place->second);
  histories_[&to][key] = std::move(place->second);
  histories_[&from].erase(place);
  if (replica == nullptr) return;
  given_away_[replica][key].push_back(histories_[&to][key]);
  histories_[replica].erase(key);
}

void Oracle::copied(const Server& from, const Server& to) {
  taken_over(from, to);
  histories_[&to] = histories_[&from];
  old_masters_.erase(&to);
}

}  // namespace sim
