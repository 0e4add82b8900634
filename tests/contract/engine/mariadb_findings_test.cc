// SPDX-License-Identifier: Apache-2.0
// What preflight says of MariaDB and MySQL, by code: with a real server where one can be brought
// into that state, else with the answers of one replayed.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "contract/engine/mariadb_load_fixture.h"
#include "contract/engine/mysql_shop.h"
#include "engine/mariadb/location.h"
#include "harness/scripted_mysql.h"

namespace holdfast::test {
namespace {

using Answer = ScriptedMysql::Answer;
using model::Severity;

using Found = std::map<std::string, Severity>;

Found by_code(const std::vector<model::Finding>& findings) {
  Found found;
  for (const model::Finding& finding : findings) {
    found[finding.code] = finding.severity;
    EXPECT_FALSE(finding.seen.empty() || finding.why.empty() || finding.mend.empty())
        << finding.code;
  }
  return found;
}

class MariadbFindings : public MariadbLoad {
 protected:
  void TearDown() override {
    server_->run("SET GLOBAL local_infile=1, max_allowed_packet=1073741824");
    server_->run("DROP USER IF EXISTS poor@localhost");
    MariadbLoad::TearDown();
  }
  static Found found_at(const model::Endpoint& endpoint) {
    Found found = by_code(engine().probe(endpoint).findings);
    found.erase("mariadb-disk-low");  // the tester's own disk
    return found;
  }
  static Found found() { return found_at(server_->endpoint("shop")); }
  // Of a restore of the schema's copy, after a change of what was written down about it.
  Found found_by_restore(const std::function<void(model::DatabaseFacts&)>& change,
                         const engine::LoadOptions& options = {},
                         const model::Endpoint* into = nullptr) {
    const auto copy = back_up();
    change(copy->facts);
    return by_code(engine().check_load(
        copy->facts, into == nullptr ? server_->endpoint("copy") : *into, options));
  }
};

TEST_F(MariadbFindings, OfAPlainSchemaThereAreNone) {
  server_->run("CREATE TABLE shop.t (a INT PRIMARY KEY, b LONGTEXT)");
  EXPECT_EQ(found(), Found());
  EXPECT_EQ(found_by_restore([](auto&) {}), Found());
}

TEST_F(MariadbFindings, TellOfRowsThatAreNotCopiedAsOthersAre) {
  server_->run("CREATE TABLE shop.old_style (id INT) ENGINE=MyISAM");
  server_->run("CREATE TABLE shop.many (id INT) ENGINE=MERGE UNION=(shop.old_style)");
  server_->run("CREATE TABLE shop.dated (id INT) WITH SYSTEM VERSIONING");
  EXPECT_EQ(found(), (Found{{"mariadb-nontransactional", Severity::warning},
                            {"mariadb-row-history", Severity::warning},
                            {"mariadb-rows-elsewhere", Severity::warning}}));
  model::Endpoint strict = server_->endpoint("shop");
  strict.options = {{"nontransactional", "refuse"}};
  EXPECT_EQ(found_at(strict)["mariadb-nontransactional"], Severity::blocker);
}

TEST_F(MariadbFindings, TellOfLimitsOfStatementsAndFiles) {
  server_->run("SET GLOBAL local_infile=0, max_allowed_packet=65536");
  EXPECT_EQ(found(), (Found{{"mariadb-local-infile", Severity::note},
                            {"mariadb-max-allowed-packet", Severity::warning}}));
  const auto widen = [](model::DatabaseFacts& facts) {
    facts.engine_facts.set("widest_row_bytes", std::uint64_t{40'000});
  };
  EXPECT_EQ(found_by_restore(widen), (Found{{"mariadb-max-allowed-packet", Severity::blocker}}));
  server_->run("SET GLOBAL local_infile=1");
  EXPECT_EQ(found_by_restore(widen), Found());
}

TEST_F(MariadbFindings, TellWhatTheTargetLacks) {
  server_->run("CREATE TABLE shop.t (a INT PRIMARY KEY)");
  EXPECT_EQ(found_by_restore([](model::DatabaseFacts& facts) {
              Json tables = Json::array();
              tables.push(Json::object().set("name", "t").set("engine", "TokuDB"));
              facts.engine_facts.set("tables", std::move(tables));
              facts.engine_facts.set("lower_case_table_names", std::uint64_t{2});
            }),
            (Found{{"mariadb-engine-missing", Severity::blocker},
                   {"mariadb-lower-case-table-names", Severity::warning}}));
}

TEST_F(MariadbFindings, TellThatTheTargetsDiskIsFull) {
  server_->run("CREATE TABLE shop.t (a INT PRIMARY KEY)");
  server_->run("CREATE TABLE shop.u (a INT PRIMARY KEY)");
  constexpr std::uint64_t all = std::uint64_t{1} << 60U;
  const auto grow = [](std::uint64_t copied, std::uint64_t taken) {
    return [=](model::DatabaseFacts& facts) {
      facts.parts = {{"tables/t/00000.tsv", copied}};
      Json tables = Json::array();
      tables.push(Json::object()
                      .set("name", "t")
                      .set("engine", "InnoDB")
                      .set("bytes", taken)
                      .set("parts", Json::array().push("tables/t/00000.tsv")));
      facts.engine_facts.set("tables", std::move(tables));
    };
  };
  const Found full{{"mariadb-target-space", Severity::blocker}};
  EXPECT_EQ(found_by_restore(grow(all, all)), full);
  // Packed on the server, or full of holes: the less of both is needed.
  EXPECT_EQ(found_by_restore(grow(all, 1)), Found());
  EXPECT_EQ(found_by_restore(grow(1, all)), Found());
  engine::LoadOptions one;
  one.tables = {{"", "u"}};
  EXPECT_EQ(found_by_restore(grow(all, all), one), Found());
  engine::LoadOptions scratch;
  scratch.on_scratch = true;
  EXPECT_EQ(found_by_restore(grow(all, all), scratch), Found());
}

TEST_F(MariadbFindings, TellWhatAnAccountDoesNotSee) {
  server_->run("CREATE TABLE shop.parts_of (a INT PRIMARY KEY) PARTITION BY HASH (a) PARTITIONS 2");
  server_->run("CREATE USER poor@localhost");
  server_->run(
      "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES, CREATE, DROP, ALTER, INSERT, INDEX, "
      "REFERENCES, CREATE VIEW, CREATE ROUTINE, ALTER ROUTINE, EXECUTE, DELETE, UPDATE ON shop.* "
      "TO poor@localhost");
  model::Endpoint poor = server_->endpoint("shop");
  poor.user = "poor";
  Found seen = found_at(poor);
  EXPECT_TRUE(seen.contains("mariadb-accounts-hidden"));
  // Without mysql.proc it is blind, which is said alone.
  EXPECT_FALSE(seen.contains("mariadb-partitions-unobservable"));
  server_->run("GRANT SELECT ON mysql.* TO poor@localhost");
  seen = found_at(poor);
  EXPECT_FALSE(seen.contains("mariadb-accounts-hidden"));
  EXPECT_EQ(seen["mariadb-partitions-unobservable"], Severity::note);
  engine::LoadOptions replace;
  replace.replace = true;
  EXPECT_TRUE(
      found_by_restore([](auto&) {}, replace, &poor).contains("mariadb-foreign-keys-unobservable"));
  server_->run("GRANT PROCESS ON *.* TO poor@localhost");
  EXPECT_FALSE(found_at(poor).contains("mariadb-partitions-unobservable"));
  EXPECT_FALSE(
      found_by_restore([](auto&) {}, replace, &poor).contains("mariadb-foreign-keys-unobservable"));
}

TEST_F(MariadbFindings, TellThatEventsAreNotShown) {
  const MariadbServer other({"--event-scheduler=DISABLED"});
  other.run("CREATE DATABASE shop");
  EXPECT_EQ(found_at(other.endpoint("shop")),
            (Found{{"mariadb-events-unobservable", Severity::blocker}}));
  // Who accepts that gets all the rest.
  other.run("CREATE TABLE shop.t (a INT PRIMARY KEY)");
  EXPECT_EQ(back_up("shop", &other)->facts.tables.size(), 1U);
  server_->run("CREATE EVENT shop.e ON SCHEDULE EVERY 1 DAY DO SET @a = 1");
  const model::Endpoint into = other.endpoint("copy");
  EXPECT_TRUE(found_by_restore([](auto&) {}, {}, &into).contains("mariadb-target-events"));
}

TEST_F(MariadbFindings, TellOfDumpsThatCannotBeRead) {
  const TemporaryDirectory home("holdfast-contract");
  const auto write = [&](const char* name, std::string_view text) {
    write_file_durably(home.path() / name, as_bytes(text));
  };
  write("metadata",
        "Started dump at: 2026-11-20 17:47:16\nFinished dump at: 2026-11-20 17:47:17\n");
  write("shop.a-schema.sql", "CREATE TABLE `a` (`id` int);\n");
  write("shop.a.00000.dat", "1\n");
  write("shop.b-schema.sql", "DELIMITER \n");
  const auto inspection = engine().inspect(home.path(), {.deep = true}, {});
  ASSERT_TRUE(inspection);
  EXPECT_EQ(by_code(inspection->findings),
            (Found{{"mariadb-dump-damaged", Severity::blocker},
                   {"mariadb-dump-truncated", Severity::blocker},
                   {"mariadb-dump-unknown-file", Severity::warning}}));
}

// MySQL, and states that no server of ours can be brought into.
class MysqlFindings : public testing::Test {
 protected:
  static Found found(const ScriptedMysql& server) {
    return by_code(engine::find_engine("mariadb")->probe(endpoint(server)).findings);
  }
  static model::Endpoint endpoint(const ScriptedMysql& server) {
    model::Endpoint endpoint;
    endpoint.component = "main";
    endpoint.engine = "mariadb";
    endpoint.uri = "mysql:///shop?socket=" + server.socket();
    endpoint.user = "saver";
    return endpoint;
  }
  static void describe(ScriptedMysql& server) {
    describe_shop(server);
    server.answer("SELECT CURRENT_USER()", "saver@%");
    server.answer("SHOW GRANTS", "GRANT ALL PRIVILEGES ON *.* TO `saver`@`%`");
  }
};

TEST_F(MysqlFindings, TellOfVersionsThatWereNotTried) {
  ScriptedMysql server("5.6.51");
  describe(server);
  EXPECT_EQ(found(server), (Found{{"mariadb-version", Severity::warning}}));
}

TEST_F(MysqlFindings, TellThatRightsAreNotShown) {
  ScriptedMysql server("8.4.3");
  describe(server);
  server.answer("SHOW GRANTS", Answer{.error = 1044, .message = "Access denied"});
  EXPECT_EQ(found(server), (Found{{"mariadb-grants-unobservable", Severity::blocker}}));
}

TEST_F(MysqlFindings, AskForOurRightsOnce) {
  ScriptedMysql server("8.4.3");
  describe(server);
  EXPECT_EQ(found(server), Found());
  const std::vector<std::string> statements = server.statements();
  EXPECT_EQ(std::count(statements.begin(), statements.end(), "SELECT CURRENT_USER()"), 1);
}

TEST_F(MysqlFindings, TellThatADefinitionIsNotShown) {
  ScriptedMysql server("8.4.3");
  describe(server);
  server.answer("SHOW CREATE TABLE", Answer{.error = 1033, .message = "Incorrect information"});
  EXPECT_EQ(found(server), (Found{{"mariadb-definition-unobservable", Severity::blocker}}));
}

TEST_F(MysqlFindings, TellOfLibraries) {
  ScriptedMysql server("9.2.0");
  describe(server);
  server.answer("information_schema.LIBRARIES", "sums");
  EXPECT_EQ(found(server), (Found{{"mariadb-libraries", Severity::warning}}));
}

TEST_F(MysqlFindings, TellOfRowsThatNoServerSends) {
  ScriptedMysql server("8.4.3");
  describe(server);
  server.answer("information_schema.TABLES t JOIN",
                Answer{.columns = {"a", "b"}, .lines = {{"scans", "5000000000"}}});
  EXPECT_EQ(found(server), (Found{{"mariadb-wide-values", Severity::note}}));
}

// Where nothing has room: file systems without blocks have none to give.
TEST_F(MysqlFindings, TellThatTheServersDiskIsFull) {
  ScriptedMysql server("8.4.3");
  describe(server);
  server.answer("SELECT @@datadir", "/proc/");
  EXPECT_EQ(found(server), (Found{{"mariadb-disk-low", Severity::warning}}));
  // Former rows may be elsewhere.
  server.answer("SELECT @@datadir", "/");
  EXPECT_EQ(found(server), Found());
  server.answer("innodb_undo_directory",
                Answer{.columns = {"a", "b"}, .lines = {{"innodb_undo_directory", "/proc/"}}});
  EXPECT_EQ(found(server), (Found{{"mariadb-disk-low", Severity::warning}}));
}

TEST_F(MysqlFindings, TellThatTheTargetIsAReplica) {
  ScriptedMysql server("8.4.3");
  describe(server);
  server.answer("SHOW REPLICA STATUS", Answer{.columns = {"Source_Host", "Seconds_Behind_Source"},
                                              .lines = {{"db1", "0"}}});
  model::DatabaseFacts facts;
  facts.engine_facts = Json::object();
  const auto findings =
      engine::find_engine("mariadb")->check_load(facts, endpoint(server), engine::LoadOptions());
  EXPECT_EQ(by_code(findings)["mariadb-target-replica"], Severity::blocker);
}

}  // namespace
}  // namespace holdfast::test
