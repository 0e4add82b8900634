// SPDX-License-Identifier: Apache-2.0
// Tables of a database file as definitions, and tables for the rows of foreign files.
#pragma once

#include <filesystem>
#include <span>
#include <stop_token>
#include <vector>

#include "engine/engine.h"
#include "model/new_table.h"
#include "model/table_definition.h"

namespace holdfast::engine::sqlite {

// As Engine::define_tables. SQLite keeps any value in any column, so all rows are read: the kind of
// a column is that of its values, and of its declared type only where it has none. What holds
// several kinds, and what only a module can read, has an obstacle.
[[nodiscard]] std::vector<model::TableDefinition> define_tables(const std::filesystem::path& file,
                                                                const std::stop_token& stop);

// As Engine::design. Integers of up to 18 digits are integers; other exact numbers, dates and the
// like are held as text.
[[nodiscard]] std::vector<model::NewTable> design_tables(
    std::span<const model::TableDefinition> tables);

// As Engine::define_database, by define_tables().
[[nodiscard]] DefinedTables define_live_tables(const std::filesystem::path& file,
                                               const std::stop_token& stop);

}  // namespace holdfast::engine::sqlite
