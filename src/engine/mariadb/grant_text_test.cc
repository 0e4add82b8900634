// SPDX-License-Identifier: Apache-2.0
// Lines of SHOW GRANTS as MariaDB 10.11 writes them, and as MySQL's manual shows those of MySQL.
#include "engine/mariadb/grant_text.h"

#include <gtest/gtest.h>

namespace holdfast::engine::mariadb {
namespace {

TEST(MariadbGrantText, ReadsRightsOnOneSchemaOnly) {
  const auto grant = parse_grant_on(
      "GRANT SELECT, UPDATE (`a`, `b`) ON `shop`.`orders` TO `ann`@`%` WITH GRANT OPTION", "shop",
      "`ann`@`%`");
  ASSERT_TRUE(grant);
  EXPECT_EQ(grant->object, "orders");
  EXPECT_TRUE(grant->with_option);
  EXPECT_EQ(grant->statement("copy"),
            "GRANT SELECT, UPDATE (`a`, `b`) ON `copy`.`orders` TO `ann`@`%` WITH GRANT OPTION");
  EXPECT_FALSE(parse_grant_on("GRANT SELECT ON `shop`.* TO `ann`@`%`", "shop2", "`ann`@`%`"));
  EXPECT_FALSE(parse_grant_on("GRANT SELECT ON *.* TO `ann`@`%`", "shop", "`ann`@`%`"));
  EXPECT_TRUE(parse_grant_on("GRANT SELECT ON `sh\\_p`.* TO `ann`@`%`", "sh_p", "`ann`@`%`"));
}

TEST(MariadbGrantText, TakesNoRightsOfRolesForTheAccounts) {
  EXPECT_FALSE(parse_grant_on("GRANT SELECT ON `shop`.* TO `readers`", "shop", "`ann`@`%`"));
  EXPECT_TRUE(parse_grant_on("GRANT SELECT ON `shop`.* TO `readers`", "shop", "`readers`"));
}

TEST(MariadbGrantText, ReadsWhoHasWhichRole) {
  const auto plain = parse_membership("GRANT `readers` TO `ann`@`localhost` WITH ADMIN OPTION");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->role, "`readers`");
  EXPECT_EQ(plain->member, "`ann`@`localhost`");
  EXPECT_EQ(plain->statement(), "GRANT `readers` TO `ann`@`localhost` WITH ADMIN OPTION");
  const auto by_default = parse_membership("SET DEFAULT ROLE `readers` FOR `ann`@`localhost`");
  ASSERT_TRUE(by_default);
  EXPECT_EQ(by_default->statement(), "SET DEFAULT ROLE `readers` FOR `ann`@`localhost`");
  EXPECT_EQ(parse_membership("GRANT `r`@`%` TO `ann`@`localhost`")->statement(),
            "GRANT `r`@`%` TO `ann`@`localhost`");
  EXPECT_FALSE(parse_membership("GRANT SELECT ON `shop`.* TO `ann`@`localhost`"));
  EXPECT_FALSE(parse_membership("GRANT USAGE ON *.* TO `ann`@`localhost`"));
}

TEST(MariadbGrantText, ReadsTheQuotesOfAllServers) {
  // MySQL 8, MySQL 5.7 and old MariaDB, and a session with ANSI_QUOTES.
  for (const char* line :
       {"GRANT SELECT ON `shop`.* TO `ann`@`%`", "GRANT SELECT ON `shop`.* TO 'ann'@'%'",
        "GRANT SELECT ON \"shop\".* TO \"ann\"@\"%\""}) {
    const auto grant = parse_grant_on(line, "shop", "`ann`@`%`");
    ASSERT_TRUE(grant) << line;
    EXPECT_EQ(grant->statement("shop"), "GRANT SELECT ON `shop`.* TO `ann`@`%`");
  }
  EXPECT_TRUE(parse_grant_on("GRANT SELECT ON `shop`.* TO ''@'localhost'", "shop",
                             account_name("", "localhost")));
  EXPECT_TRUE(parse_grant_on("GRANT SELECT ON `shop`.* TO PUBLIC", "shop", "PUBLIC"));
  EXPECT_FALSE(parse_grant_on("GRANT SELECT ON `shop`.* TO `PUBLIC`", "shop", "PUBLIC"));
}

TEST(MariadbGrantText, GivesRightsOnOneSchemaAndOnNoneLikeIt) {
  const auto grant =
      parse_grant_on("GRANT SELECT ON `my_app`.* TO `ann`@`%`", "my_app", "`ann`@`%`");
  ASSERT_TRUE(grant);
  EXPECT_EQ(grant->statement("my_app"), "GRANT SELECT ON `my\\_app`.* TO `ann`@`%`");
  const auto table =
      parse_grant_on("GRANT SELECT ON `my_app`.`a_b` TO `ann`@`%`", "my_app", "`ann`@`%`");
  EXPECT_EQ(table->statement("my_app"), "GRANT SELECT ON `my_app`.`a_b` TO `ann`@`%`");
}

TEST(MariadbGrantText, TakesNothingButWordsForPrivileges) {
  for (const char* line :
       {"GRANT SELECT /*! , FILE */ ON `shop`.* TO `ann`@`%`",
        "GRANT SELECT; DROP ON `shop`.* TO `ann`@`%`", "GRANT 'x' ON `shop`.* TO `ann`@`%`",
        "GRANT SELECT (a b) ON `shop`.* TO `ann`@`%`", "GRANT SELECT ON `shop`.*", "GRANT", "",
        "GRANT SELECT ON `shop`.* TO `ann`@"})
    EXPECT_FALSE(parse_grant_on(line, "shop", "`ann`@`%`")) << line;
}

TEST(MariadbGrantText, ReadsSeveralRolesOfOneLine) {
  const auto roles = parse_memberships(
      "GRANT `app_read`@`%`,`app_write`@`%` TO `u`@`localhost` WITH ADMIN OPTION");
  ASSERT_EQ(roles.size(), 2U);
  EXPECT_EQ(roles[0].role, "`app_read`@`%`");
  EXPECT_EQ(roles[1].statement(), "GRANT `app_write`@`%` TO `u`@`localhost` WITH ADMIN OPTION");
  EXPECT_EQ(parse_memberships("GRANT readers TO 'ann'@'localhost'").at(0).statement(),
            "GRANT `readers` TO `ann`@`localhost`");
  EXPECT_EQ(parse_membership("GRANT `rr` TO PUBLIC")->statement(), "GRANT `rr` TO PUBLIC");
  EXPECT_EQ(parse_membership("SET DEFAULT ROLE `a`@`%`, `b`@`%` TO `u`@`%`")->statement(),
            "SET DEFAULT ROLE `a`@`%`, `b`@`%` TO `u`@`%`");
}

TEST(MariadbGrantText, KnowsWhatMakesOneAccountAndNoMore) {
  for (const char* sql :
       {"CREATE USER IF NOT EXISTS `ann`@`%` IDENTIFIED VIA ed25519 USING 'a,b;/*!c*/' OR p",
        "CREATE USER 'ann'@'%'", "CREATE USER `ann`@`%` REQUIRE NONE PASSWORD EXPIRE DEFAULT"})
    EXPECT_TRUE(makes_only(sql, "`ann`@`%`")) << sql;
  EXPECT_TRUE(makes_only("CREATE ROLE IF NOT EXISTS `r`", "`r`"));
  for (const char* sql :
       {"CREATE USER IF NOT EXISTS `bob`@`%`", "CREATE USER `ann`@`%`, `bob`@`%`",
        "CREATE OR REPLACE USER `ann`@`%`", "CREATE USER `ann`@`%` /*! , `bob`@`%` */",
        "CREATE USER `ann`@`%`; DROP USER bob", "CREATE DATABASE `ann`@`%`", "CREATE USER", ""})
    EXPECT_FALSE(makes_only(sql, "`ann`@`%`")) << sql;
}

TEST(MariadbGrantText, TakesDefaultRolesOutOfAnAccount) {
  std::optional<Membership> roles;
  EXPECT_EQ(without_default_roles("CREATE USER `ann`@`%` IDENTIFIED WITH 'p' AS 'DEFAULT ROLE x' "
                                  "DEFAULT ROLE `a`@`%`,`b`@`%` REQUIRE NONE",
                                  roles),
            "CREATE USER `ann`@`%` IDENTIFIED WITH 'p' AS 'DEFAULT ROLE x' REQUIRE NONE");
  ASSERT_TRUE(roles);
  EXPECT_EQ(roles->statement(), "SET DEFAULT ROLE `a`@`%`, `b`@`%` TO `ann`@`%`");
  std::optional<Membership> none;
  const std::string plain = "CREATE USER `ann`@`%` REQUIRE NONE PASSWORD EXPIRE DEFAULT";
  EXPECT_EQ(without_default_roles(plain, none), plain);
  EXPECT_FALSE(none);
}

TEST(MariadbGrantText, MatchesPatternsAsTheServerDoes) {
  EXPECT_TRUE(matches_schema("shop", "shop"));
  EXPECT_FALSE(matches_schema("shop", "shop2"));
  EXPECT_TRUE(matches_schema("sh_p%", "shop_2"));
  EXPECT_TRUE(matches_schema("%", ""));
  EXPECT_FALSE(matches_schema("sh\\_p", "shop"));
  EXPECT_TRUE(matches_schema("sh\\_p", "sh_p"));
  EXPECT_TRUE(matches_schema("a%b%c", "a-b-b-c"));
  EXPECT_FALSE(matches_schema("a%b%c", "a-b-b-d"));
  EXPECT_TRUE(matches_schema(schema_pattern("a_b%c\\d"), "a_b%c\\d"));
  // Within the time of a test.
  std::string pattern;
  for (int i = 0; i < 1000; ++i) pattern += "%a";
  EXPECT_FALSE(matches_schema(pattern, std::string(1500, 'a') + "b"));
}

}  // namespace
}  // namespace holdfast::engine::mariadb
