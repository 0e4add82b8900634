// SPDX-License-Identifier: Apache-2.0
// migrate --from FILE into a database of another kind: the file is one of SQLite's, which any
// program can make, or a synthetic package of SQL Server.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/sqlserver/dac/test_dac.h"
#include "harness/mariadb_server.h"
#include "harness/postgres_server.h"
#include "harness/program.h"
#include "harness/sqlite_file.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

// Every kind of value that SQLite keeps, at its edges; names that need quotes.
constexpr const char* every_kind =
    "CREATE TABLE \"Mixed Case\" (id INTEGER PRIMARY KEY, wide INT, r REAL, t TEXT NOT NULL, b "
    "BLOB,"
    " \"Ordnung \"\"ü\" VARCHAR(20) UNIQUE, unset NUMERIC);"
    "INSERT INTO \"Mixed Case\" VALUES"
    " (-999999999999999999, -9223372036854775807 - 1, -1.7976931348623157e308, '', x'', 'ein', "
    "NULL),"
    " (0, 0, 0.1, 'Zoë 😀 \\ '' \" ;' || char(9, 10, 13), x'00ff0a', NULL, NULL),"
    " (999999999999999999, 9223372036854775807, 4.9406564584124654e-324, 'blank  ', NULL, 'ein ',"
    " NULL), (7, NULL, NULL, '\\N', x'5c4e', '', NULL);"
    "CREATE TABLE empty (a INTEGER NOT NULL, b TEXT, PRIMARY KEY (a));"
    "CREATE TABLE many (n INTEGER, what TEXT);"
    "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 20000)"
    " INSERT INTO many SELECT n, 'row ' || n FROM c;"
    "CREATE VIEW v AS SELECT * FROM many;";

class DumpMigration : public testing::Test {
 protected:
  [[nodiscard]] fs::path file() const { return place_ / "old.db"; }
  [[nodiscard]] std::string write_instance(const std::string& table) const {
    const fs::path path = place_ / "new.toml";
    write_text(path, "name = \"archive\"\n" + table);
    return path.string();
  }
  Outcome migrate(const std::string& target, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{"migrate", "--from", file().string(), "--to", target};
    words.insert(words.end(), more.begin(), more.end());
    return place_.holdfast(words);
  }

  Place place_;
};

class DumpMigrationPostgresql : public DumpMigration {
 protected:
  DumpMigrationPostgresql() {
    server_.clean();
    server_.make_database("archive");
    target_ = write_instance(
        fmt::format("[[database]]\nname = \"main\"\nuri = \"{}\"\nuser = \"postgres\"\n",
                    server_.server().uri("archive")));
  }
  ~DumpMigrationPostgresql() override { server_.clean(); }
  [[nodiscard]] std::string ask(const std::string& sql) const {
    return server_.psql("archive", sql);
  }
  [[nodiscard]] std::string tables() const {
    return ask(
        "SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class"
        " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace");
  }

  PostgresServer& server_ = PostgresServer::shared();
  std::string target_;
};

TEST_F(DumpMigrationPostgresql, MovesEveryKindExactly) {
  run_sql(file(), every_kind);
  const Outcome moved = migrate(target_, {"--json"});
  ASSERT_EQ(moved.exit_code, 0) << moved.text();
  const Json summary = moved.lines().back();
  EXPECT_EQ(summary.at("message_type").as_string(), "summary");
  EXPECT_TRUE(summary.at("complete").as_bool());
  EXPECT_TRUE(summary.at("databases")
                  .as_array()
                  .at(0)
                  .as_string()
                  .ends_with("3 tables, 20,004 rows, digests equal"))
      << moved.text();
  EXPECT_EQ(tables(), "Mixed Case,empty,many\n");
  EXPECT_EQ(ask("SELECT id, wide, r, t, b, \"Ordnung \"\"ü\" FROM \"Mixed Case\""
                " WHERE id > 7"),
            "999999999999999999|9223372036854775807|5e-324|blank  ||ein \n");
  EXPECT_EQ(ask("SELECT wide, r, b, t = '', unset IS NULL FROM \"Mixed Case\" WHERE id < 0"),
            "-9223372036854775808|-1.7976931348623157e+308|\\x|t|t\n");
  EXPECT_EQ(ask("SELECT t FROM \"Mixed Case\" WHERE id = 0"), "Zoë 😀 \\ ' \" ;\t\n\r\n");
  EXPECT_EQ(ask("SELECT string_agg(contype::text || ' ' || pg_get_constraintdef(oid), ', '"
                " ORDER BY contype, pg_get_constraintdef(oid))"
                " FROM pg_constraint WHERE conrelid IN ('\"Mixed Case\"'::regclass,"
                " 'empty'::regclass)"),
            "p PRIMARY KEY (a), p PRIMARY KEY (id), u UNIQUE (\"Ordnung \"\"ü\")\n");
  EXPECT_EQ(ask("SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod) ||"
                " CASE WHEN attnotnull THEN ' not null' ELSE '' END, ', ' ORDER BY attnum)"
                " FROM pg_attribute WHERE attrelid = '\"Mixed Case\"'::regclass AND attnum > 0"),
            "id bigint not null, wide numeric(19,0), r double precision, t text not null, b bytea, "
            "Ordnung \"ü character varying(20), unset bigint\n");
  EXPECT_EQ(ask("SELECT count(*), sum(n) FROM many"), "20000|200010000\n");
}

TEST_F(DumpMigrationPostgresql, MovesAPackageOfSqlServerExactly) {
  write_text(file(), engine::sqlserver::test::types_package().file());
  const Outcome moved = migrate(target_, {"--json"});
  ASSERT_EQ(moved.exit_code, 0) << moved.text();
  EXPECT_TRUE(moved.says("2 tables, 3 rows, digests equal")) << moved.text();
  EXPECT_TRUE(moved.says("not consistent across tables unless exported from a quiet copy"))
      << moved.text();
  EXPECT_TRUE(moved.says("c17 (datetimeoffset(7)) as text")) << moved.text();
  EXPECT_EQ(tables(), "Nullable,Required\n");
  EXPECT_EQ(ask("SELECT c5, c6, c13, c15, c17, c18, c32, c35 FROM \"Required\""),
            "-9223372036854775808|9999999999999999999999999999.9999999999|23:59:59.999999|"
            "9999-12-31 23:59:59.999999|0001-01-02 04:55:00.0000001 +04:55|"
            "00112233-4455-6677-8899-AABBCCDDEEFF|\\x0000000000004652|int 7\n");
}

// What has more digits than the database takes is named, and nothing is left.
TEST_F(DumpMigrationPostgresql, NamesTheMomentOfAPackageThatItDoesNotTake) {
  engine::sqlserver::test::DacText package;
  package.tables = {{.name = "T", .columns = {{"At", "datetime2", false, "Scale=7"}}}};
  package.tables[0].parts = {engine::sqlserver::test::le(1, 8)};
  package.rows = 1;
  write_text(file(), package.file());
  const Outcome refused = migrate(target_);
  EXPECT_EQ(refused.exit_code, 1) << refused.text();
  EXPECT_TRUE(
      refused.says("table dbo.T, column At (datetime2(7)), row 1: 6 digits of a second at "
                   "most are taken: 0001-01-01T00:00:00.0000001"))
      << refused.text();
  EXPECT_EQ(tables(), "\n");
}

TEST_F(DumpMigrationPostgresql, NamesTheTablesThatAreThereAndTouchesNothing) {
  run_sql(file(), every_kind);
  static_cast<void>(ask("CREATE TABLE many (mine int); CREATE TABLE empty (mine int)"));
  const Outcome refused = migrate(target_);
  EXPECT_EQ(refused.exit_code, 1) << refused.text();
  EXPECT_TRUE(refused.says("has the tables empty, many")) << refused.text();
  EXPECT_EQ(tables(), "empty,many\n");
  // The others may go there.
  EXPECT_EQ(migrate(target_, {"--table", "Mixed Case"}).exit_code, 0);
  EXPECT_EQ(tables(), "Mixed Case,empty,many\n");
}

TEST_F(DumpMigrationPostgresql, NamesTheValueThatItDoesNotTakeAndLeavesNothing) {
  run_sql(file(), every_kind);
  run_sql(file(), "INSERT INTO many VALUES (20001, 'a' || char(0) || 'b')");
  const Outcome refused = migrate(target_);
  EXPECT_EQ(refused.exit_code, 1) << refused.text();
  EXPECT_TRUE(
      refused.says("table many, column what (TEXT), row 20001: it holds the character U+0000"))
      << refused.text();
  EXPECT_EQ(tables(), "\n");
}

TEST_F(DumpMigrationPostgresql, NamesAllThatHasNoCounterpart) {
  run_sql(file(),
          "CREATE TABLE a (x NUMERIC, y); INSERT INTO a VALUES (1, 1), (1.5, 'one');"
          "CREATE TABLE b (z); INSERT INTO b VALUES (x'00'), ('text')");
  const Outcome refused = migrate(target_);
  EXPECT_EQ(refused.exit_code, 1) << refused.text();
  for (const char* words :
       {"table a, column x (NUMERIC): ", "table a, column y (): ",
        "table b, column z (): it holds values of several kinds: text and bytes"})
    EXPECT_TRUE(refused.says(words)) << words << "\n" << refused.text();
  EXPECT_EQ(tables(), "\n");
}

TEST_F(DumpMigrationPostgresql, RefusesADamagedFile) {
  run_sql(file(), every_kind);
  fs::resize_file(file(), fs::file_size(file()) / 2);
  const Outcome refused = migrate(target_);
  EXPECT_EQ(refused.exit_code, 1) << refused.text();
  EXPECT_EQ(tables(), "\n");
}

// Killed when all rows are there and the keys are being made.
TEST_F(DumpMigrationPostgresql, IsTakenAwayAgainThoughItIsKilled) {
  run_sql(file(), every_kind);
  static_cast<void>(
      ask("CREATE TABLE mine (a int);"
          "CREATE FUNCTION wait() RETURNS event_trigger LANGUAGE plpgsql AS"
          " $$ BEGIN PERFORM pg_sleep(600); END $$;"
          "CREATE EVENT TRIGGER late ON ddl_command_start WHEN TAG IN ('ALTER TABLE')"
          " EXECUTE FUNCTION wait()"));
  Started run = place_.start({"migrate", "--from", file().string(), "--to", target_});
  const std::string waiting =
      "SELECT pid FROM pg_stat_activity WHERE datname = 'archive' AND query LIKE 'ALTER TABLE%'";
  ASSERT_TRUE(eventually([&] { return !server_.psql("postgres", waiting).empty(); }));
  EXPECT_EQ(tables(), "Mixed Case,empty,many,mine\n");
  run.kill(SIGKILL);
  static_cast<void>(run.wait());
  static_cast<void>(server_.psql(
      "postgres", "SELECT pg_terminate_backend(pid) FROM (" + waiting + ") AS waiting"));
  EXPECT_TRUE(eventually([&] { return place_.holdfast({"resume"}).exit_code == 0; }));
  EXPECT_EQ(tables(), "mine\n");
}

class DumpMigrationMariadb : public DumpMigration {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<MariadbServer>(); }
  static void TearDownTestSuite() { server_.reset(); }
  DumpMigrationMariadb() {
    server_->run("CREATE DATABASE archive CHARACTER SET latin1");
    target_ = write_instance(server_->instance_table("main", "archive"));
  }
  ~DumpMigrationMariadb() override { server_->run("DROP DATABASE archive"); }
  // Of the schema, and of others that are left.
  [[nodiscard]] std::vector<std::string> tables() const {
    return server_->rows(
        "SELECT CONCAT(TABLE_SCHEMA, '.', TABLE_NAME) FROM information_schema.TABLES WHERE "
        "TABLE_SCHEMA NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema') ORDER BY "
        "BINARY TABLE_NAME");
  }

  static std::unique_ptr<MariadbServer> server_;
  std::string target_;
};
std::unique_ptr<MariadbServer> DumpMigrationMariadb::server_;

TEST_F(DumpMigrationMariadb, MovesEveryKindExactly) {
  run_sql(file(), every_kind);
  run_sql(file(), "INSERT INTO many VALUES (20001, 'a' || char(0) || 'b')");
  const Outcome moved = migrate(target_);
  ASSERT_EQ(moved.exit_code, 0) << moved.text();
  EXPECT_TRUE(moved.says("3 tables, 20,005 rows, digests equal")) << moved.text();
  EXPECT_EQ(tables(),
            (std::vector<std::string>{"archive.Mixed Case", "archive.empty", "archive.many"}));
  EXPECT_EQ(server_->rows("SELECT id, wide, r, t, b, `Ordnung \"ü` FROM archive.`Mixed Case` WHERE "
                          "id > 7"),
            std::vector<std::string>{
                "999999999999999999\t9223372036854775807\t5e-324\tblank  \t\\N\tein "});
  // 'ein' and 'ein ' are two.
  EXPECT_EQ(server_->value("SELECT COUNT(*) FROM archive.`Mixed Case` WHERE `Ordnung \"ü` = 'ein'"),
            "1");
  EXPECT_EQ(server_->value("SELECT HEX(what) FROM archive.many WHERE n = 20001"), "610062");
  const std::string made = server_->rows("SHOW CREATE TABLE archive.`Mixed Case`").at(0);
  EXPECT_NE(made.find("PRIMARY KEY (`id`)"), std::string::npos) << made;
  EXPECT_NE(made.find("UNIQUE KEY `Ordnung \"ü` (`Ordnung \"ü`)"), std::string::npos) << made;
  EXPECT_NE(made.find("`t` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL"),
            std::string::npos)
      << made;
}

TEST_F(DumpMigrationMariadb, MovesAPackageOfSqlServerExactly) {
  write_text(file(), engine::sqlserver::test::types_package().file());
  const Outcome moved = migrate(target_);
  ASSERT_EQ(moved.exit_code, 0) << moved.text();
  EXPECT_TRUE(moved.says("2 tables, 3 rows, digests equal")) << moved.text();
}

TEST_F(DumpMigrationMariadb, NamesTheTablesThatAreThereAndTouchesNothing) {
  run_sql(file(), every_kind);
  server_->run("CREATE TABLE archive.many (mine int)");
  const Outcome refused = migrate(target_);
  EXPECT_EQ(refused.exit_code, 1) << refused.text();
  EXPECT_TRUE(refused.says("has the tables many")) << refused.text();
  EXPECT_EQ(tables(), std::vector<std::string>{"archive.many"});
}

TEST_F(DumpMigrationMariadb, LeavesNothingOfWhatItDoesNotTake) {
  run_sql(file(),
          "CREATE TABLE r (a REAL); INSERT INTO r VALUES (1.5), (9e999);"
          "CREATE TABLE many (a); INSERT INTO many VALUES ('x')");
  const Outcome refused = migrate(target_);
  EXPECT_EQ(refused.exit_code, 1) << refused.text();
  EXPECT_TRUE(refused.says("table r, column a (REAL), row 2: it is infinite")) << refused.text();
  EXPECT_TRUE(tables().empty());
}

// Its own kind is an import: with all that belongs to it.
TEST_F(DumpMigration, ImportsAFileOfTheTargetsKind) {
  run_sql(file(), every_kind);
  const fs::path moved = place_ / "moved.db";
  const std::string target = write_instance(
      fmt::format("[[database]]\nname = \"main\"\nuri = \"sqlite:{}\"\n", moved.string()));
  const Outcome outcome = migrate(target);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.text();
  EXPECT_EQ(sql_value(moved, "SELECT count(*) FROM v"), "20000");
}

}  // namespace
}  // namespace holdfast::test
