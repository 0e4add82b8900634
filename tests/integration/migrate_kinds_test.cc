// SPDX-License-Identifier: Apache-2.0
// migrate -I OLD --to NEW where a database of the source is of another kind in the target: all
// tables with their rows, from server to server and to files. With HOLDFAST_SQLSERVER_URI
// (harness/sqlserver_named.h) to and from that server too.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "contract/engine/sqlserver_server.h"
#include "harness/mariadb_server.h"
#include "harness/postgres_server.h"
#include "harness/program.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* every_kind =
    "CREATE TABLE \"Every Kind\" (id bigint PRIMARY KEY, b boolean, small smallint, n "
    "numeric(38,10),"
    " r double precision, t varchar(40) UNIQUE, long text, data bytea, d date, c time(6),"
    " at timestamp(6), moment timestamptz(3));"
    "INSERT INTO \"Every Kind\" VALUES"
    " (-9223372036854775808, true, -32768, -9999999999999999999999999999.9999999999, 0.1, '', '',"
    "  '', '1000-01-01', '00:00', '1000-01-01 00:00:00.000001', '1970-01-02 00:00:00.123+00'),"
    " (0, false, 0, 0, -0.5, 'Zoë 😀 \\ '' \"', E'tab\\tline\\nreturn\\r', '\\x00ff0a5c27',"
    "  '9999-12-31', '23:59:59.999999', '9999-12-31 23:59:59.999999', '2026-11-20 10:00+02'),"
    " (1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),"
    " (2, NULL, NULL, 0.0000000001, 1e300, 'trail', 'x', '\\x00', NULL, NULL, NULL, NULL);"
    "CREATE TABLE nothing (a integer NOT NULL, v varchar(3), PRIMARY KEY (a));"
    "CREATE TABLE twice (a integer, t text);"
    "INSERT INTO twice SELECT g / 2, 'row ' || g / 2 FROM generate_series(0, 1999) g;"
    "CREATE TABLE child (a integer REFERENCES nothing (a) DEFAULT 7 CHECK (a > 0));"
    "CREATE INDEX ON twice (t);"
    "CREATE VIEW v AS SELECT a FROM twice;";

constexpr const char* told = "4 tables, 2,004 rows, digests equal";

class MigrateKinds : public testing::Test {
 protected:
  MigrateKinds() { postgres_.clean(); }
  ~MigrateKinds() override { postgres_.clean(); }

  std::string write_instance(const std::string& name, const std::string& settings) const {
    const fs::path path = place_ / (name + ".toml");
    write_text(path,
               fmt::format("name = \"{}\"\n[[database]]\nname = \"main\"\n{}", name, settings));
    return path.string();
  }
  std::string of_postgresql(const std::string& database) {
    return fmt::format("uri = \"{}\"\nuser = \"postgres\"\n", postgres_.server().uri(database));
  }
  Outcome migrate(const std::string& from, const std::string& to,
                  const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{"migrate", "-I", from, "--to", to};
    words.insert(words.end(), more.begin(), more.end());
    return place_.holdfast(words);
  }
  std::string source() {
    postgres_.make_database("old", every_kind);
    return write_instance("old", of_postgresql("old"));
  }

  // A second time nothing is replaced.
  void refuses_again(const std::string& old, const std::string& middle) {
    const Outcome again = migrate(old, middle);
    EXPECT_EQ(again.exit_code, 20) << again.text();
    EXPECT_TRUE(again.says("target-not-empty")) << again.text();
  }
  // Into a database of PostgreSQL again, that is then as the first was.
  void comes_back_from(const std::string& middle) {
    postgres_.make_database("new");
    const Outcome back = migrate(middle, write_instance("new", of_postgresql("new")));
    ASSERT_EQ(back.exit_code, 0) << back.text();
    EXPECT_TRUE(back.says(told)) << back.text();
    EXPECT_EQ(digest("new"), digest("old"));
  }
  // A server between may tell names in small letters.
  std::string digest(const std::string& database) {
    const std::string name = postgres_.psql(
        database, "SELECT quote_ident(relname) FROM pg_class WHERE lower(relname) = 'every kind'");
    return postgres_.psql(database,
                          "SELECT md5(string_agg(x::text, ',' ORDER BY id)) FROM (SELECT "
                          "id, n, t, long, data, d, c, at FROM " +
                              name + ") x");
  }

  Place place_;
  PostgresServer& postgres_ = PostgresServer::shared();
};

TEST_F(MigrateKinds, MovesEveryKindToMariadbAndBackAndToAFile) {
  const MariadbServer mariadb;
  mariadb.run("CREATE DATABASE middle");
  const std::string old = source();
  const std::string middle = write_instance(
      "middle", fmt::format("uri = \"{}\"\nuser = \"root\"\n", mariadb.uri("middle")));
  const Outcome there = migrate(old, middle, {"--json"});
  ASSERT_EQ(there.exit_code, 0) << there.text();
  EXPECT_TRUE(there.says(told)) << there.text();
  // What stays behind is told before anything is made.
  for (const char* const left :
       {"foreign keys (1)", "checks (1)", "views (1)", "defaults", "indexes that are no keys"})
    EXPECT_TRUE(there.says(left)) << left << "\n" << there.text();
  EXPECT_TRUE(there.says("moment (timestamp(3) with time zone) as datetime")) << there.text();
  EXPECT_EQ(mariadb.value("SELECT COUNT(*) FROM middle.`Every Kind` WHERE t = ''"), "1");
  refuses_again(old, middle);
  comes_back_from(middle);
}

TEST_F(MigrateKinds, NamesWhatHasNoCounterpartAndTakesTheOthersAlone) {
  const MariadbServer mariadb;
  mariadb.run("CREATE DATABASE middle");
  postgres_.make_database(
      "old",
      "CREATE TABLE endless (id integer PRIMARY KEY, n numeric);"
      "CREATE TABLE good (id integer PRIMARY KEY); INSERT INTO good VALUES (1)");
  const std::string old = write_instance("old", of_postgresql("old"));
  const std::string middle = write_instance(
      "middle", fmt::format("uri = \"{}\"\nuser = \"root\"\n", mariadb.uri("middle")));
  const Outcome refused = migrate(old, middle);
  EXPECT_EQ(refused.exit_code, 1) << refused.text();
  EXPECT_TRUE(refused.says("table public.endless, column n (numeric)")) << refused.text();
  EXPECT_EQ(mariadb.rows("SHOW TABLES FROM middle"), std::vector<std::string>{});
  const Outcome unknown = migrate(old, middle, {"--table", "nowhere"});
  EXPECT_TRUE(unknown.says("has no table \"nowhere\"")) << unknown.text();
  const Outcome chosen = migrate(old, middle, {"--table", "good"});
  EXPECT_EQ(chosen.exit_code, 0) << chosen.text();
  EXPECT_EQ(mariadb.rows("SHOW TABLES FROM middle"), std::vector<std::string>{"good"});
}

// A value that the column does not take names table, column and row, and nothing stays.
TEST_F(MigrateKinds, TakesEverythingAwayAfterAValueThatDoesNotFit) {
  const MariadbServer mariadb;
  mariadb.run("CREATE DATABASE middle");
  postgres_.make_database("old",
                          "CREATE TABLE days (id integer PRIMARY KEY, d date);"
                          "INSERT INTO days VALUES (1, '2020-01-01'), (2, 'infinity')");
  const std::string middle = write_instance(
      "middle", fmt::format("uri = \"{}\"\nuser = \"root\"\n", mariadb.uri("middle")));
  const Outcome refused = migrate(write_instance("old", of_postgresql("old")), middle);
  EXPECT_EQ(refused.exit_code, 1) << refused.text();
  EXPECT_TRUE(refused.says("table public.days, column d (date), row 2")) << refused.text();
  EXPECT_EQ(mariadb.rows("SHOW TABLES FROM middle"), std::vector<std::string>{});
}

TEST_F(MigrateKinds, WantsEveryDatabaseToChangeItsKindOrBeLeftOut) {
  const std::string old = source();
  postgres_.make_database("other");
  postgres_.make_database("new");
  const auto two = [&](const std::string& name, const std::string& main, const std::string& more) {
    const std::string file = write_instance(name, main);
    write_text(file,
               fmt::format("name = \"{}\"\n[[database]]\nname = \"main\"\n{}[[database]]\nname "
                           "= \"more\"\n{}",
                           name, main, more));
    return file;
  };
  const std::string from = two("from", of_postgresql("old"), of_postgresql("other"));
  const std::string to =
      two("to", fmt::format("uri = \"sqlite:{}\"\n", (place_ / "to.db").native()),
          of_postgresql("new"));
  const Outcome refused = migrate(from, to);
  EXPECT_EQ(refused.exit_code, 1) << refused.text();
  EXPECT_TRUE(refused.says("database more is of engine postgresql on both sides"))
      << refused.text();
  EXPECT_FALSE(fs::exists(place_ / "to.db"));
  const Outcome chosen = migrate(from, to, {"--component", "main"});
  EXPECT_EQ(chosen.exit_code, 0) << chosen.text();
  EXPECT_TRUE(chosen.says(told)) << chosen.text();
}

// To and from the server that the environment names.
TEST_F(MigrateKinds, MovesEveryKindToSqlServerAndBack) {
  const auto named = sqlserver_named();
  if (!named) GTEST_SKIP() << no_sqlserver;
  const SqlServerDatabase server(*named, fmt::format("holdfast_kinds_{}", ::getpid()));
  const model::Endpoint& endpoint = server.endpoint();
  std::string settings = fmt::format("uri = \"{}\"\nuser = \"{}\"\nmethod = \"logical\"\n",
                                     endpoint.uri, endpoint.user);
  if (const char* const file = std::getenv("HOLDFAST_SQLSERVER_PASSWORD_FILE"))
    settings += fmt::format("password_file = \"{}\"\n", file);
  for (const auto& [name, value] : endpoint.options)
    settings += fmt::format("{} = \"{}\"\n", name, value);
  const std::string middle = write_instance("middle", settings);
  const std::string old = source();
  const Outcome there = migrate(old, middle, {"--json"});
  ASSERT_EQ(there.exit_code, 0) << there.text();
  EXPECT_TRUE(there.says(told)) << there.text();
  EXPECT_TRUE(there.says("moment (timestamp(3) with time zone) as datetime2")) << there.text();
  refuses_again(old, middle);
  comes_back_from(middle);
}

}  // namespace
}  // namespace holdfast::test
