// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/lite.h"

#include <algorithm>
#include <array>

#include "engine/sqlite/test_database.h"

namespace holdfast::engine::sqlite {
namespace {

using Lite = SqliteTest;

TEST_F(Lite, ReadsValuesByTheirStorageClass) {
  make("a.db",
       "CREATE TABLE t (a, b, c, d, e, f); INSERT INTO t VALUES (NULL, -5, 2.5, 'text', x'00ff', "
       "CAST(x'ff' AS TEXT))");
  Connection connection(path("a.db"), Access::read_only);
  Statement statement = connection.prepare("SELECT * FROM t");
  ASSERT_TRUE(statement.step());
  model::Row row;
  statement.read(row);
  EXPECT_EQ(row, (model::Row{model::Value::null(), model::Value::integer(-5),
                             model::Value::of_real(2.5), model::Value::of_text("text"),
                             model::Value::of_bytes(as_bytes(std::string_view("\0\xff", 2))),
                             model::Value::of_bytes(as_bytes("\xff"))}));
  EXPECT_FALSE(statement.step());
}

TEST_F(Lite, NamesTheFileInEveryError) {
  try {
    Connection connection(path("absent.db"), Access::read_only);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::not_found);
    EXPECT_NE(error.message().find("absent.db"), std::string::npos);
  }
  write_file_durably(path("letter.txt"), as_bytes(std::string(4096, 'x')));
  Connection connection(path("letter.txt"), Access::read_only);
  EXPECT_EQ(code_of([&] { static_cast<void>(connection.begin_read()); }), Errc::corrupt);
}

TEST_F(Lite, TakesExactlyOneStatement) {
  make("a.db", "CREATE TABLE t (a)");
  Connection connection(path("a.db"), Access::read_only);
  EXPECT_EQ(
      code_of([&] { static_cast<void>(connection.prepare("SELECT 1; SELECT 2", Errc::usage)); }),
      Errc::usage);
  EXPECT_EQ(code_of([&] { static_cast<void>(connection.prepare("  ", Errc::usage)); }),
            Errc::usage);
  EXPECT_EQ(
      code_of([&] { static_cast<void>(connection.prepare("SELECT nonsense(", Errc::usage)); }),
      Errc::usage);
  EXPECT_NO_THROW(static_cast<void>(connection.prepare("SELECT 1 ; ")));
  EXPECT_FALSE(connection.try_prepare("SELECT no_such_function(1)").has_value());
}

TEST_F(Lite, IsDefensive) {
  make("a.db", shop_sql);
  Connection connection(path("a.db"), Access::read_write);
  EXPECT_THROW(connection.run("PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = 'x'"),
               Error);
  EXPECT_THROW(connection.run("SELECT load_extension('x')"), Error);
  EXPECT_THROW(connection.run("ATTACH ':memory:' AS other"), Error);
  EXPECT_EQ(connection.integer("PRAGMA cell_size_check"), 1);
  EXPECT_EQ(connection.integer("PRAGMA trusted_schema"), 0);
}

TEST_F(Lite, AReadTransactionIsOne) {
  make("a.db", std::string("PRAGMA journal_mode=WAL;") + shop_sql);
  Connection reader(path("a.db"), Access::read_write);
  ASSERT_EQ(reader.begin_read(), Begin::done);
  Connection(path("a.db"), Access::read_write).run("DELETE FROM items");
  EXPECT_EQ(reader.integer("SELECT count(*) FROM items"), 3);
  reader.rollback();
  EXPECT_EQ(reader.integer("SELECT count(*) FROM items"), 0);
}

TEST_F(Lite, ALockThatIsNotHadIsAValue) {
  make("a.db", shop_sql);
  Connection holder(path("a.db"), Access::read_write);
  ASSERT_EQ(holder.begin_immediate(), Begin::done);
  Connection other(path("a.db"), Access::read_write);
  EXPECT_TRUE(other.writer_is_active());
  const auto begun = std::chrono::steady_clock::now();
  other.wait_for(std::chrono::milliseconds(50));
  EXPECT_EQ(other.begin_immediate(), Begin::busy);
  EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(50));
  holder.rollback();
  EXPECT_EQ(other.begin_immediate(), Begin::done);
}

TEST_F(Lite, StopsALongStatement) {
  make("a.db", "CREATE TABLE t (a)");
  Connection connection(path("a.db"), Access::read_only);
  std::stop_source stop;
  connection.stop_with(stop.get_token());
  stop.request_stop();
  EXPECT_EQ(code_of([&] {
              static_cast<void>(
                  connection.integer("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM "
                                     "c) SELECT count(*) FROM c"));
            }),
            Errc::cancelled);
  EXPECT_EQ(code_of([&] { connection.check_stop(); }), Errc::cancelled);
}

// All of it is one step of SQLite's machine, so that nobody is asked between steps.
TEST_F(Lite, StopsACheckpoint) {
  Connection connection(path("a.db"), Access::create);
  connection.run(
      "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA wal_autocheckpoint=0;"
      "CREATE TABLE t (a)");
  std::chrono::nanoseconds whole{0};  // what the shortest one takes that is not stopped
  const auto checkpoint = [&] {
    connection.run(
        "DELETE FROM t; WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < "
        "5000) INSERT INTO t SELECT randomblob(4000) FROM c");
    std::stop_source stop;
    connection.stop_with(stop.get_token());
    const auto begun = std::chrono::steady_clock::now();
    const std::jthread stopper([&stop, delay = whole / 3] {
      if (delay.count() == 0) return;
      std::this_thread::sleep_for(delay);
      stop.request_stop();
    });
    bool stopped = false;
    try {
      connection.run("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::cancelled) << error.message();
      stopped = true;
    }
    // On a busy machine the first one may take longer than all others.
    const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - begun;
    if (!stopped) whole = whole.count() == 0 ? took : std::min(whole, took);
    connection.stop_with({});
    return stopped;
  };
  EXPECT_FALSE(checkpoint());
  // On a busy machine one may be through before it is told.
  bool stopped = false;
  for (int attempt = 0; attempt < 20 && !stopped; ++attempt) stopped = checkpoint();
  EXPECT_TRUE(stopped);
}

TEST_F(Lite, CopiesTheStateThatIsHeld) {
  make("a.db", std::string("PRAGMA journal_mode=WAL;") + shop_sql);
  Connection source(path("a.db"), Access::read_write);
  ASSERT_EQ(source.begin_read(), Begin::done);
  {
    Connection target(path("b.db"), Access::create);
    PageCopy copy(target, source);
    Connection writer(path("a.db"), Access::read_write);
    EXPECT_EQ(copy.step(1), PageCopy::Step::more);
    EXPECT_EQ(copy.copied(), 1);
    writer.run("DELETE FROM items; PRAGMA wal_checkpoint(PASSIVE)");
    EXPECT_EQ(copy.step(-1), PageCopy::Step::done);
    copy.finish();
  }
  EXPECT_EQ(Connection(path("b.db"), Access::immutable).integer("SELECT count(*) FROM items"), 3);
}

TEST_F(Lite, ReadsTheFrontOfAFile) {
  make("a.db", "CREATE TABLE t (a)");
  write_file_durably(path("empty"), {});
  std::array<std::byte, 16> front{};
  Connection connection(path("a.db"), Access::read_only);
  EXPECT_EQ(connection.read_front(front), 16U);
  EXPECT_EQ(as_text(front).substr(0, 15), "SQLite format 3");
  EXPECT_EQ(connection.file_bytes(), 8192U);
  EXPECT_EQ(Connection(path("empty"), Access::read_only).read_front(front), 0U);
}

TEST_F(Lite, TidiesUpOnlyIfToldTo) {
  make("a.db", "PRAGMA journal_mode=WAL; CREATE TABLE t (a)");
  EXPECT_EQ(names(), std::vector<std::string>{"a.db"});
  { Connection(path("a.db"), Access::read_write).run("INSERT INTO t VALUES (1)"); }
  EXPECT_EQ(names().size(), 3U);
  EXPECT_GT(std::filesystem::file_size(path("a.db-wal")), 0U);
}

TEST(QuoteName, DoublesQuotes) {
  EXPECT_EQ(quote_name("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(version_text(3040001), "3.40.1");
  EXPECT_TRUE(library_version().starts_with("3."));
}

}  // namespace
}  // namespace holdfast::engine::sqlite
