// SPDX-License-Identifier: Apache-2.0
// Indexes, checks and foreign keys of catalog.h.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "engine/sqlserver/catalog_reader.h"

namespace holdfast::engine::sqlserver {
namespace {

using IndexKey = std::pair<std::int64_t, std::int64_t>;

IndexKind index_kind(std::int64_t type) noexcept {
  switch (type) {
    case 1:
      return IndexKind::clustered;
    case 2:
      return IndexKind::nonclustered;
    case 3:
      return IndexKind::xml;
    case 5:
      return IndexKind::clustered_columnstore;
    case 6:
      return IndexKind::nonclustered_columnstore;
    default:
      return IndexKind::other;
  }
}

std::map<IndexKey, CatalogIndex> read_indexes(CatalogReader& reader) {
  std::map<IndexKey, CatalogIndex> indexes;
  reader.each(
      "SELECT i.object_id, i.index_id, i.name, i.type, i.type_desc, i.is_primary_key,"
      " i.is_unique_constraint, i.is_unique, i.is_disabled, i.is_padded, i.ignore_dup_key,"
      " i.allow_row_locks, i.allow_page_locks, i.fill_factor, i.filter_definition"
      " FROM sys.indexes i WHERE i.type > 0 AND i.is_hypothetical = 0",
      [&](Fields& fields) {
        const std::int64_t id = fields.number();
        const std::int64_t number = fields.number();
        if (reader.table(id) == nullptr) return;
        CatalogIndex index;
        index.name = fields.text();
        index.kind = index_kind(fields.number());
        index.kind_name = fields.text();
        index.is_primary = fields.flag();
        index.is_unique_constraint = fields.flag();
        index.is_unique = fields.flag();
        index.is_disabled = fields.flag();
        index.is_padded = fields.flag();
        index.ignores_duplicates = fields.flag();
        index.row_locks = fields.flag();
        index.page_locks = fields.flag();
        index.fill_factor = static_cast<unsigned>(fields.number());
        index.filter = fields.text();
        indexes.emplace(IndexKey{id, number}, std::move(index));
      });
  reader.each(
      "SELECT ic.object_id, ic.index_id, c.name, ic.key_ordinal, ic.is_descending_key,"
      " ic.is_included_column FROM sys.index_columns ic JOIN sys.columns c"
      " ON c.object_id = ic.object_id AND c.column_id = ic.column_id"
      " ORDER BY ic.object_id, ic.index_id, ic.is_included_column, ic.key_ordinal,"
      " ic.index_column_id",
      [&](Fields& fields) {
        const std::int64_t id = fields.number();
        const auto found = indexes.find({id, fields.number()});
        if (found == indexes.end()) return;
        IndexColumn column;
        column.name = fields.text();
        const bool is_key = fields.number() > 0;
        column.is_descending = fields.flag();
        column.is_included = fields.flag();
        const IndexKind kind = found->second.kind;
        const bool is_plain = kind == IndexKind::clustered || kind == IndexKind::nonclustered;
        // Otherwise it is there because the index is partitioned by it.
        if (is_key || column.is_included || !is_plain)
          found->second.columns.push_back(std::move(column));
      });
  return indexes;
}

void read_index_details(CatalogReader& reader, std::map<IndexKey, CatalogIndex>& indexes) {
  reader.each_if_known(
      "",
      "SELECT p.object_id, p.index_id, MAX(p.data_compression_desc) FROM sys.partitions p"
      " WHERE p.data_compression IN (1, 2, 4) GROUP BY p.object_id, p.index_id",
      [&](Fields& fields) {
        const std::int64_t id = fields.number();
        const std::int64_t number = fields.number();
        const auto found = indexes.find({id, number});
        CatalogTable* const table = reader.table(id);
        const std::string name = fields.text();
        if (found != indexes.end())
          found->second.compression = name;
        else if (table != nullptr && number == 0)
          table->compression = name;
      });
  reader.each_if_known("",
                       "SELECT i.object_id, ds.name FROM sys.indexes i JOIN sys.data_spaces ds"
                       " ON ds.data_space_id = i.data_space_id"
                       " WHERE ds.is_default = 0 AND i.index_id IN (0, 1)",
                       [&](Fields& fields) {
                         CatalogTable* const table = reader.table(fields.number());
                         if (table != nullptr && table->kind == TableKind::ordinary)
                           table->data_space = fields.text();
                       });
  reader.each_if_known(
      "",
      "SELECT x.object_id, x.index_id, p.name, x.secondary_type_desc FROM sys.xml_indexes x"
      " JOIN sys.indexes p ON p.object_id = x.object_id AND p.index_id = x.using_xml_index_id",
      [&](Fields& fields) {
        const std::int64_t id = fields.number();
        const auto found = indexes.find({id, fields.number()});
        if (found == indexes.end()) return;
        found->second.xml_primary = fields.text();
        found->second.xml_use = fields.text();
      });
}

void read_checks(CatalogReader& reader) {
  reader.each(
      "SELECT parent_object_id, name, definition, is_disabled, is_not_trusted,"
      " is_not_for_replication FROM sys.check_constraints ORDER BY name",
      [&](Fields& fields) {
        CatalogTable* const table = reader.table(fields.number());
        if (table == nullptr) return;
        CatalogCheck check;
        check.name = fields.text();
        check.definition = fields.text();
        check.is_disabled = fields.flag();
        check.is_trusted = !fields.flag();
        check.for_replication = !fields.flag();
        table->checks.push_back(std::move(check));
      });
}

// "SET_NULL" as "SET NULL".
std::string action_of(std::string name) {
  std::ranges::replace(name, '_', ' ');
  return name == "NO ACTION" ? "" : name;
}

void read_foreign_keys(CatalogReader& reader) {
  std::map<std::int64_t, std::pair<CatalogTable*, CatalogForeignKey>> keys;
  reader.each(
      "SELECT k.object_id, k.parent_object_id, k.name, SCHEMA_NAME(r.schema_id), r.name,"
      " k.delete_referential_action_desc, k.update_referential_action_desc, k.is_disabled,"
      " k.is_not_trusted, k.is_not_for_replication FROM sys.foreign_keys k"
      " JOIN sys.objects r ON r.object_id = k.referenced_object_id",
      [&](Fields& fields) {
        const std::int64_t id = fields.number();
        CatalogTable* const table = reader.table(fields.number());
        if (table == nullptr) return;
        CatalogForeignKey key;
        key.name = fields.text();
        key.referenced = fields.name();
        key.on_delete = action_of(fields.text());
        key.on_update = action_of(fields.text());
        key.is_disabled = fields.flag();
        key.is_trusted = !fields.flag();
        key.for_replication = !fields.flag();
        keys.emplace(id, std::pair(table, std::move(key)));
      });
  reader.each(
      "SELECT f.constraint_object_id, c.name, r.name FROM sys.foreign_key_columns f"
      " JOIN sys.columns c ON c.object_id = f.parent_object_id"
      " AND c.column_id = f.parent_column_id"
      " JOIN sys.columns r ON r.object_id = f.referenced_object_id"
      " AND r.column_id = f.referenced_column_id"
      " ORDER BY f.constraint_object_id, f.constraint_column_id",
      [&](Fields& fields) {
        const auto found = keys.find(fields.number());
        if (found == keys.end()) return;
        found->second.second.columns.push_back(fields.text());
        found->second.second.referenced_columns.push_back(fields.text());
      });
  for (auto& [id, entry] : keys) entry.first->foreign_keys.push_back(std::move(entry.second));
}

}  // namespace

void read_keys(CatalogReader& reader) {
  std::map<IndexKey, CatalogIndex> indexes = read_indexes(reader);
  read_index_details(reader, indexes);
  for (auto& [key, index] : indexes) reader.table(key.first)->indexes.push_back(std::move(index));
  read_checks(reader);
  read_foreign_keys(reader);
  for (const auto& [id, table] : reader.tables) {
    std::ranges::sort(table->indexes, {}, [](const CatalogIndex& index) {
      return std::tuple(!index.is_primary, !index.is_clustered(), !index.xml_primary.empty(),
                        index.name);
    });
    std::ranges::sort(table->foreign_keys, {}, &CatalogForeignKey::name);
    for (const CatalogIndex& index : table->indexes) {
      if (index.kind == IndexKind::other && table->left_out.empty())
        reader.catalog().left_out.push_back(fmt::format("index {} of {}, which is {}", index.name,
                                                        table->name.display(), index.kind_name));
    }
    if (!table->data_space.empty() && table->left_out.empty())
      reader.catalog().left_out.push_back(
          fmt::format("that table {} lies in {}: a restore puts it into the default filegroup",
                      table->name.display(), table->data_space));
  }
}

}  // namespace holdfast::engine::sqlserver
