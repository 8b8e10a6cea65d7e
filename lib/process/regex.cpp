#include "process/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <ctime>
#include <new>

#include "base/error.h"

namespace chat {

namespace {

// PCRE2 counts steps for each place where a match may begin: a long text has many of them.
constexpr std::uint32_t most_steps = 10'000'000;    // some 100 ms
constexpr std::clock_t most_time = CLOCKS_PER_SEC;  // of the processor: a busy machine changes no result
constexpr std::size_t first_bytes = std::size_t{1} << 24;  // to look at, before the time is
constexpr std::uint32_t most_memory = 65'536;              // KiB

PCRE2_SPTR bytes(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

bool inside_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

std::string reason(int error) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(error, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

}  // namespace

struct Regex::Compiled {
  pcre2_code* code = nullptr;
  pcre2_match_data* match = nullptr;
  pcre2_match_context* limits = nullptr;
};

void Regex::Free::operator()(Compiled* compiled) const {
  pcre2_match_context_free(compiled->limits);
  pcre2_match_data_free(compiled->match);
  pcre2_code_free(compiled->code);
  delete compiled;
}

Regex::Regex(const std::string& pattern) : Regex(pattern, PCRE2_MATCH_INVALID_UTF) {}

Regex::Regex(const std::string& pattern, std::uint32_t options) : compiled_(new Compiled) {
  // Without possessive repeats each character that is looked at is a step, and counted.
  options |= PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_USE_OFFSET_LIMIT | PCRE2_NO_AUTO_POSSESS;
  int error = 0;
  std::size_t place = 0;
  compiled_->code = pcre2_compile(bytes(pattern), pattern.size(), options, &error, &place, nullptr);
  if (compiled_->code == nullptr) {
    throw Error(Failure::usage, "\"" + pattern + "\" is no regular expression: " + reason(error) +
                                    ", at byte " + std::to_string(std::min(place + 1, pattern.size())) +
                                    " of " + std::to_string(pattern.size()));
  }
  compiled_->match = pcre2_match_data_create_from_pattern(compiled_->code, nullptr);
  compiled_->limits = pcre2_match_context_create(nullptr);
  if (compiled_->match == nullptr || compiled_->limits == nullptr) throw std::bad_alloc();
  pcre2_set_match_limit(compiled_->limits, most_steps);
  pcre2_set_heap_limit(compiled_->limits, most_memory);
}

Regex Regex::of_word(std::string_view word, Case letters) {
  std::string pattern = "(?<!\\w)";
  for (const char c : word) {
    const bool special =
        static_cast<unsigned char>(c) < 0x80 && std::isalnum(static_cast<unsigned char>(c)) == 0;
    if (special) pattern += '\\';
    pattern += c;
  }
  return {pattern + "(?!\\w)", letters == Case::any ? PCRE2_CASELESS : 0};
}

std::optional<Regex::Match> Regex::find(std::string_view text, std::size_t from) const {
  const std::clock_t begin = std::clock();
  for (std::size_t places = first_bytes / (text.size() + 1) + 1; from <= text.size(); places *= 2) {
    const std::size_t last = std::min(text.size(), from + places);
    pcre2_set_offset_limit(compiled_->limits, last);
    const int found = pcre2_match(compiled_->code, bytes(text), text.size(), from, PCRE2_NO_UTF_CHECK,
                                  compiled_->match, compiled_->limits);
    if (found >= 0) {
      const std::size_t* const place = pcre2_get_ovector_pointer(compiled_->match);
      return Match{place[0], place[1]};
    }
    if (found != PCRE2_ERROR_NOMATCH) throw TooCostly();
    from = last + 1;
    while (from < text.size() && inside_character(text[from])) ++from;
    if (from <= text.size() && std::clock() - begin > most_time) throw TooCostly();
  }
  return std::nullopt;
}

}  // namespace chat
