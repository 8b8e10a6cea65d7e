#include "terminal/columns.h"

#include <utf8proc.h>

#include <algorithm>

namespace chat {

namespace {

constexpr utf8proc_int32_t joiner = 0x200D;

/// A character as people see it, or a colour or link; or several of them.
struct Cluster {
  std::size_t bytes = 0;
  std::size_t columns = 0;
  bool blank = false;  ///< something in it looks like a space, and isn't one
};

bool is_ascii(char byte) { return static_cast<unsigned char>(byte) < 0x80; }

bool looks_blank(utf8proc_int32_t code_point) {
  return utf8proc_category(code_point) == UTF8PROC_CATEGORY_ZS || code_point == 0x115F ||
         code_point == 0x1160 || code_point == 0x2800 || code_point == 0x3164 || code_point == 0xFFA0;
}

// How long a colour (ESC [ … m) or the edge of a link (ESC ] … ESC \) is at the beginning of text; 0: none.
std::size_t sequence_length(std::string_view text) {
  if (text.starts_with("\x1b[")) return std::min(text.find('m'), text.size() - 1) + 1;
  if (text.starts_with("\x1b]")) return std::min(text.find("\x1b\\", 2), text.size() - 2) + 2;
  return 0;
}

std::size_t decode(std::string_view text, utf8proc_int32_t& code_point) {
  const auto length = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                       static_cast<utf8proc_ssize_t>(text.size()), &code_point);
  return length > 0 ? static_cast<std::size_t>(length) : 1;
}

// The first one. text must not be empty.
Cluster first_cluster(std::string_view text) {
  if (const std::size_t length = sequence_length(text)) return {length, 0};
  if (text[0] >= ' ' && is_ascii(text[0]) && (text.size() == 1 || is_ascii(text[1]))) return {1, 1};
  utf8proc_int32_t code_point = -1;
  Cluster cluster{decode(text, code_point), 1};
  if (code_point < 0) return cluster;
  cluster.blank = code_point != ' ' && looks_blank(code_point);
  cluster.columns = static_cast<std::size_t>(utf8proc_charwidth(code_point));
  utf8proc_int32_t state = 0;
  while (cluster.bytes < text.size()) {
    utf8proc_int32_t next = -1;
    const std::size_t length = decode(text.substr(cluster.bytes), next);
    if (next < 0 || static_cast<bool>(utf8proc_grapheme_break_stateful(code_point, next, &state))) break;
    // Terminals draw what a joiner joins, such as a family of emoji, as one; but not a thumb and its colour.
    if (code_point != joiner) cluster.columns += static_cast<std::size_t>(utf8proc_charwidth(next));
    cluster.bytes += length;
    code_point = next;
  }
  return cluster;
}

// As many characters from the beginning as fit into so many columns.
Cluster fitting(std::string_view text, std::size_t most) {
  Cluster all;
  while (all.bytes < text.size()) {
    const Cluster next = first_cluster(text.substr(all.bytes));
    if (all.columns + next.columns > most) break;
    all.bytes += next.bytes;
    all.columns += next.columns;
  }
  return all;
}

// Punctuation that no line may begin with.
bool closes(std::string_view cluster) {
  constexpr std::string_view closing = ", . ; : ! ? ) ] } … 、 。 ， ． ： ； ！ ？ ） 」 』 】";
  return closing.find(cluster) != closing.npos;
}

// What is kept together: spaces, a wide character with the punctuation behind it, or what is between them.
// text must not be empty.
Cluster first_word(std::string_view text) {
  const bool spaces = text.front() == ' ';
  Cluster word;
  bool after_alone = false;
  while (word.bytes < text.size() && (text[word.bytes] == ' ') == spaces) {
    const Cluster next = first_cluster(text.substr(word.bytes));
    const bool alone = next.columns >= 2;
    if (word.columns > 0 && (alone || after_alone) && !closes(text.substr(word.bytes, next.bytes))) break;
    after_alone = after_alone || alone;
    word.bytes += next.bytes;
    word.columns += next.columns;
    word.blank = word.blank || next.blank;
  }
  return word;
}

/// Puts text into lines.
struct Lines {
  std::string& out;
  std::string_view text;  // what is left of it
  std::size_t at;
  std::size_t indent;
  std::size_t width;
  std::size_t begin = out.size();  // of this line's text, in `out`

  void new_line() {
    while (out.ends_with(' ')) out.pop_back();
    out += '\n';
    out.append(indent, ' ');
    at = indent;
    begin = out.size();
  }

  void append(const Cluster& part) {
    out += text.substr(0, part.bytes);
    text.remove_prefix(part.bytes);
    at += part.columns;
  }

  void append_broken(std::size_t bytes) {
    const std::size_t rest = text.size() - bytes;
    while (text.size() > rest) {
      if (at + first_cluster(text).columns > width) new_line();
      const Cluster part = fitting(text.substr(0, text.size() - rest), width - at);
      append(part.bytes > 0 ? part : first_cluster(text));  // wider than a line
    }
  }

  // One that has no room in this line.
  void append_long(const Cluster& word) {
    if (out.size() > begin || at != indent) new_line();
    if (word.columns > width - indent && word.blank) return append_broken(word.bytes);
    append(word);
    if (at > width) at = (at - 1) % width + 1;  // the terminal has broken it
  }
};

}  // namespace

std::size_t columns_of(std::string_view text) { return fitting(text, text.npos).columns; }

void append_cut(std::string& out, std::string_view text, std::size_t most) {
  const Cluster all = fitting(text, most);
  if (all.bytes == text.size()) {
    out += text;
  } else if (most > 0) {
    out += text.substr(0, fitting(text, most - 1).bytes);
    out += "…";
  }
}

void append_wrapped(std::string& out, std::string_view text, std::size_t at, std::size_t indent,
                    std::size_t width) {
  Lines lines{out, text, at, indent, width};
  while (!lines.text.empty()) {
    const Cluster word = first_word(lines.text);
    if (lines.at + word.columns <= width) {
      lines.append(word);
    } else if (lines.text.find_first_not_of(' ') >= word.bytes) {
      lines.text.remove_prefix(word.bytes);
      if (!lines.text.empty()) lines.new_line();
    } else {
      lines.append_long(word);
    }
  }
}

}  // namespace chat
