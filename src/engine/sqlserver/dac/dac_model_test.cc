// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/dac/dac_model.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/sqlserver/dac/test_dac.h"

namespace holdfast::engine::sqlserver {
namespace {

using test::DacText;

DacModel model_of(const std::string& xml) {
  BytesSource source(as_bytes(xml));
  return read_dac_model(source);
}

std::string refusal(const std::string& xml) {
  try {
    static_cast<void>(model_of(xml));
    return "";
  } catch (const Error& error) {
    return std::string(errc_name(error.code())) + ": " + error.message();
  }
}

TEST(DacModel, HasTablesColumnsAndTypes) {
  DacText text;
  text.tables = {{.schema = "a.b",
                  .name = "Order ]]Details",
                  .columns = {{"Id", "int", false},
                              {"Total", "", true, "", "SqlComputedColumn"},
                              {"Name", "nvarchar", true, "Length=20"},
                              {"All", "nvarchar", true, "IsMax=True"},
                              {"Sum", "decimal", true, "Precision=10 Scale=2"},
                              {"Plain", "numeric"},
                              {"At", "datetime2", true, "Scale=7"},
                              {"On", "datetimeoffset"},
                              {"Small", "float", true, "Precision=24"},
                              {"Large", "float", true, "Precision=53"},
                              {"Doc", "xml"},
                              {"Where", "[sys].[geography]"},
                              {"Owner", "sysname", false},
                              {"Phone", "[dbo].[Phone]"},
                              {"Version", "timestamp", false}},
                  .primary_key = {"Id"}}};
  text.more_elements =
      "<Element Type=\"SqlUserDefinedDataType\" Name=\"[dbo].[Phone]\"><Property "
      "Name=\"IsNullable\" Value=\"False\"/><Property Name=\"Length\" Value=\"12\"/>" +
      test::relation_xml("Type", test::reference_xml("[varchar]")) + "</Element>";
  const DacModel model = model_of(text.model());
  EXPECT_EQ(model.provider, "Sql150");
  EXPECT_EQ(model.schema_version, "2.9");
  EXPECT_EQ(model.collation, "Latin1_General_CS_AS");
  EXPECT_TRUE(model.is_case_sensitive);
  ASSERT_EQ(model.tables.size(), 1U);
  const SqlTable& table = model.tables[0];
  EXPECT_EQ(table.name, (model::TableName{"a.b", "Order ]Details"}));
  EXPECT_EQ(table.computed, std::vector<std::string>{"Total"});
  EXPECT_EQ(table.primary_key, std::vector<std::string>{"Id"});
  EXPECT_EQ(table.obstacle(), "");
  std::string columns;
  for (const SqlColumn& one : table.columns)
    columns += one.name + " " + one.declared() + (one.is_nullable ? "" : "!") + ",";
  EXPECT_EQ(columns,
            "Id int!,Name nvarchar(20),All nvarchar(max),Sum decimal(10,2),Plain numeric(18,0),"
            "At datetime2(7),On datetimeoffset(0),Small float,Large float,Doc xml,Where geography,"
            "Owner sysname!,Phone varchar(12),Version timestamp!,");
  EXPECT_EQ(table.columns[7].type, SqlType::real);
  EXPECT_EQ(table.columns[8].type, SqlType::floating);
  EXPECT_EQ(table.columns[11].length, 128U);
}

TEST(DacModel, HasKeysOfAllRowsOnly) {
  DacText text;
  text.tables = {
      {.name = "T",
       .columns = {{"A", "int", false}, {"B", "int"}, {"C", "", true, "", "SqlComputedColumn"}}}};
  text.more_elements =
      test::key_xml("SqlUniqueConstraint", "DefiningTable", "[dbo].[T]", {"A", "B"}) +
      test::key_xml("SqlIndex", "IndexedObject", "[dbo].[T]", {"B"}, "IsUnique=True") +
      test::key_xml("SqlIndex", "IndexedObject", "[dbo].[T]", {"A"}) +
      test::key_xml("SqlIndex", "IndexedObject", "[dbo].[T]", {"C"}, "IsUnique=True") +
      test::key_xml("SqlIndex", "IndexedObject", "[dbo].[T]", {"A"},
                    "IsUnique=True FilterPredicate=x") +
      test::key_xml("SqlIndex", "IndexedObject", "[dbo].[V]", {"A"}, "IsUnique=True");
  const DacModel model = model_of(text.model());
  const std::vector<std::vector<std::string>> expected{{"A", "B"}, {"B"}};
  EXPECT_EQ(model.tables.at(0).unique, expected);
  EXPECT_TRUE(model.tables[0].primary_key.empty());
  EXPECT_EQ(model.counts.at("index"), 5U);
  EXPECT_EQ(model.objects.size(), 6U);
}

TEST(DacModel, SaysWhichColumnsCannotBeRead) {
  const auto obstacle = [](const test::DacColumnText& column) {
    DacText text;
    text.tables = {{.name = "T", .columns = {column}}};
    return model_of(text.model()).tables.at(0).obstacle();
  };
  EXPECT_EQ(obstacle({"A", "vector"}), "column A (vector): its type is not known");
  EXPECT_EQ(obstacle({"A", "[dbo].[Own]"}), "column A ([dbo].[Own]): its type is not known");
  EXPECT_EQ(obstacle({"A", "int", true, "", "SqlSimpleColumn", "IsColumnSet=True"}),
            "column A (int): it is a column set");
  EXPECT_EQ(obstacle({"A", "int", true, "", "SqlSimpleColumn", "IsEncrypted=True"}),
            "column A (int): its values are encrypted");
  EXPECT_EQ(obstacle({"A", "int", true, "", "SqlOtherColumn"}),
            "column A (int): it is of a kind that is not known, SqlOtherColumn");
  EXPECT_EQ(obstacle({"A", "", true, "", "SqlComputedColumn"}),
            "it has no columns but computed ones");
}

TEST(DacModel, IsRefusedWithItsLine) {
  EXPECT_EQ(refusal("<a/>"), "corrupt: model.xml:1: the root is no DataSchemaModel");
  EXPECT_EQ(refusal("<DataSchemaModel/>"), "corrupt: model.xml:1: there is no Model");
  EXPECT_NE(refusal("<DataSchemaModel>\n<Model><Element Type=\"SqlTable\" Name=\"[x]\"/></Model>"
                    "</DataSchemaModel>")
                .find("model.xml:2: an element has the name \"[x]\""),
            std::string::npos);
  DacText text;
  text.tables = {{.name = "T", .columns = {{"A", "nvarchar", true, "Length=many"}}}};
  EXPECT_NE(refusal(text.model()).find("Length is \"many\", and no number"), std::string::npos);
}

TEST(DacModel, SplitsNames) {
  EXPECT_EQ(split_dac_name("[a]"), std::vector<std::string>{"a"});
  EXPECT_EQ(split_dac_name("[a.b].[c]]d]"), (std::vector<std::string>{"a.b", "c]d"}));
  for (const char* const none : {"", "a", "[a", "[a]b", "[a].", "[a]]"})
    EXPECT_FALSE(split_dac_name(none)) << none;
}

TEST(DacModel, ComesWithItsOrigin) {
  DacText text;
  text.rows = 12;
  const DacOrigin origin = parse_dac_origin(text.origin());
  EXPECT_TRUE(origin.has_data);
  EXPECT_EQ(origin.rows, 12U);
  EXPECT_EQ(origin.product_version, "162.0.52.1");
  EXPECT_EQ(origin.model_sha256, to_hex(sha256(as_bytes(text.model()))));
  text.rows = -1;
  EXPECT_FALSE(parse_dac_origin(text.origin()).rows);
  const DacMetadata metadata =
      parse_dac_metadata("<SqlType><Name>N</Name><Version>1</Version></SqlType>");
  EXPECT_EQ(metadata.name + metadata.version, "N1");
}

}  // namespace
}  // namespace holdfast::engine::sqlserver
