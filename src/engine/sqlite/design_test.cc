// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/design.h"

#include "engine/sqlite/test_database.h"

namespace holdfast::engine::sqlite {
namespace {

using model::ColumnDefinition;
using model::TableDefinition;
using model::ValueKind;

class SqliteDesign : public SqliteTest {
 protected:
  std::vector<TableDefinition> define(const std::string& sql) {
    make("source.db", sql);
    return define_tables(path("source.db"), {});
  }
};

TEST_F(SqliteDesign, KnowsAColumnByItsValues) {
  const auto tables = define(
      "CREATE TABLE t (id INTEGER PRIMARY KEY, n NUMERIC, r REAL, s VARCHAR(9) NOT NULL, b, d DATE,"
      " wide INT, long VARCHAR(2));"
      "INSERT INTO t VALUES (1, 7, 2, 'äöü', x'00', '2026-01-01', 9223372036854775807, 'abc'),"
      " (2, NULL, -0.5, '', NULL, NULL, NULL, '')");
  ASSERT_EQ(tables.size(), 1U);
  const std::vector<ColumnDefinition>& columns = tables[0].columns;
  const auto kinds = [&] {
    std::vector<ValueKind> found;
    for (const ColumnDefinition& one : columns) found.push_back(one.kind);
    return found;
  };
  EXPECT_EQ(kinds(), (std::vector<ValueKind>{ValueKind::number, ValueKind::number, ValueKind::real,
                                             ValueKind::text, ValueKind::bytes, ValueKind::text,
                                             ValueKind::number, ValueKind::text}));
  EXPECT_EQ(columns[1].precision, 18U);
  EXPECT_EQ(columns[1].scale, 0);
  EXPECT_EQ(columns[6].precision, 19U);
  EXPECT_EQ(columns[3].length, 9U);
  EXPECT_FALSE(columns[3].is_nullable);
  EXPECT_FALSE(columns[5].length);
  EXPECT_FALSE(columns[7].length);  // it holds longer ones than it says
  EXPECT_EQ(columns[7].type, "VARCHAR(2)");
  EXPECT_FALSE(columns[0].is_nullable);
  EXPECT_EQ(tables[0].primary_key, std::vector<std::string>{"id"});
}

TEST_F(SqliteDesign, KnowsAnEmptyColumnByItsType) {
  const auto tables = define(
      "CREATE TABLE t (a BIGINT, b NCHAR(55), c BLOB, d, e DOUBLE PRECISION, f DECIMAL(10,5))");
  std::string kinds;
  for (const ColumnDefinition& one : tables.at(0).columns)
    kinds += std::string(model::value_kind_name(one.kind)) + " ";
  EXPECT_EQ(kinds, "number text bytes bytes real number ");
}

TEST_F(SqliteDesign, HasAnObstacleWhereValuesAreOfSeveralKinds) {
  const auto tables =
      define("CREATE TABLE t (a NUMERIC, b); INSERT INTO t VALUES (1, 1), (1.5, 2)");
  EXPECT_EQ(tables.at(0).columns[0].obstacle, "it holds values of several kinds: number and real");
  EXPECT_EQ(tables[0].columns[1].obstacle, "");
  try {
    static_cast<void>(design_tables(tables));
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unsupported);
    EXPECT_NE(error.message().find("table t, column a (NUMERIC): it holds"), std::string::npos);
  }
}

TEST_F(SqliteDesign, HasAnObstacleWhereAModuleHasTheRows) {
  const auto tables = define("CREATE VIRTUAL TABLE v USING fts5(x); CREATE TABLE t (a)");
  ASSERT_EQ(tables.size(), 2U);
  EXPECT_EQ(tables[0].name.table, "t");
  EXPECT_EQ(tables[1].name.table, "v");
  EXPECT_EQ(tables[1].columns.at(0).obstacle, "its rows are a module's");
}

TEST_F(SqliteDesign, FindsTheKeys) {
  const auto tables = define(
      "CREATE TABLE t (a TEXT, b INT, c TEXT UNIQUE, d INT, PRIMARY KEY (b, a));"
      "CREATE UNIQUE INDEX i ON t (d, c); CREATE UNIQUE INDEX some ON t (d) WHERE d > 0;"
      "CREATE UNIQUE INDEX made ON t (lower(c)); CREATE INDEX plain ON t (a);"
      "INSERT INTO t VALUES ('x', 1, 'yyyy', 1)");
  EXPECT_EQ(tables.at(0).primary_key, (std::vector<std::string>{"b", "a"}));
  std::vector<std::vector<std::string>> unique = tables[0].unique;
  std::sort(unique.begin(), unique.end());
  EXPECT_EQ(unique, (std::vector<std::vector<std::string>>{{"c"}, {"d", "c"}}));
  EXPECT_EQ(tables[0].columns[2].length, 4U);  // what a key needs to know
  EXPECT_FALSE(tables[0].columns[0].is_nullable);
  EXPECT_TRUE(tables[0].columns[3].is_nullable);
}

TEST_F(SqliteDesign, TakesAPrimaryKeyWithNullsForAUniqueOne) {
  const auto tables =
      define("CREATE TABLE t (a TEXT PRIMARY KEY); INSERT INTO t VALUES (NULL), ('x')");
  EXPECT_TRUE(tables.at(0).primary_key.empty());
  EXPECT_EQ(tables[0].unique, (std::vector<std::vector<std::string>>{{"a"}}));
  EXPECT_TRUE(tables[0].columns[0].is_nullable);
  EXPECT_EQ(tables[0].columns[0].length, 1U);
}

TEST_F(SqliteDesign, LeavesItsOwnTablesOut) {
  const auto tables = define(
      "CREATE TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO t VALUES (3); ANALYZE;"
      "CREATE VIEW v AS SELECT * FROM t");
  ASSERT_EQ(tables.size(), 1U);
  EXPECT_EQ(tables[0].name.table, "t");
}

TEST_F(SqliteDesign, TellsAllThatTablesDoNotTakeAlong) {
  make("source.db",
       "CREATE TABLE p (id INTEGER PRIMARY KEY AUTOINCREMENT, checked INT DEFAULT 1, t TEXT UNIQUE,"
       " u TEXT COLLATE NOCASE UNIQUE, g INT AS (id * 2) STORED, n INT,"
       " CHECK (n > 0));"
       "CREATE TABLE c (name TEXT COLLATE NOCASE PRIMARY KEY, p INT REFERENCES p (id)) WITHOUT "
       "ROWID;"
       "CREATE INDEX i ON p (n); CREATE UNIQUE INDEX k ON p (n, t);"
       "CREATE UNIQUE INDEX partial ON p (n) WHERE n > 3; CREATE UNIQUE INDEX e ON p (lower(t));"
       "CREATE UNIQUE INDEX r ON p (t COLLATE RTRIM);"
       "CREATE VIRTUAL TABLE f USING fts5(a);"
       "CREATE VIEW v AS SELECT 1; CREATE TRIGGER g AFTER INSERT ON c BEGIN SELECT 1; END");
  EXPECT_EQ(
      define_live_tables(path("source.db"), {}).left,
      (std::vector<std::string>{
          "foreign keys (1)", "indexes that are no keys, partial, or on expressions (3)",
          "keys that do not compare byte by byte (3)", "defaults (1)", "generated columns (1)",
          "tables with CHECK (1)", "tables with AUTOINCREMENT (1)", "views (1)", "triggers (1)"}));
  make("plain.db", "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT UNIQUE, checked INT)");
  EXPECT_EQ(define_live_tables(path("plain.db"), {}).left, std::vector<std::string>{});
}

TEST_F(SqliteDesign, LetsWritersWorkWhileItReadsALivingDatabase) {
  using Clock = std::chrono::steady_clock;
  make("source.db",
       "CREATE TABLE t (a INT, b TEXT); CREATE TABLE log (a INT);"
       "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)"
       "INSERT INTO t SELECT i, 'row ' || i FROM n");
  Clock::time_point last_write;
  std::jthread writer([&](const std::stop_token& stop) {
    Connection connection(path("source.db"), Access::read_write);
    connection.run("PRAGMA synchronous=OFF");
    while (!stop.stop_requested()) {
      try {
        connection.run("INSERT INTO log VALUES (1)");
        if (!stop.stop_requested()) last_write = Clock::now();
      } catch (const Error&) {
        std::this_thread::sleep_for(std::chrono::microseconds(100));  // it is locked
      }
    }
  });
  const auto begun = Clock::now();
  EXPECT_EQ(define_live_tables(path("source.db"), {}).tables.size(), 2U);
  const auto ended = Clock::now();
  writer.request_stop();
  writer.join();
  EXPECT_GT(last_write, begun + (ended - begun) / 2);
}

TEST(SqliteDesignOf, HoldsExactNumbersAndMomentsAsText) {
  TableDefinition table;
  table.name.table = "a \"b\"";
  const auto add = [&](const char* name, ValueKind kind) -> ColumnDefinition& {
    ColumnDefinition one;
    one.name = name;
    one.kind = kind;
    table.columns.push_back(one);
    return table.columns.back();
  };
  add("id", ValueKind::number).precision = 18;
  table.columns[0].scale = 0;
  table.columns[0].is_nullable = false;
  add("money", ValueKind::number).precision = 10;
  table.columns[1].scale = 2;
  add("any", ValueKind::number);
  add("r", ValueKind::real);
  add("s", ValueKind::text).length = 3;
  add("b", ValueKind::bytes);
  add("at", ValueKind::timestamp);
  table.primary_key = {"id"};
  table.unique = {{"s", "b"}};
  const auto made = design_tables(std::vector{table});
  EXPECT_EQ(made.at(0).make,
            std::vector<std::string>{
                "CREATE TABLE \"a \"\"b\"\"\" (\"id\" INTEGER NOT NULL, \"money\" TEXT, \"any\" "
                "TEXT, \"r\" REAL, \"s\" TEXT, \"b\" BLOB, \"at\" TEXT, PRIMARY KEY (\"id\"), "
                "UNIQUE (\"s\", \"b\"))"});
  EXPECT_EQ(made[0].held[0].kind, ValueKind::number);
  EXPECT_EQ(made[0].held[1].kind, ValueKind::text);
  EXPECT_EQ(made[0].held[1].note, "as text, which is that of each number exactly");
  EXPECT_EQ(made[0].held[6].kind, ValueKind::text);
  EXPECT_TRUE(made[0].held[4].takes_raw);
  EXPECT_FALSE(made[0].held[3].takes_nan);
}

}  // namespace
}  // namespace holdfast::engine::sqlite
