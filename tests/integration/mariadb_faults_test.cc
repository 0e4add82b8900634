// SPDX-License-Identifier: Apache-2.0
// A backup of MariaDB that is killed, whatever it is about to do, and one that waits for a lock of
// others: no session, lock or snapshot stays, writers go on, and nothing claims to be whole.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "harness/mariadb_server.h"
#include "harness/program.h"
#include "harness/repository_files.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;
using engine::mariadb::Connection;

class MariadbFaults : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<MariadbServer>(); }
  static void TearDownTestSuite() { server_.reset(); }

  void SetUp() override {
    make_repository(place_.repository(), place_password);
    server_->run("CREATE OR REPLACE DATABASE shop");
    server_->run("CREATE TABLE shop.old_style (id INT) ENGINE=MyISAM");
    server_->run("CREATE TABLE shop.t (id INT PRIMARY KEY, body VARBINARY(4000))");
    server_->run("INSERT INTO shop.t SELECT seq, RANDOM_BYTES(1000) FROM mysql.seq_1_to_20000");
  }

  std::string write_instance(int fence_ms) {
    const fs::path path = place_ / "app.toml";
    write_text(path, fmt::format("name = \"app\"\n\n[repository]\nlocation = \"{}\"\npassword_file "
                                 "= \"{}\"\n\n[limits]\nfence_ms = {}\nwriter_stall_ms = "
                                 "60000\n\n{}",
                                 place_.repository().string(), place_.password_file().string(),
                                 fence_ms, server_->instance_table("main", "shop")));
    return path.string();
  }
  std::size_t snapshots() {
    return place_.holdfast({"snapshots", "--json", "--tag", "holdfast"}).array().size();
  }
  // How many other sessions are in such a state.
  [[nodiscard]] static std::string sessions(const std::string& condition) {
    return server_->value(
        "SELECT count(*) FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() AND USER "
        "= 'root' AND (" +
        condition + ")");
  }
  // Whether nothing but the test's own sessions is there, and nobody is kept waiting.
  static void expect_nothing_left(std::size_t own_sessions = 0) {
    EXPECT_TRUE(eventually([&] { return sessions("TRUE") == std::to_string(own_sessions); }))
        << testing::PrintToString(server_->rows("SHOW FULL PROCESSLIST"));
    Connection writer = server_->connect();
    writer.run("SET lock_wait_timeout=10, innodb_lock_wait_timeout=10");
    for (const char* sql :
         {"INSERT INTO shop.t (id) VALUES (0)", "DELETE FROM shop.t WHERE id = 0",
          "INSERT INTO shop.old_style VALUES (0)", "ALTER TABLE shop.t COMMENT 'changed'"}) {
      const auto failure = writer.try_run(sql);
      EXPECT_FALSE(failure) << sql << ": " << failure->display();
    }
  }

  static inline std::unique_ptr<MariadbServer> server_;
  Place place_;
};

TEST_F(MariadbFaults, AHoldfastKilledWhileItWaitsForLocksLeavesNothing) {
  // By the server's own lock, or by their rows, whichever comes first.
  const std::string seen =
      "STATE LIKE 'Waiting for backup lock%' OR INFO LIKE 'SELECT%FROM `shop`.`t`%'";
  for (const char* lock : {"LOCK TABLES shop.old_style WRITE", "LOCK TABLES shop.t WRITE"}) {
    Connection other = server_->connect();
    other.run(lock);
    Started run = place_.start({"backup", "-I", write_instance(60'000)});
    EXPECT_TRUE(eventually([&] { return sessions(seen) != "0" || run.has_ended(); })) << lock;
    EXPECT_FALSE(run.has_ended()) << lock;
    run.kill(SIGKILL);
    static_cast<void>(run.wait());
    other.run("UNLOCK TABLES");
    expect_nothing_left(1);
    EXPECT_EQ(snapshots(), 0U) << lock;
    server_->run("ALTER TABLE shop.old_style ENGINE=InnoDB");
  }
}

// One server is fenced while the other is not to be had.
TEST_F(MariadbFaults, AHoldfastKilledWithinItsFenceLetsWritersGoOn) {
  server_->run("ALTER TABLE shop.old_style ENGINE=InnoDB");
  const MariadbServer second;
  second.run("CREATE DATABASE shop");
  second.run("CREATE TABLE shop.t (id INT PRIMARY KEY)");
  Connection busy = second.connect();
  busy.run("START TRANSACTION");
  busy.run("INSERT INTO shop.t VALUES (1)");
  const std::string instance = write_instance(5000);
  write_text(instance, read_text(instance) + second.instance_table("second", "shop"));
  Connection writer = server_->connect();
  writer.run("SET lock_wait_timeout=0");
  Started run = place_.start({"backup", "-I", instance});
  EXPECT_TRUE(eventually([&] {
    return writer.try_run("UPDATE shop.t SET body = '' WHERE id = 1") || run.has_ended();
  }));
  EXPECT_FALSE(run.has_ended()) << "not killed within the fence";
  run.kill(SIGKILL);
  static_cast<void>(run.wait());
  expect_nothing_left(1);
  EXPECT_EQ(snapshots(), 0U);
}

// From the first connection to the last part: nothing stays, and the next backup is whole.
TEST_F(MariadbFaults, AHoldfastKilledAtAnyStageLeavesNothing) {
  for (int i = 0; i < 30; ++i)
    server_->run(fmt::format("CREATE TABLE shop.t_{} AS SELECT seq FROM mysql.seq_1_to_2000", i));
  const std::string instance = write_instance(2000);
  const auto begun = std::chrono::steady_clock::now();
  ASSERT_EQ(place_.holdfast({"backup", "-I", instance}).exit_code, 0);
  const auto whole = std::chrono::steady_clock::now() - begun;
  constexpr int stages = 8;
  int killed = 0;
  for (int stage = 1; stage < stages; ++stage) {
    Started run = place_.start({"backup", "-I", instance});
    std::this_thread::sleep_for(whole * stage / stages);
    killed += run.has_ended() ? 0 : 1;
    run.kill(SIGKILL);
    static_cast<void>(run.wait());
    expect_nothing_left();
  }
  EXPECT_GE(killed, 1);
  EXPECT_LE(snapshots(), static_cast<std::size_t>(stages));
  const Outcome after = place_.holdfast({"backup", "-I", instance});
  EXPECT_EQ(after.exit_code, 0) << after.text();
  EXPECT_EQ(place_.holdfast({"unlock"}).exit_code, 0);
  const Outcome checked = place_.holdfast({"check", "--read-data"});
  EXPECT_EQ(checked.exit_code, 0) << checked.text();
}

TEST_F(MariadbFaults, ALockThatIsNotHadInTimeFailsByName) {
  Connection other = server_->connect();
  other.run("LOCK TABLES shop.old_style WRITE");
  const Outcome outcome = place_.holdfast({"backup", "-I", write_instance(300)});
  EXPECT_NE(outcome.exit_code, 0);
  EXPECT_TRUE(outcome.says("old_style")) << outcome.text();
  EXPECT_TRUE(outcome.says("fence_ms")) << outcome.text();
  other.run("UNLOCK TABLES");
  expect_nothing_left(1);
  EXPECT_EQ(snapshots(), 0U);
}

// Locks on tables with transactions are waited for, without keeping anybody else waiting.
TEST_F(MariadbFaults, ALockThatIsLetGoOfIsWaitedFor) {
  server_->run("ALTER TABLE shop.old_style ENGINE=InnoDB");
  Connection other = server_->connect();
  other.run("LOCK TABLES shop.t WRITE");
  Started run = place_.start({"backup", "-I", write_instance(2000)});
  EXPECT_TRUE(eventually(
      [&] { return sessions("INFO LIKE 'SELECT%FROM `shop`.`t`%'") != "0" || run.has_ended(); }));
  EXPECT_FALSE(run.has_ended());
  Connection writer = server_->connect();
  writer.run("SET lock_wait_timeout=10");
  writer.run("INSERT INTO shop.old_style VALUES (1)");
  other.run("UNLOCK TABLES");
  const Outcome saved = run.wait();
  EXPECT_EQ(saved.exit_code, 0) << saved.text();
  expect_nothing_left(2);
}

// Whoever changes a definition is not kept waiting by a backup that queues behind him: he goes
// first, and the backup says that it is not of one moment.
TEST_F(MariadbFaults, ABackupBehindAnAlterFailsByName) {
  server_->run("ALTER TABLE shop.old_style ENGINE=InnoDB");
  Connection reader = server_->connect();
  reader.run("START TRANSACTION");
  static_cast<void>(reader.value("SELECT count(*) FROM shop.t"));
  Connection changer = server_->connect();
  std::jthread altering([&] {
    changer.run("SET lock_wait_timeout=60");
    changer.run("ALTER TABLE shop.t ADD COLUMN more INT");
  });
  ASSERT_TRUE(
      eventually([&] { return sessions("INFO LIKE 'ALTER%' AND STATE LIKE 'Waiting%'") != "0"; }));
  Started run = place_.start({"backup", "-I", write_instance(300)});
  EXPECT_TRUE(eventually([&] {
    return sessions("INFO LIKE 'SELECT%FROM `shop`.`t`%' AND STATE LIKE 'Waiting%'") != "0" ||
           run.has_ended();
  }));
  reader.run("COMMIT");
  altering.join();
  const Outcome outcome = run.wait();
  EXPECT_NE(outcome.exit_code, 0) << outcome.text();
  EXPECT_TRUE(outcome.says("table t") || outcome.says("tables/t")) << outcome.text();
  expect_nothing_left(2);
  EXPECT_EQ(snapshots(), 0U);
}

}  // namespace
}  // namespace holdfast::test
