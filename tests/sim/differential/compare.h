#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sim::differential {

/// Whether two replies (bytes) to a command agree, but for what rightly differs: times within some seconds,
/// the order of what has none, the version and the IDs of clients.
bool agree(const std::vector<std::string>& args, std::string_view real, std::string_view simulated);

/// A command or reply on one line, for people.
std::string printable(std::string_view bytes);
std::string printable(const std::vector<std::string>& args);

/// The milliseconds of the ID that Redis made up for this command, as its reply tells; 0 when it made none.
long long made_up_time(const std::vector<std::string>& args, std::string_view reply);

/// Whether the reply to the command depends on Redis's clock, so that it must come first.
bool makes_up_time(const std::vector<std::string>& args);

}  // namespace sim::differential
