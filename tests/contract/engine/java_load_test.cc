// SPDX-License-Identifier: Apache-2.0
// Rows that are loaded into Derby and H2, and come back as they were.
#include "contract/engine/java_fixture.h"

namespace holdfast::test {
namespace {

using model::Row;
using model::Value;
using model::ValueKind;

class JavaLoad : public JavaTest {};

// Bytes that no two places share.
std::string pattern(std::size_t size_bytes, unsigned seed) {
  std::string bytes(size_bytes, '\0');
  std::uint32_t state = seed;
  for (char& byte : bytes) {
    state = state * 1'664'525U + 1'013'904'223U;
    byte = static_cast<char>(state >> 24U);
  }
  return bytes;
}

void load(java::JavaDatabase& database, const model::TableName& table,
          const std::vector<std::string>& columns, const std::vector<Row>& rows,
          const java::LoadSettings& settings = {}) {
  const auto loader = database.load(table, columns, settings);
  for (const Row& row : rows) loader->row(row);
  EXPECT_EQ(loader->finish(), rows.size());
}

TEST_P(JavaLoad, EveryKindComesBackAsItWas) {
  java::JavaDatabase database = databases_.create();
  const bool derby = databases_.is_derby();
  database.execute(std::string("CREATE TABLE T (L BIGINT, D DECIMAL(20,5), B BOOLEAN, R REAL, F "
                               "DOUBLE, C CHAR(3), V VARCHAR(20), K CLOB, Y ") +
                   databases_.blob() + ", VB " +
                   (derby ? "VARCHAR(9) FOR BIT DATA" : "VARBINARY(9)") +
                   ", DT DATE, TM TIME, TS TIMESTAMP" +
                   (derby ? ", X XML" : ", TZ TIMESTAMP(9) WITH TIME ZONE, U UUID, J JSON") + ")");
  std::vector<std::string> columns{"L", "D", "B",  "R",  "F",  "C", "V",
                                   "K", "Y", "VB", "DT", "TM", "TS"};
  Row row{Value::number("-9223372036854775808"),
          Value::number("123456789012345.5"),
          Value::integer(1),
          Value::of_real(0.5),
          Value::of_real(-1e-300),
          Value::of_text("abc"),
          Value::of_text("Zoë 😀"),
          Value::of_text("a 'clob'"),
          Value::of_kind(ValueKind::bytes, std::string("\0\xff", 2)),
          Value::of_kind(ValueKind::bytes, "\x80"),
          Value::of_kind(ValueKind::date, derby ? "0001-01-01" : "-0044-03-15"),
          Value::of_kind(ValueKind::time, "10:56:01"),
          Value::of_kind(ValueKind::timestamp, "2026-11-20T10:56:01.123456")};
  if (derby) {
    columns.emplace_back("X");
    row.push_back(Value::of_text("<a> ü </a>"));
  } else {
    columns.insert(columns.end(), {"TZ", "U", "J"});
    row.push_back(Value::of_kind(ValueKind::instant, "2026-11-20T10:56:01.5Z"));
    row.push_back(Value::of_kind(ValueKind::other, "01234567-89ab-cdef-0123-456789abcdef"));
    row.push_back(Value::of_text("{\"a\":[1,2]}"));
  }
  const std::vector<Row> rows{row, Row(columns.size())};
  load(database, databases_.table("T"), columns, rows);
  const std::vector<Row> again = rows_of(database, databases_.table("T"));
  ASSERT_EQ(again.size(), 2U);
  for (std::size_t i = 0; i < row.size(); ++i)
    EXPECT_EQ(again[0][i], row[i]) << columns[i] << ": " << again[0][i].text;
  EXPECT_EQ(again[1], rows[1]);
}

TEST_P(JavaLoad, WideValuesGoThroughInPieces) {
  constexpr std::size_t wide_bytes = std::size_t{20} << 20U;
  java::JavaDatabase database = databases_.create();
  database.execute("CREATE TABLE T (A INTEGER, Y " + databases_.blob() + ", K CLOB(9M), Z " +
                   databases_.blob() + ")");
  // Characters of four bytes, at places that no power of two divides.
  std::string letters = "x";
  while (letters.size() < (3U << 20U)) letters += "😀ü";
  const std::vector<Row> rows{
      {Value::integer(1), Value::of_kind(ValueKind::bytes, pattern(wide_bytes, 1)),
       Value::of_text(letters), Value::of_kind(ValueKind::bytes, pattern(2U << 20U, 2))},
      {Value::integer(2), Value::of_kind(ValueKind::bytes, "small"), Value::of_text("small"),
       Value::of_kind(ValueKind::bytes, "")},
      {Value::integer(3), Value::of_kind(ValueKind::bytes, pattern((1U << 20U) - 40, 3)),
       Value::of_text(std::string(1U << 20U, 'y')), Value::null()}};
  load(database, databases_.table("T"), {"A", "Y", "K", "Z"}, rows);
  std::vector<Row> again = rows_of(database, databases_.table("T"));
  ASSERT_EQ(again.size(), rows.size());
  std::sort(again.begin(), again.end(),
            [](const Row& a, const Row& b) { return a[0].text < b[0].text; });
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t column = 0; column < rows[i].size(); ++column)
      EXPECT_TRUE(again[i][column] == rows[i][column]) << i << ", " << column;
  }
  database.close();
}

TEST_P(JavaLoad, RefusedRowsLeaveNothingAndTheDatabaseCanBeAskedFurther) {
  java::JavaDatabase database = databases_.create();
  database.execute("CREATE TABLE T (A INTEGER PRIMARY KEY, B VARCHAR(600))");
  const auto refused = [&](int rows_after) {
    const auto loader = database.load(databases_.table("T"), {"A", "B"});
    loader->row({Value::integer(1), Value::null()});
    loader->row({Value::integer(1), Value::null()});
    for (int i = 0; i < rows_after; ++i)
      loader->row({Value::integer(2 + i), Value::of_text(std::string(500, 'x'))});
    static_cast<void>(loader->finish());
  };
  // Told at the end, and in the midst of more rows than the line holds.
  EXPECT_EQ(code_of([&] { refused(0); }), Errc::failed_child);
  EXPECT_EQ(database.count(databases_.table("T")), 0U);
  EXPECT_EQ(code_of([&] { refused(20'000); }), Errc::failed_child);
  EXPECT_EQ(database.count(databases_.table("T")), 0U);
  EXPECT_EQ(code_of([&] { static_cast<void>(database.load(databases_.table("T"), {"NONE"})); }),
            Errc::not_found);
  load(database, databases_.table("T"), {"B", "A"}, {{Value::of_text("b"), Value::integer(1)}});
  EXPECT_EQ(database.query_one("SELECT B FROM T WHERE A = 1"), "b");
}

TEST_P(JavaLoad, WithoutAnEndNothingIsThere) {
  java::JavaDatabase database = databases_.create();
  database.execute("CREATE TABLE T (A INTEGER)");
  {
    const auto loader = database.load(databases_.table("T"), {"A"});
    for (int i = 0; i < 50'000; ++i) loader->row({Value::integer(i)});
    EXPECT_EQ(code_of([&] { static_cast<void>(database.tables()); }), Errc::failed_child);
  }
  EXPECT_EQ(database.count(databases_.table("T")), 0U);
}

TEST_P(JavaLoad, NumbersOfIdentityColumnsAreKept) {
  java::JavaDatabase database = databases_.create();
  database.execute("CREATE TABLE T (ID INTEGER GENERATED BY DEFAULT AS IDENTITY, B VARCHAR(9))");
  load(database, databases_.table("T"), {"ID", "B"}, {{Value::integer(41), Value::of_text("b")}});
  database.execute("ALTER TABLE T ALTER COLUMN ID RESTART WITH 42");
  database.execute("INSERT INTO T (B) VALUES ('c')");
  EXPECT_EQ(database.query_one("SELECT ID FROM T WHERE B = 'c'"), "42");
  database.execute("CREATE TABLE U (ID INTEGER GENERATED ALWAYS AS IDENTITY)");
  const auto always = [&](bool overriding) {
    java::LoadSettings settings;
    settings.overriding_system_value = overriding;
    load(database, databases_.table("U"), {"ID"}, {{Value::integer(41)}}, settings);
  };
  EXPECT_NE(message_of([&] { always(false); }), "no Error came");
  if (databases_.is_derby()) {
    EXPECT_NE(message_of([&] { always(true); }), "no Error came");
  } else {
    always(true);
    EXPECT_EQ(database.query_one("SELECT ID FROM U"), "41");
  }
}

TEST_P(JavaLoad, WhatIsLoadedIsThereAfterClosing) {
  {
    java::JavaDatabase database = databases_.create();
    database.execute("CREATE TABLE T (A INTEGER)");
    load(database, databases_.table("T"), {"A"}, {{Value::integer(5)}});
    database.close();
  }
  if (databases_.is_derby()) {
    EXPECT_FALSE(std::filesystem::exists(databases_.path("db") / "db.lck"));
  }
  java::JavaDatabaseSettings settings = databases_.settings("db", false);
  settings.read_only = true;
  java::JavaDatabase database(settings);
  EXPECT_EQ(database.query_one("SELECT A FROM T"), "5");
  EXPECT_NE(message_of([&] { database.execute("DELETE FROM T"); }), "no Error came");
  EXPECT_EQ(database.query_one("SELECT A FROM T"), "5");
  database.close();
}

INSTANTIATE_TEST_SUITE_P(Load, JavaLoad, testing::Values("derby", "h2"),
                         [](const auto& engine) { return engine.param; });

}  // namespace
}  // namespace holdfast::test
