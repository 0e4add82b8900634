// SPDX-License-Identifier: Apache-2.0
// Migrations between servers, where what they do to the application counts: when it is stopped,
// what is told before that, with which rights they are done.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "harness/mariadb_grants.h"
#include "harness/mariadb_server.h"
#include "harness/postgres_server.h"
#include "harness/program.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view password = "n0t-f0r-y0ur-eyes";

class Migrate : public testing::Test {
 protected:
  Migrate() {
    write_text(key(), password);
    fs::permissions(key(), fs::perms::owner_read | fs::perms::owner_write);
  }

  [[nodiscard]] fs::path key() const { return place_ / "db-password"; }
  [[nodiscard]] std::string keys() const {
    return fmt::format("password_file = \"{}\"\n", key().string());
  }
  // An instance file. What is said in it of commands is written to the file `marks`.
  [[nodiscard]] std::string write_instance(const std::string& name, const std::string& tables,
                                           const std::string& more = {}) const {
    const fs::path path = place_ / (name + ".toml");
    write_text(path, fmt::format("name = \"{}\"\n{}{}", name, more, tables));
    return path.string();
  }
  // An argv that leaves a mark, then does more.
  [[nodiscard]] std::string mark(const std::string& word, const std::string& more = "true") const {
    return fmt::format("[\"/bin/sh\", \"-c\", \"echo {} >> {}; {}\"]", word,
                       (place_ / "marks").string(), more);
  }
  [[nodiscard]] std::string stops() const {
    return fmt::format("[quiesce]\nstop = {}\nstart = {}\n[hooks]\nbefore_backup = [{}]\n",
                       mark("stop"), mark("start"), mark("before_backup"));
  }
  [[nodiscard]] std::string marks() const { return read_text(place_ / "marks"); }

  static std::string postgresql_table(const std::string& database) {
    return fmt::format("[[database]]\nname = \"main\"\nuri = \"{}\"\nuser = \"postgres\"\n",
                       PostgresServer::shared().server().uri(database));
  }

  Place place_;
};

class MigratePostgresql : public Migrate {
 protected:
  MigratePostgresql() {
    server_.clean();
    server_.psql("postgres", "CREATE ROLE app");
    server_.make_database("shop",
                          "CREATE TABLE orders (id serial PRIMARY KEY, what text);"
                          "INSERT INTO orders (what) SELECT 'x' FROM generate_series(1, 1000);"
                          "ALTER TABLE orders OWNER TO app");
  }
  ~MigratePostgresql() override { server_.clean(); }

  PostgresServer& server_ = PostgresServer::shared();
};

// What only the copy can tell that the target lacks is told before anybody is disturbed.
TEST_F(MigratePostgresql, TellsWhatTheTargetLacksBeforeTheApplicationIsStopped) {
  const PostgresServer other;
  const std::string source = write_instance("old", postgresql_table("shop"), stops());
  const std::string target = write_instance(
      "new", fmt::format("[[database]]\nname = \"main\"\nuri = \"{}\"\nuser = \"postgres\"\n",
                         other.endpoint("shop").uri));
  const std::vector<std::string> words{"migrate", "-I", source, "--to", target};
  const Outcome refused = place_.holdfast(words);
  EXPECT_EQ(refused.exit_code, 20) << refused.text();
  EXPECT_TRUE(refused.says("CREATE ROLE \"app\"")) << refused.text();
  EXPECT_EQ(marks(), "");
  EXPECT_TRUE(other.databases().empty());
  other.psql("postgres", "CREATE ROLE app");
  const Outcome moved = place_.holdfast(words);
  EXPECT_EQ(moved.exit_code, 0) << moved.text();
  EXPECT_TRUE(moved.says("digests equal")) << moved.text();
  EXPECT_EQ(marks(), "before_backup\nstop\nstart\n");
  EXPECT_EQ(other.psql("shop", "SELECT count(*) FROM orders"), "1000\n");
}

// Nobody is left stopped, and nothing is left in the target.
TEST_F(MigratePostgresql, StartsTheApplicationThoughItIsKilled) {
  const fs::path files = place_ / "files";
  fs::create_directories(files);
  write_text(files / "readme.txt", "hello");
  const std::string source = write_instance(
      "old",
      postgresql_table("shop") +
          fmt::format("[[files]]\nname = \"uploads\"\npaths = [\"{}\"]\n", files.string()),
      stops());
  const std::string target = write_instance(
      "new",
      postgresql_table("moved") + fmt::format("[[files]]\nname = \"uploads\"\npaths = [\"{}\"]\n",
                                              (place_ / "moved").string()),
      fmt::format("[hooks]\nbefore_restore = [{}]\n", mark("before_restore", "exec sleep 60")));
  for (const int signal : {SIGKILL, SIGTERM}) {
    fs::remove(place_ / "marks");
    Started run = place_.start({"migrate", "-I", source, "--to", target});
    ASSERT_TRUE(eventually([&] { return marks() == "before_backup\nstop\nbefore_restore\n"; }))
        << marks();
    run.kill(signal);
    const Outcome outcome = run.wait();
    EXPECT_NE(outcome.exit_code, 0) << outcome.text();
    EXPECT_TRUE(eventually([&] { return marks().ends_with("\nstart\n"); })) << marks();
    EXPECT_TRUE(eventually([&] { return place_.holdfast({"resume"}).exit_code == 0; }));
    EXPECT_TRUE(eventually([&] { return fs::is_empty(place_.scratch()); }));
    EXPECT_EQ(server_.databases(), (std::vector<std::string>{"shop"}));
    EXPECT_FALSE(fs::exists(place_ / "moved"));
    EXPECT_EQ(marks(), "before_backup\nstop\nbefore_restore\nstart\n");
  }
}

class MigrateMariadb : public Migrate {
 protected:
  static void SetUpTestSuite() {
    server_ = std::make_unique<MariadbServer>();
    other_ = std::make_unique<MariadbServer>();
  }
  static void TearDownTestSuite() {
    server_.reset();
    other_.reset();
  }
  MigrateMariadb() {
    for (const char* sql :
         {"CREATE DATABASE shop",
          "CREATE TABLE shop.orders (id INT PRIMARY KEY AUTO_INCREMENT, what TEXT, KEY (what(9)))",
          "INSERT INTO shop.orders (what) VALUES ('a'), (NULL), ('')",
          "CREATE TABLE shop.old (a INT) ENGINE=MyISAM", "INSERT INTO shop.old VALUES (1), (2)",
          "CREATE VIEW shop.some AS SELECT id FROM shop.orders",
          "CREATE SEQUENCE shop.tickets START 7",
          "CREATE PROCEDURE shop.p() SELECT count(*) FROM shop.orders",
          "CREATE TRIGGER shop.tr BEFORE INSERT ON shop.orders FOR EACH ROW SET NEW.what = 'new'",
          "CREATE EVENT shop.ev ON SCHEDULE EVERY 1 DAY DO DELETE FROM shop.orders"})
      server_->run(sql);
  }
  ~MigrateMariadb() override {
    server_->run("DROP DATABASE shop");
    for (const std::string& schema : schemas()) other_->run("DROP DATABASE " + schema);
  }

  // Of the target.
  static std::vector<std::string> schemas() {
    return other_->rows(
        "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT IN ('mysql', "
        "'sys', 'information_schema', 'performance_schema')");
  }
  [[nodiscard]] std::string table_of(const MariadbServer& server, const std::string& user,
                                     const std::string& schema = "shop") const {
    return fmt::format("[[database]]\nname = \"main\"\nuri = \"{}\"\nuser = \"{}\"\n{}",
                       server.uri(schema), user, keys());
  }
  // Makes the user of an instance file with what is printed for the purpose, and nothing else.
  [[nodiscard]] std::vector<std::string> make_role(const MariadbServer& server,
                                                   const std::string& purpose,
                                                   const std::string& instance) {
    const Outcome printed = place_.holdfast({"grants", purpose, "-I", instance});
    EXPECT_EQ(printed.exit_code, 0) << printed.text();
    std::vector<std::string> statements = grant_statements(printed.output, std::string(password));
    EXPECT_GE(statements.size(), 2U) << printed.output;
    for (const std::string& statement : statements) server.run(statement);
    return statements;
  }
  void expect_moved(const Outcome& outcome) const {
    EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
    EXPECT_FALSE(outcome.says("privilege")) << outcome.text();
    EXPECT_EQ(other_->rows("CHECKSUM TABLE shop.orders, shop.old"),
              server_->rows("CHECKSUM TABLE shop.orders, shop.old"));
    EXPECT_EQ(other_->value("SELECT NEXTVAL(shop.tickets)"), "7");
    EXPECT_EQ(other_->value("SELECT count(*) FROM shop.some"), "3");
    EXPECT_EQ(other_->value("SELECT count(*) FROM information_schema.TRIGGERS WHERE "
                            "TRIGGER_SCHEMA = 'shop'"),
              "1");
    EXPECT_EQ(other_->value("SELECT count(*) FROM information_schema.ROUTINES WHERE "
                            "ROUTINE_SCHEMA = 'shop'"),
              "1");
    EXPECT_EQ(other_->value("SELECT count(*) FROM information_schema.EVENTS WHERE EVENT_SCHEMA = "
                            "'shop'"),
              "1");
  }

  static std::unique_ptr<MariadbServer> server_, other_;
};
std::unique_ptr<MariadbServer> MigrateMariadb::server_, MigrateMariadb::other_;

TEST_F(MigrateMariadb, NeedsExactlyThePrintedRolesOfBothSides) {
  const std::string source = write_instance("old", table_of(*server_, "saver"), stops());
  const std::string target = write_instance("new", table_of(*other_, "loader"));
  static_cast<void>(make_role(*server_, "backup", source));
  const std::vector<std::string> statements = make_role(*other_, "restore", target);
  std::vector<std::string> words{"migrate", "-I", source, "--to", target};
  const Outcome moved = place_.holdfast(words);
  expect_moved(moved);
  EXPECT_TRUE(moved.says("digests equal")) << moved.text();
  const std::string once = "before_backup\nstop\nstart\n";
  EXPECT_EQ(marks(), once);
  words.emplace_back("--replace");
  for (const OneGrant& one : privileges_of(statements)) {
    other_->run(one.take());
    const Outcome refused = place_.holdfast(words);
    EXPECT_EQ(refused.exit_code, 20) << one.give() << "\n" << refused.text();
    EXPECT_TRUE(refused.says("GRANT " + one.privilege + " ON " + one.on)) << one.give() << "\n"
                                                                          << refused.text();
    other_->run(one.give());
  }
  EXPECT_EQ(marks(), once);
  EXPECT_EQ(schemas(), (std::vector<std::string>{"shop"}));
  expect_moved(place_.holdfast(words));
  EXPECT_EQ(marks(), once + once);
  server_->run("DROP USER saver@localhost");
  other_->run("DROP USER loader@localhost");
}

// Dumps too take the role of a restore, whichever verb loads them.
TEST_F(MigrateMariadb, LoadsDumpsWithThePrintedRole) {
  const std::string target = write_instance("new", table_of(*other_, "loader"));
  static_cast<void>(make_role(*other_, "restore", target));
  const fs::path file = place_ / "main.sql";
  const fs::path directory = place_ / "dumped";
  const Outcome one = place_.run(
      server_->client("mariadb-dump", {"--routines", "--events", "--triggers", "--hex-blob",
                                       "--result-file=" + file.string(), "shop"}));
  ASSERT_EQ(one.exit_code, 0) << one.text();
  const Outcome several =
      place_.run({"mydumper", "--socket", server_->socket(), "--user", "root", "--database", "shop",
                  "--outputdir", directory.string(), "--triggers", "--events", "--routines"});
  ASSERT_EQ(several.exit_code, 0) << several.text();
  for (const fs::path& dump : {file, directory}) {
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"import", dump.string(), "-I", target},
          {"migrate", "--from", dump.string(), "--to", target}}) {
      SCOPED_TRACE(words[0] + " " + dump.filename().string());
      expect_moved(place_.holdfast(words));
      other_->run("DROP DATABASE IF EXISTS shop");
    }
  }
  other_->run("DROP USER loader@localhost");
}

}  // namespace
}  // namespace holdfast::test
