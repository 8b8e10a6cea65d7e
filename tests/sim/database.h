#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "sim/stream.h"

namespace sim {

/// A hash, in the order in which its fields were added, as a small one has in Redis.
using Hash = std::vector<std::pair<std::string, std::string>>;

struct Value {
  std::variant<std::string, Hash, Stream> data;
  std::int64_t expires = 0;  // ms since 1970; 0: never
};

/// All keys. A value: a copy is a snapshot.
using Database = std::map<std::string, Value, std::less<>>;

}  // namespace sim
