// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/inspect.h"
#include "engine/sqlite/test_database.h"

namespace holdfast::engine::sqlite {
namespace {

using DiscoverTest = SqliteTest;

TEST_F(DiscoverTest, FindsDatabasesByTheirContent) {
  std::filesystem::create_directories(path("deep/down"));
  make("app.db", std::string("PRAGMA journal_mode=WAL;") + shop_sql);
  make("deep/down/app.dat", shop_sql);
  make("deep/cache", shop_sql);
  write_file_durably(path("letter.db"), as_bytes(std::string(500, 'x')));
  std::filesystem::create_symlink(path("app.db"), path("link.db"));
  std::filesystem::create_symlink(home_.path(), path("deep/loop"));
  Connection application(path("app.db"), Access::read_write);
  application.run("DELETE FROM items");
  const auto found = discover_databases(home_.path());
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].endpoint.component, "app");
  EXPECT_TRUE(found[0].endpoint.uri.ends_with("/app.db"));
  EXPECT_NE(found[0].comment.find("WAL"), std::string::npos);
  EXPECT_EQ(found[1].endpoint.component, "cache");
  EXPECT_EQ(found[2].endpoint.component, "app-2");
}

TEST_F(DiscoverTest, TakesASingleFileToo) {
  make("app.db", shop_sql);
  EXPECT_EQ(discover_databases(path("app.db")).size(), 1U);
  EXPECT_TRUE(discover_databases(path("absent")).empty());
}

}  // namespace
}  // namespace holdfast::engine::sqlite
