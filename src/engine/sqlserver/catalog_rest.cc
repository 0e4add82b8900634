// SPDX-License-Identifier: Apache-2.0
// Users, roles and rights of catalog.h; and what is there and no part of a copy by rows.
#include <fmt/format.h>

#include <algorithm>

#include "engine/sqlserver/catalog_reader.h"

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::size_t names_told_max = 10;

// On what a right is: " ON OBJECT::[dbo].[Orders] ([Id])"; empty for the database. Nothing: it is
// of a kind that is not carried.
struct Securable {
  std::string text;
  bool is_known = true;
};

Securable securable_of(std::int64_t on, const SqlName& object, const std::string& column,
                       const std::string& schema, const std::string& principal,
                       const std::string& principal_type, const SqlName& type) {
  switch (on) {
    case 0:
      return {};
    case 1:
      if (object.table.empty()) return {"", false};
      return {
          " ON OBJECT::" + quoted(object) + (column.empty() ? "" : " (" + identifier(column) + ")"),
          true};
    case 3:
      return {" ON SCHEMA::" + identifier(schema), true};
    case 4:
      return {(principal_type == "R" ? " ON ROLE::" : " ON USER::") + identifier(principal), true};
    case 6:
      return {" ON TYPE::" + quoted(type), true};
    default:
      return {"", false};
  }
}

void read_rights(CatalogReader& reader) {
  Catalog& catalog = reader.catalog();
  std::size_t others = 0;
  reader.each_if_known(
      "rights",
      "SELECT d.class, d.state, d.permission_name, USER_NAME(d.grantee_principal_id),"
      " SCHEMA_NAME(o.schema_id), o.name, c.name, s.name, p.name, p.type,"
      " SCHEMA_NAME(t.schema_id), t.name FROM sys.database_permissions d"
      " LEFT JOIN sys.objects o ON d.class = 1 AND o.object_id = d.major_id"
      " LEFT JOIN sys.columns c ON d.class = 1 AND d.minor_id > 0 AND c.object_id = d.major_id"
      " AND c.column_id = d.minor_id"
      " LEFT JOIN sys.schemas s ON d.class = 3 AND s.schema_id = d.major_id"
      " LEFT JOIN sys.database_principals p ON d.class = 4 AND p.principal_id = d.major_id"
      " LEFT JOIN sys.types t ON d.class = 6 AND t.user_type_id = d.major_id"
      " WHERE d.major_id >= 0 AND USER_NAME(d.grantee_principal_id) <> 'dbo'"
      " AND (o.is_ms_shipped IS NULL OR o.is_ms_shipped = 0) ORDER BY 1, 4, 3, 5, 6, 7",
      [&](Fields& fields) {
        const std::int64_t on = fields.number();
        const std::string state = fields.text();
        const std::string right = fields.text();
        const std::string grantee = fields.text();
        const SqlName object = fields.name();
        const std::string column = fields.text();
        const std::string schema = fields.text();
        const std::string principal = fields.text();
        const std::string principal_type = fields.text();
        const SqlName type = fields.name();
        const Securable what =
            securable_of(on, object, column, schema, principal, principal_type, type);
        if (!what.is_known || state.starts_with('R')) {
          ++others;
          return;
        }
        catalog.permissions.push_back({fmt::format(
            "{} {}{} TO {}{}", state.starts_with('D') ? "DENY" : "GRANT", right, what.text,
            identifier(grantee), state.starts_with('W') ? " WITH GRANT OPTION" : "")});
      });
  if (others > 0)
    catalog.left_out.push_back(fmt::format("{} rights on assemblies, keys and the like", others));
}

}  // namespace

void read_principals(CatalogReader& reader) {
  Catalog& catalog = reader.catalog();
  reader.each_if_known(
      "users",
      "SELECT name, SUSER_SNAME(sid), default_schema_name, type FROM sys.database_principals"
      " WHERE type NOT IN ('R', 'A') AND name NOT IN ('dbo', 'guest', 'sys', 'INFORMATION_SCHEMA')"
      " ORDER BY name",
      [&](Fields& fields) {
        CatalogUser user;
        user.name = fields.text();
        user.login = fields.text();
        user.default_schema = fields.text();
        const std::string type = fields.text();
        if (!type.empty()) user.kind = type[0];
        catalog.users.push_back(std::move(user));
      });
  reader.each_if_known("", "SELECT name FROM sys.database_principals WHERE authentication_type = 2",
                       [&](Fields& fields) {
                         const auto user =
                             std::ranges::find(catalog.users, fields.text(), &CatalogUser::name);
                         if (user != catalog.users.end()) user->has_password = true;
                       });
  for (const CatalogUser& user : catalog.users) {
    if (user.has_password)
      catalog.left_out.push_back(
          fmt::format("the password of user {}, which this database alone knows", user.name));
  }
  reader.each_if_known("roles",
                       "SELECT name, USER_NAME(owning_principal_id), type"
                       " FROM sys.database_principals WHERE type IN ('R', 'A')"
                       " AND is_fixed_role = 0 AND name <> 'public' ORDER BY name",
                       [&](Fields& fields) {
                         CatalogRole role;
                         role.name = fields.text();
                         role.owner = fields.text();
                         role.is_application = fields.text().starts_with('A');
                         catalog.roles.push_back(std::move(role));
                       });
  for (const CatalogRole& role : catalog.roles) {
    if (role.is_application)
      catalog.left_out.push_back(
          fmt::format("application role {}, whose password nobody can read", role.name));
  }
  reader.each_if_known("members of roles",
                       "SELECT USER_NAME(role_principal_id), USER_NAME(member_principal_id)"
                       " FROM sys.database_role_members"
                       " WHERE USER_NAME(member_principal_id) <> 'dbo' ORDER BY 1, 2",
                       [&](Fields& fields) {
                         CatalogMembership one;
                         one.role = fields.text();
                         one.member = fields.text();
                         catalog.memberships.push_back(std::move(one));
                       });
  read_rights(reader);
}

void read_left_out(CatalogReader& reader) {
  struct Question {
    std::string_view what, sql;
  };
  static constexpr Question questions[] = {
      {"assemblies", "SELECT name FROM sys.assemblies WHERE is_user_defined = 1"},
      {"code of assemblies",
       "SELECT o.name FROM sys.assembly_modules m JOIN sys.objects o ON o.object_id = m.object_id"
       " WHERE o.is_ms_shipped = 0"},
      {"types of assemblies", "SELECT name FROM sys.assembly_types WHERE is_user_defined = 1"},
      {"full-text catalogs", "SELECT name FROM sys.fulltext_catalogs"},
      {"full-text indexes, of tables", "SELECT OBJECT_NAME(object_id) FROM sys.fulltext_indexes"},
      {"partition schemes, whose tables become one piece",
       "SELECT name FROM sys.partition_schemes"},
      {"external data sources", "SELECT name FROM sys.external_data_sources"},
      {"certificates", "SELECT name FROM sys.certificates"},
      {"asymmetric keys", "SELECT name FROM sys.asymmetric_keys"},
      {"symmetric keys", "SELECT name FROM sys.symmetric_keys"},
      {"keys of encrypted columns", "SELECT name FROM sys.column_encryption_keys"},
      {"security policies", "SELECT name FROM sys.security_policies"},
      {"rules", "SELECT name FROM sys.objects WHERE type = 'R' AND is_ms_shipped = 0"},
      {"defaults that are bound to columns",
       "SELECT name FROM sys.objects WHERE type = 'D' AND parent_object_id = 0"
       " AND is_ms_shipped = 0"},
      {"numbered procedures", "SELECT OBJECT_NAME(object_id) FROM sys.numbered_procedures"},
      {"statistics that somebody made", "SELECT name FROM sys.stats WHERE user_created = 1"},
      {"plan guides", "SELECT name FROM sys.plan_guides"},
      {"queues of the Service Broker",
       "SELECT name FROM sys.service_queues WHERE is_ms_shipped = 0"},
      {"services of the Service Broker",
       "SELECT name FROM sys.services WHERE name NOT LIKE 'http://schemas.microsoft.com/%'"},
      {"event notifications", "SELECT name FROM sys.event_notifications"},
      {"audit specifications", "SELECT name FROM sys.database_audit_specifications"},
      {"change tracking, of tables",
       "SELECT OBJECT_NAME(object_id) FROM sys.change_tracking_tables"},
      {"change data capture, of tables", "SELECT name FROM sys.tables WHERE is_tracked_by_cdc = 1"},
      {"publications, of tables", "SELECT name FROM sys.tables WHERE is_published = 1"},
  };
  for (const Question& question : questions) {
    std::vector<std::string> names;
    reader.each_if_known("", question.sql, [&](Fields& fields) { names.push_back(fields.text()); });
    if (names.empty()) continue;
    const std::size_t all = names.size();
    std::ranges::sort(names);
    if (all > names_told_max) names.resize(names_told_max);
    reader.catalog().left_out.push_back(
        fmt::format("{}: {}{}", question.what, fmt::join(names, ", "),
                    all > names_told_max ? fmt::format(" and {} more", all - names_told_max) : ""));
  }
  for (const CatalogTable& table : reader.catalog().tables) {
    for (const CatalogColumn& column : table.columns) {
      if (column.is_filestream && table.left_out.empty())
        reader.catalog().left_out.push_back(fmt::format(
            "that column {} of {} is kept as FILESTREAM: a restore keeps it in the table",
            column.column.name, table.name.display()));
    }
  }
}

}  // namespace holdfast::engine::sqlserver
