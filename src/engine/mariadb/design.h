// SPDX-License-Identifier: Apache-2.0
// Tables for the rows of foreign files. Connects to nothing.
#pragma once

#include <span>
#include <vector>

#include "model/new_table.h"
#include "model/table_definition.h"

namespace holdfast::engine::mariadb {

// What a server can do, as far as tables depend on it.
struct Dialect {
  bool is_mariadb = true;            // else MySQL
  unsigned version_number = 101100;  // 10.11: 101100; as Connection has it
  bool folds_tables = false;         // @@lower_case_table_names is not 0
};

// As Engine::design. Text is held in a collation that tells apart whatever differs, blanks at the
// end too, where the server has one.
[[nodiscard]] std::vector<model::NewTable> design_tables(
    std::span<const model::TableDefinition> tables, const Dialect& dialect);

}  // namespace holdfast::engine::mariadb
