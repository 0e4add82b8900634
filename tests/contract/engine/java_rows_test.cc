// SPDX-License-Identifier: Apache-2.0
// What Derby and H2 hold, as rows.
#include <fstream>
#include <limits>

#include "base/test_soak.h"
#include "contract/engine/java_fixture.h"

namespace holdfast::test {
namespace {

using model::Row;
using model::Value;
using model::ValueKind;

Value text(const char* value) {
  return Value::of_kind(ValueKind::text, value);
}
Value bytes(std::string value) {
  return Value::of_kind(ValueKind::bytes, std::move(value));
}

TEST(DerbyRows, HaveTheirTypes) {
  const JavaDatabases databases("derby");
  java::JavaDatabase database = databases.create();
  database.execute(
      "CREATE TABLE T (S SMALLINT, I INTEGER, L BIGINT, D DECIMAL(31,5), N NUMERIC(5,2), R REAL,"
      " F DOUBLE, B BOOLEAN, C CHAR(4), V VARCHAR(20), LV LONG VARCHAR, K CLOB, CB CHAR(2) FOR BIT"
      " DATA, VB VARCHAR(9) FOR BIT DATA, LB LONG VARCHAR FOR BIT DATA, Y BLOB, DT DATE, TM TIME,"
      " TS TIMESTAMP, X XML)");
  database.execute(
      "INSERT INTO T VALUES (-32768, 2147483647, -9223372036854775808,"
      " 12345678901234567890123456.50000, -0.50, 0.1, -2.5e300, TRUE, 'ab', 'Zoë 😀', 'long',"
      " CAST('clob' AS CLOB), X'00ff', X'01', X'', CAST(X'0a0b' AS BLOB), DATE('0001-01-01'),"
      " TIME('23:59:59'), TIMESTAMP('2026-11-20 10:56:01.123456700'),"
      " XMLPARSE(DOCUMENT '<a>ü</a>' PRESERVE WHITESPACE))");
  database.execute("INSERT INTO T (S, D, B) VALUES (NULL, 0.00000, FALSE)");
  const std::vector<Row> rows = rows_of(database, {"SA", "T"});
  ASSERT_EQ(rows.size(), 2U);
  const Row expected{Value::integer(-32768),
                     Value::integer(2147483647),
                     Value::number("-9223372036854775808"),
                     Value::number("12345678901234567890123456.5"),
                     Value::number("-0.5"),
                     Value::of_real(static_cast<double>(0.1F)),
                     Value::of_real(-2.5e300),
                     Value::integer(1),
                     text("ab  "),
                     text("Zoë 😀"),
                     text("long"),
                     text("clob"),
                     bytes({'\0', '\xff'}),
                     bytes("\x01"),
                     bytes(""),
                     bytes("\x0a\x0b"),
                     Value::of_kind(ValueKind::date, "0001-01-01"),
                     Value::of_kind(ValueKind::time, "23:59:59"),
                     Value::of_kind(ValueKind::timestamp, "2026-11-20T10:56:01.1234567"),
                     text("<a>ü</a>")};
  EXPECT_EQ(rows[0], expected);
  Row nulls(20);
  nulls[3] = nulls[7] = Value::integer(0);
  EXPECT_EQ(rows[1], nulls);
  database.close();
}

TEST(H2Rows, HaveTheirTypes) {
  const JavaDatabases databases("h2");
  java::JavaDatabase database = databases.create();
  database.execute(
      "CREATE TABLE T (B BOOLEAN, Y TINYINT, S SMALLINT, I INTEGER, L BIGINT, N NUMERIC(40,20),"
      " DF DECFLOAT(20), R REAL, F DOUBLE PRECISION, C CHAR(4), V VARCHAR(20), K CLOB, VB"
      " VARBINARY(9), BI BINARY(2), BL BLOB, DT DATE, TM TIME(9), TS TIMESTAMP(9), TZ TIMESTAMP(9)"
      " WITH TIME ZONE, U UUID, J JSON, E ENUM('red', 'blue'), IV INTERVAL DAY TO HOUR)");
  database.execute(
      "INSERT INTO T VALUES (TRUE, -128, 32767, -1, 9223372036854775807,"
      " 12345678901234567890.12345678901234567000, 1.5E+3, 0.1, 'NaN', 'ab', 'Zoë 😀', 'clob',"
      " X'00ff', X'0102', X'', DATE '-0043-03-15', TIME '10:56:01.500', TIMESTAMP '2026-11-20"
      " 10:56:01.000000001', TIMESTAMP WITH TIME ZONE '2026-11-20 00:30:00.5+02:00',"
      " '01234567-89ab-cdef-0123-456789abcdef', JSON '{\"a\":1}', 'blue', INTERVAL '1 2' DAY TO"
      " HOUR)");
  database.execute("INSERT INTO T (B) VALUES (FALSE)");
  const std::vector<Row> rows = rows_of(database, {"PUBLIC", "T"});
  ASSERT_EQ(rows.size(), 2U);
  const Row expected{Value::integer(1),
                     Value::integer(-128),
                     Value::integer(32767),
                     Value::integer(-1),
                     Value::number("9223372036854775807"),
                     Value::number("12345678901234567890.12345678901234567"),
                     Value::integer(1500),
                     Value::of_real(static_cast<double>(0.1F)),
                     Value::of_real(std::numeric_limits<double>::quiet_NaN()),
                     text("ab  "),
                     text("Zoë 😀"),
                     text("clob"),
                     bytes({'\0', '\xff'}),
                     bytes("\x01\x02"),
                     bytes(""),
                     Value::of_kind(ValueKind::date, "-0044-03-15"),
                     Value::of_kind(ValueKind::time, "10:56:01.5"),
                     Value::of_kind(ValueKind::timestamp, "2026-11-20T10:56:01.000000001"),
                     Value::of_kind(ValueKind::instant, "2026-11-19T22:30:00.5Z"),
                     Value::of_kind(ValueKind::other, "01234567-89ab-cdef-0123-456789abcdef"),
                     text("{\"a\":1}"),
                     text("blue"),
                     Value::of_kind(ValueKind::other, "INTERVAL '1 02' DAY TO HOUR")};
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_EQ(rows[0][i], expected[i]) << i << ": " << rows[0][i].text;
  Row nulls(23);
  nulls[0] = Value::integer(0);
  EXPECT_EQ(rows[1], nulls);
  database.close();
}

TEST(H2Rows, HaveWhatIsNoTextAsBytes) {
  const JavaDatabases databases("h2");
  java::JavaDatabase database = databases.create();
  database.execute("CREATE TABLE T (V VARCHAR(9))");
  database.execute("INSERT INTO T VALUES ('a' || CHAR(55357))");  // half a surrogate pair
  EXPECT_EQ(rows_of(database, {"PUBLIC", "T"}), std::vector<Row>{{bytes("a\xed\xa0\xbd")}});
}

// The vector of docs/digest.md.
TEST_P(JavaTest, DigestsAreThoseOfEveryEngine) {
  java::JavaDatabase database = databases_.create();
  database.execute("CREATE TABLE T (A INTEGER, B VARCHAR(9), C DECIMAL(9,2), D VARCHAR(9))");
  database.execute("INSERT INTO T VALUES (1, 'Ann', 12.50, NULL)");
  database.execute("CREATE TABLE EMPTY_ONE (A INTEGER)");
  model::DatabaseFacts facts;
  std::vector<std::string> tapped;
  java::describe_tables(database, facts, [&](const model::TableName& table) {
    return std::make_unique<RowCallback>(
        [&tapped, table](const Row& row) { tapped.push_back(table.table + row[1].text); });
  });
  ASSERT_EQ(facts.tables.size(), 2U);
  EXPECT_EQ(facts.tables[0].table, "EMPTY_ONE");
  EXPECT_EQ(facts.tables[0].digest, std::string(64, '0'));
  EXPECT_EQ(facts.tables[1].rows, 1U);
  EXPECT_EQ(facts.tables[1].digest,
            "572ce36faed79d7f81491d773cbb7e51661ca9578313d8e75c01fa38cf78c355");
  EXPECT_EQ(tapped, std::vector<std::string>{"TAnn"});
}

TEST_P(JavaTest, TablesAreThoseOfUsersWithTheirColumnsAndKeys) {
  java::JavaDatabase database = databases_.create();
  EXPECT_TRUE(database.tables().empty());
  database.execute(
      "CREATE TABLE \"odd_ \"\"%\" (\"b\" VARCHAR(7) NOT NULL, \"a\" DECIMAL(5,2) NOT NULL, "
      "\"i\" INTEGER GENERATED BY DEFAULT AS IDENTITY, \"g\" INTEGER GENERATED ALWAYS AS (2 * "
      "\"i\"), PRIMARY KEY (\"a\", \"b\"))");
  database.execute("CREATE TABLE \"oddx \"\"%\" (\"z\" INTEGER)");
  database.execute("CREATE SCHEMA OTHER");
  database.execute("CREATE TABLE OTHER.T (Z INTEGER)");
  database.execute("CREATE VIEW V AS SELECT * FROM OTHER.T");
  const std::vector<java::TableDef> tables = database.tables();
  ASSERT_EQ(tables.size(), 3U);
  EXPECT_EQ(tables[0].name, (model::TableName{"OTHER", "T"}));
  const java::TableDef& odd = tables[1];
  EXPECT_EQ(odd.name, databases_.table("odd_ \"%"));
  ASSERT_EQ(odd.columns.size(), 4U);
  EXPECT_EQ(odd.columns[0].column.name, "b");
  EXPECT_EQ(odd.columns[1].column.name, "a");
  EXPECT_NE(odd.columns[1].column.type.find("(5,2)"), std::string::npos);
  EXPECT_FALSE(odd.columns[1].nullable);
  EXPECT_TRUE(odd.columns[2].identity);
  EXPECT_FALSE(odd.columns[2].computed);
  EXPECT_TRUE(odd.columns[3].computed);
  EXPECT_EQ(odd.primary_key, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(tables[2].primary_key.empty());
  EXPECT_EQ(database.count(odd.name), 0U);
  EXPECT_TRUE(rows_of(database, odd.name).empty());
}

TEST_P(JavaTest, OneValueIsAskedForAndNothingIsChangedByThat) {
  java::JavaDatabase database = databases_.create();
  database.execute("CREATE TABLE T (A INTEGER, B VARCHAR(9))");
  database.execute("INSERT INTO T VALUES (7, NULL), (8, 'x')");
  EXPECT_EQ(database.query_one("SELECT max(A) FROM T"), "8");
  EXPECT_EQ(database.query_one("SELECT B FROM T WHERE A = 7"), "");
  EXPECT_EQ(database.query_one("SELECT CAST(0.25 AS DOUBLE) FROM T WHERE A = 7"), "0.25");
  for (const char* sql :
       {"SELECT A FROM T", "SELECT A, B FROM T WHERE A = 7", "SELECT A FROM T WHERE A = 9",
        "INSERT INTO T VALUES (9, NULL)", "DROP TABLE T", "nonsense"}) {
    EXPECT_EQ(code_of([&] { static_cast<void>(database.query_one(sql)); }), Errc::usage) << sql;
  }
  EXPECT_EQ(database.query_one("SELECT count(*) FROM T"), "2");
  EXPECT_EQ(database.count(databases_.table("T")), 2U);
  CollectedRows none;
  EXPECT_EQ(code_of([&] { database.read_rows(databases_.table("NONE"), none); }), Errc::not_found);
}

std::size_t resident_bytes() {
  std::ifstream status("/proc/self/statm");
  std::size_t all = 0, resident = 0;
  status >> all >> resident;
  return resident * 4096;
}

TEST_P(JavaTest, ManyRowsTakeNoMemory) {
  const std::uint64_t count = is_soak() ? 200'000 : 40'000;
  constexpr std::size_t width_bytes = 2500;
  java::JavaDatabase database = databases_.create();
  database.execute("CREATE TABLE T (A INTEGER, B VARCHAR(2600))");
  const std::size_t before = resident_bytes();
  {
    const auto loader = database.load(databases_.table("T"), {"A", "B"});
    Row row{Value::integer(0), Value::of_text(std::string(width_bytes, 'x'))};
    for (std::uint64_t i = 0; i < count; ++i) {
      row[0] = Value::integer(static_cast<std::int64_t>(i));
      loader->row(row);
    }
    EXPECT_EQ(loader->finish(), count);
  }
  std::uint64_t sum = 0;
  RowCallback sink([&](const Row& row) { sum += std::stoull(row[0].text); });
  EXPECT_EQ(database.read_rows(databases_.table("T"), sink), count);
  EXPECT_EQ(sum, count * (count - 1) / 2);
  // A third of what went through, which is the sanitizers' share.
  EXPECT_LT(resident_bytes(), before + count * width_bytes / 3);
}

TEST_P(JavaTest, ReadingEndsEarlyAndTheDatabaseCanBeAskedFurther) {
  java::JavaDatabase database = databases_.create();
  database.execute("CREATE TABLE T (A INTEGER, B VARCHAR(600))");
  {
    const auto loader = database.load(databases_.table("T"), {"A", "B"});
    for (int i = 0; i < 20'000; ++i)
      loader->row({Value::integer(i), Value::of_text(std::string(500, 'x'))});
    static_cast<void>(loader->finish());
  }
  int seen = 0;
  RowCallback full([&](const Row& /*row*/) {
    if (++seen == 10) throw Error(Errc::no_space, "the sink is full");
  });
  EXPECT_EQ(code_of([&] { database.read_rows(databases_.table("T"), full); }), Errc::no_space);
  EXPECT_EQ(seen, 10);
  EXPECT_EQ(database.query_one("SELECT count(*) FROM T"), "20000");
  std::stop_source stop;
  RowCallback stopping([&](const Row& /*row*/) { stop.request_stop(); });
  EXPECT_EQ(code_of([&] { database.read_rows(databases_.table("T"), stopping, stop.get_token()); }),
            Errc::cancelled);
  EXPECT_EQ(rows_of(database, databases_.table("T")).size(), 20'000U);
}

INSTANTIATE_TEST_SUITE_P(Rows, JavaTest, testing::Values("derby", "h2"),
                         [](const auto& engine) { return engine.param; });

}  // namespace
}  // namespace holdfast::test
