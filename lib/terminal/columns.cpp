#include "terminal/columns.h"

#include <utf8proc.h>

#include <algorithm>

namespace chat {

namespace {

constexpr utf8proc_int32_t joiner = 0x200D;

/// A character as people see it, or a colour.
struct Cluster {
  std::size_t bytes = 0;
  std::size_t columns = 0;
};

std::size_t decode(std::string_view text, utf8proc_int32_t& code_point) {
  const auto length = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                       static_cast<utf8proc_ssize_t>(text.size()), &code_point);
  return length > 0 ? static_cast<std::size_t>(length) : 1;
}

// The first one. text must not be empty.
Cluster first_cluster(std::string_view text) {
  if (text.starts_with("\x1b[")) return {std::min(text.find('m'), text.size() - 1) + 1, 0};
  utf8proc_int32_t code_point = -1;
  Cluster cluster{decode(text, code_point), 1};
  if (code_point < 0) return cluster;
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
    const bool closing = closes(text.substr(word.bytes, next.bytes));
    if (word.columns > 0 && !closing && (alone || after_alone)) break;
    after_alone = after_alone || alone;
    word.bytes += next.bytes;
    word.columns += next.columns;
  }
  return word;
}

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
  const auto new_line = [&] {
    while (out.ends_with(' ')) out.pop_back();
    out += '\n';
    out.append(indent, ' ');
    at = indent;
  };
  while (!text.empty()) {
    Cluster word = first_word(text);
    if (at + word.columns > width && text.front() == ' ') {
      text.remove_prefix(word.bytes);
      if (!text.empty()) new_line();
      continue;
    }
    if (at + word.columns > width && at > indent && word.columns <= width - indent) new_line();
    if (at + word.columns > width) {
      if (at + first_cluster(text).columns > width) new_line();
      word = fitting(text.substr(0, word.bytes), width - at);
      if (word.bytes == 0) word = first_cluster(text);  // wider than a line
    }
    out += text.substr(0, word.bytes);
    text.remove_prefix(word.bytes);
    at += word.columns;
  }
}

}  // namespace chat
