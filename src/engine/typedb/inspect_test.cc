// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/inspect.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/fd.h"
#include "engine/typedb/test_directories.h"
#include "engine/typedb/test_exports.h"

namespace holdfast::engine::typedb {
namespace {

const InspectOptions deep{.deep = true};

TEST(TypedbInspect, ExportIsKnownWhateverItIsCalled) {
  const TemporaryDirectory place("typedb-test");
  put_file(place.path() / "dump.bin", people_export(3, "3.4.0").bytes);
  const auto found = inspect_place(place.path() / "dump.bin", deep, {});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->kind, "TypeDB 3.4.0 export");
  EXPECT_TRUE(found->whole);
  EXPECT_TRUE(found->deep);
  EXPECT_EQ(found->facts.dump(),
            R"({"version":"3.4.0","database":"shop","items":12,)"
            R"("counted":{"entities":4,"attributes":3,"relations":3,"role_players":6,)"
            R"("ownerships":3},)"
            R"("checksums":{"entities":4,"attributes":3,"relations":3,"role_players":6,)"
            R"("ownerships":3},)"
            R"("roles":[{"role":"employment:employee","players":3},)"
            R"({"role":"employment:employer","players":3}],"identities_compared":true,)"
            R"("labels_compared":false})");
  ASSERT_EQ(found->tables.size(), 4U);
  EXPECT_EQ(found->tables[1].schema, "entity");
  EXPECT_EQ(found->tables[1].table, "person");
  EXPECT_EQ(found->tables[1].rows, 3U);
}

TEST(TypedbInspect, FileOfThatNameIsOneThoughItIsDamaged) {
  const TemporaryDirectory place("typedb-test");
  put_file(place.path() / "shop.typedb", "something else");
  const auto found = inspect_place(place.path() / "shop.typedb", {}, {});
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->whole);
}

TEST(TypedbInspect, WhatWasNotComparedIsTold) {
  const TemporaryDirectory place("typedb-test");
  TestExport made;
  put_file(place.path() / "twice.typedb",
           made.header().entity("e", "p").entity("e", "p").checksums().bytes);
  const auto counted = inspect_place(place.path() / "twice.typedb", {}, {});
  ASSERT_TRUE(counted);
  EXPECT_TRUE(counted->whole) << "as far as was looked";
  EXPECT_EQ(counted->tables.at(0).rows, 2U);
  ASSERT_EQ(counted->findings.size(), 1U);
  EXPECT_EQ(counted->findings[0].code, "typedb-export-identities-unchecked");
  const auto compared = inspect_place(place.path() / "twice.typedb", deep, {});
  ASSERT_TRUE(compared);
  EXPECT_FALSE(compared->whole);
  EXPECT_EQ(compared->findings.at(0).code, "typedb-export-ids-repeated");
}

TEST(TypedbInspect, OtherThingsAreNotKnown) {
  const TemporaryDirectory place("typedb-test");
  put_file(place.path() / "notes.txt", "define");
  put_file(place.path() / "empty", "");
  EXPECT_FALSE(inspect_place(place.path() / "notes.txt", {}, {}));
  EXPECT_FALSE(inspect_place(place.path() / "empty", {}, {}));
  EXPECT_FALSE(inspect_place(place.path() / "gone", {}, {}));
  EXPECT_FALSE(inspect_place(place.path(), {}, {}));
}

TEST(TypedbInspect, DataDirectoryTellsEachDatabase) {
  const TemporaryDirectory place("typedb-test");
  make_database_2(place.path() / "old", 1);
  make_database_3(place.path() / "shop");
  put_segment(place.path() / "shop", 11,
              wal_commits(11, 20) + wal_statistics_record(20, {1, 2, 3, 4, 5}));
  const auto all = inspect_place(place.path() / "", {}, {});
  ASSERT_TRUE(all);
  EXPECT_EQ(all->kind, "TypeDB data directory");
  EXPECT_TRUE(all->whole);
  ASSERT_EQ(all->findings.size(), 1U);
  EXPECT_EQ(all->findings[0].code, "typedb-encodings-differ");
  const std::string facts = all->facts.dump();
  EXPECT_NE(facts.find(R"("encoding":"2.x/1","written_by":"2.6.0 to 2.7.1")"), std::string::npos)
      << facts;
  EXPECT_NE(facts.find(R"("records":41,"first":1,"last":20)"), std::string::npos) << facts;
  EXPECT_NE(facts.find(R"("complete":true,"watermark":15)"), std::string::npos) << facts;
  EXPECT_NE(facts.find(R"("things":{"entities":1,"attributes":2,"relations":3,"role_players":4,)"
                       R"("ownerships":5},"things_as_of":20)"),
            std::string::npos)
      << facts;
  const auto one = inspect_place(place.path() / "shop" / "", {}, {});
  ASSERT_TRUE(one);
  EXPECT_EQ(one->kind, "TypeDB database");
  EXPECT_EQ(one->facts.at("name").as_string(), "shop");
  EXPECT_EQ(one->facts.at("opened_by").as_string(), "3.0.0 and later");
}

TEST(TypedbInspect, NewAndOldCommitsAreOpenedByOneRelease) {
  const TemporaryDirectory place("typedb-test");
  make_database_3(place.path() / "a", wal_commit_old);
  make_database_3(place.path() / "b", wal_commit);
  const auto all = inspect_place(place.path(), deep, {});
  ASSERT_TRUE(all);
  for (const model::Finding& one : all->findings) EXPECT_EQ(one.code, "typedb-storage-unread");
}

TEST(TypedbInspect, OnlyWhatWasReadIsToldAsRead) {
  const TemporaryDirectory place("typedb-test");
  put_file(place.path() / "x.typedb", people_export(1).bytes);
  EXPECT_FALSE(inspect_place(place.path() / "x.typedb", {}, {})->deep);
  EXPECT_TRUE(inspect_place(place.path() / "x.typedb", deep, {})->deep);
  make_database_3(place.path() / "shop");
  const auto found = inspect_place(place.path() / "shop", deep, {});
  EXPECT_TRUE(found->deep);
  ASSERT_EQ(found->findings.size(), 1U);
  EXPECT_EQ(found->findings[0].code, "typedb-storage-unread");
  EXPECT_TRUE(inspect_place(place.path() / "shop", {}, {})->findings.empty());
  make_database_2(place.path() / "old", 2);
  EXPECT_FALSE(inspect_place(place.path() / "old", deep, {})->deep) << "it has no real tables";
}

TEST(TypedbInspect, FindingsNameTheirDatabase) {
  const TemporaryDirectory place("typedb-test");
  make_database_3(place.path() / "good");
  make_database_3(place.path() / "shop");
  std::filesystem::remove(place.path() / "shop" / "wal" / segment_name(1));
  const auto found = inspect_place(place.path(), {}, {});
  ASSERT_TRUE(found);
  ASSERT_EQ(found->findings.size(), 1U);
  EXPECT_EQ(found->findings[0].code, "typedb-wal-begins-late");
  EXPECT_EQ(found->findings[0].component, "shop");
}

TEST(TypedbInspect, DamageMakesItNotWhole) {
  const TemporaryDirectory place("typedb-test");
  make_database_3(place.path());
  std::filesystem::remove(place.path() / "wal" / segment_name(11));
  const auto found = inspect_place(place.path(), {}, {});
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->whole) << "the checkpoint at 15 is ahead of a log that ends at 10";
}

}  // namespace
}  // namespace holdfast::engine::typedb
