#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "base/wait.h"
#include "chat/entry_id.h"
#include "chat/message.h"
#include "chat/trail.h"
#include "redis/connection.h"

namespace chat {

/// Reads a stream entry, `[ID, [field, value, …]]`, into `out`, whose strings are reused. It must have a
/// `message`; without `user` that is `?`, without a `timestamp` that is the ID's. Returns false with the
/// reason in `why` when it is no chat message; `out.id` is set in any case.
bool parse_entry(ReplyView entry, Message& out, std::string& why);

/// The ID of an entry. Throws Outage when there is none, here and in parse_entry.
EntryId entry_id(ReplyView entry);

/// A topic's stored messages, page by page (https://redis.io/docs/latest/commands/xrange/). A page's length
/// follows the bytes seen, so that memory stays bounded whatever the size of messages, and the distance.
class History {
 public:
  /// What comes after `after`, up to and including `to`, in this order; reversed: from `to` down to what
  /// comes after `after`. Nothing is stored any more up to a `to` other than last_id.
  struct Range {
    EntryId after = first_id;
    EntryId to = last_id;
    bool reverse = false;
  };

  /// pages: so many may be under way; more, where the way turns out to be long.
  History(std::string_view topic, const Range& range, std::size_t pages = 1);

  /// Queues the request for the first page and sends it.
  void ask(Connection& connection);

  /// Waits for the page asked for. When there is more, the next one has been asked for by the time this
  /// returns: it is on its way while this one is used. alone: nobody else asks on this connection meanwhile,
  /// so that several may be under way. Such a page may be empty. Throws what Connection::receive and
  /// throw_if_error throw.
  Reply take(Connection& connection, const StopToken& stop, bool alone = false);

  /// Takes and drops the pages asked for, if any, so that the connection is free for other use.
  void drop(Connection& connection, const StopToken& stop);

  /// Whether a page has been asked for and not taken.
  bool asked() const { return !asked_.empty(); }

 private:
  struct Page {
    EntryId after;
    EntryId to;
    std::size_t count;
  };
  void ask_for(Connection& connection, const EntryId& to);
  void ask_ahead(Connection& connection);
  void adapt(std::size_t size, double time, std::size_t count, std::size_t bytes);

  std::string key_;
  Range range_;             // what was not asked for
  std::deque<Page> asked_;  // all but the last one end at a guess
  std::size_t count_ = 50;
  std::size_t times_ = 1;  // as large as near the server
  std::size_t pages_;
  double span_ = 0;  // so many ms have as much as a page takes, most likely; 0: not known
};

/// Asks for a topic's newest entry.
void append_newest(Connection& connection, std::string_view topic);
/// What the answer is: the newest entry's position, an ID alone when it is no chat message;
/// first_id when there is none.
Anchor newest_of(ReplyView reply);
/// The IDs of the newest and of the oldest entry; first_id when there is none.
EntryId newest_id(Connection& connection, std::string_view topic, const StopToken& stop);
EntryId oldest_id(Connection& connection, std::string_view topic, const StopToken& stop);

/// The ID after which the last `count` entries come.
EntryId before_last(Connection& connection, std::string_view topic, std::uint64_t count,
                    const StopToken& stop);

}  // namespace chat
