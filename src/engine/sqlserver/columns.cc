// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/columns.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace holdfast::engine::sqlserver {
namespace {

struct NamedType {
  std::string_view name;
  SqlType type;
};
constexpr std::array named_types{
    NamedType{"bigint", SqlType::bigint},
    NamedType{"binary", SqlType::binary},
    NamedType{"bit", SqlType::bit},
    NamedType{"char", SqlType::character},
    NamedType{"date", SqlType::date},
    NamedType{"datetime", SqlType::datetime},
    NamedType{"datetime2", SqlType::datetime2},
    NamedType{"datetimeoffset", SqlType::datetimeoffset},
    NamedType{"decimal", SqlType::decimal},
    NamedType{"float", SqlType::floating},
    NamedType{"geography", SqlType::clr},
    NamedType{"geometry", SqlType::clr},
    NamedType{"hierarchyid", SqlType::clr},
    NamedType{"image", SqlType::image},
    NamedType{"int", SqlType::integer},
    NamedType{"money", SqlType::money},
    NamedType{"nchar", SqlType::nchar},
    NamedType{"ntext", SqlType::ntext},
    NamedType{"numeric", SqlType::decimal},
    NamedType{"nvarchar", SqlType::nvarchar},
    NamedType{"real", SqlType::real},
    NamedType{"rowversion", SqlType::rowversion},
    NamedType{"smalldatetime", SqlType::smalldatetime},
    NamedType{"smallint", SqlType::smallint},
    NamedType{"smallmoney", SqlType::smallmoney},
    NamedType{"sql_variant", SqlType::variant},
    NamedType{"sysname", SqlType::nvarchar},
    NamedType{"text", SqlType::text},
    NamedType{"time", SqlType::time},
    NamedType{"timestamp", SqlType::rowversion},
    NamedType{"tinyint", SqlType::tinyint},
    NamedType{"uniqueidentifier", SqlType::uniqueidentifier},
    NamedType{"varbinary", SqlType::varbinary},
    NamedType{"varchar", SqlType::varchar},
    NamedType{"xml", SqlType::xml},
};

}  // namespace

SqlType sql_type(std::string_view name) noexcept {
  const auto* const found = std::ranges::lower_bound(named_types, name, {}, &NamedType::name);
  return found != named_types.end() && found->name == name ? found->type : SqlType::unknown;
}

std::string SqlColumn::declared() const {
  switch (type) {
    case SqlType::character:
    case SqlType::varchar:
    case SqlType::nchar:
    case SqlType::nvarchar:
    case SqlType::binary:
    case SqlType::varbinary:
      if (type_name == "sysname") return type_name;
      return is_max ? type_name + "(max)" : fmt::format("{}({})", type_name, length);
    case SqlType::decimal:
      return fmt::format("{}({},{})", type_name, precision, scale);
    case SqlType::time:
    case SqlType::datetime2:
    case SqlType::datetimeoffset:
      return fmt::format("{}({})", type_name, scale);
    default:
      return type_name;
  }
}

std::string SqlTable::obstacle() const {
  for (const SqlColumn& column : columns)
    if (!column.obstacle.empty())
      return fmt::format("column {} ({}): {}", column.name, column.declared(), column.obstacle);
  return columns.empty() ? "it has no columns but computed ones" : "";
}

}  // namespace holdfast::engine::sqlserver
