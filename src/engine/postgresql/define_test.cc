// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/define.h"

#include <gtest/gtest.h>

#include <string_view>

namespace holdfast::engine::postgresql {
namespace {

using model::ValueKind;

model::ColumnDefinition defined(std::string_view type, std::string_view name) {
  model::ColumnDefinition column;
  define_type(type, form_of(name), column);
  return column;
}

TEST(PostgresqlDefine, SaysHowManyDigitsNumbersHave) {
  EXPECT_EQ(defined("smallint", "int2").precision, 5U);
  EXPECT_EQ(defined("integer", "int4").precision, 10U);
  EXPECT_EQ(defined("bigint", "int8").precision, 19U);
  EXPECT_EQ(defined("boolean", "bool").precision, 1U);
  const auto numeric = defined("numeric(12,2)", "numeric");
  EXPECT_EQ(numeric.kind, ValueKind::number);
  EXPECT_EQ(numeric.precision, 12U);
  EXPECT_EQ(numeric.scale, 2);
  EXPECT_EQ(defined("numeric(3,-2)", "numeric").scale, -2);
  EXPECT_FALSE(defined("numeric", "numeric").precision.has_value());
  EXPECT_EQ(defined("real", "float4").kind, ValueKind::real);
}

TEST(PostgresqlDefine, SaysHowLongTextsAre) {
  EXPECT_EQ(defined("character varying(20)", "varchar").length, 20U);
  EXPECT_FALSE(defined("character varying", "varchar").length.has_value());
  EXPECT_FALSE(defined("text", "text").length.has_value());
  const auto padded = defined("character(5)", "bpchar");
  EXPECT_EQ(padded.length, 5U);
  EXPECT_TRUE(padded.is_padded);
  // Of other kinds a uuid alone has an end, so that it may be a key.
  EXPECT_EQ(defined("uuid", "uuid").length, 36U);
  EXPECT_EQ(defined("uuid", "uuid").kind, ValueKind::other);
  EXPECT_FALSE(defined("jsonb", "jsonb").length.has_value());
}

TEST(PostgresqlDefine, SaysHowFineMomentsAre) {
  const auto moment = defined("timestamp(3) without time zone", "timestamp");
  EXPECT_EQ(moment.kind, ValueKind::timestamp);
  EXPECT_EQ(moment.fraction_digits, 3U);
  EXPECT_EQ(defined("timestamp with time zone", "timestamptz").fraction_digits, 6U);
  EXPECT_EQ(defined("time(0) without time zone", "time").fraction_digits, 0U);
  EXPECT_EQ(defined("date", "date").kind, ValueKind::date);
}

}  // namespace
}  // namespace holdfast::engine::postgresql
