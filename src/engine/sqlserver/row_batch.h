// SPDX-License-Identifier: Apache-2.0
// Rows that wait for a server, as an INSERT of many rows takes them: by parameters, which are whole
// whatever they are, or written in the statement where a type knows no other way. Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "engine/sqlserver/columns.h"
#include "engine/wide_row.h"
#include "model/value.h"

namespace holdfast::engine::sqlserver {

// As what the values of a column are given.
enum class Given : std::uint8_t {
  integer,  // eight bytes of this machine
  real,     // a double of this machine
  text,     // UTF-16 in little-endian bytes: nvarchar(max)
  bytes     // varbinary(max)
};
[[nodiscard]] Given given_as(const SqlColumn& column) noexcept;
// What stands in the statement for a value: "?", "CONVERT(decimal(5,2),?)".
[[nodiscard]] std::string parameter_text(const SqlColumn& column);

// The columns that rows can be given for: all but rowversion.
[[nodiscard]] std::vector<std::size_t> given_columns(const SqlTable& table);
// Whether rows go by parameters: a sql_variant's type is said by the statement alone.
[[nodiscard]] bool goes_by_parameters(const SqlTable& table);
// INSERT INTO [s].[t] ([a],[b]) VALUES
[[nodiscard]] std::string insert_head(const SqlTable& table);
// The statement for so many rows by parameters.
[[nodiscard]] std::string insert_statement(const SqlTable& table, std::size_t rows);

struct RowBatch {
  struct Cell {
    std::size_t at = 0;       // in `values`
    std::int64_t bytes = -1;  // -1: null
  };
  std::size_t rows = 0;
  // By parameters: the values of given_columns(), row after row. What is bounded by the room of a
  // statement is cut by insert_rows().
  std::vector<Cell> cells;
  Bytes values;
  // Or the statement.
  std::string statement;
  std::unique_ptr<WideRowTurn> turn;  // of a wide row

  [[nodiscard]] std::size_t size_bytes() const noexcept {
    return values.size() + cells.size() * sizeof(Cell) + statement.size();
  }
};
// Errc::unsupported, naming the column, for a value that does not fit it.
void add_row(RowBatch& batch, const SqlTable& table, const model::Row& row);

}  // namespace holdfast::engine::sqlserver
