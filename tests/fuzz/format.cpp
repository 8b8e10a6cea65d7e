// How messages are written: no message drives a terminal or looks like two, whatever the template.
#include "process/formatter.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>

#include "base/error.h"
#include "fuzz/target.h"

namespace {

using namespace chat;

// Without colours, links and isolates, which are the formatter's own.
std::string undressed(std::string_view out) {
  std::string plain;
  while (!out.empty()) {
    std::size_t length = 0;
    if (out.starts_with("\x1b[")) length = out.find_first_not_of("0123456789;", 2) + 1;
    if (length > 0) fuzz::check(out[length - 1] == 'm', "a colour", out);
    if (out.starts_with("\x1b]8;;")) length = out.find("\x1b\\", 5) + 2;
    if (out.starts_with("\u2068") || out.starts_with("\u2069")) length = 3;
    if (length == 0) plain += out[0];
    out.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return plain;
}

void is_one_message(const std::string& plain) {
  std::size_t lines = 0;
  for (std::string_view rest = plain; !rest.empty(); rest.remove_prefix(rest.find('\n') + 1)) {
    const bool is_day = lines == 0 && rest.starts_with("──");
    const bool is_more = lines > 0 && (rest.starts_with("    ") || rest.starts_with("\n"));
    fuzz::check(lines == 0 || is_more, "only the first line begins at the edge", plain);
    if (!is_day) ++lines;
  }
}

Style style_of(std::size_t how, std::string_view format) {
  Style style;
  style.form = static_cast<Form>(how % 4);
  style.format = format;
  style.for_terminal = (how & 4U) != 0;
  style.color = style.for_terminal && (how & 8U) != 0;
  style.with_topic = (how & 16U) != 0;
  style.links = style.isolates = (how & 32U) != 0;
  style.many_colors = (how & 64U) != 0;
  return style;
}

// size: the text is repeated up to this one; 0: it isn't.
void try_sized(std::string_view input, std::size_t size) {
  setenv("TZ", "UTC", 1);
  fuzz::Input pieces(input);
  const std::size_t how = pieces.byte();
  const std::size_t width = pieces.byte();
  Message said;
  said.timestamp = static_cast<std::int64_t>(pieces.number());
  const std::string_view format = pieces.line();
  Style style = style_of(how, format);
  style.me = pieces.line();
  said.user = pieces.line();
  const std::string topic(pieces.line());
  said.text = pieces.rest();
  fuzz::repeat(said.text, size);
  if (!valid_user(style.me)) style.me.clear();
  try {
    Formatter formatter(style);
    formatter.set_width(width);
    std::string out;
    formatter.append(out, topic, said, 1732400000);
    fuzz::check(out.ends_with('\n'), "a message ends", out);
    static_cast<void>(formatter.mentions_me(said));
    if (!style.for_terminal) return;
    // What the user's own template asks for is given.
    const bool asked = format.find("%{") != format.npos || format.find('\\') != format.npos ||
                       std::ranges::any_of(format, [](char c) { return c < ' ' || c > '~'; });
    if (style.form == Form::custom && asked) return;
    const std::string plain = undressed(out);
    fuzz::check(fuzz::harmless(plain, "\n"), "nothing that drives a terminal", plain);
    if (style.dressed()) return is_one_message(plain);
    fuzz::check(plain == out || style.color, "no colour that wasn't asked for", out);
    fuzz::check(plain.find('\n') == plain.size() - 1, "a message is a line", plain);
  } catch (const Error& error) {
    fuzz::check(error.failure() == Failure::usage && style.form == Form::custom, "a bad template",
                error.what());
    fuzz::check(fuzz::harmless(error.what()), "its text is harmless", error.what());
  }
}

void try_format(std::string_view input) { try_sized(input, 0); }
void try_long_format(std::string_view input) { fuzz::check_linear(&try_sized, input); }

const fuzz::Target format("format", &try_format);
const fuzz::Target long_format("long_format", &try_long_format);

}  // namespace
