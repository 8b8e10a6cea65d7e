#include "terminal/bidi.h"

#include <utf8proc.h>

#include "base/utf8.h"

namespace chat {

bool runs_backwards(std::string_view text) {
  while (!text.empty()) {
    char32_t code_point = 0;
    const std::size_t length = utf8::decode(text, code_point);
    text.remove_prefix(length == 0 ? 1 : length);
    if (length < 2 || code_point < 0x590) continue;
    const auto bidi = utf8proc_get_property(static_cast<utf8proc_int32_t>(code_point))->bidi_class;
    if (bidi == UTF8PROC_BIDI_CLASS_R || bidi == UTF8PROC_BIDI_CLASS_AL || bidi == UTF8PROC_BIDI_CLASS_AN) {
      return true;
    }
  }
  return false;
}

void append_isolated(std::string& out, std::string_view lines, std::size_t indent) {
  out += isolate_start;
  for (;;) {
    const std::size_t end = lines.find('\n');
    out += lines.substr(0, end);
    out += isolate_end;
    if (end == lines.npos) return;
    out += lines.substr(end, 1 + indent);
    out += isolate_start;
    lines.remove_prefix(std::min(end + 1 + indent, lines.size()));
  }
}

}  // namespace chat
