// SPDX-License-Identifier: Apache-2.0
// What a load of MariaDB does with what refers to other things: foreign keys, views of what is
// gone, events, rights on routines, counters.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "base/error.h"
#include "contract/engine/mariadb_load_fixture.h"

namespace holdfast::test {
namespace {

TEST_F(MariadbLoad, ForeignKeysOfOthersReferToTheTableThatTookTheName) {
  server_->run("CREATE TABLE shop.customers (id INT PRIMARY KEY)");
  server_->run("INSERT INTO shop.customers VALUES (1)");
  server_->run("CREATE DATABASE other");
  const auto copy = back_up();
  for (const char* child : {"shop.orders", "other.visits"})
    server_->run(
        fmt::format("CREATE TABLE {} (id INT PRIMARY KEY, c INT, CONSTRAINT `fk of it` "
                    "FOREIGN KEY (c) REFERENCES shop.customers (id))",
                    child));
  server_->run("SET STATEMENT foreign_key_checks=0 FOR DELETE FROM shop.customers");
  const std::string before = shown("SHOW CREATE TABLE shop.orders");
  load(*copy, "shop", true, {{"", "customers"}});
  EXPECT_EQ(shown("SHOW CREATE TABLE shop.orders"), before);
  EXPECT_NE(shown("SHOW CREATE TABLE other.visits").find("`shop`.`customers` ("),
            std::string::npos);
  server_->run("INSERT INTO shop.orders VALUES (1, 1)");
  EXPECT_THROW(server_->run("INSERT INTO shop.orders VALUES (2, 2)"), Error);
  server_->run("DELETE FROM shop.orders");
  undo("shop");
  undo("shop");
  EXPECT_EQ(shown("SHOW CREATE TABLE shop.orders"), before);
  EXPECT_EQ(server_->value("SELECT count(*) FROM shop.customers"), "0");
  EXPECT_THROW(server_->run("INSERT INTO shop.orders VALUES (1, 1)"), Error);
}

TEST_F(MariadbLoad, TablesWithNamedForeignKeysAreReplaced) {
  server_->run("CREATE TABLE shop.customers (id INT PRIMARY KEY)");
  server_->run(
      "CREATE TABLE shop.orders (id INT PRIMARY KEY, c INT, CONSTRAINT named FOREIGN KEY (c) "
      "REFERENCES customers (id), FOREIGN KEY (id) REFERENCES customers (id))");
  server_->run("INSERT INTO shop.customers VALUES (1)");
  server_->run("INSERT INTO shop.orders VALUES (1, 1)");
  const auto copy = back_up();
  const std::string before = shown("SHOW CREATE TABLE shop.orders");
  load(*copy, "shop", true, {{"", "orders"}});
  EXPECT_EQ(shown("SHOW CREATE TABLE shop.orders"), before);
  EXPECT_EQ(server_->value("SELECT count(*) FROM shop.orders_before_x"), "1");
  undo("shop");
  EXPECT_EQ(shown("SHOW CREATE TABLE shop.orders"), before);
  EXPECT_EQ(server_->rows("SHOW TABLES FROM shop"),
            (std::vector<std::string>{"customers", "orders", "orders_undone_x"}));
}

TEST_F(MariadbLoad, ForeignKeysOfOtherSchemasStayWithTheSchemaThatTookTheName) {
  server_->run("CREATE TABLE shop.customers (id INT PRIMARY KEY)");
  server_->run("CREATE DATABASE other");
  server_->run(
      "CREATE TABLE other.visits (c INT, CONSTRAINT v FOREIGN KEY (c) REFERENCES shop.customers "
      "(id))");
  const auto copy = back_up();
  const std::string before = shown("SHOW CREATE TABLE other.visits");
  load(*copy, "shop", true);
  EXPECT_EQ(shown("SHOW CREATE TABLE other.visits"), before);
  undo("shop");
  EXPECT_EQ(shown("SHOW CREATE TABLE other.visits"), before);
}

TEST_F(MariadbLoad, ViewsOfWhatIsGoneDoNotStopARestore) {
  server_->run("CREATE TABLE shop.t (a INT, b INT)");
  server_->run("CREATE VIEW shop.whole AS SELECT a FROM shop.t");
  server_->run("CREATE VIEW shop.broken AS SELECT b FROM shop.t");
  server_->run("ALTER TABLE shop.t DROP b");
  const engine::Probe probe = engine().probe(server_->endpoint("shop"));
  EXPECT_TRUE(std::any_of(probe.findings.begin(), probe.findings.end(), [](const auto& finding) {
    return finding.code == "mariadb-broken-view";
  }));
  const auto copy = back_up();
  const engine::LoadReport report = load(*copy, "copy");
  EXPECT_TRUE(says(report.left_out, "view broken"));
  EXPECT_EQ(server_->rows("SELECT TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = "
                          "'copy'"),
            (std::vector<std::string>{"whole"}));
  model::DatabaseFacts found;
  found.engine_facts = copy->facts.engine_facts;
  engine().describe(server_->endpoint("copy"), found);
  EXPECT_EQ(found.objects.size(), copy->facts.objects.size());
  const engine::LoadReport replaced = load(*copy, "shop", true);
  EXPECT_TRUE(says(replaced.left_out, "view broken"));
}

TEST_F(MariadbLoad, EventsComeLastAndSleepInAnotherSchema) {
  server_->run("CREATE TABLE shop.t (a INT)");
  server_->run("SET GLOBAL event_scheduler=ON");
  server_->run(
      "CREATE EVENT shop.busy ON SCHEDULE EVERY 1 SECOND DO INSERT INTO shop.t VALUES (1)");
  server_->run(
      "CREATE EVENT shop.once ON SCHEDULE AT CURRENT_TIMESTAMP + INTERVAL 1 DAY DO SELECT 1");
  const auto enabled = back_up();
  const engine::LoadReport report = load(*enabled, "copy");
  EXPECT_TRUE(says(report.notes, "event busy is disabled"));
  EXPECT_EQ(server_->value("SELECT STATUS FROM information_schema.EVENTS WHERE EVENT_SCHEMA = "
                           "'copy' AND EVENT_NAME = 'busy'"),
            "DISABLED");
  server_->run("DROP DATABASE shop");
  takes_place_ = true;
  EXPECT_TRUE(load(*enabled, "shop").notes.empty());
  EXPECT_EQ(server_->value("SELECT STATUS FROM information_schema.EVENTS WHERE EVENT_SCHEMA = "
                           "'shop' AND EVENT_NAME = 'busy'"),
            "ENABLED");
  server_->run("SET GLOBAL event_scheduler=OFF");
}

TEST_F(MariadbLoad, EventsWhoseTimeIsOverAreNotMissed) {
  server_->run(
      "CREATE EVENT shop.once ON SCHEDULE AT CURRENT_TIMESTAMP + INTERVAL 2 SECOND DO SELECT 1");
  const auto copy = back_up();
  std::this_thread::sleep_for(std::chrono::milliseconds(3100));
  EXPECT_TRUE(says(load(*copy, "copy").notes, "event once"));
  model::DatabaseFacts found;
  found.engine_facts = copy->facts.engine_facts;
  engine().describe(server_->endpoint("copy"), found);
  EXPECT_EQ(found.objects.size(), copy->facts.objects.size());
}

TEST_F(MariadbLoad, RightsOnRoutinesOutliveAReplacement) {
  server_->run("CREATE PROCEDURE shop.p() SELECT 1 -- the last word");
  server_->run("CREATE OR REPLACE USER clerk@localhost");
  server_->run("GRANT EXECUTE ON PROCEDURE shop.p TO clerk@localhost");
  const auto copy = back_up();
  server_->run("CREATE TABLE shop.more (a INT)");
  const std::vector<std::string> before = server_->rows("SHOW GRANTS FOR clerk@localhost");
  ASSERT_EQ(before.size(), 2U);
  EXPECT_TRUE(load(*copy, "shop", true).left_out.empty());
  EXPECT_EQ(server_->rows("SHOW GRANTS FOR clerk@localhost"), before);
  undo("shop");
  EXPECT_EQ(server_->rows("SHOW GRANTS FOR clerk@localhost"), before);
  server_->run("DROP USER clerk@localhost");
}

TEST_F(MariadbLoad, CountersAndSequencesGoOnWhereTheyStood) {
  server_->run("CREATE TABLE shop.gap (id INT PRIMARY KEY AUTO_INCREMENT)");
  server_->run("INSERT INTO shop.gap VALUES (1), (90)");
  server_->run("DELETE FROM shop.gap WHERE id = 90");
  server_->run("CREATE SEQUENCE shop.round START 8 MINVALUE 1 MAXVALUE 10 NOCACHE CYCLE");
  for (int i = 0; i < 5; ++i) server_->run("DO NEXTVAL(shop.round)");
  server_->run("CREATE SEQUENCE shop.used_up START 9 MAXVALUE 9 NOCACHE");
  server_->run("DO NEXTVAL(shop.used_up)");
  server_->run("CREATE SEQUENCE shop.down START -1 INCREMENT -5");
  server_->run("DO NEXTVAL(shop.down)");
  const auto copy = back_up();
  load(*copy, "copy");
  server_->run("INSERT INTO copy.gap VALUES ()");
  EXPECT_EQ(server_->value("SELECT MAX(id) FROM copy.gap"), "91");
  for (const char* name : {"round", "used_up", "down"})
    EXPECT_EQ(server_->rows(fmt::format("SELECT * FROM copy.{}", name)),
              server_->rows(fmt::format("SELECT * FROM shop.{}", name)))
        << name;
}

TEST_F(MariadbLoad, DefaultsBeyondThreeBytesAreKept) {
  server_->run(
      "CREATE TABLE shop.t (a VARCHAR(9) CHARACTER SET utf8mb4 DEFAULT '😀?', b VARCHAR(9) "
      "CHARACTER SET utf8mb4 DEFAULT '?', id INT PRIMARY KEY)");
  const auto copy = back_up();
  load(*copy, "copy");
  server_->run("INSERT INTO copy.t (id) VALUES (1)");
  EXPECT_EQ(server_->value("SELECT HEX(CONCAT(a, b)) FROM copy.t"), "F09F98803F3F");
}

TEST_F(MariadbLoad, MembersThatAreNotShownAreAFinding) {
  server_->run("CREATE TABLE shop.t (e ENUM('x', '😀') CHARACTER SET utf8mb4)");
  const engine::Probe probe = engine().probe(server_->endpoint("shop"));
  EXPECT_TRUE(std::any_of(probe.findings.begin(), probe.findings.end(), [](const auto& finding) {
    return finding.code == "mariadb-members-unobservable";
  }));
}

TEST_F(MariadbLoad, RoutinesKeepTheCollationOfTheirMaking) {
  server_->run("ALTER DATABASE shop COLLATE utf8mb4_czech_ci");
  server_->run("CREATE PROCEDURE shop.p(a CHAR(1)) SELECT COLLATION(a)");
  server_->run("ALTER DATABASE shop COLLATE latin1_german2_ci");
  const auto copy = back_up();
  load(*copy, "copy");
  EXPECT_EQ(server_->value("CALL copy.p('x')"), "utf8mb4_czech_ci");
  EXPECT_EQ(server_->value("SELECT DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE "
                           "SCHEMA_NAME = 'copy'"),
            "latin1_german2_ci");
}

TEST_F(MariadbLoad, RolesAndTheirMembersComeAlong) {
  server_->run("CREATE OR REPLACE ROLE readers");
  server_->run("CREATE OR REPLACE ROLE all_of_us");
  server_->run("CREATE OR REPLACE USER reader@localhost");
  server_->run("CREATE TABLE shop.t (a INT)");
  server_->run("GRANT SELECT ON shop.* TO readers");
  server_->run("GRANT readers TO all_of_us");
  server_->run("GRANT all_of_us TO reader@localhost");
  server_->run("SET DEFAULT ROLE all_of_us FOR reader@localhost");
  const auto copy = back_up();
  const std::vector<std::string> before = server_->rows("SHOW GRANTS FOR reader@localhost");
  const std::vector<std::string> of_role = server_->rows("SHOW GRANTS FOR all_of_us");
  for (const char* gone : {"ROLE readers", "ROLE all_of_us", "USER reader@localhost"})
    server_->run(fmt::format("DROP {}", gone));
  server_->run("DROP DATABASE shop");
  model::Endpoint into = server_->endpoint("shop");
  into.options["grants"] = "restore";
  engine::LoadOptions options;
  options.scratch_directory = scratch_.path();
  static_cast<void>(engine().load(copy->parts, copy->facts, into, options, {}));
  EXPECT_EQ(server_->rows("SHOW GRANTS FOR reader@localhost"), before);
  EXPECT_EQ(server_->rows("SHOW GRANTS FOR all_of_us"), of_role);
  model::DatabaseFacts found;
  found.engine_facts = copy->facts.engine_facts;
  engine().describe(into, found);
  EXPECT_EQ(found.objects.size(), copy->facts.objects.size());
  for (const char* gone : {"ROLE readers", "ROLE all_of_us", "USER reader@localhost"})
    server_->run(fmt::format("DROP {}", gone));
}

TEST_F(MariadbLoad, SaysWhatTheServerLacksBeforeAnythingIsMade) {
  server_->run("CREATE TABLE shop.t (a INT)");
  const auto copy = back_up();
  copy->facts.engine_facts.set("collations", Json::array().push("utf8mb4_klingon_ci"));
  const auto findings = engine().check_load(copy->facts, server_->endpoint("copy"), {});
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].code, "mariadb-collation-missing");
}

TEST_F(MariadbLoad, DefinitionsOfAnotherSeriesAreComparedByName) {
  server_->run("CREATE TABLE shop.t (a INT, KEY k (a))");
  const auto copy = back_up();
  copy->facts.engine_facts.set("server_version", "10.6.1-MariaDB");
  for (model::ObjectFacts& object : copy->facts.objects)
    object.definition_sha256 = std::string(64, '0');
  EXPECT_NO_THROW(load(*copy, "copy"));
  copy->facts.objects.pop_back();
  EXPECT_THROW(load(*copy, "other"), Error);
}

}  // namespace
}  // namespace holdfast::test
