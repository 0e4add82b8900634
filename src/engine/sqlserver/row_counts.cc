// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/row_counts.h"

#include <fmt/format.h>

#include <charconv>

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::size_t tables_max = 10'000;

}  // namespace

RowCounts count_rows(Session& session) {
  RowCounts counts;
  const auto rows = session.try_query(fmt::format(
      "SELECT TOP ({}) s.name, t.name, CONVERT(nvarchar(30), SUM(p.rows)) FROM sys.tables t "
      "JOIN sys.schemas s ON s.schema_id = t.schema_id JOIN sys.partitions p ON p.object_id = "
      "t.object_id AND p.index_id IN (0, 1) WHERE t.is_ms_shipped = 0 GROUP BY s.name, t.name",
      tables_max + 1));
  if (!rows || rows->size() > tables_max) return counts;
  for (const auto& row : *rows) {
    std::uint64_t count = 0;
    const std::string text = row.at(2).value_or("0");
    std::from_chars(text.data(), text.data() + text.size(), count);
    counts[{row.at(0).value_or(""), row.at(1).value_or("")}] = count;
  }
  return counts;
}

Json to_json(const RowCounts& before, const RowCounts& after) {
  Json list = Json::array();
  for (const auto& [table, count] : before) {
    const auto now = after.find(table);
    if (now == after.end()) continue;
    Json json = Json::object();
    json.set("schema", table.schema).set("table", table.table);
    json.set("rows", now->second == count ? Json(count) : Json());
    list.push(std::move(json));
  }
  return list;
}

std::vector<std::string> differences(const Json& tables, const RowCounts& found) {
  std::vector<std::string> lines;
  if (found.empty()) return lines;
  for (const Json& one : tables.as_array()) {
    const model::TableName name{one.at("schema").as_string(), one.at("table").as_string()};
    const auto now = found.find(name);
    if (now == found.end()) {
      lines.push_back(fmt::format("table {} is missing", name.display()));
    } else if (!one.at("rows").is_null() && one.at("rows").as_uint() != now->second) {
      lines.push_back(fmt::format("table {} has {} rows, and had {} when it was copied",
                                  name.display(), now->second, one.at("rows").as_uint()));
    }
  }
  return lines;
}

}  // namespace holdfast::engine::sqlserver
