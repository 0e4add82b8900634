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
  load.statement = fmt::format("COPY public.\"{}\" FROM STDIN", name);
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

TEST(PostgresqlFill, WritesNoLogWhereNoneIsKept) {
  PostgresServer server;
  const model::Endpoint into = server.make_database("filled");
  Filling filling;
  filling.pre_data = script(
      "CREATE TABLE public.\"Half 1\" (n int, filler text);\nCREATE TABLE public.half2 (n int, "
      "filler text);\n");
  filling.tables = {table("Half 1", 2), table("half2", 2)};
  const std::int64_t before = log_bytes(server);
  EXPECT_EQ(fill_database(location_of(into), filling, {}, 2, {}), 4U * lines);
  const std::int64_t written = log_bytes(server) - before;
  EXPECT_LT(written, lines * 200) << "a quarter of the rows' bytes";
  EXPECT_EQ(server.psql("filled", "SELECT count(DISTINCT n) FROM \"Half 1\""), "40000\n");
}

// As extensions fill their own; and one table that is most of all is shared by the sessions.
TEST(PostgresqlFill, KeepsTheRowsThatAreThere) {
  PostgresServer server;
  const model::Endpoint into = server.make_database("filled");
  Filling filling;
  filling.pre_data = script(
      "CREATE TABLE public.own (n int, filler text);\nINSERT INTO public.own VALUES (-1, 'own');\n"
      "CREATE TABLE public.large (n int, filler text);\n");
  filling.tables = {table("own", 1), table("large", 5)};
  EXPECT_EQ(fill_database(location_of(into), filling, {}, 2, {}), 6U * lines);
  EXPECT_EQ(server.psql("filled", "SELECT count(*), min(n) FROM own"), "20001|-1\n");
  EXPECT_EQ(server.psql("filled", "SELECT count(DISTINCT n) FROM large"), "100000\n");
}

// Keys that are there before the rows, as those between tables of an extension.
TEST(PostgresqlFill, LeavesTablesAloneThatKeysReferTo) {
  PostgresServer server;
  const model::Endpoint into = server.make_database("filled");
  Filling filling;
  filling.pre_data = script(
      "CREATE TABLE public.kinds (n int PRIMARY KEY, filler text);\n"
      "CREATE TABLE public.things (n int REFERENCES public.kinds, filler text);\n");
  filling.tables = {table("kinds", 1)};
  EXPECT_EQ(fill_database(location_of(into), filling, {}, 2, {}), 1U * lines);
  EXPECT_EQ(server.psql("filled", "SELECT count(*) FROM kinds"), "20000\n");
}

}  // namespace
}  // namespace holdfast::test
