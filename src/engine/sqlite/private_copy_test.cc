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

TEST_F(PrivateCopy, AJournalOfALivingWriterIsNotHot) {
  make("a.db", shop_sql);
  Connection writer(path("a.db"), Access::read_write);
  writer.run("BEGIN IMMEDIATE; DELETE FROM items");
  const Fd file = open_file(path("a.db"), O_RDONLY);
  EXPECT_FALSE(journal_is_hot(path("a.db"), file.get()));
}

}  // namespace
}  // namespace holdfast::engine::sqlite
