#include "fuzz/target.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>

#include "unit/linear.h"

namespace fuzz {

namespace {

using Function = void (*)(std::string_view);

std::map<std::string, Function>& targets() {
  static std::map<std::string, Function> targets;
  return targets;
}

// libFuzzer starts itself anew for some of its work, so that the name is no argument.
Function chosen() {
  const char* const name = std::getenv("FUZZ_TARGET");
  const auto found = targets().find(name == nullptr ? "" : name);
  if (found != targets().end()) return found->second;
  std::cerr << "FUZZ_TARGET is to be one of:";
  for (const auto& [known, function] : targets()) std::cerr << ' ' << known;
  std::cerr << '\n';
  std::exit(64);
}

}  // namespace

Target::Target(const char* name, Function run) { targets()[name] = run; }

void check(bool good, std::string_view what, std::string_view seen) {
  if (good) return;
  std::cerr << "check failed: " << what << ": " << seen << std::endl;
  std::abort();
}

bool harmless(std::string_view text, std::string_view allowed) {
  // C1, the bidirectional controls, U+2028 and U+2029 in UTF-8.
  constexpr std::array<std::string_view, 14> driving{"\u061c", "\u200e", "\u200f", "\u2028", "\u2029",
                                                     "\u202a", "\u202b", "\u202c", "\u202d", "\u202e",
                                                     "\u2066", "\u2067", "\u2068", "\u2069"};
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte < 0x20 || byte == 0x7f) && allowed.find(text[i]) == allowed.npos) return false;
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
    if (byte == 0xc2 && next >= 0x80 && next < 0xa0) return false;
  }
  return std::ranges::none_of(driving, [&](std::string_view one) { return text.find(one) != text.npos; });
}

void repeat(std::string& text, std::size_t size) {
  while (!text.empty() && text.size() < size) text += text.substr(0, size);
}

void check_linear(void (*work)(std::string_view input, std::size_t size), std::string_view input) {
  const auto sized = [&](std::size_t size) { work(input, size); };
  check(grows_linearly(sized, std::size_t{1} << 13), "the time grows with the length", input);
}

std::uint8_t Input::byte() {
  if (rest_.empty()) return 0;
  const auto byte = static_cast<std::uint8_t>(rest_.front());
  rest_.remove_prefix(1);
  return byte;
}

std::uint64_t Input::number() {
  std::uint64_t number = 0;
  for (int i = 0; i < 8; ++i) number = number << 8U | byte();
  return number;
}

std::string_view Input::line() {
  const std::size_t end = std::min(rest_.find('\n'), rest_.size());
  const std::string_view line = rest_.substr(0, end);
  rest_.remove_prefix(std::min(end + 1, rest_.size()));
  return line;
}

}  // namespace fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Function run = fuzz::chosen();
  // Of its own, and no larger: what is read behind it is found.
  const std::unique_ptr<char[]> bytes(new char[size]);
  std::copy(data, data + size, bytes.get());
  run({bytes.get(), size});
  return 0;
}
