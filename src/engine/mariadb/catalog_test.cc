// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/catalog.h"

#include <gtest/gtest.h>

namespace holdfast::engine::mariadb {
namespace {

SchemaDef schema_of(const std::string& created, const std::string& identity,
                    const std::string& shown) {
  TableDef table;
  table.name = "t";
  table.engine = "InnoDB";
  table.created = created;
  table.identity = identity;
  table.shown = shown;
  SchemaDef schema;
  schema.tables.push_back(table);
  return schema;
}

TEST(Catalog, TellsATableThatTookThePlaceOfAnother) {
  const std::string shown = "CREATE TABLE `t` (\n  `a` int(11)\n) ENGINE=InnoDB";
  const SchemaDef before = schema_of("2026-01-01 00:00:00", "7 ", shown);
  EXPECT_EQ(difference(before, before), std::nullopt);
  EXPECT_EQ(difference(before, schema_of("2026-01-01 00:00:01", "7 ", shown)),
            "table t was changed");
  EXPECT_EQ(difference(before, schema_of("2026-01-01 00:00:00", "8 ", shown)),
            "table t was changed");
  EXPECT_EQ(difference(before, schema_of("2026-01-01 00:00:00", "7 ",
                                         "CREATE TABLE `t` (\n  `a` text\n) ENGINE=InnoDB")),
            "table t was changed");
  EXPECT_EQ(difference(before, SchemaDef{}), "table t is gone");
  EXPECT_EQ(difference(SchemaDef{}, before), "table t is new");
}

// A table whose purge is under way has no time of creation to show.
TEST(Catalog, ATimeThatIsNotShownIsNoChange) {
  const SchemaDef timed = schema_of("2026-01-01 00:00:00", "7 ", "CREATE TABLE");
  const SchemaDef untimed = schema_of("", "7 ", "CREATE TABLE");
  EXPECT_EQ(difference(timed, untimed), std::nullopt);
  EXPECT_EQ(difference(untimed, timed), std::nullopt);
  EXPECT_EQ(difference(untimed, schema_of("", "8 ", "CREATE TABLE")), "table t was changed");
}

// Without snapshots a table may be made anew at any time, as by REPAIR.
TEST(Catalog, OfATableWithoutSnapshotsOnlyTheDefinitionCounts) {
  SchemaDef before = schema_of("2026-01-01 00:00:00", "", "CREATE TABLE");
  before.tables[0].transactional = false;
  SchemaDef after = schema_of("2026-01-01 00:00:01", "", "CREATE TABLE");
  after.tables[0].transactional = false;
  EXPECT_EQ(difference(before, after), std::nullopt);
}

}  // namespace
}  // namespace holdfast::engine::mariadb
