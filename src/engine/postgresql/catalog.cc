// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/catalog.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <span>

#include "base/error.h"
#include "engine/postgresql/quote.h"
#include "engine/postgresql/sqlstate.h"

namespace holdfast::engine::postgresql {
namespace {

constexpr std::size_t sequences_at_once = 200;

std::uint64_t number(const Rows& rows, std::size_t row, std::size_t column) {
  const std::int64_t value = rows.integer(row, column);
  return value < 0 ? 0 : static_cast<std::uint64_t>(value);
}

// Columns of all ordinary tables by the tables' oids.
std::map<std::uint64_t, std::vector<CopyColumn>> list_columns(Connection& connection) {
  const bool generated = connection.server_major() >= 12;
  const Rows rows = connection.query(fmt::format(
      "WITH RECURSIVE domains(oid, base) AS ("
      "  SELECT t.oid, t.typbasetype FROM pg_type t WHERE t.typtype = 'd'"
      "  UNION ALL"
      "  SELECT d.oid, t.typbasetype FROM domains d JOIN pg_type t ON t.oid = d.base"
      "  WHERE t.typtype = 'd')"
      " SELECT a.attrelid, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),"
      "  CASE WHEN b.typnamespace = 'pg_catalog'::pg_catalog.regnamespace OR b.typname = 'citext'"
      "  THEN b.typname ELSE '' END"
      " FROM pg_attribute a"
      " JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'"
      " JOIN pg_namespace n ON n.oid = c.relnamespace AND ({})"
      " LEFT JOIN (SELECT d.oid, d.base FROM domains d JOIN pg_type t ON t.oid = d.base"
      "  WHERE t.typtype <> 'd') d ON d.oid = a.atttypid"
      " JOIN pg_type b ON b.oid = coalesce(d.base, a.atttypid)"
      " WHERE a.attnum > 0 AND NOT a.attisdropped {}"
      " ORDER BY a.attrelid, a.attnum",
      owned_or_configured, generated ? "AND a.attgenerated = ''" : ""));
  std::map<std::uint64_t, std::vector<CopyColumn>> columns;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    columns[number(rows, i, 0)].push_back(
        {rows.text(i, 1), rows.text(i, 2), form_of(rows.view(i, 3))});
  }
  return columns;
}

std::string column_list(const std::vector<std::string>& columns) {
  std::string list;
  for (const std::string& column : columns) list += (list.empty() ? "" : ", ") + quote_name(column);
  return list;
}

std::string text_options(std::string_view encoding) {
  return "FORMAT text, ENCODING " + quote_text(encoding);
}

std::string copy_in_with(const model::TableName& table, const std::vector<std::string>& columns,
                         std::string_view options, bool frozen) {
  const std::string list = column_list(columns);
  return fmt::format("COPY {}{} FROM STDIN WITH ({}{})", quote_name(table),
                     list.empty() ? "" : " (" + list + ")", options, frozen ? ", FREEZE" : "");
}

// A list setting as pg_db_role_setting keeps it, `"$user", public`, into its items.
std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> items;
  std::string item;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      if (quoted && i + 1 < text.size() && text[i + 1] == '"') {
        item += text[i++];
      } else {
        quoted = !quoted;
      }
    } else if (c == ',' && !quoted) {
      items.push_back(std::move(item));
      item.clear();
    } else if (c != ' ' || quoted) {
      item += c;
    }
  }
  if (!text.empty()) items.push_back(std::move(item));
  return items;
}

// What follows SET: `work_mem TO '64MB'`. Lists are given item by item, as the server wants them.
std::string setting_text(std::string_view setting) {
  constexpr std::array<std::string_view, 6> lists{"search_path",
                                                  "temp_tablespaces",
                                                  "local_preload_libraries",
                                                  "session_preload_libraries",
                                                  "shared_preload_libraries",
                                                  "unix_socket_directories"};
  const auto equals = setting.find('=');
  if (equals == std::string_view::npos)
    throw Error(Errc::corrupt, fmt::format("`{}` is no setting", setting));
  const std::string_view name = setting.substr(0, equals);
  const std::string_view value = setting.substr(equals + 1);
  std::string values;
  if (std::find(lists.begin(), lists.end(), name) == lists.end()) {
    values = quote_text(value);
  } else {
    for (const std::string& item : split_list(value))
      values += (values.empty() ? "" : ", ") + quote_text(item);
    if (values.empty()) values = "''";
  }
  // Names of extensions' settings have a dot, and each side is an identifier.
  const auto dot = name.find('.');
  const std::string quoted = dot == std::string_view::npos ? quote_name(name)
                                                           : quote_name(name.substr(0, dot)) + "." +
                                                                 quote_name(name.substr(dot + 1));
  return fmt::format("{} TO {}", quoted, values);
}

std::string script_header(std::string_view encoding) {
  return fmt::format("SET client_encoding = {};\nSET standard_conforming_strings = on;\n",
                     quote_text(encoding == "SQL_ASCII" ? "SQL_ASCII" : "UTF8"));
}

// A block that executes `statements`, each with one %I for the name of the current database.
std::string in_current_database(const std::vector<std::string>& statements) {
  std::string body;
  for (const std::string& statement : statements) {
    body += fmt::format("  EXECUTE pg_catalog.format({}, pg_catalog.current_database());\n",
                        quote_text(statement));
  }
  std::string tag = "$holdfast$";
  while (body.find(tag) != std::string::npos) tag.insert(1, "x");
  return body.empty() ? "" : fmt::format("DO {0}\nBEGIN\n{1}END\n{0};\n", tag, body);
}

// For format(): what is not its own placeholder.
std::string without_placeholders(std::string text) {
  for (std::size_t at = 0; (at = text.find('%', at)) != std::string::npos; at += 2)
    text.insert(at, 1, '%');
  return text;
}

Json nullable(const Json& row, std::string_view key) {
  const Json* const value = row.find(key);
  return value == nullptr ? Json() : *value;
}

Json list_of(const Rows& rows, std::initializer_list<std::string_view> keys) {
  Json list = Json::array();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Json one = Json::object();
    std::size_t column = 0;
    for (const std::string_view key : keys) {
      one.set(key, rows.is_null(i, column) ? Json() : Json(rows.view(i, column)));
      ++column;
    }
    list.push(std::move(one));
  }
  return list;
}

Json names_of(const Rows& rows) {
  Json list = Json::array();
  for (std::size_t i = 0; i < rows.size(); ++i) list.push(rows.view(i, 0));
  return list;
}

}  // namespace

std::vector<Table> list_tables(Connection& connection, bool with_sizes, const Patience& patience) {
  const std::string sql = fmt::format(
      "SELECT c.oid, n.nspname, c.relname, pg_catalog.pg_get_userbyid(c.relowner),"
      " c.relpersistence = 'u', c.relispartition, c.relrowsecurity, x.relid IS NOT NULL,"
      " coalesce(x.condition, ''), {}"
      " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
      " LEFT JOIN (SELECT pg_catalog.unnest(e.extconfig) AS relid,"
      "  pg_catalog.unnest(e.extcondition) AS condition FROM pg_extension e) x ON x.relid = c.oid"
      " WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND {}",
      with_sizes ? "pg_catalog.pg_relation_size(c.oid)"
                   " / pg_catalog.current_setting('block_size')::int8,"
                   " pg_catalog.pg_table_size(c.oid)"
                 : "c.relpages, c.relpages::int8 * pg_catalog.current_setting('block_size')::int8",
      owned_or_configured);
  // REINDEX keeps a TOAST table's index, and with it the table's size.
  const Rows rows = with_sizes ? query_patiently(connection, sql, patience) : connection.query(sql);
  std::map<std::uint64_t, std::vector<CopyColumn>> columns = list_columns(connection);
  std::vector<Table> tables;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Table table;
    table.oid = number(rows, i, 0);
    table.name = {rows.text(i, 1), rows.text(i, 2)};
    table.owner = rows.text(i, 3);
    table.unlogged = rows.boolean(i, 4);
    table.partition = rows.boolean(i, 5);
    table.row_security = rows.boolean(i, 6);
    table.of_extension = rows.boolean(i, 7);
    table.condition = rows.text(i, 8);
    table.heap_blocks = number(rows, i, 9);
    table.size_bytes = number(rows, i, 10);
    table.columns = std::move(columns[table.oid]);
    tables.push_back(std::move(table));
  }
  std::sort(tables.begin(), tables.end(),
            [](const Table& a, const Table& b) { return a.name < b.name; });
  return tables;
}

std::vector<TableAt> list_table_names(Connection& connection) {
  const Rows rows =
      connection.query(fmt::format("SELECT c.oid, n.nspname, c.relname FROM pg_class c"
                                   " JOIN pg_namespace n ON n.oid = c.relnamespace"
                                   " WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND {}",
                                   owned_or_configured));
  std::vector<TableAt> tables;
  for (std::size_t i = 0; i < rows.size(); ++i)
    tables.push_back({number(rows, i, 0), {rows.text(i, 1), rows.text(i, 2)}});
  return tables;
}

namespace {

constexpr int rename_tries_max = 10;

// What the sequence is called now, quoted; it may have another name, or another schema's, than it
// had when the snapshot was taken.
std::string name_of_now(Connection& connection, const SequenceValue& sequence) {
  const std::string oid = std::to_string(sequence.oid);
  std::string name = connection.value(
      fmt::format("SELECT {}::pg_catalog.oid::pg_catalog.regclass::pg_catalog.text", oid));
  if (name != oid) return name;
  throw Error(Errc::not_consistent,
              fmt::format("{}: sequence {} was dropped while the backup began, and what it had "
                          "given out is not known",
                          connection.location().component, sequence.name.display()))
      .set_hint("Try again when no schema change is under way.");
}

// Of `sequences`, by the names that they had, or by those that they have now.
void read_values(Connection& connection, std::span<SequenceValue> sequences,
                 const Patience& patience, int renames = 0) {
  std::string sql;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    const std::string name =
        renames == 0 ? quote_name(sequences[i].name) : name_of_now(connection, sequences[i]);
    sql += fmt::format("{}SELECT {}, last_value, is_called, tableoid FROM {}",
                       sql.empty() ? "" : " UNION ALL ", i, name);
  }
  std::string state;
  std::string message;
  const std::optional<Rows> values = attempt_patiently(connection, sql, state, message, patience);
  bool is_other = false;  // the name is another's by now
  if (values) {
    for (std::size_t i = 0; i < values->size(); ++i) {
      SequenceValue& sequence = sequences[number(*values, i, 0)];
      sequence.last_value = values->integer(i, 1);
      sequence.is_called = values->boolean(i, 2);
      is_other = is_other || number(*values, i, 3) != sequence.oid;
    }
    if (!is_other) return;
  }
  // Not found; or another relation has the name, and no such columns.
  const bool is_renamed = values || state == "42P01" || state == "3F000" || state == "42703";
  if (!is_renamed || renames == rename_tries_max) {
    throw refusal(connection.location().component,
                  values ? "sequences are renamed faster than they can be read" : message, state);
  }
  read_values(connection, sequences, patience, renames + 1);
}

}  // namespace

std::vector<SequenceValue> read_sequences(Connection& connection, const Patience& patience) {
  const Rows rows = connection.query(fmt::format(
      "SELECT c.oid, n.nspname, c.relname FROM pg_class c"
      " JOIN pg_sequence s ON s.seqrelid = c.oid JOIN pg_namespace n ON n.oid = c.relnamespace"
      " WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND {}"
      // Unlogged ones (of unlogged tables, from 15 on) cannot be read on a standby.
      " AND NOT (c.relpersistence = 'u' AND pg_catalog.pg_is_in_recovery())",
      owned_or_configured));
  std::vector<SequenceValue> sequences;
  for (std::size_t i = 0; i < rows.size(); ++i)
    sequences.push_back({number(rows, i, 0), {rows.text(i, 1), rows.text(i, 2)}, 0, false});
  std::sort(sequences.begin(), sequences.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  for (std::size_t begin = 0; begin < sequences.size(); begin += sequences_at_once) {
    const std::size_t count = std::min(sequences_at_once, sequences.size() - begin);
    read_values(connection, std::span(sequences).subspan(begin, count), patience);
  }
  return sequences;
}

LargeObjects count_large_objects(Connection& connection) {
  const Rows rows = connection.query("SELECT count(*) FROM pg_largeobject_metadata");
  return {number(rows, 0, 0)};
}

std::string copy_large_objects_statement() {
  // Sizes come from seeking to the end; each descriptor is closed before the next is opened, as
  // the list of results is computed from left to right.
  return "COPY (SELECT s.oid, p.at, pg_catalog.lo_get(s.oid, p.at, 262144) FROM"
         " (SELECT o.oid, pg_catalog.lo_lseek64(o.fd, 0, 2) AS size, pg_catalog.lo_close(o.fd)"
         "  FROM (SELECT m.oid, pg_catalog.lo_open(m.oid, 262144) AS fd"
         "   FROM pg_largeobject_metadata m ORDER BY m.oid OFFSET 0) o OFFSET 0) s"
         " CROSS JOIN LATERAL pg_catalog.generate_series(0::int8, greatest(s.size - 1, 0),"
         "  262144::int8) p(at)) TO STDOUT";
}

std::vector<CopyColumn> large_object_columns() {
  return {{"loid", "oid", TextForm::number},
          {"at", "bigint", TextForm::number},
          {"data", "bytea", TextForm::bytea}};
}

model::TableName large_objects_table() {
  return {"pg_catalog", "pg_largeobject"};
}

std::string copy_out_statement(const Table& table, std::string_view encoding,
                               const BlockRange* range) {
  std::vector<std::string> names;
  for (const CopyColumn& column : table.columns) names.push_back(column.name);
  const std::string list = column_list(names);
  const std::string options = "(" + text_options(encoding) + ")";
  if (range == nullptr && table.condition.empty()) {
    return fmt::format("COPY {}{} TO STDOUT WITH {}", quote_name(table.name),
                       list.empty() ? "" : " (" + list + ")", options);
  }
  std::string condition = table.condition;
  if (range != nullptr) {
    condition = fmt::format("WHERE ctid >= '({},0)'::pg_catalog.tid", range->begin);
    if (range->end != UINT64_MAX)
      condition += fmt::format(" AND ctid < '({},0)'::pg_catalog.tid", range->end);
  }
  return fmt::format("COPY (SELECT {} FROM ONLY {} {}) TO STDOUT WITH {}", list,
                     quote_name(table.name), condition, options);
}

std::string copy_in_statement(const model::TableName& table,
                              const std::vector<std::string>& columns, std::string_view encoding,
                              bool frozen) {
  return copy_in_with(table, columns, text_options(encoding), frozen);
}

std::string copy_in_binary_statement(const model::TableName& table,
                                     const std::vector<std::string>& columns, bool frozen) {
  return copy_in_with(table, columns, "FORMAT binary", frozen);
}

std::string sequences_script(const std::vector<SequenceValue>& sequences,
                             std::string_view encoding) {
  std::string script = script_header(encoding);
  for (const SequenceValue& sequence : sequences) {
    script += fmt::format("SELECT pg_catalog.setval({}, {}, {});\n",
                          quote_text(quote_name(sequence.name)), sequence.last_value,
                          sequence.is_called ? "true" : "false");
  }
  return script;
}

std::string large_objects_script(Connection& connection) {
  const Rows rows = connection.query(
      "SELECT m.oid, pg_catalog.pg_get_userbyid(m.lomowner),"
      " pg_catalog.obj_description(m.oid, 'pg_largeobject'), m.lomacl IS NOT NULL"
      " FROM pg_largeobject_metadata m ORDER BY m.oid");
  const Rows grants = connection.query(
      "SELECT m.oid, CASE WHEN a.grantee = 0 THEN '' ELSE pg_catalog.pg_get_userbyid(a.grantee)"
      " END, a.privilege_type, a.is_grantable"
      " FROM pg_largeobject_metadata m, pg_catalog.aclexplode(m.lomacl) a"
      " ORDER BY m.oid, 2, 3");
  std::string script = script_header(connection.encoding());
  std::size_t grant = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::uint64_t oid = number(rows, i, 0);
    const std::string owner = quote_name(rows.view(i, 1));
    script += fmt::format(
        "SELECT pg_catalog.lo_create('{0}');\nALTER LARGE OBJECT {0} OWNER TO "
        "{1};\n",
        oid, owner);
    if (!rows.is_null(i, 2)) {
      script +=
          fmt::format("COMMENT ON LARGE OBJECT {} IS {};\n", oid, quote_text(rows.view(i, 2)));
    }
    if (rows.boolean(i, 3))
      script += fmt::format("REVOKE ALL ON LARGE OBJECT {} FROM {};\n", oid, owner);
    for (; grant < grants.size() && number(grants, grant, 0) == oid; ++grant) {
      const std::string_view grantee = grants.view(grant, 1);
      script += fmt::format("GRANT {} ON LARGE OBJECT {} TO {}{};\n", grants.view(grant, 2), oid,
                            grantee.empty() ? "PUBLIC" : quote_name(grantee),
                            grants.boolean(grant, 3) ? " WITH GRANT OPTION" : "");
    }
  }
  return script;
}

namespace {

// Up to version 14 everybody may make things in the schema public unless somebody forbids it.
// pg_dump from 15 on thinks of that as forbidden already, and does not say it.
std::string public_schema_script(Connection& connection) {
  if (connection.server_major() >= 15) return "";
  const Rows grants = connection.query(
      "SELECT CASE WHEN a.grantee = 0 THEN '' ELSE pg_catalog.pg_get_userbyid(a.grantee) END,"
      " a.privilege_type, a.is_grantable, pg_catalog.pg_get_userbyid(n.nspowner)"
      " FROM pg_namespace n LEFT JOIN LATERAL pg_catalog.aclexplode(coalesce(n.nspacl,"
      "  pg_catalog.acldefault('n', n.nspowner))) a ON true"
      " WHERE n.nspname = 'public' ORDER BY 1, 2");
  if (grants.empty()) return "";
  std::string script = fmt::format(
      "REVOKE ALL ON SCHEMA \"public\" FROM PUBLIC;\nREVOKE ALL ON SCHEMA \"public\" FROM {};\n",
      quote_name(grants.view(0, 3)));
  for (std::size_t i = 0; i < grants.size(); ++i) {
    if (grants.is_null(i, 1)) continue;
    const std::string_view grantee = grants.view(i, 0);
    script += fmt::format("GRANT {} ON SCHEMA \"public\" TO {}{};\n", grants.view(i, 1),
                          grantee.empty() ? "PUBLIC" : quote_name(grantee),
                          grants.boolean(i, 2) ? " WITH GRANT OPTION" : "");
  }
  return script;
}

}  // namespace

std::string database_script(Connection& connection) {
  std::vector<std::string> statements;
  const Rows settings = connection.query(
      "SELECT coalesce(r.rolname, ''), u.setting"
      " FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase"
      " CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) WITH ORDINALITY u(setting, place)"
      " LEFT JOIN pg_roles r ON r.oid = s.setrole"
      " WHERE d.datname = pg_catalog.current_database() AND (s.setrole = 0 OR r.oid IS NOT NULL)"
      " ORDER BY 1, u.place");
  for (std::size_t i = 0; i < settings.size(); ++i) {
    const std::string setting = without_placeholders(setting_text(settings.view(i, 1)));
    const std::string_view role = settings.view(i, 0);
    statements.push_back(role.empty()
                             ? "ALTER DATABASE %I SET " + setting
                             : fmt::format("ALTER ROLE {} IN DATABASE %I SET {}",
                                           without_placeholders(quote_name(role)), setting));
  }
  const Rows grants = connection.query(
      "SELECT CASE WHEN a.grantee = 0 THEN '' ELSE pg_catalog.pg_get_userbyid(a.grantee) END,"
      " a.privilege_type, a.is_grantable"
      " FROM pg_database d, pg_catalog.aclexplode(d.datacl) a"
      " WHERE d.datname = pg_catalog.current_database() ORDER BY 1, 2");
  if (!grants.empty()) statements.emplace_back("REVOKE ALL ON DATABASE %I FROM PUBLIC");
  for (std::size_t i = 0; i < grants.size(); ++i) {
    const std::string_view grantee = grants.view(i, 0);
    statements.push_back(
        fmt::format("GRANT {} ON DATABASE %I TO {}{}", grants.view(i, 1),
                    grantee.empty() ? "PUBLIC" : without_placeholders(quote_name(grantee)),
                    grants.boolean(i, 2) ? " WITH GRANT OPTION" : ""));
  }
  const Rows comment = connection.query(
      "SELECT pg_catalog.shobj_description(d.oid, 'pg_database') FROM pg_database d"
      " WHERE d.datname = pg_catalog.current_database()");
  if (!comment.empty() && !comment.is_null(0, 0)) {
    statements.push_back("COMMENT ON DATABASE %I IS " +
                         without_placeholders(quote_text(comment.view(0, 0))));
  }
  return script_header(connection.encoding()) + in_current_database(statements) +
         public_schema_script(connection);
}

Json database_facts(Connection& connection) {
  const Json row =
      Json::parse(connection.value("SELECT pg_catalog.to_jsonb(d)::text FROM pg_database d"
                                   " WHERE d.datname = pg_catalog.current_database()"),
                  "the database's entry in pg_database");
  const Rows server = connection.query(
      "SELECT s.system_identifier, c.timeline_id, pg_catalog.pg_is_in_recovery(),"
      " (SELECT pg_catalog.pg_get_userbyid(d.datdba) FROM pg_database d"
      "  WHERE d.datname = pg_catalog.current_database()),"
      " (SELECT t.spcname FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace"
      "  WHERE d.datname = pg_catalog.current_database())"
      " FROM pg_catalog.pg_control_system() s, pg_catalog.pg_control_checkpoint() c");
  Json facts = Json::object();
  facts.set("server_version", connection.server_version_text());
  facts.set("server_version_num", connection.server_version());
  facts.set("system_identifier", server.view(0, 0));
  facts.set("timeline", server.integer(0, 1));
  facts.set("standby", server.boolean(0, 2));
  facts.set("database", row.string_or("datname", ""));
  facts.set("owner", server.view(0, 3));
  facts.set("encoding", connection.encoding());
  const auto rename = [&](std::string_view key, std::string_view column) {
    facts.set(key, nullable(row, column));
  };
  // Up to version 14 these two are the collation, and libc the only provider.
  rename("collate", "datcollate");
  rename("ctype", "datctype");
  facts.set("locale_provider", row.string_or("datlocprovider", "c"));
  rename("icu_locale", row.find("datlocale") != nullptr ? "datlocale" : "daticulocale");
  rename("icu_rules", "daticurules");
  rename("collation_version", "datcollversion");
  facts.set("tablespace", server.view(0, 4));
  rename("connection_limit", "datconnlimit");
  facts.set("extensions",
            list_of(connection.query("SELECT e.extname, n.nspname, e.extversion FROM pg_extension e"
                                     " JOIN pg_namespace n ON n.oid = e.extnamespace ORDER BY 1"),
                    {"name", "schema", "version"}));
  facts.set("collations",
            list_of(connection.query(fmt::format(
                        "SELECT n.nspname, c.collname, c.collversion FROM pg_collation c"
                        " JOIN pg_namespace n ON n.oid = c.collnamespace WHERE {} ORDER BY 1, 2",
                        user_schemas)),
                    {"schema", "name", "version"}));
  // Whom objects belong to, and whom something is granted to; members of extensions belong to
  // whoever makes these. The first superuser is never recorded as such, and owns things all the
  // same.
  const auto roles = [&](std::string_view dependencies) {
    const auto no_member = [](std::string_view catalog, std::string_view object) {
      return fmt::format(
          "NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = {}"
          " AND e.objid = {} AND e.deptype = 'e')",
          catalog, object);
    };
    return names_of(connection.query(
        fmt::format("SELECT r.rolname FROM pg_roles r WHERE r.oid IN ("
                    " SELECT s.refobjid FROM pg_shdepend s JOIN pg_database d"
                    "  ON d.datname = pg_catalog.current_database()"
                    " WHERE s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass"
                    "  AND (s.dbid = d.oid OR (s.dbid = 0 AND s.objid = d.oid)) AND {1} AND {2}"
                    " UNION SELECT d.datdba FROM pg_database d"
                    "  WHERE d.datname = pg_catalog.current_database()"
                    " UNION SELECT c.relowner FROM pg_class c JOIN pg_namespace n"
                    "  ON n.oid = c.relnamespace WHERE {0} AND {3}"
                    // Up to version 14 every database's `public`, which initdb made, is his.
                    " UNION SELECT n.nspowner FROM pg_namespace n WHERE {0} AND {4}"
                    "  AND (n.oid <> 2200 OR {6})"
                    " UNION SELECT p.proowner FROM pg_proc p JOIN pg_namespace n"
                    "  ON n.oid = p.pronamespace WHERE {0} AND {5})"
                    " AND r.rolname !~ '^pg_' ORDER BY 1",
                    user_schemas, dependencies, no_member("s.classid", "s.objid"),
                    no_member("'pg_catalog.pg_class'::pg_catalog.regclass", "c.oid"),
                    no_member("'pg_catalog.pg_namespace'::pg_catalog.regclass", "n.oid"),
                    no_member("'pg_catalog.pg_proc'::pg_catalog.regclass", "p.oid"),
                    connection.server_major() >= 15)));
  };
  facts.set("roles", roles("true"));
  facts.set("owners", roles("s.deptype = 'o'"));
  facts.set("tablespaces", names_of(connection.query(
                               "SELECT DISTINCT t.spcname FROM pg_tablespace t WHERE t.oid IN"
                               " (SELECT c.reltablespace FROM pg_class c WHERE c.reltablespace <> 0"
                               "  UNION SELECT d.dattablespace FROM pg_database d"
                               "  WHERE d.datname = pg_catalog.current_database())"
                               " AND t.spcname !~ '^pg_' ORDER BY 1")));
  return facts;
}

}  // namespace holdfast::engine::postgresql
