// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/dump_file.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "base/fd.h"

namespace holdfast::engine::mariadb {
namespace {

constexpr std::string_view dump =
    "/*M!999999\\- enable the sandbox mode */ \n"
    "-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)\n"
    "--\n"
    "-- Host: localhost    Database: shop\n"
    "-- ------------------------------------------------------\n"
    "-- Server version\t10.11.19-MariaDB-log\n"
    "/*!40101 SET NAMES utf8mb4 */;\n"
    "CREATE TABLE `t` (\n  `id` int(11) NOT NULL,\n  `v` varchar(9) DEFAULT NULL,\n  PRIMARY KEY "
    "(`id`)\n) ENGINE=InnoDB;\n"
    "INSERT INTO `t` VALUES\n(1,'a''b\\n'),\n(-2,NULL);\n"
    "INSERT INTO `t` VALUES (3,0x00FF),(4,_binary 'x'),(5,1.5e3);\n"
    "DELIMITER ;;\n"
    "/*!50003 CREATE*/ /*!50017 DEFINER=`r`@`h`*/ /*!50003 TRIGGER x BEFORE INSERT ON t FOR EACH "
    "ROW "
    "SET @a=1 */;;\n"
    "DELIMITER ;\n"
    "-- Dump completed on 2026-11-20 10:56:01\n";

model::TableName in_no_schema(const char* table) {
  return {"", table};
}

TEST(MariadbDumpFile, ReadsWhatDumpsSay) {
  ASSERT_TRUE(looks_like_dump(dump));
  EXPECT_FALSE(looks_like_dump("-- PostgreSQL database dump"));
  BytesSource source(as_bytes(dump));
  DumpContent content;
  std::vector<model::Row> rows;
  read_dump(source, dump_delimiter, content, {"", "t"},
            [&](const model::Row& row) { rows.push_back(row); }, {});
  EXPECT_TRUE(content.header.is_complete);
  EXPECT_EQ(content.header.database, "shop");
  EXPECT_EQ(content.header.host, "localhost");
  EXPECT_EQ(content.header.server_version, "10.11.19-MariaDB-log");
  EXPECT_EQ(content.header.completed, "2026-11-20 10:56:01");
  ASSERT_EQ(content.tables.count(in_no_schema("t")), 1U);
  EXPECT_EQ(content.tables[in_no_schema("t")].rows, 5U);
  ASSERT_EQ(content.tables[in_no_schema("t")].columns.size(), 2U);
  EXPECT_EQ(content.tables[in_no_schema("t")].columns[1].type, "varchar(9)");
  ASSERT_EQ(content.objects.size(), 1U);
  EXPECT_EQ(content.objects[0].kind, "trigger");
  EXPECT_EQ(content.objects[0].name, "x");
  ASSERT_EQ(rows.size(), 5U);
  EXPECT_EQ(rows[0][1], model::Value::of_text("a'b\n"));
  EXPECT_EQ(rows[1][0], model::Value::integer(-2));
  EXPECT_EQ(rows[1][1], model::Value::null());
  EXPECT_EQ(rows[2][1].kind, model::ValueKind::bytes);
  EXPECT_EQ(rows[4][1], model::Value::of_real(1500));
}

TEST(MariadbDumpFile, NoticesWhereADumpBreaksOff) {
  for (std::size_t cut = 0; cut < dump.size() - 45; cut += 7) {
    BytesSource source(as_bytes(dump.substr(0, cut)));
    DumpContent content;
    try {
      read_dump(source, dump_delimiter, content, {}, [](const model::Row&) {}, {});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::corrupt);
    }
    EXPECT_FALSE(content.header.is_complete) << cut;
  }
}

TEST(MariadbDumpFile, ReadsWhatMydumperWrites) {
  const std::string text =
      "/*!40101 SET NAMES binary*/;\nCREATE TABLE `a` (\n  `id` int,\n  `t` text\n) "
      "ENGINE=InnoDB;\nINSERT INTO `a` (`id`,`t`) VALUES\n(1,\"x;\\n\\\"q\\'\"),\n(2,NULL);\n"
      "CREATE PROCEDURE `p`()\nBEGIN SELECT 1; SELECT 2; \nEND;\n"
      "CREATE TABLE `v`(\n`id` int\n)ENGINE=MyISAM;\nCREATE VIEW `v` AS select 1 AS `id`;\n"
      "CREATE TABLE `s` (\n  `next_not_cached_value` bigint(21)\n) ENGINE=InnoDB SEQUENCE=1;\n"
      "INSERT INTO `s` VALUES\n(1);";
  BytesSource source(as_bytes(text));
  DumpContent content;
  std::vector<model::Row> rows;
  read_dump(source, mydumper_delimiter, content, {"", "a"},
            [&](const model::Row& row) { rows.push_back(row); }, {});
  EXPECT_FALSE(content.ended_within);
  ASSERT_EQ(content.tables.size(), 1U);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0][1], model::Value::of_text("x;\n\"q'"));
  ASSERT_EQ(content.objects.size(), 3U);
  EXPECT_EQ(content.objects[0].kind, "procedure");
  EXPECT_TRUE(content.objects[0].text.ends_with("END"));
  EXPECT_EQ(content.objects[2].kind, "sequence");
}

TEST(MariadbDumpFile, KnowsBothSandboxLines) {
  EXPECT_TRUE(looks_like_dump("/*!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19"));
  EXPECT_TRUE(looks_like_dump("/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19"));
}

TEST(MariadbDumpFile, CountsRowsWhoeverQuotesTheTable) {
  constexpr std::string_view text =
      "CREATE TABLE t (\n  id int(11) NOT NULL,\n  PRIMARY KEY (id)\n);\n"
      "INSERT INTO t VALUES (1),(2);\nCREATE TABLE \"a\"\"b\" (\n  \"id\" int\n);\n"
      "INSERT  IGNORE INTO \"a\"\"b\" VALUES (1);\n";
  BytesSource source(as_bytes(text));
  DumpContent content;
  read_dump(source, dump_delimiter, content, {}, [](const model::Row&) {}, {});
  EXPECT_EQ(content.tables[in_no_schema("t")].rows, 2U);
  EXPECT_EQ(content.tables[in_no_schema("t")].columns.size(), 1U);
  EXPECT_EQ(content.tables[in_no_schema("a\"b")].rows, 1U);
}

TEST(MariadbDumpFile, KeepsSchemasApart) {
  constexpr std::string_view text =
      "USE `a`;\nCREATE TABLE `t` (`i` int);\nINSERT INTO `t` VALUES (1);\nUSE `b`;\n"
      "CREATE TABLE `t` (`i` int);\nINSERT INTO `t` VALUES (2),(3);\n";
  for (const model::TableName& wanted : {model::TableName{"b", "t"}, model::TableName{"", "b.t"}}) {
    BytesSource source(as_bytes(text));
    DumpContent content;
    std::uint64_t rows = 0;
    read_dump(source, dump_delimiter, content, wanted, [&](const model::Row&) { ++rows; }, {});
    EXPECT_EQ(rows, 2U);
    EXPECT_EQ(content.databases, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(content.tables.at(model::TableName{"a", "t"}).rows, 1U);
    EXPECT_EQ(content.tables.at(model::TableName{"b", "t"}).rows, 2U);
  }
}

TEST(MariadbDumpFile, BoundsTheFieldsOfARow) {
  std::string text = "INSERT INTO `t` VALUES (1";
  for (int i = 0; i < 5000; ++i) text += ",1";
  text += ");\n";
  BytesSource source(as_bytes(text));
  DumpContent content;
  EXPECT_THROW(read_dump(source, dump_delimiter, content, {}, [](const model::Row&) {}, {}), Error);
}

TEST(MariadbDumpFile, FindsTheSchemasOfADump) {
  const TemporaryDirectory home("holdfast-dump");
  const auto schemas = [&](const std::string& text) {
    const std::filesystem::path file = home.path() / "dump.sql";
    std::filesystem::remove(file);
    write_file_durably(file, as_bytes(text));
    return schemas_of_dump(file, {});
  };
  const std::string head = "-- MariaDB dump 10.19\n-- Host: localhost    Database: shop\n";
  EXPECT_EQ(schemas(head), (std::vector<std::string>{"shop"}));
  EXPECT_EQ(schemas("-- MariaDB dump 10.19\n"), (std::vector<std::string>{}));
  const std::string row =
      "INSERT INTO `t` VALUES ('" + std::string(3U << 20U, 'x') + "\\nUSE `no`');\n";
  EXPECT_EQ(schemas(head + "USE `a``b`;\n" + row + "USE `c`;\n" + row + "USE `a``b`;"),
            (std::vector<std::string>{"a`b", "c"}));
}

}  // namespace
}  // namespace holdfast::engine::mariadb
