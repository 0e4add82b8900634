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
#include "engine/sqlite/lite.h"
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
    "CREATE TABLE tagged (id uuid PRIMARY KEY);"
    "INSERT INTO tagged VALUES ('01234567-89ab-cdef-0123-456789abcdef');"
    "CREATE TABLE child (a integer REFERENCES nothing (a) DEFAULT 7 CHECK (a > 0));"
    "CREATE INDEX ON twice (t);"
    "CREATE VIEW v AS SELECT a FROM twice;";

constexpr const char* told = "5 tables, 2,005 rows, digests equal";
// What a table cannot do without, with the name of each in small letters.
constexpr const char* keys_of_every_kind =
    "every kind primary id; every kind unique t; nothing primary a; tagged primary id";
constexpr const char* required_of_every_kind = "every kind.id; nothing.a; tagged.id";

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
  std::string of_mariadb(const MariadbServer& server, const std::string& database) const {
    return write_instance(database,
                          fmt::format("uri = \"{}\"\nuser = \"root\"\n", server.uri(database)));
  }
  std::string of_sqlite(const std::string& name) const {
    return write_instance(name,
                          fmt::format("uri = \"sqlite:{}\"\n", (place_ / (name + ".db")).native()));
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

  // Of two databases.
  std::string two(const std::string& name, const std::string& main, const std::string& more) const {
    return write_instance(name, fmt::format("{}[[database]]\nname = \"more\"\n{}", main, more));
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
    EXPECT_EQ(keys("new"), keys_of_every_kind);
    EXPECT_EQ(required("new"), required_of_every_kind);
  }
  // A server between may tell names in small letters, and hold values in columns of another type.
  std::string digest(const std::string& database) const {
    postgres_.psql("postgres", "ALTER DATABASE \"" + database + "\" SET timezone = 'UTC'");
    const std::string name = line(
        database, "SELECT quote_ident(relname) FROM pg_class WHERE lower(relname) = 'every kind'");
    return line(database,
                "SELECT count(*) || md5(string_agg(x::text, ',' ORDER BY id)) FROM (SELECT "
                "id::numeric, b::text::boolean, small::int, trim_scale(n::numeric), r::float8, t,"
                " long, data, d::date, c::time, at::timestamp, moment::text::timestamptz FROM " +
                    name + ") x");
  }
  std::string line(const std::string& database, const std::string& sql) const {
    std::string text = postgres_.psql(database, sql);
    if (text.ends_with('\n')) text.pop_back();
    return text;
  }
  // Unique keys of PostgreSQL's tables, and their columns that take no null.
  std::string keys(const std::string& database) const {
    return line(database,
                "SELECT string_agg(x, '; ' ORDER BY x) FROM (SELECT lower(t.relname) || CASE WHEN "
                "i.indisprimary THEN ' primary ' ELSE ' unique ' END || string_agg(a.attname, ' ' "
                "ORDER BY a.attnum) FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN "
                "pg_attribute a ON a.attrelid = i.indexrelid WHERE i.indisunique AND "
                "t.relnamespace = 'public'::regnamespace GROUP BY t.relname, i.indexrelid, "
                "i.indisprimary) AS y(x)");
  }
  std::string required(const std::string& database) const {
    return line(database,
                "SELECT string_agg(lower(t.relname) || '.' || a.attname, '; ' ORDER BY "
                "lower(t.relname), a.attname) FROM pg_attribute a JOIN pg_class t ON t.oid = "
                "a.attrelid WHERE t.relkind = 'r' AND a.attnum > 0 AND a.attnotnull AND "
                "t.relnamespace = 'public'::regnamespace");
  }

  Place place_;
  PostgresServer& postgres_ = PostgresServer::shared();
};

TEST_F(MigrateKinds, MovesEveryKindToMariadbAndBack) {
  const MariadbServer mariadb;
  mariadb.run("CREATE DATABASE middle");
  const std::string old = source();
  const std::string middle = of_mariadb(mariadb, "middle");
  const Outcome there = migrate(old, middle, {"--json"});
  ASSERT_EQ(there.exit_code, 0) << there.text();
  EXPECT_TRUE(there.says(told)) << there.text();
  // What stays behind is told before anything is made.
  for (const char* const left :
       {"foreign keys (1)", "checks (1)", "views (1)", "defaults", "indexes that are no keys"})
    EXPECT_TRUE(there.says(left)) << left << "\n" << there.text();
  EXPECT_TRUE(there.says("moment (timestamp(3) with time zone) as datetime")) << there.text();
  EXPECT_EQ(mariadb.value("SELECT COUNT(*) FROM middle.`Every Kind` WHERE t = ''"), "1");
  EXPECT_EQ(mariadb.value("SELECT GROUP_CONCAT(CONCAT(LOWER(TABLE_NAME), IF(INDEX_NAME = "
                          "'PRIMARY', ' primary ', ' unique '), COLUMN_NAME) ORDER BY 1 SEPARATOR "
                          "'; ') FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = 'middle' "
                          "AND NON_UNIQUE = 0"),
            keys_of_every_kind);
  EXPECT_EQ(mariadb.value("SELECT GROUP_CONCAT(CONCAT(LOWER(TABLE_NAME), '.', COLUMN_NAME) ORDER "
                          "BY 1 SEPARATOR '; ') FROM information_schema.COLUMNS WHERE "
                          "TABLE_SCHEMA = 'middle' AND IS_NULLABLE = 'NO'"),
            required_of_every_kind);
  EXPECT_EQ(mariadb.value("SELECT COLUMN_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = "
                          "'middle' AND TABLE_NAME = 'tagged'"),
            "varchar(36)");
  refuses_again(old, middle);
  comes_back_from(middle);
}

TEST_F(MigrateKinds, MovesEveryKindToAFileAndBack) {
  const std::string old = source();
  const std::string middle = of_sqlite("middle");
  const Outcome there = migrate(old, middle);
  ASSERT_EQ(there.exit_code, 0) << there.text();
  EXPECT_TRUE(there.says(told)) << there.text();
  {
    engine::sqlite::Connection file(place_ / "middle.db", engine::sqlite::Access::read_only);
    EXPECT_EQ(
        file.text(
            "SELECT group_concat(x, '; ') FROM (SELECT lower(t.name) || iif(i.origin = 'pk',"
            " ' primary ', ' unique ') || c.name AS x FROM pragma_table_list t,"
            " pragma_index_list(t.name) i, pragma_index_info(i.name) c WHERE t.schema = "
            "'main' AND i.\"unique\" UNION SELECT lower(t.name) || ' primary ' || c.name FROM "
            "pragma_table_list t, pragma_table_info(t.name) c WHERE t.schema = 'main' AND "
            "c.pk ORDER BY 1)"),
        keys_of_every_kind);
    EXPECT_EQ(file.text("SELECT group_concat(x, '; ') FROM (SELECT lower(t.name) || '.' || c.name "
                        "AS x FROM pragma_table_list t, pragma_table_info(t.name) c WHERE t.schema "
                        "= 'main' AND t.name NOT LIKE 'sqlite%' AND c.\"notnull\" ORDER BY 1)"),
              required_of_every_kind);
  }
  refuses_again(old, middle);
  comes_back_from(middle);
}

// Tables as an application makes them, not as we do.
TEST_F(MigrateKinds, TellsAllThatStaysInMariadb) {
  const MariadbServer mariadb;
  for (const char* const sql :
       {"CREATE DATABASE wild CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        "CREATE TABLE wild.pages (id INT AUTO_INCREMENT PRIMARY KEY, tenant INT NOT NULL, url "
        "VARCHAR(700), name VARCHAR(20) COLLATE utf8mb4_general_ci UNIQUE, twice INT AS (id * 2) "
        "VIRTUAL, n INT DEFAULT 7 CHECK (n > 0), UNIQUE (tenant, url(191)), UNIQUE (tenant, n), "
        "KEY (n, url(10)))",
        "INSERT INTO wild.pages (tenant, url, name) VALUES (1, 'u', 'x')",
        "CREATE TABLE wild.Parts (a INT, b VARCHAR(50), PRIMARY KEY (a, b(10)), FOREIGN KEY (a) "
        "REFERENCES wild.pages (id))",
        "INSERT INTO wild.Parts VALUES (1, 'b')",
        "CREATE TABLE wild.parts (a INT, b VARCHAR(50), PRIMARY KEY (a, b(10)))",
        "CREATE TABLE wild.one (a INT PRIMARY KEY) ENGINE=MyISAM",
        "INSERT INTO wild.one VALUES (1)",
        "CREATE TABLE wild.both_of (a INT NOT NULL, KEY (a)) ENGINE=MERGE UNION=(wild.one)",
        "CREATE VIEW wild.v AS SELECT 1"})
    mariadb.run(sql);
  const std::string wild = of_mariadb(mariadb, "wild");
  const std::string to = of_sqlite("to");
  const Outcome refused = migrate(wild, to);
  EXPECT_EQ(refused.exit_code, 1) << refused.text();
  EXPECT_TRUE(
      refused.says("table both_of, column * (MRG_MyISAM): its rows are in other tables or "
                   "servers, or nowhere"))
      << refused.text();
  const Outcome chosen = migrate(wild, to, {"--table", "pages", "--table", "Parts"});
  ASSERT_EQ(chosen.exit_code, 0) << chosen.text();
  EXPECT_TRUE(chosen.says(
      "besides tables with their rows and keys: foreign keys (1), checks (1), indexes that are no "
      "keys, or of parts of values, or on expressions (5), generated columns (1), "
      "AUTO_INCREMENT (1), views (1), defaults (1), columns whose text is compared without regard "
      "to case (1)\n"))
      << chosen.text();
  EXPECT_FALSE(chosen.says("left where they are")) << chosen.text();
}

TEST_F(MigrateKinds, TellsAllThatStaysInPostgresql) {
  const bool has_equal_nulls = postgres_.psql("postgres", "SHOW server_version_num") >= "15";
  postgres_.make_database(
      "wild",
      fmt::format("CREATE EXTENSION pg_stat_statements; CREATE EXTENSION hstore;"
                  "CREATE TABLE mine AS SELECT 1 AS a; ALTER EXTENSION hstore ADD TABLE mine;"
                  "UPDATE pg_extension SET extconfig = ARRAY['mine'::regclass::oid], extcondition ="
                  " ARRAY[''] WHERE extname = 'hstore';"
                  "CREATE DOMAIN word AS varchar(20) NOT NULL; CREATE DOMAIN called AS word;"
                  "CREATE TABLE t (id int PRIMARY KEY, w called, n int, p called[], UNIQUE {} (n));"
                  "CREATE UNIQUE INDEX broken ON t (w);"
                  "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'broken'::regclass;"
                  "CREATE POLICY own ON t USING (id > 0);"
                  "CREATE RULE loud AS ON UPDATE TO t DO ALSO NOTIFY t;"
                  "INSERT INTO t VALUES (1, 'x', NULL, NULL)",
                  has_equal_nulls ? "NULLS NOT DISTINCT" : ""));
  const std::string wild = write_instance("wild", of_postgresql("wild"));
  const Outcome moved = migrate(wild, of_sqlite("to"));
  ASSERT_EQ(moved.exit_code, 0) << moved.text();
  EXPECT_TRUE(moved.says(fmt::format(
      "besides tables with their rows and keys: indexes that are no keys, invalid, partial, or on "
      "expressions (1), {}rules (1), policies (1), enumerations and domains (2)\n",
      has_equal_nulls ? "unique keys to which nulls are equal (1), " : "")))
      << moved.text();
  EXPECT_FALSE(moved.says("mine")) << moved.text();
  EXPECT_EQ(engine::sqlite::Connection(place_ / "to.db", engine::sqlite::Access::read_only)
                .text("SELECT sql FROM sqlite_schema WHERE name = 't'"),
            "CREATE TABLE \"t\" (\"id\" INTEGER NOT NULL, \"w\" TEXT NOT NULL, \"n\" INTEGER, "
            "\"p\" TEXT, PRIMARY KEY (\"id\"), UNIQUE (\"n\"))");
}

TEST_F(MigrateKinds, TellsAllThatStaysInAFile) {
  engine::sqlite::Connection(place_ / "wild.db", engine::sqlite::Access::create)
      .run(
          "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT COLLATE NOCASE UNIQUE,"
          " n INT DEFAULT 3 CHECK (n > 0), g INT AS (n * 2), w VARCHAR(9) NOT NULL);"
          "CREATE UNIQUE INDEX e ON t (lower(w)); CREATE UNIQUE INDEX k ON t (n, w);"
          "INSERT INTO t (name, w) VALUES ('x', 'y')");
  const std::string wild = of_sqlite("wild");
  postgres_.make_database("to");
  const Outcome moved = migrate(wild, write_instance("to", of_postgresql("to")));
  ASSERT_EQ(moved.exit_code, 0) << moved.text();
  EXPECT_TRUE(
      moved.says("besides tables with their rows and keys: indexes that are no keys, "
                 "partial, or on expressions (1), keys that do not compare byte by byte (1),"
                 " defaults (1), generated columns (1), tables with CHECK (1), tables with "
                 "AUTOINCREMENT (1)\n"))
      << moved.text();
  EXPECT_FALSE(moved.says("left where they are")) << moved.text();
  EXPECT_EQ(keys("to"), "t primary id; t unique n w; t unique name");
  EXPECT_EQ(required("to"), "t.id; t.w");
}

TEST_F(MigrateKinds, NamesWhatHasNoCounterpartAndTakesTheOthersAlone) {
  const MariadbServer mariadb;
  mariadb.run("CREATE DATABASE middle");
  postgres_.make_database(
      "old",
      "CREATE TABLE endless (id integer PRIMARY KEY, n numeric);"
      "INSERT INTO endless VALUES (1, 0.5);"
      "CREATE TABLE good (id integer PRIMARY KEY); INSERT INTO good VALUES (1)");
  const std::string old = write_instance("old", of_postgresql("old"));
  const std::string middle = of_mariadb(mariadb, "middle");
  const Outcome refused = migrate(old, middle);
  EXPECT_EQ(refused.exit_code, 1) << refused.text();
  EXPECT_TRUE(refused.says("table public.endless, column n (numeric)")) << refused.text();
  EXPECT_EQ(mariadb.rows("SHOW TABLES FROM middle"), std::vector<std::string>{});
  const Outcome unknown = migrate(old, middle, {"--table", "nowhere"});
  EXPECT_TRUE(unknown.says("has no table \"nowhere\"")) << unknown.text();
  const Outcome chosen = migrate(old, middle, {"--table", "good"});
  EXPECT_EQ(chosen.exit_code, 0) << chosen.text();
  EXPECT_FALSE(chosen.says("left where they are")) << chosen.text();
  EXPECT_EQ(mariadb.rows("SHOW TABLES FROM middle"), std::vector<std::string>{"good"});
}

// Between the look at the tables and the copy.
TEST_F(MigrateKinds, LeavesNoTableBehindThatWasMadeMeanwhile) {
  postgres_.make_database("old", "CREATE TABLE good AS SELECT 1 AS id");
  const std::string old = write_instance(
      "old", of_postgresql("old") +
                 fmt::format("[hooks]\nbefore_backup = [[\"psql\", \"-U\", \"postgres\", \"-c\", "
                             "\"CREATE TABLE young AS SELECT 1 AS id\", \"{}\"]]\n",
                             postgres_.server().uri("old")));
  const std::string to = of_sqlite("to");
  const Outcome refused = migrate(old, to);
  EXPECT_EQ(refused.exit_code, 22) << refused.text();
  EXPECT_TRUE(refused.says("table public.young was made after the tables had been looked at"))
      << refused.text();
  EXPECT_FALSE(fs::exists(place_ / "to.db"));
  // Who asks for others does not need it.
  postgres_.psql("old", "DROP TABLE young");
  const Outcome chosen = migrate(old, to, {"--table", "good"});
  EXPECT_EQ(chosen.exit_code, 0) << chosen.text();
  EXPECT_FALSE(chosen.says("public.young")) << chosen.text();
}

// A value that the column does not take names table, column and row, and nothing stays.
TEST_F(MigrateKinds, TakesEverythingAwayAfterAValueThatDoesNotFit) {
  const MariadbServer mariadb;
  mariadb.run("CREATE DATABASE middle");
  postgres_.make_database("old",
                          "CREATE TABLE days (id integer PRIMARY KEY, d date);"
                          "INSERT INTO days VALUES (1, '2020-01-01'), (2, 'infinity')");
  const std::string middle = of_mariadb(mariadb, "middle");
  const Outcome refused = migrate(write_instance("old", of_postgresql("old")), middle);
  EXPECT_EQ(refused.exit_code, 1) << refused.text();
  EXPECT_TRUE(refused.says("table public.days, column d (date), row 2")) << refused.text();
  EXPECT_EQ(mariadb.rows("SHOW TABLES FROM middle"), std::vector<std::string>{});
}

TEST_F(MigrateKinds, WantsEveryDatabaseToChangeItsKindOrBeLeftOut) {
  const std::string old = source();
  postgres_.make_database("other");
  postgres_.make_database("new");
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

TEST_F(MigrateKinds, LooksForATableInEveryDatabase) {
  postgres_.make_database("one", "CREATE TABLE a AS SELECT 1 AS id");
  postgres_.make_database("other", "CREATE TABLE b AS SELECT 1 AS id");
  const std::string from = two("from", of_postgresql("one"), of_postgresql("other"));
  const std::string to =
      two("to", fmt::format("uri = \"sqlite:{}\"\n", (place_ / "one.db").native()),
          fmt::format("uri = \"sqlite:{}\"\n", (place_ / "other.db").native()));
  const Outcome unknown = migrate(from, to, {"--table", "a", "--table", "c"});
  EXPECT_TRUE(unknown.says("the source has no table \"c\"")) << unknown.text();
  EXPECT_FALSE(fs::exists(place_ / "one.db"));
  const Outcome chosen = migrate(from, to, {"--table", "b"});
  EXPECT_EQ(chosen.exit_code, 0) << chosen.text();
  EXPECT_FALSE(fs::exists(place_ / "one.db"));
  EXPECT_EQ(engine::sqlite::Connection(place_ / "other.db", engine::sqlite::Access::read_only)
                .integer("SELECT count(*) FROM b"),
            1);
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
