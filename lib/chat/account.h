#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chat/delivered_ids.h"
#include "chat/entry_id.h"
#include "chat/trail.h"
#include "chat/unconfirmed.h"

namespace chat {

/// What an account has to know of a message.
struct Entry {
  EntryId id;
  std::string_view pub;     ///< empty: somebody else's entry, which counts nothing
  std::size_t content = 0;  ///< a hash of user and text
};

/// Messages that can't be delivered any more, or that were delivered and are not in the history any more.
struct Loss {
  enum class Reason : std::uint8_t {
    trimmed,  ///< before they could be read, or expired: those after `after`, before or up to `up_to`
    expired,  ///< these three are what a group can tell
    deleted,
    rolled_back,
    other_history,  ///< delivered, up to `up_to`; Redis came back without them
    not_there       ///< the same, or they were forged: only the channel has told them
  } reason = Reason::trimmed;
  std::uint64_t count = 0;
  EntryId after;
  EntryId up_to;
  bool before = false;  ///< trimmed: `up_to` is the next message that was read

  /// A sentence for people.
  std::string text(const std::string& topic) const;
};

/// Keeps the books of one topic's messages for one reader, through everything that happens to a history: it
/// is trimmed, comes back older, goes on otherwise, is read again. It is fed what is read from the stream and
/// what the channel brings, and says of each message whether to deliver it. No socket, no clock.
///
/// At the end of a reading that reached the history's end: delivered since the start, less what was told as
/// gone (other_history, not_there), plus what was told as trimmed, is as much as the history has stored since
/// the start. Which messages are told is exact as long as a position of the trail is in both histories; else
/// it is so by count.
///
/// A reading: begin_reading() tells after which ID to ask, entry() judges what comes, end_of_reading() ends
/// it. Where they answer `read`, the rest of the reading is void: begin another one.
class Account {
 public:
  /// Where a group begins before a topic's first message. A 0 in other IDs is no count, but in a stranger's.
  static constexpr EntryId before_all{1, 0};

  enum class Verdict : std::uint8_t {
    deliver,
    skip,
    read,  ///< entry, end: another reading is needed; live: the stream has to be read
    wait,  ///< the replica may only not have yet what was delivered: read again later
  };

  /// What is known of the topic from before a reading, and how far that goes.
  struct Reading {
    EntryId last;                    ///< the last ID given: n counts all messages ever
    std::uint64_t oldest = 0;        ///< ms: what is older is expired
    std::uint64_t now = UINT64_MAX;  ///< ms: the server's time
    bool whole = true;               ///< to the end of the history
    bool may_lag = false;            ///< from a replica that may still catch up
  };

  /// `delivered` outlives it, and may be shared by all topics of a reader.
  Account(std::string topic, DeliveredIds& delivered) : topic_(std::move(topic)), delivered_ids_(delivered) {}

  /// Begins after this ID. Nothing was delivered before, so nothing can be missing.
  void start_after(EntryId id);
  /// The same, behind so many messages as its n says: what follows these, and is gone, is missing.
  void start_behind(EntryId id);
  /// Begins after this message; `delivered`: it was delivered before, as were those of `older`, the latest
  /// first; if the last of these has no pub, the reader began after it.
  void start_after(const Anchor& anchor, bool delivered, const std::vector<Anchor>& older = {});
  /// Others have taken what comes up to this ID (a group's last one given out): not this reader's matter. The
  /// next reading has nothing from before it.
  void pass(EntryId up_to);

  /// The ID after which to read. That may lie before what was delivered, to see whether it is still there.
  EntryId begin_reading(const Reading& reading);
  Verdict entry(const Entry& entry);
  /// Nothing more came. `skip`: the reading is complete.
  Verdict end_of_reading();

  Verdict live(const Entry& entry);

  /// The connection is a new one: what only the channel has told may be gone.
  void reconnected() { reconnected_ = true; }
  /// A replica is read, which has messages later than the channel.
  void reads_replica() { replica_ = true; }

  /// The newest of those that only the channel has told. It gave all in order, so when this one stands in the
  /// stream, all do. Nothing when there is none.
  std::optional<Anchor> unconfirmed() const {
    return unconfirmed_.empty() ? std::nullopt : std::optional(unconfirmed_.newest());
  }
  std::size_t unconfirmed_count() const { return unconfirmed_.size(); }
  /// What stands in the stream in its place: its pub, empty for nothing. Returns false when the stream has to
  /// be read.
  bool confirm(std::string_view pub);
  /// No position is known to be in the stream, so that another history can't be told from this one.
  bool needs_confirmation() const { return last_.anchor.id == EntryId{} && !unconfirmed_.empty(); }

  /// The newest message that was delivered, whoever told of it; 0-0: none whose n is known.
  EntryId newest_delivered() const;
  /// How far it was delivered.
  EntryId position() const;
  /// How far the stream was read: a message, or an ID alone where nothing was left.
  Anchor reached() const { return last_.anchor.id == at_ ? last_.anchor : Anchor{at_, {}}; }

  bool any_losses() const { return !losses_.empty(); }
  std::vector<Loss> take_losses() { return std::exchange(losses_, {}); }

 private:
  enum class Search : std::uint8_t { none, oldest, steps };

  Verdict check(const Entry& first);
  Verdict missing();
  Verdict search(const Entry& oldest);
  Verdict probe();
  void fork(const Trail::Step* shared);
  void add_fork(std::uint64_t after, bool assumed);
  Verdict judge(const Entry& entry);
  void place(const Entry& entry);
  bool take_unconfirmed(const Entry& entry);
  void pass_unconfirmed();
  bool take_again(const Entry& entry);
  void see(const Entry& entry);
  void assume(std::uint64_t count, EntryId after, EntryId up_to, bool before);
  void count_hole(EntryId up_to, bool before);
  bool went_back() const;
  void end_whole();
  void finish();

  std::string topic_;
  DeliveredIds& delivered_ids_;
  std::vector<Loss> losses_;

  // Where it began: what has a lower ID and a lower n is not this reader's.
  EntryId start_;
  std::uint64_t start_n_ = 0;
  std::uint64_t base_ = 0;  // what held_ was then

  // What is known from the stream.
  EntryId at_;                       // read up to here
  std::optional<EntryId> numbered_;  // the last ID whose n counts, up to there
  Trail::Step last_;                 // the last message read; no ID: none
  std::uint64_t held_ = 0;           // messages of this history that were delivered
  std::uint64_t serial_ = 0;         // of the last one that was seen, in any history
  Trail trail_;
  Unconfirmed unconfirmed_;  // behind that, from the channel alone

  // The reading under way.
  Reading reading_;
  Search search_ = Search::none;
  Anchor anchor_;                   // has to come first, if it has an ID
  bool first_ = false;              // nothing has come yet
  bool placed_ = false;             // numbered_ was seen in this reading
  std::vector<Trail::Step> steps_;  // of those before low_ none is in the history, from high_ on all are
  std::size_t low_ = 0;
  std::size_t high_ = 0;
  std::size_t probe_ = 0;
  EntryId passed_;             // the newest of those in a hole
  std::uint64_t in_hole_ = 0;  // unconfirmed ones whose place is in a hole
  Loss hole_;                  // those that by their n were delivered before the other history: so many
  std::uint64_t refuted_ = 0;  // of these, since as many that were delivered have come elsewhere
  std::uint64_t taken_ = 0;    // by others: this n, or a stranger's
  std::uint64_t covered_ = 0;  // the highest n that was delivered: it isn't lost when it isn't there any more
  bool everything_ = false;    // it goes through what was before the start, too
  bool future_ = false;        // the start was to come when numbered_ was taken from the last ID given
  bool fresh_ = true;          // not one whole reading was done
  EntryId foreign_until_;      // others' entries were delivered up to here in an earlier history

  bool reconnected_ = false;
  bool replica_ = false;
  bool forked_ = false;        // messages may be stored again, and are known by their pub
  bool restart_ = false;       // numbered_ is to be found anew
  std::uint64_t missing_ = 0;  // delivered in an earlier history, and not found in this one yet
  EntryId missing_up_to_;
  /// Serials of messages behind a fork: the histories after it don't have them, unless they were seen again.
  struct Fork {
    std::uint64_t after;
    std::uint64_t up_to;
    bool told;
    bool assumed;  // only by this reading
  };
  std::deque<Fork> forks_;
  std::vector<Unconfirmed::One> displaced_;  // other messages stand in their places
};

}  // namespace chat
