// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/design.h"

#include <fmt/format.h>

#include <string>

#include "engine/postgresql/quote.h"
#include "engine/table_design.h"

namespace holdfast::engine::postgresql {
namespace {

using model::ValueKind;

// Source: PostgreSQL documentation, "Numeric Types", "Character Types", "Date/Time Types", and
// "Identifiers and Key Words" for the length of names.
constexpr std::size_t name_bytes_max = 63;
constexpr unsigned numeric_digits_max = 1000;
constexpr std::uint64_t varchar_max = 10'485'760;
constexpr unsigned fraction_digits_max = 6;
constexpr int timestamp_year_min = -4712, timestamp_year_max = 294'276, date_year_max = 5'874'897;

std::string number_type(const model::ColumnDefinition& column) {
  const auto digits = digits_of(column);
  if (!digits || digits->count == 0 || digits->count > numeric_digits_max) return "numeric";
  if (digits->scale > 0) return fmt::format("numeric({},{})", digits->count, digits->scale);
  if (digits->count <= 4) return "smallint";
  if (digits->count <= 9) return "integer";
  if (digits->count <= 18) return "bigint";
  return fmt::format("numeric({},0)", digits->count);
}

ColumnDesign moment(const model::ColumnDefinition& column, std::string_view type) {
  ColumnDesign design{.type = std::string(type)};
  design.held = held_as_given(column, fraction_digits_max);
  design.held.year_min = timestamp_year_min;
  design.held.year_max = column.kind == ValueKind::date ? date_year_max : timestamp_year_max;
  if (column.kind != ValueKind::date)
    design.type = fmt::format(fmt::runtime(type), design.held.fraction_digits_max);
  return design;
}

ColumnDesign design_column(const model::ColumnDefinition& column, bool /*is_key*/) {
  switch (column.kind) {
    case ValueKind::number:
      return {number_type(column), held_as_given(column, 0)};
    case ValueKind::real:
      return {"double precision", held_as_given(column, 0)};
    case ValueKind::text: {
      const std::uint64_t length = column.length.value_or(0);
      ColumnDesign design{
          length > 0 && length <= varchar_max ? fmt::format("varchar({})", length) : "text",
          held_as_given(column, 0)};
      design.held.takes_nul = false;
      return design;
    }
    case ValueKind::bytes:
      return {"bytea", held_as_given(column, 0)};
    case ValueKind::date:
      return moment(column, "date");
    case ValueKind::time:
      return moment(column, "time({}) without time zone");
    case ValueKind::timestamp:
      return moment(column, "timestamp({}) without time zone");
    case ValueKind::instant:
      return moment(column, "timestamp({}) with time zone");
    case ValueKind::other: {
      ColumnDesign design{"text", held_as_text(column)};
      design.held.takes_nul = false;
      return design;
    }
    case ValueKind::null:
      break;
  }
  return {.type = {}, .refusal = "its values are of no known kind"};
}

void write(const model::TableDefinition& table, const std::vector<std::string>& types,
           model::NewTable& into) {
  const std::string name = quote_name(table.name.table);
  into.make = {fmt::format("CREATE TABLE {} ({})", name, column_list(table, types, quote_name))};
  const auto add = [&](std::string_view kind, const std::vector<std::string>& columns) {
    into.complete.push_back(
        fmt::format("ALTER TABLE {} ADD {} ({})", name, kind, name_list(columns, quote_name)));
  };
  if (!table.primary_key.empty()) add("PRIMARY KEY", table.primary_key);
  for (const std::vector<std::string>& key : table.unique) add("UNIQUE", key);
}

}  // namespace

std::vector<model::NewTable> design_tables(std::span<const model::TableDefinition> tables) {
  DesignRules rules;
  rules.where = "PostgreSQL";
  rules.names.bytes_max = name_bytes_max;
  rules.column = design_column;
  rules.write = write;
  return engine::design_tables(tables, rules);
}

}  // namespace holdfast::engine::postgresql
