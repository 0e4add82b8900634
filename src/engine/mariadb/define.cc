// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/define.h"

#include <fmt/format.h>

#include <charconv>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/mariadb/catalog.h"
#include "engine/mariadb/sql_text.h"
#include "engine/table_design.h"

namespace holdfast::engine::mariadb {
namespace {

using model::ValueKind;

constexpr std::uint64_t literal_characters = 39;  // of the longest inet6; an uuid has 36
// TEXT and BLOB and beyond say lengths too, which are no more than their kind's.
constexpr std::uint64_t declared_length_max = 65'535;

std::uint64_t number_of(const Cell& cell) {
  std::uint64_t number = 0;
  const std::string text(cell.value_or(""));
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::optional<std::uint64_t> length_of(const Cell& cell) {
  const std::uint64_t length = number_of(cell);
  if (length == 0 || length >= declared_length_max) return std::nullopt;
  return length;
}

// The largest number of bit(n) has so many digits.
unsigned digits_of_bits(std::uint64_t bits) {
  const std::uint64_t largest = bits >= 64 ? UINT64_MAX : (std::uint64_t{1} << bits) - 1;
  return static_cast<unsigned>(std::to_string(largest).size());
}

// Integers say one digit less for bigint than its smallest and largest have.
unsigned integer_digits(const DeclaredColumn& declared) {
  const bool is_unsigned = declared.column_type.find("unsigned") != std::string::npos;
  static const std::map<std::string, unsigned, std::less<>> digits{
      {"tinyint", 3}, {"smallint", 5}, {"mediumint", 8}, {"int", 10}, {"integer", 10}, {"year", 4}};
  const auto found = digits.find(declared.data_type);
  if (found != digits.end()) return found->second;
  return is_unsigned ? 20 : 19;
}

using ColumnKey = std::pair<std::string, std::string>;  // table, column

struct Shown {
  DeclaredColumn declared;
  bool is_nullable = true;
  bool has_default = false;
  bool folds_case = false;  // its text is compared without regard to case
};

std::map<ColumnKey, Shown> columns_of(Connection& connection) {
  std::map<ColumnKey, Shown> columns;
  for (const auto& row : connection.query(
           "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, CHARACTER_MAXIMUM_LENGTH,"
           " CHARACTER_OCTET_LENGTH, NUMERIC_PRECISION, NUMERIC_SCALE, DATETIME_PRECISION,"
           " IS_NULLABLE = 'YES', COLUMN_DEFAULT <> 'NULL', RIGHT(COLLATION_NAME, 3) = '_ci'"
           " FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()"))
    columns[{row[0].value_or(""), row[1].value_or("")}] = {
        {row[2].value_or(""), row[3].value_or(""), row[4], row[5], row[6], row[7], row[8]},
        row[9] == "1",
        row[10] == "1",
        row[11] == "1"};
  return columns;
}

// Unique keys on whole values, but the primary one.
std::map<std::string, std::vector<std::vector<std::string>>> keys_of(Connection& connection) {
  std::map<ColumnKey, std::vector<std::string>> keys;
  std::map<ColumnKey, bool> is_partial;
  for (const auto& row : connection.query(
           "SELECT TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART FROM"
           " information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND NON_UNIQUE = 0"
           " AND INDEX_NAME <> 'PRIMARY' ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX")) {
    const ColumnKey key{row[0].value_or(""), row[1].value_or("")};
    keys[key].push_back(row[2].value_or(""));
    if (!row[2] || row[3]) is_partial[key] = true;
  }
  std::map<std::string, std::vector<std::vector<std::string>>> of_tables;
  for (auto& [key, columns] : keys)
    if (!is_partial.contains(key)) of_tables[key.first].push_back(std::move(columns));
  return of_tables;
}

void tell_rest(Connection& connection, const SchemaDef& schema, DefinedTables& defined) {
  const auto count = [&](std::string_view kind, std::string_view of, std::string_view what = "*") {
    defined.leave(kind, connection.number(
                            fmt::format("SELECT COUNT({}) FROM information_schema.{}", what, of)));
  };
  count("foreign keys", "REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE()");
  count("checks",
        "TABLE_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE() AND CONSTRAINT_TYPE = 'CHECK'");
  // Names of tables may differ in the case of letters alone.
  count("indexes that are no keys, or of parts of values, or on expressions",
        "STATISTICS WHERE TABLE_SCHEMA = DATABASE()"
        " AND (NON_UNIQUE = 1 OR SUB_PART IS NOT NULL OR COLUMN_NAME IS NULL)",
        "DISTINCT CAST(TABLE_NAME AS BINARY), INDEX_NAME");
  std::uint64_t generated = 0, counted = 0;
  for (const TableDef& table : schema.tables) {
    for (const ColumnDef& column : table.columns) generated += column.generated ? 1 : 0;
    counted += table.counted() != nullptr ? 1 : 0;
  }
  defined.leave("generated columns", generated);
  defined.leave("AUTO_INCREMENT", counted);
  defined.leave("sequences", schema.sequences.size());
  std::map<CodeKind, std::uint64_t> code;
  for (const CodeDef& one : schema.code) ++code[one.kind];
  for (const auto& [kind, number] : code)
    defined.leave(fmt::format("{}s", code_kind_name(kind)), number);
}

}  // namespace

void define_type(const DeclaredColumn& declared, ColumnKind kind, model::ColumnDefinition& column) {
  const auto digits = [&](unsigned precision, unsigned scale) {
    column.kind = ValueKind::number;
    column.precision = precision;
    column.scale = static_cast<int>(scale);
  };
  const auto moment = [&](ValueKind of) {
    column.kind = of;
    column.fraction_digits = static_cast<unsigned>(number_of(declared.fraction_digits));
  };
  switch (kind) {
    case ColumnKind::number:
      if (declared.data_type != "decimal" && declared.data_type != "numeric")
        return digits(integer_digits(declared), 0);
      return digits(static_cast<unsigned>(number_of(declared.precision)),
                    static_cast<unsigned>(number_of(declared.scale)));
    case ColumnKind::bit:
      return digits(digits_of_bits(number_of(declared.precision)), 0);
    case ColumnKind::real:
    case ColumnKind::rounded:
      column.kind = ValueKind::real;
      return;
    case ColumnKind::text:
    case ColumnKind::latin1:
    case ColumnKind::utf16:
    case ColumnKind::utf16le:
    case ColumnKind::utf32:
    case ColumnKind::other_text:
    case ColumnKind::json:
      column.kind = ValueKind::text;
      column.length = length_of(declared.characters);
      return;
    case ColumnKind::bytes:
    case ColumnKind::geometry:
      column.kind = ValueKind::bytes;
      column.length = length_of(declared.bytes);
      return;
    case ColumnKind::date:
      column.kind = ValueKind::date;
      return;
    case ColumnKind::timestamp:
      return moment(ValueKind::timestamp);
    case ColumnKind::instant:
      return moment(ValueKind::instant);
    case ColumnKind::time:
      return moment(ValueKind::time);
    case ColumnKind::literal:
      column.kind = ValueKind::other;
      if (declared.data_type != "xmltype") column.length = literal_characters;
  }
}

DefinedTables define_live_tables(Connection& connection, const std::string& name) {
  const SchemaDef schema = read_schema(connection, name);
  const auto shown = columns_of(connection);
  auto keys = keys_of(connection);
  DefinedTables defined;
  std::uint64_t defaults = 0, folding = 0;
  for (const TableDef& table : schema.tables) {
    if (table.rows_elsewhere) {
      defined.tables.push_back(table_without_rows(
          {"", table.name}, table.engine, "its rows are in other tables or servers, or nowhere"));
      continue;
    }
    model::TableDefinition definition;
    definition.name = {"", table.name};
    for (const ColumnDef* const column : table.stored()) {
      model::ColumnDefinition made;
      made.name = column->name;
      made.type = column->type;
      const auto found = shown.find({table.name, column->name});
      if (found == shown.end())
        throw Error(Errc::not_consistent,
                    fmt::format("table {} was changed while it was looked at", table.name));
      made.is_nullable = found->second.is_nullable;
      defaults += found->second.has_default ? 1 : 0;
      folding += found->second.folds_case ? 1 : 0;
      define_type(found->second.declared, column->kind, made);
      definition.columns.push_back(std::move(made));
    }
    if (!table.primary_is_prefix) definition.primary_key = table.primary;
    definition.unique = std::move(keys[table.name]);
    defined.tables.push_back(std::move(definition));
  }
  defined.keep_keys_of_rows();
  tell_rest(connection, schema, defined);
  defined.leave("defaults", defaults);
  defined.leave("columns whose text is compared without regard to case", folding);
  return defined;
}

}  // namespace holdfast::engine::mariadb
