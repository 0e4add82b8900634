// SPDX-License-Identifier: Apache-2.0
#include "harness/scripted_odbc/values.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "base/bytes.h"

namespace holdfast::test::scripted {
namespace {

std::string units_of(std::string_view utf8) {
  const std::vector<SQLWCHAR> wide = to_wide(utf8);
  return {reinterpret_cast<const char*>(wide.data()), wide.size() * sizeof(SQLWCHAR)};
}

template <typename Number>
std::string number_bytes(Number value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

bool is_binary(ColumnType type) noexcept {
  return type == ColumnType::varbinary || type == ColumnType::varbinary_max;
}
bool is_text(ColumnType type) noexcept {
  return type == ColumnType::nvarchar || type == ColumnType::nvarchar_max;
}

std::size_t terminator_bytes(SQLSMALLINT c_type) noexcept {
  return c_type == SQL_C_CHAR ? 1 : c_type == SQL_C_WCHAR ? sizeof(SQLWCHAR) : 0;
}

}  // namespace

std::string to_utf8(const SQLWCHAR* units, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    char32_t rune = units[i];
    if (rune >= 0xd800 && rune < 0xdc00 && i + 1 < count)
      rune = 0x10000 + ((rune - 0xd800) << 10U) + (units[++i] - 0xdc00U);
    if (rune < 0x80) {
      text += static_cast<char>(rune);
      continue;
    }
    if (rune < 0x800) {
      text += static_cast<char>(0xc0 | rune >> 6U);
    } else if (rune < 0x10000) {
      text += static_cast<char>(0xe0 | rune >> 12U);
    } else {
      text += static_cast<char>(0xf0 | rune >> 18U);
      text += static_cast<char>(0x80 | (rune >> 12U & 0x3fU));
    }
    if (rune >= 0x800) text += static_cast<char>(0x80 | (rune >> 6U & 0x3fU));
    text += static_cast<char>(0x80 | (rune & 0x3fU));
  }
  return text;
}

std::vector<SQLWCHAR> to_wide(std::string_view utf8) {
  std::vector<SQLWCHAR> wide;
  while (!utf8.empty()) {
    const Utf8Rune next = decode_utf8(utf8);
    utf8.remove_prefix(std::max<std::size_t>(1, next.size_bytes));
    if (next.rune >= 0x10000) {
      wide.push_back(static_cast<SQLWCHAR>(0xd7c0 + (next.rune >> 10U)));
      wide.push_back(static_cast<SQLWCHAR>(0xdc00 + (next.rune & 0x3ffU)));
    } else {
      wide.push_back(static_cast<SQLWCHAR>(next.rune));
    }
  }
  return wide;
}

SQLSMALLINT sql_type(ColumnType type) noexcept {
  switch (type) {
    case ColumnType::nvarchar:
      return SQL_WVARCHAR;
    case ColumnType::nvarchar_max:
      return SQL_WLONGVARCHAR;
    case ColumnType::varbinary:
      return SQL_VARBINARY;
    case ColumnType::varbinary_max:
      return SQL_LONGVARBINARY;
    case ColumnType::integer:
      return SQL_INTEGER;
    case ColumnType::bigint:
      return SQL_BIGINT;
    case ColumnType::real:
      return SQL_DOUBLE;
  }
  return SQL_WVARCHAR;
}

SQLULEN column_size(ColumnType type) noexcept {
  switch (type) {
    case ColumnType::nvarchar:
      return 4000;
    case ColumnType::varbinary:
      return 8000;
    case ColumnType::integer:
      return 10;
    case ColumnType::bigint:
      return 19;
    case ColumnType::real:
      return 53;
    case ColumnType::nvarchar_max:
    case ColumnType::varbinary_max:
      return 0;
  }
  return 0;
}

std::string bytes_as(const std::string& cell, ColumnType type, SQLSMALLINT c_type) {
  const std::string text = is_binary(type) ? to_hex(as_bytes(cell)) : cell;
  const auto whole = [&] { return std::strtoll(cell.c_str(), nullptr, 10); };
  switch (c_type) {
    case SQL_C_WCHAR:
      return units_of(text);
    case SQL_C_DOUBLE:
      return number_bytes(std::strtod(cell.c_str(), nullptr));
    case SQL_C_LONG:
    case SQL_C_SLONG:
    case SQL_C_ULONG:
      return number_bytes(static_cast<std::int32_t>(whole()));
    case SQL_C_SHORT:
    case SQL_C_SSHORT:
      return number_bytes(static_cast<std::int16_t>(whole()));
    case SQL_C_SBIGINT:
    case SQL_C_UBIGINT:
      return number_bytes(static_cast<std::int64_t>(whole()));
    case SQL_C_BIT:
    case SQL_C_TINYINT:
    case SQL_C_UTINYINT:
      return number_bytes(static_cast<std::int8_t>(whole()));
    case SQL_C_BINARY:
      if (is_binary(type)) return cell;
      if (is_text(type)) return units_of(cell);
      if (type == ColumnType::integer) return number_bytes(static_cast<std::int32_t>(whole()));
      if (type == ColumnType::bigint) return number_bytes(static_cast<std::int64_t>(whole()));
      return number_bytes(std::strtod(cell.c_str(), nullptr));
    default:
      return text;
  }
}

SQLRETURN give(const std::string& bytes, SQLSMALLINT c_type, std::size_t& given, SQLPOINTER into,
               SQLLEN room, SQLLEN* told) {
  const bool is_fixed = c_type != SQL_C_CHAR && c_type != SQL_C_WCHAR && c_type != SQL_C_BINARY;
  const std::size_t end = terminator_bytes(c_type);
  const std::size_t left = bytes.size() - std::min(given, bytes.size());
  if (given > 0 && left == 0) return SQL_NO_DATA;
  if (told != nullptr) *told = static_cast<SQLLEN>(left);
  if (is_fixed) {
    if (into != nullptr) std::memcpy(into, bytes.data(), bytes.size());
    given = std::max<std::size_t>(1, bytes.size());
    return SQL_SUCCESS;
  }
  const auto space = static_cast<std::size_t>(std::max<SQLLEN>(room, 0));
  std::size_t count = std::min(left, space > end ? space - end : 0);
  if (c_type == SQL_C_WCHAR) count -= count % sizeof(SQLWCHAR);
  if (into != nullptr && space >= end) {
    std::memcpy(into, bytes.data() + given, count);
    std::memset(static_cast<char*>(into) + count, 0, end);
  }
  given += count;
  if (count < left) return SQL_SUCCESS_WITH_INFO;
  if (given == 0) given = 1;  // an empty value is given once
  return SQL_SUCCESS;
}

SQLRETURN give_text(std::string_view utf8, SQLWCHAR* into, SQLINTEGER room_units, bool in_bytes,
                    SQLINTEGER* told) {
  const std::vector<SQLWCHAR> wide = to_wide(utf8);
  const auto size = static_cast<SQLINTEGER>(wide.size());
  if (told != nullptr) *told = in_bytes ? size * static_cast<SQLINTEGER>(sizeof(SQLWCHAR)) : size;
  if (into == nullptr || room_units <= 0) return SQL_SUCCESS;
  const SQLINTEGER count = std::min(size, room_units - 1);
  std::copy_n(wide.begin(), count, into);
  into[count] = 0;
  return count < size ? SQL_SUCCESS_WITH_INFO : SQL_SUCCESS;
}

}  // namespace holdfast::test::scripted
