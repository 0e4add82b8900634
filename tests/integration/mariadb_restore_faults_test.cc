// SPDX-License-Identifier: Apache-2.0
// The whole program while MariaDB, its disk, a session or Holdfast itself fails during a restore:
// what was there is there, or what was restored, never half of either; and nothing is left lying
// about once `resume` has run.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
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

constexpr int views = 40;

class MariadbRestoreFaults : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<MariadbServer>(); }
  static void TearDownTestSuite() { server_.reset(); }

  void SetUp() override {
    if (!fs::exists(place_.repository() / "config"))
      make_repository(place_.repository(), place_password);
    // What is committed outlives the server.
    server_->run("SET GLOBAL innodb_flush_log_at_trx_commit=1");
    make_shop();
    instance_ = write_instance("shop");
    const Outcome saved = place_.holdfast({"backup", "-I", instance_});
    ASSERT_EQ(saved.exit_code, 0) << saved.text();
    make_old();
  }
  void TearDown() override {
    for (const std::string& schema : schemas()) server_->run("DROP DATABASE `" + schema + "`");
  }

  // Code enough for the way from the RENAME to the end to be seen.
  static void make_shop() {
    Connection c = server_->connect();
    c.run("CREATE DATABASE shop");
    c.use("shop");
    c.run("CREATE TABLE orders (id INT PRIMARY KEY, n INT)");
    c.run("INSERT INTO orders SELECT seq, 1 FROM mysql.seq_1_to_1000");
    c.run("CREATE TABLE large (id INT PRIMARY KEY, t TEXT, KEY (t(20)))");
    c.run("INSERT INTO large SELECT seq, REPEAT(MD5(seq), 8) FROM mysql.seq_1_to_60000");
    c.run("CREATE TRIGGER tr BEFORE INSERT ON orders FOR EACH ROW SET NEW.n = 7");
    c.run("CREATE PROCEDURE p() SELECT 1");
    for (int i = 0; i < views; ++i)
      c.run(fmt::format("CREATE VIEW v{} AS SELECT * FROM orders", i));
  }
  static void make_old() { server_->run("UPDATE shop.orders SET n = 99"); }

  std::string write_instance(const std::string& schema) {
    const fs::path path = place_ / (schema + ".toml");
    write_text(path, "name = \"app\"\n\n[repository]\nlocation = \"" +
                         place_.repository().string() + "\"\npassword_file = \"" +
                         place_.password_file().string() +
                         "\"\n\n[limits]\nwriter_stall_ms = 60000\n\n" +
                         server_->instance_table("main", schema));
    return path.string();
  }

  static std::vector<std::string> schemas() {
    return server_->rows(
        "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT IN ('mysql', "
        "'sys', 'information_schema', 'performance_schema') ORDER BY 1");
  }
  static bool is(const std::string& count) { return server_->value(count) != "0"; }
  static std::string schemas_like(const std::string& pattern) {
    return "SELECT count(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE '" + pattern +
           "'";
  }
  static std::string tables_like(const std::string& schema, const std::string& table) {
    return "SELECT count(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA LIKE '" + schema +
           "' AND TABLE_NAME LIKE '" + table + "'";
  }

  enum class Side { old, fresh };
  // The schema is whole, on whichever side, and nothing of ours is there.
  static std::optional<Side> whole_side() {
    EXPECT_EQ(server_->value(schemas_like("%\\_holdfast\\_%")), "0");
    EXPECT_EQ(server_->value(tables_like("%", "holdfast\\_%")), "0");
    EXPECT_EQ(server_->value("SELECT CONCAT_WS(' ', (SELECT count(*) FROM shop.orders), (SELECT "
                             "count(DISTINCT n) FROM shop.orders), (SELECT count(*) FROM "
                             "shop.large))"),
              "1000 1 60000");
    EXPECT_EQ(server_->value("SELECT count(*) FROM information_schema.VIEWS WHERE TABLE_SCHEMA = "
                             "'shop'"),
              std::to_string(views));
    EXPECT_EQ(server_->value("SELECT count(*) FROM information_schema.TRIGGERS WHERE "
                             "TRIGGER_SCHEMA = 'shop'"),
              "1");
    EXPECT_EQ(server_->value("CALL shop.p()"), "1");
    EXPECT_EQ(server_->value("SELECT n FROM shop.v0 WHERE id = 1"),
              server_->value("SELECT n FROM shop.orders WHERE id = 1"));
    const std::string n = server_->value("SELECT n FROM shop.orders WHERE id = 1");
    if (n == "99") return Side::old;
    if (n == "1") return Side::fresh;
    ADD_FAILURE() << "orders has " << n;
    return std::nullopt;
  }
  // Only the schema itself, with the old rows, as before a restore.
  void start_over() {
    for (const std::string& schema : schemas())
      if (schema != "shop") server_->run("DROP DATABASE `" + schema + "`");
    make_old();
  }
  void resume() {
    Outcome outcome;
    EXPECT_TRUE(eventually([&] {
      outcome = place_.holdfast({"resume"});
      return outcome.exit_code == 0;
    })) << outcome.text();
    std::error_code missing;
    EXPECT_TRUE(fs::is_empty(place_.state() / "journals", missing));
  }
  Started replace() { return place_.start({"restore", "latest", "-I", instance_, "--replace"}); }

  static std::unique_ptr<MariadbServer> server_;
  Place place_;
  std::string instance_;
};

std::unique_ptr<MariadbServer> MariadbRestoreFaults::server_;

// How far a restore that replaces `shop` is.
struct Stage {
  const char* name;
  std::string is_reached;  // not "0"
  bool waits;              // held there by another's transaction
};
std::vector<Stage> stages() {
  const auto tables = [](const std::string& schema, const std::string& table) {
    return "SELECT count(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA LIKE '" + schema +
           "' AND TABLE_NAME LIKE '" + table + "'";
  };
  return {{"filling", tables("shop\\_holdfast\\_%", "large"), false},
          {"waiting",
           "SELECT count(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for "
           "table metadata lock' AND INFO LIKE 'LOCK TABLES%'",
           true},
          {"renamed", tables("shop\\_before\\_%", "orders"), false},
          {"finishing", tables("shop\\_before\\_%", "v39"), false}};
}

TEST_F(MariadbRestoreFaults, IsWhollyOldOrWhollyNewWhereverItIsKilled) {
  for (const int signal : {SIGKILL, SIGINT, SIGTERM}) {
    for (const Stage& stage : stages()) {
      SCOPED_TRACE(fmt::format("signal {} while {}", signal, stage.name));
      Connection busy = server_->connect();
      if (stage.waits) {
        busy.run("START TRANSACTION");
        busy.run("SELECT * FROM shop.orders LIMIT 1");
      }
      Started run = replace();
      Connection looking = server_->connect();
      ASSERT_TRUE(
          eventually([&] { return looking.value(stage.is_reached) != "0" || run.has_ended(); }));
      run.kill(signal);
      const Outcome outcome = run.wait();
      if (stage.waits) busy.run("COMMIT");
      resume();
      const auto side = whole_side();
      if (signal != SIGKILL) {
        EXPECT_EQ(side == Side::fresh, outcome.exit_code == 0) << outcome.text();
      }
      if (stage.waits) {
        EXPECT_EQ(side, Side::old) << outcome.text();
      }
      start_over();
    }
  }
}

// Not all is done when the tables are in their place, and a signal may come at any time then.
TEST_F(MariadbRestoreFaults, ItsExitCodeSaysWhichSideItIsOnHoweverLateTheSignal) {
  const int delays = is_soak() ? 60 : 8;
  for (int i = 0; i < delays; ++i) {
    SCOPED_TRACE(fmt::format("delay {}", i));
    Started run = replace();
    Connection looking = server_->connect();
    const std::string renamed = stages()[2].is_reached;
    ASSERT_TRUE(eventually([&] { return looking.value(renamed) != "0" || run.has_ended(); }));
    std::this_thread::sleep_for(std::chrono::milliseconds(i * 120 / delays));
    run.kill(i % 2 == 0 ? SIGINT : SIGTERM);
    const Outcome outcome = run.wait();
    resume();
    EXPECT_EQ(whole_side() == Side::fresh, outcome.exit_code == 0) << outcome.text();
    start_over();
  }
}

TEST_F(MariadbRestoreFaults, TheServerMayDieAtAnyTime) {
  for (const Stage& stage : stages()) {
    SCOPED_TRACE(stage.name);
    std::optional<Connection> busy(server_->connect());
    if (stage.waits) {
      busy->run("START TRANSACTION");
      busy->run("SELECT * FROM shop.orders LIMIT 1");
    }
    Started run = replace();
    {
      Connection looking = server_->connect();
      ASSERT_TRUE(
          eventually([&] { return looking.value(stage.is_reached) != "0" || run.has_ended(); }));
    }
    server_->crash();
    const Outcome outcome = run.wait();
    busy.reset();
    server_->start_again();
    server_->run("SET GLOBAL innodb_flush_log_at_trx_commit=1");
    resume();
    const auto side = whole_side();
    EXPECT_EQ(side == Side::fresh, outcome.exit_code == 0) << outcome.text();
    if (outcome.exit_code != 0) {
      EXPECT_TRUE(outcome.says("server")) << outcome.text();
    }
    start_over();
    const Outcome again = replace().wait();
    EXPECT_EQ(again.exit_code, 0) << again.text();
    EXPECT_EQ(whole_side(), Side::fresh);
    start_over();
  }
}

TEST_F(MariadbRestoreFaults, ASessionThatIsKilledIsNamedAndNothingIsLeft) {
  const std::string filling =
      "SELECT MAX(ID) FROM information_schema.PROCESSLIST WHERE DB LIKE 'shop\\_holdfast\\_%' AND "
      "ID <> CONNECTION_ID() AND INFO LIKE 'LOAD DATA%'";
  const std::string waiting =
      "SELECT MAX(ID) FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for table "
      "metadata lock' AND INFO LIKE 'LOCK TABLES%'";
  for (const bool waits : {false, true}) {
    SCOPED_TRACE(waits);
    Connection busy = server_->connect();
    busy.run("START TRANSACTION");
    busy.run("SELECT * FROM shop.orders LIMIT 1");
    // A kill may come when the rows are there already: then once more.
    for (int attempt = 0; attempt < 10; ++attempt) {
      Started run = replace();
      Connection killer = server_->connect();
      std::string session;
      ASSERT_TRUE(eventually([&] {
        session = killer.value(waits ? waiting : filling);
        const bool is_past = !waits && !killer.value(waiting).empty();
        return !session.empty() || is_past || run.has_ended();
      }));
      const bool was_killed = !session.empty() && !killer.try_run("KILL " + session);
      if (!was_killed) run.kill(SIGTERM);
      const Outcome outcome = run.wait();
      EXPECT_NE(outcome.exit_code, 0) << outcome.text();
      resume();
      if (!was_killed || (!waits && !outcome.says("large") && !outcome.says("orders"))) continue;
      EXPECT_TRUE(outcome.says("server has gone away") || outcome.says("Lost connection") ||
                  outcome.says("killed"))
          << outcome.text();
      break;
    }
    busy.run("COMMIT");
    EXPECT_EQ(whole_side(), Side::old);
    EXPECT_EQ(schemas(), (std::vector<std::string>{"shop"}));
  }
}

// By a limit of the server's own, which is as full as a disk.
TEST_F(MariadbRestoreFaults, AFullDiskOfTheServerIsNamedWithItsTableAndNothingIsLeft) {
  auto server = std::make_unique<MariadbServer>(std::vector<std::string>{
      "--innodb-file-per-table=0", "--innodb-data-file-path=ibdata1:12M:autoextend:max:24M"});
  server->run("CREATE DATABASE shop");
  server->run("CREATE TABLE shop.orders (id INT PRIMARY KEY)");
  server->run("INSERT INTO shop.orders VALUES (5)");
  std::swap(server, server_);
  const std::string full = write_instance("shop");
  std::swap(server, server_);
  const Outcome outcome = place_.holdfast({"restore", "latest", "-I", full, "--replace"});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.text();
  EXPECT_TRUE(outcome.says("1114")) << outcome.text();
  EXPECT_TRUE(outcome.says("large")) << outcome.text();
  EXPECT_TRUE(outcome.says("Make room")) << outcome.text();
  EXPECT_EQ(server->value("SELECT id FROM shop.orders"), "5");
  EXPECT_EQ(server->value("SELECT GROUP_CONCAT(SCHEMA_NAME) FROM information_schema.SCHEMATA "
                          "WHERE SCHEMA_NAME LIKE 'shop%'"),
            "shop");
  const Outcome resumed = place_.holdfast({"resume"});
  EXPECT_EQ(resumed.exit_code, 0) << resumed.text();
}

// The journal of a run that had ended well, as it was before its last line. A second name keeps its
// entries, which go with the run.
class MariadbJournal : public MariadbRestoreFaults {
 protected:
  void take_journal_of(const std::function<Outcome()>& wait, const fs::path& entries) {
    const fs::path journals = place_.state() / "journals";
    ASSERT_TRUE(eventually([&] {
      std::error_code failure;
      for (const auto& item : fs::directory_iterator(journals, failure)) {
        if (item.path().filename().string().starts_with(".")) continue;
        fs::create_hard_link(item.path() / "entries", entries, failure);
        if (failure) continue;
        fs::copy_file(item.path() / "about.json", place_ / "about.json", failure);
        return !failure;
      }
      return false;
    }));
    const Outcome outcome = wait();
    EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
  }
  // Without what settles entries.
  void put_journal(const fs::path& entries, bool is_intact) {
    const fs::path directory = place_.state() / "journals" / "20261120T105601Z-app-1-00000000";
    fs::create_directories(directory);
    fs::copy_file(place_ / "about.json", directory / "about.json");
    std::string text, line;
    for (const char c : read_text(entries)) {
      line += c;
      if (c != '\n') continue;
      if (line.find("\"settled\"") == std::string::npos) text += line;
      line.clear();
    }
    write_text(directory / "entries", text);
    write_text(directory / "lock", "");
    if (is_intact) write_text(directory / "intact", "");
  }
};

TEST_F(MariadbJournal, WhatWasDoneStaysUnlessItsUndoHadBegun) {
  for (const bool is_intact : {true, false}) {
    Started run = replace();
    const fs::path entries = place_ / "entries";
    take_journal_of([&] { return run.wait(); }, entries);
    ASSERT_EQ(whole_side(), Side::fresh);
    put_journal(entries, is_intact);
    const Outcome resumed = place_.holdfast({"resume"});
    EXPECT_EQ(resumed.exit_code, 0) << resumed.text();
    EXPECT_EQ(resumed.says("was done, and stays"), is_intact) << resumed.text();
    EXPECT_EQ(whole_side(), is_intact ? Side::fresh : Side::old);
    fs::remove(entries);
    fs::remove(place_ / "about.json");
    start_over();
  }
}

}  // namespace
}  // namespace holdfast::test
