// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/in_place.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/hash.h"
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

constexpr std::string_view read_only = "default_transaction_read_only";

std::string database_of(Connection& connection) {
  return "DATABASE " + quote_name(connection.value("SELECT pg_catalog.current_database()"));
}

// Up to version 14 it belongs to the server's first role.
bool public_is_ours(Connection& connection) {
  return connection.value(
             "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'public' AND"
             " pg_catalog.pg_has_role(nspowner, 'USAGE'))") == "t";
}

Settings settings_of(Connection& connection) {
  const Rows rows = connection.query(
      "SELECT coalesce(pg_catalog.pg_get_userbyid(nullif(s.setrole, 0)), 'all'),"
      " pg_catalog.unnest(s.setconfig) FROM pg_catalog.pg_db_role_setting s"
      " JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase"
      " WHERE d.datname = pg_catalog.current_database()");
  Settings settings;
  for (std::size_t i = 0; i < rows.size(); ++i) settings.emplace(rows.text(i, 0), rows.text(i, 1));
  return settings;
}

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

// What lies in a schema that is not ours, and so cannot be dropped itself.
void drop_from_public(Connection& connection) {
  connection.run(
      "DO $clear$\n"
      "DECLARE one record;\n"
      "BEGIN\n"
      "  LOOP\n"
      "    SELECT CASE i.type WHEN 'statistics object' THEN 'statistics' ELSE i.type END AS kind,"
      " i.identity INTO one FROM pg_catalog.pg_depend d,"
      " pg_catalog.pg_identify_object(d.classid, d.objid, 0) i"
      " WHERE d.refclassid = 'pg_catalog.pg_namespace'::regclass AND d.refobjid ="
      " 'public'::regnamespace AND d.objid >= 16384 AND d.objsubid = 0 AND d.deptype = 'n'"
      " LIMIT 1;\n"
      "    EXIT WHEN NOT FOUND;\n"
      "    EXECUTE pg_catalog.format('DROP %s %s CASCADE', one.kind, one.identity);\n"
      "  END LOOP;\n"
      "END\n$clear$");
}

void drop_rest(Connection& connection, const std::string& mark_name) {
  const bool has_public = public_is_ours(connection);
  if (!has_public) drop_from_public(connection);
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
      " AND nspname NOT IN ('information_schema', {}{}) LOOP\n"
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
      " CASE WHEN defaclnamespace = 0 THEN '' ELSE ' IN SCHEMA ' ||"
      " defaclnamespace::pg_catalog.regnamespace END AS place,"
      " defaclacl FROM pg_catalog.pg_default_acl LOOP\n"
      "    FOR who IN SELECT DISTINCT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE"
      " pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(grantee)) END AS name"
      " FROM pg_catalog.aclexplode(one.defaclacl) LOOP\n"
      "      EXECUTE pg_catalog.format('ALTER DEFAULT PRIVILEGES FOR ROLE %s%s REVOKE ALL ON"
      " %s FROM %s', one.role, one.place, one.what, who.name);\n    END LOOP;\n"
      "    CONTINUE WHEN one.place <> '';\n"
      "    EXECUTE pg_catalog.format('ALTER DEFAULT PRIVILEGES FOR ROLE %s GRANT ALL ON %s TO %s',"
      " one.role, one.what, one.role);\n"
      "    IF one.what = 'FUNCTIONS' THEN EXECUTE pg_catalog.format('ALTER DEFAULT PRIVILEGES FOR"
      " ROLE %s GRANT EXECUTE ON FUNCTIONS TO PUBLIC', one.role); END IF;\n"
      "    IF one.what = 'TYPES' THEN EXECUTE pg_catalog.format('ALTER DEFAULT PRIVILEGES FOR"
      " ROLE %s GRANT USAGE ON TYPES TO PUBLIC', one.role); END IF;\n"
      "  END LOOP;\n"
      "END\n$clear$",
      quote_text(mark_name), has_public ? "" : ", 'public'"));
}

// What a new database has, as far as it is ours to say.
void make_plain(Connection& connection) {
  const std::string database = database_of(connection);
  connection.run(fmt::format("ALTER {0} RESET ALL; COMMENT ON {0} IS NULL", database));
  if (!public_is_ours(connection)) return;
  revoke_all(connection, public_acl, "SCHEMA public");
  connection.run(fmt::format(
      "GRANT ALL ON SCHEMA public TO {}; GRANT {} ON SCHEMA public TO PUBLIC",
      quote_name(connection.value("SELECT pg_catalog.pg_get_userbyid(nspowner)"
                                  " FROM pg_catalog.pg_namespace WHERE nspname = 'public'")),
      connection.server_major() >= 15 ? "USAGE" : "ALL"));
}

// Who may enter already stays until he is ended.
void close(Connection& connection) {
  const std::string database = database_of(connection);
  revoke_all(connection, database_acl, database);
  connection.run(
      fmt::format("GRANT ALL ON {0} TO {1}; ALTER {0} SET {2} TO on", database,
                  quote_name(connection.value("SELECT pg_catalog.pg_get_userbyid(datdba)"
                                              " FROM pg_catalog.pg_database"
                                              " WHERE datname = pg_catalog.current_database()")),
                  read_only));
}

void unmark(Connection& connection, const std::string& name) {
  connection.run("DROP SCHEMA IF EXISTS " + quote_name(name));
}

}  // namespace

Settings lasting_settings(Connection& connection) {
  connection.run("BEGIN");
  Settings settings;
  if (connection.attempt(fmt::format("ALTER {} RESET ALL", database_of(connection))).empty())
    settings = settings_of(connection);
  connection.rollback();
  return settings;
}

Json remember_database(Connection& connection, const std::string& name, const Settings& but) {
  const std::string database = "DATABASE " + quote_name(name);
  Json settings = Json::array();
  for (const auto& one : settings_of(connection)) {
    if (but.contains(one)) continue;
    const std::string set = setting(one.second);
    settings.push(one.first == "all" ? fmt::format("ALTER {} {}", database, set)
                                     : fmt::format("ALTER ROLE {} IN {} {}", quote_name(one.first),
                                                   database, set));
  }
  settings.push(
      comment(database, connection.query("SELECT pg_catalog.shobj_description(oid, 'pg_database')"
                                         " FROM pg_catalog.pg_database"
                                         " WHERE datname = pg_catalog.current_database()")));
  remember_grants(connection, database_acl, database, settings);
  Json schema = Json::array();
  if (public_is_ours(connection)) {
    schema.push("CREATE SCHEMA public");
    schema.push("ALTER SCHEMA public OWNER TO " +
                quote_name(connection.value("SELECT pg_catalog.pg_get_userbyid(nspowner)"
                                            " FROM pg_catalog.pg_namespace"
                                            " WHERE nspname = 'public'")));
    schema.push(comment("SCHEMA public", connection.query("SELECT pg_catalog.obj_description(oid)"
                                                          " FROM pg_catalog.pg_namespace"
                                                          " WHERE nspname = 'public'")));
    remember_grants(connection, public_acl, "SCHEMA public", schema);
  }
  return Json().set("database", std::move(settings)).set("public", std::move(schema));
}

std::vector<std::string> give_settings(Connection& connection, const Json& statements) {
  std::vector<std::string> refused;
  revoke_all(connection, database_acl, database_of(connection));
  for (const Json& statement : statements.as_array()) {
    connection.run("SAVEPOINT holdfast");
    if (!connection.attempt(statement.as_string()).empty()) {
      connection.run("ROLLBACK TO SAVEPOINT holdfast");
      refused.push_back(statement.as_string());
    }
    connection.run("RELEASE SAVEPOINT holdfast");
  }
  return refused;
}

std::vector<std::string> give_public(Connection& connection, const Json& statements) {
  std::vector<std::string> refused;
  for (const Json& statement : statements.as_array()) {
    const std::string& sql = statement.as_string();
    const bool makes = sql == "CREATE SCHEMA public";  // which is there already, or not
    if (!connection.attempt(sql).empty() && !makes) refused.push_back(sql);
    if (makes) revoke_all(connection, public_acl, "SCHEMA public");
  }
  return refused;
}

Mark mark_of(Connection& connection, const std::string& name) {
  const Rows rows = connection.query(
      "SELECT pg_catalog.obj_description(oid) IS NOT NULL FROM pg_catalog.pg_namespace"
      " WHERE nspname = $1",
      {name});
  if (rows.empty()) return Mark::none;
  return rows.boolean(0, 0) ? Mark::ours : Mark::closed;
}

void close_marked(Connection& connection, const std::string& name) {
  connection.run("BEGIN; CREATE SCHEMA " + quote_name(name));
  make_plain(connection);
  close(connection);
  connection.run("COMMIT");
}

void mark_ours(Connection& connection, const std::string& name) {
  connection.run(fmt::format("COMMENT ON SCHEMA {} IS 'being filled'", quote_name(name)));
}

void open_again(Connection& connection, const std::string& name, const Json& before) {
  connection.run("BEGIN");
  connection.run(fmt::format("ALTER {} RESET ALL", database_of(connection)));
  const std::vector<std::string> refused = give_settings(connection, before.at("database"));
  if (!refused.empty()) throw Error(Errc::denied, "could not be run again: " + refused.front());
  connection.run("COMMIT");
  // The owner and the comment may be of somebody above us; the rest is ours to say.
  static_cast<void>(give_public(connection, before.at("public")));
  unmark(connection, name);
}

ClosedView run_closed(Connection& connection, const std::function<void(Connection&)>& about) {
  const std::string database = database_of(connection);
  connection.run(
      fmt::format("BEGIN; ALTER {0} RESET {1}; GRANT CONNECT, TEMPORARY ON {0} TO PUBLIC", database,
                  read_only));
  about(connection);
  ClosedView view{Json::array(), settings_of(connection)};
  std::string state = "RESET " + std::string(read_only);
  for (const auto& [role, entry] : view.settings)
    if (role == "all" && entry.starts_with(read_only)) state = setting(entry);
  view.opening.push(fmt::format("ALTER {} {}", database, state));
  remember_grants(connection, database_acl, database, view.opening);
  close(connection);
  connection.run("COMMIT");
  return view;
}

void open_filled(Connection& connection, const std::string& name, const Json& opening) {
  connection.run("BEGIN");
  revoke_all(connection, database_acl, database_of(connection));
  for (const Json& statement : opening.as_array()) connection.run(statement.as_string());
  unmark(connection, name);
  connection.run("COMMIT");
}

std::vector<model::ObjectFacts> objects_of(const Settings& settings) {
  std::map<std::string, std::string> texts;  // sorted by entry, as the set is
  for (const auto& [role, entry] : settings) {
    std::string& text = texts[role];
    text += (text.empty() ? "" : "\n") + entry;
  }
  std::vector<model::ObjectFacts> objects;
  for (const auto& [role, text] : texts) {
    const Sha256Digest hash = sha256(as_bytes(text));
    objects.push_back({"setting", role, to_hex(ByteView(hash))});
  }
  return objects;
}

void clear_marked(Connection& connection, const std::string& name, const Json& before) {
  drop_much(connection);
  drop_rest(connection, name);
  open_again(connection, name, before);
}

}  // namespace holdfast::engine::postgresql
