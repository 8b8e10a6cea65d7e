#pragma once

#include <string_view>

namespace chat {

/// The script that stores and publishes one batch: everything or, after an error in its middle, a beginning.
///
/// KEYS: the stream, the topic's info, the publisher's position.
/// ARGV: 1 topic, 2 publisher, 3 the batch's first sequence number, 4 the highest one known to be
/// acknowledged, 5 seconds that the position outlives this batch (0: kept in the info, as long as the topic),
/// 6 PUBLISH or, in a cluster, SPUBLISH; then runs of messages that share user and timestamp: count, plain (1
/// or 0), user, the payload up to the message
/// (`{"user": "ana", "message": "`), timestamp, and the messages: each its bytes, and unless plain also the
/// inside of its JSON string.
///
/// Returns {position before, or nil; last sequence number stored; its ID's ms; its n; max_len; error, if
/// one ended the batch early}. A position is `sequence ms n`. Refuses with
/// `NOTOPIC` when the topic has no info, and with `HOLE` when the batch doesn't follow the position: one
/// before it is missing.
extern const std::string_view publish_script;

}  // namespace chat
