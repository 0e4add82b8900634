// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/sqlite.h"

#include "base/process.h"
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
       {"cp -- 'databases/shop/data.db' '/srv/shop/shop.db'", "rm -f -- '/srv/shop/shop.db-wal'",
        "chown 33:34 -- '/srv/shop/shop.db'", "chmod '0640'"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line;
  }
}

TEST_F(SqliteEngineTest, ItsCommandsForAShellTakePathsAsTheyAre) {
  for (const std::string odd : {"with space", "it's $(touch pwned) `touch pwned` \"y\"; #", "-rf",
                                "a\n    touch pwned", "\xff\x1b[31m"}) {
    const TemporaryDirectory root("holdfast-sqlite-test");
    const std::filesystem::path place = root.path() / odd / "shop.db";
    std::filesystem::create_directories(place.parent_path());
    std::filesystem::create_directories(root.path() / "databases" / odd);
    make("whole.db", "DROP TABLE IF EXISTS t; CREATE TABLE t (a)");
    std::filesystem::copy_file(path("whole.db"), root.path() / "databases" / odd / "data.db");
    for (const char* suffix : {"", "-wal"})
      write_file_durably(place.native() + suffix, as_bytes("old"));
    model::DatabaseFacts facts;
    facts.directory = "databases/" + odd;
    facts.uri = "sqlite:" + place.native();
    facts.engine_facts = Json::object()
                             .set("file_mode", "0640")
                             .set("file_uid", static_cast<std::uint64_t>(::getuid()))
                             .set("file_gid", static_cast<std::uint64_t>(::getgid()));
    const std::string text = engine().restore_instructions(facts);
    std::string script;
    for (std::size_t at = text.find("\n    "); at != std::string::npos;
         at = text.find("\n    ", at + 1)) {
      script += text.substr(at + 5, text.find('\n', at + 1) - at - 5) + "\n";
    }
    Command command{.argv = {"bash", "-ec", script}};
    command.directory = root.path();
    const ProcessResult result = run_process(command);
    EXPECT_EQ(result.exit_code, 0) << script << result.errors;
    EXPECT_EQ(read_text_file(place), read_text_file(path("whole.db"))) << script;
    EXPECT_EQ(read_text_file(place.native() + ".old"), "old") << script;
    EXPECT_FALSE(std::filesystem::exists(place.native() + "-wal")) << script;
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(root.path()), {}), 2)
        << "something else was run: " << script;
  }
}

TEST_F(SqliteEngineTest, NamesTheFilesPermissionsAsGrants) {
  const std::string text = engine().grants(endpoint("a.db"), "backup");
  EXPECT_TRUE(text.starts_with("-- SQLite has no users"));
  EXPECT_NE(text.find(path("a.db").native()), std::string::npos);
}

}  // namespace
}  // namespace holdfast::engine::sqlite
