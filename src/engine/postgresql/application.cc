// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/application.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "engine/postgresql/catalog.h"
#include "engine/postgresql/quote.h"

namespace holdfast::engine::postgresql {
namespace {

struct Wanted {
  std::string object, statement;
  bool had = false;
};

// How many relations `c` of these kinds in schema `n` the role `r` may not use for all of
// `privileges`, and one of them.
std::string lacking(std::string_view kinds, std::string_view function,
                    std::initializer_list<std::string_view> privileges) {
  std::string all;
  for (const std::string_view privilege : privileges) {
    all += fmt::format("{}pg_catalog.{}(r.oid, c.oid, '{}')", all.empty() ? "" : " AND ", function,
                       privilege);
  }
  return fmt::format(
      "(SELECT count(*) || ' ' || coalesce(min(c.relname), '') FROM pg_class c"
      " WHERE c.relnamespace = n.oid AND c.relkind IN ({}) AND c.relpersistence <> 't'"
      " AND NOT EXISTS (SELECT FROM pg_depend d"
      "  WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid"
      "  AND d.deptype = 'e') AND NOT coalesce({}, false))",
      kinds, all);
}

// "44 pm_dam_binval" as "44 tables of public, the first pm_dam_binval"; nothing for "0 ".
std::string counted(std::string_view count, std::string_view kind, const std::string& schema) {
  const std::size_t space = count.find(' ');
  if (count.substr(0, space) == "0") return {};
  return fmt::format("{} {} of schema {}, the first {}", count.substr(0, space), kind, schema,
                     count.substr(space + 1));
}

// SQL for a role's own search_path; `role` is SQL for its name. What holds for the session that
// asks is the server's own unless that session's role has one of its own.
std::string own_path(std::string_view role) {
  constexpr std::string_view settings =
      "(SELECT pg_catalog.substr(c.one, 13) AS path, s.setrole, s.setdatabase"
      " FROM pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) AS c (one)"
      " WHERE s.setdatabase IN (0, (SELECT d.oid FROM pg_catalog.pg_database d"
      "  WHERE d.datname = pg_catalog.current_database()))"
      " AND pg_catalog.left(c.one, 12) = 'search_path=')";
  constexpr std::string_view id = "(SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = {})";
  return fmt::format(
      "coalesce((SELECT o.path FROM {0} o WHERE o.setrole IN (0, {1})"
      " ORDER BY o.setrole = 0, o.setdatabase = 0 LIMIT 1),"
      " (SELECT CASE WHEN EXISTS (SELECT FROM {0} o WHERE o.setrole = {2})"
      " THEN g.boot_val ELSE g.reset_val END"
      " FROM pg_catalog.pg_settings g WHERE g.name = 'search_path'))",
      settings, fmt::format(fmt::runtime(id), role), fmt::format(fmt::runtime(id), "session_user"));
}

// A query of the schemas that a role finds by a path, both given as SQL: `name`, `is_own` for
// "$user", `oid`, null if it is not there, and `number`.
std::string schemas_by(std::string_view path, std::string_view role) {
  return fmt::format(
      "SELECT w.name, w.is_own, n.oid, w.number FROM"
      " (SELECT CASE WHEN p.part = '$user' THEN {1} ELSE p.part END AS name,"
      "  p.part = '$user' AS is_own, p.number FROM"
      "  (SELECT coalesce(pg_catalog.replace(m.hit[1], '\"\"', '\"'),"
      "   pg_catalog.lower(m.hit[2])) AS part, m.number FROM pg_catalog.regexp_matches({0},"
      "   '\"((?:[^\"]|\"\")*)\"|([^\",[:space:]]+)', 'g') WITH ORDINALITY AS m (hit, number)) p) w"
      " LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = w.name"
      " WHERE w.name <> '' AND w.name !~ '^pg_' AND w.name <> 'information_schema'",
      path, role);
}

// Where the server makes the tables of the role, none if nowhere; and what has to be made for that.
std::optional<std::string> schema_for(Connection& connection, const std::string& role,
                                      const std::string& path, std::vector<Wanted>& wanted) {
  const std::string on_path =
      schemas_by("coalesce(nullif($2::text, ''), " + own_path("$1::text") + ")", "$1::text");
  const auto make = [&](const std::string& name) {
    wanted.push_back({"schema " + name, fmt::format("CREATE SCHEMA {} AUTHORIZATION {};",
                                                    quote_name(name), quote_name(role))});
  };
  const std::size_t before = wanted.size();
  const Rows schemas = connection.query(on_path + " ORDER BY w.number", {role, path});
  for (std::size_t i = 0; i < schemas.size(); ++i) {
    if (!schemas.is_null(i, 2)) return schemas.text(i, 0);
    if (!schemas.boolean(i, 1)) make(schemas.text(i, 0));
  }
  if (wanted.size() > before) return std::nullopt;
  if (!schemas.empty()) {
    make(role);
    return std::nullopt;
  }
  wanted.push_back(
      {"a schema in its search_path",
       fmt::format("ALTER ROLE {} IN DATABASE {} SET search_path = public;", quote_name(role),
                   quote_name(connection.value("SELECT current_database()")))});
  return std::nullopt;
}

std::vector<Wanted> wanted_grants(Connection& connection, const Application& application) {
  std::vector<Wanted> wanted;
  const std::string& role = application.user;
  const std::string to = " TO " + quote_name(role) + ";";
  const Rows database = connection.query(
      "SELECT d.datname, coalesce((SELECT pg_catalog.has_database_privilege(r.oid, d.oid,"
      " 'CONNECT') FROM pg_roles r WHERE r.rolname = $1), false)"
      " FROM pg_database d WHERE d.datname = pg_catalog.current_database()",
      {role});
  wanted.push_back({"CONNECT", "GRANT CONNECT ON DATABASE " + quote_name(database.view(0, 0)) + to,
                    database.boolean(0, 1)});
  std::string schema;
  if (application.schemas) {
    const auto found = schema_for(connection, role, *application.schemas, wanted);
    if (!found) return wanted;
    schema = *found;
  }
  const Rows schemas = connection.query(
      fmt::format(
          "SELECT n.nspname, coalesce(pg_catalog.has_schema_privilege(r.oid, n.oid, 'USAGE'),"
          " false), coalesce(pg_catalog.has_schema_privilege(r.oid, n.oid, 'CREATE'), false), {},"
          " {} FROM pg_namespace n LEFT JOIN pg_roles r ON r.rolname = $1"
          " WHERE {} AND n.nspname <> 'holdfast' AND ($2::text = '' OR n.nspname = $2::text) ORDER "
          "BY 1",
          lacking("'r', 'p'", "has_table_privilege", {"SELECT", "INSERT", "UPDATE", "DELETE"}),
          lacking("'S'", "has_sequence_privilege", {"USAGE", "SELECT"}), user_schemas),
      {role, schema});
  for (std::size_t i = 0; i < schemas.size(); ++i) {
    const std::string name = schemas.text(i, 0);
    const std::string quoted = quote_name(name);
    const std::string tables = counted(schemas.view(i, 3), "tables", name);
    const std::string sequences = counted(schemas.view(i, 4), "sequences", name);
    wanted.push_back(
        {"USAGE on schema " + name, "GRANT USAGE ON SCHEMA " + quoted + to, schemas.boolean(i, 1)});
    wanted.push_back({"CREATE on schema " + name, "GRANT CREATE ON SCHEMA " + quoted + to,
                      schemas.boolean(i, 2)});
    wanted.push_back({"SELECT, INSERT, UPDATE or DELETE on " + tables,
                      "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA " + quoted + to,
                      tables.empty()});
    wanted.push_back({"USAGE or SELECT on " + sequences,
                      "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA " + quoted + to,
                      sequences.empty()});
  }
  return wanted;
}

}  // namespace

Application application_of(const model::Endpoint& endpoint) {
  const auto option = [&](const char* key) {
    const auto found = endpoint.options.find(key);
    return found == endpoint.options.end() ? std::string() : found->second;
  };
  Application application{option("application_user"), std::nullopt};
  if (endpoint.options.contains("application_schema"))
    application.schemas = option("application_schema");
  return application;
}

std::vector<std::string> application_grants(Connection& connection,
                                            const Application& application) {
  std::vector<std::string> statements;
  for (Wanted& one : wanted_grants(connection, application))
    statements.push_back(std::move(one.statement));
  return statements;
}

std::vector<MissingGrant> missing_application_grants(Connection& connection,
                                                     const Application& application) {
  std::vector<MissingGrant> missing;
  for (Wanted& one : wanted_grants(connection, application)) {
    if (!one.had) missing.push_back({std::move(one.object), std::move(one.statement)});
  }
  return missing;
}

std::string application_block(std::string_view role, const std::optional<std::string>& schemas) {
  const std::string name = quote_text(role);
  std::string which = fmt::format("{} AND n.nspname <> 'holdfast'", user_schemas);
  if (schemas) {
    which = fmt::format(
        "n.oid = (SELECT f.oid FROM ({}) f WHERE f.oid IS NOT NULL ORDER BY f.number LIMIT 1)",
        schemas_by(schemas->empty() ? own_path(name) : quote_text(*schemas), name));
  }
  std::string tag = "$holdfast$";
  while (which.find(tag) != std::string::npos || role.find(tag) != std::string_view::npos)
    tag.insert(1, "x");
  return fmt::format(
      "DO {2}\n"
      "DECLARE\n"
      "  one record;\n"
      "BEGIN\n"
      "  FOR one IN SELECT n.nspname FROM pg_catalog.pg_namespace n WHERE {0} LOOP\n"
      "    EXECUTE pg_catalog.format('GRANT CREATE, USAGE ON SCHEMA %I TO %I', one.nspname, {1});\n"
      "    EXECUTE pg_catalog.format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "
      "%I TO %I',\n"
      "      one.nspname, {1});\n"
      "    EXECUTE pg_catalog.format('GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA %I TO %I', "
      "one.nspname, {1});\n"
      "  END LOOP;\n"
      "END\n"
      "{2};",
      which, quote_text(role), tag);
}

}  // namespace holdfast::engine::postgresql
