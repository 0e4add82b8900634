// SPDX-License-Identifier: Apache-2.0
// Columns and tables of SQL Server, as packages and catalogs tell of them.
//
// Source: Transact-SQL Reference, data types.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/value.h"

namespace holdfast::engine::sqlserver {

enum class SqlType : std::uint8_t {
  unknown,
  bit,
  tinyint,
  smallint,
  integer,
  bigint,
  real,
  floating,
  decimal,
  money,
  smallmoney,
  date,
  time,
  datetime,
  datetime2,
  smalldatetime,
  datetimeoffset,
  uniqueidentifier,
  character,
  varchar,
  nchar,
  nvarchar,
  text,
  ntext,
  xml,
  binary,
  varbinary,
  image,
  rowversion,
  clr,  // geography, geometry, hierarchyid
  variant,
};
// Of a name of SQL Server's own, in lower case: "int", "sysname".
[[nodiscard]] SqlType sql_type(std::string_view name) noexcept;

struct SqlColumn {
  std::string name;
  std::string type_name;  // "nvarchar"; that of an alias type is its base's
  SqlType type = SqlType::unknown;
  std::uint32_t length = 1;  // characters of text, bytes of others
  bool is_max = false;
  unsigned precision = 18, scale = 0;
  bool is_nullable = true;
  bool is_identity = false;   // as far as it is told; packages do not
  std::string obstacle = {};  // why its values cannot be read; empty: they can

  [[nodiscard]] std::string declared() const;  // "nvarchar(20)"
};

struct SqlTable {
  model::TableName name;
  std::vector<SqlColumn> columns;  // those that rows have, in their order
  std::vector<std::string> computed;
  std::vector<std::string> primary_key;
  std::vector<std::vector<std::string>> unique;

  // Why its rows cannot be read, with the column; empty: they can.
  [[nodiscard]] std::string obstacle() const;
};

}  // namespace holdfast::engine::sqlserver
