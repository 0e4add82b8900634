// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include <algorithm>

#include "base/error.h"
#include "cli/text.h"

namespace holdfast::cli {

namespace {

constexpr std::string_view gap = "  ";
constexpr std::size_t flexible_width_min = 16;

std::string padded_to(std::string_view text, std::size_t width) {
  std::string cell(text);
  const std::size_t used = display_width(text);
  if (used < width) cell.append(width - used, ' ');
  return cell;
}

// Breaks anywhere: what is broken are paths, which have no spaces to break at.
std::vector<std::string> broken(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  do {
    std::string_view front = fitting_front(text, width);
    if (front.empty()) front = text;
    lines.emplace_back(front);
    text.remove_prefix(front.size());
  } while (!text.empty());
  return lines;
}

}  // namespace

void Table::add_column(std::string heading, bool flexible) {
  columns_.push_back({std::move(heading), flexible});
}

void Table::add_row(std::vector<std::string> cells) {
  check_rule(cells.size() == columns_.size(), "a row has one cell a column");
  rows_.push_back(std::move(cells));
}

std::vector<std::string> Table::render(std::size_t width) const {
  std::vector<std::vector<std::vector<std::string>>> cells;  // row, column, line
  std::vector<std::size_t> widths;
  for (const Column& column : columns_) widths.push_back(display_width(column.heading));
  for (const auto& row : rows_) {
    auto& lines = cells.emplace_back();
    for (std::size_t i = 0; i < row.size(); ++i) {
      lines.push_back(split(row[i], '\n'));
      for (const std::string& line : lines.back())
        widths[i] = std::max(widths[i], display_width(line));
    }
  }
  const auto total = [&] {
    std::size_t sum = columns_.empty() ? 0 : gap.size() * (columns_.size() - 1);
    for (const std::size_t each : widths) sum += each;
    return sum;
  };
  for (std::size_t i = 0; width != 0 && total() > width && i < columns_.size(); ++i) {
    if (!columns_[i].flexible) continue;
    const std::size_t others = total() - widths[i];
    widths[i] = std::min(widths[i],
                         width > others + flexible_width_min ? width - others : flexible_width_min);
    for (auto& row : cells) {
      std::vector<std::string> lines;
      for (const std::string& line : row[i]) {
        for (std::string& piece : broken(line, widths[i])) lines.push_back(std::move(piece));
      }
      row[i] = std::move(lines);
    }
  }

  std::vector<std::string> result;
  const auto add = [&](const std::vector<std::string>& line_cells) {
    std::string line;
    for (std::size_t i = 0; i < line_cells.size(); ++i) {
      if (i != 0) line += gap;
      line += padded_to(line_cells[i], widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    result.push_back(std::move(line));
  };
  std::vector<std::string> headings;
  for (const Column& column : columns_) headings.push_back(column.heading);
  add(headings);
  const std::string rule(width == 0 ? total() : std::min(total(), width), '-');
  result.push_back(rule);
  for (std::size_t r = 0; r < cells.size(); ++r) {
    if (separated_ && r != 0) result.emplace_back();
    std::size_t height = 0;
    for (const auto& lines : cells[r]) height = std::max(height, lines.size());
    for (std::size_t l = 0; l < height; ++l) {
      std::vector<std::string> line_cells;
      for (const auto& lines : cells[r]) line_cells.push_back(l < lines.size() ? lines[l] : "");
      add(line_cells);
    }
  }
  result.push_back(rule);
  result.insert(result.end(), footer_.begin(), footer_.end());
  return result;
}

}  // namespace holdfast::cli
