// SPDX-License-Identifier: Apache-2.0
// Values as the rows of a .bacpac have them: what decode_bcp() makes the same values of.
//
// Source: docs/sqlserver.md, "Rows of a .bacpac"; of sql_variant [MS-TDS] 2.2.5.5.4.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "engine/sqlserver/bcp/bcp_variant.h"
#include "engine/sqlserver/columns.h"
#include "model/value.h"

namespace holdfast::engine::sqlserver {

// Appends what is stored of a value that is neither null nor text, without its length.
// Errc::unsupported, with the value and the column's type, for what no such column has.
void encode_bcp(Bytes& to, const SqlColumn& column, const model::Value& value);

// Units of UTF-16 that a text in UTF-8 has.
[[nodiscard]] std::size_t utf16_units(std::string_view utf8) noexcept;
// Appends them, in little-endian bytes. False: it is no UTF-8.
bool append_utf16(Bytes& to, std::string_view utf8);

// A number in units of its last digit but `scale`. Nothing if it has more digits behind its point,
// or more than 38.
struct Decimal {
  UInt128 magnitude = 0;
  bool is_negative = false;
};
[[nodiscard]] std::optional<Decimal> parse_decimal(std::string_view number,
                                                   unsigned scale) noexcept;
// A clock's reading, "10:56:01.5", in units of 100 ns. Nothing if it is none or finer than that.
[[nodiscard]] std::optional<std::uint64_t> parse_clock(std::string_view time) noexcept;
// Days from 0001-01-01 on, of a date up to the year 9999.
[[nodiscard]] std::optional<std::int64_t> parse_days(std::string_view date) noexcept;

// A sql_variant's value, "numeric(5,2) 12.5" or "varchar(26) ABC", in its two parts. Nothing if it
// begins with no type.
struct VariantText {
  SqlColumn column;  // of its own type
  model::Value value;
};
[[nodiscard]] std::optional<VariantText> variant_of(std::string_view text);

}  // namespace holdfast::engine::sqlserver
