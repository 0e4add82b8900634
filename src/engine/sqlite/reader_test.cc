// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/reader.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "engine/sqlite/test_database.h"

namespace holdfast::engine::sqlite {
namespace {

using ReaderTest = SqliteTest;

TEST_F(ReaderTest, LeavesNothingBesideAClosedDatabase) {
  make("a.db", std::string("PRAGMA journal_mode=WAL;") + shop_sql);
  const std::string before = read_text_file(path("a.db"));
  { EXPECT_EQ(open_live(path("a.db")).connection.integer("SELECT count(*) FROM items"), 3); }
  EXPECT_EQ(names(), std::vector<std::string>{"a.db"});
  EXPECT_EQ(read_text_file(path("a.db")), before);
}

TEST_F(ReaderTest, LeavesTheLogOfALivingApplicationAlone) {
  make("a.db", std::string("PRAGMA journal_mode=WAL;") + shop_sql);
  Connection application(path("a.db"), Access::read_write);
  application.run("DELETE FROM items");
  const auto log_bytes = std::filesystem::file_size(path("a.db-wal"));
  { EXPECT_EQ(open_live(path("a.db")).connection.integer("SELECT count(*) FROM items"), 0); }
  EXPECT_EQ(std::filesystem::file_size(path("a.db-wal")), log_bytes);
}

TEST_F(ReaderTest, LetsWritersWorkWhereItReadsACopy) {
  make("a.db", shop_sql);
  Reader reader = open_untouched(path("a.db"), true, {}, std::chrono::minutes(1));
  make("a.db", "DELETE FROM items");
  EXPECT_EQ(reader.connection.integer("SELECT count(*) FROM items"), 3);
  EXPECT_TRUE(was_left_alone(reader));
  EXPECT_EQ(names(), std::vector<std::string>{"a.db"});
}

TEST_F(ReaderTest, KeepsWritersWaitingWhereACopyTakesTooLong) {
  make("a.db", shop_sql);
  std::filesystem::resize_file(path("a.db"), 64U << 20U);  // what is behind its pages is no matter
  const TemporaryDirectory copies("holdfast-test");
  const Fd clone = open_file(copies.path() / "clone", O_WRONLY | O_CREAT);
  const bool may_clone =
      ::ioctl(clone.get(), FICLONE, open_file(path("a.db"), O_RDONLY).get()) == 0;
  const Reader reader = open_untouched(path("a.db"), true, {}, std::chrono::milliseconds(1));
  EXPECT_EQ(reader.home.has_value(), may_clone) << "a clone takes no time";
  Connection writer(path("a.db"), Access::read_write);
  EXPECT_EQ(code_of([&] { writer.run("DELETE FROM items"); }) == Errc::unavailable,
            !reader.home.has_value());
}

TEST_F(ReaderTest, CannotWrite) {
  make("a.db", std::string("PRAGMA journal_mode=WAL;") + shop_sql);
  make("b.db", shop_sql);
  for (const char* name : {"a.db", "b.db"}) {
    Reader reader = open_live(path(name));
    EXPECT_EQ(code_of([&] { reader.connection.run("DELETE FROM items"); }), Errc::denied) << name;
  }
}

TEST_F(ReaderTest, RefusesWhatIsNoDatabase) {
  EXPECT_EQ(code_of([&] { static_cast<void>(open_live(path("absent"))); }), Errc::not_found);
  EXPECT_EQ(code_of([&] { static_cast<void>(open_live(home_.path())); }), Errc::unsupported);
  write_file_durably(path("letter"), as_bytes(std::string(500, 'x')));
  EXPECT_EQ(code_of([&] { static_cast<void>(open_live(path("letter"))); }), Errc::corrupt);
  write_file_durably(path("empty"), {});
  EXPECT_EQ(open_live(path("empty")).connection.integer("SELECT count(*) FROM sqlite_schema"), 0);
}

TEST_F(ReaderTest, SeesAShortfallOnlyWhereThereIsOne) {
  make("a.db", shop_sql);
  {
    Connection look(path("a.db"), Access::read_only);
    EXPECT_FALSE(find_shortfall(look, path("a.db")));
  }
  std::filesystem::resize_file(path("a.db"), std::filesystem::file_size(path("a.db")) - 1);
  Connection look(path("a.db"), Access::read_only);
  EXPECT_TRUE(find_shortfall(look, path("a.db")));
}

}  // namespace
}  // namespace holdfast::engine::sqlite
