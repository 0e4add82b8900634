// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/load.h"
#include "engine/sqlite/test_database.h"

namespace holdfast::engine::sqlite {
namespace {

class Tables : public SqliteTest {
 protected:
  LoadReport load(const std::vector<std::string>& tables, bool replace = false,
                  const std::string& schema = "") {
    LoadOptions options;
    for (const std::string& table : tables) options.tables.push_back({schema, table});
    options.replace = replace;
    options.kept_suffix = "_before";
    return load_tables(path("source.db"), path("target.db"), options, {});
  }
  [[nodiscard]] std::string schema() const {
    return text("target.db",
                "SELECT group_concat(type || ' ' || name || ' on ' || tbl_name, ', ') FROM"
                " (SELECT * FROM sqlite_schema WHERE name NOT LIKE 'sqlite%' ORDER BY name)");
  }
};

TEST_F(Tables, GoIntoANewDatabaseWithTheirIndexesAndTriggers) {
  make("source.db", std::string("PRAGMA page_size=8192; PRAGMA encoding='UTF-16le';") + shop_sql);
  EXPECT_EQ(load({"items"}).rows, 3U);
  EXPECT_EQ(schema(),
            "table items on items, trigger items_added on items, index items_by_name on items");
  EXPECT_EQ(text("target.db", "PRAGMA encoding"), "UTF-16le");
  EXPECT_EQ(text("target.db", "PRAGMA page_size"), "8192");
}

TEST_F(Tables, GoIntoAnExistingDatabaseOfAnotherEncoding) {
  make("source.db", shop_sql);
  make("target.db",
       "PRAGMA encoding='UTF-16be'; CREATE TABLE other (a); INSERT INTO other VALUES ('ü')");
  load({"ITEMS"});
  EXPECT_EQ(text("target.db", "SELECT name FROM items WHERE id = 1"), "tea");
  EXPECT_EQ(text("target.db", "SELECT a FROM other"), "ü");
}

TEST_F(Tables, FireNoTriggersAndKeepTheirNumbers) {
  make("source.db", std::string(shop_sql) +
                        "DELETE FROM notes WHERE id = 2; CREATE TABLE plain (a);"
                        "INSERT INTO plain (rowid, a) VALUES (7, 'seven'), (99, 'ninety-nine')");
  load({"*"});
  EXPECT_EQ(text("target.db", "SELECT count(*) FROM notes"), "1");
  EXPECT_EQ(text("target.db", "SELECT seq FROM sqlite_sequence WHERE name = 'notes'"), "2");
  EXPECT_EQ(text("target.db", "SELECT a FROM plain WHERE rowid = 99"), "ninety-nine");
}

TEST_F(Tables, WithoutRowidOrWithComputedColumnsGoToo) {
  make("source.db",
       "CREATE TABLE w (a TEXT PRIMARY KEY, b) WITHOUT ROWID; INSERT INTO w VALUES ('x', 1), ('y', "
       "NULL);"
       "CREATE TABLE g (a, double AS (a * 2) STORED, rowid TEXT); INSERT INTO g (a, rowid) VALUES "
       "(4, 'named so')");
  EXPECT_EQ(load({"w", "g"}).rows, 3U);
  EXPECT_EQ(text("target.db", "SELECT double || rowid FROM g"), "8named so");
}

TEST_F(Tables, ReplaceKeepsTheOldTableWithItsIndexesAndTriggers) {
  make("source.db", shop_sql);
  make("target.db",
       std::string(shop_sql) +
           "CREATE UNIQUE INDEX \"odd \"\"name\" ON items(id);"
           "CREATE TABLE orders (item REFERENCES items); DELETE FROM items WHERE id = 1");
  EXPECT_EQ(code_of([&] { load({"items"}); }), Errc::exists);
  const LoadReport report = load({"items"}, true);
  EXPECT_EQ(report.kept.size(), 1U);
  EXPECT_NE(report.kept[0].find("DROP TABLE \"items_before\""), std::string::npos);
  EXPECT_EQ(text("target.db", "SELECT count(*) FROM items"), "3");
  EXPECT_EQ(text("target.db", "SELECT count(*) FROM items_before"), "2");
  EXPECT_EQ(text("target.db", "SELECT count(*) FROM cheap"), "1")
      << "a view goes on meaning the name";
  EXPECT_NE(text("target.db", "SELECT sql FROM sqlite_schema WHERE name = 'orders'")
                .find("REFERENCES items)"),
            std::string::npos);
  EXPECT_EQ(schema(),
            "view cheap on cheap, table items on items, trigger items_added on items, trigger "
            "items_added_before on "
            "items_before, table items_before on items_before, index items_by_name on items, index "
            "items_by_name_before on items_before, table notes on notes, index odd \"name_before "
            "on items_before, "
            "table orders on orders");
  EXPECT_EQ(text("target.db", "PRAGMA integrity_check"), "ok");
}

TEST_F(Tables, AreAllRestoredOrNone) {
  make("source.db", shop_sql);
  make("target.db", "CREATE TABLE notes (a)");
  EXPECT_EQ(code_of([&] { load({"items", "notes"}); }), Errc::exists);
  EXPECT_EQ(schema(), "table notes on notes");
  make("target.db", "DROP TABLE notes; CREATE TABLE t (a); CREATE INDEX items_by_name ON t (a)");
  EXPECT_EQ(code_of([&] { load({"items"}); }), Errc::exists) << "an index of that name is there";
  EXPECT_EQ(schema(), "index items_by_name on t, table t on t");
}

TEST_F(Tables, RefuseWhatTheyCannotBe) {
  make("source.db", std::string(shop_sql) + "CREATE VIRTUAL TABLE docs USING fts5(body)");
  EXPECT_EQ(code_of([&] { load({"absent"}); }), Errc::not_found);
  EXPECT_EQ(code_of([&] { load({"cheap"}); }), Errc::not_found) << "a view is no table";
  EXPECT_EQ(code_of([&] { load({"items"}, false, "other"); }), Errc::not_found);
  EXPECT_EQ(code_of([&] { load({"sqlite_sequence"}); }), Errc::not_found);
  EXPECT_EQ(code_of([&] { load({"docs"}); }), Errc::unsupported);
  EXPECT_EQ(code_of([&] { load({"docs_content"}); }), Errc::unsupported);
  EXPECT_EQ(code_of([&] { load({"*"}); }), Errc::unsupported);
  EXPECT_EQ(names(), std::vector<std::string>{"source.db"});
}

TEST_F(Tables, WaitForNobodyForEver) {
  make("source.db", shop_sql);
  make("target.db", "CREATE TABLE t (a)");
  std::stop_source stop;
  stop.request_stop();
  Connection other(path("target.db"), Access::read_write);
  ASSERT_EQ(other.begin_immediate(), Begin::done);
  LoadOptions options;
  options.tables = {{"", "items"}};
  EXPECT_EQ(code_of([&] {
              static_cast<void>(
                  load_tables(path("source.db"), path("target.db"), options, stop.get_token()));
            }),
            Errc::cancelled);
}

}  // namespace
}  // namespace holdfast::engine::sqlite
