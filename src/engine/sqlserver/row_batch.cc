// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/row_batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "base/error.h"
#include "engine/sqlserver/bcp/bcp_encode.h"
#include "engine/sqlserver/session.h"
#include "engine/sqlserver/value_text.h"

namespace holdfast::engine::sqlserver {
namespace {

using model::Value;
using model::ValueKind;

// Whatever is there, a number may stand behind it.
constexpr std::size_t alignment = 8;

void append_number(Bytes& to, const Value& value, Given given) {
  std::int64_t integer = 0;
  const std::string& text = value.text;
  if (given == Given::integer)
    static_cast<void>(std::from_chars(text.data(), text.data() + text.size(), integer));
  std::array<std::byte, alignment> raw{};
  std::memcpy(raw.data(),
              given == Given::integer ? static_cast<const void*>(&integer)
                                      : static_cast<const void*>(&value.real),
              raw.size());
  append(to, ByteView(raw));
}

void append_cell(RowBatch& batch, const SqlColumn& column, const Value& value) {
  RowBatch::Cell& cell = batch.cells.emplace_back();
  if (value.kind == ValueKind::null) return;
  batch.values.resize((batch.values.size() + alignment - 1) / alignment * alignment);
  cell.at = batch.values.size();
  const Given given = given_as(column);
  if (given == Given::integer || given == Given::real) {
    append_number(batch.values, value, given);
  } else if (given == Given::bytes || value.kind == ValueKind::bytes) {
    append(batch.values, as_bytes(value.text));
  } else if (!append_utf16(batch.values, value.text)) {
    throw Error(Errc::unsupported, "a text is neither UTF-8 nor marked as bytes");
  }
  cell.bytes = static_cast<std::int64_t>(batch.values.size() - cell.at);
}

}  // namespace

Given given_as(const SqlColumn& column) noexcept {
  switch (column.type) {
    case SqlType::bit:
    case SqlType::tinyint:
    case SqlType::smallint:
    case SqlType::integer:
    case SqlType::bigint:
      return Given::integer;
    case SqlType::real:
    case SqlType::floating:
      return Given::real;
    case SqlType::binary:
    case SqlType::varbinary:
    case SqlType::image:
    case SqlType::clr:
      return Given::bytes;
    default:
      return Given::text;
  }
}

std::string parameter_text(const SqlColumn& column) {
  switch (column.type) {
    case SqlType::decimal:
    case SqlType::money:
    case SqlType::smallmoney:
    case SqlType::date:
    case SqlType::time:
    case SqlType::datetime2:
    case SqlType::smalldatetime:
    case SqlType::datetimeoffset:
    case SqlType::uniqueidentifier:
    case SqlType::clr:
      return fmt::format("CONVERT({},?)", column.declared());
    case SqlType::datetime:  // whose own texts are read as the session's language has them
      return "CONVERT(datetime,CONVERT(datetime2(3),?))";
    case SqlType::xml:
      return "CONVERT(xml,?,1)";  // blanks stay where they are
    default:
      return "?";
  }
}

std::vector<std::size_t> given_columns(const SqlTable& table) {
  std::vector<std::size_t> given;
  for (std::size_t i = 0; i < table.columns.size(); ++i)
    if (table.columns[i].type != SqlType::rowversion) given.push_back(i);
  return given;
}

bool goes_by_parameters(const SqlTable& table) {
  return std::ranges::find(table.columns, SqlType::variant, &SqlColumn::type) ==
         table.columns.end();
}

std::string insert_head(const SqlTable& table) {
  std::string names;
  for (const std::size_t i : given_columns(table))
    names += (names.empty() ? "" : ",") + identifier(table.columns[i].name);
  return fmt::format("INSERT INTO {}.{} ({}) VALUES ", identifier(table.name.schema),
                     identifier(table.name.table), names);
}

std::string insert_statement(const SqlTable& table, std::size_t rows) {
  std::string row;
  for (const std::size_t i : given_columns(table))
    row += (row.empty() ? "(" : ",") + parameter_text(table.columns[i]);
  row += ')';
  std::string sql = insert_head(table);
  for (std::size_t i = 0; i < rows; ++i) sql += (i == 0 ? "" : ",") + row;
  return sql;
}

void add_row(RowBatch& batch, const SqlTable& table, const model::Row& row) {
  const bool by_parameters = goes_by_parameters(table);
  if (!by_parameters) batch.statement += batch.rows == 0 ? insert_head(table) + '(' : ",(";
  bool is_first = true;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const SqlColumn& column = table.columns[i];
    if (column.type == SqlType::rowversion) continue;
    try {
      check_fits(column, row[i]);
      if (by_parameters) {
        append_cell(batch, column, row[i]);
      } else {
        if (!is_first) batch.statement += ',';
        append_value(batch.statement, column, row[i]);
      }
    } catch (Error& error) {
      error.add_context("giving column " + column.name);
      throw;
    }
    is_first = false;
  }
  if (!by_parameters) batch.statement += ')';
  ++batch.rows;
}

}  // namespace holdfast::engine::sqlserver
