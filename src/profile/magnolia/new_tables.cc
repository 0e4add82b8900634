// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/new_tables.h"

#include <fmt/format.h>

#include <algorithm>

#include "profile/magnolia/gathering.h"
#include "profile/magnolia/repository_files.h"

namespace holdfast::profile::magnolia {
namespace {

// Room for the "_IDX" of an index's name too. Source: the manuals of PostgreSQL (63 bytes, the rest
// is cut off without a word) and MariaDB (64); the others take more than 100.
std::size_t name_bytes_max(Dialect dialect) noexcept {
  return dialect == Dialect::postgresql || dialect == Dialect::mysql ? 59 : 100;
}

std::string engine_of(Dialect dialect) {
  return dialect == Dialect::mysql   ? "mariadb"
         : dialect == Dialect::mssql ? "sqlserver"
                                     : std::string(dialect_name(dialect));
}

// Makes the numbers of new names begin behind those of the rows. MariaDB and SQL Server do so by
// themselves, Derby is told when the table is made.
void add_next_number(Dialect dialect, const std::string& table,
                     std::vector<std::string>& statements) {
  if (dialect == Dialect::postgresql) {
    statements.push_back(
        fmt::format("select pg_catalog.setval(pg_catalog.pg_get_serial_sequence('{0}', 'id'), "
                    "(select coalesce(max(id), 0) + 1 from {0}), false)",
                    table));
  } else if (dialect == Dialect::h2) {
    statements.push_back(
        fmt::format("alter table {0} alter column ID restart with "
                    "(select coalesce(max(ID), 0) + 1 from {0})",
                    table));
  }
}

}  // namespace

std::size_t NewTables::add_database(model::DatabaseSettings settings) {
  databases_.push_back({std::move(settings), {}});
  return databases_.size() - 1;
}

model::NewTablePlace NewTables::add_table(std::size_t database, TableKind kind,
                                          std::string_view prefix, const std::string& what) {
  const std::string engine = engine_of(dialect_);
  model::NewDatabase& into = databases_.at(database);
  const std::string name = table_name(prefix, kind);
  const auto refuse = [&](const std::string& seen, const std::string& why) {
    findings_.push_back(make_finding(
        "magnolia-conversion-prefix", model::Severity::blocker, into.settings.name, seen, why,
        "Give each workspace of the source another schemaObjectPrefix, "
        "or convert the repositories one by one."));
  };
  const auto [other, is_new] = used_.emplace(std::pair(database, name), what);
  if (!is_new) {
    refuse(fmt::format("{} and {} would both have the table {}", other->second, what, name),
           "each would write over what the other has written");
  }
  if (name.size() > name_bytes_max(dialect_)) {
    refuse(fmt::format("the table {} of {} has a name of {} bytes", name, what, name.size()),
           engine + " takes no more than " + std::to_string(name_bytes_max(dialect_)));
  }
  if (table_prefix(engine, prefix) + std::string(table_suffix(kind)) != name) {
    refuse(fmt::format("\"{}\" is the prefix of {}", prefix, what),
           "not every driver makes the same name of it");
  }
  const TableDefinition definition = table_definition(dialect_, kind, prefix, true).value();
  model::NewTable table;
  table.name.table = catalog_name(engine, name);
  for (const ColumnDefinition& column : definition.columns)
    table.columns.push_back(catalog_name(engine, column.name));
  table.make = {definition.statements.at(0)};
  table.complete.assign(definition.statements.begin() + 1, definition.statements.end());
  if (kind == TableKind::names) add_next_number(dialect_, table.name.table, table.complete);
  into.tables.push_back(std::move(table));
  return {database, into.tables.size() - 1};
}

}  // namespace holdfast::profile::magnolia
