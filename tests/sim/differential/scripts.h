#pragma once

#include <string>
#include <string_view>

#include "sim/random.h"

namespace sim::differential {

/// The script of lib/chat/topic.cpp that creates a topic, as it stands there.
const std::string& create_topic_script();

/// A script about how values become replies, and errors.
std::string_view literal_script(Random& random);

/// A script that calls the command in its ARGV.
std::string_view calling_script(Random& random);

}  // namespace sim::differential
