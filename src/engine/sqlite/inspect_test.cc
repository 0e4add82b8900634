// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/inspect.h"

#include "engine/sqlite/location.h"
#include "engine/sqlite/reader.h"
#include "engine/sqlite/test_database.h"

namespace holdfast::engine::sqlite {
namespace {

using InspectTest = SqliteTest;

TEST_F(InspectTest, KnowsADatabaseByItsContent) {
  make("letter.txt", shop_sql);
  const auto shallow = inspect_file(path("letter.txt"), false);
  ASSERT_TRUE(shallow);
  EXPECT_EQ(shallow->kind, "SQLite database");
  EXPECT_TRUE(shallow->whole);
  EXPECT_FALSE(shallow->deep);
  EXPECT_EQ(shallow->tables.size(), 3U);
  EXPECT_EQ(shallow->facts.uint_or("page_size", 0), 4096U);
  EXPECT_EQ(shallow->facts.string_or("encoding", ""), "UTF-8");
  EXPECT_TRUE(shallow->facts.string_or("written_by", "").starts_with("3."));
  const auto deep = inspect_file(path("letter.txt"), true);
  EXPECT_EQ(deep->tables.at(0).rows, 3U);
  EXPECT_EQ(deep->facts.string_or("integrity", ""), "full");
  EXPECT_EQ(names(), std::vector<std::string>{"letter.txt"});
}

TEST_F(InspectTest, TakesTheLogInWithoutTouchingIt) {
  make("a.db", std::string("PRAGMA journal_mode=WAL;") + shop_sql);
  { Connection(path("a.db"), Access::read_write).run("DELETE FROM items WHERE id = 1"); }
  const std::string log = read_text_file(path("a.db-wal"));
  const auto before = names();
  const auto deep = inspect_file(path("a.db"), true);
  EXPECT_EQ(deep->tables.at(0).rows, 2U);
  EXPECT_TRUE(has_code(deep->findings, "sqlite-siblings"));
  EXPECT_EQ(names(), before);
  EXPECT_EQ(read_text_file(path("a.db-wal")), log);
  EXPECT_EQ(inspect_file(path("a.db-wal"), false)->kind, "SQLite write-ahead log");
}

TEST_F(InspectTest, MakesNothingBesideADatabaseThatNobodyHasOpen) {
  make("a.db", std::string("PRAGMA journal_mode=WAL;") + shop_sql);
  const std::string before = read_text_file(path("a.db"));
  const auto changed = file_facts(path("a.db"))->changed_ns;
  for (const bool deep : {false, true}) {
    const auto found = inspect_file(path("a.db"), deep);
    ASSERT_TRUE(found);
    EXPECT_TRUE(found->whole);
    EXPECT_EQ(names(), std::vector<std::string>{"a.db"});
  }
  {
    const Reader reader = open_untouched(path("a.db"), true);
    EXPECT_EQ(names(), std::vector<std::string>{"a.db"}) << "while it is read";
  }
  EXPECT_EQ(read_text_file(path("a.db")), before);
  EXPECT_EQ(file_facts(path("a.db"))->changed_ns, changed);
}

// Locks that another process holds: bad_input_test.cc of the whole program.
TEST_F(InspectTest, EndsAfterAStopRequest) {
  make("a.db", shop_sql);
  std::stop_source stop;
  stop.request_stop();
  for (const bool deep : {false, true}) {
    EXPECT_EQ(
        code_of([&] { static_cast<void>(inspect_file(path("a.db"), deep, stop.get_token())); }),
        Errc::cancelled);
  }
}

TEST_F(InspectTest, SeesThatSomebodyWroteMeanwhile) {
  make("a.db", std::string("PRAGMA journal_mode=WAL;") + shop_sql);
  const Reader reader = open_untouched(path("a.db"), true);
  EXPECT_TRUE(was_left_alone(reader));
  {
    Connection writer(path("a.db"), Access::read_write);
    writer.tidy_on_close(true);
    writer.run("DELETE FROM items");
  }
  EXPECT_FALSE(was_left_alone(reader));
}

TEST_F(InspectTest, NamesDamageAndTruncation) {
  make("a.db", shop_sql);
  const std::string good = read_text_file(path("a.db"));
  write_file_durably(path("short.db"), as_bytes(good.substr(0, good.size() - 5000)));
  const auto truncated = inspect_file(path("short.db"), true);
  ASSERT_TRUE(truncated);
  EXPECT_FALSE(truncated->whole);
  EXPECT_TRUE(has_code(truncated->findings, "sqlite-truncated"));
  std::string bad = good;
  for (std::size_t at = 4096; at < 4096 + 100; ++at) bad[at] = '\x77';
  write_file_durably(path("bad.db"), as_bytes(bad));
  const auto damaged = inspect_file(path("bad.db"), true);
  ASSERT_TRUE(damaged);
  EXPECT_FALSE(damaged->whole);
  EXPECT_TRUE(has_code(damaged->findings, "sqlite-damaged"));
  bad = good;
  bad[16] = 3;
  write_file_durably(path("odd.db"), as_bytes(bad));
  EXPECT_FALSE(inspect_file(path("odd.db"), true)->whole);
}

TEST_F(InspectTest, SurvivesEveryDamagedByteOfASmallDatabase) {
  make("a.db",
       "PRAGMA page_size=512; CREATE TABLE t (a PRIMARY KEY, b); INSERT INTO t VALUES ('x', 1), "
       "('y', 2);"
       "CREATE VIEW v AS SELECT * FROM t; CREATE TRIGGER r AFTER DELETE ON t BEGIN SELECT 1; END");
  const std::string good = read_text_file(path("a.db"));
  for (std::size_t at = 0; at < good.size(); at += 7) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0xff);
    write_file_durably(path("bad.db"), as_bytes(bad));
    EXPECT_NO_THROW(static_cast<void>(inspect_file(path("bad.db"), true))) << at;
  }
}

TEST_F(InspectTest, SkipsWhatIsNotItsOwn) {
  EXPECT_FALSE(inspect_file(path("absent"), true));
  EXPECT_FALSE(inspect_file(home_.path(), true));
  Bytes noise(8192);
  for (std::size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<std::byte>(i * 31);
  write_file_durably(path("noise"), noise);
  EXPECT_FALSE(inspect_file(path("noise"), true)) << "what may be encrypted is not claimed";
}

}  // namespace
}  // namespace holdfast::engine::sqlite
