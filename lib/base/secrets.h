#pragma once

#include <span>
#include <string>

namespace chat {

/// Overwrites with `*` what may be a password in a URL, in place: as much as possible, since it may hold a `:`
/// or `@` itself.
void hide_password(std::span<char> url);

/// The text, with `*` over what may be a password in it: what stands before the `@` of a URL or of
/// `user:password@host`, as far as it may reach, and a port that is no number. Rather too much than too little.
std::string without_passwords(std::string text);

}  // namespace chat
