// SPDX-License-Identifier: Apache-2.0
// Filling a database on a server that keeps no log for others, as those of drills are.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/postgresql/fill.h"
#include "harness/postgres_server.h"

namespace holdfast::test {
namespace {

using namespace engine::postgresql;

constexpr int lines = 20'000;

std::string numbers(int from) {
  std::string text;
  for (int i = 0; i < lines; ++i) text += fmt::format("{}\t{}\n", from + i, std::string(200, 'x'));
  return text;
}

std::vector<SchemaStatement> script(std::string_view text) {
  BytesSource source(as_bytes(text));
  return read_schema_script(source, {});
}

TableLoad table(const std::string& name, int pieces) {
  TableLoad load;
  load.name = {"public", name};
  load.columns = {"n", "filler"};
  load.encoding = "UTF8";
  for (int i = 0; i < pieces; ++i) {
    const std::string text = numbers(i * lines);
    load.pieces.push_back({[text]() -> std::unique_ptr<ByteSource> {
                             return std::make_unique<BytesSource>(as_bytes(text));
                           },
                           text.size()});
  }
  return load;
}

std::int64_t log_bytes(const PostgresServer& server) {
  return std::stoll(
      server.psql("postgres", "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint"));
}

class PostgresqlFill : public testing::Test {
 protected:
  void SetUp() override { into_ = server_.make_database("filled"); }
  std::uint64_t fill(std::string_view pre_data, std::vector<TableLoad> tables) {
    Filling filling;
    filling.pre_data = script(pre_data);
    filling.tables = std::move(tables);
    return fill_database(location_of(into_), filling, {}, 2, {});
  }
  [[nodiscard]] std::string asked(std::string_view sql) const {
    return server_.psql("filled", sql);
  }

  PostgresServer server_;
  model::Endpoint into_;
};

TEST_F(PostgresqlFill, WritesNoLogWhereNoneIsKept) {
  const std::int64_t before = log_bytes(server_);
  EXPECT_EQ(fill("CREATE TABLE public.\"Half 1\" (n int, filler text);\n"
                 "CREATE TABLE public.half2 (n int, filler text);\n",
                 {table("Half 1", 2), table("half2", 2)}),
            4U * lines);
  const std::int64_t written = log_bytes(server_) - before;
  EXPECT_LT(written, lines * 200) << "a quarter of the rows' bytes";
  EXPECT_EQ(asked("SELECT count(DISTINCT n) FROM \"Half 1\""), "40000\n");
}

// Whoever reads them first need not note on each page that they are there for all. A snapshot for
// the whole transaction is in nobody's way.
TEST_F(PostgresqlFill, LoadsRowsThatNoVacuumHasToLookAt) {
  if (server_.server().binaries().major < 14)
    GTEST_SKIP() << "before 14, pages are not marked as all visible";
  fill(
      "ALTER DATABASE filled SET default_transaction_isolation = 'repeatable read';\n"
      "CREATE TABLE public.\"Half 1\" (n int, filler text);\n"
      "CREATE TABLE public.half2 (n int, filler text);\n",
      {table("Half 1", 2), table("half2", 2)});
  EXPECT_EQ(asked("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
                  " AND relkind = 'r' AND relpages > 100 AND relallvisible = relpages"),
            "2\n");
}

// As extensions fill their own; and one table that is most of all is shared by the sessions.
TEST_F(PostgresqlFill, KeepsTheRowsThatAreThere) {
  EXPECT_EQ(fill("CREATE TABLE public.own (n int, filler text);\n"
                 "INSERT INTO public.own VALUES (-1, 'own');\n"
                 "CREATE TABLE public.large (n int, filler text);\n",
                 {table("own", 1), table("large", 5)}),
            6U * lines);
  EXPECT_EQ(asked("SELECT count(*), min(n) FROM own"), "20001|-1\n");
  EXPECT_EQ(asked("SELECT count(DISTINCT n) FROM large"), "100000\n");
}

// Keys that are there before the rows, as those between tables of an extension.
TEST_F(PostgresqlFill, LeavesTablesAloneThatKeysReferTo) {
  EXPECT_EQ(fill("CREATE TABLE public.kinds (n int PRIMARY KEY, filler text);\n"
                 "CREATE TABLE public.things (n int REFERENCES public.kinds, filler text);\n",
                 {table("kinds", 1)}),
            1U * lines);
  EXPECT_EQ(asked("SELECT count(*) FROM kinds"), "20000\n");
}

}  // namespace
}  // namespace holdfast::test
