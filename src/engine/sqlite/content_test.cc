// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/content.h"

#include <map>

#include "engine/sqlite/test_database.h"

namespace holdfast::engine::sqlite {
namespace {

class Content : public SqliteTest {
 protected:
  [[nodiscard]] model::DatabaseFacts describe(const std::string& name) const {
    Connection connection(path(name), Access::immutable);
    model::DatabaseFacts facts;
    describe_content(connection, std::nullopt, facts);
    return facts;
  }
  [[nodiscard]] std::map<std::string, std::string> digests(const std::string& name) const {
    std::map<std::string, std::string> found;
    for (const auto& table : describe(name).tables) found[table.table] = table.digest;
    return found;
  }
};

TEST_F(Content, CountsTablesAndNamesObjects) {
  make("a.db", shop_sql);
  const model::DatabaseFacts facts = describe("a.db");
  std::string text;
  for (const auto& table : facts.tables)
    text += table.table + " " + std::to_string(table.rows) + ", ";
  EXPECT_EQ(text, "items 3, notes 2, sqlite_sequence 1, ");
  text.clear();
  for (const auto& object : facts.objects) text += object.kind + " " + object.name + ", ";
  EXPECT_EQ(text,
            "index items_by_name, table items, table notes, table sqlite_sequence, trigger "
            "items_added, view cheap, ");
  EXPECT_EQ(facts.engine_facts.uint_or("page_size", 0), 4096U);
  EXPECT_EQ(facts.engine_facts.string_or("journal_mode", ""), "rollback");
  EXPECT_EQ(facts.engine_facts.string_or("encoding", ""), "UTF-8");
  EXPECT_EQ(facts.engine_facts.string_or("integrity", ""), "full");
}

TEST_F(Content, DigestsDependOnContentAlone) {
  make("a.db",
       "CREATE TABLE t (a INTEGER PRIMARY KEY, b); INSERT INTO t VALUES (1, 'x'), (2, 'y')");
  make("b.db",
       "PRAGMA page_size=1024; PRAGMA encoding='UTF-16be'; CREATE TABLE t (a INTEGER, b, PRIMARY "
       "KEY (a)) WITHOUT ROWID;"
       "INSERT INTO t VALUES (2, 'y'), (1, 'x')");
  make("c.db",
       "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT) STRICT; INSERT INTO t VALUES (1, 'x'), (2, "
       "'z')");
  EXPECT_EQ(digests("a.db"), digests("b.db"));
  EXPECT_NE(digests("a.db"), digests("c.db"));
}

TEST_F(Content, CountsTheTablesBehindASearchIndex) {
  make("a.db",
       "CREATE VIRTUAL TABLE docs USING fts5(body); INSERT INTO docs VALUES ('hello world')");
  const model::DatabaseFacts facts = describe("a.db");
  EXPECT_TRUE(std::any_of(facts.objects.begin(), facts.objects.end(), [](const auto& o) {
    return o.kind == "virtual table" && o.name == "docs";
  }));
  EXPECT_TRUE(digests("a.db").contains("docs_content"));
  EXPECT_FALSE(digests("a.db").contains("docs"));
}

TEST_F(Content, DoesWithoutTheApplicationsFunctions) {
  make("a.db",
       "CREATE TABLE t (a, b GENERATED ALWAYS AS (a + 1) STORED, c GENERATED ALWAYS AS (a * 2) "
       "VIRTUAL);"
       "INSERT INTO t (a) VALUES (1)");
  {
    // As if an application with its own function and collation had made it.
    std::string bytes = read_text_file(path("a.db"));
    const auto replace = [&](std::string_view from, std::string_view to) {
      const std::size_t at = bytes.find(from);
      ASSERT_NE(at, std::string::npos);
      bytes.replace(at, from.size(), to);
    };
    replace("(a * 2)", "(f(a)) ");
    write_file_durably(path("a.db"), as_bytes(bytes));
  }
  const model::DatabaseFacts facts = describe("a.db");
  EXPECT_EQ(facts.tables.at(0).rows, 1U);
  model::RowHasher without;
  without.add({model::Value::integer(1), model::Value::integer(2)});
  EXPECT_EQ(facts.tables.at(0).digest, without.digest().hex());
}

TEST_F(Content, FallsBackToTheQuickCheckForUnknownCollations) {
  make("a.db",
       "CREATE TABLE t (a TEXT COLLATE NOCASE); CREATE INDEX i ON t (a); INSERT INTO t VALUES "
       "('x')");
  std::string bytes = read_text_file(path("a.db"));
  const std::size_t at = bytes.find("NOCASE");
  ASSERT_NE(at, std::string::npos);
  bytes.replace(at, 6, "LOCALE");
  write_file_durably(path("a.db"), as_bytes(bytes));
  EXPECT_EQ(describe("a.db").engine_facts.string_or("integrity", ""), "quick");
}

TEST_F(Content, NamesThatAreNoUtf8CanStillBeTold) {
  EXPECT_EQ(printable("plain"), "plain");
  EXPECT_EQ(printable("a\xff"
                      "b"),
            "a\\xFFb");
  EXPECT_EQ(printable("Zo\xc3\xab\xfe"), "Zoë\\xFE");
}

TEST_F(Content, RefusesADamagedDatabase) {
  make("a.db",
       "PRAGMA page_size=512; CREATE TABLE t (a); WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL "
       "SELECT n + 1 FROM c WHERE n < 500)"
       "INSERT INTO t SELECT hex(randomblob(20)) FROM c");
  const std::string good = read_text_file(path("a.db"));
  int refused = 0;
  for (std::size_t page = 1; page < 20; ++page) {
    std::string bad = good;
    for (std::size_t i = 0; i < 64; ++i)
      bad[page * 512 + i] = static_cast<char>(0xA5 ^ static_cast<int>(i * 7));
    write_file_durably(path("bad.db"), as_bytes(bad));
    try {
      static_cast<void>(describe("bad.db"));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::not_consistent) << error.what();
      ++refused;
    }
  }
  EXPECT_EQ(refused, 19);
}

TEST_F(Content, TellsEmptyFromFull) {
  make("a.db", "");
  make("b.db", "CREATE TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT); DROP TABLE t");
  make("c.db", "CREATE VIEW v AS SELECT 1");
  const auto empty = [&](const char* name) {
    Connection connection(path(name), Access::read_only);
    return is_empty(connection);
  };
  EXPECT_TRUE(empty("a.db"));
  EXPECT_TRUE(empty("b.db"));
  EXPECT_FALSE(empty("c.db"));
}

TEST_F(Content, ListsDifferences) {
  make("a.db", shop_sql);
  model::DatabaseFacts a = describe("a.db");
  make("a.db", "INSERT INTO items VALUES (9, 'salt', 1); DROP VIEW cheap; CREATE TABLE more (a)");
  const std::vector<std::string> lines = differences(a, describe("a.db"));
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  EXPECT_NE(text.find("view cheap is missing"), std::string::npos);
  EXPECT_NE(text.find("table items is 4 rows"), std::string::npos);
  EXPECT_NE(text.find("table more was not expected"), std::string::npos);
  EXPECT_TRUE(differences(a, a).empty());
}

}  // namespace
}  // namespace holdfast::engine::sqlite
