// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/grants.h"

#include <fmt/format.h>

#include "base/error.h"
#include "engine/sqlserver/session.h"

namespace holdfast::engine::sqlserver {
namespace {

// An account of the server, and its user in the database.
std::string with_user(const std::string& database, const std::string& login) {
  return fmt::format(
      "USE {0};\nIF NOT EXISTS (SELECT 1 FROM sys.database_principals WHERE name = {2})\n"
      "  CREATE USER {1} FOR LOGIN {1};\n",
      identifier(database), identifier(login), literal(login));
}

std::string for_backups(const Location& location, const std::string& login) {
  const std::string user = identifier(login);
  std::string text = with_user(location.database, login);
  if (location.method != Method::physical)
    text += fmt::format(
        "-- copies by rows: every row, definitions, and values that are masked for others:\n"
        "GRANT SELECT TO {0};\nGRANT VIEW DEFINITION TO {0};\nGRANT VIEW DATABASE STATE TO {0};\n"
        "-- from 2016 on, where columns are masked:\n-- GRANT UNMASK TO {0};\n",
        user);
  if (location.method != Method::logical)
    text += fmt::format(
        "-- copies by BACKUP (until 2008 R2: EXEC sp_addrolemember 'db_backupoperator', {1}):\n"
        "ALTER ROLE [db_backupoperator] ADD MEMBER {0};\n",
        user, literal(login));
  text += "USE [master];\n";
  if (location.method != Method::physical)
    text += "-- a database snapshot, from which several sessions read one moment;\n";
  if (location.method != Method::logical)
    text += "-- RESTORE HEADERONLY and VERIFYONLY, which look at what BACKUP has written:\n";
  text += fmt::format("GRANT CREATE ANY DATABASE TO {};\n", user);
  text += fmt::format(
      "-- free space and progress, for preflight and reports:\n"
      "GRANT VIEW SERVER STATE TO {};\n",
      user);
  if (location.method != Method::logical && !location.receiver.empty())
    text += fmt::format(
        "-- the credential by which the server writes to {}:\n"
        "GRANT ALTER ANY CREDENTIAL TO {};\n",
        location.receiver, user);
  return text;
}

std::string for_restores(const Location& location, const std::string& login) {
  const std::string user = identifier(login);
  std::string text = fmt::format(
      "USE [master];\n"
      "-- makes, restores, renames and drops databases (until 2008 R2: EXEC sp_addsrvrolemember "
      "{1}, "
      "'dbcreator'):\nALTER SERVER ROLE [dbcreator] ADD MEMBER {0};\n"
      "-- definitions of logins, to tell which are missing:\nGRANT VIEW ANY DEFINITION TO {0};\n"
      "-- who uses a database that is to be replaced, and free space:\n"
      "GRANT VIEW SERVER STATE TO {0};\n",
      user, literal(login));
  if (location.method != Method::logical)
    text += fmt::format(
        "-- renaming that one from inside (until 2012: a user in it):\n"
        "IF CONVERT(int, PARSENAME(CONVERT(varchar(20), SERVERPROPERTY('ProductVersion')), 4)) >= "
        "12\n  EXEC ({});\n",
        literal(fmt::format("GRANT CONNECT ANY DATABASE TO {}", user)));
  if (location.method != Method::logical && !location.receiver.empty())
    text += fmt::format(
        "-- the credential by which the server reads from {}:\n"
        "GRANT ALTER ANY CREDENTIAL TO {};\n",
        location.receiver, user);
  return text +
         "-- a database is its maker's afterwards: giving it its former owner back takes\n"
         "-- IMPERSONATE on that login, or sysadmin\n";
}

std::string for_applications(const Location& location, const std::string& login) {
  return with_user(location.database, login) +
         fmt::format(
             "ALTER ROLE [db_datareader] ADD MEMBER {0};\nALTER ROLE [db_datawriter] ADD MEMBER "
             "{0};\n"
             "-- it makes its tables itself:\nGRANT CREATE TABLE TO {0};\n"
             "GRANT ALTER, REFERENCES ON SCHEMA::[dbo] TO {0};\n",
             identifier(login));
}

}  // namespace

std::string grants_for(std::string_view purpose, const Location& location,
                       std::string_view application_user) {
  const bool is_named = !location.user.empty();
  const std::string login = is_named ? location.user : "DOMAIN\\account";
  std::string text;
  if (!is_named) text = "-- no `user` is named: put the account whose ticket is used for it\n";
  if (purpose == "backup") return text + for_backups(location, login);
  if (purpose == "restore") return text + for_restores(location, login);
  if (purpose == "application") {
    if (application_user.empty())
      return "-- whom the application connects as is not said: set `application_user`\n" +
             for_applications(location, "application");
    return for_applications(location, std::string(application_user));
  }
  throw Error(Errc::usage, fmt::format("the sqlserver engine knows no grants for {}", purpose));
}

}  // namespace holdfast::engine::sqlserver
