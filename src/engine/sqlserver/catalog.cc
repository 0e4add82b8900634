// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/catalog.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/ascii.h"
#include "base/error.h"
#include "engine/sqlserver/catalog_reader.h"

namespace holdfast::engine::sqlserver {
namespace {

// Tables of users, and the tables behind table types.
constexpr std::string_view of_tables =
    "c.object_id IN (SELECT object_id FROM sys.tables WHERE is_ms_shipped = 0)";

void refuse_hidden(Session& session) {
  const auto may =
      session.try_query("SELECT HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'VIEW DEFINITION')");
  if (!may || may->empty() || !may->front()[0] || *may->front()[0] != "0") return;
  throw Error(Errc::denied, fmt::format("{}: definitions are hidden from our account, and so would "
                                        "be missing in a copy",
                                        session.location().display()))
      .set_hint("GRANT VIEW DEFINITION TO the user; `holdfast grants backup` prints all it needs.");
}

void read_database(CatalogReader& reader) {
  Catalog& catalog = reader.catalog();
  // A database snapshot has a row of its own.
  std::string of_source = "database_id = DB_ID()";
  if (const auto source = reader.session().try_query(
          "SELECT source_database_id FROM sys.databases WHERE database_id = DB_ID()");
      source && !source->empty() && source->front()[0])
    of_source = "database_id = " + *source->front()[0];
  reader.each(
      "SELECT name, collation_name, compatibility_level, SUSER_SNAME(owner_sid)"
      " FROM sys.databases WHERE " +
          of_source,
      [&](Fields& fields) {
        catalog.database = fields.text();
        catalog.collation = fields.text();
        catalog.compatibility = static_cast<unsigned>(fields.number());
        catalog.owner = fields.text();
      });
  struct Option {
    std::string_view column, name;
  };
  static constexpr Option options[] = {
      {"is_auto_close_on", "AUTO_CLOSE"},
      {"is_auto_shrink_on", "AUTO_SHRINK"},
      {"is_auto_create_stats_on", "AUTO_CREATE_STATISTICS"},
      {"is_auto_update_stats_on", "AUTO_UPDATE_STATISTICS"},
      {"is_auto_update_stats_async_on", "AUTO_UPDATE_STATISTICS_ASYNC"},
      {"is_ansi_null_default_on", "ANSI_NULL_DEFAULT"},
      {"is_ansi_nulls_on", "ANSI_NULLS"},
      {"is_ansi_padding_on", "ANSI_PADDING"},
      {"is_ansi_warnings_on", "ANSI_WARNINGS"},
      {"is_arithabort_on", "ARITHABORT"},
      {"is_concat_null_yields_null_on", "CONCAT_NULL_YIELDS_NULL"},
      {"is_numeric_roundabort_on", "NUMERIC_ROUNDABORT"},
      {"is_quoted_identifier_on", "QUOTED_IDENTIFIER"},
      {"is_recursive_triggers_on", "RECURSIVE_TRIGGERS"},
      {"is_cursor_close_on_commit_on", "CURSOR_CLOSE_ON_COMMIT"},
      {"is_date_correlation_on", "DATE_CORRELATION_OPTIMIZATION"},
      {"is_read_committed_snapshot_on", "READ_COMMITTED_SNAPSHOT"},
  };
  std::string columns;
  for (const Option& option : options) columns += fmt::format("{}, ", option.column);
  reader.each_if_known(
      "options of the database",
      fmt::format("SELECT {} snapshot_isolation_state, is_parameterization_forced,"
                  " page_verify_option_desc, recovery_model_desc, is_trustworthy_on,"
                  " is_broker_enabled FROM sys.databases WHERE {}",
                  columns, of_source),
      [&](Fields& fields) {
        for (const Option& option : options)
          catalog.options.push_back(
              fmt::format("{} {}", option.name, fields.flag() ? "ON" : "OFF"));
        const std::int64_t state = fields.number();
        catalog.options.push_back(
            fmt::format("ALLOW_SNAPSHOT_ISOLATION {}", state == 1 || state == 3 ? "ON" : "OFF"));
        catalog.options.push_back(
            fmt::format("PARAMETERIZATION {}", fields.flag() ? "FORCED" : "SIMPLE"));
        if (std::string word = fields.text(); !word.empty())
          catalog.options.push_back("PAGE_VERIFY " + word);
        if (std::string word = fields.text(); !word.empty())
          catalog.options.push_back("RECOVERY " + word);
        if (fields.flag())
          catalog.left_out.emplace_back("TRUSTWORTHY was ON, which a restore does not turn on");
        if (fields.flag())
          catalog.left_out.emplace_back("the Service Broker was on, and is not copied");
      });
}

void read_tables(CatalogReader& reader) {
  Catalog& catalog = reader.catalog();
  reader.each(
      "SELECT t.object_id, SCHEMA_NAME(t.schema_id), t.name FROM sys.tables t"
      " WHERE t.is_ms_shipped = 0 ORDER BY 2, 3",
      [&](Fields& fields) {
        CatalogTable table;
        table.object_id = fields.number();
        table.name = fields.name();
        catalog.tables.push_back(std::move(table));
      });
  reader.each_if_known(
      "table types",
      "SELECT t.type_table_object_id, SCHEMA_NAME(t.schema_id), t.name FROM sys.table_types t"
      " WHERE t.is_user_defined = 1 ORDER BY 2, 3",
      [&](Fields& fields) {
        CatalogTable table;
        table.kind = TableKind::type;
        table.object_id = fields.number();
        table.name = fields.name();
        catalog.table_types.push_back(std::move(table));
      });
  reader.each_if_known("",  // views without indexes need none of this
                       "SELECT v.object_id, SCHEMA_NAME(v.schema_id), v.name FROM sys.views v"
                       " WHERE v.is_ms_shipped = 0 AND EXISTS (SELECT 1 FROM sys.indexes i"
                       " WHERE i.object_id = v.object_id AND i.type > 0) ORDER BY 2, 3",
                       [&](Fields& fields) {
                         CatalogTable table;
                         table.kind = TableKind::view;
                         table.object_id = fields.number();
                         table.name = fields.name();
                         catalog.indexed_views.push_back(std::move(table));
                       });
  for (std::vector<CatalogTable>* list :
       {&catalog.tables, &catalog.table_types, &catalog.indexed_views}) {
    for (CatalogTable& table : *list) reader.tables[table.object_id] = &table;
  }
}

// Of sys.columns and sys.types: schema and name of its type, that one's flags, the base's name,
// then the column.
CatalogColumn column_of(Fields& fields) {
  CatalogColumn column;
  SqlColumn& base = column.column;
  base.name = fields.text();
  SqlName type = fields.name();
  const bool is_users = fields.flag();
  const bool is_assembly = fields.flag();
  const std::string base_type = fields.text();
  base.type_name = is_users && !is_assembly ? base_type : type.table;
  const std::int64_t bytes = fields.number();
  base.precision = static_cast<unsigned>(fields.number());
  base.scale = static_cast<unsigned>(fields.number());
  column.collation = fields.text();
  base.is_nullable = fields.flag();
  base.is_identity = fields.flag();
  base.type = sql_type(base.type_name);
  if (is_users) column.alias = std::move(type);
  base.is_max = bytes < 0;
  const bool is_wide = base.type == SqlType::nchar || base.type == SqlType::nvarchar;
  if (bytes > 0) base.length = static_cast<std::uint32_t>(is_wide ? bytes / 2 : bytes);
  if (is_assembly && is_users) {
    base.obstacle = "its type is one of an assembly";
  } else if (base.type == SqlType::unknown) {
    base.obstacle = "its type is not known";
  }
  return column;
}

void read_columns(CatalogReader& reader) {
  const auto sql = [](std::string_view where) {
    return fmt::format(
        "SELECT c.object_id, c.name, SCHEMA_NAME(t.schema_id), t.name, t.is_user_defined,"
        " t.is_assembly_type, b.name, c.max_length, c.precision, c.scale, c.collation_name,"
        " c.is_nullable, c.is_identity FROM sys.columns c"
        " JOIN sys.types t ON t.user_type_id = c.user_type_id"
        " LEFT JOIN sys.types b ON b.user_type_id = t.system_type_id"
        " WHERE {} ORDER BY c.object_id, c.column_id",
        where);
  };
  const auto take = [&](Fields& fields) {
    CatalogTable* const table = reader.table(fields.number());
    if (table != nullptr) table->columns.push_back(column_of(fields));
  };
  reader.each(sql(of_tables), take);
  if (!reader.catalog().table_types.empty())
    reader.each(sql("c.object_id IN (SELECT type_table_object_id FROM sys.table_types)"), take);
  for (const auto& [id, table] : reader.tables) {
    if (table->kind == TableKind::ordinary && table->columns.empty())
      table->left_out = "it has no columns that our account may see";
  }
}

// What the functions tell, where the view may not be believed: Babelfish's has a row for every
// identity with the numbers of every other.
void ask_identities(CatalogReader& reader) {
  Session& session = reader.session();
  for (const auto& [id, table] : reader.tables) {
    for (CatalogColumn& column : table->columns) {
      if (!column.column.is_identity || table->kind != TableKind::ordinary) continue;
      const auto ask = [&](std::string_view function) {
        return session.value(fmt::format("SELECT CONVERT(varchar(50), {}({}))", function,
                                         name_literal(table->name)));
      };
      column.seed = ask("IDENT_SEED");
      column.increment = ask("IDENT_INCR");
      // It is the seed too if none was given yet.
      if (!session.query(fmt::format("SELECT TOP (1) 1 FROM {}", quoted(table->name))).empty())
        column.last = ask("IDENT_CURRENT");
    }
  }
}

void read_identities(CatalogReader& reader) {
  reader.each(
      "SELECT object_id, name, CONVERT(varchar(50), seed_value),"
      " CONVERT(varchar(50), increment_value), CONVERT(varchar(50), last_value)"
      " FROM sys.identity_columns",
      [&](Fields& fields) {
        const std::int64_t id = fields.number();
        CatalogColumn* const column = reader.column(id, fields.text());
        if (column == nullptr) return;
        column->seed = fields.text();
        column->increment = fields.text();
        column->last = fields.text();
      });
}

void read_values(CatalogReader& reader) {
  const auto with_column = [&](const std::function<void(CatalogColumn&, Fields&)>& set) {
    return [&reader, set](Fields& fields) {
      const std::int64_t id = fields.number();
      CatalogColumn* const column = reader.column(id, fields.text());
      if (column != nullptr) set(*column, fields);
    };
  };
  reader.each(
      "SELECT d.parent_object_id, c.name, d.name, d.definition"
      " FROM sys.default_constraints d JOIN sys.columns c"
      " ON c.object_id = d.parent_object_id AND c.column_id = d.parent_column_id",
      with_column([](CatalogColumn& column, Fields& fields) {
        column.default_name = fields.text();
        column.default_definition = fields.text();
      }));
  reader.each("SELECT object_id, name, definition, is_persisted FROM sys.computed_columns",
              with_column([](CatalogColumn& column, Fields& fields) {
                column.computed = fields.text();
                column.is_persisted = fields.flag();
              }));
  reader.each_if_known(
      "columns that are sparse, of a row's own GUID, or xml of a collection",
      "SELECT c.object_id, c.name, c.is_rowguidcol, c.is_sparse, c.is_column_set, c.is_filestream,"
      " c.is_xml_document, SCHEMA_NAME(x.schema_id), x.name FROM sys.columns c"
      " LEFT JOIN sys.xml_schema_collections x ON x.xml_collection_id = c.xml_collection_id"
      " AND c.xml_collection_id > 0 WHERE c.is_rowguidcol = 1 OR c.is_sparse = 1"
      " OR c.is_column_set = 1 OR c.is_filestream = 1 OR c.xml_collection_id > 0",
      with_column([](CatalogColumn& column, Fields& fields) {
        column.is_rowguid = fields.flag();
        column.is_sparse = fields.flag();
        column.is_column_set = fields.flag();
        column.is_filestream = fields.flag();
        column.is_document = fields.flag();
        column.xml_collection = fields.name();
      }));
  // The four that follow are of release 2016 and later.
  reader.each_if_known("",
                       "SELECT object_id, name, generated_always_type, is_hidden FROM sys.columns"
                       " WHERE generated_always_type > 0 OR is_hidden = 1",
                       with_column([](CatalogColumn& column, Fields& fields) {
                         column.generated = static_cast<unsigned>(fields.number());
                         column.is_hidden = fields.flag();
                       }));
  reader.each_if_known(
      "",
      "SELECT object_id, name, masking_function FROM sys.masked_columns"
      " WHERE is_masked = 1",
      with_column([](CatalogColumn& column, Fields& fields) { column.mask = fields.text(); }));
  reader.each_if_known(
      "", "SELECT object_id, name FROM sys.columns WHERE encryption_type IS NOT NULL",
      with_column([](CatalogColumn& column, Fields&) {
        column.column.obstacle = "its values are encrypted by the application (Always Encrypted)";
      }));
}

void read_history(CatalogReader& reader) {
  reader.each_if_known(
      "",
      "SELECT t.object_id, SCHEMA_NAME(h.schema_id), h.name FROM sys.tables t"
      " JOIN sys.tables h ON h.object_id = t.history_table_id WHERE t.temporal_type = 2",
      [&](Fields& fields) {
        CatalogTable* const table = reader.table(fields.number());
        if (table == nullptr) return;
        table->history = fields.name();
      });
  for (const auto& [id, table] : reader.tables) {
    for (const CatalogColumn& column : table->columns) {
      if (column.generated == 1) table->period_begin = column.column.name;
      if (column.generated == 2) table->period_end = column.column.name;
      if (column.generated > 2) table->left_out = "it is a ledger table";
    }
  }
}

// Tables of kinds whose rows this way of copying cannot hold.
void read_kinds(CatalogReader& reader) {
  struct Kind {
    std::string_view condition, why;
  };
  static constexpr Kind kinds[] = {
      {"is_filetable = 1", "it is a FileTable"},
      {"is_memory_optimized = 1",
       "it is in memory, where neither database snapshots nor SNAPSHOT isolation reach"},
      {"is_external = 1", "it is an external table, whose rows are elsewhere"},
      {"is_node = 1 OR is_edge = 1", "it is a table of a graph"},
  };
  for (const Kind& kind : kinds) {
    reader.each_if_known("",
                         fmt::format("SELECT object_id FROM sys.tables WHERE {}", kind.condition),
                         [&](Fields& fields) {
                           CatalogTable* const table = reader.table(fields.number());
                           if (table != nullptr) table->left_out = kind.why;
                         });
  }
  reader.each_if_known("",
                       "SELECT type_table_object_id FROM sys.table_types"
                       " WHERE is_memory_optimized = 1",
                       [&](Fields& fields) {
                         CatalogTable* const table = reader.table(fields.number());
                         if (table != nullptr) table->left_out = "it is in memory";
                       });
  for (const auto& [id, table] : reader.tables) {
    const bool is_shut = std::ranges::any_of(table->indexes, [](const CatalogIndex& index) {
      return index.is_clustered() && index.is_disabled;
    });
    if (is_shut && table->kind == TableKind::ordinary)
      table->left_out = "its clustered index is disabled, without which nobody can read it";
    if (table->left_out.empty() && table->kind != TableKind::view) {
      const std::string obstacle = table->rows().obstacle();
      if (!obstacle.empty() && table->kind == TableKind::ordinary) table->left_out = obstacle;
    }
    if (!table->left_out.empty())
      reader.catalog().left_out.push_back(
          fmt::format("{} {}: {}", table->kind == TableKind::type ? "table type" : "table",
                      table->name.display(), table->left_out));
  }
}

void drop_keys_to_left_out(CatalogReader& reader) {
  Catalog& catalog = reader.catalog();
  for (CatalogTable& table : catalog.tables) {
    std::erase_if(table.foreign_keys, [&](const CatalogForeignKey& key) {
      const CatalogTable* const referenced = catalog.table(key.referenced);
      if (referenced == nullptr || referenced->left_out.empty()) return false;
      if (table.left_out.empty())
        catalog.left_out.push_back(fmt::format("foreign key {} of {}, as table {} is left out",
                                               key.name, table.name.display(),
                                               key.referenced.display()));
      return true;
    });
  }
}

void read_sizes(CatalogReader& reader) {
  reader.each_if_known("",
                       "SELECT object_id, SUM(rows) FROM sys.partitions"
                       " WHERE index_id IN (0, 1) GROUP BY object_id",
                       [&](Fields& fields) {
                         CatalogTable* const table = reader.table(fields.number());
                         if (table == nullptr) return;
                         const std::int64_t rows = fields.number();
                         if (rows > 0) table->rows_estimate = static_cast<std::uint64_t>(rows);
                       });
  reader.each_if_known(
      "",
      "SELECT p.object_id, SUM(a.used_pages) FROM sys.partitions p JOIN sys.allocation_units a"
      " ON a.container_id = p.partition_id WHERE p.index_id IN (0, 1) GROUP BY p.object_id",
      [&](Fields& fields) {
        CatalogTable* const table = reader.table(fields.number());
        if (table == nullptr) return;
        const std::int64_t pages = fields.number();
        if (pages > 0) table->size_bytes = static_cast<std::uint64_t>(pages) * 8192;
      });
}

bool is_made_of(std::string_view text, std::string_view letters) noexcept {
  return !text.empty() && text.find_first_not_of(letters) == std::string_view::npos;
}

// Names that a server has made up, as of Babelfish, and makes up anew: those of defaults have the
// number of an object.
void forget_invented_names(Catalog& catalog) {
  for (CatalogTable& table : catalog.tables) {
    const std::string lead = "DF_" + table.name.table + "_";
    for (CatalogColumn& column : table.columns) {
      const std::string_view name = column.default_name;
      if (name.starts_with(lead) && is_made_of(name.substr(lead.size()), "0123456789"))
        column.default_name.clear();
    }
    for (CatalogIndex& index : table.indexes)
      index.name.resize(given_index_size(index.name, table.name.table));
  }
}

}  // namespace

std::size_t given_index_size(std::string_view name, std::string_view table) noexcept {
  constexpr std::size_t digits = 32, whole_max = 63;
  if (name.size() <= digits) return name.size();
  const std::string_view front = name.substr(0, name.size() - digits);
  if (!is_made_of(name.substr(front.size()), "0123456789abcdef")) return name.size();
  // Where all of it would be too long the table's name is cut, and then the index's.
  const std::size_t least = name.size() == whole_max ? 0 : table.size();
  for (std::size_t size = std::min(table.size(), front.size() - 1);; --size) {
    if (size < least) return name.size();
    if (equal_but_for_case(front.substr(front.size() - size), table.substr(0, size)))
      return front.size() - size;
  }
}

bool Fields::flag() {
  const std::string value = text();
  return value == "1" || value == "t" || value == "true";
}

std::int64_t Fields::number() {
  const std::string value = text();
  if (value.empty()) return 0;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size())
    throw Error(Errc::corrupt, fmt::format("the server's catalog says `{}` for a number", value));
  return number;
}

void CatalogReader::each(std::string_view sql, const Take& take) {
  for (const std::vector<Cell>& row : session_.query(sql)) {
    Fields fields(row);
    take(fields);
  }
}

void CatalogReader::each_if_known(std::string_view what, std::string_view sql, const Take& take) {
  const auto rows = session_.try_query(sql);
  if (!rows) {
    if (!what.empty()) catalog_.unobservable.emplace_back(what);
    return;
  }
  for (const std::vector<Cell>& row : *rows) {
    Fields fields(row);
    take(fields);
  }
}

CatalogTable* CatalogReader::table(std::int64_t object_id) const {
  const auto found = tables.find(object_id);
  return found == tables.end() ? nullptr : found->second;
}

CatalogColumn* CatalogReader::column(std::int64_t object_id, std::string_view name) const {
  CatalogTable* const owner = table(object_id);
  if (owner == nullptr) return nullptr;
  const auto found = std::ranges::find(owner->columns, name,
                                       [](const CatalogColumn& one) { return one.column.name; });
  return found == owner->columns.end() ? nullptr : &*found;
}

std::string quoted(const SqlName& name) {
  return name.schema.empty() ? identifier(name.table)
                             : identifier(name.schema) + "." + identifier(name.table);
}

std::string name_literal(const SqlName& name) {
  const auto is_plain = [](std::string_view part) {
    const auto is_letter = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    };
    return !part.empty() && is_letter(part.front()) && std::ranges::all_of(part, [&](char c) {
      return is_letter(c) || (c >= '0' && c <= '9');
    });
  };
  const bool plain = is_plain(name.schema) && is_plain(name.table);
  return plain ? fmt::format("'{}'", name.display()) : literal(quoted(name));
}

std::string_view module_kind_name(ModuleKind kind) noexcept {
  switch (kind) {
    case ModuleKind::view:
      return "view";
    case ModuleKind::procedure:
      return "procedure";
    case ModuleKind::function:
      return "function";
    case ModuleKind::trigger:
      return "trigger";
    case ModuleKind::database_trigger:
      return "database trigger";
  }
  return "";
}

SqlTable CatalogTable::rows() const {
  SqlTable table;
  table.name = name;
  for (const CatalogColumn& column : columns) {
    if (column.is_copied())
      table.columns.push_back(column.column);
    else
      table.computed.push_back(column.column.name);
  }
  const auto names = [](const CatalogIndex& index) {
    std::vector<std::string> list;
    for (const IndexColumn& column : index.columns)
      if (!column.is_included) list.push_back(column.name);
    return list;
  };
  for (const CatalogIndex& index : indexes) {
    if (index.is_primary)
      table.primary_key = names(index);
    else if (index.is_unique && index.filter.empty())
      table.unique.push_back(names(index));
  }
  return table;
}

const CatalogTable* Catalog::table(const SqlName& wanted) const noexcept {
  const auto found = std::ranges::find(tables, wanted, &CatalogTable::name);
  return found == tables.end() ? nullptr : &*found;
}

ServerInfo read_server(Session& session) {
  ServerInfo server;
  server.product = session.value("SELECT @@VERSION");
  server.product = server.product.substr(0, server.product.find_first_of("\r\n"));
  const auto property = [&](std::string_view name) {
    const auto rows =
        session.try_query(fmt::format("SELECT CONVERT(nvarchar(256), SERVERPROPERTY('{}'))", name));
    return rows && !rows->empty() ? rows->front()[0].value_or("") : "";
  };
  server.version = property("ProductVersion");
  server.edition_name = property("Edition");
  server.name = property("ServerName");
  server.collation = property("Collation");
  const auto number = [](const std::string& text) {
    unsigned value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  };
  server.major = number(server.version);
  server.edition = number(property("EngineEdition"));
  server.is_sql_server = server.product.starts_with("Microsoft ");
  return server;
}

Catalog read_catalog(Session& session) {
  const bool is_sql_server = read_server(session).is_sql_server;
  // Servers that only speak the protocol may say no and show all the same.
  if (is_sql_server) refuse_hidden(session);
  Catalog catalog;
  CatalogReader reader(session, catalog);
  read_database(reader);
  read_tables(reader);
  read_columns(reader);
  if (is_sql_server)
    read_identities(reader);
  else
    ask_identities(reader);
  read_values(reader);
  read_history(reader);
  read_keys(reader);
  if (!is_sql_server) forget_invented_names(catalog);
  read_kinds(reader);
  drop_keys_to_left_out(reader);
  read_sizes(reader);
  read_code(reader);
  read_properties(reader);
  read_principals(reader);
  read_left_out(reader);
  return catalog;
}

bool holds_anything(Session& session) {
  const std::string found = session.value(
      "SELECT COUNT(*) FROM sys.objects WHERE is_ms_shipped = 0"
      " AND type IN ('U', 'V', 'P', 'FN', 'IF', 'TF', 'SO', 'SN')");
  if (found != "0") return true;
  const auto types = session.try_query("SELECT COUNT(*) FROM sys.types WHERE is_user_defined = 1");
  return types && !types->empty() && types->front()[0].value_or("0") != "0";
}

}  // namespace holdfast::engine::sqlserver
