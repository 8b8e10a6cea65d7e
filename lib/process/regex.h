#pragma once

#include <cstddef>
#include <cstdint>
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
  explicit Regex(const std::string& pattern);

  /// One that finds `word` as it is, where no letter, digit or `_` stands beside it. Only for texts that are
  /// valid UTF-8, so that these need not be looked at for each match in them.
  static Regex of_word(std::string_view word, Case letters);

  struct Match {
    std::size_t begin = 0;
    std::size_t end = 0;
  };

  /// The first match at `from` or later, in any bytes: what is not valid UTF-8 is no part of a match. Steps,
  /// memory and processor time are bounded: throws TooCostly.
  std::optional<Match> find(std::string_view text, std::size_t from = 0) const;

 private:
  Regex(const std::string& pattern, std::uint32_t options);

  struct Compiled;
  struct Free {
    void operator()(Compiled* compiled) const;
  };
  std::unique_ptr<Compiled, Free> compiled_;
};

}  // namespace chat
