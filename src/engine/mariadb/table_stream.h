// SPDX-License-Identifier: Apache-2.0
// The rows of a table on their way out of the server: as bytes for LOAD DATA, as typed rows, as a
// digest; whole or a range of its key.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/mariadb/catalog.h"
#include "engine/mariadb/client.h"
#include "model/value.h"

namespace holdfast::engine::mariadb {

// Of the primary key's first column, as literals of SQL. Open where nothing is set.
struct KeyRange {
  std::optional<std::string> from;    // included
  std::optional<std::string> before;  // not included
};

// How large a range of a table is; large tables are copied, and loaded, by several sessions at
// once.
inline constexpr std::uint64_t usual_range_bytes = 64U << 20U;

// Cuts a large table: at round values of its key where that is an integer, so that tomorrow's cuts
// are today's; else after so many rows each, which are walked through for it. One range, of
// everything, if it is not large or its rows have no order.
[[nodiscard]] std::vector<KeyRange> split_ranges(Connection& connection, const std::string& schema,
                                                 const TableDef& table, std::uint64_t range_bytes);
// The expression that reads a key so that key_literal() can write it; empty for types whose keys
// are not compared by what they show.
[[nodiscard]] std::string key_expression(const ColumnDef& column);
[[nodiscard]] std::string key_literal(const ColumnDef& column, std::string_view text);
// Round cuts between `low` and `high` for ranges of at most about so many bytes each. Pure.
[[nodiscard]] std::vector<std::string> cuts_between(const std::string& low, const std::string& high,
                                                    std::uint64_t size_bytes,
                                                    std::uint64_t range_bytes);

struct TableRead {
  model::TableDigest digest;
  std::uint64_t widest_row_bytes = 0;  // of the values
};

// Reads the rows in the order in which they are stored. Each of `bytes` and `rows` may be nullptr.
// `gone`: what it is called if the table is not there any more.
TableRead read_table(Connection& connection, const std::string& schema, const TableDef& table,
                     const KeyRange& range, ByteSink* bytes, model::RowSink* rows,
                     Errc gone = Errc::not_found);

struct LoadColumn {
  std::string name;
  bool converted = false;  // goes through a variable in UTF-8
};
// "(`a`, @v1) SET `b` = CONVERT(@v1 USING utf8mb4)": what follows the file's format in LOAD DATA.
[[nodiscard]] std::string load_columns(const std::vector<LoadColumn>& columns);
// LOAD DATA [LOCAL] for `file` into a table of the default schema.
[[nodiscard]] std::string load_statement(std::string_view file, std::string_view table,
                                         std::string_view columns);

}  // namespace holdfast::engine::mariadb
