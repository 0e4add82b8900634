// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/privileges.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/mariadb/target_privileges.h"

namespace holdfast::engine::mariadb {
namespace {

TEST(MariadbPrivileges, KnowsWhatIsTakenFromRightsOnEverything) {
  // MySQL with partial_revokes.
  const Privileges privileges({"GRANT SELECT, RELOAD, EVENT ON *.* TO `saver`@`%`",
                               "GRANT BACKUP_ADMIN,SHOW_ROUTINE ON *.* TO `saver`@`%`",
                               "REVOKE SELECT ON `shop`.* FROM `saver`@`%`"},
                              "shop");
  EXPECT_FALSE(privileges.has("SELECT"));
  EXPECT_TRUE(privileges.has("EVENT"));
  EXPECT_TRUE(privileges.has_global("SHOW_ROUTINE"));
  EXPECT_FALSE(privileges.has("TRIGGER"));
  const Privileges other(
      {"GRANT SELECT ON *.* TO `saver`@`%`", "REVOKE SELECT ON `shop`.* FROM `saver`@`%`"},
      "shelf");
  EXPECT_TRUE(other.has("SELECT"));
}

TEST(MariadbPrivileges, RightsOnOneTableAreNoneOnTheSchema) {
  const Privileges privileges({"GRANT SELECT ON `shop`.`orders` TO `saver`@`%`"}, "shop");
  EXPECT_FALSE(privileges.has("SELECT"));
}

Location shop() {
  Location location;
  location.socket = "/run/s";
  location.schema = "my_shop";
  location.user = "saver";
  return location;
}

bool says(const std::string& text, std::string_view words) {
  return text.find(words) != std::string::npos;
}

TEST(MariadbPrivileges, PrintsWhatTheServerUnderstands) {
  const std::string mariadb = grants_for("backup", shop(), ServerKind{true, 110'400});
  EXPECT_TRUE(says(mariadb, "GRANT RELOAD ON *.* TO `saver`@`localhost`;")) << mariadb;
  EXPECT_TRUE(says(mariadb, " ON `my\\_shop`.* TO ")) << mariadb;
  EXPECT_FALSE(says(mariadb, "SHOW_ROUTINE"));
  const std::string mysql = grants_for("backup", shop(), ServerKind{false, 80'404});
  EXPECT_TRUE(says(mysql, "GRANT REPLICATION CLIENT, PROCESS, SHOW_ROUTINE ON *.*")) << mysql;
  EXPECT_FALSE(says(grants_for("backup", shop(), ServerKind{false, 50'744}), "SHOW_ROUTINE"));
  EXPECT_TRUE(says(grants_for("restore", shop(), ServerKind{true, 101'100}), "GRANT SET USER ON"));
  EXPECT_TRUE(says(grants_for("restore", shop(), ServerKind{false, 80'404}),
                   "GRANT SET_ANY_DEFINER, SHOW_ROUTINE ON"));
  EXPECT_TRUE(says(grants_for("restore", shop(), ServerKind{false, 80'036}),
                   "GRANT SET_USER_ID, SHOW_ROUTINE ON"));
  EXPECT_FALSE(says(grants_for("restore", shop(), ServerKind{false, 80'404}), "SET USER"));
}

TEST(MariadbPrivileges, CutsLongNamesAsARestoreDoes) {
  EXPECT_EQ(beside_pattern("my_shop"), "my\\_shop\\_holdfast\\_%");
  EXPECT_EQ(kept_pattern("my_shop"), "my\\_shop\\_before\\_%");
  EXPECT_EQ(beside_pattern(std::string(64, 'x')), std::string(42, 'x') + "\\_holdfast\\_%");
  EXPECT_EQ(kept_pattern(std::string(64, 'x')), std::string(40, 'x') + "\\_before\\_%");
  std::string wide;
  for (int i = 0; i < 60; ++i) wide += "ž";
  EXPECT_EQ(kept_pattern(wide), wide.substr(0, 80) + "\\_before\\_%");
}

TEST(MariadbPrivileges, PrintsForTheApplicationsOwnUserWhatMakingTablesTakes) {
  const ServerKind server{true, 101'100};
  EXPECT_TRUE(says(grants_for("application", shop(), server, "cms"),
                   "\nGRANT SELECT, INSERT, UPDATE, DELETE, CREATE, INDEX ON `my\\_shop`.* TO "
                   "`cms`@`localhost`;\n"));
  EXPECT_TRUE(says(grants_for("application", shop(), server), " TO `saver`@`localhost`;"));
  EXPECT_TRUE(says(grants_for("backup", shop(), server, "cms"), " TO `saver`@`localhost`;"));
}

TEST(MariadbPrivileges, PrintsForBothWhereNobodyAnswers) {
  const std::string text = grants_for("backup", shop(), std::nullopt);
  EXPECT_TRUE(says(text, "-- MariaDB:\n"));
  EXPECT_TRUE(says(text, "-- MySQL from 8.2 on:\n"));
  EXPECT_THROW(grants_for("fun", shop(), std::nullopt), Error);
}

}  // namespace
}  // namespace holdfast::engine::mariadb
