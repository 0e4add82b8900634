// SPDX-License-Identifier: Apache-2.0
// MySQL, which is not to be had here: what its manual says that it answers, replayed. It shows what
// is said to such a server, not that the server understands it.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "base/error.h"
#include "contract/engine/mysql_shop.h"
#include "engine/mariadb/server_lock.h"
#include "engine/registry.h"
#include "harness/memory_parts.h"
#include "harness/scripted_mysql.h"

namespace holdfast::test {
namespace {

using Answer = ScriptedMysql::Answer;
using Line = ScriptedMysql::Line;

const Answer log_status{
    .columns = {"File", "Position", "Binlog_Do_DB", "Binlog_Ignore_DB", "Executed_Gtid_Set"},
    .lines = {{"binlog.000007", "157", "", "", "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5"}}};

// What is in a part of the copy.
std::string part_of(engine::Hold& held, const std::string& path) {
  for (const model::Part& part : held.parts(0)) {
    if (part.path != path) continue;
    MemoryPartSink sink;
    held.copy(0, part, sink, {});
    return std::string(as_text(sink.content()));
  }
  return "";
}

class MysqlReplay : public testing::Test {
 protected:
  static const engine::Engine& engine() { return *engine::find_engine("mariadb"); }
  static model::Endpoint endpoint(const ScriptedMysql& server, const std::string& schema = "shop") {
    model::Endpoint endpoint;
    endpoint.component = "main";
    endpoint.engine = "mariadb";
    endpoint.uri = "mysql:///" + schema + "?socket=" + server.socket();
    endpoint.user = "saver";
    return endpoint;
  }
  std::unique_ptr<engine::Hold> hold(const ScriptedMysql& server) {
    const model::Endpoint at = endpoint(server);
    engine::HoldOptions options;
    options.scratch_directory = scratch_.path();
    options.parallel = 2;
    options.fence_max = std::chrono::milliseconds(200);
    return engine().hold({&at, 1}, options);
  }
  // The statements that begin with one of these, in their order.
  static std::vector<std::string> said(const ScriptedMysql& server,
                                       const std::vector<std::string>& beginnings) {
    std::vector<std::string> result;
    for (const std::string& sql : server.statements()) {
      for (const std::string& beginning : beginnings) {
        if (sql.starts_with(beginning)) result.push_back(sql.substr(0, sql.find(" WITH CONS")));
      }
    }
    return result;
  }

  TemporaryDirectory scratch_{"holdfast-contract"};
};

TEST_F(MysqlReplay, HoldsUnderTheReadLockAndTheLockOnDefinitions) {
  ScriptedMysql server("8.4.3");
  describe_shop(server);
  server.answer("SHOW BINARY LOG STATUS", log_status);
  server.answer("@@GLOBAL.gtid_executed", "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5");
  const auto held = hold(server);
  held->capture();
  EXPECT_EQ(
      said(server, {"LOCK ", "FLUSH", "START", "SHOW BINARY", "SHOW MASTER", "UNLOCK"}),
      (std::vector<std::string>{"LOCK INSTANCE FOR BACKUP", "FLUSH TABLES WITH READ LOCK",
                                "START TRANSACTION", "START TRANSACTION", "SHOW BINARY LOG STATUS",
                                "SHOW BINARY LOG STATUS", "UNLOCK TABLES", "UNLOCK INSTANCE"}));
  EXPECT_EQ(held->moment(0).position, "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5");
  MemoryPartSink sink;
  for (const model::Part& part : held->parts(0)) {
    if (part.path == "tables/orders/00000.tsv") held->copy(0, part, sink, {});
  }
  EXPECT_EQ(as_text(sink.content()), "1\t{\"a\": 1.50}\n2\t\\N\n");
  model::DatabaseFacts facts;
  held->describe(0, facts);
  held->release();
  ASSERT_EQ(facts.tables.size(), 1U);
  EXPECT_EQ(facts.tables[0].rows, 2U);
  EXPECT_EQ(facts.engine_facts.at("flavour").as_string(), "mysql");
  const Json& table = facts.engine_facts.at("tables").as_array().front();
  EXPECT_EQ(table.at("columns").as_array().size(), 2U) << "generated columns are not copied";
  EXPECT_EQ(table.at("converted").as_array().front().as_string(), "doc");
}

TEST_F(MysqlReplay, SpeaksToOlderServersInTheirWords) {
  for (const char* version : {"8.0.36", "5.7.44"}) {
    ScriptedMysql server(version);
    describe_shop(server);
    server.answer("SHOW MASTER STATUS", log_status);
    server.answer("@@GLOBAL.gtid_executed", "");
    const auto held = hold(server);
    held->capture();
    EXPECT_EQ(held->moment(0).position, "binlog.000007:157");
    EXPECT_EQ(said(server, {"LOCK INSTANCE"}).size(), version[0] == '8' ? 1U : 0U) << version;
    EXPECT_TRUE(said(server, {"SHOW BINARY"}).empty());
    for (const std::string& sql : server.statements())
      EXPECT_EQ(sql.find("BACKUP STAGE"), std::string::npos);
  }
}

TEST_F(MysqlReplay, DoesWithoutTheLockOnDefinitions) {
  ScriptedMysql server("8.4.3");
  describe_shop(server);
  server.answer("LOCK INSTANCE",
                Answer{.error = 1227, .message = "Access denied; you need BACKUP_ADMIN"});
  const auto held = hold(server);
  EXPECT_TRUE(held->fence(std::chrono::steady_clock::now() + std::chrono::seconds(1)));
  held->capture();
  held->unfence();
  EXPECT_EQ(said(server, {"UNLOCK"}), (std::vector<std::string>{"UNLOCK TABLES"}));
}

TEST_F(MysqlReplay, TakesItsQuestionsBackInTime) {
  for (const char* stuck : {"LOCK INSTANCE", "FLUSH TABLES"}) {
    ScriptedMysql server("8.4.3");
    describe_shop(server);
    server.answer(stuck, Answer{.waits = true});
    const auto held = hold(server);
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_FALSE(held->fence(begun + std::chrono::milliseconds(200)));
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(20));
    EXPECT_EQ(said(server, {"KILL QUERY"}).size(), 1U);
    const bool had_first = std::string(stuck) == "FLUSH TABLES";
    EXPECT_EQ(said(server, {"UNLOCK"}).size(), had_first ? 1U : 0U);
  }
}

TEST_F(MysqlReplay, LetsTheServerEndWhatWaitsForUsAfterWeAreGone) {
  ScriptedMysql server("8.4.3");
  describe_shop(server);
  const auto held = hold(server);  // whose fence_max is 200 ms
  ASSERT_TRUE(held->fence(std::chrono::steady_clock::now() + std::chrono::milliseconds(200)));
  EXPECT_EQ(said(server, {"SET wait_timeout", "SET lock_wait_timeout", "LOCK INST", "FLUSH"}),
            (std::vector<std::string>{"SET wait_timeout=2", "SET lock_wait_timeout=1",
                                      "LOCK INSTANCE FOR BACKUP", "SET lock_wait_timeout=120",
                                      "SET lock_wait_timeout=1", "FLUSH TABLES WITH READ LOCK",
                                      "SET lock_wait_timeout=120"}));
}

TEST_F(MysqlReplay, BreaksOffWhatCannotBeKilled) {
  ScriptedMysql server("8.4.3");
  describe_shop(server);
  server.answer("FLUSH TABLES", Answer{.waits = true});
  server.answer("KILL QUERY", Answer{.error = 2013, .message = "gone"});
  const auto held = hold(server);
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_THROW(static_cast<void>(held->fence(begun + std::chrono::milliseconds(200))), Error);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(20));
}

TEST_F(MysqlReplay, BreaksOffWhatIsNotKilledInTime) {
  ScriptedMysql server("8.4.3");
  describe_shop(server);
  server.answer("FLUSH TABLES", Answer{.waits = true});
  server.answer("KILL QUERY", Answer{.waits = true});  // as if the network had died
  const auto held = hold(server);
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_THROW(static_cast<void>(held->fence(begun + std::chrono::milliseconds(200))), Error);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(20));
  EXPECT_EQ(said(server, {"KILL QUERY"}).size(), 1U);
}

TEST_F(MysqlReplay, LetsDefinitionsGoIfTheReadLockIsDenied) {
  ScriptedMysql server("8.4.3");
  describe_shop(server);
  server.answer("FLUSH TABLES", Answer{.error = 1227, .message = "Access denied; RELOAD"});
  const auto held = hold(server);
  held->capture();
  EXPECT_EQ(said(server, {"UNLOCK"}), (std::vector<std::string>{"UNLOCK INSTANCE"}));
  EXPECT_EQ(said(server, {"START"}).size(), 1U) << "one session copies all";
}

TEST_F(MysqlReplay, AsksForNoReadLockBehindALongStatement) {
  ScriptedMysql server("8.4.3");
  describe_shop(server);
  server.answer("SHOW GRANTS", "GRANT RELOAD, PROCESS ON *.* TO `saver`@`%`");
  server.answer("FROM information_schema.PROCESSLIST", "1");
  const auto held = hold(server);
  EXPECT_FALSE(held->fence(std::chrono::steady_clock::now() + std::chrono::milliseconds(200)));
  held->capture();
  EXPECT_TRUE(said(server, {"FLUSH", "LOCK INSTANCE"}).empty());
}

TEST_F(MysqlReplay, AsksOnceForAReadLockThatIsNotHad) {
  ScriptedMysql server("8.4.3");
  describe_shop(server);
  server.answer("FLUSH TABLES", Answer{.waits = true});
  const auto held = hold(server);
  for (int i = 0; i < 3; ++i)
    EXPECT_FALSE(held->fence(std::chrono::steady_clock::now() + std::chrono::milliseconds(200)));
  held->capture();
  EXPECT_EQ(said(server, {"FLUSH"}).size(), 1U);
}

TEST_F(MysqlReplay, WaitsForALockForAPartOfTheTimeOnly) {
  ScriptedMysql server("8.4.3");
  describe_shop(server);
  server.answer("FLUSH TABLES", Answer{.waits = true});
  const auto held = hold(server);
  EXPECT_FALSE(held->fence(std::chrono::steady_clock::now() + std::chrono::seconds(3)));
  // The server counts in seconds that have begun; each lock's time is reset behind it.
  const std::vector<std::string> waits = said(server, {"SET lock_wait_timeout"});
  EXPECT_EQ(waits.size(), 4U);
  for (const std::string& wait : waits) EXPECT_NE(wait, "SET lock_wait_timeout=3");
}

TEST_F(MysqlReplay, ReadsLockedTablesBeforeAnythingElse) {
  ScriptedMysql server("8.4.3");
  describe_shop(server);
  server.answer(
      "SELECT TABLE_NAME, TABLE_TYPE",
      Answer{.columns = {"a", "b", "c", "d", "e", "f"},
             .lines = {{"orders", "BASE TABLE", "MyISAM", "2", "16384", "2026-11-20 10:00:00"}}});
  server.answer("FROM `shop`.`orders`",
                Answer{.columns = {"id", "doc"}, .lines = {{"1", "{}"}, {"2", std::nullopt}}});
  const auto held = hold(server);
  held->capture();
  static_cast<void>(part_of(*held, "tables/orders/00000.tsv"));
  static_cast<void>(part_of(*held, "schema.sql"));
  const std::vector<std::string> all = server.statements();
  const auto at = [&](const std::string& beginning, std::size_t from) {
    const auto found =
        std::find_if(all.begin() + static_cast<std::ptrdiff_t>(from), all.end(),
                     [&](const std::string& sql) { return sql.starts_with(beginning); });
    return static_cast<std::size_t>(found - all.begin());
  };
  const std::size_t locked = at("LOCK TABLES", 0);
  const std::size_t read = at("SELECT `id`", locked);
  ASSERT_LT(read, all.size());
  for (std::size_t i = locked; i < read; ++i) {
    EXPECT_EQ(all[i].find("information_schema"), std::string::npos) << all[i];
    EXPECT_EQ(all[i].find("SHOW CREATE"), std::string::npos) << all[i];
  }
  EXPECT_LT(at("SHOW CREATE TABLE", read), all.size()) << "definitions are looked at once more";
}

TEST_F(MysqlReplay, RefusesAProxyThatNumbersSessionsItself) {
  ScriptedMysql server("8.4.3");
  describe_shop(server);
  server.answer("SELECT CONNECTION_ID()", "7");
  try {
    static_cast<void>(hold(server));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unsupported);
  }
}

TEST_F(MysqlReplay, NoticesTablesThatWereAlteredMeanwhile) {
  ScriptedMysql server("8.4.3");
  describe_shop(server);
  const auto held = hold(server);
  held->capture();
  const auto parts = held->parts(0);
  server.answer("FORCE INDEX (PRIMARY)",
                Answer{.error = 1412,
                       .message = "Table definition has changed, please retry "
                                  "transaction"});
  MemoryPartSink sink;
  try {
    held->copy(0, parts.front(), sink, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::not_consistent);
  }
}

TEST_F(MysqlReplay, NoticesTablesThatWereExchangedWithinASecond) {
  for (const bool encodes : {true, false}) {
    SCOPED_TRACE(encodes);
    ScriptedMysql server(encodes ? "8.4.3" : "9.7.4");
    describe_shop(server);
    if (encodes) {
      server.answer("USING filename)",
                    Answer{.columns = {"a", "b"}, .lines = {{"orders", "shop/orders"}}});
    } else {
      server.answer("USING filename)",
                    Answer{.error = 1115, .message = "Unknown character set: 'filename'"});
      server.answer("SELECT TABLE_NAME FROM information_schema.TABLES",
                    Answer{.columns = {"a"}, .lines = {{"orders"}}});
    }
    const auto is = [&](const std::string& id) {
      server.answer(
          "FROM information_schema.INNODB_TABLES",
          Answer{.columns = {"a", "b", "c"}, .lines = {{"shop/orders", "shop/orders", id}}});
    };
    is("1061");
    const auto held = hold(server);
    held->capture();
    const auto parts = held->parts(0);
    is("1062");
    MemoryPartSink sink;
    EXPECT_THROW(held->copy(0, parts.front(), sink, {}), Error);
  }
}

TEST_F(MysqlReplay, NoticesTablesThatWereExchangedMeanwhile) {
  ScriptedMysql server("8.4.3");
  describe_shop(server);
  const auto held = hold(server);
  held->capture();
  const auto parts = held->parts(0);
  server.answer("SELECT CREATE_TIME", "2026-11-20 10:00:07");
  MemoryPartSink sink;
  EXPECT_THROW(held->copy(0, parts.front(), sink, {}), Error);
}

class MysqlReplayLoad : public MysqlReplay {
 protected:
  void SetUp() override {
    ScriptedMysql server("8.4.3");
    describe_shop(server);
    const auto held = hold(server);
    held->capture();
    for (const model::Part& part : held->parts(0)) {
      MemoryPartSink sink;
      held->copy(0, part, sink, {});
      parts_.put(part.path, sink.content());
    }
    held->describe(0, facts_);
    facts_.tables.clear();  // what it would be compared with is not there
    facts_.objects.clear();
  }
  void load(ScriptedMysql& server) {
    describe_shop(server);
    server.answer("count(*) FROM information_schema.SCHEMATA", "0");
    server.answer("GET_LOCK(", "1");
    server.answer("SELECT COLLATION_NAME FROM information_schema.COLLATIONS",
                  Answer{.columns = {"a"}, .lines = {{"utf8mb4_0900_ai_ci"}}});
    engine::LoadOptions options;
    options.scratch_directory = scratch_.path();
    static_cast<void>(engine().load(parts_, facts_, endpoint(server, "shop"), options, {}));
  }

  MemoryPartSource parts_;
  model::DatabaseFacts facts_;
};

TEST_F(MysqlReplayLoad, LoadsDocumentsAsTexts) {
  ScriptedMysql server("9.1.0");
  server.answer("LOAD DATA", Answer{.takes_file = true});
  load(server);
  const auto loads = said(server, {"LOAD DATA"});
  ASSERT_EQ(loads.size(), 1U);
  EXPECT_NE(loads[0].find("(`id`, @v2) SET `doc` = CONVERT(@v2 USING utf8mb4)"), std::string::npos);
  EXPECT_EQ(server.file(), "1\t{\"a\": 1.50}\n2\t\\N\n");
  EXPECT_EQ(said(server, {"SET sql_require_primary_key=0"}).size(), 2U);
}

TEST_F(MysqlReplayLoad, SaysThatTheServersDiskIsFull) {
  ScriptedMysql server("8.4.3");
  server.answer("CREATE TABLE `orders`",
                Answer{.error = 1030,
                       .message = "Got error 28 - 'No space left on device' from storage engine"});
  try {
    load(server);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::no_space) << error.what();
    EXPECT_NE(error.message().find("orders"), std::string::npos) << error.what();
    EXPECT_NE(error.hint().find("Make room"), std::string::npos) << error.what();
  }
}

TEST_F(MysqlReplayLoad, InsertsWhereLocalFilesAreForbidden) {
  ScriptedMysql server("8.4.3");
  server.answer("LOAD DATA", Answer{.error = 3948,
                                    .message = "Loading local data is disabled; this must be "
                                               "enabled on both the client and server sides"});
  load(server);
  EXPECT_EQ(said(server, {"INSERT INTO `orders`"}),
            (std::vector<std::string>{"INSERT INTO `orders` (`id`, `doc`) VALUES "
                                      "(_binary'1','{\"a\": 1.50}'),(_binary'2',NULL)"}));
}

TEST_F(MysqlReplay, TellsWhichPrivilegesItLacks) {
  struct Case {
    const char* version;
    const char* grant;
    const char* mend;
  };
  for (const Case& one :
       {Case{"8.0.36",
             "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES ON `shop`.* TO `saver`@`%`",
             "GRANT SHOW_ROUTINE ON *.*"},
        Case{"8.0.36", "GRANT SHOW VIEW, TRIGGER, EVENT, LOCK TABLES ON `shop`.* TO `saver`@`%`",
             "GRANT SELECT ON `shop`.*"},
        Case{"8.0.11",
             "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES ON `shop`.* TO `saver`@`%`",
             "GRANT SELECT ON *.*"},
        Case{"5.7.44",
             "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES ON `shop`.* TO `saver`@`%`",
             "GRANT SELECT ON `mysql`.*"}}) {
    ScriptedMysql server(one.version);
    describe_shop(server);
    server.answer("SELECT CURRENT_USER()", "saver@%");
    server.answer("SHOW GRANTS", Answer{.columns = {"Grants"}, .lines = {{one.grant}}});
    server.answer("FROM mysql.proc", Answer{.error = 1142, .message = "SELECT command denied"});
    const engine::Probe probe = engine().probe(endpoint(server));
    EXPECT_TRUE(std::any_of(probe.findings.begin(), probe.findings.end(),
                            [&](const model::Finding& finding) {
                              return finding.severity == model::Severity::blocker &&
                                     finding.mend.find(one.mend) != std::string::npos;
                            }))
        << one.version << " " << one.mend;
  }
}

TEST_F(MysqlReplay, TakesRightsAlongHoweverAccountsAreQuoted) {
  ScriptedMysql server("5.7.44");
  describe_shop(server);
  server.answer("SELECT DISTINCT User, Host, Db FROM mysql.db",
                Answer{.columns = {"a", "b", "c"}, .lines = {{"ann", "%", "shop"}}});
  server.answer("FROM mysql.role_edges", Answer{.error = 1146, .message = "no such table"});
  server.answer("SHOW CREATE USER", "CREATE USER 'ann'@'%' IDENTIFIED WITH 'p' AS '*AB'");
  server.answer("SHOW GRANTS FOR", Answer{.columns = {"Grants"},
                                          .lines = {{"GRANT USAGE ON *.* TO 'ann'@'%'"},
                                                    {"GRANT SELECT ON `shop`.* TO 'ann'@'%'"}}});
  const auto held = hold(server);
  held->capture();
  const std::string script = part_of(*held, "grants.sql");
  EXPECT_NE(script.find("GRANT SELECT ON `shop`.* TO `ann`@`%`;"), std::string::npos) << script;
}

TEST_F(MysqlReplay, TakesSeveralRolesAlongAndMakesThemBeforeTheyAreDefaults) {
  ScriptedMysql server("8.4.3");
  describe_shop(server);
  server.answer("SELECT DISTINCT User, Host, Db FROM mysql.db",
                Answer{.columns = {"a", "b", "c"},
                       .lines = {{"app_read", "%", "shop"}, {"app_write", "%", "shop"}}});
  server.answer("FROM mysql.role_edges",
                Answer{.columns = {"a", "b", "c", "d"},
                       .lines = {{"ann", "%", "app_read", "%"}, {"ann", "%", "app_write", "%"}}});
  for (const std::string role : {"app_read", "app_write"}) {
    server.answer("SHOW CREATE USER `" + role, "CREATE USER `" + role + "`@`%` ACCOUNT LOCK");
    server.answer("SHOW GRANTS FOR `" + role, "GRANT SELECT ON `shop`.* TO `" + role + "`@`%`");
  }
  server.answer("SHOW CREATE USER `ann`",
                "CREATE USER `ann`@`%` IDENTIFIED WITH 'p' DEFAULT ROLE `app_read`@`%`,`other`@`%` "
                "REQUIRE NONE");
  server.answer("SHOW GRANTS FOR `ann`",
                Answer{.columns = {"Grants"},
                       .lines = {{"GRANT USAGE ON *.* TO `ann`@`%`"},
                                 {"GRANT `app_read`@`%`,`app_write`@`%` TO `ann`@`%`"}}});
  const auto held = hold(server);
  held->capture();
  const std::string script = part_of(*held, "grants.sql");
  std::size_t at = 0;
  for (const char* words :
       {"CREATE USER IF NOT EXISTS `ann`@`%` IDENTIFIED WITH 'p' REQUIRE NONE;",
        "GRANT `app_read`@`%` TO `ann`@`%`;", "GRANT `app_write`@`%` TO `ann`@`%`;",
        "SET DEFAULT ROLE `app_read`@`%` TO `ann`@`%`;"}) {
    at = script.find(words, at);
    ASSERT_NE(at, std::string::npos) << words << "\n" << script;
  }
}

TEST_F(MysqlReplay, PrintsGrantsThatItUnderstandsBeforeAnybodyMayLogIn) {
  ScriptedMysql server("8.4.3");
  const std::string text = engine().grants(endpoint(server), "backup");
  EXPECT_NE(text.find("GRANT REPLICATION CLIENT, PROCESS, SHOW_ROUTINE ON *.*"), std::string::npos)
      << text;
  EXPECT_EQ(engine().grants(endpoint(server), "restore").find("SET USER"), std::string::npos);
}

TEST_F(MysqlReplay, BlocksWhereItCannotSeeHowFarAReplicaIs) {
  ScriptedMysql server("8.0.36");
  describe_shop(server);
  server.answer("SELECT CURRENT_USER()", "saver@%");
  server.answer("SHOW GRANTS", Answer{.columns = {"Grants"},
                                      .lines = {{"GRANT SELECT, RELOAD, PROCESS, SHOW VIEW, "
                                                 "TRIGGER, EVENT, LOCK TABLES ON *.* TO "
                                                 "`saver`@`%`"}}});
  server.answer("SHOW REPLICA STATUS",
                Answer{.error = 1227, .message = "Access denied; REPLICATION CLIENT"});
  server.answer(
      "Innodb_history_list_length",
      Answer{.columns = {"a", "b"}, .lines = {{"Innodb_history_list_length", "2000000"}}});
  std::vector<std::string> codes;
  for (const auto& finding : engine().probe(endpoint(server)).findings)
    codes.push_back(finding.code);
  EXPECT_EQ(codes, (std::vector<std::string>{"mariadb-replica-lag-unobservable", "mariadb-history",
                                             "mariadb-privilege"}));
}

TEST_F(MysqlReplay, TellsHowFarAReplicaIs) {
  ScriptedMysql server("8.0.36");
  describe_shop(server);
  server.answer("SELECT CURRENT_USER()", "saver@%");
  server.answer("SHOW GRANTS",
                Answer{.columns = {"Grants"},
                       .lines = {{"GRANT SELECT, RELOAD, PROCESS, REPLICATION CLIENT, "
                                  "SHOW VIEW, TRIGGER, EVENT, "
                                  "LOCK TABLES ON *.* TO `saver`@`%`"}}});
  server.answer("SHOW REPLICA STATUS", Answer{.columns = {"Source_Host", "Seconds_Behind_Source"},
                                              .lines = {{"db1", "3600"}}});
  const auto codes = [&] {
    std::vector<std::string> all;
    for (const auto& finding : engine().probe(endpoint(server)).findings)
      all.push_back(finding.code);
    return all;
  };
  EXPECT_EQ(codes(), (std::vector<std::string>{"mariadb-replica-lag"}));
  server.answer("SHOW REPLICA STATUS", Answer{.columns = {"Source_Host", "Seconds_Behind_Source"},
                                              .lines = {{"db1", std::nullopt}}});
  EXPECT_EQ(codes(), (std::vector<std::string>{"mariadb-replica-lag"}));
  server.answer("SHOW REPLICA STATUS", Answer{.columns = {"Source_Host", "Seconds_Behind_Source"},
                                              .lines = {{"db1", "0"}}});
  EXPECT_TRUE(codes().empty());
}

}  // namespace
}  // namespace holdfast::test
