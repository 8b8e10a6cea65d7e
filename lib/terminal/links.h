#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace chat {

/// A web address in a text: text[begin, end).
struct Link {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// The http:// and https:// addresses in UTF-8 text, in their order, without the punctuation that follows
/// them in a sentence. Those that are too long for terminals (more than 2,000 bytes) are left out.
std::vector<Link> find_links(std::string_view text);

/// What opens a link to `address`, which find_links has found, on a terminal (OSC 8, see
/// https://gist.github.com/egmontkob/eb114294efbcd5adb1944c9f3cb5feda): printable ASCII alone between its
/// ESC ] and ESC \. What isn't ASCII in it is percent-encoded.
std::string link_start(std::string_view address);
inline constexpr std::string_view link_end = "\x1b]8;;\x1b\\";

/// Whether the environment says that the terminal makes links of them: one of those that are known to.
bool knows_links();

}  // namespace chat
