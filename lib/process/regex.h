#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace chat {

/// Matching a text takes too long: patterns such as `(a+)+b` can take exponentially many steps.
class TooCostly {};

/// A regular expression as Perl has them, for UTF-8: PCRE2, see pcre2pattern(3).
class Regex {
 public:
  enum class Case : unsigned char { exact, any };

  /// Throws Error(usage) with the pattern, the place and the reason when it is none.
  explicit Regex(const std::string& pattern, Case letters = Case::exact);

  /// One that finds `word` as it is, where no letter, digit or `_` stands beside it.
  static Regex of_word(std::string_view word, Case letters);

  struct Match {
    std::size_t begin = 0;
    std::size_t end = 0;
  };

  /// The first match at `from` or later; `text` must be valid UTF-8. Steps, memory and processor time are
  /// bounded: throws TooCostly.
  std::optional<Match> find(std::string_view text, std::size_t from = 0) const;

  /// Whether any bytes match. What is not valid UTF-8 in them counts as U+FFFD.
  bool matches(std::string_view any) const;

 private:
  struct Compiled;
  struct Free {
    void operator()(Compiled* compiled) const;
  };
  std::unique_ptr<Compiled, Free> compiled_;
};

}  // namespace chat
