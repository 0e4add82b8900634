// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/export_check.h"

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "base/stream.h"
#include "engine/typedb/export_file.h"
#include "engine/typedb/test_exports.h"

namespace holdfast::engine::typedb {
namespace {

ExportFacts check(const std::string& file, const TypeNames* schema = nullptr) {
  BytesSource source(as_bytes(file));
  ExportReader reader(source, "x.typedb");
  ExportCheck checked("the export", {}, schema);
  while (const auto piece = reader.next()) checked.add(piece->message);
  return checked.finish({});
}
Errc refusal_of(const TestExport& made, const TypeNames* schema = nullptr) {
  try {
    static_cast<void>(check(made.bytes, schema));
  } catch (const Error& error) {
    return error.code();
  }
  return Errc::bug;
}

TEST(TypedbExportCheck, TellsWhatAWholeExportHas) {
  const TypeNames schema = scan_schema(people_schema_3);
  const ExportFacts facts = check(people_export(10, "3.4.0").bytes, &schema);
  EXPECT_EQ(facts.version, "3.4.0");
  EXPECT_EQ(facts.counted.players, 20);
  EXPECT_EQ(facts.items, 33U);
  ASSERT_EQ(facts.labels.size(), 6U);
  EXPECT_EQ(facts.labels[0].label, "company");
}

TEST(TypedbExportCheck, RefusesWhatNoServerWouldLoadRight) {
  const TypeNames schema = scan_schema(people_schema_3);
  EXPECT_EQ(refusal_of(TestExport().checksums()), Errc::corrupt);
  EXPECT_EQ(refusal_of(TestExport().header().header().checksums()), Errc::corrupt);
  EXPECT_EQ(refusal_of(TestExport().header()), Errc::not_consistent);
  EXPECT_EQ(refusal_of(TestExport().header().checksums().checksums()), Errc::corrupt);
  EXPECT_EQ(refusal_of(TestExport().header().checksums({.entities = 1})), Errc::not_consistent);
  EXPECT_EQ(refusal_of(TestExport().header().item(bytes_field(9, "")).checksums()), Errc::corrupt);
  EXPECT_EQ(refusal_of(TestExport().header().entity("a", "t").entity("a", "t").checksums()),
            Errc::not_consistent);
  EXPECT_EQ(refusal_of(TestExport().header().entity("a", "t", {"b"}).checksums()),
            Errc::not_consistent);
  EXPECT_EQ(refusal_of(TestExport().header().relation("a", "t", {{"t:r", {"b"}}}).checksums()),
            Errc::not_consistent);
  EXPECT_EQ(refusal_of(TestExport().header().entity("\xEF\xBF\xBD", "t").checksums()),
            Errc::not_consistent);
  EXPECT_EQ(refusal_of(TestExport().header().entity("a", "alien").checksums(), &schema),
            Errc::not_consistent);
  EXPECT_EQ(refusal_of(TestExport()
                           .header()
                           .entity("p", "person")
                           .relation("a", "employment", {{"employment:other", {"p"}}})
                           .checksums(),
                       &schema),
            Errc::not_consistent);
}

TEST(TypedbExportCheck, ADifferenceOfCountsIsNamedByItsLabel) {
  const ExportFacts three = check(people_export(3).bytes), four = check(people_export(4).bytes);
  EXPECT_EQ(difference(three, three), "");
  EXPECT_EQ(difference(three, four),
            "of role employment:employee there are 4, where the copy has 3");
  const ExportFacts none = check(TestExport().header().checksums().bytes);
  EXPECT_EQ(difference(three, none),
            "of role employment:employee there are 0, where the copy has 3");
}

}  // namespace
}  // namespace holdfast::engine::typedb
