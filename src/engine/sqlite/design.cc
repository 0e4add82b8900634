// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/design.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>
#include <limits>
#include <optional>
#include <set>
#include <string>

#include "base/ascii.h"
#include "base/error.h"
#include "engine/sqlite/content.h"
#include "engine/sqlite/lite.h"
#include "engine/sqlite/reader.h"
#include "engine/table_design.h"

namespace holdfast::engine::sqlite {
namespace {

using model::Value;
using model::ValueKind;

// How long writers of a living database are kept waiting for a copy of it, as
// limits.writer_stall_ms is unless it is set.
constexpr std::chrono::milliseconds stall_max{1000};
constexpr unsigned integer_digits = 18, integer_digits_max = 19;

// Source: https://sqlite.org/datatype3.html, 3.1 "Determination Of Column Affinity".
ValueKind kind_of_type(const std::string& declared) {
  const std::string type = ascii_upper(declared);
  const auto has = [&](std::string_view word) { return type.find(word) != std::string::npos; };
  if (has("INT")) return ValueKind::number;
  if (has("CHAR") || has("CLOB") || has("TEXT")) return ValueKind::text;
  if (has("BLOB") || type.empty()) return ValueKind::bytes;
  if (has("REAL") || has("FLOA") || has("DOUB")) return ValueKind::real;
  return ValueKind::number;
}

// 20 of "VARCHAR(20)".
std::optional<std::uint64_t> declared_length(const std::string& type) {
  const auto open = type.find('(');
  std::uint64_t length = 0;
  if (open == std::string::npos) return std::nullopt;
  const char* const begin = type.data() + open + 1;
  const auto [end, failure] = std::from_chars(begin, type.data() + type.size(), length);
  if (failure != std::errc() || end == begin || length == 0) return std::nullopt;
  return length;
}

// What one column holds.
struct Seen {
  std::set<ValueKind> kinds;
  bool has_null = false;
  std::size_t digits = 0;    // of the longest integer
  std::uint64_t length = 0;  // of the longest text in characters, of the longest blob in bytes

  void add(const Value& value) {
    if (value.kind == ValueKind::null) {
      has_null = true;
      return;
    }
    kinds.insert(value.kind);
    if (value.kind == ValueKind::number)
      digits = std::max(digits, value.text.size() - (value.text.starts_with('-') ? 1 : 0));
    if (value.kind == ValueKind::bytes) length = std::max<std::uint64_t>(length, value.text.size());
    if (value.kind != ValueKind::text) return;
    const auto is_first = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; };
    length = std::max(length, static_cast<std::uint64_t>(
                                  std::count_if(value.text.begin(), value.text.end(), is_first)));
  }
};

class TableReader {
 public:
  TableReader(Connection& connection, const std::string& table)
      : connection_(connection), table_(table) {
    definition_.name.table = printable(table);
  }

  model::TableDefinition read() {
    read_columns();
    read_keys();
    read_values();
    for (std::size_t i = 0; i < seen_.size(); ++i) finish(definition_.columns[i], seen_[i]);
    // SQLite takes null in a primary key.
    const bool has_null =
        std::any_of(definition_.primary_key.begin(), definition_.primary_key.end(),
                    [&](const std::string& name) { return seen_[index_of(name)].has_null; });
    if (has_null) {
      definition_.unique.push_back(std::move(definition_.primary_key));
      definition_.primary_key.clear();
    }
    for (const std::string& name : definition_.primary_key)
      definition_.columns[index_of(name)].is_nullable = false;
    return std::move(definition_);
  }

 private:
  // In the order of the rows' values.
  void read_columns() {
    Statement rows = select_rows(connection_, table_);
    for (int column = 0; column < rows.columns(); ++column) {
      model::ColumnDefinition one;
      one.name = rows.column_name(column);
      one.type = rows.column_type(column);
      definition_.columns.push_back(std::move(one));
    }
    seen_.resize(definition_.columns.size());
    std::vector<std::pair<std::int64_t, std::string>> key;
    Statement info = connection_.prepare(fmt::format("PRAGMA table_xinfo({})", quote_name(table_)));
    while (info.step()) {
      const std::string name = info.text(1);
      if (!is_column(name)) continue;
      if (info.integer(3) != 0) definition_.columns[index_of(name)].is_nullable = false;
      if (info.integer(5) > 0) key.emplace_back(info.integer(5), name);
    }
    std::sort(key.begin(), key.end());
    for (auto& [place, name] : key) definition_.primary_key.push_back(std::move(name));
  }

  // Of unique indexes those on columns alone, for all rows.
  void read_keys() {
    std::vector<std::string> indexes;
    Statement list = connection_.prepare(fmt::format("PRAGMA index_list({})", quote_name(table_)));
    while (list.step()) {
      if (list.integer(2) != 0 && list.text(3) != "pk" && list.integer(4) == 0)
        indexes.push_back(list.text(1));
    }
    for (const std::string& index : indexes) {
      std::vector<std::string> key;
      bool is_plain = true;
      Statement info =
          connection_.prepare(fmt::format("PRAGMA index_xinfo({})", quote_name(index)));
      while (info.step()) {
        if (info.integer(5) == 0) continue;
        is_plain = is_plain && info.integer(1) >= 0 && is_column(info.text(2));
        key.push_back(info.text(2));
      }
      if (is_plain && !key.empty()) definition_.unique.push_back(std::move(key));
    }
  }

  void read_values() {
    Statement rows = select_rows(connection_, table_);
    model::Row row;
    while (rows.step()) {
      rows.read(row);
      for (std::size_t i = 0; i < seen_.size(); ++i) seen_[i].add(row.at(i));
    }
  }

  void finish(model::ColumnDefinition& column, const Seen& seen) const {
    if (seen.kinds.size() > 1) {
      std::string kinds;
      for (const ValueKind kind : seen.kinds)
        kinds += (kinds.empty() ? "" : " and ") + std::string(model::value_kind_name(kind));
      column.obstacle = "it holds values of several kinds: " + kinds;
      return;
    }
    column.kind = seen.kinds.empty() ? kind_of_type(column.type) : *seen.kinds.begin();
    if (column.kind == ValueKind::number) {
      column.precision = seen.digits > integer_digits ? integer_digits_max : integer_digits;
      column.scale = 0;
    }
    if (column.kind != ValueKind::text && column.kind != ValueKind::bytes) return;
    const auto declared = declared_length(column.type);
    if (declared && *declared >= seen.length) {
      column.length = declared;
    } else if (is_in_key(column.name)) {
      column.length = std::max<std::uint64_t>(seen.length, 1);
    }
  }

  [[nodiscard]] bool is_in_key(const std::string& name) const {
    const auto has = [&](const std::vector<std::string>& key) {
      return std::find(key.begin(), key.end(), name) != key.end();
    };
    return has(definition_.primary_key) ||
           std::any_of(definition_.unique.begin(), definition_.unique.end(), has);
  }
  [[nodiscard]] std::size_t index_of(const std::string& name) const {
    const auto& columns = definition_.columns;
    return static_cast<std::size_t>(
        std::find_if(columns.begin(), columns.end(),
                     [&](const model::ColumnDefinition& one) { return one.name == name; }) -
        columns.begin());
  }
  [[nodiscard]] bool is_column(const std::string& name) const {
    return index_of(name) < definition_.columns.size();
  }

  Connection& connection_;
  const std::string table_;
  model::TableDefinition definition_;
  std::vector<Seen> seen_;  // of its columns
};

ColumnDesign design_column(const model::ColumnDefinition& column, bool /*is_key*/) {
  ColumnDesign design;
  switch (column.kind) {
    case ValueKind::number: {
      const auto digits = digits_of(column);
      const bool is_integer = digits && digits->scale == 0 && digits->count <= integer_digits;
      if (is_integer) return {"INTEGER", held_as_given(column, 0)};
      return {"TEXT", held_as_text(column)};
    }
    case ValueKind::real:
      design = {"REAL", held_as_given(column, 0)};
      design.held.takes_nan = false;  // it would be null
      return design;
    case ValueKind::text:
      design = {"TEXT", held_as_given(column, 0)};
      design.held.takes_raw = true;
      return design;
    case ValueKind::bytes:
      return {"BLOB", held_as_given(column, 0)};
    case ValueKind::date:
    case ValueKind::time:
    case ValueKind::timestamp:
    case ValueKind::instant:
    case ValueKind::other:
      design = {"TEXT", held_as_text(column)};
      design.held.year_min = std::numeric_limits<int>::min();
      design.held.year_max = std::numeric_limits<int>::max();
      return design;
    case ValueKind::null:
      break;
  }
  return {.type = {}, .refusal = "its values are of no known kind"};
}

void write(const model::TableDefinition& table, const std::vector<std::string>& types,
           model::NewTable& into) {
  std::string inside = column_list(table, types, quote_name);
  if (!table.primary_key.empty())
    inside += fmt::format(", PRIMARY KEY ({})", name_list(table.primary_key, quote_name));
  for (const std::vector<std::string>& key : table.unique)
    inside += fmt::format(", UNIQUE ({})", name_list(key, quote_name));
  into.make = {fmt::format("CREATE TABLE {} ({})", quote_name(table.name.table), inside)};
}

struct Found {
  std::vector<model::TableDefinition> tables;
  std::vector<model::TableName> own;  // of SQLite, and of modules
};

Found look_at_tables(Connection& connection) {
  std::set<std::string> shadows;  // of virtual tables
  Statement list = connection.prepare(
      "SELECT name FROM pragma_table_list WHERE type = 'shadow' AND schema = 'main'");
  while (list.step()) shadows.insert(list.text(0));
  Found found;
  for (const SchemaEntry& entry : schema_of(connection)) {
    const bool is_own = entry.name.starts_with("sqlite_") || shadows.contains(entry.name);
    if (is_own && entry.type == "table") found.own.push_back({"", printable(entry.name)});
    if (is_own) continue;
    if (entry.type == "virtual table")
      found.tables.push_back(
          table_without_rows({"", printable(entry.name)}, entry.type, "its rows are a module's"));
    if (entry.type == "table") found.tables.push_back(TableReader(connection, entry.name).read());
  }
  return found;
}

void check_left_alone(const Reader& reader, const std::filesystem::path& file) {
  if (was_left_alone(reader)) return;
  throw Error(Errc::unavailable, fmt::format("{} was written to while it was read", file.native()))
      .set_hint("Try again when its application is idle.");
}

}  // namespace

std::vector<model::TableDefinition> define_tables(const std::filesystem::path& file,
                                                  const std::stop_token& stop) {
  Reader reader = open_untouched(file, true, stop);
  Found found = look_at_tables(reader.connection);
  check_left_alone(reader, file);
  return std::move(found.tables);
}

DefinedTables define_live_tables(const std::filesystem::path& file, const std::stop_token& stop) {
  Reader reader = open_untouched(file, true, stop, stall_max);
  Found found = look_at_tables(reader.connection);
  DefinedTables defined{.tables = std::move(found.tables), .left = {}, .own = std::move(found.own)};
  defined.keep_keys_of_rows();
  const auto count = [&](std::string_view kind, const std::string& of) {
    Statement number = reader.connection.prepare("SELECT count(*) FROM " + of);
    if (number.step()) defined.leave(kind, static_cast<std::uint64_t>(number.integer(0)));
  };
  count("foreign keys",
        "sqlite_schema s, pragma_foreign_key_list(s.name) k WHERE s.type = 'table' AND k.seq = 0");
  const std::string indexes =
      "pragma_table_list t, pragma_index_list(t.name) i WHERE t.schema = 'main'"
      " AND t.type = 'table'";
  const auto any_part = [](std::string_view condition) {
    return fmt::format("EXISTS (SELECT 1 FROM pragma_index_xinfo(i.name) x WHERE x.key AND {})",
                       condition);
  };
  count("indexes that are no keys, partial, or on expressions",
        indexes + " AND (NOT i.\"unique\" OR i.partial OR " + any_part("x.cid < 0") + ")");
  count("keys that do not compare byte by byte",
        indexes + " AND i.\"unique\" AND NOT i.partial AND " + any_part("x.coll <> 'BINARY'") +
            " AND NOT " + any_part("x.cid < 0"));
  const auto columns = [&](std::string_view kind, std::string_view condition) {
    count(kind, fmt::format("pragma_table_list t, pragma_table_xinfo(t.name) c WHERE"
                            " t.schema = 'main' AND t.type = 'table' AND {}",
                            condition));
  };
  columns("defaults", "c.dflt_value IS NOT NULL");
  columns("generated columns", "c.hidden IN (2, 3)");
  const auto tables_with = [&](std::string_view word) {
    count(fmt::format("tables with {}", word),
          fmt::format("sqlite_schema WHERE type = 'table'"
                      " AND upper(sql) GLOB '*[^A-Z0-9_]{}[^A-Z0-9_]*'",
                      word));
  };
  tables_with("CHECK");
  tables_with("AUTOINCREMENT");
  count("views", "sqlite_schema WHERE type = 'view'");
  count("triggers", "sqlite_schema WHERE type = 'trigger'");
  check_left_alone(reader, file);
  return defined;
}

std::vector<model::NewTable> design_tables(std::span<const model::TableDefinition> tables) {
  DesignRules rules;
  rules.where = "SQLite";
  rules.names = {.folds_tables = true, .folds_columns = true};
  rules.column = design_column;
  rules.write = write;
  return engine::design_tables(tables, rules);
}

}  // namespace holdfast::engine::sqlite
