// SPDX-License-Identifier: Apache-2.0
// Values of a scripted result in the forms that ODBC asks for.
//
// Source: ODBC Programmer's Reference, appendix D (converting data from SQL to C data types).
#pragma once

#include <sql.h>
#include <sqlext.h>

#include <string>
#include <string_view>
#include <vector>

#include "harness/scripted_odbc/scenario.h"

namespace holdfast::test::scripted {

[[nodiscard]] std::string to_utf8(const SQLWCHAR* units, std::size_t count);
[[nodiscard]] std::vector<SQLWCHAR> to_wide(std::string_view utf8);  // without a zero

[[nodiscard]] SQLSMALLINT sql_type(ColumnType type) noexcept;
[[nodiscard]] SQLULEN column_size(ColumnType type) noexcept;

// All bytes of a value, without a terminator.
[[nodiscard]] std::string bytes_as(const std::string& cell, ColumnType type, SQLSMALLINT c_type);
// From `given` on, as much as there is room for; SQL_NO_DATA if all of it was given before.
SQLRETURN give(const std::string& bytes, SQLSMALLINT c_type, std::size_t& given, SQLPOINTER into,
               SQLLEN room, SQLLEN* told);
// A text for an output in UTF-16; the length in units, or with `in_bytes` in bytes.
SQLRETURN give_text(std::string_view utf8, SQLWCHAR* into, SQLINTEGER room_units, bool in_bytes,
                    SQLINTEGER* told);

}  // namespace holdfast::test::scripted
