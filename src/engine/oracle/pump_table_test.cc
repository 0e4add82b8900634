// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/pump_table.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/oracle/test_pump.h"

namespace holdfast::engine::oracle {
namespace {

PumpTable table_of(const std::vector<TestColumn>& columns, std::string_view kind = "STRMTABLE_T") {
  auto table = parse_pump_table(test_document("APP", "T", columns, kind), "the document");
  EXPECT_TRUE(table.has_value());
  return table ? std::move(*table) : PumpTable();
}

TEST(PumpTable, IsReadFromBothDocuments) {
  for (const char* kind : {"STRMTABLE_T", "TABLE_T"}) {
    const PumpTable table = table_of({{"A", 1, 20}, {"B", 2, 22, "<NOT_NULL>1</NOT_NULL>"}}, kind);
    EXPECT_EQ(table.name.display(), "APP.T");
    EXPECT_EQ(table.is_stream, kind[0] == 'S');
    ASSERT_EQ(table.columns.size(), 2U);
    EXPECT_TRUE(table.columns[0].is_nullable);
    EXPECT_FALSE(table.columns[1].is_nullable);
    EXPECT_EQ(table.zone_minutes, 90);
  }
}

TEST(PumpTable, LeavesColumnsOfTheServerOutOfDefinitionsOnly) {
  const std::vector<TestColumn> columns{{"A", 1, 20},
                                        {"SYS_NC1$", 23, 9, "<PROPERTY>32</PROPERTY>"}};
  EXPECT_EQ(table_of(columns).columns.size(), 2U);
  EXPECT_EQ(table_of(columns, "TABLE_T").columns.size(), 1U);
}

TEST(PumpTable, IsNotMadeOfOtherDocuments) {
  EXPECT_FALSE(parse_pump_table("<ROWSET><ROW><USER_T/></ROW></ROWSET>", "x").has_value());
  EXPECT_FALSE(parse_pump_table("<ROWS/>", "x").has_value());
  EXPECT_THROW(static_cast<void>(parse_pump_table("<ROWSET>", "x")), Error);
  EXPECT_THROW(static_cast<void>(parse_pump_table(
                   "<ROWSET><ROW><STRMTABLE_T><NAME>T</NAME></STRMTABLE_T></ROW></ROWSET>", "x")),
               Error);
  EXPECT_THROW(static_cast<void>(parse_pump_table(
                   test_document("A", "T", {{"A", 1, 1, "<SCALE>many</SCALE>"}}), "x")),
               Error);
}

TEST(PumpTable, NamesTypesAsOracleDeclaresThem) {
  const std::string text = "<CHARSETID>873</CHARSETID><CHARSETFORM>1</CHARSETFORM>";
  const std::string national = "<CHARSETID>2000</CHARSETID><CHARSETFORM>2</CHARSETFORM>";
  const struct {
    TestColumn column;
    std::string type;
    model::ValueKind kind;
  } cases[] = {
      {{"C", 1, 20, text + "<CHARLENGTH>20</CHARLENGTH>"}, "VARCHAR2(20)", model::ValueKind::text},
      {{"C", 1, 80, text + "<CHARLENGTH>20</CHARLENGTH>"},
       "VARCHAR2(20 CHAR)",
       model::ValueKind::text},
      {{"C", 1, 40, national + "<CHARLENGTH>20</CHARLENGTH>"},
       "NVARCHAR2(20)",
       model::ValueKind::text},
      {{"C", 96, 3, text}, "CHAR(3)", model::ValueKind::text},
      {{"C", 2, 22, ""}, "NUMBER", model::ValueKind::number},
      {{"C", 2, 22, "<PRECISION_NUM>7</PRECISION_NUM><SCALE>2</SCALE>"},
       "NUMBER(7,2)",
       model::ValueKind::number},
      {{"C", 2, 22, "<SCALE>0</SCALE>"}, "NUMBER(*,0)", model::ValueKind::number},
      {{"C", 2, 22, "<PRECISION_NUM>126</PRECISION_NUM>"}, "FLOAT(126)", model::ValueKind::number},
      {{"C", 23, 16, ""}, "RAW(16)", model::ValueKind::bytes},
      {{"C", 112, 4000, national}, "NCLOB", model::ValueKind::text},
      {{"C", 180, 11, "<SCALE>3</SCALE>"}, "TIMESTAMP(3)", model::ValueKind::timestamp},
      {{"C", 181, 13, "<SCALE>6</SCALE>"},
       "TIMESTAMP(6) WITH TIME ZONE",
       model::ValueKind::instant},
      {{"C", 183, 11, "<PRECISION_NUM>3</PRECISION_NUM><SCALE>6</SCALE>"},
       "INTERVAL DAY(3) TO SECOND(6)",
       model::ValueKind::other},
      {{"C", 101, 8, ""}, "BINARY_DOUBLE", model::ValueKind::real}};
  for (const auto& one : cases) {
    const model::TableDefinition definition = define(table_of({one.column}));
    EXPECT_EQ(definition.columns[0].type, one.type);
    EXPECT_EQ(definition.columns[0].kind, one.kind) << one.type;
  }
}

TEST(PumpTable, RefusesWhatItCannotRead) {
  EXPECT_EQ(why_unreadable(table_of({{"X", 58, 1, ""}})),
            "column X of APP.T is of type 58: values of this type cannot be read here");
  EXPECT_EQ(why_unreadable(table_of({{"A", 1, 9}, {"L", 8, 0, ""}})), "");
  EXPECT_NE(why_unreadable(table_of({{"L", 8, 0, ""}, {"A", 1, 9}})), "");
  EXPECT_NE(why_unreadable(table_of({{"A", 1, 9, "<CHARSETID>9999</CHARSETID>"}})), "");
}

TEST(PumpTable, DefinesColumnsThatItCannotReadWithWhatStandsInTheWay) {
  const auto columns = define(table_of({{"X", 58, 1, ""},
                                        {"L", 8, 0, ""},
                                        {"A", 1, 9, "<CHARSETID>9999</CHARSETID>"},
                                        {"B", 1, 9}}))
                           .columns;
  ASSERT_EQ(columns.size(), 4U);
  EXPECT_EQ(columns[0].type, "type 58");
  EXPECT_EQ(columns[0].obstacle, "values of this type cannot be read here");
  EXPECT_EQ(columns[1].obstacle, "it is read only as the last column of a table without LOBs");
  EXPECT_EQ(columns[2].obstacle, "its character set 9999 is not known");
  EXPECT_EQ(columns[3].obstacle, "");
}

TEST(PumpTable, DecodesEachKindOfText) {
  const PumpTable table =
      table_of({{"U", 1, 20, "<CHARSETID>873</CHARSETID>"},
                {"L", 1, 20, "<CHARSETID>31</CHARSETID>"},
                {"N", 1, 20, "<CHARSETID>2000</CHARSETID><CHARSETFORM>2</CHARSETFORM>"},
                {"C", 112, 20, "<CHARSETID>873</CHARSETID>"},
                {"S", 112, 20, "<CHARSETID>31</CHARSETID>"}});
  PumpDecoder decoder(table);
  const model::Value expected = model::Value::of_text("\xC3\xA9");
  EXPECT_EQ(decoder.decode(0, as_bytes("\xC3\xA9")), expected);
  EXPECT_EQ(decoder.decode(1, as_bytes("\xE9")), expected);
  for (const std::size_t wide : {2U, 3U})
    EXPECT_EQ(decoder.decode(wide, as_bytes(std::string("\x00\xE9", 2))), expected);
  EXPECT_EQ(decoder.decode(4, as_bytes("\xE9")), expected);
}

}  // namespace
}  // namespace holdfast::engine::oracle
