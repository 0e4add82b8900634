// SPDX-License-Identifier: Apache-2.0
// Values of sql_variant, each of which says its own type.
//
// Source: [MS-TDS] 2.2.5.5.4 "sql_variant Values" for types and properties; measured were int and
// varchar. Collations: [MS-TDS] 2.2.5.1.2, and Microsoft's "Code Page Identifiers".
#pragma once

#include <string_view>

#include "base/bytes.h"
#include "engine/sqlserver/dac_model.h"
#include "model/value.h"

namespace holdfast::engine::sqlserver {

__extension__ using UInt128 = unsigned __int128;

// A number with so many digits behind its point. False: it has more than 38.
bool set_decimal(model::Value& into, bool is_negative, UInt128 magnitude, unsigned scale);

// As decode_bcp(): kind other.
bool decode_variant(const DacColumn& column, ByteView stored, model::Value& into);

// The name of a code page as the C library has it, "CP1252", of a collation in five bytes; empty:
// not known.
[[nodiscard]] std::string_view code_page_of(ByteView collation) noexcept;

}  // namespace holdfast::engine::sqlserver
