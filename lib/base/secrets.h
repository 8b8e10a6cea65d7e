#pragma once

#include <span>
#include <string>
#include <vector>

namespace chat {

/// Overwrites with `*` what may be a password in a URL, in place: as much as possible, since it may hold a
/// `:` or `@` itself.
void hide_password(std::span<char> url);

/// The text, with `*` over what may be a password in it: what stands before the `@` of a URL or of
/// `user:password@host`, as far as it may reach, and a port that is no number. Rather too much than too
/// little.
std::string without_passwords(std::string text);

/// This process's environment (`NAME=value`) for a program that isn't ours to trust with passwords: without
/// $REDISCLI_AUTH and $REDIS_SENTINEL_AUTH, and with $REDIS_URL without its password. Which server it is
/// stays.
std::vector<std::string> environment_without_passwords();

}  // namespace chat
