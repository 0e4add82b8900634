// SPDX-License-Identifier: Apache-2.0
// Values as the rows of a .bacpac have them, decoded to the kinds that all engines share.
//
// Source: measured in a genuine file with every type, whose values are known from elsewhere;
// docs/sqlserver.md, "Rows of a .bacpac".
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "engine/sqlserver/columns.h"
#include "model/table_definition.h"
#include "model/value.h"

namespace holdfast::engine::sqlserver {

// What stands in front of a value, and how long it is.
struct BcpLayout {
  std::uint8_t prefix_bytes = 0;  // 0, 1, 2, 4 or 8: the value's length, all ones for null
  bool zero_is_null = false;      // of sql_variant, whose length 0 is null
  std::uint64_t bytes_min = 0, bytes_max = 0;  // without a prefix both are the same
};
[[nodiscard]] BcpLayout bcp_layout(const SqlColumn& column) noexcept;

// What is stored, of a length that the layout allows and not null. `into` keeps its buffer.
// Errc::corrupt, saying what is wrong, for bytes that are none; text that is no UTF-16 is of kind
// bytes. datetimeoffset and sql_variant are of kind other: "2003-02-01 11:22:33.12 +04:55" as SQL
// Server writes it, and "int 5", the type and the value. False: a sql_variant whose type is not
// known, or text of no known code page: "type 0x62 0x00ff", "varchar(2) 0x00ff".
bool decode_bcp(const SqlColumn& column, ByteView stored, model::Value& into);

// What another database needs to hold such values; with `obstacle` where they cannot be read.
[[nodiscard]] model::ColumnDefinition define_column(const SqlColumn& column);

}  // namespace holdfast::engine::sqlserver
