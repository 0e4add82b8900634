// SPDX-License-Identifier: Apache-2.0
// The tables of a Jackrabbit repository: what they are called and how each kind of persistence
// manager makes them. Source: the .ddl and .properties files of jackrabbit-core
// (persistence/bundle, fs/db, journal) and jackrabbit-data (data/db), read at tag jackrabbit-2.18.6
// and unchanged at 2.22.0.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::profile::magnolia {

enum class TableKind : std::uint8_t {
  bundle,           // one row for each node
  refs,             // which properties refer to a node
  binval,           // binaries of repositories without a data store
  names,            // numbers of names, for bundles of formats 1 and 2 and for BINVAL_ID
  datastore,        // binaries, named by their hash
  fsentry,          // files of a DbFileSystem
  journal,          // of a cluster: what was changed
  global_revision,  // of a cluster: one row, the last revision
  local_revisions,  // of a cluster: the revision that each of its members has read
};
[[nodiscard]] std::span<const TableKind> all_table_kinds() noexcept;
// What stands behind the prefix: "BUNDLE".
[[nodiscard]] std::string_view table_suffix(TableKind kind) noexcept;

// Whose tables they are: a databaseType of repository.xml.
enum class Dialect : std::uint8_t { derby, h2, postgresql, mysql, oracle, mssql, ingres };
[[nodiscard]] std::span<const Dialect> all_dialects() noexcept;
[[nodiscard]] std::string_view dialect_name(Dialect dialect) noexcept;

// How a table is called by a schemaObjectPrefix: upper case, and `_x002d_` for a `-`, as for
// everything else that is neither letter, digit nor underscore (class ConnectionHelper). The
// database may fold its case. Some engines allow more characters, which then stay as they are.
[[nodiscard]] std::string table_name(std::string_view prefix, TableKind kind);
// Whether `table` is that table, in whatever case, and whichever characters its engine allows.
[[nodiscard]] bool is_table(std::string_view table, std::string_view prefix, TableKind kind);

struct ColumnDefinition {
  std::string_view name;
  std::string_view type;  // as the dialect writes it
  bool nullable = false;
};

struct TableDefinition {
  std::vector<ColumnDefinition> columns;
  // Before the table, the table, then its indexes, sequences and triggers, as statements for the
  // table name of `prefix`; none ends with a semicolon.
  std::vector<std::string> statements;
};

// Where Derby begins to count in a NAMES table that has taken rows from elsewhere: it can only be
// told a number that is known beforehand, and must not give one that a row has already.
inline constexpr std::int64_t derby_numbers_begin = 1'073'741'824;

// Nothing where Jackrabbit has no such tables on that engine (FSENTRY of H2). `keeps_numbers`: for
// tables into which NAMES rows are copied with their numbers, which Derby's own definition of that
// table forbids ("generated always"); they have to be below derby_numbers_begin.
[[nodiscard]] std::optional<TableDefinition> table_definition(Dialect dialect, TableKind kind,
                                                              std::string_view prefix,
                                                              bool keeps_numbers);

}  // namespace holdfast::profile::magnolia
