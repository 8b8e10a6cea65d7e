#pragma once

#include <string>
#include <string_view>

namespace chat {

/// A name in a consumer group for one run alone. At random: hosts share names, and containers process IDs as
/// well.
std::string own_consumer();
/// Whether it may be such a name.
bool is_own_consumer(std::string_view name);

}  // namespace chat
