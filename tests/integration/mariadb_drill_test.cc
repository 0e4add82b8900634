// SPDX-License-Identifier: Apache-2.0
// A drill of a schema of MariaDB proves an untouched copy, and names whatever was changed in one
// behind Holdfast's back: a byte of a row, a table, an index, a right, the value of a sequence,
// code.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "harness/mariadb_server.h"
#include "harness/program.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

struct Tampering {
  const char* name;
  std::function<void(const fs::path& database)> change;
  const char* named;  // what the drill must say
};

void replace_in(const fs::path& file, const std::string& old, const std::string& by) {
  std::string text = read_text(file);
  const std::size_t at = text.find(old);
  ASSERT_NE(at, std::string::npos) << old << " in " << file << ":\n" << text.substr(0, 4000);
  text.replace(at, old.size(), by);
  write_text(file, text);
}

TEST(MariadbDrill, ProvesACopyAndNoticesWhateverIsChanged) {
  const MariadbServer server;
  server.run("CREATE DATABASE shop");
  server.run(
      "CREATE TABLE shop.customers (id INT PRIMARY KEY, name VARCHAR(40), KEY by_name (name))");
  server.run(
      "INSERT INTO shop.customers SELECT seq, CONCAT('customer ', seq) FROM mysql.seq_1_to_500");
  server.run(
      "CREATE TABLE shop.orders (id INT PRIMARY KEY, customer INT, CONSTRAINT of_customer "
      "FOREIGN KEY (customer) REFERENCES shop.customers (id))");
  server.run("INSERT INTO shop.orders SELECT seq, seq FROM mysql.seq_1_to_400");
  server.run("CREATE SEQUENCE shop.numbers");
  server.run("DO SETVAL(shop.numbers, 2000)");
  server.run("CREATE VIEW shop.names AS SELECT name FROM shop.customers");
  server.run("CREATE PROCEDURE shop.tidy() DELETE FROM shop.orders WHERE id < 0");
  server.run(
      "CREATE TRIGGER shop.checked BEFORE INSERT ON shop.orders FOR EACH ROW SET NEW.id = NEW.id");
  server.run("CREATE USER clerk@localhost IDENTIFIED BY 'x'");
  server.run("GRANT SELECT, INSERT ON shop.* TO clerk@localhost");

  Place place;
  ASSERT_EQ(place.holdfast({"init"}).exit_code, 0);
  const std::string instance = (place / "shop.toml").string();
  write_text(instance, "name = \"shop\"\n" + server.instance_table("db", "shop") +
                           "[[drill.query]]\ncomponent = \"db\"\nsql = \"select count(*) from "
                           "orders\"\nexpect = \"400\"\n");
  const Outcome saved = place.holdfast({"backup", "-I", instance});
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  const Outcome proven = place.holdfast({"drill", "latest", "-I", instance});
  EXPECT_EQ(proven.exit_code, 0) << proven.text();
  EXPECT_TRUE(proven.says("proven")) << proven.text();

  const std::vector<Tampering> tamperings{
      {"OneByte",
       [](const fs::path& db) {
         replace_in(db / "tables/customers/00000.tsv", "customer 77\n", "customer 7X\n");
       },
       "table customers"},
      {"MissingTable", [](const fs::path& db) { fs::remove_all(db / "tables/customers"); },
       "customers"},
      {"MissingIndex",
       [](const fs::path& db) {
         replace_in(db / "schema.sql", "PRIMARY KEY (`id`),\n  KEY `by_name` (`name`)",
                    "PRIMARY KEY (`id`)");
       },
       "by_name"},
      {"MissingForeignKey",
       [](const fs::path& db) {
         replace_in(db / "schema.sql",
                    ",\n  CONSTRAINT `of_customer` FOREIGN KEY (`customer`) REFERENCES `customers` "
                    "(`id`)",
                    "");
       },
       "of_customer"},
      {"MissingGrant",
       [](const fs::path& db) { replace_in(db / "grants.sql", "SELECT, INSERT", "SELECT"); },
       "clerk"},
      {"SequenceValue",
       [](const fs::path& db) {
         replace_in(db / "schema.sql", "SETVAL(`numbers`, 2001", "SETVAL(`numbers`, 2000");
       },
       "numbers"},
      {"ChangedProcedure",
       [](const fs::path& db) { replace_in(db / "objects.sql", "id < 0\n;;", "id < 9\n;;"); },
       "tidy"},
      {"MissingTrigger",
       [](const fs::path& db) {
         const std::string text = read_text(db / "objects.sql");
         write_text(db / "objects.sql", text.substr(0, text.find("-- holdfast: trigger: checked")));
       },
       "checked"},
  };
  for (const Tampering& tampering : tamperings) {
    SCOPED_TRACE(tampering.name);
    const fs::path copy = place / fmt::format("copy-{}", tampering.name);
    const Outcome restored =
        place.holdfast({"restore", "latest:/", "--target", copy.string(), "--tag", "holdfast"});
    ASSERT_EQ(restored.exit_code, 0) << restored.text();
    tampering.change(copy / "shop/databases/db");
    const Outcome changed = place.run({"env", "-C", copy.string(), "restic", "--no-cache", "backup",
                                       "--json", "--quiet", "shop"});
    ASSERT_EQ(changed.exit_code, 0) << changed.text();
    const std::string snapshot = changed.lines().back().at("snapshot_id").as_string();
    const Outcome outcome = place.holdfast({"drill", snapshot, "-I", instance});
    EXPECT_EQ(outcome.exit_code, 21) << outcome.text();
    EXPECT_TRUE(outcome.says(tampering.named)) << outcome.text();
    EXPECT_TRUE(fs::is_empty(place.scratch()));
    fs::remove_all(copy);
  }
}

}  // namespace
}  // namespace holdfast::test
