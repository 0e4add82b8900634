// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/table_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "engine/mariadb/sql_text.h"
#include "engine/wide_row.h"

namespace holdfast::engine::mariadb {
namespace {

constexpr std::size_t write_bytes = 1U << 20U;
constexpr std::size_t ranges_max = 4096;

// Keys reach from -2^63 to 2^64 - 1.
__extension__ typedef __int128 Wide;

Wide parse_wide(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size())
    throw Error(Errc::corrupt, fmt::format("the server says a key is `{}`", text));
  return negative ? -static_cast<Wide>(number) : static_cast<Wide>(number);
}

std::string wide_text(Wide number) {
  return number < 0 ? fmt::format("-{}", static_cast<std::uint64_t>(-number))
                    : fmt::format("{}", static_cast<std::uint64_t>(number));
}

std::string select_statement(const std::string& schema, const TableDef& table,
                             const KeyRange& range) {
  std::string columns;
  std::string extra;
  const auto add = [](std::string& list, const std::string& item) {
    if (!item.empty()) list += (list.empty() ? "" : ", ") + item;
  };
  for (const ColumnDef* column : table.stored()) {
    add(columns, exact_expression(column->kind, column->name));
    add(extra, utf8_expression(column->kind, column->name));
  }
  add(columns, extra);
  std::string sql = fmt::format("SELECT {} FROM {}", columns, quote_name(schema, table.name));
  const bool clustered = table.engine == "InnoDB" && table.key() != nullptr;
  if (clustered) sql += " FORCE INDEX (PRIMARY)";
  const std::string key = table.primary.empty() ? "" : quote_name(table.primary[0]);
  std::string where;
  if (range.from) where = fmt::format(" WHERE {} >= {}", key, *range.from);
  if (range.before)
    where += fmt::format(" {} {} < {}", where.empty() ? "WHERE" : "AND", key, *range.before);
  sql += where;
  if (clustered) {
    std::string order;
    for (const std::string& column : table.primary) add(order, quote_name(column));
    sql += " ORDER BY " + order;
  }
  return sql;
}

}  // namespace

std::vector<std::string> cuts_between(const std::string& low, const std::string& high,
                                      std::uint64_t size_bytes, std::uint64_t range_bytes) {
  const Wide first = parse_wide(low);
  const Wide last = parse_wide(high);
  std::vector<std::string> cuts;
  if (last <= first || range_bytes == 0) return cuts;
  const std::uint64_t wanted = std::clamp<std::uint64_t>(size_bytes / range_bytes, 1, ranges_max);
  // A power of two, so that the cuts of a step are cuts of every smaller step too.
  Wide step = 1;
  while (step * static_cast<Wide>(wanted) < last - first + 1) step *= 2;
  Wide cut = first / step * step;
  while (cut <= first) cut += step;
  for (; cut <= last; cut += step) cuts.push_back(wide_text(cut));
  return cuts;
}

namespace {

bool is_integer(const ColumnDef& column) {
  return column.kind == ColumnKind::number && column.type.find("int") != std::string::npos;
}

std::vector<std::string> round_cuts(Connection& connection, const std::string& schema,
                                    const TableDef& table, std::uint64_t range_bytes) {
  const auto found =
      connection.query(fmt::format("SELECT MIN({0}), MAX({0}) FROM {1}",
                                   quote_name(table.key()->name), quote_name(schema, table.name)));
  if (found.empty() || !found[0][0] || !found[0][1]) return {};
  return cuts_between(*found[0][0], *found[0][1], table.size_bytes, range_bytes);
}

// The server finds each cut in its own order, whatever the collation: so they ascend.
std::vector<std::string> counted_cuts(Connection& connection, const std::string& schema,
                                      const TableDef& table, std::uint64_t range_bytes) {
  std::vector<std::string> cuts;
  const ColumnDef& key = *table.key();
  const std::string expression = key_expression(key);
  if (expression.empty()) return cuts;
  const std::uint64_t ranges =
      std::clamp<std::uint64_t>(table.size_bytes / range_bytes, 1, ranges_max);
  // Who does not know how many rows there are would cut at each.
  const std::uint64_t rows = table.rows_estimate / ranges;
  if (rows == 0) return cuts;
  const std::string name = quote_name(key.name);
  // The estimate may be off by some: what is left then goes into the last.
  while (cuts.size() < 2 * ranges) {
    const auto found = connection.query(fmt::format(
        "SELECT {} FROM {} FORCE INDEX (PRIMARY){} ORDER BY {} LIMIT 1 OFFSET {}", expression,
        quote_name(schema, table.name),
        cuts.empty() ? "" : fmt::format(" WHERE {} > {}", name, cuts.back()), name, rows));
    if (found.empty() || !found[0][0]) break;
    cuts.push_back(key_literal(key, *found[0][0]));
  }
  return cuts;
}

}  // namespace

std::string key_expression(const ColumnDef& column) {
  switch (column.kind) {
    case ColumnKind::text:
    case ColumnKind::latin1:
    case ColumnKind::utf16:
    case ColumnKind::utf16le:
    case ColumnKind::utf32:
    case ColumnKind::other_text:
    case ColumnKind::bytes:
      // Members of these are compared by their numbers.
      if (column.type.starts_with("enum") || column.type.starts_with("set")) return "";
      return "HEX(" + quote_name(column.name) + ")";
    case ColumnKind::number:
    case ColumnKind::date:
    case ColumnKind::timestamp:
    case ColumnKind::instant:
    case ColumnKind::time:
    case ColumnKind::literal:
      return quote_name(column.name);
    default:
      return "";
  }
}

std::string key_literal(const ColumnDef& column, std::string_view text) {
  switch (column.kind) {
    case ColumnKind::number:
      return std::string(text);
    case ColumnKind::bytes:
      return fmt::format("x'{}'", text);
    case ColumnKind::date:
    case ColumnKind::timestamp:
    case ColumnKind::instant:
    case ColumnKind::time:
    case ColumnKind::literal:
      return quote_text(text);
    default:
      return fmt::format("_{} x'{}'", column.character_set, text);
  }
}

std::vector<KeyRange> split_ranges(Connection& connection, const std::string& schema,
                                   const TableDef& table, std::uint64_t range_bytes) {
  const ColumnDef* const key = table.key();
  if (key == nullptr || table.size_bytes < 2 * range_bytes || table.engine != "InnoDB") return {{}};
  const std::vector<std::string> cuts = is_integer(*key)
                                            ? round_cuts(connection, schema, table, range_bytes)
                                            : counted_cuts(connection, schema, table, range_bytes);
  std::vector<KeyRange> ranges(1);
  for (const std::string& cut : cuts) {
    ranges.back().before = cut;
    ranges.emplace_back().from = cut;
  }
  return ranges;
}

TableRead read_table(Connection& connection, const std::string& schema, const TableDef& table,
                     const KeyRange& range, ByteSink* bytes, model::RowSink* rows, Errc gone) {
  const std::vector<const ColumnDef*> columns = table.stored();
  if (columns.empty())
    throw Error(Errc::unsupported,
                fmt::format("table {} has no column but generated ones", table.name));
  if (rows != nullptr) {
    std::vector<model::Column> names;
    for (const ColumnDef* column : columns) names.push_back({column->name, column->type});
    rows->columns(names);
  }
  TableRead read;
  model::RowHasher hasher;
  model::Row row(columns.size());
  Bytes buffer;
  buffer.reserve(write_bytes + (write_bytes >> 2U));
  Rows found = connection.stream(select_statement(schema, table, range), gone);
  while (found.next()) {
    unsigned extra = static_cast<unsigned>(columns.size());
    std::uint64_t row_bytes = 0;
    bool is_begun = false;  // some of the row has been written
    for (unsigned i = 0; i < columns.size(); ++i) {
      const ColumnKind kind = columns[i]->kind;
      const bool has_extra = kind == ColumnKind::other_text;
      const std::string_view utf8 = has_extra ? found.field(extra) : std::string_view();
      if (has_extra) ++extra;
      if (bytes != nullptr && i > 0) buffer.push_back(std::byte{'\t'});
      if (found.is_null(i)) {
        row[i].kind = model::ValueKind::null;
        row[i].text.clear();
        if (bytes != nullptr) append(buffer, null_field);
        continue;
      }
      const std::string_view field = found.field(i);
      row_bytes += field.size();
      set_value(row[i], kind, field, utf8);
      // Long values go out in pieces, so that no second copy of them is held.
      for (std::size_t done = 0; bytes != nullptr && done < field.size(); done += write_bytes) {
        append_field(buffer, field.substr(done, write_bytes));
        if (buffer.size() < write_bytes) continue;
        bytes->write(buffer);
        buffer.clear();
        is_begun = true;
      }
    }
    hasher.add(row);
    read.widest_row_bytes = std::max(read.widest_row_bytes, row_bytes);
    if (rows != nullptr) rows->row(row);
    // What a wide row took is free before another is asked for.
    if (row_bytes >= wide_row_bytes / 2)
      for (model::Value& value : row) std::string().swap(value.text);
    if (bytes == nullptr) continue;
    buffer.push_back(std::byte{'\n'});
    // Who takes the row at the other end may hold the turn of wide rows until he has all of it.
    if (is_begun || buffer.size() >= write_bytes) {
      bytes->write(buffer);
      buffer.clear();
    }
  }
  if (bytes != nullptr && !buffer.empty()) bytes->write(buffer);
  read.digest = hasher.digest();
  return read;
}

std::string load_columns(const std::vector<LoadColumn>& columns) {
  std::string list;
  std::string assignments;
  std::size_t number = 0;
  for (const LoadColumn& column : columns) {
    ++number;
    const std::string variable = fmt::format("@v{}", number);
    list += (list.empty() ? "" : ", ") + (column.converted ? variable : quote_name(column.name));
    if (!column.converted) continue;
    assignments +=
        fmt::format("{} {} = CONVERT({} USING utf8mb4)", assignments.empty() ? " SET" : ",",
                    quote_name(column.name), variable);
  }
  return "(" + list + ")" + assignments;
}

std::string load_statement(std::string_view file, std::string_view table,
                           std::string_view columns) {
  return fmt::format(
      "LOAD DATA LOCAL INFILE {} INTO TABLE {} CHARACTER SET binary FIELDS TERMINATED BY '\\t' "
      "ESCAPED BY '\\\\' LINES TERMINATED BY '\\n' {}",
      quote_text(file), quote_name(table), columns);
}

}  // namespace holdfast::engine::mariadb
