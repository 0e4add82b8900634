// SPDX-License-Identifier: Apache-2.0
// The whole program with MariaDB: what is backed up comes back, whatever its names and values; by
// Holdfast and by the server's own client alone; at one moment across schemas and files.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <thread>

#include "engine/mariadb/sql_text.h"
#include "harness/mariadb_grants.h"
#include "harness/mariadb_server.h"
#include "harness/mariadb_ugly.h"
#include "harness/program.h"
#include "harness/repository_files.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;
using engine::mariadb::Connection;
using engine::mariadb::quote_name;
using engine::mariadb::quote_text;

class Mariadb : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<MariadbServer>(); }
  static void TearDownTestSuite() { server_.reset(); }

  void SetUp() override {
    if (!fs::exists(place_.repository() / "config"))
      make_repository(place_.repository(), place_password);
  }
  void TearDown() override {
    server_->run("SET GLOBAL local_infile=1");
    for (const std::string& schema :
         server_->rows("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT "
                       "IN ('mysql', 'sys', 'information_schema', 'performance_schema')"))
      server_->run("DROP DATABASE " + quote_name(schema));
  }

  std::string write_instance(const std::string& tables, const std::string& file = "app.toml") {
    const fs::path path = place_ / file;
    write_text(path, "name = \"app\"\n\n[repository]\nlocation = \"" +
                         place_.repository().string() + "\"\npassword_file = \"" +
                         place_.password_file().string() +
                         "\"\n\n[limits]\nfence_ms = 10000\nwriter_stall_ms = 60000\n\n" + tables);
    return path.string();
  }
  Outcome back_up(const std::string& instance) {
    return place_.holdfast({"backup", "-I", instance});
  }
  std::size_t snapshots() {
    return place_.holdfast({"snapshots", "--json", "--tag", "holdfast"}).array().size();
  }

  // What the server's own programs say of a schema.
  std::string dump(const std::string& schema) {
    const Outcome outcome = place_.run(server_->client(
        "mariadb-dump", {"--routines", "--events", "--triggers", "--hex-blob", "--skip-comments",
                         "--skip-dump-date", "--skip-extended-insert", "--order-by-primary",
                         "--default-character-set=utf8mb4", schema}));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
    // In a schema of another name events sleep.
    std::string text = outcome.output;
    constexpr std::string_view on = "ON COMPLETION PRESERVE ENABLE";
    const std::size_t at = text.find(on);
    if (at != std::string::npos) text.replace(at, on.size(), "ON COMPLETION PRESERVE DISABLE");
    return text;
  }
  std::vector<std::string> checksums(const std::string& schema) {
    std::string list;
    for (const std::string& table :
         server_->rows("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_TYPE='BASE "
                       "TABLE' AND TABLE_SCHEMA = " +
                       quote_text(schema) + " ORDER BY 1"))
      list += (list.empty() ? "" : ", ") + quote_name(schema, table);
    std::vector<std::string> result;
    for (std::string line : server_->rows("CHECKSUM TABLE " + list + " EXTENDED"))
      result.push_back(line.substr(line.find('.') + 1));
    return result;
  }
  void expect_equal(const std::string& source, const std::string& restored) {
    EXPECT_EQ(checksums(source), checksums(restored));
    const std::string expected = dump(source);
    const std::string found = dump(restored);
    if (expected != found) {
      write_text(place_ / "expected.sql", expected);
      write_text(place_ / "found.sql", found);
      const Outcome outcome =
          place_.run({"diff", (place_ / "expected.sql").string(), (place_ / "found.sql").string()});
      ADD_FAILURE() << outcome.output.substr(0, 4000);
    }
  }

  static std::unique_ptr<MariadbServer> server_;
  Place place_;
};

std::unique_ptr<MariadbServer> Mariadb::server_;

TEST_F(Mariadb, LosesNothingOnTheWayThereAndBack) {
  make_ugly(*server_, "ugly one");
  const Outcome saved = back_up(write_instance(server_->instance_table("main", "ugly one")));
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  const std::string target = write_instance(server_->instance_table("main", "copy"), "copy.toml");
  const Outcome restored = place_.holdfast({"restore", "latest", "-I", target});
  ASSERT_EQ(restored.exit_code, 0) << restored.text();
  expect_equal("ugly one", "copy");
  EXPECT_EQ(server_->value("SELECT next_not_cached_value FROM copy.tickets"),
            server_->value("SELECT next_not_cached_value FROM `ugly one`.tickets"));
}

TEST_F(Mariadb, LosesNothingWhereLocalFilesAreForbidden) {
  make_ugly(*server_, "ugly");
  const Outcome saved = back_up(write_instance(server_->instance_table("main", "ugly")));
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  server_->run("SET GLOBAL local_infile=0");
  const std::string target = write_instance(server_->instance_table("main", "copy"), "copy.toml");
  const Outcome restored = place_.holdfast({"restore", "latest", "-I", target});
  ASSERT_EQ(restored.exit_code, 0) << restored.text();
  expect_equal("ugly", "copy");
}

TEST_F(Mariadb, IsRestoredByTheServersClientAlone) {
  make_ugly(*server_, "ugly");
  const Outcome saved = back_up(write_instance(server_->instance_table("main", "ugly")));
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  const fs::path files = place_ / "files";
  const Outcome restic =
      place_.run({"restic", "-r", place_.repository().string(), "restore", "latest", "--target",
                  files.string()},
                 {.environment = {{"RESTIC_PASSWORD_FILE", place_.password_file().string()}}});
  ASSERT_EQ(restic.exit_code, 0) << restic.text();
  server_->run("CREATE DATABASE by_hand");
  const fs::path directory = files / "app" / "databases" / "main";
  std::string words;
  for (const std::string& word :
       server_->client("mariadb", {"--comments", "--local-infile=1", "by_hand"}))
    words += word + " ";
  const Outcome loaded =
      place_.run({"sh", "-ec", "cd '" + directory.string() + "'; " + words + "< restore.sql"});
  ASSERT_EQ(loaded.exit_code, 0) << loaded.text();
  expect_equal("ugly", "by_hand");
}

TEST_F(Mariadb, ReplacesASchemaAndKeepsTheOldOne) {
  make_ugly(*server_, "ugly");
  const std::string instance = write_instance(server_->instance_table("main", "ugly"));
  ASSERT_EQ(back_up(instance).exit_code, 0);
  server_->run("CREATE DATABASE reference");
  const std::string before = dump("ugly");
  server_->run("UPDATE ugly.parents SET code = 'changed' WHERE id = 1");
  server_->run("DROP TABLE ugly.`select`");
  server_->run("CREATE TABLE ugly.newer (id INT)");
  server_->run("CREATE VIEW ugly.newer_view AS SELECT * FROM ugly.newer");
  const Outcome refused = place_.holdfast({"restore", "latest", "-I", instance});
  EXPECT_EQ(refused.exit_code, 20) << refused.text();
  const Outcome restored = place_.holdfast({"restore", "latest", "-I", instance, "--replace"});
  ASSERT_EQ(restored.exit_code, 0) << restored.text();
  EXPECT_EQ(dump("ugly"), before);
  const std::vector<std::string> kept = server_->rows(
      "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE "
      "'ugly\\_before%'");
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_EQ(server_->value("SELECT code FROM " + quote_name(kept[0], "parents") + " WHERE id = 1"),
            "changed");
  EXPECT_EQ(server_->value("SELECT count(*) FROM " + quote_name(kept[0], "newer_view")), "0");
  EXPECT_EQ(
      server_->value("SELECT count(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE "
                     "'%holdfast%'"),
      "0");
}

TEST_F(Mariadb, TakesTriggersAlongWhoseAuthorsNamedTheSchema) {
  server_->run("CREATE DATABASE shop");
  server_->run("CREATE TABLE shop.orders (id INT PRIMARY KEY, n INT)");
  server_->run(
      "CREATE TRIGGER `shop`.`tr` BEFORE INSERT ON shop . orders FOR EACH ROW SET NEW.n = 42");
  const Outcome saved = back_up(write_instance(server_->instance_table("main", "shop")));
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  const std::string target = write_instance(server_->instance_table("main", "copy"), "copy.toml");
  const Outcome restored = place_.holdfast({"restore", "latest", "-I", target});
  ASSERT_EQ(restored.exit_code, 0) << restored.text();
  server_->run("INSERT INTO copy.orders VALUES (1, 1)");
  EXPECT_EQ(server_->value("SELECT n FROM copy.orders"), "42");
}

// Tables that draw from sequences, and views of tables that are named as their schema.
void make_wiki(const MariadbServer& server) {
  Connection c = server.connect();
  c.run("CREATE DATABASE wiki");
  c.use("wiki");
  c.run("CREATE SEQUENCE tickets START WITH 100");
  c.run("CREATE TABLE empty (id INT PRIMARY KEY)");
  c.run(
      "CREATE TABLE wiki (id INT PRIMARY KEY DEFAULT NEXTVAL(tickets), wiki INT, d DATE, m "
      "VARCHAR(30) DEFAULT (CONCAT('n', NEXTVAL(wiki.tickets))))");
  c.run("INSERT INTO wiki (wiki) VALUES (1), (2)");
  c.run(
      "CREATE VIEW own AS SELECT wiki.id, wiki.wiki AS w, EXTRACT(YEAR FROM wiki.d) AS y FROM "
      "wiki");
  c.run("CREATE VIEW alias AS SELECT wiki.id FROM empty AS wiki JOIN wiki.wiki AS w");
  c.run("CREATE VIEW drawn AS SELECT NEXTVAL(tickets) AS n");
  c.run("SET sql_mode='ANSI_QUOTES'");
  c.run(
      "CREATE TRIGGER \"wiki\".\"tr\" BEFORE INSERT ON \"wiki\".\"wiki\" FOR EACH ROW SET NEW.wiki "
      "= "
      "42");
}

TEST_F(Mariadb, RestoresTablesThatDrawFromSequencesAndViewsNamedAsTheirSchema) {
  make_wiki(*server_);
  const std::string instance = write_instance(server_->instance_table("main", "wiki"));
  const Outcome saved = back_up(instance);
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  fs::permissions(place_ / "", fs::perms(0711));  // the scratch server's user has to get there
  const Outcome drilled = place_.holdfast({"drill", "latest", "-I", instance});
  EXPECT_TRUE(drilled.says("proven")) << drilled.text();
  const std::string target = write_instance(server_->instance_table("main", "copy"), "copy.toml");
  const Outcome restored = place_.holdfast({"restore", "latest", "-I", target});
  ASSERT_EQ(restored.exit_code, 0) << restored.text();
  const std::string drawn = server_->value("SELECT next_not_cached_value FROM wiki.tickets");
  server_->run("INSERT INTO copy.wiki (d) VALUES ('2026-01-01')");
  EXPECT_EQ(server_->value("SELECT next_not_cached_value FROM wiki.tickets"), drawn);
  EXPECT_EQ(server_->value("SELECT wiki FROM copy.wiki WHERE d IS NOT NULL"), "42");
  EXPECT_EQ(server_->value("SELECT count(*) FROM copy.own"), "3");
  EXPECT_EQ(server_->value("SELECT count(*) FROM copy.alias"), "0");
  for (const std::vector<std::string>& more :
       {std::vector<std::string>{"--replace"}, {"--table", "wiki", "--replace"}}) {
    std::vector<std::string> words{"restore", "latest", "-I", instance};
    words.insert(words.end(), more.begin(), more.end());
    const Outcome replaced = place_.holdfast(words);
    ASSERT_EQ(replaced.exit_code, 0) << replaced.text();
    const std::string create = server_->rows("SHOW CREATE TABLE wiki.wiki").at(0);
    EXPECT_NE(create.find("nextval(`wiki`.`tickets`)"), std::string::npos) << create;
    EXPECT_EQ(create.find("holdfast"), std::string::npos) << create;
    server_->run("INSERT INTO wiki.wiki (d) VALUES (NULL)");
    EXPECT_EQ(server_->value("SELECT count(*) FROM wiki.own"), "3");
  }
}

TEST_F(Mariadb, DrillsAndTellsOfQueries) {
  make_ugly(*server_, "ugly");
  const std::string instance = write_instance(
      server_->instance_table("main", "ugly") +
      "[[drill.query]]\ncomponent = \"main\"\nsql = \"select count(*) from `sp ace`\"\nexpect = "
      "\"1\"\n");
  ASSERT_EQ(back_up(instance).exit_code, 0);
  const Outcome outcome = place_.holdfast({"drill", "latest", "-I", instance});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
  EXPECT_TRUE(outcome.says("proven")) << outcome.text();
  EXPECT_TRUE(fs::is_empty(place_.scratch()));
}

// Moves money from one schema to the other, and writes a file before each commit that tells of it.
class Transfers {
 public:
  Transfers(const MariadbServer& server, fs::path uploads)
      : server_(server), uploads_(std::move(uploads)) {
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
  [[nodiscard]] long commits() const { return commits_; }
  long stop() {
    thread_.request_stop();
    thread_.join();
    return refusals_;
  }

 private:
  void run(const std::stop_token& stop) {
    Connection c = server_.connect();
    for (int i = 1; !stop.stop_requested(); ++i) {
      const bool refused =
          c.try_run("START TRANSACTION") ||
          c.try_run(
              fmt::format("UPDATE bank_a.accounts SET n = n - {} WHERE id = {}", i, i % 50)) ||
          c.try_run(
              fmt::format("UPDATE bank_b.accounts SET n = n + {} WHERE id = {}", i, i % 50)) ||
          c.try_run(fmt::format("INSERT INTO bank_b.receipts VALUES ({}, {})", i, i));
      write_text(uploads_ / fmt::format("receipt-{}", i), "paid\n");
      refused || c.try_run("COMMIT") ? ++refusals_ : ++commits_;
    }
  }

  const MariadbServer& server_;
  fs::path uploads_;
  std::atomic<long> commits_{0}, refusals_{0};
  std::jthread thread_;
};

TEST_F(Mariadb, IsOfOneMomentUnderLoad) {
  for (const char* schema : {"bank_a", "bank_b"}) {
    server_->run(fmt::format("CREATE DATABASE {}", schema));
    server_->run(fmt::format("CREATE TABLE {}.accounts (id INT PRIMARY KEY, n BIGINT)", schema));
    server_->run(
        fmt::format("INSERT INTO {}.accounts SELECT seq, 1000 FROM mysql.seq_0_to_49", schema));
  }
  server_->run("CREATE TABLE bank_b.receipts (id INT PRIMARY KEY, amount INT)");
  const fs::path uploads = place_ / "uploads";
  fs::create_directories(uploads);
  const std::string instance = write_instance(
      server_->instance_table("a", "bank_a") + server_->instance_table("b", "bank_b") +
      "[[files]]\nname = \"uploads\"\npaths = [\"" + uploads.string() + "\"]\n");
  Transfers transfers(*server_, uploads);
  const int rounds = is_soak() ? 30 : 3;
  for (int round = 0; round < rounds; ++round) {
    const long before = transfers.commits();
    ASSERT_TRUE(eventually([&] { return transfers.commits() > before + 20; }));
    const Outcome saved = back_up(instance);
    ASSERT_EQ(saved.exit_code, 0) << saved.text();
    const Outcome manifest = place_.holdfast({"dump", "latest", "/app/holdfast.json"});
    ASSERT_EQ(manifest.exit_code, 0) << manifest.text();
    EXPECT_TRUE(manifest.document().at("fenced").as_bool());
    const fs::path files = place_ / fmt::format("restored-{}", round);
    const std::string suffix = std::to_string(round);
    const std::string target =
        write_instance(server_->instance_table("a", "copy_a" + suffix) +
                           server_->instance_table("b", "copy_b" + suffix) +
                           "[[files]]\nname = \"uploads\"\npaths = [\"" + files.string() + "\"]\n",
                       "copy.toml");
    const Outcome restored = place_.holdfast({"restore", "latest", "-I", target});
    ASSERT_EQ(restored.exit_code, 0) << restored.text();
    EXPECT_EQ(server_->value(fmt::format("SELECT (SELECT SUM(n) FROM copy_a{0}.accounts) + (SELECT "
                                         "SUM(n) FROM copy_b{0}.accounts)",
                                         suffix)),
              "100000");
    for (const std::string& id :
         server_->rows(fmt::format("SELECT id FROM copy_b{}.receipts", suffix)))
      EXPECT_TRUE(fs::exists(files / ("receipt-" + id))) << id;
    EXPECT_EQ(server_->value(fmt::format("SELECT (SELECT SUM(amount) FROM copy_b{0}.receipts) = "
                                         "(SELECT SUM(n) - 50000 FROM copy_b{0}.accounts)",
                                         suffix)),
              "1");
  }
  EXPECT_EQ(transfers.stop(), 0);
}

// A table that takes a while to be read.
void make_large(const MariadbServer& server, const std::string& schema) {
  server.run("CREATE DATABASE " + schema);
  server.run("CREATE TABLE " + schema +
             ".large (id INT PRIMARY KEY, body VARBINARY(4000), n INT, KEY "
             "(n))");
  server.run("INSERT INTO " + schema +
             ".large SELECT seq, RANDOM_BYTES(1000), seq % 1000 FROM "
             "mysql.seq_1_to_150000");
}

// The session that reads the large table; 0 if there is none.
std::string reading_session(const MariadbServer& server) {
  return server.value(
      "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT%FROM "
      "`big`.`large`%' AND ID <> CONNECTION_ID() LIMIT 1");
}

TEST_F(Mariadb, FailsByNameWhenItsSessionIsKilled) {
  make_large(*server_, "big");
  const std::string instance = write_instance(server_->instance_table("main", "big"));
  // A kill may come when the copy is done already: then once more.
  for (int attempt = 0; attempt < 5; ++attempt) {
    const std::size_t before = snapshots();
    Started backup = place_.start({"backup", "-I", instance});
    std::string session;
    ASSERT_TRUE(eventually([&] {
      session = reading_session(*server_);
      return !session.empty() || backup.has_ended();
    }));
    if (!session.empty()) static_cast<void>(server_->connect().try_run("KILL " + session));
    const Outcome outcome = backup.wait();
    if (outcome.exit_code == 0 && attempt < 4) continue;
    EXPECT_NE(outcome.exit_code, 0) << outcome.text();
    EXPECT_TRUE(outcome.says("large") || outcome.says("is gone")) << outcome.text();
    EXPECT_EQ(snapshots(), before);
    break;
  }
  server_->run("SET STATEMENT lock_wait_timeout=0 FOR INSERT INTO big.large VALUES (0, '', 0)");
  EXPECT_TRUE(eventually([&] {
    return server_->value(
               "SELECT count(*) FROM information_schema.PROCESSLIST WHERE ID <> "
               "CONNECTION_ID() AND USER = 'root'") == "0";
  }));
}

TEST_F(Mariadb, FailsByNameWhenTheServerDies) {
  auto server = std::make_unique<MariadbServer>();
  make_large(*server, "big");
  const std::string instance = write_instance(server->instance_table("main", "big"));
  Started backup = place_.start({"backup", "-I", instance});
  ASSERT_TRUE(eventually([&] { return !reading_session(*server).empty() || backup.has_ended(); }));
  server.reset();
  const Outcome outcome = backup.wait();
  EXPECT_NE(outcome.exit_code, 0) << outcome.text();
  EXPECT_EQ(snapshots(), 0U);
}

TEST_F(Mariadb, LeavesNothingOfARestoreThatIsInterrupted) {
  make_large(*server_, "big");
  ASSERT_EQ(back_up(write_instance(server_->instance_table("main", "big"))).exit_code, 0);
  const std::string target = write_instance(server_->instance_table("main", "copy"), "copy.toml");
  for (const int signal : {SIGINT, SIGKILL}) {
    Started restore = place_.start({"restore", "latest", "-I", target});
    // It fills a schema beside the one that was asked for.
    ASSERT_TRUE(eventually([&] {
      return server_->value(
                 "SELECT count(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA LIKE "
                 "'copy\\_holdfast\\_%' AND TABLE_NAME = 'large'") == "1" ||
             restore.has_ended();
    }));
    restore.kill(signal);
    EXPECT_NE(restore.wait().exit_code, 0);
    if (signal == SIGKILL) {
      const Outcome resumed = place_.holdfast({"resume"});
      EXPECT_EQ(resumed.exit_code, 0) << resumed.text();
    }
    EXPECT_TRUE(eventually([&] {
      return server_->value(
                 "SELECT count(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE "
                 "'copy%'") == "0";
    }));
  }
}

TEST_F(Mariadb, RestoresWithExactlyTheGrantsThatItPrints) {
  make_ugly(*server_, "my_ugly");
  server_->run("CREATE USER boss@localhost");
  server_->run("CREATE DEFINER=boss@localhost VIEW my_ugly.of_boss AS SELECT 1");
  write_text(place_ / "db-password", "secret");
  fs::permissions(place_ / "db-password", fs::perms::owner_read | fs::perms::owner_write);
  ASSERT_EQ(back_up(write_instance(server_->instance_table("main", "my_ugly"))).exit_code, 0);
  const auto instance_of = [&](const std::string& schema) {
    return write_instance("[[database]]\nname = \"main\"\nuri = \"" + server_->uri(schema) +
                              "\"\nuser = \"loader\"\npassword_file = \"" +
                              (place_ / "db-password").string() + "\"\n",
                          schema + ".toml");
  };
  const std::string instance = instance_of("my_ugly");
  const Outcome printed = place_.holdfast({"grants", "restore", "-I", instance});
  ASSERT_EQ(printed.exit_code, 0) << printed.text();
  const std::vector<std::string> statements = grant_statements(printed.output, "secret");
  for (const std::string& statement : statements) server_->run(statement);
  const std::string before = dump("my_ugly");
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"restore", "latest", "-I", instance, "--replace"},
        {"restore", "latest", "-I", instance, "--replace", "--table", "parents"}}) {
    const Outcome outcome = place_.holdfast(words);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
    EXPECT_FALSE(outcome.says("mariadb-target-privilege")) << outcome.text();
    if (words.size() == 5) {
      EXPECT_EQ(dump("my_ugly"), before);
    }
  }
  server_->run("DROP DATABASE my_ugly");
  const Outcome fresh = place_.holdfast({"restore", "latest", "-I", instance});
  EXPECT_EQ(fresh.exit_code, 0) << fresh.text();
  for (const OneGrant& one : privileges_of(statements)) {
    server_->run(one.take());
    const Outcome outcome = place_.holdfast({"restore", "latest", "-I", instance, "--replace"});
    EXPECT_EQ(outcome.exit_code, 20) << one.give() << "\n" << outcome.text();
    EXPECT_TRUE(outcome.says("GRANT " + one.privilege + " ON " + one.on)) << one.give() << "\n"
                                                                          << outcome.text();
    server_->run(one.give());
  }
  // Rights on my_ugly are none on what is only named like it.
  const Outcome other = place_.holdfast({"restore", "latest", "-I", instance_of("myXugly")});
  EXPECT_EQ(other.exit_code, 20) << other.text();
  server_->run("DROP USER loader@localhost, boss@localhost");
}

TEST_F(Mariadb, NeedsExactlyTheGrantsThatItPrints) {
  constexpr std::string_view secret = "n0t-f0r-y0ur-eyes";
  make_ugly(*server_, "ugly");
  write_text(place_ / "db-password", secret);
  fs::permissions(place_ / "db-password", fs::perms::owner_read | fs::perms::owner_write);
  const std::string table = "[[database]]\nname = \"main\"\nuri = \"" + server_->uri("ugly") +
                            "\"\nuser = \"saver\"\npassword_file = \"" +
                            (place_ / "db-password").string() + "\"\n";
  const std::string instance = write_instance(table);
  const Outcome printed = place_.holdfast({"grants", "backup", "-I", instance});
  ASSERT_EQ(printed.exit_code, 0) << printed.text();
  const std::vector<std::string> statements = grant_statements(printed.output, std::string(secret));
  ASSERT_GE(statements.size(), 3U) << printed.output;
  for (const std::string& statement : statements) server_->run(statement);
  const Outcome saved = back_up(instance);
  EXPECT_EQ(saved.exit_code, 0) << saved.text();
  EXPECT_FALSE(saved.says("mariadb-privilege")) << saved.text();
  fs::permissions(place_ / "", fs::perms(0711));  // the scratch server's user has to get there
  const Outcome drilled = place_.holdfast({"drill", "latest", "-I", instance});
  EXPECT_EQ(drilled.exit_code, 0) << drilled.text();
  for (const OneGrant& one : privileges_of(statements)) {
    server_->run(one.take());
    const Outcome preflight = place_.holdfast({"preflight", "-I", instance});
    EXPECT_TRUE(preflight.says("GRANT " + one.privilege + " ON " + one.on)) << one.give() << "\n"
                                                                            << preflight.text();
    server_->run(one.give());
  }
  server_->run("DROP USER saver@localhost");
  for (const auto& entry : fs::recursive_directory_iterator(place_.root())) {
    if (!entry.is_regular_file() || entry.path().filename() == "db-password") continue;
    EXPECT_EQ(read_text(entry.path()).find(secret), std::string::npos) << entry.path();
  }
}

TEST_F(Mariadb, TakesAccountsAndRightsAlong) {
  server_->run("CREATE DATABASE shop");
  server_->run("CREATE TABLE shop.orders (id INT PRIMARY KEY, secret TEXT)");
  server_->run("CREATE PROCEDURE shop.p() SELECT 1");
  server_->run("CREATE USER 'cl erk'@'10.%' IDENTIFIED BY 'x'");
  server_->run("GRANT SELECT, INSERT ON shop.* TO 'cl erk'@'10.%'");
  server_->run("GRANT UPDATE (id), DELETE ON shop.orders TO 'cl erk'@'10.%' WITH GRANT OPTION");
  server_->run("GRANT EXECUTE ON PROCEDURE shop.p TO 'cl erk'@'10.%'");
  const std::string instance = write_instance(server_->instance_table("main", "shop"));
  const Outcome saved = back_up(instance);
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  const Outcome drilled = place_.holdfast({"drill", "latest", "-I", instance});
  EXPECT_EQ(drilled.exit_code, 0) << drilled.text();
  EXPECT_TRUE(drilled.says("proven")) << drilled.text();
  const std::vector<std::string> before = server_->rows("SHOW GRANTS FOR 'cl erk'@'10.%'");
  server_->run("DROP USER 'cl erk'@'10.%'");
  server_->run("DROP DATABASE shop");
  const std::string restore = write_instance(
      server_->instance_table("main", "shop", "grants = \"restore\"\n"), "again.toml");
  const Outcome restored = place_.holdfast({"restore", "latest", "-I", restore});
  ASSERT_EQ(restored.exit_code, 0) << restored.text();
  EXPECT_EQ(server_->rows("SHOW GRANTS FOR 'cl erk'@'10.%'"), before);
  server_->run("DROP USER 'cl erk'@'10.%'");
}

TEST_F(Mariadb, TakesRightsOfEverybodyAndOfNobodyAlongAndWidensNone) {
  server_->run("CREATE DATABASE my_app");
  server_->run("CREATE TABLE my_app.orders (id INT PRIMARY KEY)");
  server_->run("CREATE USER ann@localhost, ''@localhost");
  server_->run("CREATE ROLE readers");
  server_->run("GRANT INSERT ON `my_app`.* TO ann@localhost");
  server_->run("GRANT SELECT ON my_app.* TO readers");
  server_->run("GRANT readers TO ann@localhost");
  server_->run("SET DEFAULT ROLE readers FOR ann@localhost");
  server_->run("GRANT SELECT ON my_app.orders TO ''@localhost");
  server_->run("GRANT SELECT ON my_app.orders TO PUBLIC");
  const Outcome saved = back_up(write_instance(server_->instance_table("main", "my_app")));
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  for (const char* sql : {"DROP USER ann@localhost, ''@localhost", "DROP ROLE readers",
                          "REVOKE SELECT ON my_app.orders FROM PUBLIC", "DROP DATABASE my_app"})
    server_->run(sql);
  const std::string plain = write_instance(server_->instance_table("main", "my_app"), "plain.toml");
  const Outcome left = place_.holdfast({"restore", "latest", "-I", plain});
  ASSERT_EQ(left.exit_code, 0) << left.text();
  EXPECT_TRUE(left.says("mariadb-grants-left")) << left.text();
  server_->run("DROP DATABASE my_app");
  const std::string restore = write_instance(
      server_->instance_table("main", "my_app", "grants = \"restore\"\n"), "again.toml");
  const Outcome restored = place_.holdfast({"restore", "latest", "-I", restore});
  ASSERT_EQ(restored.exit_code, 0) << restored.text();
  const auto of_ann = server_->rows("SHOW GRANTS FOR ann@localhost");
  const auto has = [&](const std::vector<std::string>& lines, const std::string& line) {
    return std::find(lines.begin(), lines.end(), line) != lines.end();
  };
  EXPECT_TRUE(has(of_ann, "GRANT INSERT ON `my\\_app`.* TO `ann`@`localhost`"))
      << testing::PrintToString(of_ann);
  EXPECT_TRUE(has(of_ann, "GRANT `readers` TO `ann`@`localhost`"));
  EXPECT_TRUE(has(of_ann, "SET DEFAULT ROLE `readers` FOR `ann`@`localhost`"));
  EXPECT_TRUE(has(server_->rows("SHOW GRANTS FOR ''@localhost"),
                  "GRANT SELECT ON `my_app`.`orders` TO ``@`localhost`"));
  EXPECT_TRUE(
      has(server_->rows("SHOW GRANTS FOR PUBLIC"), "GRANT SELECT ON `my_app`.`orders` TO PUBLIC"));
  for (const char* sql : {"DROP USER ann@localhost, ''@localhost", "DROP ROLE readers",
                          "REVOKE SELECT ON my_app.orders FROM PUBLIC"})
    server_->run(sql);
}

TEST_F(Mariadb, ImportsAndInspectsDumps) {
  make_ugly(*server_, "ugly");
  const fs::path file = place_ / "main.sql";
  const Outcome dumped = place_.run(server_->client(
      "mariadb-dump",
      {"--routines", "--events", "--triggers", "--hex-blob", "--single-transaction",
       "--default-character-set=utf8mb4", "--result-file=" + file.string(), "ugly"}));
  ASSERT_EQ(dumped.exit_code, 0) << dumped.text();
  const Outcome inspected = place_.holdfast({"inspect", "--deep", file.string(), "--json"});
  EXPECT_EQ(inspected.exit_code, 0) << inspected.text();
  EXPECT_TRUE(inspected.says("mariadb-dump SQL dump")) << inspected.text();
  const std::string target = write_instance(server_->instance_table("main", "copy"), "copy.toml");
  const Outcome imported = place_.holdfast({"import", file.string(), "-I", target});
  ASSERT_EQ(imported.exit_code, 0) << imported.text();
  EXPECT_EQ(dump("ugly"), dump("copy"));
  ASSERT_EQ(place_.run({"gzip", "--keep", file.string()}).exit_code, 0);
  const std::string packed = write_instance(server_->instance_table("main", "unpacked"), "gz.toml");
  const Outcome unpacked =
      place_.holdfast({"migrate", "--from", file.string() + ".gz", "--to", packed});
  EXPECT_EQ(unpacked.exit_code, 0) << unpacked.text();
  EXPECT_EQ(dump("ugly"), dump("unpacked"));
  const std::string text = read_text(file);
  write_text(file, text.substr(0, text.size() / 2));
  const Outcome broken = place_.holdfast({"inspect", file.string()});
  EXPECT_TRUE(broken.says("mariadb-dump-truncated")) << broken.text();
}

// A dump of strangers that wants more than its schema. Beside it is one that must stay as it is.
TEST_F(Mariadb, ImportsNothingIntoOtherSchemas) {
  server_->run("CREATE DATABASE neighbour");
  server_->run("CREATE TABLE neighbour.users (id INT PRIMARY KEY, name TEXT)");
  server_->run("CREATE SEQUENCE neighbour.tickets");
  server_->run("INSERT INTO neighbour.users VALUES (1, 'ann')");
  const std::string before = dump("neighbour");
  const std::string target = write_instance(server_->instance_table("main", "copy"), "copy.toml");
  const fs::path file = place_ / "main.sql";
  const auto import = [&](const std::string& statements) {
    write_text(file,
               "-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)\n"
               "-- Host: localhost    Database: shop\n"
               "CREATE TABLE `t` (`a` int, `b` text);\n" +
                   statements + "\n-- Dump completed on 2026-11-20 10:56:01\n");
    return place_.holdfast({"import", file.string(), "-I", target});
  };
  for (const char* statements : {
           "SET STATEMENT max_statement_time=9 FOR DROP DATABASE neighbour;",
           "/*!999999 SET */ DROP TABLE neighbour.users;",
           "DROP TABLE t, neighbour.users;",
           "ALTER TABLE t RENAME TO neighbour.t;",
           "SELECT SETVAL(neighbour.tickets, 1000);",
           "CREATE TABLE u (a int DEFAULT nextval(neighbour.tickets));\nINSERT INTO u VALUES ();",
           "CREATE TABLE u LIKE neighbour.users;",
           "CREATE TABLE u SELECT * FROM neighbour.users;",
           "INSERT INTO t SELECT * FROM neighbour.users;",
           "INSERT INTO neighbour.users VALUES (2, 'eve');",
           "SET sql_mode='NO_BACKSLASH_ESCAPES';\nINSERT INTO t VALUES (1, '\\'), (2, (SELECT name "
           "FROM neighbour.users)) -- ');",
           "CREATE USER eve@event IDENTIFIED BY 'geheim';",
           "CREATE OR REPLACE VIEW neighbour.v AS SELECT 1;",
           "SET NAMES gbk;",
       }) {
    const Outcome outcome = import(statements);
    EXPECT_NE(outcome.exit_code, 0) << statements << outcome.text();
    EXPECT_FALSE(outcome.says("geheim")) << outcome.text();
    EXPECT_EQ(server_->value("SELECT count(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = "
                             "'copy'"),
              "0")
        << statements;
  }
  // What would run by itself, or as the rows come in, is there and has not run.
  server_->run("SET GLOBAL event_scheduler=ON");
  const Outcome held = import(
      "DELIMITER ;;\n"
      "CREATE DEFINER=`nobody`@`nowhere` TRIGGER tr BEFORE INSERT ON t FOR EACH ROW DELETE FROM "
      "neighbour.users;;\n"
      "CREATE EVENT ev ON SCHEDULE EVERY 1 SECOND DO DELETE FROM neighbour.users;;\n"
      "DELIMITER ;\n"
      "CREATE VIEW `w` AS SELECT * FROM neighbour.users;\n"
      "INSERT INTO `t` VALUES (1, 'x');\n");
  server_->run("SET GLOBAL event_scheduler=OFF");
  EXPECT_EQ(held.exit_code, 0) << held.text();
  EXPECT_TRUE(held.says("event ev is disabled")) << held.text();
  EXPECT_TRUE(held.says("view w uses another schema, neighbour")) << held.text();
  EXPECT_EQ(server_->value("SELECT DEFINER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = "
                           "'copy'"),
            "root@localhost");
  EXPECT_EQ(server_->value("SELECT count(*) FROM copy.t"), "1");
  EXPECT_EQ(dump("neighbour"), before);
  server_->run("DROP DATABASE neighbour");
}

TEST_F(Mariadb, ImportsTheSchemaThatTheTargetIsNamedAfter) {
  server_->run("CREATE DATABASE one");
  server_->run("CREATE DATABASE two");
  server_->run("CREATE TABLE one.t (a INT)");
  server_->run("INSERT INTO one.t VALUES (1), (2)");
  server_->run("CREATE TABLE two.t (a INT)");
  server_->run("INSERT INTO two.t VALUES (3)");
  server_->run("CREATE VIEW two.v AS SELECT a FROM two.t");
  const fs::path file = place_ / "main.sql";
  ASSERT_EQ(place_
                .run(server_->client("mariadb-dump", {"--result-file=" + file.string(),
                                                      "--databases", "one", "two"}))
                .exit_code,
            0);
  const Outcome rows = place_.holdfast({"inspect", "--rows", "two.t", file.string()});
  EXPECT_EQ(rows.exit_code, 0) << rows.text();
  EXPECT_TRUE(rows.says("3")) << rows.text();
  const Outcome either = place_.holdfast({"inspect", "--rows", "t", file.string()});
  EXPECT_NE(either.exit_code, 0) << either.text();
  const std::string copy = write_instance(server_->instance_table("main", "copy"), "copy.toml");
  const Outcome unsure = place_.holdfast({"import", file.string(), "-I", copy});
  EXPECT_NE(unsure.exit_code, 0) << unsure.text();
  EXPECT_TRUE(unsure.says("one, two")) << unsure.text();
  server_->run("DROP DATABASE two");
  const std::string two = write_instance(server_->instance_table("main", "two"), "two.toml");
  const Outcome imported = place_.holdfast({"import", file.string(), "-I", two});
  EXPECT_EQ(imported.exit_code, 0) << imported.text();
  EXPECT_EQ(server_->rows("SELECT a FROM two.v"), (std::vector<std::string>{"3"}));
  server_->run("DROP DATABASE one");
  server_->run("DROP DATABASE two");
}

TEST_F(Mariadb, ImportsAndInspectsDirectoriesOfMydumper) {
  server_->run("CREATE DATABASE shop");
  server_->run(
      "CREATE TABLE shop.`sp ace.d` (id INT PRIMARY KEY AUTO_INCREMENT, t TEXT CHARACTER SET "
      "utf8mb4, b BLOB, g INT AS (id + 1))");
  server_->run(
      "INSERT INTO shop.`sp ace.d` (t, b) VALUES ('x😀\\n\"q\\';\\n', 0x00FF275C), (NULL, '')");
  server_->run("CREATE TABLE shop.empty (id INT PRIMARY KEY)");
  server_->run("CREATE TABLE shop.children (id INT, FOREIGN KEY (id) REFERENCES `sp ace.d` (id))");
  server_->run("INSERT INTO shop.children VALUES (1)");
  server_->run("CREATE SEQUENCE shop.tickets START 7");
  server_->run("CREATE VIEW shop.a_second AS SELECT 1 AS id");
  server_->run("CREATE OR REPLACE VIEW shop.z_first AS SELECT id FROM shop.`sp ace.d`");
  server_->run("CREATE OR REPLACE VIEW shop.a_second AS SELECT id FROM shop.z_first");
  server_->run("CREATE PROCEDURE shop.p() BEGIN SELECT 1;\nSELECT 2; END");
  server_->run("CREATE TRIGGER shop.tr BEFORE INSERT ON shop.empty FOR EACH ROW SET NEW.id = 42");
  const fs::path directory = place_ / "dumped";
  const Outcome dumped = place_.run({"mydumper", "--socket", server_->socket(), "--user", "root",
                                     "--database", "shop", "--outputdir", directory.string(),
                                     "--triggers", "--events", "--routines", "--compress"});
  ASSERT_EQ(dumped.exit_code, 0) << dumped.text();
  const Outcome inspected = place_.holdfast({"inspect", "--deep", directory.string(), "--json"});
  EXPECT_EQ(inspected.exit_code, 0) << inspected.text();
  EXPECT_TRUE(inspected.says("mydumper directory")) << inspected.text();
  const std::string target = write_instance(server_->instance_table("main", "copy"), "copy.toml");
  const Outcome imported = place_.holdfast({"import", directory.string(), "-I", target});
  ASSERT_EQ(imported.exit_code, 0) << imported.text();
  EXPECT_EQ(checksums("shop"), checksums("copy"));
  const std::string migrated =
      write_instance(server_->instance_table("main", "moved"), "moved.toml");
  const Outcome moved =
      place_.holdfast({"migrate", "--from", directory.string(), "--to", migrated});
  EXPECT_EQ(moved.exit_code, 0) << moved.text();
  EXPECT_EQ(dump("moved"), dump("copy"));
  EXPECT_EQ(server_->value("SELECT count(*) FROM copy.a_second"), "2");
  EXPECT_EQ(server_->value("SELECT NEXTVAL(copy.tickets)"), "7");
  server_->run("INSERT INTO copy.empty VALUES (1)");
  EXPECT_EQ(server_->value("SELECT id FROM copy.empty"), "42");
  fs::remove(directory / "metadata");
  write_text(directory / "metadata.partial", "Started dump at: 2026-11-20 17:47:16\n");
  const Outcome broken = place_.holdfast({"inspect", directory.string()});
  EXPECT_TRUE(broken.says("mariadb-dump-truncated")) << broken.text();
  const std::string other = write_instance(server_->instance_table("main", "other"), "other.toml");
  EXPECT_NE(place_.holdfast({"import", directory.string(), "-I", other}).exit_code, 0);
  EXPECT_EQ(server_->value("SELECT count(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = "
                           "'other'"),
            "0");
}

TEST_F(Mariadb, MigratesStraightIntoAnotherServer) {
  make_ugly(*server_, "ugly");
  const MariadbServer other;
  const std::string source = write_instance(server_->instance_table("main", "ugly"));
  const fs::path path = place_ / "there.toml";
  write_text(path, "name = \"there\"\n\n" + other.instance_table("main", "ugly"));
  const Outcome migrated = place_.holdfast({"migrate", "-I", source, "--to", path.string()});
  ASSERT_EQ(migrated.exit_code, 0) << migrated.text();
  EXPECT_TRUE(migrated.says("digests equal")) << migrated.text();
  const auto dumped = [&](const MariadbServer& server) {
    return place_
        .run(server.client("mariadb-dump",
                           {"--routines", "--events", "--triggers", "--hex-blob", "--skip-comments",
                            "--skip-dump-date", "--skip-extended-insert", "--order-by-primary",
                            "--default-character-set=utf8mb4", "ugly"}))
        .output;
  };
  // Events sleep where they may act for another.
  std::string expected = dumped(*server_);
  constexpr std::string_view on = "ON COMPLETION PRESERVE ENABLE";
  ASSERT_NE(expected.find(on), std::string::npos);
  expected.replace(expected.find(on), on.size(), "ON COMPLETION PRESERVE DISABLE");
  EXPECT_EQ(expected, dumped(other));
  const Outcome again = place_.holdfast({"migrate", "-I", source, "--to", path.string()});
  EXPECT_NE(again.exit_code, 0) << "what exists was overwritten";
}

}  // namespace
}  // namespace holdfast::test
