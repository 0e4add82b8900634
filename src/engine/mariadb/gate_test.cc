// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/gate.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::engine::mariadb {
namespace {

using Kind = Judged::Kind;

const Reading mariadb = reading_of(true, 101'119, "", "utf8mb4");
const Reading mysql = reading_of(false, 80'400, "", "utf8mb4");

Judged judge(std::string_view sql, const Reading& reading = mariadb) {
  return Gate({"shop", false, false}).judge(sql, reading);
}

void expect_run(std::string_view sql, std::string_view run, Kind kind = Kind::run) {
  const Judged judged = judge(sql);
  EXPECT_EQ(judged.kind, kind) << sql;
  EXPECT_EQ(judged.sql, run) << sql;
}

// How it is refused; nothing if it is let through.
std::optional<Errc> refusal(std::string_view sql, const Reading& reading = mariadb) {
  try {
    static_cast<void>(judge(sql, reading));
  } catch (const Error& error) {
    return error.code();
  }
  return std::nullopt;
}

TEST(MariadbGate, LetsThroughWhatDumpsSay) {
  expect_run("/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */",
             "SET @`OLD_SQL_MODE`=@@SQL_MODE, SESSION SQL_MODE='NO_AUTO_VALUE_ON_ZERO'",
             Kind::settings);
  expect_run("SET NAMES utf8mb4", "SET NAMES utf8mb4", Kind::settings);
  expect_run("/*!40103 SET TIME_ZONE='+00:00' */", "SET SESSION TIME_ZONE='+00:00'",
             Kind::settings);
  expect_run("/*!40000 ALTER TABLE `t` DISABLE KEYS */", "  ALTER TABLE `t` DISABLE KEYS  ");
  expect_run("DROP TABLE IF EXISTS `a``b`", "DROP TABLE IF EXISTS `a``b`");
  expect_run("CREATE TABLE `t` (\n  `a` decimal(3,1) DEFAULT 1.5 -- old\n) ENGINE=InnoDB",
             "CREATE TABLE `t` (\n  `a` decimal(3,1) DEFAULT 1.5 \n) ENGINE=InnoDB");
  expect_run("INSERT INTO `t` (`a`) VALUES (-1,_binary 'x;',0xFF,NULL,1e5,b'1'),('a' 'b')", "",
             Kind::rows);
  expect_run("SELECT SETVAL(`s`, 7, 0)", "DO SETVAL(`s`, 7, 0)");
  expect_run(
      "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop` /*!40100 DEFAULT CHARACTER SET "
      "latin1 COLLATE latin1_german2_ci */",
      "ALTER DATABASE CHARACTER SET latin1 COLLATE latin1_german2_ci", Kind::attempt);
  for (const char* sql : {"LOCK TABLES `t` WRITE", "UNLOCK TABLES", "COMMIT", "USE `shop`",
                          "SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ 'a:1-5'", "SET autocommit=0",
                          "SET @@SESSION.SQL_LOG_BIN= 0", "CHANGE MASTER TO MASTER_HOST='x'"})
    expect_run(sql, "", Kind::skip);
}

TEST(MariadbGate, TakesTheSchemasOwnNameOffNames) {
  expect_run("INSERT INTO `shop`.`t` VALUES (1)", "INSERT INTO `t` VALUES (1)", Kind::rows);
  expect_run("DROP TABLE shop.t", "DROP TABLE IF EXISTS `t`");
  expect_run("CREATE TABLE `t` (`a` int DEFAULT nextval(`shop`.`s`))",
             "CREATE TABLE `t` (`a` int DEFAULT nextval(`s`))");
  EXPECT_EQ(refusal("CREATE TABLE `t` (`a` int DEFAULT nextval(`prod`.`s`))"), Errc::unsupported);
}

// Each was let through once, or has a brother that was.
TEST(MariadbGate, RefusesWhatReachesOutOfTheSchema) {
  for (const char* sql : {
           "SET STATEMENT max_statement_time=1 FOR DROP DATABASE prod",
           "/*!50003 SET STATEMENT x=1 FOR DROP DATABASE prod */",
           "SET PASSWORD FOR root@localhost = PASSWORD('x')",
           "SET ROLE admin",
           "SET DEFAULT ROLE admin",
           "SET NAMES utf8mb4 DROP",
           "DROP TABLE x, prod.users",
           "DROP TABLE x, y",
           "DROP TABLE prod.users",
           "DROP TABLE `x`/**/,`prod`.`users`",
           "DROP TEMPORARY TABLE x",
           "DROP USER root",
           "DROP SERVER s",
           "ALTER TABLE x EXCHANGE PARTITION p WITH TABLE prod.t",
           "ALTER TABLE x RENAME TO prod.x",
           "ALTER TABLE x ADD KEY (a), RENAME TO prod.x",
           "ALTER TABLE x ADD CONSTRAINT FOREIGN KEY (a) REFERENCES prod.t (a)",
           "ALTER TABLE prod.x DISABLE KEYS",
           "ALTER TABLE x DISABLE KEYS, DROP COLUMN a",
           "ALTER USER root IDENTIFIED BY 'x'",
           "ALTER DATABASE prod READ ONLY = 1",
           "ALTER EVENT e RENAME TO prod.e",
           "RENAME TABLE x TO prod.x",
           "SELECT SETVAL(s, 1) INTO OUTFILE '/tmp/x'",
           "DO SETVAL(a, 1), prod.f()",
           "DO SETVAL(prod.s, 1)",
           "DO SETVAL(s, (SELECT 1))",
           "DO sleep(100)",
           "SELECT 1",
           "CREATE USER x@event IDENTIFIED BY 'y'",
           "CREATE ROLE event",
           "CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (PASSWORD 'y')",
           "CREATE FUNCTION f RETURNS STRING SONAME 'x.so'",
           "CREATE AGGREGATE FUNCTION f RETURNS INTEGER SONAME 'x.so'",
           "CREATE TABLE prod.users (a int)",
           "CREATE OR REPLACE TABLE prod.users (a int)",
           "CREATE TEMPORARY TABLE x (a int)",
           "CREATE TABLE x LIKE prod.users",
           "CREATE TABLE x (LIKE prod.users)",
           "CREATE TABLE x LIKE y",
           "CREATE TABLE x SELECT * FROM prod.users",
           "CREATE TABLE x (a int) SELECT 1",
           "CREATE TABLE x (a int) AS (SELECT 1)",
           "CREATE TABLE x (a int) REPLACE SELECT 1",
           "CREATE TABLE x ((SELECT 1))",
           "CREATE TABLE x (a int DEFAULT (SELECT 1))",
           "CREATE TABLE x (a int DEFAULT load_file('/etc/passwd'))",
           "CREATE TABLE x (a int, FOREIGN KEY (a) REFERENCES prod.t (a))",
           "CREATE TABLE x (a int) ENGINE=FEDERATED CONNECTION='mysql://h/prod/t'",
           "CREATE TABLE x (a int) ENGINE 'CONNECT'",
           "CREATE TABLE x (a int) ENGINE=MERGE UNION=(prod.t)",
           "CREATE TABLE x (a int) PARTITION BY HASH(a) (PARTITION p ENGINE=SPIDER)",
           "CREATE VIEW prod.v AS SELECT 1",
           "CREATE OR REPLACE VIEW prod.v AS SELECT 1",
           "CREATE PROCEDURE prod.p() SELECT 1",
           "CREATE EVENT prod.e ON SCHEDULE EVERY 1 DAY DO SELECT 1",
           "CREATE SEQUENCE prod.s",
           "CREATE SEQUENCE s ENGINE=FEDERATED",
           "INSERT INTO prod.users VALUES (1)",
           "INSERT INTO x SELECT * FROM prod.users",
           "INSERT INTO x VALUES ((SELECT 1))",
           "INSERT INTO x VALUES (sleep(9))",
           "INSERT INTO x VALUES (prod.f())",
           "INSERT INTO x VALUES (1) ON DUPLICATE KEY UPDATE a=sleep(9)",
           "INSERT INTO x VALUES (1) /*!50003 , (sleep(9)) */",
           "INSERT INTO x /* y */ VALUES (1)",
           "INSERT INTO x SET a=1",
           "REPLACE INTO prod.users VALUES (1)",
           "/*!50003 INSERT INTO prod.users VALUES (1) */",
           "GRANT ALL ON *.* TO x",
           "LOAD DATA INFILE '/etc/passwd' INTO TABLE x",
           "CALL prod.p()",
           "HANDLER x OPEN",
           "PREPARE s FROM 'DROP DATABASE prod'",
           "EXECUTE IMMEDIATE 'DROP DATABASE prod'",
           "BINLOG 'x'",
           "INSTALL SONAME 'ha_connect'",
           "TRUNCATE TABLE x",
           "DELETE FROM prod.users",
           "SHUTDOWN",
       })
    EXPECT_TRUE(refusal(sql)) << sql;
}

TEST(MariadbGate, RunsWhatItRead) {
  // What another server hides is gone, and what is hidden from others lies open.
  EXPECT_TRUE(refusal("/*!50003 SET */ STATEMENT x=1 FOR DROP DATABASE prod"));
  EXPECT_EQ(judge("/*!999999 SET */ DROP DATABASE prod").kind, Kind::skip);
  EXPECT_EQ(judge("/*!999999 SET */ DROP TABLE x").sql, "DROP TABLE IF EXISTS `x`");
  EXPECT_EQ(judge("DROP TABLE `x` /*M!999999 , prod.users */").sql, "DROP TABLE IF EXISTS `x`");
  EXPECT_EQ(judge("CREATE TABLE `x` (`a` int /*!80023 INVISIBLE */)").sql,
            "CREATE TABLE `x` (`a` int  )");
  EXPECT_EQ(judge("CREATE TABLE `x` (`a` int /*!80023 INVISIBLE */)", mysql).sql,
            "CREATE TABLE `x` (`a` int   INVISIBLE  )");
  EXPECT_EQ(judge("CREATE TABLE `x` (`a` int /*M!100301 INVISIBLE */)", mysql).sql,
            "CREATE TABLE `x` (`a` int  )");
  for (const char* sql :
       {"DROP TABLE x /*!50003 /*!50003 , prod.users */ */", "DROP TABLE x /*!999999 /* */ , y */",
        "DROP TABLE x /*!50003", "DROP TABLE `x", "DROP TABLE x --\x01\n, prod.users"})
    EXPECT_TRUE(refusal(sql)) << sql;
}

TEST(MariadbGate, ReadsQuotesAsTheSessionDoes) {
  const Reading ansi = reading_of(true, 101'119, "REAL_AS_FLOAT,ANSI_QUOTES", "utf8mb4");
  const Reading plain = reading_of(true, 101'119, "NO_BACKSLASH_ESCAPES", "utf8mb4");
  EXPECT_EQ(judge("DROP TABLE \"x\"", ansi).sql, "DROP TABLE IF EXISTS `x`");
  EXPECT_TRUE(refusal("DROP TABLE \"x\""));
  EXPECT_TRUE(refusal("DROP TABLE \"prod\".\"x\"", ansi));
  EXPECT_EQ(
      judge("CREATE DEFINER=\"a\"@\"b\" VIEW \"shop\".\"v\" AS select \"a`b\" AS \"c\"", ansi).sql,
      "CREATE  VIEW `v` AS select `a``b` AS `c`");
  // In one mode a value, in the other a value and a call.
  constexpr std::string_view trick = "INSERT INTO x VALUES ('\\', sleep(9)) -- ')";
  EXPECT_EQ(judge(trick).kind, Kind::rows);
  EXPECT_TRUE(refusal(trick, plain));
  EXPECT_TRUE(refusal("INSERT INTO x VALUES ('\\''), (sleep(9)) -- '", mariadb));
  for (const char* set : {"sjis", "gbk", "big5", "gb18030", "cp932", "swe7"})
    EXPECT_THROW(static_cast<void>(reading_of(true, 101'119, "", set)), Error) << set;
  const Reading latin1 = reading_of(true, 101'119, "", "latin1");
  EXPECT_TRUE(refusal("DROP TABLE x\xA0", latin1));
  EXPECT_FALSE(refusal("DROP TABLE `x\xA0`", latin1));
  EXPECT_FALSE(refusal("DROP TABLE x\xC3\xA4"));
}

TEST(MariadbGate, HoldsBackCode) {
  const Judged view = judge(
      "/*!50001 CREATE ALGORITHM=UNDEFINED */ /*!50013 DEFINER=`root`@`localhost` SQL SECURITY "
      "DEFINER */ /*!50001 VIEW `v` AS select `prod`.`t`.`a` AS `a` from (`prod`.`t` join `u`) */");
  EXPECT_EQ(view.kind, Kind::code);
  EXPECT_EQ(view.name, "v");
  EXPECT_EQ(view.definer, "root@localhost");
  EXPECT_EQ(view.sql.find("root"), std::string::npos) << view.sql;
  ASSERT_EQ(view.notes.size(), 1U);
  EXPECT_NE(view.notes[0].find("prod"), std::string::npos);
  const Judged writer = judge(
      "CREATE TRIGGER tr AFTER INSERT ON t FOR EACH ROW BEGIN INSERT INTO prod.log VALUES (NEW.a); "
      "CALL `other`.p(OLD.a); END");
  ASSERT_EQ(writer.notes.size(), 2U);
  EXPECT_NE(writer.notes[0].find("trigger tr uses another schema, other"), std::string::npos);
  EXPECT_NE(writer.notes[1].find("prod"), std::string::npos);
  const Judged trigger = judge(
      "/*!50003 CREATE*/ /*!50017 DEFINER=`r`@`h`*/ /*!50003 TRIGGER `x`.`tr` BEFORE INSERT ON "
      "`y`.`t` FOR EACH ROW BEGIN /* it's */ SET @a='*/'; END */");
  EXPECT_EQ(trigger.code_kind, CodeKind::trigger);
  EXPECT_EQ(trigger.name, "tr");
  EXPECT_NE(trigger.sql.find("/* it's */ SET @a='*/'; END"), std::string::npos) << trigger.sql;
  EXPECT_NE(trigger.sql.find("ON `t` FOR EACH ROW"), std::string::npos) << trigger.sql;
  const Judged routine = judge(
      "CREATE DEFINER=CURRENT_USER() FUNCTION `f`(a int) RETURNS int NO SQL "
      "RETURN 1");
  EXPECT_EQ(routine.sql, "CREATE  FUNCTION `f`(a int) RETURNS int NO SQL RETURN 1");
  EXPECT_EQ(judge("CREATE PACKAGE BODY p AS x").code_kind, CodeKind::package_body);
  EXPECT_EQ(judge("/*!50001 DROP VIEW IF EXISTS `v`*/").kind, Kind::drop_code);
}

TEST(MariadbGate, MakesEventsThatAreOff) {
  const auto made = [](std::string_view sql) { return judge(sql).sql; };
  EXPECT_EQ(made("CREATE DEFINER=`root`@`%` EVENT `e` ON SCHEDULE EVERY 1 DAY ENABLE DO DROP x"),
            "CREATE  EVENT `e` ON SCHEDULE EVERY 1 DAY DISABLE DO DROP x");
  EXPECT_EQ(made("CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DROP DATABASE prod"),
            "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE DO DROP DATABASE prod");
  EXPECT_EQ(
      made("CREATE EVENT e ON SCHEDULE AT (1 + 2) COMMENT 'DISABLE DO' DO SET @a='ENABLE'"),
      "CREATE EVENT e ON SCHEDULE AT (1 + 2) DISABLE COMMENT 'DISABLE DO' DO SET @a='ENABLE'");
  EXPECT_FALSE(judge("CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE DO SET @a=1").was_enabled);
  EXPECT_FALSE(
      judge("CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE ON SLAVE COMMENT 'x' DO SET @a=1")
          .was_enabled);
  // Names of variables and functions say nothing.
  EXPECT_EQ(
      made("CREATE EVENT e ON SCHEDULE EVERY @DISABLE IS NULL SECOND DO DROP DATABASE prod"),
      "CREATE EVENT e ON SCHEDULE EVERY @DISABLE IS NULL SECOND DISABLE DO DROP DATABASE prod");
  EXPECT_EQ(made("CREATE EVENT e ON SCHEDULE EVERY DISABLE() SECOND DO DROP DATABASE prod"),
            "CREATE EVENT e ON SCHEDULE EVERY DISABLE() SECOND DISABLE DO DROP DATABASE prod");
  EXPECT_EQ(made("CREATE EVENT e ON SCHEDULE EVERY 1 DAY ENDS @DISABLE DO SET @a=1"),
            "CREATE EVENT e ON SCHEDULE EVERY 1 DAY ENDS @DISABLE DISABLE DO SET @a=1");
  EXPECT_EQ(made("CREATE EVENT e ON SCHEDULE EVERY @DO SECOND DO SET @a=1"),
            "CREATE EVENT e ON SCHEDULE EVERY @DO SECOND DISABLE DO SET @a=1");
}

TEST(MariadbGate, ShowsNoSecretsOfWhatItRefuses) {
  try {
    static_cast<void>(judge("ALTER USER a IDENTIFIED BY 'geheim'"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "the dump alters what dumps do not: USER");
  }
}

TEST(MariadbGate, TakesOneSchemaOfSeveral) {
  Gate gate({"b", true, false});
  EXPECT_EQ(gate.judge("USE `a`", mariadb).kind, Kind::skip);
  EXPECT_EQ(gate.judge("DROP TABLE `t`", mariadb).kind, Kind::skip);
  EXPECT_EQ(gate.judge("INSERT INTO t VALUES (1)", mariadb).kind, Kind::skip);
  EXPECT_EQ(gate.judge("SET NAMES utf8mb4", mariadb).kind, Kind::settings);
  EXPECT_EQ(gate.judge("USE `b`", mariadb).kind, Kind::skip);
  EXPECT_EQ(gate.judge("INSERT INTO t VALUES (1)", mariadb).kind, Kind::rows);
  Gate strict({"", false, false});
  EXPECT_EQ(strict.judge("USE `a`", mariadb).kind, Kind::skip);
  EXPECT_THROW(static_cast<void>(strict.judge("USE `b`", mariadb)), Error);
}

TEST(MariadbGate, ChecksDefinitionsOfCopies) {
  const auto checked = [](std::string_view kind, const std::string& sql) {
    try {
      return checked_definition(kind, "x", sql, mariadb) == sql;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::corrupt);
      return false;
    }
  };
  EXPECT_TRUE(checked("table",
                      "CREATE TABLE `x` (\n  `a` int REFERENCES `other`.`t` (`a`)\n) "
                      "ENGINE=FEDERATED DATA DIRECTORY='/srv'"));
  EXPECT_TRUE(checked("sequence",
                      "CREATE SEQUENCE `x` start with 1 minvalue -5 cache 1000 "
                      "nocycle ENGINE=InnoDB"));
  EXPECT_TRUE(checked("view",
                      "CREATE ALGORITHM=UNDEFINED DEFINER=`a`@`b` SQL SECURITY DEFINER VIEW "
                      "`x` AS select 1"));
  EXPECT_TRUE(checked("procedure",
                      "CREATE DEFINER=`a`@`b` PROCEDURE `x`()\nBEGIN /*!80000 b */ "
                      "SELECT '\xE4'; END"));
  EXPECT_TRUE(checked("package body", "CREATE DEFINER=`a`@`b` PACKAGE BODY `x` AS END"));
  for (const auto& [kind, sql] : std::initializer_list<std::pair<const char*, const char*>>{
           {"table", "CREATE OR REPLACE TABLE `x` (`a` int)"},
           {"table", "CREATE OR REPLACE TABLE prod.users (`a` int)"},
           {"table", "CREATE TABLE `y` (`a` int)"},
           {"table", "CREATE TABLE `prod`.`x` (`a` int)"},
           {"table", "CREATE TABLE `x` (`a` int) SELECT * FROM prod.users"},
           {"table", "CREATE TABLE `x` LIKE prod.users"},
           {"table", "/*! DROP DATABASE prod -- */ CREATE TABLE\n*/ `x` (a int)"},
           {"table", "CREATE VIEW `x` AS SELECT 1"},
           {"view", "CREATE OR REPLACE VIEW prod.v AS SELECT 1"},
           {"view", "CREATE /*! DEFINER=a */ VIEW `x` AS SELECT 1"},
           {"procedure", "CREATE OR REPLACE PROCEDURE prod.x() SELECT 1"},
           {"function", "CREATE FUNCTION `x` RETURNS STRING SONAME 'x.so'"},
           {"trigger", "CREATE TRIGGER `x` BEFORE INSERT ON prod.users FOR EACH ROW SET @a=1"},
           {"event", "CREATE USER event"},
           {"event", "CREATE USER `x`@event"}})
    EXPECT_FALSE(checked(kind, sql)) << sql;
  EXPECT_EQ(checked_setval("s", "DO SETVAL(`s`, 7, 0, 1)"), "DO SETVAL(`s`, 7, 0, 1)");
  EXPECT_THROW(static_cast<void>(checked_setval("s", "DO SETVAL(`s`, 7, 0, 1), prod.f()")), Error);
  EXPECT_THROW(static_cast<void>(checked_setval("s", "DO SETVAL(`t`, 7)")), Error);
}

TEST(MariadbGate, BoundsDefinitions) {
  std::string wide = "CREATE TABLE `x` (`a` int) COMMENT='" + std::string(17U << 20U, 'x') + "'";
  EXPECT_EQ(refusal(wide), Errc::unsupported);
  std::string words = "CREATE TABLE `x` (`a` int DEFAULT ";
  for (int i = 0; i < 1'100'000; ++i) words += "+1";
  EXPECT_EQ(refusal(words), Errc::unsupported);
}

}  // namespace
}  // namespace holdfast::engine::mariadb
