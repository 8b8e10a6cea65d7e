#include "terminal/table.h"

#include <algorithm>

#include "base/escape.h"
#include "terminal/columns.h"

namespace chat {

namespace {

constexpr std::size_t least_name = 12;

}  // namespace

Table::Table(std::string_view alignment, const std::vector<std::string>& headings) : alignment_(alignment) {
  add(headings);
}

void Table::add(const std::vector<std::string>& row) {
  std::vector<std::string>& cells = rows_.emplace_back(alignment_.size());
  for (std::size_t i = 0; i < std::min(row.size(), cells.size()); ++i) append_escaped(cells[i], row[i], true);
}

std::vector<std::size_t> Table::widths(std::size_t width) const {
  std::vector<std::size_t> widths(alignment_.size());
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], columns_of(row[i]));
  }
  std::size_t total = 2 * (widths.size() - 1);
  for (const std::size_t columns : widths) total += columns;
  if (width == 0 || total <= width) return widths;

  const std::size_t between = total - widths.front() - widths.back();
  const std::size_t room = std::max(std::min(width / 3, width - std::min(width, between)), least_name);
  widths.front() = std::min({widths.front(), room, width});
  std::size_t at = widths.front() + 2;
  for (std::size_t i = 1; i < widths.size(); ++i) {
    const std::size_t left = width - std::min(width, at);
    const bool last = i + 1 == widths.size();
    if (left < (last ? columns_of(rows_.front()[i]) : widths[i])) {
      widths.resize(i);
      break;
    }
    widths[i] = std::min(widths[i], left);
    at += widths[i] + 2;
  }
  return widths;
}

std::vector<std::string> Table::lines(std::size_t width) const {
  const std::vector<std::size_t> widths = this->widths(width);
  std::vector<std::string> lines;
  for (const auto& row : rows_) {
    std::string& line = lines.emplace_back();
    for (std::size_t i = 0; i < widths.size(); ++i) {
      std::string cell;
      append_cut(cell, row[i], widths[i]);
      const std::string space(widths[i] - columns_of(cell), ' ');
      line += alignment_[i] == 'r' ? space + cell : cell + space;
      line += "  ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
  }
  return lines;
}

}  // namespace chat
