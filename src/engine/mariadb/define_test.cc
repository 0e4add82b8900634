// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/define.h"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::engine::mariadb {
namespace {

using model::ValueKind;

model::ColumnDefinition defined(const DeclaredColumn& declared, const std::string& charset = "") {
  model::ColumnDefinition column;
  define_type(declared, kind_of(declared.data_type, declared.column_type, charset), column);
  return column;
}

TEST(MariadbDefine, SaysHowManyDigitsNumbersHave) {
  const auto digits = [](const std::string& type, const std::string& column_type) {
    return defined({type, column_type, {}, {}, "19", "0", {}}).precision.value_or(0);
  };
  EXPECT_EQ(digits("tinyint", "tinyint(1)"), 3U);
  EXPECT_EQ(digits("int", "int(10) unsigned"), 10U);
  EXPECT_EQ(digits("bigint", "bigint(20)"), 19U);
  EXPECT_EQ(digits("bigint", "bigint(20) unsigned"), 20U);
  EXPECT_EQ(digits("year", "year(4)"), 4U);
  const auto decimal = defined({"decimal", "decimal(12,2)", {}, {}, "12", "2", {}});
  EXPECT_EQ(decimal.precision, 12U);
  EXPECT_EQ(decimal.scale, 2);
  EXPECT_EQ(defined({"bit", "bit(1)", {}, {}, "1", {}, {}}).precision, 1U);
  EXPECT_EQ(defined({"bit", "bit(64)", {}, {}, "64", {}, {}}).precision, 20U);
  EXPECT_EQ(defined({"float", "float", {}, {}, {}, {}, {}}).kind, ValueKind::real);
}

TEST(MariadbDefine, SaysHowLongTextsAndBytesAre) {
  EXPECT_EQ(defined({"varchar", "varchar(20)", "20", "80", {}, {}, {}}, "utf8mb4").length, 20U);
  const auto wide = defined({"longtext", "longtext", "4294967295", "", {}, {}, {}}, "utf8mb4");
  EXPECT_EQ(wide.kind, ValueKind::text);
  EXPECT_FALSE(wide.length.has_value());
  EXPECT_EQ(defined({"varbinary", "varbinary(8)", "8", "8", {}, {}, {}}).length, 8U);
  EXPECT_EQ(defined({"uuid", "uuid", {}, {}, {}, {}, {}}).kind, ValueKind::other);
  EXPECT_EQ(defined({"datetime", "datetime(3)", {}, {}, {}, {}, "3"}).fraction_digits, 3U);
  EXPECT_EQ(defined({"timestamp", "timestamp", {}, {}, {}, {}, "0"}).kind, ValueKind::instant);
}

}  // namespace
}  // namespace holdfast::engine::mariadb
