// SPDX-License-Identifier: Apache-2.0
// A whole MariaDB server's schemas come back: values of 64 MiB in bounded memory, everything by the
// commands that RESTORE.md prints, and the place in the binary log of which a copy is.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "engine/mariadb/sql_text.h"
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

class MariadbWhole : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<MariadbServer>(); }
  static void TearDownTestSuite() { server_.reset(); }

  void SetUp() override { make_repository(place_.repository(), place_password); }
  void TearDown() override {
    server_->run("SET GLOBAL local_infile=1, max_allowed_packet=1073741824");
    for (const std::string& schema :
         server_->rows("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT "
                       "IN ('mysql', 'sys', 'information_schema', 'performance_schema')"))
      server_->run("DROP DATABASE " + quote_name(schema));
  }

  std::string write_instance(const std::string& tables, const std::string& file = "app.toml") {
    const fs::path path = place_ / file;
    write_text(path, "name = \"app\"\n\n[repository]\nlocation = \"" +
                         place_.repository().string() + "\"\npassword_file = \"" +
                         place_.password_file().string() + "\"\n\n" + tables);
    return path.string();
  }

  // The latest copy's files, as restic gives them out.
  fs::path unpacked() {
    const fs::path target = place_ / "files";
    const Outcome outcome =
        place_.run({"restic", "-r", place_.repository().string(), "restore", "latest", "--target",
                    target.string()},
                   {.environment = {{"RESTIC_PASSWORD_FILE", place_.password_file().string()}}});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
    return target / "app";
  }

  // Runs the commands that RESTORE.md prints for a schema as somebody would who pastes them: the
  // first two are those that get it out of the repository.
  Outcome restore_by_hand(const fs::path& files, const MariadbServer& server,
                          const std::string& schema) {
    const std::string text = read_text(files / "RESTORE.md");
    std::string commands;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      const std::string line = text.substr(at, end - at);
      at = end + 1;
      if (line.starts_with("    cd /tmp/restore/"))
        commands += "cd '" + files.string() + "'\n";
      else if (line.starts_with("    cd ") || line.starts_with("    mariadb "))
        commands += line.substr(4) + "\n";
    }
    for (std::size_t at = 0; (at = commands.find("target", at)) != std::string::npos;)
      commands.replace(at, 6, schema);
    EXPECT_EQ(std::count(commands.begin(), commands.end(), '\n'), 7) << commands;
    const fs::path home = place_ / "operator";
    fs::create_directories(home);
    write_text(home / ".my.cnf", "[client]\nuser=root\nsocket=" + server.socket() + "\n");
    return place_.run({"sh", "-ec", commands}, {.environment = {{"HOME", home.string()}}});
  }

  static std::unique_ptr<MariadbServer> server_;
  Place place_;
};

std::unique_ptr<MariadbServer> MariadbWhole::server_;

// What the server's own programs say of a schema; and of an account.
std::string dump(Place& place, const MariadbServer& server, const std::string& schema) {
  const Outcome outcome = place.run(server.client(
      "mariadb-dump",
      {"--routines", "--events", "--triggers", "--hex-blob", "--skip-comments", "--skip-dump-date",
       "--skip-extended-insert", "--order-by-primary", "--default-character-set=utf8mb4", schema}));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
  return outcome.output;
}

// Nothing of ours, nothing on the server before, and local files forbidden as MySQL 8 does; by the
// commands that RESTORE.md prints.
TEST_F(MariadbWhole, EverythingComesBackOnAnEmptyServer) {
  make_ugly(*server_, "ugly");
  for (const char* sql :
       {"CREATE USER 'cl erk'@'10.%' IDENTIFIED BY 'x', teller@localhost", "CREATE ROLE counters",
        "GRANT SELECT, INSERT ON ugly.* TO 'cl erk'@'10.%'",
        "GRANT UPDATE (id), DELETE ON ugly.parents TO 'cl erk'@'10.%' WITH GRANT OPTION",
        "GRANT EXECUTE ON PROCEDURE ugly.`pro;cedure` TO counters",
        "GRANT counters TO teller@localhost", "SET DEFAULT ROLE counters FOR teller@localhost"})
    server_->run(sql);
  const auto grants = [](const MariadbServer& server) {
    std::vector<std::string> all;
    for (const char* account : {"'cl erk'@'10.%'", "teller@localhost", "counters"}) {
      for (std::string& line : server.rows(fmt::format("SHOW GRANTS FOR {}", account)))
        all.push_back(std::move(line));
    }
    return all;
  };
  const std::string patient = "[limits]\nfence_ms = 10000\nwriter_stall_ms = 60000\n\n";
  const Outcome saved = place_.holdfast(
      {"backup", "-I", write_instance(patient + server_->instance_table("main", "ugly"))});
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  const MariadbServer other({"--local-infile=0"});
  const Outcome done = restore_by_hand(unpacked(), other, "ugly");
  ASSERT_EQ(done.exit_code, 0) << done.text();
  // Of rows that did not fit; that events sleep on that server is told too.
  for (std::size_t at = 0; (at = done.output.find("(Code ", at)) != std::string::npos; ++at)
    EXPECT_EQ(done.output.substr(at, 11), "(Code 1105)") << done.text();
  EXPECT_EQ(grants(other), grants(*server_));
  const std::string expected = dump(place_, *server_, "ugly");
  EXPECT_TRUE(expected == dump(place_, other, "ugly"));
  EXPECT_GT(expected.size(), 10'000U);
  EXPECT_EQ(other.value("SELECT next_not_cached_value FROM ugly.tickets"),
            server_->value("SELECT next_not_cached_value FROM ugly.tickets"));
  // Who may not turn it on is told by the client, and nothing looks restored.
  other.run("SET GLOBAL local_infile=0");
  other.run("CREATE DATABASE again");
  const Outcome refused =
      place_.run({"sh", "-ec",
                  "cd '" + (place_ / "files/app/databases/main").string() +
                      "'; mariadb --defaults-file='" + (place_ / "operator/.my.cnf").string() +
                      "' --comments --local-infile=1 again < restore.sql"});
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_TRUE(refused.says("local infile")) << refused.text();
  for (const char* sql : {"DROP USER 'cl erk'@'10.%', teller@localhost", "DROP ROLE counters"})
    server_->run(sql);
}

// The place in the log is the one of the moment: nothing is written while it is copied.
TEST_F(MariadbWhole, TheCopyKnowsItsPlaceInTheBinaryLog) {
  const MariadbServer logging({"--log-bin=binlog", "--binlog-format=ROW", "--server-id=7"});
  logging.run("CREATE DATABASE shop");
  logging.run("CREATE TABLE shop.t (id INT PRIMARY KEY)");
  logging.run("INSERT INTO shop.t VALUES (1), (2)");
  const std::string status = logging.rows("SHOW MASTER STATUS").at(0);
  const std::string gtid = logging.value("SELECT @@gtid_binlog_pos");
  ASSERT_FALSE(gtid.empty());
  const std::string instance = write_instance(logging.instance_table("main", "shop"));
  const Outcome saved = place_.holdfast({"backup", "-I", instance});
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  EXPECT_EQ(logging.rows("SHOW MASTER STATUS").at(0), status) << "a backup writes nothing";
  const Outcome manifest = place_.holdfast({"dump", "latest", "/app/holdfast.json"});
  ASSERT_EQ(manifest.exit_code, 0) << manifest.text();
  const Json database = manifest.document().at("databases").as_array().at(0);
  const Json position = database.at("engine_facts").at("position");
  EXPECT_EQ(
      position.at("binlog_file").as_string() + "\t" + position.at("binlog_position").as_string(),
      status.substr(0, status.find('\t', status.find('\t') + 1)));
  EXPECT_EQ(position.at("gtid").as_string(), gtid);
}

// Whoever follows the log from the copy's place comes to what the server has now: not a row is
// missing or comes twice, though rows were written while the moment was fixed.
TEST_F(MariadbWhole, TheBinaryLogGoesOnWhereTheCopyEnds) {
  const MariadbServer logging({"--log-bin=binlog", "--binlog-format=ROW", "--server-id=7"});
  logging.run("CREATE DATABASE shop");
  logging.run("CREATE TABLE shop.t (id INT PRIMARY KEY AUTO_INCREMENT, n INT)");
  const std::string instance = write_instance(logging.instance_table("main", "shop"));
  {
    std::atomic<int> written = 0;
    std::jthread writer([&](const std::stop_token& stop) {
      Connection connection = logging.connect();
      for (; !stop.stop_requested(); ++written)
        connection.run(fmt::format("INSERT INTO shop.t (n) VALUES ({})", written.load()));
    });
    ASSERT_TRUE(eventually([&] { return written > 20; }));
    const Outcome saved = place_.holdfast({"backup", "-I", instance});
    ASSERT_EQ(saved.exit_code, 0) << saved.text();
    const int before = written;
    ASSERT_TRUE(eventually([&] { return written > before + 20; }));
  }
  const MariadbServer other;
  const std::string target = write_instance(other.instance_table("main", "shop"), "other.toml");
  const Outcome restored = place_.holdfast({"restore", "latest", "-I", target});
  ASSERT_EQ(restored.exit_code, 0) << restored.text();
  const std::string all = "SELECT COUNT(*), SUM(id), SUM(n), MAX(id) FROM shop.t";
  EXPECT_NE(other.rows(all), logging.rows(all));
  const Outcome manifest = place_.holdfast({"dump", "latest", "/app/holdfast.json"});
  const Json position =
      manifest.document().at("databases").as_array().at(0).at("engine_facts").at("position");
  std::string load;
  for (const std::string& word : other.client("mariadb", {})) load += " " + word;
  const Outcome followed = place_.run({"sh", "-ec",
                                       "mariadb-binlog --no-defaults --start-position=" +
                                           position.at("binlog_position").as_string() + " " +
                                           logging.value("SELECT @@datadir") +
                                           position.at("binlog_file").as_string() + " |" + load});
  EXPECT_EQ(followed.exit_code, 0) << followed.text();
  EXPECT_EQ(other.rows(all), logging.rows(all));
}

// Memory is bounded by the widest row whatever is read or written at once, on every way.
TEST_F(MariadbWhole, WideValuesComeBackInBoundedMemory) {
  constexpr std::uint64_t wide_mib = 64;
  constexpr std::uint64_t most_mib = 200 + wide_mib * 9 / 2;
  server_->run("CREATE DATABASE wide");
  for (int i = 1; i <= 3; ++i) {
    const std::string table = fmt::format("wide.wide_{}", i);
    server_->run("CREATE TABLE " + table +
                 " (id INT PRIMARY KEY, data LONGBLOB, words LONGTEXT CHARACTER SET utf8mb4)");
    server_->run("INSERT INTO " + table +
                 " VALUES (0, NULL, ''), (1, REPEAT(RANDOM_BYTES(1024), 65536), NULL), (2, '', "
                 "NULL)");
  }
  server_->run("INSERT INTO wide.wide_3 VALUES (5, NULL, REPEAT('ä😀\\\\\\n', 8388608))");
  const auto sums = [&](const std::string& schema) {
    std::vector<std::string> all;
    for (int i = 1; i <= 3; ++i) {
      for (std::string& row :
           server_->rows(fmt::format("SELECT id, MD5(data), MD5(words), LENGTH(data), "
                                     "LENGTH(words) FROM {}.wide_{} ORDER BY id",
                                     schema, i)))
        all.push_back(std::move(row));
    }
    return all;
  };
  const std::vector<std::string> before = sums("wide");
  const std::string parallel = "[limits]\nparallel = 3\n\n";
  const auto expect_bounded = [&](const std::string& what, const std::vector<std::string>& words,
                                  std::uint64_t least_mib) {
    const auto [outcome, mib] = measured(place_.start(words));
    EXPECT_EQ(outcome.exit_code, 0) << what << "\n" << outcome.text();
    EXPECT_LT(mib, most_mib) << what;
    EXPECT_GT(mib, least_mib) << what << ": not measured";
    RecordProperty(what + "_mib", std::to_string(mib));
  };
  server_->run("SET GLOBAL max_allowed_packet=16777216");
  const std::string source = write_instance(parallel + server_->instance_table("main", "wide"));
  expect_bounded("backup", {"backup", "-I", source}, wide_mib);
  for (const bool local : {true, false}) {
    // LOAD DATA takes values beyond it, statements do not.
    server_->run(fmt::format("SET GLOBAL local_infile={}, max_allowed_packet={}", local ? 1 : 0,
                             local ? 16U << 20U : 1U << 30U));
    const std::string name = local ? "loaded" : "inserted";
    const std::string target =
        write_instance(parallel + server_->instance_table("main", name), name + ".toml");
    expect_bounded("restore_" + name, {"restore", "latest", "-I", target}, wide_mib);
    EXPECT_EQ(sums(name), before);
  }
  if (!is_soak()) return;
  const std::string target =
      write_instance(parallel + server_->instance_table("main", "moved"), "moved.toml");
  expect_bounded("migrate", {"migrate", "-I", source, "--to", target}, wide_mib);
  EXPECT_EQ(sums("moved"), before);
}

// What no client was made for: more than 1 GiB in one row.
TEST_F(MariadbWhole, ARowOfMoreThanOneGibibyteComesBack) {
  if (!is_soak()) GTEST_SKIP() << "takes gigabytes";
  server_->run("CREATE DATABASE wide");
  server_->run("CREATE TABLE wide.w (id INT PRIMARY KEY, a LONGBLOB, b LONGBLOB)");
  server_->run(
      "INSERT INTO wide.w VALUES (1, REPEAT(RANDOM_BYTES(1024), 600000), "
      "REPEAT(RANDOM_BYTES(1024), 600000)), (2, 'a', 'b')");
  const std::string sums = "SELECT id, MD5(a), MD5(b) FROM {}.w ORDER BY id";
  const auto before = server_->rows(fmt::format(fmt::runtime(sums), "wide"));
  const std::string source = write_instance(server_->instance_table("main", "wide"));
  const Outcome saved = place_.holdfast({"backup", "-I", source});
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  const std::string target = write_instance(server_->instance_table("main", "again"), "again.toml");
  const Outcome restored = place_.holdfast({"restore", "latest", "-I", target});
  ASSERT_EQ(restored.exit_code, 0) << restored.text();
  EXPECT_EQ(server_->rows(fmt::format(fmt::runtime(sums), "again")), before);
}

}  // namespace
}  // namespace holdfast::test
