#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace chat {

/// `: did you mean a, b or c?`, of one or more names.
std::string did_you_mean(const std::vector<std::string>& names);

/// Up to three of `names` that look most like `name`, and are others.
std::vector<std::string> near_names(std::string_view name, const std::vector<std::string>& names);

}  // namespace chat
