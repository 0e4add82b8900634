// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/design.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "engine/mariadb/sql_text.h"
#include "engine/table_design.h"

namespace holdfast::engine::mariadb {
namespace {

using model::ValueKind;

// Source: MariaDB and MySQL manuals, "Identifier Names", "DECIMAL", "DATETIME", "InnoDB
// Limitations".
constexpr std::size_t name_characters_max = 64;
constexpr unsigned decimal_digits_max = 65, mariadb_scale_max = 38, mysql_scale_max = 30;
constexpr unsigned fraction_digits_max = 6;
constexpr int year_min = 1000, year_max = 9999;
constexpr std::uint64_t key_bytes_max = 3072;
constexpr std::uint64_t character_bytes = 4;
// Columns that always lie in their row, of which a page of 16 KiB must hold two; others are moved
// out of it.
constexpr std::uint64_t short_bytes_max = 255, short_bytes_of_row_max = 6000;

class Designer {
 public:
  explicit Designer(const Dialect& dialect) : dialect_(dialect) {}

  void begin_table() { short_bytes_ = 0; }

  ColumnDesign column(const model::ColumnDefinition& column, bool is_key) {
    switch (column.kind) {
      case ValueKind::number:
        return number(column);
      case ValueKind::real: {
        ColumnDesign design{"double", held_as_given(column, 0)};
        design.held.takes_nan = design.held.takes_infinity = false;
        return design;
      }
      case ValueKind::text:
        return {text_type(column, is_key), held_as_given(column, 0)};
      case ValueKind::bytes:
        return {bytes_type(column, is_key), held_as_given(column, 0)};
      case ValueKind::date:
        return moment(column, "date");
      case ValueKind::time:
        return moment(column, "time({})");
      case ValueKind::timestamp:
        return moment(column, "datetime({})");
      case ValueKind::instant: {
        // TIMESTAMP knows the years 1970 to 2037 only.
        ColumnDesign design = moment(column, "datetime({})");
        design.held.kind = ValueKind::timestamp;
        design.held.note = "as datetime, which is in UTC" +
                           (design.held.note.empty() ? "" : ", " + design.held.note);
        return design;
      }
      case ValueKind::other:
        return {text_type(column, is_key), held_as_text(column)};
      case ValueKind::null:
        break;
    }
    return {.type = {}, .refusal = "its values are of no known kind"};
  }

  // An index holds so many bytes. MariaDB keeps a long unique key by its hash.
  [[nodiscard]] std::string obstacle_of(const model::TableDefinition& table) const {
    constexpr unsigned hashes_since = 100'400;
    if (!fits_index(table, table.primary_key)) return "its primary key is too long for an index";
    if (dialect_.is_mariadb && dialect_.version_number >= hashes_since) return {};
    const bool fit = std::all_of(table.unique.begin(), table.unique.end(),
                                 [&](const auto& key) { return fits_index(table, key); });
    return fit ? "" : "one of its unique keys is too long for an index";
  }

  static void write(const model::TableDefinition& table, const std::vector<std::string>& types,
                    model::NewTable& into) {
    const std::string name = quote_name(table.name.table);
    std::string columns = column_list(table, types, quote_name);
    if (!table.primary_key.empty())
      columns += fmt::format(", PRIMARY KEY ({})", name_list(table.primary_key, quote_name));
    into.make = {
        fmt::format("CREATE TABLE {} ({}) ENGINE=InnoDB ROW_FORMAT=DYNAMIC", name, columns)};
    for (const std::vector<std::string>& key : table.unique)
      into.complete.push_back(
          fmt::format("ALTER TABLE {} ADD UNIQUE ({})", name, name_list(key, quote_name)));
  }

 private:
  [[nodiscard]] ColumnDesign number(const model::ColumnDefinition& column) const {
    const unsigned scale_max = dialect_.is_mariadb ? mariadb_scale_max : mysql_scale_max;
    const auto digits = digits_of(column);
    if (!digits || digits->count > decimal_digits_max || digits->scale > scale_max) {
      return {.type = {},
              .refusal = fmt::format("a decimal has {} digits at most, {} of them behind the point",
                                     decimal_digits_max, scale_max)};
    }
    std::string type = fmt::format("decimal({},{})", std::max(digits->count, 1U), digits->scale);
    if (digits->scale == 0 && digits->count <= 18)
      type = digits->count <= 4 ? "smallint" : digits->count <= 9 ? "int" : "bigint";
    return {std::move(type), held_as_given(column, 0)};
  }

  static ColumnDesign moment(const model::ColumnDefinition& column, std::string_view type) {
    ColumnDesign design{.type = std::string(type),
                        .held = held_as_given(column, fraction_digits_max)};
    design.held.year_min = year_min;
    design.held.year_max = year_max;
    if (column.kind != ValueKind::date)
      design.type = fmt::format(fmt::runtime(type), design.held.fraction_digits_max);
    return design;
  }

  [[nodiscard]] std::string collated() const {
    constexpr unsigned mariadb_since = 100'200, mysql_since = 80'017;
    const bool is_new =
        dialect_.version_number >= (dialect_.is_mariadb ? mariadb_since : mysql_since);
    const std::string_view collation = !is_new               ? "utf8mb4_bin"
                                       : dialect_.is_mariadb ? "utf8mb4_nopad_bin"
                                                             : "utf8mb4_0900_bin";
    return fmt::format(" CHARACTER SET utf8mb4 COLLATE {}", collation);
  }

  // Whether a value of so many bytes is to lie in its row, or in an index.
  [[nodiscard]] bool is_short(std::uint64_t bytes, bool is_key) {
    if (bytes == 0) return false;
    if (is_key) return bytes <= key_bytes_max;
    if (bytes > short_bytes_max || short_bytes_ + bytes > short_bytes_of_row_max) return false;
    short_bytes_ += bytes;
    return true;
  }

  [[nodiscard]] std::string text_type(const model::ColumnDefinition& column, bool is_key) {
    const std::uint64_t length = std::min(column.length.value_or(0), key_bytes_max);
    const bool fits = length == column.length.value_or(0);
    return (fits && is_short(length * character_bytes, is_key) ? fmt::format("varchar({})", length)
                                                               : "longtext") +
           collated();
  }

  [[nodiscard]] std::string bytes_type(const model::ColumnDefinition& column, bool is_key) {
    const std::uint64_t length = column.length.value_or(0);
    return is_short(length, is_key) ? fmt::format("varbinary({})", length) : "longblob";
  }

  static bool fits_index(const model::TableDefinition& table, const std::vector<std::string>& key) {
    std::uint64_t bytes = 0;
    for (const std::string& name : key) {
      for (const model::ColumnDefinition& column : table.columns) {
        if (column.name != name) continue;
        const bool is_text = column.kind == ValueKind::text || column.kind == ValueKind::other;
        if (!is_text && column.kind != ValueKind::bytes) continue;
        const std::uint64_t length = column.length.value_or(0);
        if (length == 0 || length > key_bytes_max) return false;
        bytes += length * (is_text ? character_bytes : 1);
      }
    }
    return bytes <= key_bytes_max;
  }

  const Dialect& dialect_;
  std::uint64_t short_bytes_ = 0;  // of the table's columns so far
};

}  // namespace

std::vector<model::NewTable> design_tables(std::span<const model::TableDefinition> tables,
                                           const Dialect& dialect) {
  Designer designer(dialect);
  DesignRules rules;
  rules.where = dialect.is_mariadb ? "MariaDB" : "MySQL";
  rules.names = {.folds_tables = dialect.folds_tables,
                 .folds_columns = true,
                 .characters_max = name_characters_max};
  rules.begin_table = [&] { designer.begin_table(); };
  rules.column = [&](const model::ColumnDefinition& column, bool is_key) {
    return designer.column(column, is_key);
  };
  rules.table = [&](const model::TableDefinition& table) { return designer.obstacle_of(table); };
  rules.write = Designer::write;
  return engine::design_tables(tables, rules);
}

}  // namespace holdfast::engine::mariadb
