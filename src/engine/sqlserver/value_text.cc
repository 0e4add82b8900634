// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/value_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "engine/sqlserver/bcp/bcp_encode.h"

namespace holdfast::engine::sqlserver {
namespace {

using model::Value;
using model::ValueKind;

bool is_text(SqlType type) noexcept {
  return type >= SqlType::character && type <= SqlType::xml;
}
bool is_bytes(SqlType type) noexcept {
  return type >= SqlType::binary && type <= SqlType::clr;
}
bool is_of_code_page(SqlType type) noexcept {
  return type == SqlType::character || type == SqlType::varchar || type == SqlType::text;
}
// It has as many characters, or bytes, as it says.
bool has_length(const SqlColumn& column) noexcept {
  switch (column.type) {
    case SqlType::character:
    case SqlType::varchar:
    case SqlType::nchar:
    case SqlType::nvarchar:
    case SqlType::binary:
    case SqlType::varbinary:
      return !column.is_max;
    default:
      return false;
  }
}

[[noreturn]] void refuse(const SqlColumn& column, std::string_view what) {
  throw Error(Errc::unsupported, fmt::format("{} is no {}", what, column.declared()));
}

void check_text(const SqlColumn& column, const Value& value) {
  std::size_t units = 0;
  if (value.kind == ValueKind::text) {
    units = utf16_units(value.text);
  } else if (value.kind == ValueKind::bytes && value.text.size() % 2 == 0 &&
             !is_of_code_page(column.type)) {
    units = value.text.size() / 2;  // of UTF-16 that is none, as it is
  } else {
    refuse(column, fmt::format("a value of kind {}", model::value_kind_name(value.kind)));
  }
  if (has_length(column) && units > column.length)
    refuse(column, fmt::format("a text of {} characters", units));
}

void check_bytes(const SqlColumn& column, const Value& value) {
  if (value.kind != ValueKind::bytes)
    refuse(column, fmt::format("a value of kind {}", model::value_kind_name(value.kind)));
  const std::size_t size = value.text.size();
  // What is shorter would be filled up with zeros.
  const bool is_short = column.type == SqlType::binary && size < column.length;
  if (is_short || (has_length(column) && size > column.length))
    refuse(column, fmt::format("a value of {} bytes", size));
}

void append_hex(std::string& sql, std::string_view bytes) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  sql.reserve(sql.size() + 2 + 2 * bytes.size());
  sql += "0x";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    sql += digits[byte >> 4U];
    sql += digits[byte & 0xfU];
  }
}

// A backslash at the end of a line joins it with the next one, within quotes too; nor does
// everyone read a zero within a statement.
bool is_awkward(std::string_view text) noexcept {
  if (text.find('\0') != std::string_view::npos) return true;
  for (auto at = text.find('\\'); at != std::string_view::npos; at = text.find('\\', at + 1))
    if (text.substr(at + 1).starts_with('\n') || text.substr(at + 1).starts_with("\r\n"))
      return true;
  return false;
}

// N'it''s', of an awkward one in pieces: what is put together would be cut at 4000 characters
// unless it begins with (max).
void append_text(std::string& sql, std::string_view text) {
  const bool in_pieces = is_awkward(text);
  if (in_pieces) sql += "CONVERT(nvarchar(max),N'')+";
  sql += "N'";
  std::size_t done = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c != '\'' && !(in_pieces && (c == '\\' || c == '\0'))) continue;
    sql.append(text.substr(done, i - done));
    done = i + 1;
    sql += c == '\'' ? "''" : c == '\\' ? "\\'+N'" : "'+NCHAR(0)+N'";
  }
  sql.append(text.substr(done));
  sql += '\'';
}

void append_string(std::string& sql, const SqlColumn& column, const Value& value) {
  const bool is_xml = column.type == SqlType::xml;
  if (is_xml) sql += "CONVERT(xml,";
  if (value.kind == ValueKind::bytes) {
    sql += "CONVERT(nvarchar(max),";
    append_hex(sql, value.text);
    sql += ')';
  } else {
    append_text(sql, value.text);
  }
  if (is_xml) sql += ",1)";  // blanks stay where they are
}

void append_variant(std::string& sql, const Value& value) {
  const auto variant = variant_of(value.text);
  check_rule(variant.has_value(), "a value fits its column");
  SqlColumn column = variant->column;
  if (has_length(column)) {
    // Servers that forget how long its type is say what no type is.
    const bool is_wide = column.type == SqlType::nchar || column.type == SqlType::nvarchar;
    const std::size_t own =
        is_bytes(column.type) ? variant->value.text.size() : utf16_units(variant->value.text);
    if (column.length > (is_wide ? 4000U : 8000U)) column.length = static_cast<std::uint32_t>(own);
    column.length = std::max(column.length, 1U);
  }
  sql += "CONVERT(sql_variant,CONVERT(" + column.declared() + ',';
  append_value(sql, column, variant->value);
  sql += "))";
}

}  // namespace

void check_fits(const SqlColumn& column, const Value& value) {
  if (value.kind == ValueKind::null) return;
  if (is_text(column.type)) return check_text(column, value);
  if (is_bytes(column.type)) return check_bytes(column, value);
  thread_local Bytes stored;
  stored.clear();
  encode_bcp(stored, column, value);
}

void append_value(std::string& sql, const SqlColumn& column, const Value& value) {
  if (value.kind == ValueKind::null) {
    sql += "NULL";
    return;
  }
  if (is_text(column.type)) return append_string(sql, column, value);
  switch (column.type) {
    case SqlType::variant:
      return append_variant(sql, value);
    case SqlType::real:
    case SqlType::floating:
      sql += fmt::format("{:.16e}", value.real);
      return;
    case SqlType::clr:
      sql += fmt::format("CONVERT({},", column.type_name);
      append_hex(sql, value.text);
      sql += ')';
      return;
    case SqlType::datetime:  // whose own texts are read as the session's language has them
      sql += fmt::format("CONVERT(datetime,CONVERT(datetime2(3),'{}'))", value.text);
      return;
    default:
      break;
  }
  if (is_bytes(column.type)) return append_hex(sql, value.text);
  if (value.kind == ValueKind::number) {
    sql += value.text;
    return;
  }
  // Moments and GUIDs, in forms that mean the same in every language.
  sql += '\'' + value.text + '\'';
}

}  // namespace holdfast::engine::sqlserver
