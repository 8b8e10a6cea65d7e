#pragma once

#include <span>
#include <string>

namespace chat {

/// Overwrites with `*` what may be a password in a URL, in place: as much as possible, since it may hold a
/// `:` or `@` itself.
void hide_password(std::span<char> url);

/// The text, with the password in each URL overwritten with `*`.
std::string without_passwords(std::string text);

}  // namespace chat
