// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/dac/dac_inspect.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/sqlserver/dac/test_dac.h"

namespace holdfast::engine::sqlserver {
namespace {

using test::DacText;
using test::int_cell;
using test::le;
using test::make_zip;
using test::rows_of;
using test::shop_package;
using test::tell_package;
using test::ZipMember;

std::string codes(const Inspection& inspection) {
  std::string text;
  for (const model::Finding& one : inspection.findings) text += one.code + " ";
  return text;
}

std::string seen(const Inspection& inspection, std::string_view code) {
  for (const model::Finding& one : inspection.findings)
    if (one.code == code) return one.seen;
  return {};
}

constexpr std::string_view usual = "sqlserver-dac-not-consistent ";

TEST(DacInspect, TellsAPackage) {
  for (const DacDepth depth : {DacDepth::outline, DacDepth::digested}) {
    const Inspection found = tell_package(shop_package().file(), depth);
    EXPECT_EQ(found.kind, "SQL Server bacpac (Shop)");
    EXPECT_TRUE(found.whole);
    EXPECT_EQ(codes(found), usual);
    EXPECT_EQ(found.deep, depth != DacDepth::outline);
    EXPECT_EQ(found.version, "16.0.1000.6");
    EXPECT_EQ(found.facts.at("state").as_string(), "complete");
    EXPECT_EQ(found.facts.at("rows_told").as_uint(), 4U);
    EXPECT_EQ(found.facts.at("model_sha256").as_string(),
              found.facts.at("model_sha256_told").as_string());
    const Json& orders = found.facts.at("tables").as_array().at(0);
    EXPECT_EQ(orders.at("table").as_string(), "Orders");
    EXPECT_EQ(orders.at("parts").as_uint(), 2U);
    EXPECT_EQ(orders.at("columns").as_array().at(1).at("type").as_string(), "nvarchar(20)");
    ASSERT_EQ(found.tables.size(), 3U);
    if (!found.deep) continue;
    EXPECT_EQ(found.tables[0].rows, 3U);
    EXPECT_EQ(found.tables[1].rows, 1U);
    EXPECT_EQ(found.tables[2].rows, 0U);
    EXPECT_EQ(found.tables[2].digest, std::string(64, '0'));
    model::RowHasher hasher;
    hasher.add({model::Value::integer(1), model::Value::integer(-7)});
    EXPECT_EQ(found.tables[1].digest, hasher.digest().hex());
    EXPECT_EQ(found.facts.at("parts_right").as_uint(), found.facts.at("parts").as_uint());
  }
}

TEST(DacInspect, GivesRowsOfAllParts) {
  const std::string file = shop_package().file();
  EXPECT_EQ(rows_of(file, {"dbo", "Orders"}), "1 Ann|2 ~|3 |");
  EXPECT_EQ(rows_of(file, {"", "Lines"}), "1 -7|");
  EXPECT_EQ(rows_of(file, {"dbo", "Empty"}), "");
  EXPECT_EQ(rows_of(file, {"app", "Orders"}), "none");
}

TEST(DacInspect, ReadsEveryTypeNullableAndNot) {
  const std::string file = test::types_package().file();
  const Inspection found = tell_package(file);
  EXPECT_TRUE(found.whole) << codes(found);
  EXPECT_EQ(codes(found), usual);
  std::string values = "1", nulls = "2";
  for (const test::TypeSample& one : test::type_samples()) {
    values += " " + one.shown;
    nulls += " ~";
  }
  EXPECT_EQ(rows_of(file, {"dbo", "Nullable"}), values + "|" + nulls + "|");
  EXPECT_EQ(rows_of(file, {"dbo", "Required"}), values + "|");
}

TEST(DacInspect, KnowsADacpacAndNothingElse) {
  DacText text = shop_package();
  for (test::DacTableText& table : text.tables) table.parts.clear();
  text.has_data = false;
  text.rows = -1;
  const Inspection found = tell_package(text.file());
  EXPECT_EQ(found.kind, "SQL Server dacpac (Shop)");
  EXPECT_EQ(codes(found), "");
  EXPECT_TRUE(found.whole);
  EXPECT_EQ(tell_package(make_zip({{"word/document.xml", "<a/>"}})).kind, "");
  EXPECT_EQ(tell_package("no archive").kind, "");
}

// Parts are in the order of their numbers, and their folders' names are decoded.
TEST(DacInspect, FindsPartsByTheirNames) {
  DacText text;
  text.tables = {{.name = "Order Details", .columns = {{"A", "int", false}}}};
  std::vector<ZipMember> members = text.members();
  for (const int number : {10, 9, 1000})
    members.push_back({fmt::format("Data/dbo.Order%20Details/TableData-{:03}-00000.BCP", number),
                       int_cell(number, false)});
  const std::string file = make_zip(members);
  EXPECT_EQ(rows_of(file, {"dbo", "Order Details"}), "9|10|1000|");
  EXPECT_EQ(codes(tell_package(file)), "sqlserver-dac-rows-uncounted ");
}

TEST(DacInspect, ComparesRowsWithWhatTheExportCounted) {
  DacText text = shop_package();
  text.rows = 5;
  EXPECT_EQ(seen(tell_package(text.file()), "sqlserver-dac-rows-differ"),
            "tables have 4 rows, and Origin.xml says 5");
  EXPECT_FALSE(tell_package(text.file()).whole);
  EXPECT_TRUE(tell_package(text.file(), DacDepth::outline).whole);
}

TEST(DacInspect, NamesWhatIsMissing) {
  for (const char* const name :
       {"model.xml", "Origin.xml", "Data/dbo.Orders/TableData-001-00000.BCP"}) {
    std::vector<ZipMember> members = shop_package().members();
    std::erase_if(members, [&](const ZipMember& one) { return one.name == name; });
    const Inspection found = tell_package(make_zip(members), DacDepth::outline);
    EXPECT_FALSE(found.whole) << name;
    EXPECT_EQ(seen(found, "sqlserver-dac-part-missing"), fmt::format("part {} is missing", name));
  }
}

TEST(DacInspect, NamesAModelThatWasChanged) {
  std::vector<ZipMember> members = shop_package().members();
  members[0].content.replace(members[0].content.find("Value=\"20\""), 10, "Value=\"30\"");
  const Inspection found = tell_package(make_zip(members));
  EXPECT_FALSE(found.whole);
  EXPECT_NE(seen(found, "sqlserver-dac-model-checksum").find("Origin.xml says"), std::string::npos);
  members = shop_package().members();
  std::string& origin = members.back().content;
  origin.erase(origin.find("<Checksums>"),
               origin.find("</DacOrigin>") - origin.find("<Checksums>"));
  EXPECT_EQ(codes(tell_package(make_zip(members))),
            "sqlserver-dac-model-unchecked sqlserver-dac-not-consistent ");
}

TEST(DacInspect, NamesRowsThatAreNone) {
  DacText text = shop_package();
  text.tables[0].parts[1] += "\x01";
  EXPECT_EQ(seen(tell_package(text.file()), "sqlserver-dac-rows-damaged"),
            "part Data/dbo.Orders/TableData-001-00000.BCP: row 2 is cut off: the part ends at byte "
            "7");
  std::vector<ZipMember> members = shop_package().members();
  members.push_back({"Data/dbo.Other/TableData-000-00000.BCP", "x"});
  EXPECT_EQ(seen(tell_package(make_zip(members)), "sqlserver-dac-rows-of-no-table"),
            "1 parts with rows are of no table of the model: "
            "Data/dbo.Other/TableData-000-00000.BCP");
}

// Also where no row is read.
TEST(DacInspect, NamesPartsWithRowsThatAreEncrypted) {
  std::string content = shop_package().file();
  constexpr std::string_view name = "Data/dbo.Orders/TableData-000";
  for (std::size_t at = content.find(name); at != std::string::npos;
       at = content.find(name, at + 1))
    for (const auto& [mark, before, flags] : {std::tuple("PK\3\4", 30, 6), {"PK\1\2", 46, 8}})
      if (content.substr(at - before, 4) == mark) content[at - before + flags] = 1;
  for (const DacDepth depth : {DacDepth::outline, DacDepth::decoded}) {
    const Inspection found = tell_package(content, depth);
    EXPECT_FALSE(found.whole);
    EXPECT_EQ(seen(found, "sqlserver-dac-part-damaged"),
              "part Data/dbo.Orders/TableData-000-00000.BCP: it is encrypted");
  }
}

TEST(DacInspect, NamesDocumentsThatAreNone) {
  for (const char* const name : {"model.xml", "Origin.xml", "DacMetadata.xml", "_rels/.rels"}) {
    std::vector<ZipMember> members = shop_package().members();
    for (ZipMember& one : members)
      if (one.name == name) one.content = "<a>";
    const Inspection found = tell_package(make_zip(members));
    EXPECT_FALSE(found.whole);
    EXPECT_NE(seen(found, "sqlserver-dac-document").find(name), std::string::npos) << name;
  }
}

TEST(DacInspect, SaysWhichRowsItCannotRead) {
  DacText text = shop_package();
  text.tables[1].columns[1].type = "vector";
  const Inspection found = tell_package(text.file());
  EXPECT_TRUE(found.whole);
  EXPECT_EQ(seen(found, "sqlserver-dac-rows-unreadable"),
            "rows of 1 tables cannot be read: app.Lines, column Count (vector): its type is not "
            "known");
  EXPECT_EQ(found.tables[1].digest, "");
  EXPECT_NE(found.tables[0].digest, "");
  EXPECT_THROW(static_cast<void>(rows_of(text.file(), {"app", "Lines"})), Error);
}

TEST(DacInspect, SaysWhatDoesNotGoIntoAnotherDatabase) {
  DacText text = shop_package();
  text.more_elements =
      "<Element Type=\"SqlView\" Name=\"[dbo].[V]\"/><Element "
      "Type=\"SqlForeignKeyConstraint\"/>";
  EXPECT_EQ(seen(tell_package(text.file()), "sqlserver-dac-rows-alone"),
            "besides tables: foreign key constraint (1), view (1)");
}

TEST(DacInspect, SaysThatTextIsNoUtf16) {
  DacText text = shop_package();
  text.tables[0].parts[1] = int_cell(3, false) + le(2, 2) + le(0xd800, 2);
  const Inspection found = tell_package(text.file());
  EXPECT_TRUE(found.whole);
  EXPECT_NE(seen(found, "sqlserver-dac-undecodable").find("as in dbo.Orders"), std::string::npos);
  EXPECT_EQ(rows_of(text.file(), {"dbo", "Orders"}), "1 Ann|2 ~|3 0x00d8|");
}

}  // namespace
}  // namespace holdfast::engine::sqlserver
