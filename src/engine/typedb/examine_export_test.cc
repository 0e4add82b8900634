// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/examine_export.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "base/fd.h"
#include "engine/typedb/test_exports.h"
#include "engine/typedb/test_keys.h"

namespace holdfast::engine::typedb {
namespace {

class TypedbExamine : public ::testing::Test {
 protected:
  ExportReport examine(std::string_view bytes, const TypeNames* schema = nullptr,
                       bool identities = true) {
    write_file_durably(file(), as_bytes(bytes), 0644);
    ExportOptions options;
    options.identities = identities;
    options.scratch_directory = place_.path();
    options.schema = schema;
    return examine_export(file(), options, {});
  }
  // Codes in order of their telling.
  std::string codes(std::string_view bytes, const TypeNames* schema = nullptr) {
    report_ = examine(bytes, schema);
    std::string all;
    for (const model::Finding& one : report_.findings) all += (all.empty() ? "" : " ") + one.code;
    return all;
  }
  // What the only finding has seen.
  [[nodiscard]] const std::string& seen() const { return report_.findings.at(0).seen; }
  [[nodiscard]] std::filesystem::path file() const { return place_.path() / "shop.typedb"; }

  TemporaryDirectory place_{"typedb-test"};
  ExportReport report_;
};

std::size_t offset_of(const TestExport& made, std::string_view text) {
  return made.bytes.find(text);
}

TEST_F(TypedbExamine, WholeExportsHaveNoFindings) {
  const TestExport made = people_export(100);
  EXPECT_EQ(codes(made.bytes), "");
  EXPECT_EQ(report_.version, "2.29.1");
  EXPECT_EQ(report_.database, "shop");
  EXPECT_EQ(report_.items, 303U);
  EXPECT_EQ(report_.size_bytes, made.bytes.size());
  EXPECT_EQ(report_.counted, (ThingCounts{101, 100, 100, 200, 100}));
  EXPECT_EQ(report_.checksums, report_.counted);
  EXPECT_TRUE(report_.identities_checked);
}

TEST_F(TypedbExamine, LabelsAreCounted) {
  static_cast<void>(codes(people_export(7).bytes));
  std::string all;
  for (const LabelCount& one : report_.labels)
    all += fmt::format("{} {} {};", item_kind_name(one.kind), one.label, one.count);
  EXPECT_EQ(all,
            "entity company 1;entity person 7;relation employment 7;attribute name 7;"
            "unknown employment:employee 7;unknown employment:employer 7;");
}

TEST_F(TypedbExamine, ItemsMayComeInAnyOrder) {
  TestExport made;
  made.header("3.4.0").relation("r", "e", {{"e:x", {"p"}}}, {"a"}).entity("p", "p", {"a"});
  made.attribute("a", "n", string_value("x")).checksums();
  EXPECT_EQ(codes(made.bytes), "");
}

TEST_F(TypedbExamine, EveryCutIsFoundAndToldToTheByte) {
  const TestExport made = people_export(1);
  write_file_durably(file(), as_bytes(made.bytes), 0644);
  ExportOptions options;
  options.scratch_directory = place_.path();
  for (std::size_t size = made.bytes.size(); size-- > 0;) {
    std::filesystem::resize_file(file(), size);
    const ExportReport report = examine_export(file(), options, {});
    ASSERT_TRUE(model::has_blocker(report.findings)) << size;
    const bool told =
        std::any_of(report.findings.begin(), report.findings.end(), [&](const model::Finding& one) {
          return one.seen.find(fmt::format(" ends at byte {}", size)) != std::string::npos;
        });
    EXPECT_TRUE(told) << size << ": " << report.findings[0].seen;
    EXPECT_EQ(report.size_bytes, size);
  }
}

TEST_F(TypedbExamine, EndWithoutChecksumsIsNoEnd) {
  const TestExport made = people_export(2, "2.29.1", false);
  EXPECT_EQ(codes(made.bytes), "typedb-export-checksums-missing");
  EXPECT_EQ(seen(),
            fmt::format("shop.typedb ends at byte {} without its checksums", made.bytes.size()));
}

TEST_F(TypedbExamine, WrongCountsAreNamedWithTheirPlace) {
  TestExport made = people_export(2, "2.29.1", false);
  const std::size_t at = made.bytes.size();
  made.checksums({4, 2, 2, 4, 1});
  EXPECT_EQ(codes(made.bytes), "typedb-export-checksums-wrong");
  EXPECT_EQ(seen(), fmt::format("shop.typedb has 3 entities instead of 4, 2 ownerships instead of "
                                "1 (its checksums are at byte {})",
                                at));
}

TEST_F(TypedbExamine, ThingsBehindTheChecksumsAreTold) {
  TestExport made = people_export(1, "2.29.1", false);
  ThingCounts counts = made.counts;
  ++counts.entities;
  made.checksums(counts).entity("late", "person");
  EXPECT_EQ(codes(made.bytes), "typedb-export-checksums-early");
}

TEST_F(TypedbExamine, TwoExportsInOneAreTold) {
  const std::string one = people_export(1).bytes;
  EXPECT_EQ(codes(one + one).substr(0, 26), "typedb-export-concatenated");
}

TEST_F(TypedbExamine, MissingHeaderIsTold) {
  TestExport made;
  made.entity("e", "person").checksums();
  EXPECT_EQ(codes(made.bytes), "typedb-export-header-missing");
  EXPECT_EQ(codes(""), "typedb-export-header-missing typedb-export-checksums-missing");
}

TEST_F(TypedbExamine, LossyIdsAreFoundThoughCountsMatch) {
  // As 2.0.0 to 2.2.0 write keys that are no UTF-8: different ones become the same.
  TestExport made;
  const std::string lossy = "\x83\xEF\xBF\xBD\x01";
  const std::string id = "p\xEF\xBF\xBD";
  made.header("2.1.3").entity(id, "person").entity(id, "person").entity("q", "person").checksums();
  EXPECT_EQ(codes(made.bytes), "typedb-export-ids-lossy typedb-export-ids-repeated");
  EXPECT_EQ(report_.checksums, report_.counted);
  EXPECT_EQ(seen(), fmt::format("2 ids of shop.typedb have lost bytes: entity person at byte {}; "
                                "entity person at byte {}",
                                offset_of(made, id) - 5, made.bytes.rfind(id) - 5));
  EXPECT_NE(report_.findings[1].mend.find("2.3.0 to 2.5.0"), std::string::npos);
  EXPECT_EQ(codes(TestExport().header().entity(lossy, "p").checksums().bytes),
            "typedb-export-malformed typedb-export-checksums-wrong");
}

TEST_F(TypedbExamine, WholeExportOfTheReleasesThatLoseBytesIsFoundTwice) {
  const TestKeys keys(Encoding::v2_0);
  TestExport made;
  made.header("2.0.0");
  for (std::uint64_t i = 0; i < 200; ++i) {
    const std::string name = lossy_id(keys.attribute(TestKeys::text(fmt::format("person {}", i))));
    made.entity(lossy_id(keys.entity(i)), "person", {name});
    made.attribute(name, "name", string_value(fmt::format("person {}", i)));
  }
  made.checksums();
  EXPECT_EQ(codes(made.bytes), "typedb-export-ids-lossy typedb-export-ids-repeated");
  EXPECT_EQ(report_.checksums, report_.counted);
  EXPECT_EQ(seen().substr(0, 42), "400 ids of shop.typedb have lost bytes: en");
  EXPECT_EQ(report_.findings[1].seen.substr(0, 34), "71 of 400 things of shop.typedb ha")
      << "entities 128 to 199 are one";
}

TEST_F(TypedbExamine, ValuesOfEveryTypeAreWholeInExportsOfTheirReleases) {
  for (const auto& [version, with_3] :
       {std::pair{"2.0.0", false}, {"2.29.1", false}, {"3.4.0", true}, {"3.12.3", true}}) {
    TestExport made;
    made.header(version);
    std::uint64_t number = 0;
    for (const std::string& value : values_of_every_type(with_3))
      made.attribute(id_of(++number), fmt::format("a{}", number), value);
    made.checksums();
    EXPECT_EQ(codes(made.bytes), "") << version;
    EXPECT_EQ(report_.counted.attributes, with_3 ? 12 : 5);
    EXPECT_EQ(report_.version, version);
  }
}

TEST_F(TypedbExamine, RepeatedIdsAreNamedWithTheirPlaces) {
  TestExport made;
  made.header();
  const std::size_t entity_at = made.bytes.size();
  made.entity("x", "person");
  const std::size_t player_at = made.bytes.size();
  made.relation("r", "e", {{"e:x", {"x"}}});
  const std::size_t relation_at = made.bytes.size();
  made.relation("x", "e", {}).checksums();
  EXPECT_EQ(codes(made.bytes), "typedb-export-ids-repeated");
  EXPECT_EQ(seen(), fmt::format("1 of 3 things of shop.typedb have an id that another has: \"x\": "
                                "entity person at byte {}; player of the relation at byte {}; "
                                "relation e at byte {}",
                                entity_at, player_at, relation_at));
}

TEST_F(TypedbExamine, WhatResolvesToNothingIsNamedWithItsPlace) {
  TestExport made;
  made.header();
  const std::size_t entity_at = made.bytes.size();
  made.entity("p", "person", {"gone", "p"});
  const std::size_t relation_at = made.bytes.size();
  made.relation("r", "e", {{"e:x", {"p", "lost"}}}).checksums();
  EXPECT_EQ(codes(made.bytes), "typedb-export-unresolved");
  EXPECT_NE(seen().find("2 owned attributes and 1 role players of shop.typedb are not in the file"),
            std::string::npos)
      << seen();
  for (const std::string& place :
       {fmt::format("\"gone\": owned by the thing at byte {}", entity_at),
        fmt::format("\"lost\": player of the relation at byte {}", relation_at)})
    EXPECT_NE(seen().find(place), std::string::npos) << seen();
}

TEST_F(TypedbExamine, AttributesMayPlayRolesAndOwnAttributesIn2) {
  TestExport made;
  made.header().attribute("a", "name", string_value("x"), {"b"});
  made.attribute("b", "language", string_value("en"));
  made.relation("r", "tagging", {{"tagging:tag", {"a", "r"}}}).checksums();
  EXPECT_EQ(codes(made.bytes), "");
}

TEST_F(TypedbExamine, MalformedItemsAreNamedAndTheRestIsRead) {
  TestExport made;
  made.header();
  const std::size_t at = made.bytes.size();
  made.item(bytes_field(2, bytes_field(2, "person"))).entity("e", "person").checksums();
  EXPECT_EQ(codes(made.bytes), "typedb-export-malformed");
  EXPECT_EQ(seen(), fmt::format("1 items of shop.typedb cannot be read: at byte {}: the entity has "
                                "no id",
                                at));
  EXPECT_EQ(report_.counted.entities, 1);
}

TEST_F(TypedbExamine, ItemsOfTheFutureAreToldAndPassedOver) {
  TestExport made;
  made.header().item(bytes_field(17, "x")).checksums();
  EXPECT_EQ(codes(made.bytes), "typedb-export-item-unknown");
  EXPECT_TRUE(model::has_blocker(report_.findings));
  TestExport other;
  other.header().attribute("a", "name", number_field(13, 1)).checksums();
  EXPECT_EQ(codes(other.bytes), "typedb-export-item-unknown") << "a value that is as new";
  EXPECT_NE(seen().find("the value of name at byte"), std::string::npos) << seen();
}

TEST_F(TypedbExamine, ScratchIsGivenUpBeforeTheDiskIsFull) {
  write_file_durably(file(), as_bytes(people_export(3000).bytes), 0644);
  ExportOptions options;
  options.scratch_directory = place_.path();
  options.memory_bytes = 1;
  EXPECT_TRUE(examine_export(file(), options, {}).findings.empty());
  options.left_free_bytes = std::numeric_limits<std::uint64_t>::max();
  const ExportReport report = examine_export(file(), options, {});
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_EQ(report.findings[0].code, "typedb-export-identities-unobservable");
  EXPECT_NE(report.findings[0].seen.find("bytes free"), std::string::npos);
}

TEST_F(TypedbExamine, PlacesOfBothKindsOfDamageAreFoundTogether) {
  TestExport made;
  made.header().entity("x", "person").entity("x", "person", {"gone"}).checksums();
  EXPECT_EQ(codes(made.bytes), "typedb-export-ids-repeated typedb-export-unresolved");
  EXPECT_EQ(seen().find("gone"), std::string::npos) << seen();
  EXPECT_NE(report_.findings[1].seen.find("\"gone\": owned by the thing"), std::string::npos);
  EXPECT_EQ(report_.findings[1].seen.find("\"x\""), std::string::npos);
}

TEST_F(TypedbExamine, LengthsThatNoItemHasEndTheReading) {
  const std::string front = people_export(1, "2.29.1", false).bytes;
  EXPECT_EQ(codes(front + varint(1U << 30U) + "x"), "typedb-export-malformed");
  EXPECT_NE(seen().find(fmt::format("at byte {}", front.size())), std::string::npos) << seen();
}

TEST_F(TypedbExamine, LabelsMustBeInTheSchema) {
  const std::string whole = people_export(3).bytes;
  for (const std::string_view text : {people_schema_2, people_schema_3}) {
    const TypeNames schema = scan_schema(text);
    EXPECT_EQ(codes(whole, &schema), "");
  }
  const TypeNames other = scan_schema(
      "define person sub entity; company sub relation, relates x; employment sub relation, relates "
      "employee;");
  EXPECT_EQ(codes(whole, &other), "typedb-export-label-undefined");
  EXPECT_EQ(seen(),
            "the schema does not define entity company (1 times), which is defined as relation; "
            "attribute name (3 times); role employment:employer (3 times)");
}

TEST_F(TypedbExamine, WithoutScratchTheRestIsToldAllTheSame) {
  TestExport made;
  made.header();
  std::vector<std::string> owned;
  for (int i = 0; i < 100; ++i) owned.push_back("a");
  made.attribute("a", "n", string_value("x"));
  for (int i = 0; i < 100; ++i) made.entity(fmt::format("e{}", i), "p", owned);
  made.checksums();
  write_file_durably(file(), as_bytes(made.bytes), 0644);
  ExportOptions options;
  options.scratch_directory = place_.path() / "missing";
  options.memory_bytes = 64U << 10U;  // fewer than 10,000 ids fit in
  const ExportReport report = examine_export(file(), options, {});
  EXPECT_EQ(report.counted, report.checksums);
  EXPECT_FALSE(report.identities_checked);
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_EQ(report.findings[0].code, "typedb-export-identities-unobservable");
  EXPECT_TRUE(model::has_blocker(report.findings));
}

TEST_F(TypedbExamine, CountsAloneDoNotCompareIdentities) {
  TestExport made;
  made.header().entity("e", "p").entity("e", "p").checksums();
  const ExportReport report = examine(made.bytes, nullptr, false);
  EXPECT_TRUE(report.findings.empty());
  EXPECT_FALSE(report.identities_checked);
}

TEST_F(TypedbExamine, NoFileHasAnyNumberOfLabels) {
  TestExport made;
  made.header();
  for (int i = 0; i < 100'010; ++i) made.entity(fmt::format("{}", i), fmt::format("l{}", i));
  made.checksums();
  const ExportReport report = examine(made.bytes, nullptr, false);
  EXPECT_EQ(report.findings.at(0).code, "typedb-export-malformed");
  EXPECT_EQ(report.labels.size(), 100'000U);
}

TEST_F(TypedbExamine, StopEndsTheReading) {
  std::stop_source stop;
  stop.request_stop();
  write_file_durably(file(), as_bytes(people_export(1).bytes), 0644);
  EXPECT_EQ(code_of([&] { static_cast<void>(examine_export(file(), {}, stop.get_token())); }),
            Errc::cancelled);
}

TEST(TypedbExportFront, IsKnownByItsHeader) {
  EXPECT_TRUE(begins_as_export(as_bytes(people_export(1).bytes)));
  EXPECT_TRUE(begins_as_export(as_bytes(TestExport().header("2.0.0", "").bytes)));
  EXPECT_FALSE(begins_as_export(as_bytes(TestExport().header("", "").bytes)));
  EXPECT_FALSE(begins_as_export(as_bytes(TestExport().entity("a", "b").bytes)));
  for (const std::string_view other : {"", "\n", "SQLite format 3", "\x1f\x8b\x08", "define\n"})
    EXPECT_FALSE(begins_as_export(as_bytes(other))) << other;
}

}  // namespace
}  // namespace holdfast::engine::typedb
