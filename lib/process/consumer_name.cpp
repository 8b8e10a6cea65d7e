#include "process/consumer_name.h"

#include <random>

namespace chat {

namespace {

constexpr std::string_view prefix = "worker-";
constexpr std::string_view digits = "0123456789abcdef";
constexpr std::size_t length = prefix.size() + 16;

}  // namespace

std::string own_consumer() {
  std::random_device random;
  std::string name(prefix);
  while (name.size() < length) name += digits[random() % digits.size()];
  return name;
}

bool is_own_consumer(std::string_view name) {
  return name.starts_with(prefix) && name.size() == length &&
         name.find_first_not_of(digits, prefix.size()) == std::string_view::npos;
}

}  // namespace chat
