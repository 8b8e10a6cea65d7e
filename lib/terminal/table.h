#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace chat {

/// Cells in columns that are aligned on a terminal, whatever the characters in them.
class Table {
 public:
  /// alignment: a letter a column, `l` or `r`.
  Table(std::string_view alignment, const std::vector<std::string>& headings);

  /// The cells may come from anywhere: what could drive a terminal is escaped.
  void add(const std::vector<std::string>& row);

  /// A line for the headings and for each row, each without spaces at its end. When they don't fit into
  /// `width` columns (0: they do), the first cells, which name things, are cut to about a third of it, and
  /// the last ones to what is left; what has no room then is left out as a whole, with its heading.
  std::vector<std::string> lines(std::size_t width) const;

 private:
  std::vector<std::size_t> widths(std::size_t width) const;

  std::string alignment_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace chat
