// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/schema_script.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/hash.h"

namespace holdfast::engine::sqlserver {
namespace {

__extension__ using Int128 = __int128;

// Of whole numbers of 38 digits at most, which is what an identity may have.
std::string decimal_sum(std::string_view one, std::string_view other) {
  const auto number = [](std::string_view text) {
    const bool is_negative = text.starts_with('-');
    Int128 value = 0;
    for (const char digit : text)
      if (digit >= '0' && digit <= '9') value = value * 10 + (digit - '0');
    return is_negative ? -value : value;
  };
  Int128 sum = number(one) + number(other);
  const bool is_negative = sum < 0;
  if (is_negative) sum = -sum;
  std::string text;
  do {
    text.insert(text.begin(), static_cast<char>('0' + static_cast<int>(sum % 10)));
    sum /= 10;
  } while (sum > 0);
  return (is_negative ? "-" : "") + text;
}

// Under which a member of a table is told.
std::string member(const CatalogTable& table, std::string_view name) {
  return fmt::format("{}.{}", table.name.display(), name);
}

std::string column_list(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + identifier(name);
  return "(" + list + ")";
}

std::string key_list(const CatalogIndex& index) {
  std::string list;
  for (const IndexColumn& column : index.columns) {
    if (column.is_included && index.kind != IndexKind::nonclustered_columnstore) continue;
    list += (list.empty() ? "" : ", ") + identifier(column.name) +
            (column.is_descending ? " DESC" : "");
  }
  return "(" + list + ")";
}

std::string with_options(const CatalogIndex& index) {
  std::vector<std::string> options;
  if (index.is_padded) options.emplace_back("PAD_INDEX = ON");
  if (index.fill_factor > 0 && index.fill_factor < 100)
    options.push_back(fmt::format("FILLFACTOR = {}", index.fill_factor));
  if (index.ignores_duplicates) options.emplace_back("IGNORE_DUP_KEY = ON");
  if (!index.row_locks) options.emplace_back("ALLOW_ROW_LOCKS = OFF");
  if (!index.page_locks) options.emplace_back("ALLOW_PAGE_LOCKS = OFF");
  if (!index.compression.empty())
    options.push_back(fmt::format("DATA_COMPRESSION = {}", index.compression));
  return options.empty() ? "" : fmt::format(" WITH ({})", fmt::join(options, ", "));
}

std::string index_text(const CatalogTable& table, const CatalogIndex& index) {
  const std::string on = fmt::format("INDEX {} ON {}", identifier(index.name), quoted(table.name));
  switch (index.kind) {
    case IndexKind::clustered_columnstore:
      return fmt::format("CREATE CLUSTERED COLUMNSTORE {}{}", on, with_options(index));
    case IndexKind::nonclustered_columnstore:
      return fmt::format("CREATE NONCLUSTERED COLUMNSTORE {} {}{}{}", on, key_list(index),
                         index.filter.empty() ? "" : " WHERE " + index.filter, with_options(index));
    case IndexKind::xml:
      if (index.xml_primary.empty())
        return fmt::format("CREATE PRIMARY XML {} {}", on, key_list(index));
      return fmt::format("CREATE XML {} {} USING XML INDEX {} FOR {}", on, key_list(index),
                         identifier(index.xml_primary), index.xml_use);
    default:
      break;
  }
  std::vector<std::string> included;
  for (const IndexColumn& column : index.columns)
    if (column.is_included) included.push_back(column.name);
  return fmt::format("CREATE {}{} {} {}{}{}{}", index.is_unique ? "UNIQUE " : "",
                     index.is_clustered() ? "CLUSTERED" : "NONCLUSTERED", on, key_list(index),
                     included.empty() ? "" : " INCLUDE " + column_list(included),
                     index.filter.empty() ? "" : " WHERE " + index.filter, with_options(index));
}

// "PRIMARY KEY CLUSTERED ([Id])"
std::string key_text(const CatalogIndex& index) {
  return fmt::format("{} {} {}{}", index.is_primary ? "PRIMARY KEY" : "UNIQUE",
                     index.is_clustered() ? "CLUSTERED" : "NONCLUSTERED", key_list(index),
                     with_options(index));
}

class Script {
 public:
  explicit Script(const Catalog& catalog) : catalog_(catalog) {}

  std::vector<Statement> run() {
    add_options();
    add_schemas_and_types();
    for (const CatalogTable& table : catalog_.tables) {
      if (!table.left_out.empty()) continue;
      add_table(table);
      for (const CatalogIndex& index : table.indexes) add_index(table, index);
      add_constraints(table);
      add_history(table);
      add_identity(table);
    }
    for (const CatalogTable& view : catalog_.indexed_views)
      for (const CatalogIndex& index : view.indexes) add_index(view, index);
    for (const CatalogModule& module : catalog_.modules) add_module(module);
    add_properties();
    add_principals();
    std::ranges::stable_sort(statements_, {}, &Statement::stage);
    return std::move(statements_);
  }

 private:
  Statement& add(Stage stage, std::string kind, std::string name, std::string sql,
                 const SqlName& table = {}) {
    Statement statement;
    statement.stage = stage;
    statement.kind = std::move(kind);
    statement.name = std::move(name);
    statement.sql = std::move(sql);
    statement.table = table;
    return statements_.emplace_back(std::move(statement));
  }
  // What is no definition of its own.
  void add_unhashed(Stage stage, std::string kind, std::string name, std::string sql,
                    const SqlName& table = {}) {
    add(stage, std::move(kind), std::move(name), std::move(sql), table).hashed = "-";
  }

  void add_options() {
    if (catalog_.compatibility > 0)
      add_unhashed(Stage::options, "option", "COMPATIBILITY_LEVEL",
                   fmt::format("ALTER DATABASE CURRENT SET COMPATIBILITY_LEVEL = {}",
                               catalog_.compatibility));
    for (const std::string& option : catalog_.options) {
      // What is logged is so once the rows are there.
      const Stage stage = option.starts_with("RECOVERY ") ? Stage::rights : Stage::options;
      add_unhashed(stage, "option", option.substr(0, option.find(' ')),
                   "ALTER DATABASE CURRENT SET " + option);
    }
  }

  void add_schemas_and_types() {
    for (const CatalogSchema& schema : catalog_.schemas)
      add(Stage::schemas, "schema", schema.name, "CREATE SCHEMA " + identifier(schema.name));
    for (const Catalog::XmlCollection& one : catalog_.xml_collections)
      add(Stage::types, "xml schema collection", one.name.display(),
          fmt::format("CREATE XML SCHEMA COLLECTION {} AS {}", quoted(one.name),
                      literal(one.text)));
    for (const CatalogType& type : catalog_.types)
      add(Stage::types, "type", type.name.display(),
          fmt::format("CREATE TYPE {} FROM {} {}", quoted(type.name), type.base,
                      type.is_nullable ? "NULL" : "NOT NULL"));
    for (const CatalogTable& type : catalog_.table_types)
      if (type.left_out.empty()) add_table_type(type);
    for (const CatalogSequence& sequence : catalog_.sequences) add_sequence(sequence);
    for (const CatalogSynonym& synonym : catalog_.synonyms)
      add(Stage::synonyms, "synonym", synonym.name.display(),
          fmt::format("CREATE SYNONYM {} FOR {}", quoted(synonym.name), synonym.target));
  }

  [[nodiscard]] std::string columns_text(const CatalogTable& table) const {
    std::string text;
    for (const CatalogColumn& column : table.columns)
      text += (text.empty() ? "\n  " : ",\n  ") + column_text(column, catalog_.collation);
    return text;
  }

  void add_table(const CatalogTable& table) {
    add(Stage::tables, "table", table.name.display(),
        fmt::format("CREATE TABLE {} ({}\n){}", quoted(table.name), columns_text(table),
                    table.compression.empty()
                        ? ""
                        : fmt::format(" WITH (DATA_COMPRESSION = {})", table.compression)),
        table.name);
  }

  // Names of its keys, checks and defaults are the server's own.
  void add_table_type(const CatalogTable& type) {
    CatalogTable nameless = type;
    for (CatalogColumn& column : nameless.columns) column.default_name.clear();
    std::string text = columns_text(nameless);
    for (const CatalogIndex& index : type.indexes) {
      if (index.is_primary || index.is_unique_constraint)
        text += ",\n  " + key_text(index);
      else
        text += fmt::format(",\n  INDEX {} {}{} {}", identifier(index.name),
                            index.is_unique ? "UNIQUE " : "",
                            index.is_clustered() ? "CLUSTERED" : "NONCLUSTERED", key_list(index));
    }
    for (const CatalogCheck& check : type.checks) text += ",\n  CHECK " + check.definition;
    add(Stage::types, "table type", type.name.display(),
        fmt::format("CREATE TYPE {} AS TABLE ({}\n)", quoted(type.name), text));
  }

  void add_sequence(const CatalogSequence& sequence) {
    const std::string name = quoted(sequence.name);
    const std::string rest = fmt::format(
        " INCREMENT BY {} MINVALUE {} MAXVALUE {}{}{}", sequence.increment, sequence.minimum,
        sequence.maximum, sequence.is_cycling ? " CYCLE" : " NO CYCLE",
        !sequence.is_cached ? " NO CACHE"
                            : (sequence.cache_size.empty() || sequence.cache_size == "0"
                                   ? ""
                                   : " CACHE " + sequence.cache_size));
    const std::string head = fmt::format("CREATE SEQUENCE {} AS {}", name, sequence.type);
    // Where it starts is changed by ALTER SEQUENCE … RESTART.
    add(Stage::sequences, "sequence", sequence.name.display(),
        fmt::format("{} START WITH {}{}", head, sequence.start, rest))
        .hashed = head + rest;
    if (!sequence.was_used || sequence.current.empty()) return;
    // The last value is given once more, so that the next one is just the one behind it.
    add_unhashed(Stage::counters, "counter", sequence.name.display(),
                 fmt::format("ALTER SEQUENCE {} RESTART WITH {}", name, sequence.current));
    add_unhashed(
        Stage::counters, "counter", sequence.name.display(),
        fmt::format("DECLARE @given {}; SET @given = NEXT VALUE FOR {}", sequence.type, name));
  }

  void add_index(const CatalogTable& table, const CatalogIndex& index) {
    if (index.kind == IndexKind::other) return;
    const bool is_key = index.is_primary || index.is_unique_constraint;
    const Stage later = table.kind == TableKind::view ? Stage::view_indexes
                        : is_key                      ? Stage::keys
                                                      : Stage::indexes;
    const bool is_first = index.is_clustered() && table.kind == TableKind::ordinary;
    const std::string name = member(table, index.name);
    add(is_first ? Stage::order : later,
        index.is_primary ? "primary key" : (is_key ? "unique key" : "index"), name,
        is_key ? fmt::format("ALTER TABLE {} ADD CONSTRAINT {} {}", quoted(table.name),
                             identifier(index.name), key_text(index))
               : index_text(table, index),
        table.name);
    if (index.is_disabled)
      add(Stage::disabling, "disabled index", name,
          fmt::format("ALTER INDEX {} ON {} DISABLE", identifier(index.name), quoted(table.name)),
          table.name);
  }

  // Rows that are there are looked at unless it is said otherwise, and it is trusted then.
  void add_constraint(const CatalogTable& table, Stage stage, const char* kind,
                      const std::string& name, bool is_trusted, bool is_disabled,
                      const std::string& text) {
    add(stage, kind, member(table, name),
        fmt::format("ALTER TABLE {}{} ADD CONSTRAINT {} {}", quoted(table.name),
                    is_trusted ? "" : " WITH NOCHECK", identifier(name), text),
        table.name);
    if (is_disabled)
      add(Stage::disabling, fmt::format("disabled {}", kind), member(table, name),
          fmt::format("ALTER TABLE {} NOCHECK CONSTRAINT {}", quoted(table.name), identifier(name)),
          table.name);
  }

  void add_constraints(const CatalogTable& table) {
    for (const CatalogCheck& check : table.checks)
      add_constraint(table, Stage::checks, "check", check.name, check.is_trusted, check.is_disabled,
                     fmt::format("CHECK {}{}", check.for_replication ? "" : "NOT FOR REPLICATION ",
                                 check.definition));
    for (const CatalogForeignKey& key : table.foreign_keys) {
      std::string text = fmt::format("FOREIGN KEY {} REFERENCES {} {}", column_list(key.columns),
                                     quoted(key.referenced), column_list(key.referenced_columns));
      if (!key.on_delete.empty()) text += " ON DELETE " + key.on_delete;
      if (!key.on_update.empty()) text += " ON UPDATE " + key.on_update;
      if (!key.for_replication) text += " NOT FOR REPLICATION";
      add_constraint(table, Stage::foreign_keys, "foreign key", key.name, key.is_trusted,
                     key.is_disabled, text);
    }
  }

  void add_history(const CatalogTable& table) {
    const std::string alter = "ALTER TABLE " + quoted(table.name);
    if (!table.period_begin.empty() && !table.period_end.empty())
      add(Stage::history, "period", table.name.display(),
          fmt::format("{} ADD PERIOD FOR SYSTEM_TIME ({}, {})", alter,
                      identifier(table.period_begin), identifier(table.period_end)),
          table.name);
    for (const CatalogColumn& column : table.columns) {
      const std::string name = member(table, column.column.name);
      const std::string alter_column = alter + " ALTER COLUMN " + identifier(column.column.name);
      if (column.is_hidden)
        add(Stage::history, "hidden column", name, alter_column + " ADD HIDDEN", table.name);
      if (!column.mask.empty())
        add(Stage::history, "masked column", name,
            fmt::format("{} ADD MASKED WITH (FUNCTION = {})", alter_column, literal(column.mask)),
            table.name);
    }
    if (!table.history.table.empty())
      add(Stage::history, "history", table.name.display(),
          fmt::format("{} SET (SYSTEM_VERSIONING = ON (HISTORY_TABLE = {}))", alter,
                      quoted(table.history)),
          table.name);
  }

  // In an empty table the next value is the one that is told, else the one behind it.
  void add_identity(const CatalogTable& table) {
    for (const CatalogColumn& column : table.columns) {
      if (!column.column.is_identity || column.last.empty()) continue;
      const auto add_one = [&](std::string_view kind, const std::string& value) {
        add_unhashed(Stage::counters, std::string(kind), member(table, column.column.name),
                     fmt::format("DBCC CHECKIDENT ({}, RESEED, {}) WITH NO_INFOMSGS",
                                 name_literal(table.name), value),
                     table.name);
      };
      add_one(identity_kind, column.last);
      add_one(empty_identity_kind, decimal_sum(column.last, column.increment));
    }
  }

  void add_module(const CatalogModule& module) {
    if (module.definition.empty() || module.is_native) return;
    const bool is_trigger = module.kind == ModuleKind::trigger;
    const bool is_database_trigger = module.kind == ModuleKind::database_trigger;
    const std::string kind(module_kind_name(module.kind));
    const std::string name =
        is_trigger ? module.parent.display() + "." + module.name.table : module.name.display();
    const CatalogTable* const parent = catalog_.table(module.parent);
    if (is_trigger && parent != nullptr && !parent->left_out.empty()) return;
    Statement& statement = add(is_trigger || is_database_trigger ? Stage::triggers : Stage::code,
                               kind, name, module_text(module), module.parent);
    statement.ansi_nulls = module.ansi_nulls;
    statement.quoted_identifier = module.quoted_identifier;
    if (module.is_broken) statement.hashed = "-";
    if (!is_trigger && !is_database_trigger) return;
    for (const auto& [events, word] :
         {std::pair(&module.first, "First"), std::pair(&module.last, "Last")}) {
      for (const std::string& event : *events)
        add(Stage::disabling, fmt::format("{} trigger of {}", word, event), name,
            fmt::format("EXEC sys.sp_settriggerorder @triggername = {}, @order = N'{}',"
                        " @stmttype = {}{}",
                        literal(quoted(module.name)), word, literal(event),
                        is_database_trigger ? ", @namespace = N'DATABASE'" : ""),
            module.parent);
    }
    if (module.is_disabled)
      add(Stage::disabling, "disabled trigger", name,
          fmt::format("DISABLE TRIGGER {} ON {}", quoted(module.name),
                      is_database_trigger ? "DATABASE" : quoted(module.parent)),
          module.parent);
  }

  void add_properties() {
    for (const CatalogProperty& property : catalog_.properties) {
      std::string sql = fmt::format("EXEC sys.sp_addextendedproperty @name = {}, @value = {}",
                                    literal(property.name), literal(property.value));
      for (std::size_t i = 0; i + 1 < property.levels.size(); i += 2)
        sql += fmt::format(", @level{}type = N'{}', @level{}name = {}", i / 2, property.levels[i],
                           i / 2, literal(property.levels[i + 1]));
      SqlName table;
      if (property.levels.size() >= 4 && property.levels[2] == "TABLE")
        table = {property.levels[1], property.levels[3]};
      add(Stage::properties, "extended property",
          fmt::format("{} of {}", property.name,
                      property.levels.empty() ? "the database"
                                              : fmt::format("{}", fmt::join(property.levels, " "))),
          std::move(sql), table);
    }
  }

  void add_principals() {
    const auto add_one = [this](const char* kind, const std::string& name, std::string sql) {
      add_unhashed(Stage::rights, kind, name, std::move(sql));
    };
    for (const CatalogRole& role : catalog_.roles) {
      if (!role.is_application)
        add_unhashed(Stage::users, "role", role.name, "CREATE ROLE " + identifier(role.name));
    }
    for (const CatalogUser& user : catalog_.users) {
      std::string sql = "CREATE USER " + identifier(user.name);
      if (user.kind == 'E' || user.kind == 'X')
        sql += " FROM EXTERNAL PROVIDER";
      else if (!user.login.empty())
        sql += " FOR LOGIN " + identifier(user.login);
      else if (user.kind == 'S')
        sql += " WITHOUT LOGIN";
      if (!user.default_schema.empty())
        sql += " WITH DEFAULT_SCHEMA = " + identifier(user.default_schema);
      add_unhashed(Stage::users, "user", user.name, std::move(sql));
    }
    const auto give = [&](const char* what, const std::string& name, const std::string& owner) {
      if (owner.empty() || owner == "dbo") return;
      add_one("owner", name,
              fmt::format("ALTER AUTHORIZATION ON {}::{} TO {}", what, identifier(name),
                          identifier(owner)));
    };
    for (const CatalogRole& role : catalog_.roles)
      if (!role.is_application) give("ROLE", role.name, role.owner);
    for (const CatalogSchema& schema : catalog_.schemas) give("SCHEMA", schema.name, schema.owner);
    for (const CatalogMembership& one : catalog_.memberships)
      add_one(
          "member", fmt::format("{} of {}", one.member, one.role),
          fmt::format("ALTER ROLE {} ADD MEMBER {}", identifier(one.role), identifier(one.member)));
    for (const CatalogPermission& permission : catalog_.permissions)
      add_one("right", permission.statement, permission.statement);
  }

  const Catalog& catalog_;
  std::vector<Statement> statements_;
};

}  // namespace

std::string column_text(const CatalogColumn& column, const std::string& database_collation) {
  const SqlColumn& base = column.column;
  const std::string name = identifier(base.name);
  if (column.is_computed())
    return fmt::format(
        "{} AS {}{}", name, column.computed,
        !column.is_persisted ? "" : (base.is_nullable ? " PERSISTED" : " PERSISTED NOT NULL"));
  if (column.is_column_set) return name + " xml COLUMN_SET FOR ALL_SPARSE_COLUMNS";
  std::string text = name + " ";
  if (!column.alias.table.empty())
    text += quoted(column.alias);
  else if (!column.xml_collection.table.empty())
    text += fmt::format("xml({} {})", column.is_document ? "DOCUMENT" : "CONTENT",
                        quoted(column.xml_collection));
  else
    text += base.declared();
  if (column.alias.table.empty() && !column.collation.empty() &&
      column.collation != database_collation)
    text += " COLLATE " + column.collation;
  if (column.is_sparse) text += " SPARSE";
  if (base.is_identity) text += fmt::format(" IDENTITY({},{})", column.seed, column.increment);
  text += base.is_nullable ? " NULL" : " NOT NULL";
  if (column.is_rowguid) text += " ROWGUIDCOL";
  // Of a row's version some servers tell the default by which they make it.
  if (!column.default_definition.empty() && base.type != SqlType::rowversion)
    text += (column.default_name.empty() ? "" : " CONSTRAINT " + identifier(column.default_name)) +
            " DEFAULT " + column.default_definition;
  return text;
}

std::vector<Statement> statements_of(const Catalog& catalog) {
  return Script(catalog).run();
}

std::vector<model::ObjectFacts> objects_of(std::span<const Statement> statements) {
  std::vector<model::ObjectFacts> objects;
  for (const Statement& statement : statements) {
    if (statement.hashed == "-") continue;
    std::string text = statement.hashed.empty() ? statement.sql : statement.hashed;
    if (!statement.ansi_nulls) text += "\nANSI_NULLS OFF";
    if (!statement.quoted_identifier) text += "\nQUOTED_IDENTIFIER OFF";
    objects.push_back({statement.kind, statement.name, to_hex(sha256(as_bytes(text)))});
  }
  std::ranges::sort(objects, {}, [](const model::ObjectFacts& object) {
    return std::tie(object.kind, object.name, object.definition_sha256);
  });
  return objects;
}

}  // namespace holdfast::engine::sqlserver
