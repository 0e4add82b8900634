// SPDX-License-Identifier: Apache-2.0
// Dumps as the servers' own program writes them, imported into a real server and compared; and what
// private servers may do.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/process.h"
#include "engine/mariadb/mariadb.h"
#include "engine/mariadb/scratch.h"
#include "harness/mariadb_server.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;
using engine::mariadb::Connection;

const MariadbServer& server() {
  static const MariadbServer the_server;
  return the_server;
}

class MariadbDump : public ::testing::Test {
 protected:
  void SetUp() override {
    server().run("CREATE DATABASE shop CHARACTER SET latin1");
    Connection c = server().connect();
    c.use("shop");
    c.run(
        "CREATE TABLE parents (id INT PRIMARY KEY AUTO_INCREMENT, t TEXT CHARACTER SET utf8mb4, b "
        "BLOB, g INT AS (id + 1), d DATE) PARTITION BY HASH (id) PARTITIONS 2");
    c.run("SET sql_mode='ALLOW_INVALID_DATES'");
    c.run(
        "INSERT INTO parents (t, b, d) VALUES ('x😀\\n\"q\\';\\n-- */ /*! x */', 0x00FF275C, "
        "'2026-02-31'), (NULL, '', '0000-00-00')");
    c.run("CREATE TABLE keyed (id INT PRIMARY KEY, n DOUBLE CHECK (n > -1.5e3), KEY (n))");
    c.run("INSERT INTO keyed VALUES (1, 2.5e-8), (2, NULL)");
    c.run(
        "CREATE TABLE children (id INT, CONSTRAINT `fk of it` FOREIGN KEY (id) REFERENCES keyed "
        "(id))");
    c.run("INSERT INTO children VALUES (1)");
    c.run("CREATE SEQUENCE tickets START 7");
    c.run("CREATE TABLE numbered (id INT DEFAULT nextval(tickets), `s pace` INT)");
    c.run("CREATE FUNCTION twice(a INT) RETURNS INT RETURN a * 2");
    c.run("CREATE VIEW first AS SELECT 1 AS id");
    c.run("CREATE VIEW second AS SELECT twice(id) AS id FROM keyed");
    c.run("CREATE OR REPLACE VIEW first AS SELECT id FROM second");
    c.run("CREATE PROCEDURE p() BEGIN /* it's */ SELECT 1; -- ;;\n SELECT ';' AS a; END");
    c.run(
        "CREATE TRIGGER shop.tr BEFORE INSERT ON shop.keyed FOR EACH ROW BEGIN /* don't */ SET "
        "NEW.n = '1'; END");
    c.run("SET sql_mode='ANSI_QUOTES'");
    c.run("CREATE TRIGGER \"tr2\" AFTER INSERT ON \"keyed\" FOR EACH ROW SET @a = 'it''s \\\"'");
    c.run("SET sql_mode='NO_BACKSLASH_ESCAPES'");
    c.run("CREATE TRIGGER tr3 AFTER DELETE ON keyed FOR EACH ROW SET @a = '\\'");
    c.run("SET sql_mode=''");
    c.run("CREATE EVENT ev ON SCHEDULE EVERY 1 DAY DISABLE DO SET @a = 1");
  }
  void TearDown() override {
    server().run("DROP DATABASE IF EXISTS shop");
    server().run("DROP DATABASE IF EXISTS copy");
  }

  std::string dump(const std::vector<std::string>& options) {
    Command command;
    std::vector<std::string> words{"--routines", "--events", "--triggers",
                                   "--default-character-set=utf8mb4"};
    words.insert(words.end(), options.begin(), options.end());
    command.argv = server().client("mariadb-dump", words);
    ProcessResult result = run_process(command);
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return result.output;
  }
  std::string picture(const std::string& schema) {
    std::string text = dump({"--skip-comments", "--skip-dump-date", "--hex-blob",
                             "--order-by-primary", "--skip-extended-insert", schema});
    // Where a definition names its own schema.
    for (const std::string& own : {"`" + schema + "`.", schema + "."}) {
      for (std::size_t at = 0; (at = text.find(own, at)) != std::string::npos;)
        text.erase(at, own.size());
    }
    return text;
  }

  static std::string first_difference(const std::string& expected, const std::string& found) {
    std::size_t at = 0;
    while (at < expected.size() && at < found.size() && expected[at] == found[at]) ++at;
    const std::size_t from = at < 100 ? 0 : at - 100;
    return expected.substr(from, 300) + "\n--- instead\n" + found.substr(from, 300);
  }

  engine::LoadReport import(const std::string& text, const std::string& schema,
                            const engine::LoadOptions& options = {}) {
    const fs::path file = home_.path() / "dump.sql";
    std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
    return engine::mariadb::engine().import_file(file, server().endpoint(schema), options, {});
  }

  TemporaryDirectory home_{"holdfast-dumps"};
};

TEST_F(MariadbDump, IsImportedInAllItsForms) {
  const std::string expected = picture("shop");
  for (const std::vector<std::string>& form : std::vector<std::vector<std::string>>{
           {"shop"},
           // Routines and events it then writes in a way that no server takes back.
           {"--compatible=ansi", "--skip-routines", "--skip-events", "--ignore-table=shop.first",
            "--ignore-table=shop.second", "shop"},
           {"--skip-quote-names", "--ignore-table=shop.numbered", "shop"},
           {"--no-autocommit", "--complete-insert", "--hex-blob", "shop"},
           {"--skip-extended-insert", "--skip-opt", "--create-options", "shop"},
           {"--replace", "--add-drop-trigger", "shop"},
           {"--insert-ignore", "--skip-add-drop-table", "--skip-tz-utc", "shop"},
           {"--databases", "shop"},
           {"--databases", "--add-drop-database", "--single-transaction", "shop"}}) {
    std::string shown;
    for (const std::string& word : form) shown += word + " ";
    SCOPED_TRACE(shown);
    server().run("DROP DATABASE IF EXISTS copy");
    server().run("CREATE DATABASE copy CHARACTER SET latin1");
    try {
      const engine::LoadReport report = import(dump(form), "copy");
      for (const std::string& line : report.left_out) {
        // The dump has values for it, and the server computes its own.
        if (line.find("generated column") == std::string::npos) ADD_FAILURE() << line;
      }
    } catch (const Error& error) {
      ADD_FAILURE() << error.message();
      continue;
    }
    if (form.size() > 1 && form[1].starts_with("--ignore-table")) continue;
    if (form.size() > 1 && form[1] == "--skip-routines") continue;
    const std::string found = picture("copy");
    EXPECT_TRUE(found == expected) << first_difference(expected, found);
  }
}

TEST_F(MariadbDump, ReplacesASchema) {
  const std::string expected = picture("shop");
  server().run("CREATE DATABASE copy");
  server().run("CREATE TABLE copy.old (a INT)");
  engine::LoadOptions options;
  options.replace = true;
  options.kept_suffix = "_before";
  static_cast<void>(import(dump({"--databases", "shop"}), "copy", options));
  const std::string found = picture("copy");
  EXPECT_TRUE(found == expected) << first_difference(expected, found);
  EXPECT_EQ(server().value("SELECT count(*) FROM copy_before.old"), "0");
  server().run("DROP DATABASE copy_before");
}

TEST_F(MariadbDump, KeepsDefinersOnlyIfToldTo) {
  server().run("CREATE USER 'other'@'host'");
  server().run("CREATE USER 'some'@'body'");
  server().run("GRANT ALL ON *.* TO 'other'@'host', 'some'@'body'");
  server().run("CREATE OR REPLACE DEFINER='other'@'host' VIEW shop.first AS SELECT 1 AS id");
  const auto definer = [&](const std::string& option) {
    server().run("DROP DATABASE IF EXISTS copy");
    model::Endpoint into = server().endpoint("copy");
    if (!option.empty()) into.options["definer"] = option;
    const fs::path file = home_.path() / "dump.sql";
    std::ofstream(file, std::ios::binary | std::ios::trunc) << dump({"shop"});
    const engine::LoadReport report = engine::mariadb::engine().import_file(file, into, {}, {});
    if (option.empty()) {
      EXPECT_FALSE(report.notes.empty());
    }
    return server().value(
        "SELECT DEFINER FROM information_schema.VIEWS WHERE TABLE_SCHEMA = 'copy' AND TABLE_NAME = "
        "'first'");
  };
  EXPECT_EQ(definer(""), "root@localhost");
  EXPECT_EQ(definer("keep"), "other@host");
  EXPECT_EQ(definer("some@body"), "some@body");
  server().run("DROP USER 'other'@'host', 'some'@'body'");
}

std::string status_of(pid_t pid, const std::string& key) {
  for (const auto& [name, value] : [&] {
         std::vector<std::pair<std::string, std::string>> lines;
         std::ifstream file("/proc/" + std::to_string(pid) + "/status");
         for (std::string line; std::getline(file, line);) {
           const std::size_t colon = line.find(":\t");
           if (colon == std::string::npos) continue;
           const std::size_t from = colon + 2;
           lines.emplace_back(line.substr(0, colon),
                              line.substr(from, line.find('\t', from) - from));
         }
         return lines;
       }()) {
    if (name == key) return value;
  }
  return "";
}

pid_t pid_of(const Connection& connection) {
  Connection asks = connection.again();
  return std::stoi(read_text_file(asks.value("SELECT @@pid_file")));
}

TEST(MariadbScratch, CanDoNothingToOthers) {
  const Connection connection = server().connect();
  const pid_t pid = pid_of(connection);
  EXPECT_EQ(status_of(pid, "NoNewPrivs"), "1");
  if (::geteuid() == 0) {
    const std::string uid = status_of(pid, "Uid");
    EXPECT_NE(uid, "0");
    struct ::stat production {};
    if (::stat("/var/lib/mysql/mysql", &production) == 0) {
      EXPECT_NE(uid, std::to_string(production.st_uid));
    }
  }
  Connection asks = connection.again();
  EXPECT_EQ(asks.value("SELECT LOAD_FILE('/etc/passwd')"), "");
  EXPECT_TRUE(asks.try_run("SELECT 1 INTO OUTFILE '/tmp/holdfast-outfile'"));
  EXPECT_TRUE(
      asks.try_run("SELECT 1 INTO OUTFILE '" + asks.value("SELECT @@secure_file_priv") + "/x'"));
  EXPECT_TRUE(asks.try_run("INSTALL SONAME 'ha_federatedx'"));
  EXPECT_TRUE(asks.try_run("CREATE FUNCTION f RETURNS STRING SONAME 'x.so'"));
  EXPECT_EQ(asks.value("SELECT @@skip_networking"), "1");
}

TEST(MariadbScratch, IsRemovedWhenItsProcessDied) {
  const TemporaryDirectory top("holdfast-drill");
  const fs::path home = top.path() / "1";
  fs::create_directory(home);
  // Somebody else's, as of a process that was killed: never destroyed.
  auto* const left = engine::mariadb::start_scratch({}, home).release();
  const Connection connection(engine::mariadb::location_of(left->endpoint()), nullptr, false);
  const pid_t pid = pid_of(connection);
  engine::mariadb::remove_scratch(home);
  EXPECT_EQ(status_of(pid, "State").substr(0, 1), "Z");  // ours to reap
  EXPECT_TRUE(fs::is_empty(home));
  engine::mariadb::remove_scratch(home);
  delete left;
}

TEST(MariadbScratch, GoesThroughNoDirectoryOfOthers) {
  if (::geteuid() != 0) GTEST_SKIP() << "servers run as ourselves";
  const TemporaryDirectory top("hf-top", "/var/tmp");
  fs::permissions(top.path(), fs::perms(0755));
  fs::create_directories(top.path() / "foreign" / "drill");
  fs::permissions(top.path() / "foreign", fs::perms(0700));
  try {
    const auto scratch = engine::mariadb::start_scratch({}, top.path() / "foreign" / "drill");
    ADD_FAILURE() << "it went through a directory of somebody else";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unsupported) << error.what();
  }
  EXPECT_EQ(fs::status(top.path() / "foreign").permissions(), fs::perms(0700));
  EXPECT_TRUE(fs::is_empty(top.path() / "foreign" / "drill"));
}

}  // namespace
}  // namespace holdfast::test
