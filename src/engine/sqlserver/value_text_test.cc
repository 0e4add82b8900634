// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/value_text.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/sqlserver/row_batch.h"
#include "engine/sqlserver/test_rows.h"

namespace holdfast::engine::sqlserver {
namespace {

using model::Value;
using model::ValueKind;
using test::column_of;

std::string text_of(const SqlColumn& column, const Value& value) {
  std::string sql;
  check_fits(column, value);
  append_value(sql, column, value);
  return sql;
}

bool fits(const SqlColumn& column, const Value& value) {
  try {
    check_fits(column, value);
    return true;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unsupported);
    EXPECT_NE(error.message().find(column.declared()), std::string::npos) << error.message();
    return false;
  }
}

TEST(ValueText, IsWhatTheServerReadsAgain) {
  EXPECT_EQ(text_of(column_of("int"), Value::null()), "NULL");
  EXPECT_EQ(text_of(column_of("int"), Value::integer(-5)), "-5");
  EXPECT_EQ(text_of(column_of("decimal", 1, 5, 2), Value::number("12.5")), "12.5");
  EXPECT_EQ(text_of(column_of("float"), Value::of_real(0.1)), "1.0000000000000001e-01");
  EXPECT_EQ(text_of(column_of("date"), Value::of_kind(ValueKind::date, "2003-02-01")),
            "'2003-02-01'");
  EXPECT_EQ(text_of(column_of("datetime"),
                    Value::of_kind(ValueKind::timestamp, "2003-02-01T11:22:33.12")),
            "CONVERT(datetime,CONVERT(datetime2(3),'2003-02-01T11:22:33.12'))");
  EXPECT_EQ(text_of(column_of("uniqueidentifier"),
                    Value::of_text("00112233-4455-6677-8899-AABBCCDDEEFF")),
            "'00112233-4455-6677-8899-AABBCCDDEEFF'");
  EXPECT_EQ(text_of(column_of("varbinary", 8), Value::of_kind(ValueKind::bytes, "\xff\x01")),
            "0xFF01");
  EXPECT_EQ(text_of(column_of("hierarchyid"), Value::of_kind(ValueKind::bytes, "\x58")),
            "CONVERT(hierarchyid,0x58)");
  EXPECT_EQ(text_of(column_of("xml"), Value::of_text("<a/>")), "CONVERT(xml,N'<a/>',1)");
}

TEST(ValueText, HasTextThatNothingOfTheLanguageReadsOtherwise) {
  const SqlColumn text = column_of("nvarchar", 100);
  EXPECT_EQ(text_of(text, Value::of_text("it's")), "N'it''s'");
  EXPECT_EQ(text_of(text, Value::of_text("a\\b")), "N'a\\b'");
  EXPECT_EQ(text_of(text, Value::of_text("a\\\nb")), "CONVERT(nvarchar(max),N'')+N'a\\'+N'\nb'");
  EXPECT_EQ(text_of(text, Value::of_text("a\\\r\n'")),
            "CONVERT(nvarchar(max),N'')+N'a\\'+N'\r\n'''");
  EXPECT_EQ(text_of(text, Value::of_text(std::string("a\0b", 3))),
            "CONVERT(nvarchar(max),N'')+N'a'+NCHAR(0)+N'b'");
  EXPECT_EQ(text_of(text, Value::of_kind(ValueKind::bytes, "\x3d\xd8")),
            "CONVERT(nvarchar(max),0x3DD8)");
}

TEST(ValueText, HasVariantsOfTheirOwnTypes) {
  const auto variant = [](const char* value) {
    return text_of(column_of("sql_variant"), Value::of_kind(ValueKind::other, value));
  };
  EXPECT_EQ(variant("int 7"), "CONVERT(sql_variant,CONVERT(int,7))");
  EXPECT_EQ(variant("numeric(5,2) 12.5"), "CONVERT(sql_variant,CONVERT(numeric(5,2),12.5))");
  EXPECT_EQ(variant("varchar(26) it's"), "CONVERT(sql_variant,CONVERT(varchar(26),N'it''s'))");
  EXPECT_EQ(variant("varchar(65535) abc"), "CONVERT(sql_variant,CONVERT(varchar(3),N'abc'))");
  EXPECT_EQ(variant("real 0.1"), "CONVERT(sql_variant,CONVERT(real,1.0000000149011612e-01))");
}

TEST(ValueText, FitsOnlyWhereItStaysWhatItIs) {
  for (const test::TypedColumn& one : test::typed_columns()) {
    if (one.column.type == SqlType::rowversion) continue;
    for (const Value& value : one.values) EXPECT_TRUE(fits(one.column, value));
  }
  EXPECT_FALSE(fits(column_of("bit"), Value::integer(2)));
  EXPECT_FALSE(fits(column_of("int"), Value::number("1.5")));
  EXPECT_FALSE(fits(column_of("float"), Value::integer(1)));
  EXPECT_FALSE(fits(column_of("decimal", 1, 5, 2), Value::number("0.001")));
  EXPECT_FALSE(fits(column_of("nvarchar", 3), Value::of_text("abcd")));
  EXPECT_FALSE(fits(column_of("nvarchar", 3), Value::of_text("a\xf0\x9f\x98\x80"
                                                             "b")));
  EXPECT_FALSE(fits(column_of("nvarchar", 3), Value::integer(1)));
  EXPECT_FALSE(fits(column_of("varchar", 3), Value::of_kind(ValueKind::bytes, "ab")));
  EXPECT_FALSE(fits(column_of("binary", 4), Value::of_kind(ValueKind::bytes, "abc")));
  EXPECT_FALSE(fits(column_of("varbinary", 4), Value::of_kind(ValueKind::bytes, "abcde")));
  EXPECT_FALSE(fits(column_of("varbinary", 4), Value::of_text("abc")));
}

TEST(RowBatch, GivesRowsByParametersWhereItCan) {
  SqlTable table;
  table.name = {"dbo", "t]"};
  table.columns = {column_of("int"), column_of("rowversion"), column_of("decimal", 1, 5, 2),
                   column_of("nvarchar", 9), column_of("xml")};
  EXPECT_TRUE(goes_by_parameters(table));
  EXPECT_EQ(insert_statement(table, 2),
            "INSERT INTO [dbo].[t]]] ([c_int],[c_decimal],[c_nvarchar],[c_xml]) VALUES "
            "(?,CONVERT(decimal(5,2),?),?,CONVERT(xml,?,1)),"
            "(?,CONVERT(decimal(5,2),?),?,CONVERT(xml,?,1))");
  RowBatch batch;
  add_row(batch, table,
          {Value::integer(-1), Value::of_kind(ValueKind::bytes, "12345678"), Value::number("1.5"),
           Value::of_text("\xe2\x82\xac"), Value::null()});
  EXPECT_EQ(batch.rows, 1U);
  ASSERT_EQ(batch.cells.size(), 4U);
  const auto cell = [&](std::size_t i) {
    return to_hex(ByteView(batch.values)
                      .subspan(batch.cells[i].at, static_cast<std::size_t>(batch.cells[i].bytes)));
  };
  EXPECT_EQ(cell(0), "ffffffffffffffff");
  EXPECT_EQ(cell(1), "31002e003500");
  EXPECT_EQ(cell(2), "ac20");
  EXPECT_EQ(batch.cells[3].bytes, -1);
  try {
    add_row(batch, table,
            {Value::of_text("x"), Value::null(), Value::null(), Value::null(), Value::null()});
    ADD_FAILURE() << "taken";
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("c_int"), std::string::npos) << error.message();
  }
}

TEST(RowBatch, WritesVariantsInTheStatement) {
  SqlTable table;
  table.name = {"dbo", "t"};
  table.columns = {column_of("int"), column_of("sql_variant")};
  EXPECT_FALSE(goes_by_parameters(table));
  RowBatch batch;
  add_row(batch, table, {Value::integer(1), Value::of_kind(ValueKind::other, "int 7")});
  add_row(batch, table, {Value::integer(2), Value::null()});
  EXPECT_EQ(batch.statement,
            "INSERT INTO [dbo].[t] ([c_int],[c_sql_variant]) VALUES "
            "(1,CONVERT(sql_variant,CONVERT(int,7))),(2,NULL)");
}

}  // namespace
}  // namespace holdfast::engine::sqlserver
