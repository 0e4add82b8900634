// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/define.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/ascii.h"
#include "base/error.h"
#include "engine/sqlserver/bcp/bcp_values.h"
#include "engine/sqlserver/catalog.h"
#include "engine/sqlserver/location.h"
#include "engine/sqlserver/probe.h"
#include "engine/table_design.h"

namespace holdfast::engine::sqlserver {
namespace {

std::uint64_t count_if(const Catalog& catalog, bool (*is_it)(const CatalogColumn&)) {
  std::uint64_t count = 0;
  for (const CatalogTable& table : catalog.tables)
    count += static_cast<std::uint64_t>(std::ranges::count_if(table.columns, is_it));
  return count;
}

// A unique index that is neither filtered nor disabled comes along as a key.
bool is_key(const CatalogIndex& index) {
  return index.is_primary || (index.is_unique && index.filter.empty() && !index.is_disabled);
}

void tell_columns(const Catalog& catalog, DefinedTables& defined) {
  defined.leave("computed columns",
                count_if(catalog, [](const CatalogColumn& one) { return one.is_computed(); }));
  defined.leave("rowversion columns", count_if(catalog, [](const CatalogColumn& one) {
                  return !one.is_computed() && one.column.type == SqlType::rowversion;
                }));
  defined.leave("defaults", count_if(catalog, [](const CatalogColumn& one) {
                  return !one.default_definition.empty() && one.column.type != SqlType::rowversion;
                }));
  defined.leave("columns whose text is compared without regard to case",
                count_if(catalog, [](const CatalogColumn& one) {
                  return ascii_lower(one.collation).find("_ci_") != std::string::npos;
                }));
  defined.leave("identities",
                count_if(catalog, [](const CatalogColumn& one) { return one.column.is_identity; }));
}

void tell_rest(const Catalog& catalog, DefinedTables& defined) {
  std::uint64_t foreign_keys = 0, checks = 0, indexes = 0;
  for (const CatalogTable& table : catalog.tables) {
    foreign_keys += table.foreign_keys.size();
    checks += table.checks.size();
    indexes += static_cast<std::uint64_t>(
        std::ranges::count_if(table.indexes, [](const auto& one) { return !is_key(one); }));
  }
  defined.leave("foreign keys", foreign_keys);
  defined.leave("checks", checks);
  defined.leave("indexes that are no keys, or filtered", indexes);
  std::map<ModuleKind, std::uint64_t> modules;
  for (const CatalogModule& module : catalog.modules) ++modules[module.kind];
  for (const auto& [kind, count] : modules)
    defined.leave(fmt::format("{}s", module_kind_name(kind)), count);
  defined.leave("sequences", catalog.sequences.size());
  defined.leave("synonyms", catalog.synonyms.size());
  defined.leave("types", catalog.types.size() + catalog.table_types.size());
  defined.leave("permissions", catalog.permissions.size());
  defined.leave("extended properties", catalog.properties.size());
}

}  // namespace

DefinedTables define_live_tables(const model::Endpoint& endpoint, const std::stop_token& stop) {
  const Location location = location_of(endpoint);
  Session session(location, endpoint.password.get(), true, stop);
  if (method_for(session, location) == Method::physical)
    throw Error(Errc::unsupported, fmt::format("{} is copied by the server's BACKUP, which gives "
                                               "no rows",
                                               endpoint.component))
        .set_hint("Set method = \"logical\" for it.");
  const Catalog catalog = read_catalog(session);
  DefinedTables defined;
  for (const CatalogTable& table : catalog.tables) {
    if (!table.left_out.empty()) {
      defined.tables.push_back(
          table_without_rows(table.name, "table", "its rows are not copied: " + table.left_out));
      continue;
    }
    const SqlTable rows = table.rows();
    model::TableDefinition definition;
    definition.name = table.name;
    for (const SqlColumn& column : rows.columns)
      definition.columns.push_back(define_column(column));
    definition.primary_key = rows.primary_key;
    for (const CatalogIndex& index : table.indexes) {
      if (index.is_primary || !is_key(index)) continue;
      auto& key = definition.unique.emplace_back();
      for (const IndexColumn& column : index.columns)
        if (!column.is_included) key.push_back(column.name);
    }
    defined.tables.push_back(std::move(definition));
  }
  defined.keep_keys_of_rows();
  tell_columns(catalog, defined);
  tell_rest(catalog, defined);
  return defined;
}

}  // namespace holdfast::engine::sqlserver
