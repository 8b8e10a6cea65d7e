#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chat/account.h"
#include "chat/delivered_ids.h"
#include "chat/entry_id.h"
#include "chat/notices.h"
#include "chat/topic.h"
#include "redis/connection.h"

namespace chat {

/// Throws Outage, as expect() does, when it is none.
EntryId id_of(ReplyView text, std::string_view command);
/// The same of one that has to come behind `before`: so a list that is asked for in parts has an end.
EntryId id_behind(EntryId before, ReplyView text, std::string_view command);

/// Where a new group of a topic begins, so that n counts from there. `oldest`: the stream's oldest entry.
EntryId beginning(ReplyView oldest, const TopicState& state);

/// Tells what is gone before a group gave it out. Whoever is given what comes behind it tells it, once for
/// the whole group: for that, it must be known how far the group was at that very moment. What is gone since
/// Redis came back with an older history, each reader tells as far as it knew of it.
class GroupAccount {
 public:
  GroupAccount(std::string topic, std::string group, Notices& notices)
      : topic_(std::move(topic)), group_(std::move(group)), notices_(notices), account_(topic_, delivered_) {}

  /// Messages were given out. `groups` is the answer to XINFO GROUPS from right before, `state` from right
  /// after. On the connection it is asked why some are missing, if there are any. Returns false when the
  /// history is an older one: look_back() has to be called.
  bool take(ReplyView groups, ReplyView entries, const TopicState& state, Connection& connection);

  /// Compares with what was known. `next`: the first entry from known() on; `made`: where the group was made
  /// anew, if it was.
  void look_back(const TopicState& state, ReplyView next, const std::optional<EntryId>& made);

  /// May end the run with Error(lost); nothing is left to be told then.
  void tell();

  EntryId given() const { return given_; }  ///< how far the group has given out
  EntryId known() const { return known_; }  ///< the last ID of the topic then

 private:
  void explain(Loss& loss, const TopicState& state, EntryId first, EntryId expired,
               Connection& connection) const;

  std::string topic_;
  std::string group_;
  Notices& notices_;
  DeliveredIds delivered_;
  Account account_;
  std::vector<Loss> losses_;  // to be told
  EntryId given_;
  EntryId known_;
};

}  // namespace chat
