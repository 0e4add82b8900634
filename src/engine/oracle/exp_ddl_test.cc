// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/exp_ddl.h"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::engine::oracle {
namespace {

using model::ValueKind;

std::string object(std::string_view line, std::string_view payload = {}) {
  ExpStatement statement;
  statement.line = line;
  statement.payload = payload;
  const auto found = object_of(line, statement_text(statement));
  return found ? found->kind + " " + found->name : "";
}

model::ColumnDefinition defined(const std::string& type, bool has_wide_characters = false) {
  const auto column = define_column({"C", type, true}, has_wide_characters);
  EXPECT_TRUE(column.has_value()) << type;
  return column.value_or(model::ColumnDefinition{});
}

TEST(OracleExpDdl, ObjectsHaveTheirKindAndName) {
  EXPECT_EQ(object("CREATE BITMAP INDEX \"I\" ON \"T\" (\"A\" )"), "index I");
  EXPECT_EQ(object("CREATE FORCE VIEW \"V\" (\"A\") AS ", "SELECT 1"), "view V");
  EXPECT_EQ(object("CREATE PUBLIC SYNONYM \"S\" FOR \"U\".\"T\""), "synonym S");
  EXPECT_EQ(object("CREATE DATABASE LINK \"L.WORLD\" CONNECT TO \"U\""), "database link L.WORLD");
  EXPECT_EQ(object("CREATE MATERIALIZED VIEW LOG ON \"T\" WITH ROWID"), "materialized view log T");
  EXPECT_EQ(object("CREATE FORMAT71 PACKAGE BODY \"P\" ", "CREATE PACKAGE BODY p AS END;"),
            "package body P");
  EXPECT_EQ(object("CREATE FORMAT92TRIG ", "TRIGGER \"SHOP\".watch BEFORE"), "trigger SHOP.WATCH");
  EXPECT_EQ(object("ALTER TABLE \"T\" ADD  PRIMARY KEY (\"A\") ENABLE"), "primary key T");
  EXPECT_EQ(object("ALTER TABLE \"T\" ADD CONSTRAINT \"F\" FOREIGN KEY (\"A\") REFERENCES \"R\""),
            "foreign key T.F");
  EXPECT_EQ(object("ALTER TABLE \"T\" ENABLE CONSTRAINT \"F\""), "");
  EXPECT_EQ(object("COMMENT ON COLUMN \"T\".\"A\" IS ", "'x'"), "comment T.A");
  EXPECT_EQ(object("GRANT UPDATE(\"A\") ON \"T\" TO \"R\" WITH GRANT OPTION"),
            "grant UPDATE(A) ON T TO R");
}

TEST(OracleExpDdl, OnlyWhatAltersAnObjectMakesNone) {
  for (const char* text :
       {"ALTER TABLE \"T\" ENABLE CONSTRAINT \"C\"", "ALTER TABLE \"T\" MODIFY (\"A\" DEFAULT 0)",
        "ALTER SESSION SET \"X\" = 1", "ALTER PROCEDURE \"P\" COMPILE",
        "ALTER TRIGGER \"T\"  ENABLE", "TABLE \"T\"", "CONNECT SHOP"})
    EXPECT_FALSE(must_make_object(text)) << text;
  for (const char* text :
       {"CREATE SEQUENCF \"S\"", "ALTER TABLE \"T\" ADE CONSTRAINT \"C\"", "ALTER TABLF \"T\" ADD",
        "ALTER TABLE \"T\" ADD CONSTRAINU \"C\" CHECK (", "GRANT SELECT ON \"T\" TP \"R\"",
        "COMMENT"}) {
    EXPECT_TRUE(must_make_object(text)) << text;
    EXPECT_EQ(object(text), "") << text;
  }
}

TEST(OracleExpDdl, LinesAreKnownByHowTheyBeginAndEnd) {
  for (const char* line : {"TABLE \"T\"", "ENDTABLE", "METRICEUG0", "CALTER TABLE", "PROCACTION",
                           "CREATE TABLE \"T\" (\"A\" VARCHAR2(9) DEFAULT 'MIGRANT ' )",
                           "GRANT CREATE SESSION TO \"R\" WITH ADMIN OPTION",
                           "ANALCOMPUTE TR \"T\" ANALYZE  TABLE \"T\"  ESTIMATE STATISTICS "})
    EXPECT_TRUE(is_known_statement(line)) << line;
  for (const char* line :
       {"", "CALTER TABLF", "TABLF \"T\"", "TABLE \"T\"x", "TABLE \"T", "TABLE \"T\"kCALTER TABLE",
        "CREATE SEQUENCE \"A\" NOCYCLE\rCREATE SEQUENCE \"B\" NOCYCLE",
        "METRICEU 4kCREATE SEQUENCE \"B\"", " || \"A\")"})
    EXPECT_FALSE(is_known_statement(line)) << line;
}

TEST(OracleExpDdl, ATableHasItsColumnsAndKeys) {
  const auto table = parse_create_table(
      "CREATE TABLE \"T\" (\"A\" NUMBER(*,0) CONSTRAINT \"N\" NOT NULL ENABLE, \"B\" VARCHAR2(9 "
      "CHAR), \"C\" TIMESTAMP (6) WITH LOCAL TIME ZONE NOT NULL DISABLE, \"D\" NUMBER(5, -2), "
      "\"E\" "
      "INTERVAL DAY (2) TO SECOND (3), \"F, G\" \"U\".\"TYP\",  CONSTRAINT \"P\" PRIMARY KEY "
      "(\"A\", \"B\") ENABLE, UNIQUE (\"C\") ENABLE, UNIQUE (\"D\") DISABLE)  PCTFREE 10 "
      "STORAGE(INITIAL 1)");
  ASSERT_TRUE(table.has_value());
  ASSERT_EQ(table->columns.size(), 6U);
  EXPECT_EQ(table->columns[0].type, "NUMBER(*,0)");
  EXPECT_FALSE(table->columns[0].is_nullable);
  EXPECT_EQ(table->columns[1].type, "VARCHAR2(9 CHAR)");
  EXPECT_EQ(table->columns[2].type, "TIMESTAMP(6) WITH LOCAL TIME ZONE");
  EXPECT_TRUE(table->columns[2].is_nullable);
  EXPECT_EQ(table->columns[3].type, "NUMBER(5,-2)");
  EXPECT_EQ(table->columns[4].type, "INTERVAL DAY(2) TO SECOND(3)");
  EXPECT_EQ(table->columns[5].name, "F, G");
  EXPECT_EQ(table->columns[5].type, "\"U\".\"TYP\"");
  EXPECT_EQ(table->primary_key, (std::vector<std::string>{"A", "B"}));
  EXPECT_EQ(table->unique, (std::vector<std::vector<std::string>>{{"C"}}));
  EXPECT_FALSE(table->may_be_deferred);
}

TEST(OracleExpDdl, OnlyAnOrdinaryTableWithoutStorageMayHaveNoSegment) {
  const auto may_be_deferred = [](const std::string& rest) {
    return parse_create_table("CREATE TABLE \"T\" (\"A\" DATE) " + rest)->may_be_deferred;
  };
  EXPECT_TRUE(may_be_deferred("PCTFREE 10 TABLESPACE \"USERS\" LOGGING NOCOMPRESS"));
  EXPECT_FALSE(may_be_deferred("STORAGE(INITIAL 65536)"));
  EXPECT_FALSE(may_be_deferred("PARTITION BY HASH (\"A\") (PARTITION \"P\")"));
  EXPECT_FALSE(may_be_deferred("ORGANIZATION INDEX"));
  EXPECT_TRUE(parse_create_table("CREATE GLOBAL TEMPORARY TABLE \"T\" (\"A\" DATE) ON COMMIT")
                  ->is_temporary);
}

TEST(OracleExpDdl, TypesBecomeWhatOtherDatabasesNeed) {
  EXPECT_EQ(defined("NUMBER").precision, std::nullopt);
  EXPECT_EQ(defined("NUMBER(*,0)").precision, 38U);
  EXPECT_EQ(defined("NUMBER(*,0)").scale, 0);
  EXPECT_EQ(defined("NUMBER(5,-2)").scale, -2);
  EXPECT_EQ(defined("FLOAT(126)").kind, ValueKind::number);
  EXPECT_EQ(defined("FLOAT(126)").precision, std::nullopt);
  EXPECT_EQ(defined("VARCHAR2(20)").length, 20U);
  EXPECT_TRUE(defined("CHAR(3)").is_padded);
  EXPECT_FALSE(defined("CHAR(3)", true).is_padded);
  EXPECT_TRUE(defined("CHAR(3 CHAR)", true).is_padded);
  EXPECT_TRUE(defined("NCHAR(3)", true).is_padded);
  EXPECT_EQ(defined("RAW(16)").length, 16U);
  EXPECT_EQ(defined("BLOB").length, std::nullopt);
  EXPECT_EQ(defined("TIMESTAMP(9)").fraction_digits, 9U);
  EXPECT_EQ(defined("TIMESTAMP(3) WITH TIME ZONE").kind, ValueKind::instant);
  EXPECT_EQ(defined("DATE").fraction_digits, 0U);
  EXPECT_EQ(defined("INTERVAL YEAR(2) TO MONTH").kind, ValueKind::other);
  EXPECT_EQ(defined("LONG RAW").kind, ValueKind::bytes);
  for (const char* type : {"ROWID", "BFILE", "\"U\".\"TYP\"", "XMLTYPE", ""})
    EXPECT_FALSE(define_column({"C", type, true}, false).has_value()) << type;
}

TEST(OracleExpDdl, TextThatIsNoStatementEndsWithoutHarm) {
  for (const char* text :
       {"", "CREATE", "CREATE TABLE", "CREATE TABLE \"T", "CREATE TABLE \"T\" (",
        "CREATE TABLE \"T\" (\"A\" NUMBER(", "CREATE TABLE \"T\" (\"A\"",
        "CREATE TABLE \"T\" (\"A\" DATE, CONSTRAINT \"P\" PRIMARY KEY (\"A\",",
        "ALTER TABLE \"T\" ADD CONSTRAINT", "GRANT ", "GRANT X TO", "GRANT", "COMMENT"}) {
    DeclaredTable table;
    static_cast<void>(parse_create_table(text));
    static_cast<void>(object_of(text, text));
    static_cast<void>(add_declared_key(text, table));
    static_cast<void>(define_column({"C", text, true}, false));
  }
}

TEST(OracleExpDdl, ABracketHasANameAndNothingBehindIt) {
  EXPECT_TRUE(is_known_statement("TABLE \"ORDERS\""));
  EXPECT_TRUE(is_known_statement("PARTITION \"P 1\""));
  EXPECT_FALSE(is_known_statement("TABLE \"ORDERS\"kCALTER TABLE"));
  EXPECT_FALSE(is_known_statement("TABLE"));
  EXPECT_FALSE(is_known_statement("TABLE \""));
}

}  // namespace
}  // namespace holdfast::engine::oracle
