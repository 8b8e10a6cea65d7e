#pragma once

#include <map>
#include <ostream>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "unit/chat/history_model.h"

namespace model {

// A test that draws its steps fails by an exception.
inline void require(bool so) {
  if (!so) throw std::logic_error("it was told something else than happened");
}

/// One thing that happens. `how` is a number for whatever has to be chosen.
struct Step {
  enum Kind {
    publish,
    hear_late,
    read,
    confirm,
    trim,
    copy,
    fail_over,
    publish_there,
    reconnect,
    kinds
  } kind;
  unsigned how;
};

inline std::ostream& operator<<(std::ostream& out, const Step& step) {
  static const char* const names[] = {"publish", "hear_late", "read",          "confirm",  "trim",
                                      "copy",    "fail_over", "publish_there", "reconnect"};
  return out << names[step.kind] << ' ' << step.how;
}

/// Remembers everything, and judges what a reader was told.
struct Naive {
  History here;   // whom the reader reads
  History there;  // a copy from some time, that others write to
  std::vector<Stored> unheard;
  std::map<std::string, std::uint64_t> sequences;
  std::set<std::string> told_gone;
  std::set<std::string> before_start;
  Reader reader;
  bool trimmed = false;
  bool comes_back = true;
  std::uint64_t lost_before = 0;  // a fork

  std::string next(unsigned how) {
    const std::string publisher = std::string(1, static_cast<char>('a' + how % 3));
    return publisher + "-" + std::to_string(++sequences[publisher]);
  }
  /// A message that the other history has and this one hasn't, as its publisher or an import sends it again.
  std::string again(const History& history, const History& other) {
    if (!comes_back) return "";
    std::set<std::string> has;
    for (const auto& one : history.all) has.insert(one.pub);
    for (const auto& one : other.all) {
      if (!has.contains(one.pub)) return one.pub;
    }
    return "";
  }
  void publish(unsigned how) {
    for (unsigned i = 0; i <= how % 7; ++i) {
      const std::string stored_again = how % 5 == 0 ? again(here, there) : "";
      unheard.push_back(here.store(stored_again.empty() ? next(how + i) : stored_again));
    }
    if (how % 4 != 0) hear();
  }
  void hear() {
    for (const Stored& one : std::exchange(unheard, {})) reader.hear(here, one);
  }
  void move(bool keep_connection) {
    std::swap(here, there);
    if (!comes_back) there = here;
    lost_before = reader.lost;
    unheard.clear();
    if (!keep_connection) reader.account.reconnected();
    read();
  }
  void read() {
    const std::uint64_t gone_before = reader.gone;
    reader.read(here);
    std::set<std::string> has;
    for (const auto& one : here.all) has.insert(one.pub);
    std::uint64_t gone = 0;
    for (const std::string& pub : reader.delivered) {
      if (!has.contains(pub) && told_gone.insert(pub).second) ++gone;
    }
    if (!trimmed) require(reader.gone - gone_before == gone);
    for (auto pub = told_gone.begin(); pub != told_gone.end();) {
      pub = has.contains(*pub) ? told_gone.erase(pub) : std::next(pub);
    }
    judge(has);
  }
  void judge(const std::set<std::string>& has) {
    std::set<std::string> delivered;
    for (const std::string& pub : reader.delivered) require(delivered.insert(pub).second);
    if (trimmed) return;
    for (const std::string& pub : has) {
      if (!before_start.contains(pub)) require(delivered.contains(pub));
    }
    require(reader.lost == 0U);
  }
  void act(const Step& step) {
    switch (step.kind) {
      case Step::publish:
        return publish(step.how);
      case Step::hear_late:
        return hear();
      case Step::read:
        return read();
      case Step::confirm:
        return reader.confirm(here);
      case Step::trim:
        return trim(step.how % 20);
      case Step::copy:
        there = here;
        return clock(there, step.how);
      case Step::fail_over:
        return move(step.how % 3 == 0);
      case Step::publish_there:
        for (unsigned i = 0; i <= step.how % 9; ++i) {
          const std::string stored_again = step.how % 5 == 0 ? again(there, here) : "";
          there.store(stored_again.empty() ? next(step.how + i) : stored_again);
        }
        return;
      case Step::reconnect:
        reader.account.reconnected();
        return read();
      case Step::kinds:
        break;
    }
  }
  void judge_counts() const {
    // What an earlier history had lost counts for none that shares nothing of it.
    const std::uint64_t counted = reader.delivered.size() - reader.gone + reader.lost;
    require(counted - lost_before <= here.last.n);
    require(counted >= here.last.n);
  }
  void trim(std::size_t kept) {
    trimmed = true;
    here.trim(kept);
  }
  static void clock(History& history, unsigned how) { history.clock = 1000 + how % 1000; }
};

inline void run(Naive& naive, const std::vector<Step>& steps) {
  for (const Step& step : steps) naive.act(step);
  naive.hear();
  naive.read();
}

}  // namespace model
