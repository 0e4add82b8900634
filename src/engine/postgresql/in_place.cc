// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/in_place.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "engine/postgresql/quote.h"

namespace holdfast::engine::postgresql {
namespace {

constexpr int at_once = 50;  // tables: each takes a lock for itself and some for what it has

constexpr std::string_view database_acl =
    "SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident("
    "pg_catalog.pg_get_userbyid(a.grantee)) END, a.privilege_type, a.is_grantable"
    " FROM pg_catalog.pg_database d, pg_catalog.aclexplode(coalesce(d.datacl,"
    " pg_catalog.acldefault('d', d.datdba))) a WHERE d.datname = pg_catalog.current_database()";
constexpr std::string_view public_acl =
    "SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident("
    "pg_catalog.pg_get_userbyid(a.grantee)) END, a.privilege_type, a.is_grantable"
    " FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(coalesce(n.nspacl,"
    " pg_catalog.acldefault('n', n.nspowner))) a WHERE n.nspname = 'public'";

void remember_grants(Connection& connection, std::string_view acl, std::string_view object,
                     Json& statements) {
  const Rows rows = connection.query(acl);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    statements.push(fmt::format("GRANT {} ON {} TO {}{}", rows.view(i, 1), object, rows.view(i, 0),
                                rows.boolean(i, 2) ? " WITH GRANT OPTION" : ""));
  }
}

void revoke_all(Connection& connection, std::string_view acl, std::string_view object) {
  const Rows rows = connection.query(acl);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    connection.run(fmt::format("REVOKE ALL ON {} FROM {} CASCADE", object, rows.view(i, 0)));
  }
}

std::string comment(std::string_view object, const Rows& text) {
  return fmt::format("COMMENT ON {} IS {}", object,
                     text.is_null(0, 0) ? "NULL" : quote_text(text.view(0, 0)));
}

// "SET search_path TO …": of some settings the value is a list of quoted names already.
std::string setting(std::string_view entry) {
  const std::size_t at = entry.find('=');
  const std::string_view name = entry.substr(0, at);
  const std::string_view value = entry.substr(at + 1);
  constexpr std::array<std::string_view, 5> lists{"local_preload_libraries", "search_path",
                                                  "session_preload_libraries", "temp_tablespaces",
                                                  "shared_preload_libraries"};
  const bool is_list = std::find(lists.begin(), lists.end(), name) != lists.end();
  return fmt::format("SET {} TO {}", quote_name(name),
                     is_list ? std::string(value) : quote_text(value));
}

// What holds many locks when it goes, or is refused by triggers of events: first, piece by piece.
void drop_much(Connection& connection) {
  connection.run(
      "DO $clear$\n"
      "DECLARE one record;\n"
      "BEGIN\n"
      "  FOR one IN SELECT pg_catalog.quote_ident(e.evtname) AS name"
      " FROM pg_catalog.pg_event_trigger e WHERE e.oid >= 16384 AND NOT EXISTS (SELECT"
      " FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_event_trigger'::regclass"
      " AND d.objid = e.oid AND d.deptype = 'e') LOOP\n"
      "    EXECUTE 'DROP EVENT TRIGGER ' || one.name;\n  END LOOP;\n"
      "END\n$clear$");
  constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kinds{
      {{"MATERIALIZED VIEW", "m"},
       {"VIEW", "v"},
       {"FOREIGN TABLE", "f"},
       {"TABLE", "r"},
       {"TABLE", "p"}}};
  for (const auto& [kind, letter] : kinds) {
    while (true) {
      const Rows rows = connection.query(fmt::format(
          "SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)"
          " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
          " WHERE c.relkind = '{}' AND c.oid >= 16384 AND n.nspname !~ '^pg_'"
          " AND n.nspname <> 'information_schema' AND NOT EXISTS (SELECT"
          "  FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass"
          "  AND d.objid = c.oid AND d.deptype IN ('e', 'i')) ORDER BY c.oid DESC LIMIT {}",
          letter, at_once));
      if (rows.empty()) break;
      std::string names;
      for (std::size_t i = 0; i < rows.size(); ++i) names += (i > 0 ? ", " : "") + rows.text(i, 0);
      connection.run(fmt::format("DROP {} IF EXISTS {} CASCADE", kind, names));
    }
  }
  while (connection.value("SELECT pg_catalog.count(pg_catalog.lo_unlink(oid)) FROM (SELECT oid"
                          " FROM pg_catalog.pg_largeobject_metadata LIMIT 1000) o") != "0") {
  }
}

void drop_rest(Connection& connection, const std::string& mark_name) {
  connection.run(fmt::format(
      "DO $clear$\n"
      "DECLARE one record; who record;\n"
      "BEGIN\n"
      "  FOR one IN SELECT pg_catalog.quote_ident(pubname) AS name"
      " FROM pg_catalog.pg_publication WHERE oid >= 16384 LOOP\n"
      "    EXECUTE 'DROP PUBLICATION ' || one.name;\n  END LOOP;\n"
      "  FOR one IN SELECT pg_catalog.quote_ident(extname) AS name"
      " FROM pg_catalog.pg_extension WHERE oid >= 16384 LOOP\n"
      "    EXECUTE 'DROP EXTENSION IF EXISTS ' || one.name || ' CASCADE';\n  END LOOP;\n"
      "  FOR one IN SELECT pg_catalog.quote_ident(fdwname) AS name"
      " FROM pg_catalog.pg_foreign_data_wrapper WHERE oid >= 16384 LOOP\n"
      "    EXECUTE 'DROP FOREIGN DATA WRAPPER IF EXISTS ' || one.name || ' CASCADE';\n"
      "  END LOOP;\n"
      "  FOR one IN SELECT pg_catalog.quote_ident(nspname) AS name"
      " FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_'"
      " AND nspname NOT IN ('information_schema', {}) LOOP\n"
      "    EXECUTE 'DROP SCHEMA ' || one.name || ' CASCADE';\n  END LOOP;\n"
      "  FOR one IN SELECT pg_catalog.quote_ident(lanname) AS name"
      " FROM pg_catalog.pg_language WHERE oid >= 16384 LOOP\n"
      "    EXECUTE 'DROP LANGUAGE IF EXISTS ' || one.name || ' CASCADE';\n  END LOOP;\n"
      "  FOR one IN SELECT castsource::pg_catalog.regtype AS source,"
      " casttarget::pg_catalog.regtype AS target FROM pg_catalog.pg_cast WHERE oid >= 16384 LOOP\n"
      "    EXECUTE pg_catalog.format('DROP CAST IF EXISTS (%s AS %s)', one.source, one.target);\n"
      "  END LOOP;\n"
      // A row of these goes when it says what holds without it.
      "  FOR one IN SELECT oid, pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(defaclrole)) AS"
      " role, CASE defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN"
      " 'FUNCTIONS' WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END AS what,"
      " defaclacl FROM pg_catalog.pg_default_acl WHERE defaclnamespace = 0 LOOP\n"
      "    FOR who IN SELECT DISTINCT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE"
      " pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(grantee)) END AS name"
      " FROM pg_catalog.aclexplode(one.defaclacl) LOOP\n"
      "      EXECUTE pg_catalog.format('ALTER DEFAULT PRIVILEGES FOR ROLE %s REVOKE ALL ON %s"
      " FROM %s', one.role, one.what, who.name);\n    END LOOP;\n"
      "    EXECUTE pg_catalog.format('ALTER DEFAULT PRIVILEGES FOR ROLE %s GRANT ALL ON %s TO %s',"
      " one.role, one.what, one.role);\n"
      "    IF one.what = 'FUNCTIONS' THEN EXECUTE pg_catalog.format('ALTER DEFAULT PRIVILEGES FOR"
      " ROLE %s GRANT EXECUTE ON FUNCTIONS TO PUBLIC', one.role); END IF;\n"
      "    IF one.what = 'TYPES' THEN EXECUTE pg_catalog.format('ALTER DEFAULT PRIVILEGES FOR"
      " ROLE %s GRANT USAGE ON TYPES TO PUBLIC', one.role); END IF;\n"
      "  END LOOP;\n"
      "END\n$clear$",
      quote_text(mark_name)));
}

}  // namespace

Json remember_empty(Connection& connection) {
  const std::string database =
      "DATABASE " + quote_name(connection.value("SELECT pg_catalog.current_database()"));
  Json settings = Json::array();
  const Rows configured = connection.query(
      "SELECT pg_catalog.unnest(s.setconfig) FROM pg_catalog.pg_db_role_setting s"
      " JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase WHERE s.setrole = 0"
      " AND d.datname = pg_catalog.current_database()");
  for (std::size_t i = 0; i < configured.size(); ++i)
    settings.push(fmt::format("ALTER {} {}", database, setting(configured.view(i, 0))));
  settings.push(
      comment(database, connection.query("SELECT pg_catalog.shobj_description(oid, 'pg_database')"
                                         " FROM pg_catalog.pg_database"
                                         " WHERE datname = pg_catalog.current_database()")));
  remember_grants(connection, database_acl, database, settings);
  Json schema = Json::array();
  const Rows owner = connection.query(
      "SELECT pg_catalog.pg_get_userbyid(nspowner), pg_catalog.obj_description(oid)"
      " FROM pg_catalog.pg_namespace WHERE nspname = 'public'");
  if (!owner.empty()) {
    schema.push("CREATE SCHEMA public");
    schema.push("ALTER SCHEMA public OWNER TO " + quote_name(owner.view(0, 0)));
    schema.push(comment("SCHEMA public", connection.query("SELECT pg_catalog.obj_description(oid)"
                                                          " FROM pg_catalog.pg_namespace"
                                                          " WHERE nspname = 'public'")));
    remember_grants(connection, public_acl, "SCHEMA public", schema);
  }
  return Json().set("database", std::move(settings)).set("public", std::move(schema));
}

void mark(Connection& connection, const std::string& name) {
  connection.run("CREATE SCHEMA " + quote_name(name));
}

void make_plain(Connection& connection) {
  const Rows own = connection.query(
      "SELECT datname, pg_catalog.pg_get_userbyid(datdba) FROM pg_catalog.pg_database"
      " WHERE datname = pg_catalog.current_database()");
  const std::string database = "DATABASE " + quote_name(own.view(0, 0));
  connection.run("BEGIN");
  connection.run(fmt::format("ALTER {0} RESET ALL; COMMENT ON {0} IS NULL", database));
  revoke_all(connection, database_acl, database);
  connection.run(fmt::format("GRANT ALL ON {0} TO {1}; GRANT CONNECT, TEMPORARY ON {0} TO PUBLIC",
                             database, quote_name(own.view(0, 1))));
  const Rows schema = connection.query(
      "SELECT pg_catalog.pg_get_userbyid(nspowner) FROM pg_catalog.pg_namespace"
      " WHERE nspname = 'public'");
  if (!schema.empty()) {
    revoke_all(connection, public_acl, "SCHEMA public");
    connection.run(fmt::format(
        "GRANT ALL ON SCHEMA public TO {}; GRANT {} ON SCHEMA public TO PUBLIC",
        quote_name(schema.view(0, 0)), connection.server_major() >= 15 ? "USAGE" : "ALL"));
  }
  connection.run("COMMIT");
}

bool is_marked(Connection& connection, const std::string& name) {
  return !connection.query("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1", {name})
              .empty();
}

void unmark(Connection& connection, const std::string& name) {
  connection.run("DROP SCHEMA IF EXISTS " + quote_name(name));
}

void clear_marked(Connection& connection, const std::string& name, const Json& before) {
  drop_much(connection);
  drop_rest(connection, name);
  const std::string database =
      "DATABASE " + quote_name(connection.value("SELECT pg_catalog.current_database()"));
  connection.run("BEGIN");
  connection.run(fmt::format("ALTER {} RESET ALL", database));
  revoke_all(connection, database_acl, database);
  for (const Json& statement : before.at("database").as_array())
    connection.run(statement.as_string());
  connection.run("COMMIT");
  // The owner and the comment may be of somebody above us; the rest is ours to say.
  for (const Json& statement : before.at("public").as_array()) {
    static_cast<void>(connection.attempt(statement.as_string()));
    if (statement.as_string() == "CREATE SCHEMA public")
      revoke_all(connection, public_acl, "SCHEMA public");
  }
  unmark(connection, name);
}

}  // namespace holdfast::engine::postgresql
