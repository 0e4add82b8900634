// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/values.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::engine::mariadb {
namespace {

using model::Value;
using model::ValueKind;

Value value(ColumnKind kind, std::string_view field, std::string_view utf8 = {}) {
  Value result;
  set_value(result, kind, field, utf8);
  return result;
}

TEST(MariadbValues, KnowsTypes) {
  EXPECT_EQ(kind_of("bigint", "bigint(20) unsigned", ""), ColumnKind::number);
  EXPECT_EQ(kind_of("float", "float", ""), ColumnKind::rounded);
  EXPECT_EQ(kind_of("double", "double", ""), ColumnKind::real);
  EXPECT_EQ(kind_of("double", "double(5,2)", ""), ColumnKind::rounded);
  EXPECT_EQ(kind_of("varchar", "varchar(3)", "utf8mb3"), ColumnKind::text);
  EXPECT_EQ(kind_of("enum", "enum('a')", "latin1"), ColumnKind::latin1);
  EXPECT_EQ(kind_of("text", "text", "gbk"), ColumnKind::other_text);
  EXPECT_EQ(kind_of("varbinary", "varbinary(3)", ""), ColumnKind::bytes);
  EXPECT_EQ(kind_of("inet6", "inet6", ""), ColumnKind::literal);
  EXPECT_EQ(kind_of("vector", "vector(3)", ""), ColumnKind::bytes);
}

TEST(MariadbValues, ReadsNumbersInCanonicalForm) {
  EXPECT_EQ(value(ColumnKind::number, "-12"), Value::integer(-12));
  EXPECT_EQ(value(ColumnKind::number, "00042"), Value::integer(42));
  EXPECT_EQ(value(ColumnKind::number, "1.50").text, "1.5");
  EXPECT_EQ(value(ColumnKind::bit, std::string_view("\x01\x00", 2)), Value::integer(256));
  EXPECT_EQ(value(ColumnKind::real, "1.7976931348623157e308").real, 1.7976931348623157e308);
  EXPECT_EQ(value(ColumnKind::rounded, "-0"), Value::of_real(0.0));
  EXPECT_THROW(value(ColumnKind::real, "abc"), Error);
}

TEST(MariadbValues, ReadsTextInUtf8WhateverTheColumnHas) {
  EXPECT_EQ(value(ColumnKind::text, "ž"), Value::of_text("ž"));
  EXPECT_EQ(value(ColumnKind::text, "\xff").kind, ValueKind::bytes);
  EXPECT_EQ(value(ColumnKind::latin1, "\x80\xe4\x81"), Value::of_text("€ä\xc2\x81"));
  EXPECT_EQ(value(ColumnKind::utf16, std::string_view("\xd8\x3d\xde\x00\x00\x41", 6)),
            Value::of_text("😀A"));
  EXPECT_EQ(value(ColumnKind::utf16le, std::string_view("\x3d\xd8\x00\xde", 4)),
            Value::of_text("😀"));
  EXPECT_EQ(value(ColumnKind::utf32, std::string_view("\x00\x01\xf6\x00", 4)),
            Value::of_text("😀"));
  EXPECT_EQ(value(ColumnKind::utf16, "odd").kind, ValueKind::bytes);
  EXPECT_EQ(value(ColumnKind::utf16, std::string_view("\xd8\x3d", 2)).kind, ValueKind::bytes);
  EXPECT_EQ(value(ColumnKind::other_text, "\xd6\xd0", "中"), Value::of_text("中"));
}

TEST(MariadbValues, TellsDatesFromWhatIsNone) {
  EXPECT_EQ(value(ColumnKind::date, "2026-11-20").kind, ValueKind::date);
  for (const char* none : {"0000-00-00", "2026-00-10", "2026-02-31", "2025-02-29", "2026-13-01"})
    EXPECT_EQ(value(ColumnKind::date, none).kind, ValueKind::other) << none;
  EXPECT_EQ(value(ColumnKind::date, "2024-02-29").kind, ValueKind::date);
  EXPECT_EQ(value(ColumnKind::timestamp, "2026-11-20 10:56:01.500000"),
            Value::of_kind(ValueKind::timestamp, "2026-11-20T10:56:01.5"));
  EXPECT_EQ(value(ColumnKind::instant, "2026-11-20 10:56:01.000"),
            Value::of_kind(ValueKind::instant, "2026-11-20T10:56:01Z"));
  EXPECT_EQ(value(ColumnKind::time, "23:59:59").kind, ValueKind::time);
  EXPECT_EQ(value(ColumnKind::time, "838:59:59").kind, ValueKind::other);
  EXPECT_EQ(value(ColumnKind::time, "-01:00:00").kind, ValueKind::other);
}

TEST(MariadbValues, EscapesWhereverInAFieldTheyAreNeeded) {
  const std::string plain = "0123456789-abcdef\x80\xff\x0e!";
  for (const char needy : {'\\', '\t', '\n', '\r', '\0'}) {
    for (std::size_t at = 0; at <= plain.size(); ++at) {
      std::string field = plain;
      field.insert(at, 1, needy);
      Bytes line;
      append_field(line, field);
      EXPECT_EQ(line.size(), field.size() + 1);
      append(line, "\n");
      LineParser parser;
      std::size_t end = 0;
      ASSERT_TRUE(parser.next(as_text(line), end));
      ASSERT_EQ(parser.fields(), 1U);
      EXPECT_EQ(parser.field(0), field) << at;
    }
  }
}

TEST(MariadbValues, EveryByteSurvivesTheTextForm) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  Bytes line;
  append_field(line, bytes);
  append(line, "\t");
  append(line, null_field);
  append(line, "\t");
  append_field(line, "\\N");
  append(line, "\t\n");
  LineParser parser;
  std::size_t at = 0;
  ASSERT_TRUE(parser.next(as_text(line), at));
  EXPECT_EQ(at, line.size());
  ASSERT_EQ(parser.fields(), 4U);
  EXPECT_EQ(parser.field(0), bytes);
  EXPECT_TRUE(parser.is_null(1));
  EXPECT_FALSE(parser.is_null(2));
  EXPECT_EQ(parser.field(2), "\\N");
  EXPECT_EQ(parser.field(3), "");
  for (std::size_t cut = 0; cut + 1 < line.size(); ++cut) {
    std::size_t unmoved = 0;
    EXPECT_FALSE(parser.next(as_text(line).substr(0, cut), unmoved));
    EXPECT_EQ(unmoved, 0U);
  }
}

}  // namespace
}  // namespace holdfast::engine::mariadb
