// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/client.h"

#include <gtest/gtest.h>

namespace holdfast::engine::mariadb {
namespace {

TEST(MariadbClient, ReadsVersions) {
  EXPECT_EQ(parse_version("10.11.19-MariaDB-0+deb12u1-log"), 101'119U);
  EXPECT_EQ(parse_version("5.5.5-10.4.1-MariaDB"), 100'401U);
  EXPECT_EQ(parse_version("8.0.36-28"), 80'036U);
  EXPECT_EQ(parse_version("9.1.0"), 90'100U);
  EXPECT_EQ(parse_version(""), 0U);
}

TEST(MariadbClient, SetsWhatEachServerKnows) {
  const std::string mariadb = session_statement(true, 101'119);
  EXPECT_NE(mariadb.find("wait_timeout=2147483,"), std::string::npos) << "in seconds, 24 days";
  EXPECT_NE(mariadb.find("idle_readonly_transaction_timeout=0"), std::string::npos);
  EXPECT_NE(mariadb.find("old_mode='UTF8_IS_UTF8MB3'"), std::string::npos);
  EXPECT_EQ(session_statement(true, 100'512).find("old_mode"), std::string::npos);
  // DEFAULT would be what the server's administrator has set for all.
  EXPECT_NE(mariadb.find("sql_select_limit=18446744073709551615"), std::string::npos);
  EXPECT_NE(mariadb.find("system_versioning_asof=DEFAULT"), std::string::npos);
  EXPECT_NE(
      session_statement(false, 80'030).find("show_gipk_in_create_table_and_information_schema=ON"),
      std::string::npos);
  EXPECT_EQ(session_statement(false, 80'028).find("show_gipk"), std::string::npos);
  const std::string mysql = session_statement(false, 80'036);
  EXPECT_NE(mysql.find("max_execution_time=0"), std::string::npos);
  EXPECT_NE(mysql.find("information_schema_stats_expiry=0"), std::string::npos);
  EXPECT_EQ(mysql.find("max_statement_time"), std::string::npos);
  EXPECT_EQ(mysql.find("idle_"), std::string::npos);
  EXPECT_EQ(session_statement(false, 50'744).find("stats_expiry"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::engine::mariadb
