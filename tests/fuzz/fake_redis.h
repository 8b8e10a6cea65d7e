#pragma once

#include <string>
#include <string_view>

namespace fuzz {

/// Replies in lines that are easy to read and to change: `*2` is an array of two, `$text` a text, `:1` an
/// integer,
/// `+OK` and `-ERR why` are what they are, `_` is nil; other lines go as they are. Lines of `==` part the
/// connections.
/// What a server sends on one of them is all there at once, then it hangs up. Whatever address this process
/// connects to from now on, it gets these: no network is touched.
void answer_with(std::string_view lines, bool says_hello);

}  // namespace fuzz
