// SPDX-License-Identifier: Apache-2.0
// What `inspect` says of a database that an application, a process of its own, has open.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "base/fd.h"
#include "contract/engine/writer_process.h"
#include "engine/sqlite/inspect.h"
#include "engine/sqlite/lite.h"

namespace holdfast::test {
namespace {

using engine::sqlite::Access;
using engine::sqlite::Connection;

class CollectingRows final : public model::RowSink {
 public:
  void columns(const std::vector<model::Column>& /*columns*/) override {}
  void row(const model::Row& /*row*/) override { ++count; }
  std::size_t count = 0;
};

class SqliteInspect : public testing::Test {
 protected:
  [[nodiscard]] std::string path(const std::string& name) const {
    return (home_.path() / name).native();
  }
  void make_items(const std::string& name, const std::string& mode) const {
    Connection connection(path(name), Access::create);
    connection.tidy_on_close(true);
    connection.run("PRAGMA synchronous=OFF; PRAGMA journal_mode=" + mode);
    connection.run(
        "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, price REAL, photo BLOB);"
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 500)"
        "INSERT INTO items SELECT n, 'item ' || n, n, randomblob(300) FROM c");
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(home_.path()))
      found.push_back(entry.path().filename());
    std::sort(found.begin(), found.end());
    return found;
  }
  static bool has_code(const engine::Inspection& inspection, std::string_view code) {
    return std::any_of(inspection.findings.begin(), inspection.findings.end(),
                       [&](const auto& finding) { return finding.code == code; });
  }

  TemporaryDirectory home_{"holdfast-sqlite-test"};
};

class SqliteInspectUnderLoad : public SqliteInspect,
                               public testing::WithParamInterface<std::string> {};

TEST_P(SqliteInspectUnderLoad, ReadsAStateThatExisted) {
  WriterProcess writer({SQLITE_WRITER, "write", GetParam(), "10000", "0", path("counter.db")});
  ASSERT_EQ(writer.line(), "ready");
  for (int look = 0; look < 60; ++look) {
    const bool deep = look % 3 != 0;
    const auto found = engine::sqlite::inspect_file(path("counter.db"), deep);
    ASSERT_TRUE(found);
    EXPECT_TRUE(found->whole) << (found->findings.empty() ? "" : found->findings.back().seen);
    EXPECT_EQ(found->tables.size(), 2U);
    CollectingRows rows;
    EXPECT_NO_THROW(engine::sqlite::inspect_file_rows(path("counter.db"), {"", "counter"}, rows));
    EXPECT_EQ(rows.count, 1U);
  }
  int commits = 0, refusals = -1;
  EXPECT_EQ(std::sscanf(writer.stop().c_str(), "%d %d", &commits, &refusals), 2);
  EXPECT_EQ(refusals, 0);
  EXPECT_EQ(names(), std::vector<std::string>{"counter.db"}) << "nothing of ours is left";
}

INSTANTIATE_TEST_SUITE_P(Modes, SqliteInspectUnderLoad, testing::Values("wal", "delete"),
                         [](const auto& tested) { return tested.param; });

TEST_F(SqliteInspect, TakesInWhatIsOnlyInTheLogOfALivingApplication) {
  make_items("app.db", "wal");
  WriterProcess application({SQLITE_WRITER, "write", "wal", "1000", "1000", path("app.db")});
  ASSERT_EQ(application.line(), "ready");
  const auto before = names();
  for (const bool deep : {false, true}) {
    const auto found = engine::sqlite::inspect_file(path("app.db"), deep);
    ASSERT_TRUE(found);
    EXPECT_TRUE(found->whole);
    EXPECT_EQ(found->tables.size(), 3U) << "tables that are in the log";
  }
  EXPECT_EQ(names(), before);
}

TEST_F(SqliteInspect, DoesNotReadWhatAWriterHasHalfWritten) {
  make_items("app.db", "delete");
  {
    WriterProcess application({SQLITE_WRITER, "linger", path("app.db")});
    ASSERT_EQ(application.line(), "ready");
    const auto found = engine::sqlite::inspect_file(path("app.db"), true);
    ASSERT_TRUE(found);
    EXPECT_FALSE(found->whole);
    EXPECT_TRUE(has_code(*found, "sqlite-content-unobservable"));
    EXPECT_FALSE(has_code(*found, "sqlite-damaged"));
    EXPECT_TRUE(found->tables.empty());
  }
  const auto found = engine::sqlite::inspect_file(path("app.db"), true);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->whole);
  EXPECT_EQ(found->tables.at(0).rows, 500U);
}

TEST_F(SqliteInspect, TakesInWhatADeadApplicationLeftAndLeavesItThere) {
  make_items("wal.db", "wal");
  WriterProcess({SQLITE_WRITER, "abandon", path("wal.db")}).wait();
  make_items("rollback.db", "delete");
  WriterProcess({SQLITE_WRITER, "crash", "delete", path("rollback.db")}).wait();
  const auto before = names();
  std::vector<std::string> bytes;
  for (const auto& name : before) bytes.push_back(read_text_file(path(name)));
  const auto rows = [&](const std::string& name) {
    const auto found = engine::sqlite::inspect_file(path(name), true);
    EXPECT_TRUE(found && found->whole);
    return found->tables.at(0).rows;
  };
  EXPECT_EQ(rows("wal.db"), 501U);
  EXPECT_EQ(rows("rollback.db"), 500U);
  EXPECT_TRUE(engine::sqlite::inspect_file(path("wal.db"), false)->whole);
  EXPECT_TRUE(engine::sqlite::inspect_file(path("rollback.db"), false)->whole);
  EXPECT_EQ(names(), before);
  for (std::size_t i = 0; i < before.size(); ++i)
    EXPECT_EQ(read_text_file(path(before[i])), bytes[i]) << before[i];
}

}  // namespace
}  // namespace holdfast::test
