// SPDX-License-Identifier: Apache-2.0
// The tables of a live schema, for databases of another kind.
#pragma once

#include <string_view>

#include "engine/engine.h"
#include "engine/mariadb/client.h"
#include "engine/mariadb/values.h"

namespace holdfast::engine::mariadb {

// As Engine::define_database; the connection's default schema is `schema` afterwards.
//
// Source: MariaDB and MySQL, "Information Schema COLUMNS", "STATISTICS", "Data Types".
[[nodiscard]] DefinedTables define_live_tables(Connection& connection, const std::string& schema);

// What information_schema.COLUMNS says of a column.
struct DeclaredColumn {
  std::string data_type;    // "int"
  std::string column_type;  // "int(10) unsigned"
  Cell characters;          // CHARACTER_MAXIMUM_LENGTH
  Cell bytes;               // CHARACTER_OCTET_LENGTH
  Cell precision, scale, fraction_digits;
};
// Kind, length and digits.
void define_type(const DeclaredColumn& declared, ColumnKind kind, model::ColumnDefinition& column);

}  // namespace holdfast::engine::mariadb
