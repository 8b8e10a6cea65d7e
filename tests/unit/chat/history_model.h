#pragma once

#include <functional>
#include <string>
#include <vector>

#include "chat/account.h"

/// A topic's history as a server has it, and a reader who has an Account.
namespace model {

struct Stored {
  chat::EntryId id;
  std::string pub;
  std::size_t content = 7;

  chat::Entry entry() const { return {id, pub, content}; }
};

struct History {
  std::vector<Stored> all;  // with those that were trimmed
  std::size_t trimmed = 0;  // so many of them
  chat::EntryId last;
  std::uint64_t clock = 1000;
  bool info_lost = false;

  const Stored& store(const std::string& pub, std::size_t content = 7) {
    last = {std::max(last.ms, clock), last.n + 1};
    all.push_back({last, pub, content});
    return all.back();
  }
  void trim(std::size_t kept) { trimmed = all.size() - std::min(all.size() - trimmed, kept); }
};

struct Reader {
  chat::DeliveredIds ids;
  chat::Account account{"t", ids};
  std::vector<std::string> delivered;  // pubs
  std::uint64_t gone = 0;
  std::uint64_t lost = 0;
  std::vector<std::string> told;
  int readings = 0;

  void deliver(const Stored& one) { delivered.push_back(one.pub); }
  void take_losses() {
    for (const chat::Loss& loss : account.take_losses()) {
      (loss.reason == chat::Loss::Reason::trimmed ? lost : gone) += loss.count;
      told.push_back(loss.text("t"));
    }
  }
  /// Reads the history to its end. Returns whether a replica has to be waited for.
  bool read(const History& history, bool may_lag = false, std::uint64_t oldest = 0) {
    using Verdict = chat::Account::Verdict;
    const chat::EntryId last = history.info_lost ? chat::EntryId{} : history.last;
    for (int i = 0; i < 100; ++i) {
      ++readings;
      const chat::EntryId after = account.begin_reading({last, oldest, history.clock, true, may_lag});
      Verdict verdict = Verdict::skip;
      for (std::size_t at = history.trimmed; at < history.all.size(); ++at) {
        const Stored& one = history.all[at];
        if (one.id <= after) continue;
        verdict = account.entry(one.entry());
        if (verdict == Verdict::deliver) deliver(one);
        if (verdict == Verdict::read || verdict == Verdict::wait) break;
      }
      if (verdict != Verdict::read && verdict != Verdict::wait) verdict = account.end_of_reading();
      take_losses();
      if (verdict != Verdict::read) return verdict == Verdict::wait;
    }
    throw std::runtime_error("it reads without end");
  }
  /// Begins with the topic, and reads what there is.
  void begin(const History& history) {
    account.start_after(chat::first_id);
    read(history);
  }
  /// What the channel brings. A message that isn't the next one makes it read.
  void hear(const History& history, const Stored& one) {
    const auto verdict = account.live(one.entry());
    if (verdict == chat::Account::Verdict::deliver) deliver(one);
    if (verdict == chat::Account::Verdict::read) read(history);
    if (account.needs_confirmation()) confirm(history);
  }
  void confirm(const History& history) {
    const auto anchor = account.unconfirmed();
    if (!anchor) return;
    std::string pub;
    for (std::size_t at = history.trimmed; at < history.all.size(); ++at) {
      if (history.all[at].id == anchor->id) pub = history.all[at].pub;
    }
    if (!account.confirm(pub)) read(history);
  }
};

}  // namespace model
