// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/privileges.h"

#include <fmt/format.h>

#include "engine/postgresql/catalog.h"
#include "engine/postgresql/quote.h"

namespace holdfast::engine::postgresql {
namespace {

// What pg_dump locks and we read: the user's tables and partitioned tables, and what extensions
// declare as configuration.
std::string relations(std::string_view kinds) {
  return fmt::format(
      "pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
      " WHERE c.relkind IN ({}) AND c.relpersistence <> 't' AND {}",
      kinds, owned_or_configured);
}

struct Wanted {
  std::string object, statement;
  bool had = false;
};

// Everything to be read, with whether the connection's role may.
std::vector<Wanted> wanted_grants(Connection& connection, const std::string& role) {
  std::vector<Wanted> wanted;
  const std::string to = " TO " + quote_name(role) + ";";
  const Rows schemas = connection.query(fmt::format(
      "SELECT n.nspname, pg_catalog.has_schema_privilege(n.oid, 'USAGE') FROM pg_namespace n"
      " WHERE n.oid IN (SELECT c.relnamespace FROM {}) ORDER BY 1",
      relations("'r', 'p', 'S'")));
  for (std::size_t i = 0; i < schemas.size(); ++i) {
    wanted.push_back({"schema " + schemas.text(i, 0),
                      "GRANT USAGE ON SCHEMA " + quote_name(schemas.view(i, 0)) + to,
                      schemas.boolean(i, 1)});
  }
  const Rows tables = connection.query(fmt::format(
      "SELECT n.nspname, c.relname, c.relkind = 'S', CASE WHEN c.relkind = 'S'"
      " THEN pg_catalog.has_sequence_privilege(c.oid, 'SELECT')"
      " ELSE pg_catalog.has_table_privilege(c.oid, 'SELECT') END FROM {} ORDER BY 3, 1, 2",
      relations("'r', 'p', 'S'")));
  for (std::size_t i = 0; i < tables.size(); ++i) {
    const model::TableName name{tables.text(i, 0), tables.text(i, 1)};
    const std::string_view kind = tables.boolean(i, 2) ? "sequence" : "table";
    wanted.push_back({fmt::format("{} {}", kind, name.display()),
                      fmt::format("GRANT SELECT ON {} {}{}", kind == "table" ? "TABLE" : "SEQUENCE",
                                  quote_name(name), to),
                      tables.boolean(i, 3)});
  }
  const Rows objects = connection.query(
      "SELECT m.oid, pg_catalog.current_setting('lo_compat_privileges')::bool"
      " OR (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user)"
      " OR pg_catalog.pg_has_role(m.lomowner, 'USAGE') OR EXISTS (SELECT FROM"
      "  pg_catalog.aclexplode(m.lomacl) a WHERE a.privilege_type = 'SELECT' AND (a.grantee = 0"
      "  OR pg_catalog.pg_has_role(a.grantee, 'USAGE')))"
      " FROM pg_largeobject_metadata m ORDER BY 1");
  for (std::size_t i = 0; i < objects.size(); ++i) {
    wanted.push_back({fmt::format("large object {}", objects.view(i, 0)),
                      fmt::format("GRANT SELECT ON LARGE OBJECT {}{}", objects.view(i, 0), to),
                      objects.boolean(i, 1)});
  }
  return wanted;
}

}  // namespace

std::vector<MissingGrant> missing_grants(Connection& connection) {
  const std::string role = connection.value("SELECT current_user");
  std::vector<MissingGrant> missing;
  for (Wanted& one : wanted_grants(connection, role)) {
    if (!one.had) missing.push_back({std::move(one.object), std::move(one.statement)});
  }
  return missing;
}

std::vector<std::string> reading_grants(Connection& connection, const std::string& role) {
  std::vector<std::string> statements;
  for (Wanted& one : wanted_grants(connection, role))
    statements.push_back(std::move(one.statement));
  return statements;
}

std::vector<std::string> tables_with_hidden_rows(Connection& connection) {
  const Rows rows =
      connection.query(fmt::format("SELECT n.nspname, c.relname FROM {} AND c.relrowsecurity"
                                   " AND pg_catalog.row_security_active(c.oid) ORDER BY 1, 2",
                                   relations("'r', 'p'")));
  std::vector<std::string> tables;
  for (std::size_t i = 0; i < rows.size(); ++i)
    tables.push_back(model::TableName{rows.text(i, 0), rows.text(i, 1)}.display());
  return tables;
}

}  // namespace holdfast::engine::postgresql
