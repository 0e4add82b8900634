// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/locks.h"

#include <fcntl.h>

#include "engine/sqlite/location.h"
#include "engine/sqlite/test_database.h"

namespace holdfast::engine::sqlite {
namespace {

using Locks = SqliteTest;

TEST_F(Locks, SharedKeepsSqliteFromCommitting) {
  make("a.db", shop_sql);
  const Fd file = open_file(path("a.db"), O_RDONLY);
  ASSERT_TRUE(try_lock_shared(file.get()));
  Connection writer(path("a.db"), Access::read_write);
  EXPECT_EQ(code_of([&] { writer.run("DELETE FROM items"); }), Errc::unavailable);
  EXPECT_EQ(Connection(path("a.db"), Access::read_only).integer("SELECT count(*) FROM items"), 3);
  let_go(file.get());
  EXPECT_NO_THROW(writer.run("DELETE FROM items"));
}

TEST_F(Locks, ExclusiveKeepsEverybodyOut) {
  make("a.db", shop_sql);
  const Fd file = open_file(path("a.db"), O_RDWR);
  ASSERT_TRUE(try_lock_exclusive(file.get()));
  const Fd other = open_file(path("a.db"), O_RDWR);
  EXPECT_FALSE(try_lock_shared(other.get()));
  EXPECT_TRUE(anybody_has_lock(other.get()));
  EXPECT_EQ(Connection(path("a.db"), Access::read_only).begin_read(), Begin::busy);
  let_go(file.get());
  EXPECT_TRUE(try_lock_shared(other.get()));
  EXPECT_FALSE(try_lock_exclusive(file.get()));
  EXPECT_FALSE(writer_has_lock(other.get())) << "a failed attempt leaves something locked";
}

TEST_F(Locks, SeeAWriter) {
  make("a.db", shop_sql);
  const Fd file = open_file(path("a.db"), O_RDONLY);
  Connection writer(path("a.db"), Access::read_write);
  EXPECT_FALSE(anybody_has_lock(file.get()));
  ASSERT_EQ(writer.begin_immediate(), Begin::done);
  EXPECT_TRUE(writer_has_lock(file.get()));
  writer.rollback();
  EXPECT_FALSE(writer_has_lock(file.get()));
}

TEST_F(Locks, DoubleTheLocksOfReadersOfALog) {
  make("a.db", std::string("PRAGMA journal_mode=WAL;") + shop_sql);
  Connection reader(path("a.db"), Access::read_write);
  Connection writer(path("a.db"), Access::read_write);
  writer.run("INSERT INTO notes (note) VALUES ('c')");
  ASSERT_EQ(reader.begin_read(), Begin::done);
  const Fd shm = open_file(shm_of(path("a.db")), O_RDONLY);
  lock_like_readers(shm.get());
  reader.rollback();
  writer.run("INSERT INTO notes (note) VALUES ('d')");
  Statement blocked = writer.prepare("PRAGMA wal_checkpoint(TRUNCATE)");
  ASSERT_TRUE(blocked.step());
  EXPECT_EQ(blocked.integer(0), 1) << "the log was begun anew under a lock";
  let_go(shm.get());
  Statement free = writer.prepare("PRAGMA wal_checkpoint(TRUNCATE)");
  ASSERT_TRUE(free.step());
  EXPECT_EQ(free.integer(0), 0);
}

TEST_F(Locks, FindNoOtherProcessWithOurFileOpen) {
  make("a.db", shop_sql);
  const Fd file = open_file(path("a.db"), O_RDONLY);
  const FileFacts facts = *file_facts(path("a.db"));
  EXPECT_TRUE(who_has_open(facts.device, facts.inode).empty());
}

}  // namespace
}  // namespace holdfast::engine::sqlite
