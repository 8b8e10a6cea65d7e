#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// What libFuzzer (https://llvm.org/docs/LibFuzzer.html) tries with inputs of all kinds. A target must bear
/// each of them: without a crash, an exception that isn't documented, a check that fails.
namespace fuzz {

/// Makes a function a target under this name, which is that of its folder in corpus/, too.
struct Target {
  Target(const char* name, void (*run)(std::string_view input));
};

/// Ends the program unless it is so, with what was checked and what was seen.
void check(bool good, std::string_view what, std::string_view seen = {});

/// Whether the text has no byte that drives a terminal, but those in `allowed`: by the bytes, not with the
/// functions that are tried here.
bool harmless(std::string_view text, std::string_view allowed = {});

/// Repeats a text until it has this size; 0: leaves it.
void repeat(std::string& text, std::size_t size);

/// Checks that the time grows with the size that work() repeats its text up to, and not with its square.
void check_linear(void (*work)(std::string_view input, std::size_t size), std::string_view input);

/// Takes an input to pieces; at its end all is zero or empty.
class Input {
 public:
  explicit Input(std::string_view bytes) : rest_(bytes) {}

  bool empty() const { return rest_.empty(); }
  std::uint8_t byte();
  /// From 0 to most.
  std::size_t up_to(std::size_t most) { return byte() % (most + 1); }
  std::uint64_t number();
  /// What stands before the next newline.
  std::string_view line();
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

}  // namespace fuzz
