#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sim/server.h"
#include "sim/stream_id.h"

namespace sim {

/// A message by who said it, and which of their lines it is, from 1.
struct Line {
  std::uint32_t publisher = 0;
  std::uint32_t number = 0;
  auto operator<=>(const Line&) const = default;
  std::string str() const { return "p" + std::to_string(publisher) + "-" + std::to_string(number); }
  /// The message's text: the name, then anything.
  static Line parse(std::string_view text);
};

/// Everything that each server has ever stored, trimmed or not: what readers may be asked about.
class Oracle {
 public:
  struct Stored {
    StreamId id;
    Line line;
    auto operator<=>(const Stored&) const = default;
  };
  using History = std::vector<Stored>;

  /// From now on hears of what the server stores.
  void watch(Server& server);
  /// The server has started again: what isn't in its data is gone.
  void restarted(const Server& server);
  /// What `to` has and `from` hasn't is given up, and all that `to` stores before it is synchronised.
  void taken_over(const Server& from, const Server& to);
  /// The key was moved; `replica` had what `from` has.
  void moved(const std::string& key, const Server& from, const Server& to, const Server* replica);
  /// A full synchronisation.
  void copied(const Server& from, const Server& to);

  /// What the server's history has had, in its order.
  const History& of(const Server& server, const std::string& key) { return histories_[&server][key]; }
  /// Stored after the server had forgotten its publisher, when its clock was where it isn't any more: nobody
  /// can know whether it was stored before.
  bool is_not_known_again(const Line& line) const { return not_known_again_.contains(line); }
  /// Lines of histories that were given up, wherever they are now.
  const std::set<Line>& given_up() const { return given_up_; }
  /// The same, of one key, with the IDs that they had there.
  const std::set<Stored>& given_up_of(const std::string& key) const {
    static const std::set<Stored> none;
    const auto place = given_up_of_.find(key);
    return place == given_up_of_.end() ? none : place->second;
  }

 private:
  void watch_expiry(Server& server);
  void give_up(std::string_view key, const Stored& stored);
  /// What `history` has from the first one on that isn't the same in the one that is kept.
  void give_up_others(std::string_view key, const History& history, const History& kept);
  void come_back(const Server& server, const std::string& key, const std::vector<History>& earlier);

  // Only looked up, never gone through: its order is that of addresses.
  std::map<const Server*, std::map<std::string, History, std::less<>>> histories_;
  std::map<const Server*, std::map<std::string, std::vector<History>>> given_away_;  // when a key was moved
  std::map<std::string, std::int64_t, std::less<>> forgotten_;  // publishers, and by the clock when
  std::set<Line> not_known_again_;
  std::set<Line> given_up_;
  std::map<std::string, std::set<Stored>> given_up_of_;
  std::set<const Server*> old_masters_;
};

}  // namespace sim
