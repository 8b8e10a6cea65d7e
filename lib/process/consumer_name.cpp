#include "process/consumer_name.h"

#include <random>

namespace chat {

namespace {

constexpr std::string_view own_prefix = "worker-";
constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::size_t own_length = own_prefix.size() + 16;

}  // namespace

std::string own_consumer() {
  std::random_device random;
  std::string name(own_prefix);
  while (name.size() < own_length) name += hex_digits[random() % hex_digits.size()];
  return name;
}

bool is_own_consumer(std::string_view name) {
  return name.starts_with(own_prefix) && name.size() == own_length &&
         name.find_first_not_of(hex_digits, own_prefix.size()) == std::string_view::npos;
}

}  // namespace chat
