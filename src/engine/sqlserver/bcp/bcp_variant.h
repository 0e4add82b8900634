// SPDX-License-Identifier: Apache-2.0
// Values of sql_variant, each of which says its own type.
//
// Source: [MS-TDS] 2.2.5.5.4 "sql_variant Values" for types and properties; measured were int and
// varchar. Collations: [MS-TDS] 2.2.5.1.2, and Microsoft's "Code Page Identifiers".
#pragma once

#include <string_view>

#include "base/bytes.h"
#include "engine/sqlserver/columns.h"
#include "model/value.h"

namespace holdfast::engine::sqlserver {

__extension__ using UInt128 = unsigned __int128;

// A number with so many digits behind its point. False: it has more than 38.
bool set_decimal(model::Value& into, bool is_negative, UInt128 magnitude, unsigned scale);

// As decode_bcp(): kind other.
bool decode_variant(const SqlColumn& column, ByteView stored, model::Value& into);

// How many bytes a sql_variant has for a time of so many digits of a second, and what they count,
// in units of 100 ns.
[[nodiscard]] constexpr unsigned variant_time_bytes(unsigned scale) noexcept {
  return scale <= 2 ? 3 : scale <= 4 ? 4 : 5;
}
[[nodiscard]] constexpr std::uint64_t variant_time_ticks(unsigned scale) noexcept {
  std::uint64_t ticks = 1;
  for (; scale < 7; ++scale) ticks *= 10;
  return ticks;
}

// The name of a code page as the C library has it, "CP1252", of a collation in five bytes; empty:
// not known.
[[nodiscard]] std::string_view code_page_of(ByteView collation) noexcept;

}  // namespace holdfast::engine::sqlserver
