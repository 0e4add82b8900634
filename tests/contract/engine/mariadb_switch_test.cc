// SPDX-License-Identifier: Apache-2.0
// How a load of MariaDB is put in its place and put back: beside an application that goes on
// working, behind locks, and when nobody knows how far it came.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <optional>
#include <thread>

#include "contract/engine/mariadb_load_fixture.h"
#include "engine/mariadb/client.h"
#include "harness/program.h"

namespace holdfast::test {
namespace {

using engine::mariadb::Connection;
using namespace std::chrono_literals;

class MariadbSwitch : public MariadbLoad {
 protected:
  static std::vector<std::string> schemas() {
    return server_->rows(
        "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT IN ('mysql', "
        "'sys', 'information_schema', 'performance_schema') ORDER BY 1");
  }
  static std::vector<std::string> tables(const std::string& schema) {
    return server_->rows("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = '" +
                         schema + "' ORDER BY 1");
  }
  static void make_shop() {
    server_->run("CREATE TABLE shop.orders (id INT PRIMARY KEY, n INT)");
    server_->run("INSERT INTO shop.orders VALUES (1, 1)");
    server_->run("CREATE TRIGGER shop.tr BEFORE INSERT ON shop.orders FOR EACH ROW SET NEW.n = 7");
    server_->run("CREATE VIEW shop.v AS SELECT id FROM shop.orders");
    server_->run("CREATE PROCEDURE shop.p() SELECT 1");
  }
  template <typename Act>
  static std::optional<Errc> code_of(Act act) {
    try {
      act();
    } catch (const Error& error) {
      return error.code();
    }
    return std::nullopt;
  }
};

TEST_F(MariadbSwitch, NothingIsPublicBeforeTheSwitch) {
  make_shop();
  const auto copy = back_up();
  leave_beside_ = true;
  const engine::LoadReport report = load(*copy, "copy");
  ASSERT_TRUE(report.found);
  EXPECT_EQ(report.found->tables.front().digest, copy->facts.tables.front().digest);
  EXPECT_EQ(report.found->objects.size(), copy->facts.objects.size());
  EXPECT_TRUE(tables("copy").empty());
  EXPECT_TRUE(report.switch_in().empty());
  EXPECT_EQ(tables("copy"), (std::vector<std::string>{"orders", "v"}));
  server_->run("INSERT INTO copy.orders VALUES (2, 0)");
  EXPECT_EQ(server_->value("SELECT n FROM copy.orders WHERE id = 2"), "7");
  EXPECT_EQ(schemas(), (std::vector<std::string>{"copy", "shop"}));
}

// It may have been idle for hours, while other components were loaded.
TEST_F(MariadbSwitch, IsMadeInAnotherSessionWhereThatOfTheLoadHasGone) {
  make_shop();
  const auto copy = back_up();
  leave_beside_ = true;
  for (const bool only_a_table : {false, true}) {
    SCOPED_TRACE(only_a_table);
    const std::string place = only_a_table ? "tables" : "whole";
    const engine::LoadReport report =
        load(*copy, place, false,
             only_a_table ? std::vector<model::TableName>{{"", "orders"}}
                          : std::vector<model::TableName>{});
    const std::vector<std::string> sessions = server_->rows(
        "SELECT ID FROM information_schema.PROCESSLIST WHERE DB LIKE '" + place + "\\_holdfast%'");
    ASSERT_FALSE(sessions.empty());
    Connection other = server_->connect();
    // Some may be on their way out.
    for (const std::string& session : sessions) static_cast<void>(other.try_run("KILL " + session));
    EXPECT_TRUE(report.switch_in().empty());
    EXPECT_EQ(tables(place), only_a_table ? (std::vector<std::string>{"orders"})
                                          : (std::vector<std::string>{"orders", "v"}));
    server_->run("INSERT INTO " + place + ".orders VALUES (2, 0)");
    EXPECT_EQ(server_->value("SELECT n FROM " + place + ".orders WHERE id = 2"), "7");
  }
  EXPECT_EQ(schemas(), (std::vector<std::string>{"shop", "tables", "whole"}));
}

TEST_F(MariadbSwitch, WhatOthersMadeMeanwhileIsNotReplacedUnasked) {
  make_shop();
  const auto copy = back_up();
  server_->run("CREATE DATABASE copy");
  leave_beside_ = true;
  const engine::LoadReport report = load(*copy, "copy");
  server_->run("CREATE TABLE copy.theirs (a INT)");
  EXPECT_EQ(code_of([&] { static_cast<void>(report.switch_in()); }), Errc::exists);
  undo("copy");
  EXPECT_EQ(tables("copy"), (std::vector<std::string>{"theirs"}));
  EXPECT_EQ(schemas(), (std::vector<std::string>{"copy", "shop"}));
}

TEST_F(MariadbSwitch, WhatBoreThePublicNameIsNeverDropped) {
  make_shop();
  const auto copy = back_up();
  for (const bool was_there : {false, true}) {
    if (was_there) server_->run("CREATE DATABASE copy CHARACTER SET latin1");
    load(*copy, "copy");
    server_->run("INSERT INTO copy.orders VALUES (5, 5)");
    server_->run("CREATE TABLE copy.theirs (a INT)");
    server_->run("CREATE TRIGGER copy.later AFTER INSERT ON copy.theirs FOR EACH ROW SET @a = 1");
    for (int repetition = 0; repetition < 2; ++repetition) undo("copy");
    EXPECT_EQ(server_->value("SELECT n FROM copy_undone_x.orders WHERE id = 5"), "7");
    EXPECT_EQ(tables("copy_undone_x"), (std::vector<std::string>{"orders", "theirs", "v"}));
    EXPECT_EQ(server_->rows("SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE "
                            "TRIGGER_SCHEMA = 'copy_undone_x' ORDER BY 1"),
              (std::vector<std::string>{"later", "tr"}));
    EXPECT_TRUE(tables("copy").empty());
    const std::vector<std::string> left =
        was_there ? std::vector<std::string>{"copy", "copy_undone_x", "shop"}
                  : std::vector<std::string>{"copy_undone_x", "shop"};
    EXPECT_EQ(schemas(), left);
    server_->run("DROP DATABASE copy_undone_x");
    journal_.clear();
  }
  EXPECT_EQ(server_->value("SELECT DEFAULT_CHARACTER_SET_NAME FROM information_schema.SCHEMATA "
                           "WHERE SCHEMA_NAME = 'copy'"),
            "latin1");
}

TEST_F(MariadbSwitch, AnUndoneReplacementKeepsBothSides) {
  make_shop();
  const auto copy = back_up();
  server_->run("UPDATE shop.orders SET n = 99");
  server_->run("ALTER DATABASE shop CHARACTER SET latin1");
  server_->run("CREATE OR REPLACE PROCEDURE shop.p() SELECT 2");
  load(*copy, "shop", true);
  EXPECT_EQ(server_->value("SELECT n FROM shop.orders"), "1");
  EXPECT_EQ(server_->value("CALL shop_before_x.p()"), "2");
  server_->run("INSERT INTO shop.orders VALUES (2, 2)");
  for (int repetition = 0; repetition < 2; ++repetition) undo("shop");
  EXPECT_EQ(server_->value("SELECT n FROM shop.orders"), "99");
  EXPECT_EQ(server_->value("CALL shop.p()"), "2");
  EXPECT_EQ(tables("shop"), (std::vector<std::string>{"orders", "v"}));
  EXPECT_EQ(server_->value("SELECT count(*) FROM shop_undone_x.orders"), "2");
  EXPECT_EQ(server_->value("SELECT DEFAULT_CHARACTER_SET_NAME FROM information_schema.SCHEMATA "
                           "WHERE SCHEMA_NAME = 'shop'"),
            "latin1");
  EXPECT_EQ(schemas(), (std::vector<std::string>{"shop", "shop_undone_x"}));
  server_->run("INSERT INTO shop.orders VALUES (3, 0)");
  EXPECT_EQ(server_->value("SELECT n FROM shop.orders WHERE id = 3"), "7");
}

TEST_F(MariadbSwitch, NothingIsUndoneOnceTheOldOneIsGone) {
  make_shop();
  const auto copy = back_up();
  load(*copy, "shop", true);
  const model::Endpoint shop = server_->endpoint("shop");
  for (const Json& entry : journal_) EXPECT_NO_THROW(engine().check_undo(entry, shop));
  server_->run("DROP DATABASE shop_before_x");
  EXPECT_EQ(code_of([&] {
              for (const Json& entry : journal_) engine().check_undo(entry, shop);
            }),
            Errc::not_found);
  EXPECT_EQ(code_of([&] { undo("shop"); }), Errc::not_found);
  EXPECT_EQ(tables("shop"), (std::vector<std::string>{"orders", "v"}));
  journal_.clear();
  load(*copy, "shop", true, {{"", "orders"}});
  server_->run("DROP TABLE shop.orders_before_x");
  EXPECT_EQ(code_of([&] { undo("shop"); }), Errc::not_found);
  EXPECT_EQ(server_->value("SELECT count(*) FROM shop.orders"), "1");
}

TEST_F(MariadbSwitch, AnUndoGoesNowhereElse) {
  make_shop();
  const auto copy = back_up();
  load(*copy, "shop", true);
  for (Json& entry : journal_) entry.set("server", "another one");
  EXPECT_EQ(code_of([&] { undo("shop"); }), Errc::not_found);
  EXPECT_EQ(schemas(), (std::vector<std::string>{"shop", "shop_before_x"}));
}

TEST_F(MariadbSwitch, WaitsForATransactionWithTheOldTriggersInPlace) {
  make_shop();
  const auto copy = back_up();
  Connection busy = server_->connect();
  busy.run("START TRANSACTION");
  busy.run("SELECT * FROM shop.orders");
  auto loading = std::async(std::launch::async, [&] { return load(*copy, "shop", true); });
  std::this_thread::sleep_for(2s);
  EXPECT_EQ(server_->value("SELECT count(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA "
                           "= 'shop'"),
            "1");
  busy.run("COMMIT");
  EXPECT_EQ(loading.get().kept.size(), 1U);
  EXPECT_EQ(schemas(), (std::vector<std::string>{"shop", "shop_before_x"}));
}

// As a resume does while the server still has the statement of a process that was killed.
TEST_F(MariadbSwitch, AnUndoEndsTheSessionThatStillWaits) {
  make_shop();
  const auto copy = back_up();
  for (const bool whole : {true, false}) {
    journal_.clear();
    Connection busy = server_->connect();
    busy.run("START TRANSACTION");
    busy.run("INSERT INTO shop.orders VALUES (" + std::string(whole ? "10" : "11") + ", 1)");
    auto loading = std::async(std::launch::async, [&] {
      return code_of([&] {
        if (whole) {
          load(*copy, "shop", true);
        } else {
          load(*copy, "shop", true, {{"", "orders"}});
        }
      });
    });
    const std::string waiting =
        "SELECT count(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for table "
        "metadata lock'";
    while (server_->value(waiting) == "0") std::this_thread::sleep_for(50ms);
    undo("shop");
    EXPECT_TRUE(loading.get());
    busy.run("COMMIT");
    undo("shop");
    EXPECT_EQ(schemas(), (std::vector<std::string>{"shop"}));
    EXPECT_EQ(tables("shop"), (std::vector<std::string>{"orders", "v"}));
    server_->run("INSERT INTO shop.orders VALUES (" + std::string(whole ? "20" : "21") + ", 0)");
  }
  EXPECT_EQ(server_->value("SELECT count(*) FROM shop.orders WHERE n = 7"), "4");
}

TEST_F(MariadbSwitch, MappedDefinersAreTheCopysAlone) {
  server_->run("CREATE OR REPLACE USER owner@localhost");
  server_->run("CREATE DEFINER=owner@localhost PROCEDURE shop.p() SELECT 1");
  const auto copy = back_up();
  server_->run("CREATE DEFINER=owner@localhost VIEW shop.newer AS SELECT 1 AS a");
  const std::string definers =
      "SELECT DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = '{0}' UNION ALL "
      "SELECT DEFINER FROM information_schema.VIEWS WHERE TABLE_SCHEMA = '{0}'";
  endpoint_options_["definer"] = "current";
  load(*copy, "shop", true);
  EXPECT_EQ(server_->rows(fmt::format(fmt::runtime(definers), "shop")),
            (std::vector<std::string>{"root@localhost"}));
  const std::vector<std::string> theirs{"owner@localhost", "owner@localhost"};
  EXPECT_EQ(server_->rows(fmt::format(fmt::runtime(definers), "shop_before_x")), theirs);
  undo("shop");
  EXPECT_EQ(server_->rows(fmt::format(fmt::runtime(definers), "shop")), theirs);
  server_->run("DROP USER owner@localhost");
}

TEST_F(MariadbSwitch, EventsThatAreAwakeDoNotRunBeforeTheSwitch) {
  server_->run("CREATE TABLE shop.t (a INT)");
  server_->run("SET GLOBAL event_scheduler=ON");
  server_->run("CREATE EVENT shop.busy ON SCHEDULE EVERY 1 SECOND DO INSERT INTO t VALUES (1)");
  std::unique_ptr<Copy> copy = back_up();
  takes_place_ = true;
  leave_beside_ = true;
  const engine::LoadReport report = load(*copy, "shop", true);
  ASSERT_TRUE(report.found);
  const std::string beside = server_->value(
      "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE "
      "'shop\\_holdfast%'");
  const std::string rows = server_->value("SELECT count(*) FROM " + beside + ".t");
  std::this_thread::sleep_for(2s);
  EXPECT_EQ(server_->value("SELECT count(*) FROM " + beside + ".t"), rows);
  static_cast<void>(report.switch_in());
  const std::string status =
      "SELECT STATUS FROM information_schema.EVENTS WHERE EVENT_SCHEMA = '{}'";
  EXPECT_EQ(server_->value(fmt::format(fmt::runtime(status), "shop")), "ENABLED");
  EXPECT_EQ(server_->value(fmt::format(fmt::runtime(status), "shop_before_x")), "DISABLED");
  undo("shop");
  EXPECT_EQ(server_->value(fmt::format(fmt::runtime(status), "shop")), "ENABLED");
  EXPECT_EQ(server_->value(fmt::format(fmt::runtime(status), "shop_undone_x")), "DISABLED");
  server_->run("SET GLOBAL event_scheduler=OFF");
}

TEST_F(MariadbSwitch, TellsWhatSingleTablesLoseThatTheCopyLacks) {
  server_->run("CREATE TABLE shop.customers (id INT PRIMARY KEY)");
  server_->run("CREATE TABLE shop.orders (id INT PRIMARY KEY, c INT, KEY (c))");
  const auto copy = back_up();
  server_->run("CREATE TRIGGER shop.newer AFTER INSERT ON shop.orders FOR EACH ROW SET @a = 42");
  server_->run(
      "ALTER TABLE shop.orders ADD CONSTRAINT newer_key FOREIGN KEY (c) REFERENCES "
      "shop.customers (id)");
  const engine::LoadReport report = load(*copy, "shop", true, {{"", "orders"}});
  EXPECT_TRUE(says(report.left_out, "SET @a = 42"));
  EXPECT_TRUE(says(report.left_out, "newer_key"));
  undo("shop");
  EXPECT_NE(shown("SHOW CREATE TABLE shop.orders").find("newer_key"), std::string::npos);
  EXPECT_EQ(server_->value("SELECT EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS WHERE "
                           "TRIGGER_NAME = 'newer'"),
            "orders");
}

TEST_F(MariadbSwitch, NamesThatAreTakenAreRefusedBeforeAnythingIsMade) {
  server_->run("CREATE TABLE shop.a (id INT)");
  server_->run("CREATE TRIGGER shop.tr AFTER INSERT ON shop.a FOR EACH ROW SET @a = 1");
  const std::string longer(60, 'l');
  server_->run("CREATE TABLE shop." + longer + "1 (id INT)");
  server_->run("CREATE TABLE shop." + longer + "2 (id INT)");
  const auto copy = back_up();
  server_->run("DROP TRIGGER shop.tr");
  server_->run("CREATE TABLE shop.b (id INT)");
  server_->run("CREATE TRIGGER shop.tr AFTER INSERT ON shop.b FOR EACH ROW SET @a = 1");
  EXPECT_EQ(code_of([&] { load(*copy, "shop", true, {{"", "a"}}); }), Errc::exists);
  EXPECT_EQ(code_of([&] {
              load(*copy, "shop", true, {{"", longer + "1"}, {"", longer + "2"}});
            }),
            Errc::exists);
  EXPECT_TRUE(journal_.empty());
}

TEST_F(MariadbSwitch, AccountsGoWithTheRestoreThatMadeThem) {
  server_->run("CREATE TABLE shop.t (a INT)");
  server_->run("CREATE OR REPLACE USER gone@localhost");
  server_->run("CREATE OR REPLACE USER stays@localhost");
  server_->run("GRANT SELECT ON shop.* TO gone@localhost, stays@localhost");
  server_->run("GRANT INSERT ON shop.t TO stays@localhost");
  const auto copy = back_up();
  server_->run("DROP USER gone@localhost");
  server_->run("REVOKE INSERT ON shop.t FROM stays@localhost");
  const std::vector<std::string> before = server_->rows("SHOW GRANTS FOR stays@localhost");
  endpoint_options_["grants"] = "restore";
  load(*copy, "shop", true);
  EXPECT_EQ(server_->rows("SHOW GRANTS FOR gone@localhost").size(), 2U);
  EXPECT_EQ(server_->rows("SHOW GRANTS FOR stays@localhost").size(), 3U);
  for (int repetition = 0; repetition < 2; ++repetition) undo("shop");
  EXPECT_EQ(server_->value("SELECT count(*) FROM mysql.user WHERE User = 'gone'"), "0");
  EXPECT_EQ(server_->rows("SHOW GRANTS FOR stays@localhost"), before);
  server_->run("DROP USER stays@localhost");
}

TEST_F(MariadbSwitch, PackagesAreReplaced) {
  Connection oracle = server_->connect();
  oracle.run("SET sql_mode='ORACLE'");
  oracle.use("shop");
  oracle.run("CREATE PACKAGE pk AS FUNCTION f RETURN INT; END;");
  oracle.run("CREATE PACKAGE BODY pk AS FUNCTION f RETURN INT AS BEGIN RETURN 5; END; END;");
  const auto copy = back_up();
  load(*copy, "shop", true);
  EXPECT_EQ(server_->value("SELECT count(*) FROM information_schema.ROUTINES WHERE ROUTINE_TYPE "
                           "LIKE 'PACKAGE%' AND ROUTINE_SCHEMA = 'shop'"),
            "2");
  undo("shop");
  EXPECT_EQ(server_->value("SELECT count(*) FROM information_schema.ROUTINES WHERE ROUTINE_TYPE "
                           "LIKE 'PACKAGE%' AND ROUTINE_SCHEMA = 'shop'"),
            "2");
}

TEST_F(MariadbSwitch, SequencesOfAReplacedSchemaAreItsOwn) {
  server_->run("CREATE SEQUENCE shop.s");
  server_->run("CREATE TABLE shop.t (id INT PRIMARY KEY DEFAULT NEXTVAL(shop.s), a INT)");
  const auto copy = back_up();
  load(*copy, "copy");
  server_->run("DROP SEQUENCE shop.s");
  server_->run("INSERT INTO copy.t (a) VALUES (1)");
  EXPECT_EQ(server_->value("SELECT count(*) FROM copy.t"), "1");
}

TEST_F(MariadbSwitch, PreflightTellsWhatTheServerAndTheAccountLack) {
  server_->run("CREATE OR REPLACE USER ghost@localhost");
  server_->run("CREATE DEFINER=ghost@localhost PROCEDURE shop.p() SELECT 1");
  server_->run("DROP USER ghost@localhost");
  const auto copy = back_up();
  const auto codes = [&](const model::Endpoint& into) {
    std::vector<std::string> result;
    for (const model::Finding& finding : engine().check_load(copy->facts, into, {}))
      result.push_back(finding.code);
    return result;
  };
  EXPECT_EQ(codes(server_->endpoint("copy")), (std::vector<std::string>{"mariadb-target-definer"}));
  server_->run("CREATE OR REPLACE USER poor@localhost");
  server_->run("GRANT SELECT ON shop.* TO poor@localhost");
  model::Endpoint poor = server_->endpoint("shop");
  poor.user = "poor";
  const std::vector<std::string> found = codes(poor);
  EXPECT_TRUE(says(found, "mariadb-target-definer-unobservable"));
  server_->run("SET GLOBAL read_only=ON");
  EXPECT_TRUE(says(codes(poor), "mariadb-target-read-only"));
  server_->run("SET GLOBAL read_only=OFF");
  server_->run("DROP USER poor@localhost");
}

class MariadbInterrupted : public MariadbSwitch {
 protected:
  // A load that replaces `shop`, up to an announcement.
  void kill_at(const Copy& copy, const std::string& kind,
               std::vector<model::TableName> tables = {}) {
    journal_.clear();
    killed_at_ = kind;
    EXPECT_EQ(code_of([&] { load(copy, "shop", true, std::move(tables)); }), Errc::cancelled);
    killed_at_.clear();
  }
  static std::string beside() {
    return server_->value(
        "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE "
        "'shop\\_holdfast%'");
  }
  static std::string row_of_old() {
    return server_->value("SELECT n FROM shop.orders WHERE id = 1");
  }
  static std::string triggers() {
    return server_->value(
        "SELECT GROUP_CONCAT(TRIGGER_NAME ORDER BY 1) FROM "
        "information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'shop'");
  }
  [[nodiscard]] bool stands() const {
    return engine().stands(journal_.back(), server_->endpoint("shop"));
  }
  static void wait_for_waiting() {
    EXPECT_TRUE(eventually([] {
      return server_->value(
                 "SELECT count(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting "
                 "for table metadata lock'") != "0";
    }));
  }
};

TEST_F(MariadbInterrupted, OnlyTheLastAnnouncementSaysThatAllIsDone) {
  make_shop();
  const auto copy = back_up();
  server_->run("UPDATE shop.orders SET n = 99");
  for (const char* kind : {"switch", "switched"}) {
    for (const bool by_hand : {false, true}) {
      kill_at(*copy, kind);
      if (by_hand) server_->run("DROP DATABASE " + beside());
      EXPECT_FALSE(stands()) << kind;
      undo("shop");
      EXPECT_EQ(row_of_old(), "99") << kind << by_hand;
      EXPECT_EQ(triggers(), "tr") << kind << by_hand;
      server_->run("DROP DATABASE IF EXISTS shop_undone_x");
      EXPECT_EQ(schemas(), (std::vector<std::string>{"shop"}));
    }
  }
  kill_at(*copy, "complete");
  EXPECT_TRUE(stands());
}

TEST_F(MariadbInterrupted, WhatIsTakenAwayComesBackThoughTheMarksAreGone) {
  make_shop();
  const auto copy = back_up();
  kill_at(*copy, "switch");
  server_->run("DROP DATABASE " + beside());
  server_->run("DROP TRIGGER shop.tr");
  undo("shop");
  EXPECT_EQ(triggers(), "tr");
  kill_at(*copy, "switched");
  server_->run("DROP DATABASE " + beside());
  journal_.pop_back();  // it died before it was written
  undo("shop");
  EXPECT_EQ(triggers(), "tr");
  EXPECT_EQ(schemas(), (std::vector<std::string>{"shop", "shop_undone_x"}));
}

TEST_F(MariadbInterrupted, WhatIsHiddenIsNotTakenForGone) {
  make_shop();
  const auto copy = back_up();
  server_->run("UPDATE shop.orders SET n = 99");
  server_->run("CREATE OR REPLACE USER poor@localhost");
  server_->run("GRANT ALL ON shop.* TO poor@localhost");
  model::Endpoint poor = server_->endpoint("shop");
  poor.user = "poor";
  for (const char* kind : {"switch", "switched"}) {
    kill_at(*copy, kind);
    const std::vector<std::string> before = schemas();
    EXPECT_FALSE(stands());
    for (const Json& entry : journal_) {
      EXPECT_EQ(code_of([&] { engine().check_undo(entry, poor); }), Errc::denied);
      EXPECT_EQ(code_of([&] { engine().undo(entry, poor); }), Errc::denied);
    }
    EXPECT_EQ(schemas(), before);
    undo("shop");
    EXPECT_EQ(row_of_old(), "99");
    server_->run("DROP DATABASE IF EXISTS shop_undone_x");
  }
  server_->run("DROP USER poor@localhost");
}

// A container that is made anew has another name of its host.
TEST_F(MariadbInterrupted, AServerThatHasAnotherNameIsKnownByWhatIsBeside) {
  make_shop();
  const auto copy = back_up();
  server_->run("UPDATE shop.orders SET n = 99");
  kill_at(*copy, "switched");
  for (Json& entry : journal_) entry.set("server", "its old name");
  undo("shop");
  EXPECT_EQ(row_of_old(), "99");
}

TEST_F(MariadbInterrupted, AnUndoWaitsWithAllInItsPlaceAndLosesNothingMadeMeanwhile) {
  make_shop();
  const auto copy = back_up();
  server_->run("UPDATE shop.orders SET n = 99");
  load(*copy, "shop", true);
  server_->run("CREATE TABLE shop.short_lived (a INT)");
  server_->run("CREATE VIEW shop.broken AS SELECT a FROM shop.short_lived");
  server_->run("DROP TABLE shop.short_lived");
  Connection busy = server_->connect();
  busy.run("START TRANSACTION");
  busy.run("SELECT * FROM shop.orders");
  auto undoing = std::async(std::launch::async, [&] { return undo("shop"); });
  wait_for_waiting();
  EXPECT_EQ(triggers(), "tr");
  server_->run("CREATE OR REPLACE PROCEDURE shop.p() SELECT 3");
  std::this_thread::sleep_for(6s);  // longer than one try
  EXPECT_EQ(triggers(), "tr");
  busy.run("COMMIT");
  const std::string told = undoing.get();
  EXPECT_NE(told.find("VIEW `broken`"), std::string::npos) << told;
  EXPECT_EQ(row_of_old(), "99");
  EXPECT_EQ(server_->value("CALL shop.p()"), "1");
  EXPECT_EQ(server_->value("CALL shop_undone_x.p()"), "3");
  // Who undoes may have died before it told.
  EXPECT_EQ(undo("shop"), told);
}

TEST_F(MariadbInterrupted, AnUndoOfTablesWaitsWithAllInItsPlace) {
  make_shop();
  server_->run(
      "CREATE TABLE shop.lines (id INT PRIMARY KEY, o INT, CONSTRAINT of FOREIGN KEY (o) "
      "REFERENCES shop.orders (id))");
  server_->run("CREATE TRIGGER shop.of_lines BEFORE INSERT ON shop.lines FOR EACH ROW SET @a = 1");
  const auto copy = back_up();
  load(*copy, "shop", true, {{"", "lines"}});
  Connection busy = server_->connect();
  busy.run("START TRANSACTION");
  busy.run("SELECT * FROM shop.lines");
  auto undoing = std::async(std::launch::async, [&] { return undo("shop"); });
  wait_for_waiting();
  EXPECT_EQ(triggers(), "of_lines,tr");
  EXPECT_NE(shown("SHOW CREATE TABLE shop.lines").find("CONSTRAINT `of`"), std::string::npos);
  busy.run("COMMIT");
  undoing.get();
  EXPECT_EQ(triggers(), "of_lines,tr");
  EXPECT_NE(shown("SHOW CREATE TABLE shop.lines").find("CONSTRAINT `of`"), std::string::npos);
  EXPECT_EQ(tables("shop"), (std::vector<std::string>{"lines", "lines_undone_x", "orders", "v"}));
}

// As servers leave it that were killed in the middle of a RENAME and do not know how to go back.
TEST_F(MariadbInterrupted, HalfARenameOfTablesIsPutBack) {
  make_shop();
  const auto copy = back_up();
  server_->run("UPDATE shop.orders SET n = 99");
  for (const bool is_in_place : {false, true}) {
    kill_at(*copy, "tables", {{"", "orders"}});
    const std::string from = beside();
    server_->run(fmt::format("CREATE TABLE {}.holdfast_{}_waits (waits INT PRIMARY KEY)", from,
                             from.substr(from.size() - 12)));
    server_->run("DROP TRIGGER shop.tr");
    server_->run("RENAME TABLE shop.orders TO shop.orders_before_x");
    if (is_in_place) {
      server_->run("DROP TRIGGER " + from + ".tr");
      server_->run(fmt::format("RENAME TABLE {}.orders TO shop.orders", from));
    }
    undo("shop");
    EXPECT_EQ(row_of_old(), "99");
    EXPECT_EQ(triggers(), "tr");
    EXPECT_EQ(tables("shop"), (std::vector<std::string>{"orders", "v"}));
    EXPECT_EQ(schemas(), (std::vector<std::string>{"shop"}));
  }
}

TEST_F(MariadbInterrupted, HalfARenameBackGoesOn) {
  make_shop();
  server_->run("CREATE TABLE shop.other (id INT PRIMARY KEY)");
  const auto copy = back_up();
  server_->run("UPDATE shop.orders SET n = 99");
  load(*copy, "shop", true, {{"", "orders"}, {"", "other"}});
  server_->run("RENAME TABLE shop.other TO shop.other_undone_x, shop.other_before_x TO shop.other");
  undo("shop");
  EXPECT_EQ(row_of_old(), "99");
  EXPECT_EQ(tables("shop"), (std::vector<std::string>{"orders", "orders_undone_x", "other",
                                                      "other_undone_x", "v"}));
}

// The server does not see that its client is gone while it works.
TEST_F(MariadbInterrupted, AnUndoEndsWhatStillWorksBeside) {
  make_shop();
  const auto copy = back_up();
  leave_beside_ = true;
  load(*copy, "shop", true);
  const std::string from = beside();
  auto working = std::async(std::launch::async, [&] {
    Connection session = server_->connect();
    session.use(from);
    return code_of([&] { session.run("SELECT SLEEP(3600) FROM orders"); });
  });
  EXPECT_TRUE(eventually([] {
    return server_->value(
               "SELECT count(*) FROM information_schema.PROCESSLIST WHERE STATE = 'User sleep'") !=
           "0";
  }));
  undo("shop");
  EXPECT_EQ(working.get(), Errc::unavailable);
  EXPECT_EQ(schemas(), (std::vector<std::string>{"shop"}));
}

TEST_F(MariadbInterrupted, AccountsOfOthersAreNotTakenAway) {
  make_shop();
  server_->run("CREATE OR REPLACE USER app@localhost");
  server_->run("GRANT SELECT ON shop.* TO app@localhost");
  server_->run("CREATE ROLE reader");
  server_->run("GRANT SELECT ON shop.* TO reader");
  const auto copy = back_up();
  server_->run("DROP USER app@localhost");
  server_->run("DROP ROLE reader");
  endpoint_options_["grants"] = "restore";
  kill_at(*copy, "accounts");
  server_->run("CREATE USER app@localhost IDENTIFIED BY 'of another'");
  server_->run("CREATE ROLE reader");
  const std::string told = undo("shop");
  EXPECT_NE(told.find("`app`@`localhost`"), std::string::npos) << told;
  EXPECT_NE(told.find("`reader`"), std::string::npos) << told;
  const std::string there = "SELECT count(*) FROM mysql.user WHERE User IN ('app', 'reader')";
  EXPECT_EQ(server_->value(there), "2");
  server_->run("DROP USER app@localhost");
  server_->run("DROP ROLE reader");
  kill_at(*copy, "switched");
  EXPECT_EQ(server_->value(there), "2");
  undo("shop");
  EXPECT_EQ(server_->value(there), "0");
}

TEST_F(MariadbInterrupted, AnAccountThatOthersGaveRightsIsNotTakenAway) {
  make_shop();
  server_->run("CREATE OR REPLACE USER app@localhost");
  server_->run("GRANT SELECT ON shop.* TO app@localhost");
  const auto copy = back_up();
  server_->run("DROP USER app@localhost");
  endpoint_options_["grants"] = "restore";
  kill_at(*copy, "switched");
  server_->run("GRANT SELECT ON mysql.proc TO app@localhost");
  const std::string told = undo("shop");
  EXPECT_NE(told.find("`app`@`localhost`"), std::string::npos) << told;
  EXPECT_EQ(server_->value("SELECT count(*) FROM mysql.user WHERE User = 'app'"), "1");
  EXPECT_EQ(server_->value("SELECT count(*) FROM mysql.db WHERE User = 'app'"), "0");
  server_->run("DROP USER app@localhost");
}

}  // namespace
}  // namespace holdfast::test
