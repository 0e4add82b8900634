// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/design.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::engine::mariadb {
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
  one.name.table = "t`t";
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

TEST(MariadbDesign, HasATypeForEveryKind) {
  TableDefinition one = table({number("id", 9, 0), number("n4", 4, 0), number("n18", 18, 0),
                               number("n65", 65, 30), number("n0", 20, 0),
                               column("r", ValueKind::real), column("short", ValueKind::text, 20),
                               column("clob", ValueKind::text), column("raw", ValueKind::bytes, 16),
                               column("blob", ValueKind::bytes), column("day", ValueKind::date),
                               column("clock", ValueKind::time), column("at", ValueKind::timestamp),
                               column("utc", ValueKind::instant), column("o", ValueKind::other)});
  one.columns[0].is_nullable = false;
  one.columns[12].fraction_digits = 9;
  one.columns[13].fraction_digits = 3;
  one.primary_key = {"id"};
  one.unique = {{"short"}};
  const auto made = design_tables(std::vector{one}, Dialect{});
  const std::string text = " CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin";
  EXPECT_EQ(made[0].make.at(0),
            "CREATE TABLE `t``t` (`id` int NOT NULL, `n4` smallint, `n18` bigint, `n65` "
            "decimal(65,30), `n0` decimal(20,0), `r` double, `short` varchar(20)" +
                text + ", `clob` longtext" + text +
                ", `raw` varbinary(16), `blob` longblob, `day` date, `clock` time(0), `at` "
                "datetime(6), `utc` datetime(3), `o` longtext" +
                text + ", PRIMARY KEY (`id`)) ENGINE=InnoDB ROW_FORMAT=DYNAMIC");
  EXPECT_EQ(made[0].complete, std::vector<std::string>{"ALTER TABLE `t``t` ADD UNIQUE (`short`)"});
  EXPECT_EQ(made[0].held[13].kind, ValueKind::timestamp);
  EXPECT_EQ(made[0].held[13].note, "as datetime, which is in UTC");
  EXPECT_EQ(made[0].held[12].note, "with 6 digits of a second at most");
  EXPECT_EQ(made[0].held[10].year_min, 1000);
  EXPECT_FALSE(made[0].held[5].takes_nan);
}

TEST(MariadbDesign, RefusesNumbersThatNoDecimalHolds) {
  EXPECT_NE(refusal(table({column("any", ValueKind::number)})), "");
  EXPECT_NE(refusal(table({number("wide", 66, 0)})), "");
  EXPECT_NE(refusal(table({number("deep", 40, 39)})), "");
  EXPECT_EQ(refusal(table({number("deep", 40, 38)})), "");
  const Dialect mysql{.is_mariadb = false, .version_number = 80'400};
  EXPECT_EQ(
      refusal(table({number("deep", 40, 31)}), mysql),
      "MySQL has no exact counterpart for table t`t, column deep (T): a decimal has 65 digits "
      "at most, 30 of them behind the point");
}

TEST(MariadbDesign, TellsApartWhatDiffersInBlanksAlone) {
  const TableDefinition one = table({column("c", ValueKind::text, 5)});
  const auto has = [&](const Dialect& dialect, const std::string& collation) {
    return statement(one, dialect).find("COLLATE " + collation) != std::string::npos;
  };
  EXPECT_TRUE(has({}, "utf8mb4_nopad_bin"));
  EXPECT_TRUE(has({.is_mariadb = false, .version_number = 80'017}, "utf8mb4_0900_bin"));
  EXPECT_TRUE(has({.is_mariadb = false, .version_number = 50'744}, "utf8mb4_bin"));
}

TEST(MariadbDesign, KeepsOutOfTheRowWhatWouldNotFitThere) {
  TableDefinition one = table({});
  for (int i = 0; i < 40; ++i)
    one.columns.push_back(column(("c" + std::to_string(i)).c_str(), ValueKind::text, 60));
  const std::string made = statement(one);
  EXPECT_NE(made.find("`c24` varchar(60)"), std::string::npos) << made;
  EXPECT_NE(made.find("`c25` longtext"), std::string::npos) << made;
}

TEST(MariadbDesign, MakesAKeyOfValuesAsTextOfWhichItKnowsTheLength) {
  TableDefinition one =
      table({column("id", ValueKind::other, 36), column("any", ValueKind::other)});
  one.primary_key = {"id"};
  EXPECT_NE(statement(one).find("`id` varchar(36)"), std::string::npos) << statement(one);
  EXPECT_NE(statement(one).find("`any` longtext"), std::string::npos) << statement(one);
  one.primary_key = {"any"};
  EXPECT_NE(refusal(one), "");
}

TEST(MariadbDesign, RefusesKeysThatNoIndexHolds) {
  TableDefinition one = table({column("c", ValueKind::text, 768), column("d", ValueKind::text)});
  one.primary_key = {"c"};
  EXPECT_NE(statement(one).find("`c` varchar(768)"), std::string::npos);
  one.columns[0].length = 769;
  EXPECT_EQ(refusal(one),
            "MariaDB has no exact counterpart for table t`t: its primary key is too long for an "
            "index");
  one.primary_key.clear();
  one.unique = {{"d"}};
  EXPECT_EQ(refusal(one), "");  // by its hash
  EXPECT_NE(refusal(one, {.is_mariadb = false, .version_number = 80'400}), "");
}

}  // namespace
}  // namespace holdfast::engine::mariadb
