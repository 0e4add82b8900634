// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/design.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::engine::sqlserver {
namespace {

using model::ColumnDefinition;
using model::TableDefinition;
using model::ValueKind;

ColumnDefinition column(const char* name, ValueKind kind, std::uint64_t length = 0) {
  ColumnDefinition one;
  one.name = name;
  one.type = "T";
  one.kind = kind;
  if (length > 0) one.length = length;
  return one;
}

ColumnDefinition number(const char* name, unsigned precision, int scale) {
  ColumnDefinition one = column(name, ValueKind::number);
  one.precision = precision;
  one.scale = scale;
  return one;
}

TableDefinition table(std::vector<ColumnDefinition> columns) {
  TableDefinition one;
  one.name.table = "t]t";
  one.columns = std::move(columns);
  return one;
}

std::string statement(const TableDefinition& one, const Dialect& dialect = {}) {
  return design_tables(std::vector{one}, dialect).at(0).make.at(0);
}

std::string refusal(const TableDefinition& one, const Dialect& dialect = {}) {
  try {
    static_cast<void>(design_tables(std::vector{one}, dialect));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unsupported);
    return error.message();
  }
  return "";
}

TEST(SqlServerDesign, HasATypeForEveryKind) {
  TableDefinition one = table({number("id", 9, 0), number("n4", 4, 0), number("n18", 18, 0),
                               number("n38", 38, 30), number("n0", 20, 0),
                               column("r", ValueKind::real), column("short", ValueKind::text, 20),
                               column("clob", ValueKind::text), column("raw", ValueKind::bytes, 16),
                               column("blob", ValueKind::bytes), column("day", ValueKind::date),
                               column("clock", ValueKind::time), column("at", ValueKind::timestamp),
                               column("utc", ValueKind::instant), column("o", ValueKind::other)});
  one.columns[0].is_nullable = false;
  one.columns[12].fraction_digits = 9;
  one.columns[13].fraction_digits = 3;
  one.primary_key = {"id"};
  const auto made = design_tables(std::vector{one}, Dialect{});
  const std::string text = " COLLATE Latin1_General_100_BIN2";
  EXPECT_EQ(made[0].make.at(0),
            "CREATE TABLE [t]]t] ([id] int NOT NULL, [n4] smallint, [n18] bigint, [n38] "
            "decimal(38,30), [n0] decimal(20,0), [r] float, [short] nvarchar(40)" +
                text + ", [clob] nvarchar(max)" + text +
                ", [raw] varbinary(16), [blob] varbinary(max), [day] date, [clock] time(0), [at] "
                "datetime2(7), [utc] datetime2(3), [o] nvarchar(max)" +
                text + ", PRIMARY KEY CLUSTERED ([id]))");
  EXPECT_TRUE(made[0].complete.empty());
  EXPECT_EQ(made[0].held[13].kind, ValueKind::timestamp);
  EXPECT_EQ(made[0].held[13].note, "as datetime2, which is in UTC");
  EXPECT_EQ(made[0].held[12].note, "with 7 digits of a second at most");
  EXPECT_EQ(made[0].held[10].year_min, 1);
  EXPECT_EQ(made[0].held[14].kind, ValueKind::text);
  EXPECT_FALSE(made[0].held[5].takes_nan);
  EXPECT_TRUE(made[0].held[6].takes_nul);
  const auto other = design_tables(std::vector{one}, Dialect{.is_sql_server = false});
  EXPECT_FALSE(other[0].held[6].takes_nul);
}

// So that tables whose key is a uuid have a place.
TEST(SqlServerDesign, TakesOtherValuesOfSomeLengthForKeys) {
  TableDefinition one = table({column("id", ValueKind::other, 36)});
  one.columns[0].is_nullable = false;
  one.primary_key = {"id"};
  EXPECT_EQ(design_tables(std::vector{one}, Dialect{})[0].make.at(0),
            "CREATE TABLE [t]]t] ([id] nvarchar(36) COLLATE Latin1_General_100_BIN2 NOT NULL, "
            "PRIMARY KEY CLUSTERED ([id]))");
  one.columns[0].length.reset();
  EXPECT_NE(refusal(one), "");
}

TEST(SqlServerDesign, RefusesNumbersThatNoDecimalHolds) {
  EXPECT_EQ(refusal(table({column("any", ValueKind::number)})),
            "SQL Server has no exact counterpart for table t]t, column any (T): a decimal has 38 "
            "digits at most");
  EXPECT_NE(refusal(table({number("wide", 39, 0)})), "");
  EXPECT_NE(refusal(table({number("wide", 38, -1)})), "");
  EXPECT_EQ(refusal(table({number("deep", 10, 38)})), "");
}

TEST(SqlServerDesign, HasRoomForCharactersOfTwoUnits) {
  EXPECT_NE(statement(table({column("c", ValueKind::text, 2000)})).find("nvarchar(4000)"),
            std::string::npos);
  EXPECT_NE(statement(table({column("c", ValueKind::text, 2001)})).find("nvarchar(max)"),
            std::string::npos);
  EXPECT_NE(statement(table({column("c", ValueKind::bytes, 8000)})).find("varbinary(8000)"),
            std::string::npos);
  EXPECT_NE(statement(table({column("c", ValueKind::bytes, 8001)})).find("varbinary(max)"),
            std::string::npos);
}

TEST(SqlServerDesign, RefusesKeysThatNoIndexHolds) {
  TableDefinition one = table({column("c", ValueKind::text, 450), column("d", ValueKind::text)});
  one.primary_key = {"c"};
  EXPECT_NE(statement(one).find("[c] nvarchar(450)"), std::string::npos);
  EXPECT_NE(statement(one).find("PRIMARY KEY CLUSTERED ([c])"), std::string::npos);
  one.columns[0].length = 850;
  EXPECT_NE(statement(one).find("PRIMARY KEY NONCLUSTERED ([c])"), std::string::npos);
  EXPECT_NE(refusal(one, {.is_sql_server = true, .major = 12}), "");
  one.columns[0].length = 851;
  EXPECT_EQ(refusal(one),
            "SQL Server has no exact counterpart for table t]t: its primary key is too long for "
            "an index");
  one.primary_key = {};
  one.unique = {{"d"}};
  EXPECT_EQ(refusal(one),
            "SQL Server has no exact counterpart for table t]t: one of its unique keys is too "
            "long for an index");
}

TEST(SqlServerDesign, LeavesNullsOutOfUniqueKeys) {
  TableDefinition one = table({number("a", 9, 0), number("b", 9, 0)});
  one.columns[0].is_nullable = false;
  one.unique = {{"a"}, {"a", "b"}};
  const std::vector<std::string> expected{
      "CREATE UNIQUE NONCLUSTERED INDEX [unique_1] ON [t]]t] ([a])",
      "CREATE UNIQUE NONCLUSTERED INDEX [unique_2] ON [t]]t] ([a], [b]) WHERE [b] IS NOT NULL"};
  EXPECT_EQ(design_tables(std::vector{one}, Dialect{}).at(0).complete, expected);
}

TEST(SqlServerDesign, RefusesNamesThatFallTogether) {
  EXPECT_NE(refusal(table({number("a", 9, 0), number("A", 9, 0)})), "");
  EXPECT_NE(refusal(table({column(std::string(129, 'n').c_str(), ValueKind::date)})), "");
  EXPECT_EQ(refusal(table({column(std::string(128, 'n').c_str(), ValueKind::date)})), "");
}

}  // namespace
}  // namespace holdfast::engine::sqlserver
