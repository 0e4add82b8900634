// SPDX-License-Identifier: Apache-2.0
// What a dead process leaves is made by copying the files of a living one.
#include "engine/sqlite/private_copy.h"

#include <fcntl.h>

#include "engine/sqlite/locks.h"
#include "engine/sqlite/test_database.h"

namespace holdfast::engine::sqlite {
namespace {

class PrivateCopy : public SqliteTest {
 protected:
  // "dead.db" and its siblings as they are on disk while `connection` of "a.db" is in the middle of
  // something.
  void snapshot_files() const {
    for (const char* suffix : {"", "-wal", "-journal"}) {
      const std::string from = path("a.db").native() + suffix;
      if (std::filesystem::exists(from))
        std::filesystem::copy_file(from, path("dead.db").native() + suffix);
    }
  }
};

TEST_F(PrivateCopy, TakesInALog) {
  make("a.db", std::string("PRAGMA journal_mode=WAL;") + shop_sql);
  Connection writer(path("a.db"), Access::read_write);
  writer.run("INSERT INTO items VALUES (4, 'salt', 1)");
  snapshot_files();
  const Fd file = open_file(path("dead.db"), O_RDONLY);
  copy_with_wal(path("dead.db"), file.get(), path("copy.db"), clone_file, {});
  EXPECT_EQ(Connection(path("copy.db"), Access::immutable).integer("SELECT count(*) FROM items"),
            4);
  EXPECT_FALSE(std::filesystem::exists(path("copy.db-wal")));
  EXPECT_TRUE(std::filesystem::exists(path("dead.db-wal")));
  EXPECT_FALSE(anybody_has_lock(file.get()));
}

TEST_F(PrivateCopy, RefusesADatabaseInUse) {
  make("a.db", std::string("PRAGMA journal_mode=WAL;") + shop_sql);
  Connection user(path("a.db"), Access::read_write);
  ASSERT_EQ(user.begin_read(), Begin::done);
  const Fd file = open_file(path("a.db"), O_RDONLY);
  EXPECT_EQ(
      code_of([&] { copy_with_wal(path("a.db"), file.get(), path("copy.db"), clone_file, {}); }),
      Errc::unavailable);
  EXPECT_FALSE(std::filesystem::exists(path("copy.db")));
}

TEST_F(PrivateCopy, RollsAJournalBack) {
  make("a.db", shop_sql);
  Connection writer(path("a.db"), Access::read_write);
  writer.run(
      "PRAGMA cache_size=1; PRAGMA cache_spill=1; BEGIN IMMEDIATE; DELETE FROM items WHERE id = 1;"
      "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 2000)"
      "INSERT INTO notes (note) SELECT hex(randomblob(50)) FROM c");
  snapshot_files();
  writer.rollback();
  const Fd file = open_file(path("dead.db"), O_RDONLY);
  ASSERT_TRUE(journal_is_hot(path("dead.db"), file.get()));
  ASSERT_TRUE(try_lock_shared(file.get()));
  EXPECT_FALSE(copy_with_journal(path("dead.db"), file.get(), path("copy.db"),
                                 [](int, int) { return false; },
                                 std::chrono::steady_clock::now() - std::chrono::seconds(1), {}) &&
               std::filesystem::file_size(path("dead.db")) > (1U << 20U));
  ASSERT_TRUE(copy_with_journal(path("dead.db"), file.get(), path("copy.db"), clone_file,
                                std::nullopt, {}));
  let_go(file.get());
  settle_copy(path("copy.db"));
  EXPECT_EQ(Connection(path("copy.db"), Access::immutable).integer("SELECT count(*) FROM items"),
            3);
  EXPECT_FALSE(std::filesystem::exists(path("copy.db-journal")));
  EXPECT_TRUE(journal_is_hot(path("dead.db"), file.get()));
}

// A transaction over several databases has happened when its super-journal is gone. The application
// may remove that as soon as our lock is gone, so that nothing may depend on it any more then.
TEST_F(PrivateCopy, RemembersWhetherTheSuperJournalWasThere) {
  make("a.db", shop_sql);
  Connection writer(path("a.db"), Access::read_write);
  writer.run(
      "PRAGMA cache_size=1; PRAGMA cache_spill=1; BEGIN IMMEDIATE; DELETE FROM items WHERE id = 1;"
      "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 2000)"
      "INSERT INTO notes (note) SELECT hex(randomblob(50)) FROM c");
  snapshot_files();
  writer.rollback();
  const std::string super = path("a.db-mj01").native();
  std::string journal = read_text_file(path("dead.db-journal"));
  std::uint32_t sum = 0;
  for (const char c : super) sum += static_cast<std::uint32_t>(c);
  journal += std::string("\x00\x04\x00\x01", 4) + super;  // the page of the locks: no page's number
  for (const std::uint32_t number : {static_cast<std::uint32_t>(super.size()), sum}) {
    for (const unsigned shift : {24U, 16U, 8U, 0U}) journal += static_cast<char>(number >> shift);
  }
  journal += "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7";
  write_file_durably(path("dead.db-journal"), as_bytes(journal));
  const Fd file = open_file(path("dead.db"), O_RDONLY);
  const auto copy = [&] {
    ASSERT_TRUE(copy_with_journal(path("dead.db"), file.get(), path("copy.db"), clone_file,
                                  std::nullopt, {}));
  };

  write_file_durably(path("a.db-mj01"), as_bytes(path("dead.db-journal").native()));
  copy();
  std::filesystem::remove(path("a.db-mj01"));
  settle_copy(path("copy.db"));
  EXPECT_EQ(Connection(path("copy.db"), Access::immutable).integer("SELECT count(*) FROM items"),
            3);
  EXPECT_EQ(read_text_file(path("dead.db-journal")), journal) << "the source was touched";

  copy();
  write_file_durably(path("a.db-mj01"), as_bytes("another transaction's"));
  EXPECT_FALSE(std::filesystem::exists(path("copy.db-journal"))) << "what happened was undone";
  settle_copy(path("copy.db"));
  EXPECT_EQ(read_text_file(path("copy.db")), read_text_file(path("dead.db")));
  EXPECT_EQ(read_text_file(path("a.db-mj01")), "another transaction's");

  // Neither there nor gone: nobody can tell what happened.
  std::filesystem::remove(path("a.db-mj01"));
  std::filesystem::create_symlink(path("a.db-mj01"), path("a.db-mj01"));
  EXPECT_EQ(code_of(copy), Errc::not_consistent);
}

TEST_F(PrivateCopy, SettlingEndsAfterAStopRequest) {
  make("a.db", std::string("PRAGMA journal_mode=WAL;") + shop_sql);
  Connection writer(path("a.db"), Access::read_write);
  writer.run("PRAGMA wal_autocheckpoint=0; DELETE FROM items");
  for (const char* suffix : {"", "-wal"}) {
    std::filesystem::copy_file(path(std::string("a.db") + suffix),
                               path(std::string("copy.db") + suffix));
  }
  const std::string log = read_text_file(path("copy.db-wal"));
  ASSERT_FALSE(log.empty());
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(code_of([&] { settle_copy(path("copy.db"), stop.get_token()); }), Errc::cancelled);
  EXPECT_EQ(read_text_file(path("copy.db-wal")), log) << "it went on";
  settle_copy(path("copy.db"));
  EXPECT_EQ(Connection(path("copy.db"), Access::immutable).integer("SELECT count(*) FROM items"),
            0);
}

TEST_F(PrivateCopy, AJournalOfALivingWriterIsNotHot) {
  make("a.db", shop_sql);
  Connection writer(path("a.db"), Access::read_write);
  writer.run("BEGIN IMMEDIATE; DELETE FROM items");
  const Fd file = open_file(path("a.db"), O_RDONLY);
  EXPECT_FALSE(journal_is_hot(path("a.db"), file.get()));
}

}  // namespace
}  // namespace holdfast::engine::sqlite
