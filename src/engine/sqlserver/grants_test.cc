// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/grants.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::engine::sqlserver {
namespace {

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

Location shop() {
  Location location;
  location.database = "sh]op";
  location.user = "O'Hara";
  return location;
}

TEST(SqlServerGrants, GiveWhatTheMethodTakes) {
  Location location = shop();
  location.method = Method::logical;
  const std::string logical = grants_for("backup", location, {});
  EXPECT_TRUE(has(logical, "USE [sh]]op];\n"));
  EXPECT_TRUE(has(logical, "WHERE name = N'O''Hara')"));
  EXPECT_TRUE(has(logical, "GRANT SELECT TO [O'Hara];\n"));
  EXPECT_TRUE(has(logical, "GRANT VIEW DEFINITION TO [O'Hara];\n"));
  EXPECT_FALSE(has(logical, "db_backupoperator"));
  location.method = Method::physical;
  location.receiver = "here:9443";
  const std::string physical = grants_for("backup", location, {});
  EXPECT_TRUE(has(physical, "ALTER ROLE [db_backupoperator] ADD MEMBER [O'Hara];\n"));
  EXPECT_TRUE(has(physical, "GRANT ALTER ANY CREDENTIAL TO [O'Hara];\n"));
  EXPECT_FALSE(has(physical, "GRANT SELECT"));
  location.method = Method::automatic;
  location.receiver.clear();
  const std::string both = grants_for("backup", location, {});
  EXPECT_TRUE(has(both, "GRANT SELECT") && has(both, "db_backupoperator"));
  EXPECT_FALSE(has(both, "CREDENTIAL"));
}

TEST(SqlServerGrants, OfRestoresAndApplicationsAreTheirOwn) {
  const Location location = shop();
  EXPECT_TRUE(has(grants_for("restore", location, {}),
                  "ALTER SERVER ROLE [dbcreator] ADD MEMBER [O'Hara];\n"));
  Location by_rows = location;
  by_rows.method = Method::logical;
  EXPECT_FALSE(has(grants_for("restore", by_rows, {}), "CONNECT ANY DATABASE"));
  EXPECT_TRUE(has(grants_for("restore", location, {}),
                  "EXEC (N'GRANT CONNECT ANY DATABASE TO [O''Hara]');\n"));
  const std::string application = grants_for("application", location, "app");
  EXPECT_TRUE(has(application, "CREATE USER [app] FOR LOGIN [app];\n"));
  EXPECT_TRUE(has(application, "GRANT CREATE TABLE TO [app];\n"));
  EXPECT_FALSE(has(application, "O'Hara"));
  EXPECT_TRUE(has(grants_for("application", location, {}), "set `application_user`"));
  EXPECT_THROW(static_cast<void>(grants_for("everything", location, {})), Error);
}

TEST(SqlServerGrants, SayThatATicketNamesNobody) {
  Location location = shop();
  location.user.clear();
  EXPECT_TRUE(has(grants_for("backup", location, {}), "-- no `user` is named"));
}

}  // namespace
}  // namespace holdfast::engine::sqlserver
