// SPDX-License-Identifier: Apache-2.0
// What a database holds: its tables with digests, its objects, its facts, its integrity. Works on
// any connection; says nothing of where the file came from.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/sqlite/lite.h"
#include "engine/sqlite/location.h"
#include "model/copy_check.h"
#include "model/manifest.h"
#include "model/value.h"

namespace holdfast::engine::sqlite {

// One row of sqlite_schema.
struct SchemaEntry {
  std::string type;  // "table", "virtual table", "index", "view", "trigger"
  std::string name;
  std::string table;  // which it belongs to
  std::string sql;    // empty for what SQLite makes by itself
};
[[nodiscard]] std::vector<SchemaEntry> schema_of(Connection& connection);
// Whether it holds no object of the user's.
[[nodiscard]] bool is_empty(Connection& connection);

// What PRAGMA integrity_check objects to, at most `count_max`. Where the schema needs functions or
// collations of the application's, the check that does without them is made instead.
struct Integrity {
  // "full", "quick" (without indexes), "rows" (not at all: that all rows can be read is what is
  // known)
  std::string extent;
  std::vector<std::string> problems;
};
[[nodiscard]] Integrity check_integrity(Connection& connection, int count_max = 10);
// The extent of the check. Errc::not_consistent naming the first problem.
[[nodiscard]] std::string require_integrity(Connection& connection);

// Columns and rows of one table. Errc::not_found naming the table.
void read_rows(Connection& connection, const model::TableName& table, model::RowSink& into);
// The statement that reads a table's rows: all columns, or those that can be computed here.
[[nodiscard]] Statement select_rows(Connection& connection, const std::string& table);

// Rows go to `tap` too, as those of `component`, if there is one.
[[nodiscard]] std::vector<model::TableFacts> count_tables(Connection& connection,
                                                          std::string_view component = {},
                                                          const model::RowTap& tap = {});
[[nodiscard]] std::vector<model::ObjectFacts> list_objects(Connection& connection);

// Fills version, engine_facts, tables and objects after checking integrity. `source`: whose
// ownership is recorded. Rows go to `tap` too, as those of facts.name.
void describe_content(Connection& connection, const std::optional<FileFacts>& source,
                      model::DatabaseFacts& facts, const model::RowTap& tap = {});

// What differs between two descriptions: tables, rows, digests, objects; at most a few lines.
[[nodiscard]] std::vector<std::string> differences(const model::DatabaseFacts& expected,
                                                   const model::DatabaseFacts& found);

// A name as text that JSON can hold: bytes that are not UTF-8 as \xNN.
[[nodiscard]] std::string printable(std::string_view name);

}  // namespace holdfast::engine::sqlite
