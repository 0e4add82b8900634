// SPDX-License-Identifier: Apache-2.0
// Filling a database on a server that keeps no log for others, as those of drills are.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "base/crew.h"
#include "engine/postgresql/fill.h"
#include "engine/postgresql/new_tables.h"
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

// A table whose server sleeps over its first row, and so takes nothing of the rest.
class PostgresqlSleep : public PostgresqlFill {
 protected:
  void SetUp() override {
    PostgresqlFill::SetUp();
    model::NewTable table;
    table.name.table = "things";
    table.columns = {"n", "filler"};
    table.make = {"CREATE TABLE things (n bigint, filler text)"};
    filling_ = make_filling(location_of(into_), std::span(&table, 1), {}, stop_.get_token());
    static_cast<void>(
        asked("CREATE FUNCTION sleep() RETURNS trigger LANGUAGE plpgsql AS "
              "'BEGIN PERFORM pg_sleep(86400); RETURN NEW; END';"
              "CREATE TRIGGER sleeps BEFORE INSERT ON things FOR EACH ROW EXECUTE FUNCTION "
              "sleep()"));
  }
  static void give(engine::Filling::Rows& sink, int rows) {
    const model::Row row{model::Value::integer(1), model::Value::of_text(std::string(60'000, 'x'))};
    for (int i = 0; i < rows; ++i) sink.row(row);
  }
  void wait_until_it_sleeps() const {
    while (asked("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") != "1\n")
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  void expect_nothing_left() {
    EXPECT_EQ(asked("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"), "0\n");
    EXPECT_EQ(asked("SELECT count(*) FROM things"), "0\n");
  }

  std::stop_source stop_;
  std::unique_ptr<engine::Filling> filling_;
};

// Ten rows are less than may lie ready: nobody waits but the thread that sends.
TEST_F(PostgresqlSleep, RowsThatAreDroppedAreNotWaitedFor) {
  auto sink = filling_->rows(0);
  give(*sink, 10);
  wait_until_it_sleeps();
  sink.reset();
  expect_nothing_left();
}

TEST_F(PostgresqlSleep, AStopRequestEndsTheWaitForRoom) {
  const auto sink = filling_->rows(0);
  std::optional<Errc> code;
  {
    Crew giver;
    giver.start([&](const std::stop_token& /*stop*/) {
      try {
        give(*sink, 10'000);
      } catch (const Error& error) {
        code = error.code();
      }
    });
    wait_until_it_sleeps();
    stop_.request_stop();
    giver.join();
  }
  EXPECT_EQ(code, Errc::cancelled);
}

}  // namespace
}  // namespace holdfast::test
