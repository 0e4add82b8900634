// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/probe_rights.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "engine/finding.h"

namespace holdfast::engine::sqlserver {
namespace {

using model::Severity;

constexpr std::string_view grants = "run what `holdfast grants backup` prints";

class Lacking {
 public:
  explicit Lacking(const Location& location)
      : user_(location.user.empty() ? "our login" : identifier(location.user)),
        database_(identifier(location.database)) {}

  // `statement` has {0} for the user and {1} for the database.
  void add(std::string code, Severity severity, std::string_view right, std::string_view why,
           std::string_view statement) {
    all.push_back(finding(std::move(code), severity, fmt::format("our account lacks {}", right),
                          std::string(why),
                          fmt::format(fmt::runtime(statement), user_, database_)));
  }
  std::vector<model::Finding> all;

 private:
  std::string user_, database_;
};

}  // namespace

Rights::Rights(Session& session, bool is_sql_server) {
  if (!is_sql_server) return;
  const auto row = session.try_query(
      "SELECT HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'BACKUP DATABASE'), "
      "HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'SELECT'), "
      "HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'VIEW DEFINITION'), "
      "HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER STATE'), "
      "HAS_PERMS_BY_NAME(NULL, NULL, 'CREATE ANY DATABASE'), "
      "HAS_PERMS_BY_NAME(NULL, NULL, 'ALTER ANY CREDENTIAL')");
  if (!row || row->empty() || row->front().size() != 6) return;
  can_be_told_ = true;
  const auto has = [&](std::size_t column) { return row->front()[column].value_or("0") == "1"; };
  backs_up_ = has(0);
  selects_ = has(1);
  sees_definitions_ = has(2);
  sees_server_state_ = has(3);
  makes_databases_ = has(4);
  alters_credentials_ = has(5);
}

std::vector<model::Finding> Rights::findings(const Location& location, Method method) const {
  Lacking lacking(location);
  if (!can_be_told_) {
    lacking.all.push_back(finding("sqlserver-permissions-unobservable", Severity::note,
                                  "the server does not say what our account may do",
                                  "a right that is missing shows when the copy is made",
                                  std::string(grants)));
    return std::move(lacking.all);
  }
  if (method == Method::physical) {
    if (!backs_up_)
      lacking.add("sqlserver-permission", Severity::blocker, "BACKUP DATABASE",
                  "the server would refuse to make its backup",
                  "USE {1}; ALTER ROLE [db_backupoperator] ADD MEMBER {0};");
    if (!makes_databases_)
      lacking.add("sqlserver-permission", Severity::warning, "CREATE ANY DATABASE",
                  "the server then does not look at what it has written (RESTORE HEADERONLY and "
                  "VERIFYONLY): only Holdfast reads it",
                  "USE [master]; GRANT CREATE ANY DATABASE TO {0};");
    if (!location.receiver.empty() && location.exchange_directory.empty() && !alters_credentials_)
      lacking.add("sqlserver-permission", Severity::blocker, "ALTER ANY CREDENTIAL",
                  "the server writes to a `receiver` with a credential that is made for it",
                  "USE [master]; GRANT ALTER ANY CREDENTIAL TO {0};");
  } else {
    if (!selects_)
      lacking.add("sqlserver-permission", Severity::blocker, "SELECT on the database",
                  "rows could not be read", "USE {1}; GRANT SELECT TO {0};");
    if (!sees_definitions_)
      lacking.add("sqlserver-permission", Severity::blocker, "VIEW DEFINITION",
                  "the server shows only what an account has rights on, so that the copy would "
                  "lack objects without a word",
                  "USE {1}; GRANT VIEW DEFINITION TO {0};");
    if (!makes_databases_ && location.isolation != Isolation::session)
      lacking.add(
          "sqlserver-permission",
          location.isolation == Isolation::database_snapshot ? Severity::blocker : Severity::note,
          "CREATE ANY DATABASE",
          "no database snapshot can be made, from which several sessions would read one "
          "moment",
          "USE [master]; GRANT CREATE ANY DATABASE TO {0};");
  }
  if (!sees_server_state_)
    lacking.add("sqlserver-permission", Severity::note, "VIEW SERVER STATE",
                "how far a backup is, how much room there is, and by which certificate a database "
                "is encrypted is not shown",
                "USE [master]; GRANT VIEW SERVER STATE TO {0};");
  return std::move(lacking.all);
}

std::vector<model::Finding> application_findings(Session& session,
                                                 const model::Endpoint& endpoint) {
  const auto option = endpoint.options.find("application_user");
  if (option == endpoint.options.end() || option->second.empty()) return {};
  const std::string& user = option->second;
  const auto make = [](std::string seen, std::string mend) {
    return finding("sqlserver-application-grants", Severity::warning, std::move(seen),
                   "the application would fail at its first use of what it may not use",
                   std::move(mend));
  };
  // Our own login may be anybody there, as the owner of the database is dbo.
  const bool is_ours = user == endpoint.user;
  std::string known_as = user;
  if (!is_ours) {
    const auto known = session.try_query(
        fmt::format("SELECT name FROM sys.database_principals WHERE name = {0} OR sid = "
                    "SUSER_SID({0}) ORDER BY CASE WHEN sid = SUSER_SID({0}) THEN 0 ELSE 1 END",
                    literal(user)));
    if (!known) return {};
    if (known->empty())
      return {make(fmt::format("there is no user {} in the database, as which the application "
                               "connects",
                               user),
                   fmt::format("CREATE USER {0} FOR LOGIN {0}; and what `holdfast grants "
                               "application` prints",
                               identifier(user)))};
    known_as = known->front().at(0).value_or(user);
  }
  // A session of its own: this one goes on as whoever it is.
  const auto other = session.again();
  const auto row = other->try_query(
      fmt::format("{}SELECT HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'SELECT'), "
                  "HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'INSERT'), "
                  "HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'UPDATE'), "
                  "HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'DELETE'), "
                  "HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'CREATE TABLE')",
                  is_ours ? "" : fmt::format("EXECUTE AS USER = {}; ", literal(known_as))));
  constexpr std::array<std::string_view, 5> needed{"SELECT", "INSERT", "UPDATE", "DELETE",
                                                   "CREATE TABLE"};
  if (!row || row->empty() || row->front().size() != needed.size()) return {};
  std::string missing;
  for (std::size_t i = 0; i < needed.size(); ++i)
    if (row->front()[i].value_or("0") != "1")
      missing.append(missing.empty() ? "" : ", ").append(needed[i]);
  if (missing.empty()) return {};
  return {make(fmt::format("the application's user {} lacks {}", user, missing),
               fmt::format("GRANT {} TO {};", missing, identifier(known_as)))};
}

}  // namespace holdfast::engine::sqlserver
