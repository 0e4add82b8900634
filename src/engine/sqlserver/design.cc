// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/design.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

#include "engine/sqlserver/session.h"
#include "engine/table_design.h"

namespace holdfast::engine::sqlserver {
namespace {

using model::ColumnDefinition;
using model::TableDefinition;
using model::ValueKind;

// Source: Transact-SQL Reference, "Database Identifiers", "decimal and numeric", "datetime2",
// "nchar and nvarchar", "CREATE INDEX"; "Maximum Capacity Specifications for SQL Server".
constexpr std::size_t name_characters_max = 128;
constexpr unsigned decimal_digits_max = 38, fraction_digits_max = 7;
constexpr int year_min = 1, year_max = 9999;
constexpr std::uint64_t text_units_max = 4000, bytes_max = 8000;
constexpr std::uint64_t key_bytes_max = 1700, clustered_key_bytes_max = 900;
constexpr int major_of_long_keys = 13;  // 2016; before, any key has 900 bytes
constexpr std::size_t columns_max = 1024, key_columns_max = 16;
// Of all collations since 2008, the one that compares code points alone.
constexpr std::string_view collation = "Latin1_General_100_BIN2";

const ColumnDefinition* column_of(const TableDefinition& table, const std::string& name) {
  const auto found = std::ranges::find(table.columns, name, &ColumnDefinition::name);
  return found == table.columns.end() ? nullptr : &*found;
}

// What a key's column takes of it at most; nothing: more than any key has.
std::optional<std::uint64_t> key_bytes(const ColumnDefinition& column) {
  constexpr std::uint64_t other_bytes = 17;  // the longest of them, a decimal
  const bool is_text = column.kind == ValueKind::text || column.kind == ValueKind::other;
  if (!is_text && column.kind != ValueKind::bytes) return other_bytes;
  if (!column.length || *column.length == 0 || *column.length > bytes_max) return std::nullopt;
  return *column.length * (is_text ? 2U : 1U);
}

std::optional<std::uint64_t> key_bytes(const TableDefinition& table,
                                       const std::vector<std::string>& key) {
  std::uint64_t bytes = 0;
  for (const std::string& name : key) {
    const ColumnDefinition* const column = column_of(table, name);
    const auto more = column == nullptr ? std::nullopt : key_bytes(*column);
    if (!more) return std::nullopt;
    bytes += *more;
  }
  return bytes;
}

class Designer {
 public:
  explicit Designer(const Dialect& dialect) : dialect_(dialect) {}

  [[nodiscard]] ColumnDesign column(const ColumnDefinition& column, bool is_key) const {
    switch (column.kind) {
      case ValueKind::number:
        return number(column);
      case ValueKind::real: {
        ColumnDesign design{"float", held_as_given(column, 0)};
        design.held.takes_nan = design.held.takes_infinity = false;
        return design;
      }
      case ValueKind::text: {
        ColumnDesign design{text_type(column, is_key), held_as_given(column, 0)};
        design.held.takes_nul = dialect_.is_sql_server;
        return design;
      }
      case ValueKind::bytes: {
        const std::uint64_t length = column.length.value_or(0);
        return {length > 0 && length <= bytes_max ? fmt::format("varbinary({})", length)
                                                  : "varbinary(max)",
                held_as_given(column, 0)};
      }
      case ValueKind::date:
        return moment(column, "date");
      case ValueKind::time:
        return moment(column, "time({})");
      case ValueKind::timestamp:
        return moment(column, "datetime2({})");
      case ValueKind::instant: {
        // A datetimeoffset says more, the zone of each value.
        ColumnDesign design = moment(column, "datetime2({})");
        design.held.kind = ValueKind::timestamp;
        design.held.note = "as datetime2, which is in UTC" +
                           (design.held.note.empty() ? "" : ", " + design.held.note);
        return design;
      }
      case ValueKind::other: {
        ColumnDesign design{text_type(column, is_key), held_as_text(column)};
        design.held.takes_nul = dialect_.is_sql_server;
        return design;
      }
      case ValueKind::null:
        break;
    }
    return {.type = {}, .refusal = "its values are of no known kind"};
  }

  // An index holds so many bytes.
  [[nodiscard]] std::string obstacle_of(const TableDefinition& table) const {
    if (table.columns.size() > columns_max)
      return fmt::format("it has {} columns, {} at most are taken", table.columns.size(),
                         columns_max);
    const std::uint64_t max =
        dialect_.major >= major_of_long_keys ? key_bytes_max : clustered_key_bytes_max;
    const auto fits = [&](const std::vector<std::string>& key) {
      const auto bytes = key_bytes(table, key);
      return bytes && *bytes <= max && key.size() <= key_columns_max;
    };
    if (!fits(table.primary_key)) return "its primary key is too long for an index";
    return std::ranges::all_of(table.unique, fits) ? ""
                                                   : "one of its unique keys is too long for an "
                                                     "index";
  }

  void write(const TableDefinition& table, const std::vector<std::string>& types,
             model::NewTable& into) const {
    const std::string name = identifier(table.name.table);
    std::string columns = column_list(table, types, identifier);
    if (!table.primary_key.empty()) {
      const bool is_clustered = key_bytes(table, table.primary_key) <= clustered_key_bytes_max;
      columns += fmt::format(", PRIMARY KEY {} ({})", is_clustered ? "CLUSTERED" : "NONCLUSTERED",
                             name_list(table.primary_key, identifier));
    }
    into.make = {fmt::format("CREATE TABLE {} ({})", name, columns)};
    std::size_t number = 0;
    for (const std::vector<std::string>& key : table.unique)
      into.complete.push_back(unique_key(table, key, name, ++number));
  }

 private:
  [[nodiscard]] static ColumnDesign number(const ColumnDefinition& column) {
    const auto digits = digits_of(column);
    if (!digits || digits->count > decimal_digits_max)
      return {.type = {},
              .refusal = fmt::format("a decimal has {} digits at most", decimal_digits_max)};
    std::string type = fmt::format("decimal({},{})", std::max(digits->count, 1U), digits->scale);
    if (digits->scale == 0 && digits->count <= 18)
      type = digits->count <= 4 ? "smallint" : digits->count <= 9 ? "int" : "bigint";
    return {std::move(type), held_as_given(column, 0)};
  }

  [[nodiscard]] static ColumnDesign moment(const ColumnDefinition& column, std::string_view type) {
    ColumnDesign design{.type = std::string(type),
                        .held = held_as_given(column, fraction_digits_max)};
    design.held.year_min = year_min;
    design.held.year_max = year_max;
    if (column.kind != ValueKind::date)
      design.type = fmt::format(fmt::runtime(type), design.held.fraction_digits_max);
    return design;
  }

  // Lengths are of units of UTF-16, of which a character may need two: a column has room for such,
  // a key, which has little, for those that need one.
  [[nodiscard]] static std::string text_type(const ColumnDefinition& column, bool is_key) {
    const std::uint64_t length = std::min(column.length.value_or(0), text_units_max + 1);
    const std::uint64_t units = is_key ? length : 2 * length;
    return units > 0 && units <= text_units_max
               ? fmt::format("nvarchar({}) COLLATE {}", units, collation)
               : fmt::format("nvarchar(max) COLLATE {}", collation);
  }

  // Elsewhere a key with a null in it is like no other one; here nulls are alike, unless such rows
  // are left out of it.
  [[nodiscard]] static std::string unique_key(const TableDefinition& table,
                                              const std::vector<std::string>& key,
                                              const std::string& name, std::size_t number) {
    std::string condition;
    for (const std::string& column : key)
      if (column_of(table, column)->is_nullable)
        condition += fmt::format("{} {} IS NOT NULL", condition.empty() ? " WHERE" : " AND",
                                 identifier(column));
    // Names of indexes are those of their table alone.
    return fmt::format("CREATE UNIQUE NONCLUSTERED INDEX {} ON {} ({}){}",
                       identifier(fmt::format("unique_{}", number)), name,
                       name_list(key, identifier), condition);
  }

  const Dialect& dialect_;
};

}  // namespace

std::vector<model::NewTable> design_tables(std::span<const TableDefinition> tables,
                                           const Dialect& dialect) {
  const Designer designer(dialect);
  DesignRules rules;
  rules.where = "SQL Server";
  rules.names = {
      .folds_tables = true, .folds_columns = true, .characters_max = name_characters_max};
  rules.column = [&](const ColumnDefinition& column, bool is_key) {
    return designer.column(column, is_key);
  };
  rules.table = [&](const TableDefinition& table) { return designer.obstacle_of(table); };
  rules.write = [&](const TableDefinition& table, const std::vector<std::string>& types,
                    model::NewTable& into) { designer.write(table, types, into); };
  return engine::design_tables(tables, rules);
}

}  // namespace holdfast::engine::sqlserver
