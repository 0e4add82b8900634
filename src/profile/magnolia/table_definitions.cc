// SPDX-License-Identifier: Apache-2.0
// Jackrabbit's tables on each engine.
#include "profile/magnolia/table_definitions.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>

#include "base/ascii.h"
#include "base/bytes.h"
#include "profile/magnolia/row_reader.h"

namespace holdfast::profile::magnolia {
namespace {

constexpr std::array kinds{
    TableKind::bundle,         TableKind::refs,    TableKind::binval,  TableKind::names,
    TableKind::datastore,      TableKind::fsentry, TableKind::journal, TableKind::global_revision,
    TableKind::local_revisions};
constexpr std::array dialects{Dialect::derby,  Dialect::h2,    Dialect::postgresql, Dialect::mysql,
                              Dialect::oracle, Dialect::mssql, Dialect::ingres};

// The types that differ.
struct Types {
  Dialect dialect;
  std::string_view id;       // of NODE_ID; empty: two halves
  std::string_view content;  // BUNDLE_DATA, REFS_DATA
  std::string_view large;    // BINVAL_DATA
  std::string_view record;   // DATA of DATASTORE
  std::string_view file;     // FSENTRY_DATA; empty: there is no such table
  std::string_view file_path;
  std::string_view file_name;
  std::string_view revision_data;
  std::string_view integer;  // 64 bits
  std::string_view revision;
  std::string_view binval_id;
  std::string_view name_id;
  std::string_view name;
};

constexpr std::array types_by_dialect{
    Types{Dialect::derby, "", "blob(2G)", "blob(2G)", "BLOB", "blob(100M)", "varchar(2048)",
          "varchar(255)", "blob", "bigint", "bigint", "char(64)",
          "integer generated always as identity", "varchar(255)"},
    Types{Dialect::h2, "binary(16)", "varbinary", "blob", "BLOB", "", "", "", "blob", "bigint",
          "bigint", "varchar(64)", "integer auto_increment", "varchar(255)"},
    Types{Dialect::postgresql, "", "bytea", "bytea", "bytea", "bytea", "varchar", "varchar",
          "bytea", "bigint", "bigint", "varchar(64)", "serial", "varchar(255)"},
    Types{Dialect::mysql, "varbinary(16)", "longblob", "longblob", "longblob", "longblob", "text",
          "varchar(255)", "longblob", "bigint", "bigint", "varchar(64)", "integer auto_increment",
          "varchar(255) character set utf8 collate utf8_bin"},
    Types{Dialect::oracle, "raw(16)", "blob", "blob", "blob", "blob", "varchar2(2048)",
          "varchar2(255)", "blob", "number(38,0)", "number(20,0)", "varchar2(64)", "integer",
          "varchar2(255)"},
    Types{Dialect::mssql, "binary(16)", "image", "image", "image", "image", "varchar(2048)",
          "varchar(255)", "image", "bigint", "bigint", "varchar(64)", "integer identity(1,1)",
          "varchar(255) collate Latin1_General_CS_AS"},
    Types{Dialect::ingres, "byte(16)", "long byte", "long byte", "long byte", "long byte",
          "varchar(744)", "varchar(255)", "long byte", "bigint", "bigint", "varchar(64)", "integer",
          "nvarchar(255)"},
};

std::vector<ColumnDefinition> columns_of(const Types& types, TableKind kind) {
  switch (kind) {
    case TableKind::bundle:
    case TableKind::refs: {
      const std::string_view data = kind == TableKind::bundle ? "BUNDLE_DATA" : "REFS_DATA";
      if (!types.id.empty()) return {{"NODE_ID", types.id}, {data, types.content}};
      return {{"NODE_ID_HI", "bigint"}, {"NODE_ID_LO", "bigint"}, {data, types.content}};
    }
    case TableKind::binval:
      return {{"BINVAL_ID", types.binval_id},
              {"BINVAL_DATA", types.large, types.dialect == Dialect::oracle}};
    case TableKind::names:
      return {{"ID", types.name_id}, {"NAME", types.name}};
    case TableKind::datastore: {
      const std::string_view number = types.dialect == Dialect::oracle ? "number" : "bigint";
      return {{"ID", "varchar(255)"},
              {"LENGTH", number, true},
              {"LAST_MODIFIED", number, true},
              {"DATA", types.record, true}};
    }
    case TableKind::fsentry:
      return {{"FSENTRY_PATH", types.file_path},
              {"FSENTRY_NAME", types.file_name},
              {"FSENTRY_DATA", types.file, true},
              {"FSENTRY_LASTMOD", types.integer},
              {"FSENTRY_LENGTH", types.integer, types.dialect == Dialect::oracle}};
    case TableKind::journal:
      return {{"REVISION_ID", types.revision},
              {"JOURNAL_ID", "varchar(255)", true},
              {"PRODUCER_ID", "varchar(255)", true},
              {"REVISION_DATA", types.revision_data, true}};
    case TableKind::global_revision:
      return {{"REVISION_ID", types.revision}};
    case TableKind::local_revisions:
      return {{"JOURNAL_ID", "varchar(255)"}, {"REVISION_ID", types.revision}};
  }
  return {};
}

// The columns that name a row; empty: none do.
std::string_view key_of(const Types& types, TableKind kind) {
  switch (kind) {
    case TableKind::bundle:
    case TableKind::refs:
      return types.id.empty() ? "NODE_ID_HI, NODE_ID_LO" : "NODE_ID";
    case TableKind::binval:
      return "BINVAL_ID";
    case TableKind::names:
      return types.dialect == Dialect::derby ? "ID, NAME" : "ID";
    case TableKind::datastore:
      return "ID";
    case TableKind::fsentry:
      return types.dialect == Dialect::mysql ? "FSENTRY_PATH(245), FSENTRY_NAME"
                                             : "FSENTRY_PATH, FSENTRY_NAME";
    case TableKind::journal:
    case TableKind::global_revision:
      return "REVISION_ID";
    case TableKind::local_revisions:
      return "";
  }
  return "";
}

// Whether the key is a primary key, and not a unique index <table>_IDX.
bool has_primary_key(Dialect dialect, TableKind kind) {
  switch (kind) {
    case TableKind::names:
    case TableKind::datastore:
      return true;
    case TableKind::bundle:
    case TableKind::refs:
      return dialect == Dialect::derby || dialect == Dialect::h2 || dialect == Dialect::postgresql;
    case TableKind::binval:
      return dialect == Dialect::derby || dialect == Dialect::h2;
    case TableKind::journal:
    case TableKind::global_revision:
      return dialect == Dialect::h2;
    case TableKind::fsentry:
    case TableKind::local_revisions:
      return false;
  }
  return false;
}

// What comes with NAMES where its numbers are no property of the column.
void add_sequence(std::vector<std::string>& statements, Dialect dialect, const std::string& table) {
  const std::string prefix = table.substr(0, table.size() - table_suffix(TableKind::names).size());
  if (dialect == Dialect::ingres) {
    statements.insert(statements.begin(), fmt::format("create sequence {}seq_names_id", prefix));
  }
  if (dialect != Dialect::oracle) return;
  statements.push_back(fmt::format("create unique index {0}_IDX on {0} (NAME)", table));
  statements.push_back(fmt::format("create sequence {}seq_names_id", prefix));
  statements.push_back(
      fmt::format("create trigger {0}t1 before insert on {1} for each row begin select "
                  "{0}seq_names_id.nextval into :new.id from dual; end;",
                  prefix, table));
}

std::string declaration(const ColumnDefinition& column, Dialect dialect, TableKind kind) {
  std::string text = fmt::format("{} {}", column.name, column.type);
  if (column.nullable) {
    if (dialect == Dialect::ingres) text += " with null";
    return text;
  }
  // The number of a name is made by the database, which knows that it is never null.
  const bool is_number_of_name = kind == TableKind::names && column.name == "ID";
  return is_number_of_name ? text : text + " not null";
}

}  // namespace

std::span<const TableKind> all_table_kinds() noexcept {
  return kinds;
}

std::string_view table_suffix(TableKind kind) noexcept {
  switch (kind) {
    case TableKind::bundle:
      return "BUNDLE";
    case TableKind::refs:
      return "REFS";
    case TableKind::binval:
      return "BINVAL";
    case TableKind::names:
      return "NAMES";
    case TableKind::datastore:
      return "DATASTORE";
    case TableKind::fsentry:
      return "FSENTRY";
    case TableKind::journal:
      return "JOURNAL";
    case TableKind::global_revision:
      return "GLOBAL_REVISION";
    case TableKind::local_revisions:
      return "LOCAL_REVISIONS";
  }
  return "";
}

std::span<const Dialect> all_dialects() noexcept {
  return dialects;
}

std::string_view dialect_name(Dialect dialect) noexcept {
  constexpr std::array<std::string_view, 7> names{"derby",  "h2",    "postgresql", "mysql",
                                                  "oracle", "mssql", "ingres"};
  return names[static_cast<std::size_t>(dialect)];
}

std::string table_name(std::string_view prefix, TableKind kind) {
  std::string name;
  while (!prefix.empty()) {
    const Utf8Rune rune = decode_utf8(prefix);
    const std::size_t size_bytes = rune.size_bytes == 0 ? 1 : rune.size_bytes;
    const std::string letter = ascii_upper(prefix.substr(0, size_bytes));
    const char c = letter[0];
    const bool is_legal =
        size_bytes == 1 && ((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_');
    if (is_legal) {
      name += c;
    } else {
      name += fmt::format("_x{:04x}_", static_cast<std::uint32_t>(rune.rune));
    }
    prefix.remove_prefix(size_bytes);
  }
  return name += table_suffix(kind);
}

bool is_table(std::string_view table, std::string_view prefix, TableKind kind) {
  const std::string name = ascii_upper(table);
  return name == ascii_upper(table_name(prefix, kind)) ||
         name == ascii_upper(prefix) + std::string(table_suffix(kind));
}

std::optional<TableDefinition> table_definition(Dialect dialect, TableKind kind,
                                                std::string_view prefix, bool keeps_numbers) {
  const Types& types = types_by_dialect[static_cast<std::size_t>(dialect)];
  if (kind == TableKind::fsentry && types.file.empty()) return std::nullopt;
  TableDefinition definition{columns_of(types, kind), {}};
  if (kind == TableKind::names && dialect == Dialect::derby && keeps_numbers)
    definition.columns[0].type = "integer generated by default as identity (start with 1073741824)";
  const std::string table = table_name(prefix, kind);
  std::string columns;
  for (const ColumnDefinition& column : definition.columns)
    columns += (columns.empty() ? "" : ", ") + declaration(column, dialect, kind);
  if (kind == TableKind::names && dialect == Dialect::ingres) {
    const std::string sequence = table.substr(0, table.size() - 5) + "seq_names_id";
    columns.replace(0, columns.find(','),
                    fmt::format("ID integer with default next value for {}", sequence));
  }
  const std::string_view key = key_of(types, kind);
  const bool is_primary = has_primary_key(dialect, kind);
  if (is_primary) columns += fmt::format(", primary key ({})", key);
  definition.statements.push_back(fmt::format(
      "create {}table {} ({}){}", dialect == Dialect::h2 ? "cached " : "", table, columns,
      kind == TableKind::fsentry && dialect == Dialect::mysql ? " character set latin1" : ""));
  if (!is_primary && !key.empty()) {
    definition.statements.push_back(
        fmt::format("create unique index {0}_IDX on {0} ({1})", table, key));
  }
  if (kind == TableKind::names) add_sequence(definition.statements, dialect, table);
  return definition;
}

}  // namespace holdfast::profile::magnolia
