// SPDX-License-Identifier: Apache-2.0
#include "harness/mariadb_ugly.h"

#include <fmt/format.h>

#include "engine/mariadb/sql_text.h"

namespace holdfast::test {

using engine::mariadb::Connection;
using engine::mariadb::quote_name;
using engine::mariadb::quote_text;

namespace {

std::string all_bytes() {
  std::string text;
  for (int i = 0; i < 256; ++i) text += static_cast<char>(i);
  return text;
}

}  // namespace

void make_ugly(const MariadbServer& server, const std::string& schema) {
  Connection c = server.connect();
  c.run("CREATE DATABASE " + quote_name(schema) +
        " CHARACTER SET latin1 COLLATE latin1_german2_ci");
  c.use(schema);
  c.run("SET sql_mode='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'");
  c.run(
      "CREATE TABLE numbers (id BIGINT UNSIGNED PRIMARY KEY, ti TINYINT, su SMALLINT UNSIGNED "
      "ZEROFILL, mi MEDIUMINT, i INT, bi BIGINT, d DECIMAL(65,30), f FLOAT, f2 FLOAT(10,3), db "
      "DOUBLE, db2 DOUBLE(20,4), b1 BIT(1), b64 BIT(64), y YEAR, bo BOOL)");
  c.run(
      "INSERT INTO numbers VALUES (0, -128, 7, -8388608, -2147483648, -9223372036854775808, "
      "-99999999999999999999999999999999999.999999999999999999999999999999, 1.17549435e-38, "
      "16777.217, 2.2250738585072014e-308, 1234567890123456.7891, b'1', b'1', 1901, TRUE), "
      "(18446744073709551615, 127, 65535, 8388607, 2147483647, 9223372036854775807, 0, 0.1, "
      "-0.001, -0e0, 0, b'0', 0xFFFFFFFFFFFFFFFF, 2155, FALSE), "
      "(5, NULL, NULL, NULL, NULL, NULL, NULL, 16777217, NULL, 0.1, NULL, NULL, NULL, NULL, NULL)");
  c.run(
      "CREATE TABLE times (id INT PRIMARY KEY, d DATE, dt DATETIME(6), ts TIMESTAMP(3) NULL, t "
      "TIME(6))");
  c.run(
      "INSERT INTO times VALUES (1, '0000-00-00', '0000-00-00 00:00:00', '0000-00-00 00:00:00', "
      "'-838:59:59.999999'), (2, '2026-00-00', '2026-02-31 23:59:59.999999', '1970-01-01 "
      "00:00:01', '838:59:59'), (3, '9999-12-31', '1000-01-01', '2038-01-19 03:14:07.999', "
      "'00:00:00.000001'), (4, NULL, NULL, NULL, NULL)");
  c.run(
      "CREATE TABLE texts (id INT PRIMARY KEY AUTO_INCREMENT, l1 VARCHAR(300) CHARACTER SET "
      "latin1, u8 LONGTEXT CHARACTER SET utf8mb4, u3 TEXT CHARACTER SET utf8mb3, u2 VARCHAR(50) "
      "CHARACTER SET ucs2, u16 VARCHAR(50) CHARACTER SET utf16, u16l VARCHAR(50) CHARACTER SET "
      "utf16le, u32 VARCHAR(50) CHARACTER SET utf32, gbk VARCHAR(50) CHARACTER SET gbk, sj "
      "VARCHAR(50) CHARACTER SET sjis, koi VARCHAR(50) CHARACTER SET koi8r, e ENUM('', 'a''b', "
      "'ä', '0') CHARACTER SET latin1, s SET('x', 'y z'), js JSON) AUTO_INCREMENT=77");
  Connection raw = server.connect();
  raw.use(schema);
  raw.run(
      "INSERT INTO texts (id, l1, u8, u3, u2, u16, u16l, u32, gbk, sj, koi, e, s, js) VALUES (0, " +
      std::string("_latin1") + quote_text(all_bytes()) +
      ", 'emoji 😀 \\\\ \\t \\n \\r \\0 ''', 'ÄÖÜ', 'ucs2 ž\\\\', 'utf16 😀\\n', '😀\\t', "
      "'utf32 😀', '中文\\\\', 'ソ表', 'Привет', 'ä', 'x', '{\"a\": [1, 2.50, \"ü\"]}')");
  raw.run(
      "INSERT INTO texts (l1, u8, e, s) VALUES ('', '', '', ''), (NULL, NULL, NULL, NULL), "
      "('\\\\N', 'NULL', '0', 'x'), (' trailing ', '\t\n\\\\', 'a''b', '')");
  raw.run("INSERT INTO texts (l1, u8) VALUES ('long', REPEAT('0123456789abcdef', 400000))");
  c.run(
      "CREATE TABLE binaries (id INT PRIMARY KEY, b BINARY(4), vb VARBINARY(300), lb LONGBLOB, g "
      "GEOMETRY, p POINT, u UUID, i6 INET6, i4 INET4)");
  raw.run("INSERT INTO binaries VALUES (1, 0x00FF, " + ("_binary" + quote_text(all_bytes())) +
          ", REPEAT(0x00FF5C09, 100000), ST_GeomFromText('POLYGON((0 0,10 0,10 10,0 0))', 4326), "
          "POINT(1.5, -2), '123e4567-e89b-12d3-a456-426655440000', 'fe80::1', '10.0.0.1'), "
          "(2, '', '', '', NULL, NULL, NULL, NULL, NULL)");
  c.run(
      "CREATE TABLE made (a INT, b INT INVISIBLE DEFAULT 9, c INT AS (a + 1) VIRTUAL, d "
      "VARCHAR(20) AS (CONCAT('x', a)) STORED, e INT DEFAULT 4 CHECK (e > 0), KEY (d), KEY "
      "(c, a)) COMMENT='no key; AUTO_INCREMENT=5 '");
  c.run(
      "CREATE TABLE wide (a VARCHAR(20), b VARCHAR(30) AS (CONCAT(a, '😀')) STORED, c VARCHAR(20) "
      "DEFAULT (CONCAT('😀', 'x')), d VARCHAR(9) DEFAULT '😀', CHECK (a <> '😀')) CHARACTER SET "
      "utf8mb4");
  c.run("INSERT INTO wide (a) VALUES ('x'), ('y😁')");
  c.run("INSERT INTO made (a, b, e) VALUES (1, 2, 3), (NULL, 3, 1), (1, 2, 3)");
  int number = 0;
  for (const std::string& name :
       {std::string("select"), std::string("sp ace"), std::string("UPPER"), std::string("ba`ck"),
        std::string("qu'o\"te"), std::string("a/b"), std::string("100%"), std::string("%41"),
        std::string("žluťoučký kůň"), std::string("中文表"), std::string("semi;colon"),
        std::string("line\nbreak"), std::string("back\\slash"), std::string(64, 'n'),
        std::string("..x"), std::string("-- comment")}) {
    c.run(fmt::format("CREATE TABLE {} ({} INT PRIMARY KEY, {} TEXT)", quote_name(name),
                      quote_name("key"), quote_name("c`o l'u\"mn " + name.substr(0, 20))));
    c.run(fmt::format("INSERT INTO {} VALUES ({}, {})", quote_name(name), ++number,
                      quote_text(name)));
  }
  c.run(
      "CREATE TABLE parents (id INT PRIMARY KEY, code VARCHAR(10) UNIQUE, body TEXT, FULLTEXT KEY "
      "words (body)) ENGINE=InnoDB");
  c.run("INSERT INTO parents VALUES (1, 'one', 'some words'), (2, NULL, NULL)");
  c.run(
      "CREATE TABLE children (id INT PRIMARY KEY, parent INT, other INT, CONSTRAINT `fk of child` "
      "FOREIGN KEY (parent) REFERENCES parents (id) ON DELETE CASCADE, FOREIGN KEY (other) "
      "REFERENCES children (id))");
  c.run(
      "SET STATEMENT foreign_key_checks=0 FOR INSERT INTO children VALUES (1, 1, 2), (2, NULL, 1)");
  c.run(
      "CREATE TABLE parts_of (id INT, at DATE, PRIMARY KEY (id, at)) PARTITION BY RANGE (YEAR(at)) "
      "(PARTITION old VALUES LESS THAN (2020), PARTITION new VALUES LESS THAN MAXVALUE)");
  c.run("INSERT INTO parts_of VALUES (1, '2001-01-01'), (2, '2026-01-01')");
  c.run("CREATE TABLE old_style (id INT PRIMARY KEY, t TEXT, FULLTEXT KEY (t)) ENGINE=MyISAM");
  c.run("INSERT INTO old_style VALUES (1, 'my isam'), (0, 'zero')");
  c.run("CREATE TABLE log_like (t TEXT) ENGINE=Aria");
  c.run("INSERT INTO log_like VALUES ('a'), ('a'), (NULL)");
  c.run("CREATE TABLE nothing_in_it (id INT PRIMARY KEY)");
  c.run("CREATE SEQUENCE tickets START WITH 100 INCREMENT BY 10");
  c.run("DO NEXTVAL(tickets)");
  c.run("CREATE VIEW z_first AS SELECT id, code FROM parents");
  c.run("CREATE VIEW a_second AS SELECT z_first.id, c.parent FROM z_first JOIN children c");
  c.run("CREATE FUNCTION twice(x INT) RETURNS INT DETERMINISTIC RETURN x * 2");
  c.run("CREATE VIEW with_function AS SELECT twice(id) AS t FROM parents");
  c.run(
      "CREATE PROCEDURE `pro;cedure`(IN a INT, OUT b INT) BEGIN DECLARE x INT DEFAULT 0; -- ;;\n"
      "SET b = a; /* ;; */ SELECT 'it''s;' INTO @x; END");
  c.run(
      "CREATE TRIGGER before_parent BEFORE INSERT ON parents FOR EACH ROW BEGIN SET NEW.body = "
      "CONCAT('t:', NEW.body); END");
  c.run(
      "CREATE TRIGGER second_one BEFORE INSERT ON parents FOR EACH ROW FOLLOWS before_parent SET "
      "NEW.code = NEW.code");
  c.run(
      "CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 03:00:00' ON COMPLETION "
      "PRESERVE COMMENT 'clean; up' DO DELETE FROM log_like");
}

}  // namespace holdfast::test
