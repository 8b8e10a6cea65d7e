#include "terminal/links.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

#include "base/utf8.h"

namespace chat {

namespace {

constexpr std::size_t longest = 2000;

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// How many bytes of an address stand at the beginning of text, which isn't empty: those of a character that
// can be part of one; 0 when there is none.
std::size_t part_of_address(std::string_view text) {
  constexpr std::string_view never = "\"<>\\^`{|}";
  char32_t code_point = 0;
  const std::size_t length = utf8::decode(text, code_point);
  if (length <= 1) {
    const bool printable = length == 1 && text[0] > ' ' && text[0] < 0x7f;
    return printable && never.find(text[0]) == never.npos ? 1 : 0;
  }
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(code_point));
  const bool visible = !utf8::is_invisible(code_point);
  return visible && category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NO ? length : 0;
}

std::size_t end_of_address(std::string_view text, std::size_t at) {
  const auto count = [&](std::size_t begin, char c) {
    return std::count(text.begin() + static_cast<std::ptrdiff_t>(begin),
                      text.begin() + static_cast<std::ptrdiff_t>(at), c);
  };
  const std::size_t begin = at;
  while (at < text.size()) {
    const std::size_t length = part_of_address(text.substr(at));
    if (length == 0) break;
    at += length;
  }
  // A bracket at the end belongs to the address only if it was opened there.
  auto round = count(begin, ')') - count(begin, '(');
  auto square = count(begin, ']') - count(begin, '[');
  for (; at > begin; --at) {
    const char last = text[at - 1];
    const bool unopened = (last == ')' && round-- > 0) || (last == ']' && square-- > 0);
    if (!unopened && std::string_view(".,;:!?'*_").find(last) == std::string_view::npos) break;
  }
  return at;
}

std::string_view variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

// The first number of a version such as `3.4` or `6003`, and the second.
std::array<int, 2> version(std::string_view text) {
  std::array<int, 2> numbers{};
  const char* at = text.data();
  const char* const end = at + text.size();
  for (int& number : numbers) {
    at = std::from_chars(at, end, number).ptr;
    if (at != end) ++at;
  }
  return numbers;
}

}  // namespace

std::vector<Link> find_links(std::string_view text) {
  std::vector<Link> links;
  std::size_t from = 0;
  for (std::size_t at = 0; (at = text.find("://", from)) != text.npos;) {
    const std::string_view before = text.substr(from, at - from);
    const std::size_t scheme = before.ends_with("https") ? 5 : before.ends_with("http") ? 4 : 0;
    const bool apart = scheme == before.size() || !is_alphanumeric(before[before.size() - scheme - 1]);
    from = at + 3;
    if (scheme == 0 || !apart) continue;
    const std::size_t end = end_of_address(text, from);
    if (end > from && end - (at - scheme) <= longest) links.push_back({at - scheme, end});
    from = std::max(from, end);
  }
  return links;
}

std::string link_start(std::string_view address) {
  std::string out = "\x1b]8;;";
  for (const char c : address) {
    if (c > ' ' && c < 0x7f) {
      out += c;
      continue;
    }
    constexpr std::string_view digits = "0123456789ABCDEF";
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += digits[byte >> 4U];
    out += digits[byte & 0xfU];
  }
  return out + "\x1b\\";
}

bool knows_links() {
  const std::string_view term = variable("TERM");
  const std::string_view program = variable("TERM_PROGRAM");
  const std::string_view program_version = variable("TERM_PROGRAM_VERSION");
  // What runs inside another terminal hands down the variables of that one.
  if (program == "tmux") return version(program_version) >= std::array{3, 4};
  if (!variable("TMUX").empty() || !variable("STY").empty() || term.starts_with("screen") ||
      term.starts_with("tmux")) {
    return false;
  }
  constexpr std::array terms = {"xterm-kitty", "xterm-ghostty", "alacritty", "foot",
                                "foot-extra",  "wezterm",       "contour"};
  constexpr std::array programs = {"iTerm.app", "WezTerm", "vscode", "ghostty", "rio"};
  return std::ranges::count(terms, term) > 0 || std::ranges::count(programs, program) > 0 ||
         !variable("WT_SESSION").empty() || version(variable("VTE_VERSION"))[0] > 5000 ||
         version(variable("KONSOLE_VERSION"))[0] >= 201200;
}

}  // namespace chat
