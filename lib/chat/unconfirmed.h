#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "chat/entry_id.h"
#include "chat/trail.h"

namespace chat {

/// The messages that only the channel has told, in its order. Thousands may wait at each of a thousand
/// readers, and new memory costs more than all that is done with a message: so it takes little.
class Unconfirmed {
 public:
  struct One {
    Anchor anchor;
    std::size_t content = 0;
  };

  bool empty() const { return runs_.empty(); }
  std::size_t size() const { return contents_.size(); }
  /// These need one that is there.
  One front() const { return {anchor(runs_.front(), 0), contents_.front()}; }
  EntryId newest_id() const { return runs_.back().id(runs_.back().count - 1); }
  Anchor newest() const { return anchor(runs_.back(), runs_.back().count - 1); }
  void pop_front();

  void push_back(const EntryId& id, std::string_view pub, std::size_t content);
  /// The first one with this pub and content. Returns false when there is none.
  bool erase(std::string_view pub, std::size_t content);
  void clear();

  /// Calls each(id, pub, content) in their order. What is no PubId is a publisher with the sequence 0.
  template <typename Each>
  void for_each(const Each& each) const {
    auto content = contents_.begin();
    for (const Run& run : runs_) {
      for (std::size_t i = 0; i < run.count; ++i) {
        each(run.id(i), run.pub(i), *content++);
      }
    }
  }

 private:
  // IDs and sequences that follow each other: mostly those of a batch.
  struct Run {
    EntryId first;
    std::string publisher;
    std::uint64_t sequence = 0;
    std::size_t count = 0;

    EntryId id(std::size_t at) const { return {first.ms, first.n + at}; }
    PubId pub(std::size_t at) const { return {publisher, sequence + at}; }
    void skip(std::size_t some);
  };
  static Anchor anchor(const Run& run, std::size_t at) { return {run.id(at), run.pub(at).str()}; }

  std::deque<Run> runs_;
  std::deque<std::size_t> contents_;  // of all
};

}  // namespace chat
