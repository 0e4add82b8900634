// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/held_schema.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/mariadb/scripts.h"
#include "engine/mariadb/values.h"

namespace holdfast::engine::mariadb {

void HeldSchema::plan(Connection& connection) {
  for (std::size_t i = 0; i < def.tables.size(); ++i) {
    HeldTable& table = tables.emplace_back();
    table.index = i;
    const TableDef& one = def.tables[i];
    if (one.rows_elsewhere) continue;
    const std::string directory = table_directory(one.name);
    for (KeyRange& range : split_ranges(connection, def.name, one, usual_range_bytes)) {
      const std::string path = fmt::format("{}{:05}.tsv", directory, table.parts.size());
      table.parts.push_back({path, std::move(range), {}});
    }
  }
}

std::vector<model::Part> HeldSchema::parts() const {
  std::vector<model::Part> parts;
  const auto add = [&](std::string path, std::uint64_t bytes) {
    parts.push_back({model::PartKind::stream, std::move(path), bytes, {}, {}});
  };
  std::vector<const HeldTable*> order;
  for (const HeldTable& table : tables) order.push_back(&table);
  std::stable_sort(order.begin(), order.end(), [&](const HeldTable* a, const HeldTable* b) {
    const TableDef& one = def_of(*a);
    const TableDef& other = def_of(*b);
    if (one.transactional != other.transactional) return !one.transactional;
    return one.size_bytes > other.size_bytes;
  });
  for (const HeldTable* table : order) {
    for (const HeldPart& part : table->parts)
      add(part.path, def_of(*table).size_bytes / table->parts.size());
  }
  for (const std::string_view path :
       {schema_part, objects_part, broken_part, grants_part, restore_part}) {
    const std::size_t size_bytes = script(path).size();
    if (size_bytes > 0) add(std::string(path), size_bytes);
  }
  return parts;
}

std::string HeldSchema::script(std::string_view path) const {
  if (path == schema_part) return schema_script(def);
  if (path == objects_part) return objects_script(def);
  if (path == broken_part) return broken_script(def);
  if (path == grants_part) return accounts_script(accounts, def.name);
  if (path != restore_part) return "";
  std::vector<TableLoad> loads;
  for (const HeldTable& table : tables) {
    TableLoad& load = loads.emplace_back();
    load.table = def_of(table).name;
    for (const ColumnDef* column : def_of(table).stored())
      load.columns.push_back({column->name, needs_conversion(column->kind)});
    for (const HeldPart& part : table.parts) load.parts.push_back(part.path);
  }
  return restore_script(def, loads);
}

Json HeldSchema::table_facts() const {
  Json list = Json::array();
  for (const HeldTable& table : tables) {
    Json paths = Json::array();
    for (const HeldPart& part : table.parts) paths.push(part.path);
    Json columns = Json::array();
    Json converted = Json::array();
    for (const ColumnDef* column : def_of(table).stored()) {
      columns.push(column->name);
      if (needs_conversion(column->kind)) converted.push(column->name);
    }
    list.push(Json::object()
                  .set("name", def_of(table).name)
                  .set("engine", def_of(table).engine)
                  .set("bytes", def_of(table).size_bytes)
                  .set("parts", std::move(paths))
                  .set("columns", std::move(columns))
                  .set("converted", std::move(converted)));
  }
  return list;
}

}  // namespace holdfast::engine::mariadb
