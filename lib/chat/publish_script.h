#pragma once

#include <string_view>

namespace chat {

/// lib/chat/publish.lua, which stores and publishes one batch: its head says what goes in and comes out.
extern const std::string_view publish_script;

/// Its name for EVALSHA (https://redis.io/docs/latest/commands/evalsha/): 40 hexadecimal digits.
extern const std::string_view publish_script_sha1;

}  // namespace chat
