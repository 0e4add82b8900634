// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/table_stream.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace holdfast::engine::mariadb {
namespace {

using Cuts = std::vector<std::string>;

TEST(MariadbTableStream, CutsAtRoundKeys) {
  EXPECT_EQ(cuts_between("1", "1000", 400, 100), (Cuts{"256", "512", "768"}));
  EXPECT_EQ(cuts_between("1", "1", 400, 100), Cuts{});
  EXPECT_EQ(cuts_between("1", "1000", 400, 0), Cuts{});
}

TEST(MariadbTableStream, KeepsItsCutsWhenTheTableGrows) {
  const Cuts before = cuts_between("1", "1000", 400, 100);
  const Cuts after = cuts_between("1", "1020", 408, 100);
  EXPECT_EQ(Cuts(after.begin(), after.begin() + 3), before);
}

TEST(MariadbTableStream, CutsAllThereIsOfKeys) {
  const Cuts cuts = cuts_between("-9223372036854775808", "18446744073709551615", 800, 100);
  ASSERT_FALSE(cuts.empty());
  EXPECT_LE(cuts.size(), 8U);
  EXPECT_NE(std::find(cuts.begin(), cuts.end(), "0"), cuts.end());
  EXPECT_LE(cuts_between("0", "18446744073709551615", 1U << 31U, 1).size(), 4096U);
}

TEST(MariadbTableStream, WritesKeysAsTheServerComparesThem) {
  ColumnDef column;
  column.name = "k";
  column.type = "varchar(9)";
  column.character_set = "utf8mb4";
  EXPECT_EQ(key_expression(column), "HEX(`k`)");
  EXPECT_EQ(key_literal(column, "C3A4"), "_utf8mb4 x'C3A4'");
  column.type = "enum('b','a')";
  EXPECT_EQ(key_expression(column), "");
  column.kind = ColumnKind::bytes;
  column.type = "varbinary(9)";
  EXPECT_EQ(key_literal(column, "00FF"), "x'00FF'");
  column.kind = ColumnKind::literal;
  EXPECT_EQ(key_literal(column, "fe80::1"), "'fe80::1'");
  column.kind = ColumnKind::number;
  EXPECT_EQ(key_literal(column, "-1.50"), "-1.50");
  column.kind = ColumnKind::real;
  EXPECT_EQ(key_expression(column), "");
}

TEST(MariadbTableStream, NamesColumnsAndAssignments) {
  EXPECT_EQ(load_columns({{"a", false}, {"j", true}, {"b`c", false}}),
            "(`a`, @v2, `b``c`) SET `j` = CONVERT(@v2 USING utf8mb4)");
}

}  // namespace
}  // namespace holdfast::engine::mariadb
