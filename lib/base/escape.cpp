#include "base/escape.h"

#include "base/utf8.h"

namespace chat {
namespace {

void append_hex(std::string& out, char32_t value, unsigned digits) {
  while (digits-- > 0) out += "0123456789abcdef"[value >> (4 * digits) & 0xfU];
}

void append_visible(std::string& out, char32_t control) {
  out += '\\';
  if (control == '\n') {
    out += 'n';
  } else if (control == '\t') {
    out += 't';
  } else if (control == '\r') {
    out += 'r';
  } else if (control < 0x80) {
    out += 'x';
    append_hex(out, control, 2);
  } else {
    const bool is_short = control <= 0xffff;
    out += is_short ? 'u' : 'U';
    append_hex(out, control, is_short ? 4 : 8);
  }
}

void append_escaped_newlines(std::string& out, std::string_view field) {
  for (;;) {
    const std::size_t at = field.find('\n');
    out += field.substr(0, at);
    if (at == std::string_view::npos) return;
    out += "\\n";
    field.remove_prefix(at + 1);
  }
}

// hides: of a character, whether it is to be made visible.
template <typename Hides>
void append_escaped_if(std::string& out, std::string_view field, const Hides& hides) {
  std::size_t written = 0;
  std::size_t at = utf8::plain_prefix(field);
  while (at < field.size()) {
    char32_t code_point = 0;
    const std::size_t length = utf8::decode(field.substr(at), code_point);
    if (length == 0 || hides(code_point)) {
      out += field.substr(written, at - written);
      written = at + (length == 0 ? 1 : length);
      if (length == 0) {
        out += "\\x";
        append_hex(out, static_cast<unsigned char>(field[at]), 2);
      } else {
        append_visible(out, code_point);
      }
    }
    at += length == 0 ? 1 : length;
    at += utf8::plain_prefix(field.substr(at));
  }
  out += field.substr(written);
}

}  // namespace

void append_escaped(std::string& out, std::string_view field, bool for_terminal) {
  if (!for_terminal) return append_escaped_newlines(out, field);
  append_escaped_if(out, field, utf8::drives_terminal);
}

void append_escaped_name(std::string& out, std::string_view name, bool for_terminal) {
  if (!for_terminal) return append_escaped_newlines(out, name);
  append_escaped_if(
      out, name, [](char32_t c) { return utf8::drives_terminal(c) || (c >= 0xad && utf8::is_invisible(c)); });
}

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  append_escaped(out, text, true);
  return out + '"';
}

}  // namespace chat
