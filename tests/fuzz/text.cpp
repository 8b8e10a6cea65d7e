// Text on a terminal: no byte of it drives the terminal, its width is right, and it takes linear time.
#include <utf8proc.h>

#include <algorithm>
#include <string>

#include "base/escape.h"
#include "base/utf8.h"
#include "fuzz/target.h"
#include "terminal/bidi.h"
#include "terminal/columns.h"
#include "terminal/links.h"
#include "terminal/table.h"

namespace {

using namespace chat;

std::size_t decode_by_utf8proc(std::string_view text, char32_t& code_point) {
  utf8proc_int32_t found = -1;
  const auto length = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                       static_cast<utf8proc_ssize_t>(text.size()), &found);
  if (length <= 0) return 0;
  code_point = static_cast<char32_t>(found);
  return static_cast<std::size_t>(length);
}

void try_utf8(std::string_view text) {
  const std::size_t plain = utf8::plain_prefix(text);
  const auto is_plain = [](char c) { return c >= ' ' && c < 0x7f && c != '"' && c != '\\'; };
  fuzz::check(plain == static_cast<std::size_t>(std::ranges::find_if_not(text, is_plain) - text.begin()),
              "plain", text);
  while (!text.empty()) {
    char32_t code_point = 0;
    char32_t expected = 0;
    const std::size_t length = utf8::decode(text, code_point);
    fuzz::check(length == decode_by_utf8proc(text, expected), "how long a character is", text.substr(0, 4));
    fuzz::check(length == 0 || code_point == expected, "which one it is", text.substr(0, 4));
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
}

std::string without_blanks(std::string text) {
  std::erase_if(text, [](char c) { return c == ' ' || c == '\n'; });
  return text;
}

void try_wrapping(const std::string& text, std::size_t at, std::size_t indent, std::size_t width) {
  std::string out;
  append_wrapped(out, text, at, indent, width);
  fuzz::check(without_blanks(out) == without_blanks(text), "nothing is lost", out);
  const std::string margin(indent, ' ');
  bool first = true;
  for (std::string_view rest = out; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    if (!first) {
      fuzz::check(line.starts_with(margin) || end == rest.size(), "no line at the edge", out);
      line.remove_prefix(std::min(indent, line.size()));
    }
    const std::size_t begin = first ? at : indent;
    if (begin + columns_of(line) > width) {
      line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
      const std::string_view word = line.substr(0, line.find(' '));
      fuzz::check(columns_of(word) > width - indent, "only a long word goes beyond the edge", line);
    }
    first = false;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

void try_links(const std::string& text) {
  std::size_t done = 0;
  for (const Link& link : find_links(text)) {
    fuzz::check(link.begin >= done && link.end > link.begin && link.end <= text.size(),
                "a link is in the text", text);
    done = link.end;
    const std::string start = link_start(std::string_view(text).substr(link.begin, link.end - link.begin));
    fuzz::check(
        std::ranges::all_of(start.substr(2, start.size() - 4), [](char c) { return c > ' ' && c < 0x7f; }),
        "a link is printable ASCII", start);
  }
}

void try_table(const std::string& one, const std::string& other, std::size_t width) {
  Table table("lrl", {"NAME", "N", "TEXT"});
  table.add({one, "12", other});
  table.add({other, one, one});
  for (const std::string& line : table.lines(width)) {
    fuzz::check(fuzz::harmless(line), "a table is harmless", line);
    fuzz::check(width == 0 || columns_of(line) <= width, "a table's width", line);
  }
}

// size: the text is repeated up to this one; 0: it isn't.
void try_sized_text(std::string_view input, std::size_t size) {
  fuzz::Input pieces(input);
  const std::size_t width = 20 + pieces.up_to(100);
  const std::size_t indent = pieces.up_to(width / 2);
  const std::size_t at = pieces.up_to(width - 1);
  const std::size_t how = pieces.byte();
  std::string text(pieces.rest());
  try_utf8(text);
  fuzz::repeat(text, size);
  std::string escaped;
  if (how % 2 == 0) append_escaped(escaped, text, true);
  if (how % 2 == 1) append_escaped_name(escaped, text, true);
  fuzz::check(fuzz::harmless(escaped), "escaped text is harmless", escaped);
  try_utf8(escaped);
  std::string once_more;
  append_escaped(once_more, escaped, true);
  fuzz::check(once_more == escaped, "once is enough", escaped);
  std::string line;
  append_escaped(line, text, false);
  fuzz::check(line.find('\n') == line.npos, "one line", line);

  std::string cut;
  append_cut(cut, escaped, at);
  fuzz::check(columns_of(cut) <= at, "what is cut fits", cut);
  fuzz::check(cut == escaped || columns_of(escaped) > at, "only what doesn't fit is cut", cut);
  try_wrapping(escaped, at, indent, width);
  try_links(escaped);
  std::string isolated;
  append_isolated(isolated, escaped, indent);
  fuzz::check(isolated == "\u2068" + escaped + "\u2069", "a line in an isolate", isolated);
  static_cast<void>(runs_backwards(escaped));
  if (text.size() < 1000) try_table(text, text.substr(text.size() / 2), width);
}

void try_text(std::string_view input) { try_sized_text(input, 0); }
void try_long_text(std::string_view input) { fuzz::check_linear(&try_sized_text, input); }

const fuzz::Target text("text", &try_text);
const fuzz::Target long_text("long_text", &try_long_text);

}  // namespace
