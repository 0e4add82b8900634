// SPDX-License-Identifier: Apache-2.0
// What a MySQL server says of a schema `shop` with one table, for tests that replay it.
#pragma once

#include <optional>
#include <string>

#include "harness/scripted_mysql.h"

namespace holdfast::test {

inline const std::string orders =
    "CREATE TABLE `orders` (\n  `id` int NOT NULL AUTO_INCREMENT,\n  `doc` json DEFAULT NULL,\n  "
    "`twice` int GENERATED ALWAYS AS ((`id` * 2)) VIRTUAL,\n  PRIMARY KEY (`id`)\n) ENGINE=InnoDB "
    "AUTO_INCREMENT=3 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci";

// A schema `shop` with one table, as information_schema of MySQL shows it.
inline void describe_shop(ScriptedMysql& server) {
  using Answer = ScriptedMysql::Answer;
  server.answer(
      "FROM information_schema.SCHEMATA",
      Answer{.columns = {"a", "b", "c"}, .lines = {{"utf8mb4", "utf8mb4_0900_ai_ci", "shop"}}});
  server.answer("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA", "shop");
  server.answer("count(*) FROM information_schema.SCHEMATA", "1");
  server.answer("SELECT (SELECT count(*) FROM information_schema.TABLES", "1");
  server.answer("FROM information_schema.ENGINES",
                Answer{.columns = {"ENGINE"}, .lines = {{"InnoDB"}}});
  server.answer(
      "SELECT TABLE_NAME, TABLE_TYPE",
      Answer{.columns = {"a", "b", "c", "d", "e", "f"},
             .lines = {{"orders", "BASE TABLE", "InnoDB", "2", "16384", "2026-11-20 10:00:00"}}});
  server.answer("SHOW CREATE TABLE",
                Answer{.columns = {"Table", "Create Table"}, .lines = {{"orders", orders}}});
  server.answer(
      "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE",
      Answer{.columns = {"a", "b", "c", "d", "e", "f", "g", "h"},
             .lines = {
                 {"orders", "id", "int", "int", std::nullopt, "auto_increment", "", std::nullopt},
                 {"orders", "doc", "json", "json", std::nullopt, "", "", std::nullopt},
                 {"orders", "twice", "int", "int", std::nullopt, "VIRTUAL GENERATED", "(`id` * 2)",
                  std::nullopt}}});
  server.answer("FROM information_schema.STATISTICS",
                Answer{.columns = {"a", "b", "c"}, .lines = {{"orders", "id", std::nullopt}}});
  server.answer("SELECT CREATE_TIME", "2026-11-20 10:00:00");
  for (const char* none : {"FROM information_schema.ROUTINES", "FROM information_schema.TRIGGERS",
                           "FROM information_schema.EVENTS"})
    server.answer(none, Answer{.columns = {"a", "b", "c"}});
  server.answer("FROM mysql.", Answer{.columns = {"a", "b", "c"}});
  server.answer("SELECT COLLATION_NAME FROM information_schema.COLUMNS",
                Answer{.columns = {"a"}, .lines = {{"utf8mb4_0900_ai_ci"}}});
  server.answer(
      "FROM `shop`.`orders` FORCE INDEX (PRIMARY)",
      Answer{.columns = {"id", "doc"}, .lines = {{"1", "{\"a\": 1.50}"}, {"2", std::nullopt}}});
  server.answer("SELECT MAX(`id`)", "2");
  server.answer("@@server_uuid", "3e11fa47-71ca-11e1-9e33-c80aa9429562");
  server.answer("@@lower_case_table_names", "0");
  server.answer("@@local_infile", "1");
  server.answer("@@max_allowed_packet", "67108864");
  server.answer("@@collation_database", "utf8mb4_0900_ai_ci");
}

}  // namespace holdfast::test
