// SPDX-License-Identifier: Apache-2.0
// Tables for people: columns, a rule, rows whose cells may have several lines, a footer; narrowed
// to the terminal by breaking the cells of the flexible column.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::cli {

class Table {
 public:
  // `flexible`: the column whose cells are broken into lines where the table is too wide. At most
  // one.
  void add_column(std::string heading, bool flexible = false);
  // One cell a column; lines within a cell are separated by '\n'. Cells are shown as they are: pass
  // printable() text.
  void add_row(std::vector<std::string> cells);
  void add_footer(std::string line) { footer_.push_back(std::move(line)); }
  // Puts an empty line between rows.
  void separate_rows() noexcept { separated_ = true; }

  // The lines of the table. `width` 0: as wide as it gets.
  [[nodiscard]] std::vector<std::string> render(std::size_t width) const;

 private:
  struct Column {
    std::string heading;
    bool flexible = false;
  };
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<std::string> footer_;
  bool separated_ = false;
};

}  // namespace holdfast::cli
