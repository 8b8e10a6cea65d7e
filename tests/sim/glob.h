#pragma once

#include <string_view>

namespace sim {

/// Patterns as PUBSUB CHANNELS takes them (https://redis.io/docs/latest/commands/keys/): `*`, `?`, `[a-c]`,
/// `[^a]` and `\` before a character that means itself.
bool glob_matches(std::string_view pattern, std::string_view text);

}  // namespace sim
