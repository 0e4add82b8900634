// SPDX-License-Identifier: Apache-2.0
// Tables for the rows of foreign files. Connects to nothing.
#pragma once

#include <span>
#include <vector>

#include "model/new_table.h"
#include "model/table_definition.h"

namespace holdfast::engine::postgresql {

// As Engine::design. Keys follow the rows.
[[nodiscard]] std::vector<model::NewTable> design_tables(
    std::span<const model::TableDefinition> tables);

}  // namespace holdfast::engine::postgresql
