// SPDX-License-Identifier: Apache-2.0
// A PostgreSQL database with every kind of object, ugly names and ugly data comes back as it was:
// through Holdfast, and by hand with restic and psql. The referee is pg_dump. Roles with exactly
// the printed grants can do it, and no password is seen on the way.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "harness/postgres_server.h"
#include "harness/program.h"
#include "harness/shop.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

class PostgresqlWhole : public testing::Test {
 protected:
  PostgresqlWhole() {
    const Outcome made = place_.holdfast({"init"});
    EXPECT_EQ(made.exit_code, 0) << made.text();
  }
  ~PostgresqlWhole() override {
    // A database with a subscription is not dropped.
    for (const std::string& database : server_.databases()) {
      server_.psql(database,
                   "SELECT format('DROP SUBSCRIPTION %I', subname) FROM pg_subscription s JOIN"
                   " pg_database d ON d.oid = s.subdbid AND d.datname = current_database()"
                   "\n\\gexec\n");
    }
    server_.clean();
  }

  void make_everything(const std::string& name) {
    server_.psql("postgres", read_text(fs::path(HOLDFAST_TEST_DATA) / "postgresql_roles.sql"));
    server_.make_database(name,
                          read_text(fs::path(HOLDFAST_TEST_DATA) / "postgresql_everything.sql"));
  }

  std::string write_instance(const std::string& database, const std::string& user = "postgres",
                             std::string_view more = {}) {
    const std::string path = (place_ / (database + ".toml")).string();
    write_text(path, fmt::format("name = \"whole\"\n[[database]]\nname = \"data\"\n"
                                 "uri = \"{}\"\nuser = \"{}\"\n{}",
                                 server_.endpoint(database).uri, user, more));
    return path;
  }

  // Everything pg_dump says of a database, as lines; what differs by chance is left out.
  std::vector<std::string> dumped(const std::string& database) { return dumped(server_, database); }
  static std::vector<std::string> dumped(const PostgresServer& server,
                                         const std::string& database) {
    std::vector<std::string> lines;
    for (std::string& line : lines_of(server.program({"pg_dump", database}))) {
      if (line.starts_with("\\restrict") || line.starts_with("\\unrestrict")) continue;
      lines.push_back(std::move(line));
    }
    // And what it says of a database only where it makes one.
    const std::string own = server.psql(
        database,
        "SELECT coalesce(r.rolname, ''), s.setconfig FROM pg_db_role_setting s"
        " JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole"
        " WHERE d.datname = current_database() ORDER BY 1;"
        " SELECT shobj_description(d.oid, 'pg_database'), d.encoding, d.datcollate, d.datctype,"
        " (SELECT array_agg(a ORDER BY a::text) FROM unnest(d.datacl) a)"
        " FROM pg_database d WHERE d.datname = current_database()");
    for (std::string& line : lines_of(own)) lines.push_back(std::move(line));
    return lines;
  }
  static void expect_equal(const std::vector<std::string>& expected,
                           const std::vector<std::string>& found) {
    std::size_t shown = 0;
    for (std::size_t i = 0; i < std::max(expected.size(), found.size()) && shown < 5; ++i) {
      const std::string left = i < expected.size() ? expected[i] : "(nothing)";
      const std::string right = i < found.size() ? found[i] : "(nothing)";
      if (left == right) continue;
      ++shown;
      ADD_FAILURE() << "line " << i << "\n  was: " << left.substr(0, 300)
                    << "\n  is:  " << right.substr(0, 300);
    }
  }

  // The latest copy's files, as restic gives them out.
  fs::path unpacked() {
    const fs::path target = place_ / "files";
    const Outcome outcome =
        place_.run({"restic", "--repo", place_.repository().string(), "--password-file",
                    place_.password_file().string(), "--no-cache", "restore", "latest", "--target",
                    target.string()});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
    return target / "whole";
  }

  PostgresServer& server_ = PostgresServer::shared();
  Place place_;
};

TEST_F(PostgresqlWhole, EverythingComesBackThroughHoldfast) {
  make_everything("everything");
  // Before 14 the catalog takes none without a slot.
  const bool enables = server_.server().binaries().major >= 14;
  if (enables)
    server_.psql("everything",
                 "UPDATE pg_subscription SET subenabled = true WHERE oid = (SELECT min(s.oid) FROM"
                 " pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE datname ="
                 " current_database())");
  const std::vector<std::string> before = dumped("everything");
  ASSERT_GT(before.size(), 1000U);
  const Outcome saved = place_.holdfast({"backup", "-I", write_instance("everything")});
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  const Outcome restored = place_.holdfast({"restore", "latest", "-I", write_instance("again")});
  ASSERT_EQ(restored.exit_code, 0) << restored.text();
  expect_equal(before, dumped("again"));
  // Nobody else has counted rows and values for the planner; and nothing is subscribed to.
  EXPECT_EQ(server_.psql("again", "SELECT count(*) > 50 FROM pg_stats WHERE schemaname = 'plain'"),
            "t\n");
  const std::string enabled =
      "SELECT count(*) FILTER (WHERE subenabled), count(*) > 0 FROM pg_subscription s"
      " JOIN pg_database d ON d.oid = s.subdbid AND d.datname = current_database()";
  EXPECT_EQ(server_.psql("everything", enabled), enables ? "1|t\n" : "0|t\n");
  EXPECT_EQ(server_.psql("again", enabled), "0|t\n");
  // What the manifest says of the server.
  const Json facts = place_.holdfast({"dump", "latest", "/whole/holdfast.json"})
                         .document()
                         .at("databases")
                         .as_array()
                         .at(0)
                         .at("engine_facts");
  EXPECT_EQ(facts.string_or("system_identifier", "") + "|" +
                std::to_string(facts.int_or("timeline", 0)) + "\n",
            server_.psql("postgres",
                         "SELECT s.system_identifier, c.timeline_id FROM pg_control_system() s,"
                         " pg_control_checkpoint() c"));
  EXPECT_FALSE(facts.at("collations").as_array().empty());
}

TEST_F(PostgresqlWhole, EverythingIsMigrated) {
  make_everything("everything");
  const std::vector<std::string> before = dumped("everything");
  const Outcome moved = place_.holdfast(
      {"migrate", "-I", write_instance("everything"), "--to", write_instance("moved")});
  ASSERT_EQ(moved.exit_code, 0) << moved.text();
  EXPECT_TRUE(moved.says("digests equal")) << moved.text();
  expect_equal(before, dumped("moved"));
}

// Plain files of PostgreSQL's own kind, and back.
TEST_F(PostgresqlWhole, EverythingIsExportedAndImported) {
  make_everything("everything");
  const std::vector<std::string> before = dumped("everything");
  const std::string target = (place_ / "exported").string();
  const Outcome exported =
      place_.holdfast({"export", "-I", write_instance("everything"), "--target", target});
  ASSERT_EQ(exported.exit_code, 0) << exported.text();
  const Outcome imported = place_.holdfast({"import", target, "-I", write_instance("again")});
  ASSERT_EQ(imported.exit_code, 0) << imported.text();
  expect_equal(before, dumped("again"));
}

TEST_F(PostgresqlWhole, TablespacesAreMapped) {
  for (const char* name : {"fast", "slow"}) {
    server_.psql("postgres", fmt::format("SET allow_in_place_tablespaces = on;"
                                         " CREATE TABLESPACE {} LOCATION ''",
                                         name));
  }
  server_.make_database("shop",
                        "CREATE TABLE t (a int) TABLESPACE fast; CREATE TABLE plain (a int);"
                        "CREATE INDEX i ON plain (a) TABLESPACE fast; INSERT INTO t VALUES (7)");
  const Outcome saved = place_.holdfast({"backup", "-I", write_instance("shop")});
  EXPECT_EQ(saved.exit_code, 0) << saved.text();
  const Outcome restored = place_.holdfast(
      {"restore", "latest", "-I",
       write_instance("again", "postgres", "[restore.tablespace]\nfast = \"slow\"\n")});
  EXPECT_EQ(restored.exit_code, 0) << restored.text();
  EXPECT_EQ(server_.psql("again",
                         "SELECT relname, spcname FROM pg_class c JOIN pg_tablespace s ON s.oid ="
                         " c.reltablespace WHERE c.oid >= 16384 AND relname !~ 'toast' ORDER BY 1"),
            "i|slow\nt|slow\n");
  for (const std::string& name : server_.databases()) server_.drop_database(name);
  server_.psql("postgres", "DROP TABLESPACE fast");
  server_.psql("postgres", "DROP TABLESPACE slow");
}

TEST_F(PostgresqlWhole, EverythingComesBackByHand) {
  make_everything("everything");
  const std::vector<std::string> before = dumped("everything");
  const Outcome saved = place_.holdfast({"backup", "-I", write_instance("everything")});
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  const fs::path target = unpacked();
  EXPECT_NE(read_text(target / "RESTORE.md").find("--file=restore.sql"), std::string::npos);
  server_.make_database("byhand");
  server_.psql("byhand", "\\cd " + (target / "databases/data").string() +
                             "\n\\set globals 1\n\\i restore.sql\n");
  expect_equal(before, dumped("byhand"));
}

// The commands that RESTORE.md prints, pasted into a shell: nothing of ours, and nothing on the
// server before. Then Holdfast's own restore into that server, which has the roles by now.
TEST_F(PostgresqlWhole, EverythingComesBackOnAnEmptyServer) {
  make_everything("everything");
  const std::vector<std::string> before = dumped("everything");
  const Outcome saved = place_.holdfast({"backup", "-I", write_instance("everything")});
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  const fs::path target = unpacked();
  const std::vector<std::pair<std::string, std::string>> settings{{"wal_level", "logical"}};
  PostgresServer other(settings);
  std::string commands;
  for (const std::string& line : lines_of(read_text(target / "RESTORE.md"))) {
    if (line.starts_with("    ") &&
        (line.find("cd ") == 4 || line.find("createdb ") == 4 || line.find("psql ") == 4))
      commands += line.substr(4) + "\n";
  }
  for (std::size_t at = 0; (at = commands.find("NEW", at)) != std::string::npos;)
    commands.replace(at, 3, "byhand");
  const std::string printed = "/tmp/restore/whole";
  ASSERT_EQ(commands.find("cd " + printed), 0U) << commands;
  commands.replace(3, printed.size(), target.string());
  ASSERT_EQ(std::count(commands.begin(), commands.end(), '\n'), 5) << commands;
  const Outcome done = place_.run(
      {"sh", "-ec", commands},
      {.environment = {{"PGHOST", other.server().socket_directory().native()},
                       {"PGPORT", std::to_string(engine::postgresql::PrivateServer::port())},
                       {"PGUSER", other.server().superuser()}}});
  ASSERT_EQ(done.exit_code, 0) << done.text();
  const auto roles = [](const PostgresServer& server) {
    std::vector<std::string> lines;
    for (const std::string& line : lines_of(server.program({"pg_dumpall", "--globals-only"}))) {
      if (line.find("restrict ") == std::string::npos) lines.push_back(line);
    }
    return lines;
  };
  std::string instance = write_instance("again");
  std::string text = read_text(instance);
  const std::string uri = server_.endpoint("again").uri;
  text.replace(text.find(uri), uri.size(), other.endpoint("again").uri);
  write_text(instance, text);
  const Outcome restored = place_.holdfast({"restore", "latest", "-I", instance});
  ASSERT_EQ(restored.exit_code, 0) << restored.text();
  // Restored in another time zone, compared in the same.
  EXPECT_NE(other.psql("postgres", "SHOW timezone"), "Asia/Kolkata\n");
  other.psql("postgres", "ALTER SYSTEM SET timezone = 'Asia/Kolkata'");
  other.psql("postgres", "SELECT pg_reload_conf()");
  ASSERT_TRUE(
      eventually([&] { return other.psql("postgres", "SHOW timezone") == "Asia/Kolkata\n"; }));
  expect_equal(before, dumped(other, "byhand"));
  expect_equal(before, dumped(other, "again"));
  expect_equal(roles(server_), roles(other));
}

// What an extension declares as its configuration is the user's: rows as far as it says, sequences.
TEST_F(PostgresqlWhole, ConfigurationOfExtensionsComesBack) {
  if (server_.psql("postgres", "SELECT 1 FROM pg_settings WHERE name = 'extension_destdir'") == "")
    GTEST_SKIP() << "this server finds extensions in its own directory only";
  const TemporaryDirectory files("hf-ext", "/tmp");
  const std::string share =
      lines_of(server_.psql("postgres", "SELECT setting FROM pg_config() WHERE name = 'SHAREDIR'"))
          .at(0);
  const fs::path directory = files.path().string() + share + "/extension";
  fs::create_directories(directory);
  fs::permissions(files.path(), fs::perms(0755));
  write_text(directory / "hf_test.control", "default_version = '1.0'\nrelocatable = true\n");
  write_text(directory / "hf_test--1.0.sql",
             "CREATE TABLE settings (key text PRIMARY KEY, value text, shipped bool);"
             "INSERT INTO settings VALUES ('built in', '1', true);"
             "CREATE TABLE \"Whole one\" (a int); CREATE SEQUENCE numbers;"
             "CREATE TABLE internal (a int); INSERT INTO internal VALUES (1);"
             "SELECT pg_extension_config_dump('settings', 'WHERE NOT shipped');"
             "SELECT pg_extension_config_dump('\"Whole one\"', '');"
             "SELECT pg_extension_config_dump('numbers', '');");
  server_.psql("postgres", "ALTER SYSTEM SET extension_destdir = '" + files.path().string() + "'");
  server_.psql("postgres", "SELECT pg_reload_conf()");
  EXPECT_TRUE(eventually([&] {
    return server_.psql("postgres", "SHOW extension_destdir") == files.path().string() + "\n";
  }));
  server_.make_database("shop",
                        "CREATE SCHEMA \"Ext\"; CREATE EXTENSION hf_test SCHEMA \"Ext\";"
                        "INSERT INTO \"Ext\".settings VALUES ('mine', E'a\\tb', false);"
                        "INSERT INTO \"Ext\".\"Whole one\" VALUES (7);"
                        "SELECT setval('\"Ext\".numbers', 41)");
  const std::vector<std::string> before = dumped("shop");
  const std::string content =
      "SELECT * FROM \"Ext\".settings ORDER BY 1; SELECT * FROM \"Ext\".\"Whole one\";"
      "SELECT * FROM \"Ext\".internal; SELECT last_value, is_called FROM \"Ext\".numbers";
  const std::string rows = server_.psql("shop", content);
  const Outcome saved = place_.holdfast({"backup", "-I", write_instance("shop")});
  EXPECT_EQ(saved.exit_code, 0) << saved.text();
  // By hand, as the server makes such extensions and does not list them.
  server_.make_database("again");
  server_.psql("again", "\\cd " + (unpacked() / "databases/data").string() + "\n\\i restore.sql\n");
  expect_equal(before, dumped("again"));
  EXPECT_EQ(server_.psql("again", content), rows);
  server_.psql("postgres", "ALTER SYSTEM RESET extension_destdir");
  server_.psql("postgres", "SELECT pg_reload_conf()");
}

// A database's own name may be anything too.
TEST_F(PostgresqlWhole, ADatabaseOfAnyNameComesBack) {
  for (const std::string& name : std::vector<std::string>{
           "Select \"From\" \\ 'Where'", "🐘 of % & ?", "x" + std::string(62, 'y'), "--help"}) {
    server_.psql("postgres", "CREATE DATABASE " + sql_name(name));
    server_.psql("postgres", "ALTER DATABASE " + sql_name(name) + " SET work_mem = '7MB'");
    server_.psql("postgres", "COMMENT ON DATABASE " + sql_name(name) + " IS 'odd'");
    const auto odd_instance = [&] {
      const std::string path = write_instance("odd");
      std::string text = read_text(path);
      const std::string uri = server_.endpoint("odd").uri;
      text.replace(text.find(uri), uri.size(), server_.endpoint(name).uri);
      write_text(path, text);
      return path;
    }();
    server_.psql(server_.conninfo(name), "CREATE TABLE t (a int); INSERT INTO t VALUES (7)");
    const Outcome saved = place_.holdfast({"backup", "-I", odd_instance});
    EXPECT_EQ(saved.exit_code, 0) << name << "\n" << saved.text();
    const Outcome replaced =
        place_.holdfast({"restore", "latest", "-I", odd_instance, "--replace"});
    EXPECT_EQ(replaced.exit_code, 0) << name << "\n" << replaced.text();
    EXPECT_EQ(server_.psql(server_.conninfo(name), "SELECT a FROM t; SHOW work_mem"), "7\n7MB\n");
    for (const std::string& one : server_.databases())
      server_.psql("postgres", "DROP DATABASE " + sql_name(one));
  }
}

// Values of 64 MiB come back, and memory is bounded by the widest row whatever is copied at once.
TEST_F(PostgresqlWhole, WideValuesComeBackInBoundedMemory) {
  constexpr std::uint64_t wide_mib = 64;
  server_.make_database("wide",
                        "SELECT format('CREATE TABLE wide_%1$s (i int, data bytea, words text);"
                        "ALTER TABLE wide_%1$s ALTER data SET STORAGE EXTERNAL;"
                        "INSERT INTO wide_%1$s VALUES (%1$s, decode(repeat(md5(''%1$s''), 4194304),"
                        " ''hex''), NULL), (0, NULL, ''''), (0, '''', NULL)', n) FROM"
                        " generate_series(1, 3) n\n\\gexec\n"
                        "INSERT INTO wide_3 VALUES (5, NULL, repeat('ä😀\\', 8388608))");
  const std::string sums =
      "SELECT string_agg(concat_ws(' ', i, md5(data), md5(words), data IS NULL, words IS NULL,"
      " octet_length(data), octet_length(words)), ',' ORDER BY t::text) FROM (SELECT i, data, words"
      " FROM wide_1 UNION ALL SELECT * FROM wide_2 UNION ALL SELECT * FROM wide_3) t";
  const std::string before = server_.psql("wide", sums);
  const std::string instance = write_instance("wide", "postgres", "[limits]\nparallel = 3\n");
  const auto [saved, most_mib] = measured(place_.start({"backup", "-I", instance}));
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  EXPECT_LT(most_mib, 200 + wide_mib * 9 / 2);
  EXPECT_GT(most_mib, wide_mib) << "not measured";
  RecordProperty("most_mib", std::to_string(most_mib));
  const Outcome restored = place_.holdfast({"restore", "latest", "-I", write_instance("again")});
  ASSERT_EQ(restored.exit_code, 0) << restored.text();
  EXPECT_EQ(server_.psql("again", sums), before);
}

// libpq's programs take such names for more than names.
TEST_F(PostgresqlWhole, ANameThatLooksLikeAConnectionIsAName) {
  server_.make_database("plain", "CREATE TABLE t (a int); INSERT INTO t VALUES (7)");
  const std::string odd = "dbname=template1 user='nobody'";
  server_.psql("postgres", "ALTER DATABASE plain RENAME TO " + sql_name(odd));
  const std::string source = write_instance("odd");
  std::string text = read_text(source);
  const std::string uri = server_.endpoint("odd").uri;
  text.replace(text.find(uri), uri.size(), server_.endpoint(odd).uri);
  write_text(source, text);
  const Outcome saved = place_.holdfast({"backup", "-I", source});
  server_.psql("postgres", "ALTER DATABASE " + sql_name(odd) + " RENAME TO plain");
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  const Outcome restored = place_.holdfast({"restore", "latest", "-I", write_instance("again")});
  ASSERT_EQ(restored.exit_code, 0) << restored.text();
  EXPECT_EQ(server_.psql("again", "SELECT a FROM t"), "7\n");
}

TEST_F(PostgresqlWhole, ADrillFindsWhatIsMissing) {
  make_everything("everything");
  const std::string instance = write_instance("everything");
  const Outcome saved = place_.holdfast({"backup", "-I", instance});
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  fs::permissions(place_ / "", fs::perms(0711));  // the scratch server's user has to get there
  const Outcome drilled = place_.holdfast({"drill", "latest", "-I", instance});
  EXPECT_EQ(drilled.exit_code, 0) << drilled.text();
}

// The printed statements, and what takes each one back.
struct Grant {
  std::string give, take;
};
std::vector<Grant> grants_in(const std::string& text) {
  std::vector<Grant> grants;
  for (const std::string& line : lines_of(text)) {
    if (line.starts_with("GRANT ")) {
      std::string take = "REVOKE" + line.substr(5);
      take.replace(take.rfind(" TO "), 4, " FROM ");
      grants.push_back({line, take});
    } else if (line.ends_with(" BYPASSRLS;")) {
      std::string take = line;
      take.replace(take.rfind("BYPASSRLS"), 9, "NOBYPASSRLS");
      grants.push_back({line, take});
    }
  }
  return grants;
}

TEST_F(PostgresqlWhole, ExactlyThePrintedGrantsAreEnoughAndEachOneIsMissed) {
  server_.make_database(
      "shop",
      "CREATE TABLE orders (id serial PRIMARY KEY, what text); INSERT INTO orders (what) VALUES"
      " ('x'); CREATE SCHEMA \"Odd \"\"one\"\"\"; CREATE TABLE \"Odd \"\"one\"\"\".\"T\" (a int);"
      "CREATE TABLE hidden (a int); ALTER TABLE hidden ENABLE ROW LEVEL SECURITY;"
      "CREATE TABLE parts (k int) PARTITION BY LIST (k); CREATE TABLE part PARTITION OF parts"
      " DEFAULT; SELECT lo_from_bytea(77, 'x'); CREATE EXTENSION citext;"
      "CREATE VIEW seen AS SELECT 1; REVOKE CONNECT ON DATABASE shop FROM PUBLIC;"
      "REVOKE ALL ON SCHEMA public FROM PUBLIC; CREATE ROLE saver LOGIN;");
  const Outcome printed =
      place_.holdfast({"grants", "backup", "-I", write_instance("shop", "postgres")});
  ASSERT_EQ(printed.exit_code, 0) << printed.text();
  // Printed for whom the instance file names, which at first is who may look.
  std::string script = printed.output;
  for (std::size_t at = 0; (at = script.find("\"postgres\"", at)) != std::string::npos;)
    script.replace(at, 10, "\"saver\"");
  server_.psql("shop", script);
  const std::string instance = write_instance("shop", "saver");
  const Outcome checked = place_.holdfast({"preflight", "-I", instance});
  EXPECT_EQ(checked.exit_code, 0) << checked.text();
  const Outcome saved = place_.holdfast({"backup", "-I", instance});
  EXPECT_EQ(saved.exit_code, 0) << saved.text();
  EXPECT_FALSE(saved.says("postgresql-no-fence")) << saved.text();
  const std::vector<Grant> grants = grants_in(script);
  EXPECT_GE(grants.size(), 11U) << script;
  for (const Grant& grant : grants) {
    server_.psql("shop", grant.take);
    const Outcome missed = place_.holdfast({"preflight", "-I", instance});
    // Without a fence one database has its moment all the same.
    const bool fence = grant.give.find(" holdfast") != std::string::npos;
    EXPECT_EQ(missed.exit_code, fence ? 0 : 20) << "without " << grant.give << "\n"
                                                << missed.text();
    const bool connect = grant.give.starts_with("GRANT CONNECT");
    EXPECT_TRUE(missed.says(connect ? "permission denied for database" : grant.give))
        << "without " << grant.give << "\n"
        << missed.text();
    server_.psql("shop", grant.give);
  }
  const Outcome again = place_.holdfast({"preflight", "-I", instance});
  EXPECT_EQ(again.exit_code, 0) << again.text();
  // The same role is enough for a migration's source.
  const Outcome moved =
      place_.holdfast({"migrate", "-I", instance, "--to", write_instance("moved")});
  EXPECT_EQ(moved.exit_code, 0) << moved.text();
  EXPECT_EQ(server_.psql("moved", "SELECT what FROM orders"), "x\n");
  const Outcome drilled = place_.holdfast({"drill", "latest", "-I", instance});
  EXPECT_EQ(drilled.exit_code, 0) << drilled.text();
}

TEST_F(PostgresqlWhole, ARestoreTakesThePrintedGrantsAndMissesEachOne) {
  if (server_.server().binaries().major < 13)
    GTEST_SKIP() << "before 13 extensions are made by superusers only";
  server_.psql("postgres",
               "SET allow_in_place_tablespaces = on; CREATE TABLESPACE fast LOCATION '';"
               "CREATE ROLE app; CREATE ROLE reader; CREATE ROLE restorer LOGIN;"
               "CREATE DATABASE shop OWNER app");
  server_.psql(
      "shop",
      "SET ROLE app; CREATE EXTENSION citext; CREATE TABLE orders (id serial PRIMARY KEY,"
      " what citext); INSERT INTO orders (what) VALUES ('x'); GRANT SELECT ON orders TO"
      " reader; CREATE SCHEMA more; CREATE TABLE more.t (a int); SELECT lo_from_bytea(7, 'x');"
      "RESET ROLE; CREATE INDEX there ON orders (what) TABLESPACE fast");
  const std::vector<std::string> before = dumped("shop");
  const Outcome saved = place_.holdfast({"backup", "-I", write_instance("shop")});
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  const Outcome printed =
      place_.holdfast({"grants", "restore", "-I", write_instance("shop", "restorer")});
  ASSERT_EQ(printed.exit_code, 0) << printed.text();
  server_.psql("shop", printed.output);
  const std::string target = write_instance("again", "restorer");
  std::vector<Grant> grants = grants_in(printed.output);
  grants.push_back({"ALTER ROLE \"restorer\" CREATEDB;", "ALTER ROLE \"restorer\" NOCREATEDB;"});
  EXPECT_EQ(grants.size(), 4U) << printed.output;
  for (const Grant& grant : grants) {
    EXPECT_NE(printed.output.find(grant.give), std::string::npos) << printed.output;
    if (grant.give.starts_with("GRANT CONNECT")) continue;  // everybody may
    server_.psql("shop", grant.take);
    const Outcome missed = place_.holdfast({"restore", "latest", "-I", target});
    EXPECT_EQ(missed.exit_code, 20) << "without " << grant.give << "\n" << missed.text();
    EXPECT_TRUE(missed.says(grant.give)) << "without " << grant.give << "\n" << missed.text();
    server_.psql("shop", grant.give);
  }
  const Outcome restored = place_.holdfast({"restore", "latest", "-I", target});
  EXPECT_EQ(restored.exit_code, 0) << restored.text();
  expect_equal(before, dumped("again"));
  // Every verb that writes a copy to a server.
  const std::string dump = (place_ / "shop.dump").string();
  static_cast<void>(server_.program({"pg_dump", "-Fc", "-f", dump, "shop"}));
  for (const std::vector<std::string>& words : {
           std::vector<std::string>{"restore", "latest", "-I", target, "--replace"},
           {"restore", "latest", "-I", target, "--table", "public.orders", "--replace"},
           {"migrate", "-I", write_instance("shop"), "--to", write_instance("moved", "restorer")},
           {"import", dump, "-I", write_instance("imported", "restorer")},
           {"migrate", "--from", dump, "--to", write_instance("loaded", "restorer")},
       }) {
    const Outcome done = place_.holdfast(words);
    EXPECT_EQ(done.exit_code, 0) << words[0] << " " << words.back() << "\n" << done.text();
  }
  for (const char* name : {"imported", "loaded"})
    EXPECT_EQ(server_.psql(name, "SELECT tableowner FROM pg_tables WHERE schemaname = 'more'"),
              "app\n");
  for (const char* name : {"again", "moved", "imported", "loaded"})
    EXPECT_EQ(server_.psql(name, "SELECT what FROM orders"), "x\n") << name;
  for (const std::string& name : server_.databases()) server_.drop_database(name);
  server_.psql("postgres", "DROP TABLESPACE fast");
}

}  // namespace
}  // namespace holdfast::test
