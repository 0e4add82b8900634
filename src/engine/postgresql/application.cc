// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/application.h"

#include <fmt/format.h>

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

std::vector<Wanted> wanted_grants(Connection& connection, const std::string& role,
                                  const std::string& schema) {
  std::vector<Wanted> wanted;
  const std::string to = " TO " + quote_name(role) + ";";
  const Rows database = connection.query(
      "SELECT d.datname, coalesce((SELECT pg_catalog.has_database_privilege(r.oid, d.oid,"
      " 'CONNECT') FROM pg_roles r WHERE r.rolname = $1), false)"
      " FROM pg_database d WHERE d.datname = pg_catalog.current_database()",
      {role});
  wanted.push_back({"CONNECT", "GRANT CONNECT ON DATABASE " + quote_name(database.view(0, 0)) + to,
                    database.boolean(0, 1)});
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
  return {option("application_user"), option("application_schema")};
}

std::vector<std::string> application_grants(Connection& connection, const std::string& role,
                                            const std::string& schema) {
  std::vector<std::string> statements;
  for (Wanted& one : wanted_grants(connection, role, schema))
    statements.push_back(std::move(one.statement));
  return statements;
}

std::vector<MissingGrant> missing_application_grants(Connection& connection,
                                                     const std::string& role,
                                                     const std::string& schema) {
  std::vector<MissingGrant> missing;
  for (Wanted& one : wanted_grants(connection, role, schema)) {
    if (!one.had) missing.push_back({std::move(one.object), std::move(one.statement)});
  }
  return missing;
}

std::string application_block(std::string_view role, std::string_view schema) {
  const std::string which = schema.empty()
                                ? fmt::format("{} AND n.nspname <> 'holdfast'", user_schemas)
                                : "n.nspname = " + quote_text(schema);
  std::string tag = "$holdfast$";
  while (role.find(tag) != std::string_view::npos || schema.find(tag) != std::string_view::npos)
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
