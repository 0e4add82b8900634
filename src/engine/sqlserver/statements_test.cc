// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/statements.h"

#include <gtest/gtest.h>

namespace holdfast::engine::sqlserver {
namespace {

TEST(SqlServerStatements, KnowQueriesThatOnlyRead) {
  for (const char* sql : {"SELECT 1", "  select count(*) from dbo.Orders -- DELETE\n where x = 1",
                          "WITH a AS (SELECT 1 x) SELECT x FROM a", "(SELECT 1) UNION (SELECT 2)",
                          "SELECT 'it''s INSERT', \"UPDATE\", [DROP]]INTO] FROM t",
                          "/* EXEC /* x */ MERGE */ SELECT 1",
                          "SELECT updated, \"set\", deleted_at FROM t ORDER BY 1",
                          "SELECT next FROM t", "SELECT 0xFF, 1e3, $5 FROM t1"})
    EXPECT_EQ(obstacle_to_reading(sql), "") << sql;
}

TEST(SqlServerStatements, RefuseWhatWouldWrite) {
  for (const char* sql : {"",
                          "-- SELECT 1",
                          "DELETE FROM t",
                          "SELECT 1; DELETE FROM t",
                          "SELECT 1 DELETE FROM t",
                          "SELECT * INTO u FROM t",
                          "WITH a AS (SELECT 1 x) UPDATE t SET x = 1",
                          "EXEC sp_who",
                          "SELECT 1 eXec('x')",
                          "SELECT NEXT VALUE FOR dbo.s",
                          "SELECT 'a' /* */ INTO u FROM t",
                          "SELECT * FROM OPENQUERY(s, 'DELETE FROM t')",
                          "DBCC CHECKDB",
                          "SELECT 1\nGO\nDROP TABLE t",
                          "SELECT 'a'''INTO u FROM t",
                          "SELECT 1/*/* */*/DELETE t",
                          "USE master",
                          "SELECT 1DELETE FROM t",
                          "SELECT 1.5E3Update t SET x = 1",
                          "SELECT $1EXEC sp_who",
                          "SELECT £1EXEC sp_who",
                          "SELECT 0x1FDROP TABLE t",
                          "SELECT 1INTO u FROM t"})
    EXPECT_NE(obstacle_to_reading(sql), "") << sql;
}

}  // namespace
}  // namespace holdfast::engine::sqlserver
