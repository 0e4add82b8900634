// SPDX-License-Identifier: Apache-2.0
// What has not changed is copied as the same bytes each time, so that a second backup stores next
// to nothing: ranges stay where they are while a table grows, and rows come in one order whoever
// else reads.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <string>

#include "base/hash.h"
#include "engine/postgresql/connection.h"
#include "engine/postgresql/held_database.h"
#include "engine/postgresql/location.h"
#include "harness/postgres_server.h"

namespace holdfast::test {
namespace {

using engine::postgresql::Connection;
using engine::postgresql::HeldDatabase;
using engine::postgresql::location_of;

class PostgresqlStable : public testing::Test {
 protected:
  void TearDown() override { server_.clean(); }

  // The parts of a database's tables by path, each as the hash of its bytes.
  static std::map<std::string, std::string> copied(const model::Endpoint& endpoint) {
    constexpr auto wait = std::chrono::seconds(30);
    HeldDatabase database(location_of(endpoint));
    database.lock_tables(wait);
    database.take_snapshot();
    database.secure(wait);
    std::map<std::string, std::string> parts;
    for (const auto& range : database.ranges()) {
      Sha256 hash;
      static_cast<void>(database.read_range(range, [&](ByteView line) { hash.update(line); }, {}));
      const Sha256Digest digest = hash.finish();
      parts[range.part] = to_hex(ByteView(digest));
    }
    database.release();
    return parts;
  }

  PostgresServer& server_ = PostgresServer::shared();
};

TEST_F(PostgresqlStable, RangesStayWhereTheyAreWhenATableGrows) {
  if (server_.server().binaries().major < 14) GTEST_SKIP() << "tables are not divided before 14";
  // One row a page, so that few rows have many pages.
  const model::Endpoint endpoint = server_.make_database(
      "large",
      "CREATE TABLE big (i int, filler text) WITH (fillfactor = 10);"
      "INSERT INTO big SELECT i, repeat('x', 700) FROM generate_series(1, 40000) i");
  const auto before = copied(endpoint);
  ASSERT_GE(before.size(), 3U);
  server_.psql("large",
               "INSERT INTO big SELECT i, repeat('y', 700) FROM generate_series(1, 400) i");
  auto after = copied(endpoint);
  ASSERT_EQ(after.size(), before.size());
  EXPECT_NE(after.rbegin()->second, before.rbegin()->second) << "it has not grown";
  after.rbegin()->second = before.rbegin()->second;
  EXPECT_EQ(after, before);
}

TEST_F(PostgresqlStable, RowsComeInOneOrderWhoeverElseReads) {
  // More than a quarter of the server's buffers: scans of others would be joined where they are.
  const model::Endpoint endpoint =
      server_.make_database("shop",
                            "CREATE TABLE big AS SELECT i, repeat('x', 700) AS filler FROM"
                            " generate_series(1, 40000) i");
  const auto before = copied(endpoint);
  Connection other(location_of(endpoint));
  other.run("SET synchronize_seqscans = on; BEGIN; DECLARE c CURSOR FOR SELECT i FROM public.big");
  other.run("FETCH FORWARD 20000 FROM c");
  EXPECT_NE(server_.psql("shop", "SELECT i FROM big LIMIT 1"), "1\n") << "others join the scan";
  EXPECT_EQ(copied(endpoint), before);
}

}  // namespace
}  // namespace holdfast::test
