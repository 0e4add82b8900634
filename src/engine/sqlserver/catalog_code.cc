// SPDX-License-Identifier: Apache-2.0
// Schemas, types, sequences, synonyms, code and attached texts of catalog.h.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "engine/sqlserver/catalog_reader.h"

namespace holdfast::engine::sqlserver {
namespace {

void read_schemas(CatalogReader& reader) {
  reader.each(
      "SELECT name, USER_NAME(principal_id) FROM sys.schemas WHERE name NOT IN ('dbo',"
      " 'sys', 'guest', 'INFORMATION_SCHEMA', 'db_owner', 'db_accessadmin',"
      " 'db_securityadmin', 'db_ddladmin', 'db_backupoperator', 'db_datareader',"
      " 'db_datawriter', 'db_denydatareader', 'db_denydatawriter') ORDER BY name",
      [&](Fields& fields) {
        CatalogSchema schema;
        schema.name = fields.text();
        schema.owner = fields.text();
        reader.catalog().schemas.push_back(std::move(schema));
      });
}

void read_types(CatalogReader& reader) {
  const auto collections = [&](Fields& fields) {
    Catalog::XmlCollection collection;
    collection.name = fields.name();
    collection.text = fields.text();
    reader.catalog().xml_collections.push_back(std::move(collection));
  };
  reader.each_if_known(
      "aliases of types",
      "SELECT SCHEMA_NAME(t.schema_id), t.name, b.name, t.max_length, t.precision, t.scale,"
      " t.is_nullable FROM sys.types t JOIN sys.types b ON b.user_type_id = t.system_type_id"
      " WHERE t.is_user_defined = 1 AND t.is_assembly_type = 0 AND t.is_table_type = 0"
      " ORDER BY 1, 2",
      [&](Fields& fields) {
        CatalogType type;
        type.name = fields.name();
        SqlColumn base;
        base.type_name = fields.text();
        base.type = sql_type(base.type_name);
        const std::int64_t bytes = fields.number();
        const bool is_wide = base.type == SqlType::nchar || base.type == SqlType::nvarchar;
        base.is_max = bytes < 0;
        if (bytes > 0) base.length = static_cast<std::uint32_t>(is_wide ? bytes / 2 : bytes);
        base.precision = static_cast<unsigned>(fields.number());
        base.scale = static_cast<unsigned>(fields.number());
        type.base = base.declared();
        type.is_nullable = fields.flag();
        reader.catalog().types.push_back(std::move(type));
      });
  reader.each_if_known("",
                       "SELECT SCHEMA_NAME(schema_id), name, CONVERT(nvarchar(max),"
                       " xml_schema_namespace(SCHEMA_NAME(schema_id), name))"
                       " FROM sys.xml_schema_collections WHERE schema_id <> 4 ORDER BY 1, 2",
                       collections);
}

void read_sequences(CatalogReader& reader) {
  std::map<std::int64_t, std::size_t> places;
  std::vector<CatalogSequence>& sequences = reader.catalog().sequences;
  const auto number = [](std::string_view name) {
    return fmt::format("CONVERT(varchar(50), s.{})", name);
  };
  reader.each_if_known(
      "sequences",
      fmt::format("SELECT s.object_id, SCHEMA_NAME(s.schema_id), s.name, t.name, s.precision,"
                  " {}, {}, {}, {}, {}, s.is_cycling, s.is_cached, s.cache_size"
                  " FROM sys.sequences s JOIN sys.types t ON t.user_type_id = s.system_type_id"
                  " ORDER BY 2, 3",
                  number("start_value"), number("increment"), number("minimum_value"),
                  number("maximum_value"), number("current_value")),
      [&](Fields& fields) {
        const std::int64_t id = fields.number();
        CatalogSequence sequence;
        sequence.name = fields.name();
        sequence.type = fields.text();
        const std::int64_t precision = fields.number();
        if (sql_type(sequence.type) == SqlType::decimal)
          sequence.type += fmt::format("({},0)", precision);
        sequence.start = fields.text();
        sequence.increment = fields.text();
        sequence.minimum = fields.text();
        sequence.maximum = fields.text();
        sequence.current = fields.text();
        sequence.is_cycling = fields.flag();
        sequence.is_cached = fields.flag();
        sequence.cache_size = fields.text();
        places[id] = sequences.size();
        sequences.push_back(std::move(sequence));
      });
  // From release 2017 on; before it a sequence that was never used looks like one used once.
  reader.each_if_known("", "SELECT object_id FROM sys.sequences WHERE last_used_value IS NULL",
                       [&](Fields& fields) {
                         const auto found = places.find(fields.number());
                         if (found != places.end()) sequences[found->second].was_used = false;
                       });
}

// Those that a server has and does not describe; an identity's own is none of them.
void name_unknown_sequences(CatalogReader& reader) {
  Catalog& catalog = reader.catalog();
  reader.each_if_known("",
                       "SELECT SCHEMA_NAME(schema_id), name FROM sys.objects WHERE type = 'SO'"
                       " AND is_ms_shipped = 0 ORDER BY 1, 2",
                       [&](Fields& fields) {
                         const SqlName name = fields.name();
                         if (std::ranges::find(catalog.sequences, name, &CatalogSequence::name) !=
                             catalog.sequences.end())
                           return;
                         for (const CatalogTable& table : catalog.tables) {
                           for (const CatalogColumn& column : table.columns)
                             if (column.column.is_identity &&
                                 name.table == table.name.table + "_" + column.column.name + "_seq")
                               return;
                         }
                         catalog.left_out.push_back(fmt::format(
                             "sequence {}, which the server does not describe", name.display()));
                       });
}

ModuleKind module_kind(const std::string& type) noexcept {
  if (type == "V") return ModuleKind::view;
  if (type == "TR") return ModuleKind::trigger;
  if (type == "P") return ModuleKind::procedure;
  return ModuleKind::function;
}

void read_modules(CatalogReader& reader) {
  std::map<std::int64_t, std::size_t> places;
  std::vector<CatalogModule>& modules = reader.catalog().modules;
  const auto flags = [](CatalogModule& module, Fields& fields) {
    module.definition = fields.text();
    module.ansi_nulls = fields.flag();
    module.quoted_identifier = fields.flag();
    module.is_schema_bound = fields.flag();
  };
  reader.each(
      "SELECT o.object_id, SCHEMA_NAME(o.schema_id), o.name, o.type,"
      " SCHEMA_NAME(p.schema_id), p.name, m.definition, m.uses_ansi_nulls,"
      " m.uses_quoted_identifier, m.is_schema_bound FROM sys.sql_modules m"
      " JOIN sys.objects o ON o.object_id = m.object_id"
      " LEFT JOIN sys.objects p ON p.object_id = o.parent_object_id"
      " WHERE o.is_ms_shipped = 0 AND o.type IN ('V', 'P', 'FN', 'IF', 'TF', 'TR')"
      " ORDER BY 2, 3",
      [&](Fields& fields) {
        const std::int64_t id = fields.number();
        CatalogModule module;
        module.name = fields.name();
        std::string type = fields.text();
        while (type.ends_with(' ')) type.pop_back();
        module.kind = module_kind(type);
        module.parent = fields.name();
        flags(module, fields);
        places[id] = modules.size();
        modules.push_back(std::move(module));
      });
  reader.each_if_known(
      "",
      "SELECT t.object_id, t.name, m.definition, m.uses_ansi_nulls, m.uses_quoted_identifier,"
      " m.is_schema_bound FROM sys.triggers t JOIN sys.sql_modules m ON m.object_id = t.object_id"
      " WHERE t.parent_class = 0 AND t.is_ms_shipped = 0 ORDER BY t.name",
      [&](Fields& fields) {
        const std::int64_t id = fields.number();
        CatalogModule module;
        module.kind = ModuleKind::database_trigger;
        module.name.table = fields.text();
        flags(module, fields);
        places[id] = modules.size();
        modules.push_back(std::move(module));
      });
  const auto with_module = [&](const std::function<void(CatalogModule&, Fields&)>& set) {
    return [&places, &modules, set](Fields& fields) {
      const auto found = places.find(fields.number());
      if (found != places.end()) set(modules[found->second], fields);
    };
  };
  reader.each_if_known(
      "", "SELECT object_id FROM sys.triggers WHERE is_disabled = 1",
      with_module([](CatalogModule& module, Fields&) { module.is_disabled = true; }));
  reader.each_if_known(
      "", "SELECT object_id FROM sys.sql_modules WHERE uses_native_compilation = 1",
      with_module([](CatalogModule& module, Fields&) { module.is_native = true; }));
  reader.each_if_known("",
                       "SELECT object_id, type_desc, is_first, is_last FROM sys.trigger_events"
                       " WHERE is_first = 1 OR is_last = 1",
                       with_module([](CatalogModule& module, Fields& fields) {
                         const std::string event = fields.text();
                         if (fields.flag()) module.first.push_back(event);
                         if (fields.flag()) module.last.push_back(event);
                       }));
}

void name_unreadable(CatalogReader& reader) {
  for (const CatalogModule& module : reader.catalog().modules) {
    if (module.definition.empty())
      reader.catalog().left_out.push_back(
          fmt::format("{} {}: the server does not show its text, as it is encrypted",
                      module_kind_name(module.kind), module.name.display()));
    else if (module.is_native)
      reader.catalog().left_out.push_back(
          fmt::format("{} {}, which is compiled for tables in memory",
                      module_kind_name(module.kind), module.name.display()));
  }
}

// Views of what is not there any more, which no server makes again.
void find_broken(CatalogReader& reader) {
  for (CatalogModule& module : reader.catalog().modules) {
    if (module.kind != ModuleKind::view || module.definition.empty()) continue;
    const auto errors =
        reader.session().try_run(fmt::format("SELECT TOP (0) * FROM {}", quoted(module.name)));
    // 4413: binding errors; 207 and 208: invalid names, 4121: no such function.
    module.is_broken = std::ranges::any_of(errors, [](const Message& message) {
      return message.number == 4413 || message.number == 207 || message.number == 208 ||
             message.number == 4121;
    });
  }
}

std::string_view object_word(std::string_view type) noexcept {
  struct Word {
    std::string_view type, word;
  };
  static constexpr Word words[] = {{"U", "TABLE"},       {"V", "VIEW"},       {"P", "PROCEDURE"},
                                   {"FN", "FUNCTION"},   {"IF", "FUNCTION"},  {"TF", "FUNCTION"},
                                   {"SO", "SEQUENCE"},   {"SN", "SYNONYM"},   {"TR", "TRIGGER"},
                                   {"C", "CONSTRAINT"},  {"D", "CONSTRAINT"}, {"F", "CONSTRAINT"},
                                   {"PK", "CONSTRAINT"}, {"UQ", "CONSTRAINT"}};
  const auto* const found = std::ranges::find(words, type, &Word::type);
  return found == std::end(words) ? std::string_view() : found->word;
}

}  // namespace

void read_code(CatalogReader& reader) {
  read_schemas(reader);
  read_types(reader);
  read_sequences(reader);
  name_unknown_sequences(reader);
  reader.each_if_known("synonyms",
                       "SELECT SCHEMA_NAME(schema_id), name, base_object_name FROM sys.synonyms"
                       " ORDER BY 1, 2",
                       [&](Fields& fields) {
                         CatalogSynonym synonym;
                         synonym.name = fields.name();
                         synonym.target = fields.text();
                         reader.catalog().synonyms.push_back(std::move(synonym));
                       });
  read_modules(reader);
  find_broken(reader);
  name_unreadable(reader);
}

void read_properties(CatalogReader& reader) {
  Catalog& catalog = reader.catalog();
  // Of class 0 the database, 1 an object or its column, 3 a schema, 6 a type, 7 an index.
  reader.each_if_known(
      "extended properties",
      "SELECT e.class, e.name, CONVERT(nvarchar(4000), e.value), SCHEMA_NAME(o.schema_id), o.name,"
      " o.type, p.name, p.type, c.name, i.name, s.name, SCHEMA_NAME(t.schema_id), t.name"
      " FROM sys.extended_properties e"
      " LEFT JOIN sys.objects o ON e.class IN (1, 7) AND o.object_id = e.major_id"
      " LEFT JOIN sys.objects p ON p.object_id = o.parent_object_id"
      " LEFT JOIN sys.columns c ON e.class = 1 AND c.object_id = e.major_id"
      " AND c.column_id = e.minor_id"
      " LEFT JOIN sys.indexes i ON e.class = 7 AND i.object_id = e.major_id"
      " AND i.index_id = e.minor_id"
      " LEFT JOIN sys.schemas s ON e.class = 3 AND s.schema_id = e.major_id"
      " LEFT JOIN sys.types t ON e.class = 6 AND t.user_type_id = e.major_id"
      " WHERE o.is_ms_shipped IS NULL OR o.is_ms_shipped = 0 ORDER BY 1, 4, 5, 9, 10, 2",
      [&](Fields& fields) {
        const std::int64_t on = fields.number();
        CatalogProperty property;
        property.name = fields.text();
        property.value = fields.text();
        const SqlName object = fields.name();
        const auto trimmed = [&] {
          std::string type = fields.text();
          while (type.ends_with(' ')) type.pop_back();
          return type;
        };
        const std::string type = trimmed();
        const std::string parent = fields.text();
        const std::string parent_type = trimmed();
        const std::string column = fields.text();
        const std::string index = fields.text();
        const std::string schema = fields.text();
        const SqlName of_type = fields.name();
        std::vector<std::string>& levels = property.levels;
        const std::string word(object_word(type));
        if (on == 3) {
          levels = {"SCHEMA", schema};
        } else if (on == 6) {
          levels = {"SCHEMA", of_type.schema, "TYPE", of_type.table};
        } else if ((on == 1 || on == 7) && !word.empty()) {
          if (word == "CONSTRAINT" || word == "TRIGGER")
            levels = {"SCHEMA", object.schema, std::string(object_word(parent_type)),
                      parent,   word,          object.table};
          else
            levels = {"SCHEMA", object.schema, word, object.table};
          if (!column.empty()) levels.insert(levels.end(), {"COLUMN", column});
          if (!index.empty()) levels.insert(levels.end(), {"INDEX", index});
        } else if (on != 0) {
          catalog.left_out.push_back(
              fmt::format("extended property {} of something of class {}", property.name, on));
          return;
        }
        catalog.properties.push_back(std::move(property));
      });
}

}  // namespace holdfast::engine::sqlserver
