// SPDX-License-Identifier: Apache-2.0
// Tables for the rows of other engines' files. Connects to nothing.
#pragma once

#include <span>
#include <vector>

#include "model/new_table.h"
#include "model/table_definition.h"

namespace holdfast::engine::sqlserver {

// What a server can do, as far as tables depend on it.
struct Dialect {
  bool is_sql_server = true;  // else it only speaks its protocol
  int major = 16;             // 16: 2022
};

// As Engine::design. Text is held in a collation that tells apart whatever differs but blanks at
// the end, which no collation of SQL Server does.
[[nodiscard]] std::vector<model::NewTable> design_tables(
    std::span<const model::TableDefinition> tables, const Dialect& dialect);

}  // namespace holdfast::engine::sqlserver
