// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/sqlite.h"

#include "engine/registry.h"
#include "engine/sqlite/test_database.h"

namespace holdfast::engine::sqlite {
namespace {

using SqliteEngineTest = SqliteTest;

TEST_F(SqliteEngineTest, AnswersOneValueAsText) {
  make("a.db", shop_sql);
  const auto ask = [&](const char* sql) { return engine().query_one(endpoint("a.db"), sql); };
  EXPECT_EQ(ask("SELECT price FROM items WHERE id = 1"), "2.5");
  EXPECT_EQ(ask("SELECT name FROM items WHERE id = 3"), "");
  for (const char* sql :
       {"SELECT 1, 2", "SELECT 1 WHERE 0", "SELECT id FROM items", "DROP TABLE items", "SELECT",
        "SELECT 1; SELECT 2", "SELECT x FROM absent"}) {
    EXPECT_EQ(code_of([&] { static_cast<void>(ask(sql)); }), Errc::usage) << sql;
  }
}

TEST_F(SqliteEngineTest, TellsHowToRestoreByHand) {
  model::DatabaseFacts facts;
  facts.directory = "databases/shop";
  facts.uri = "sqlite:/srv/shop/shop.db";
  facts.engine_facts =
      Json::object().set("file_mode", "0640").set("file_uid", 33).set("file_gid", 34);
  const std::string text = engine().restore_instructions(facts);
  for (const char* line :
       {"cp databases/shop/data.db /srv/shop/shop.db", "rm -f /srv/shop/shop.db-wal",
        "chown 33:34 /srv/shop/shop.db", "chmod 0640"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line;
  }
}

TEST_F(SqliteEngineTest, NamesTheFilesPermissionsAsGrants) {
  const std::string text = engine().grants(endpoint("a.db"), "backup");
  EXPECT_TRUE(text.starts_with("-- SQLite has no users"));
  EXPECT_NE(text.find(path("a.db").native()), std::string::npos);
}

}  // namespace
}  // namespace holdfast::engine::sqlite
