// SPDX-License-Identifier: Apache-2.0
// A genuine package of SQL Server with every type, which is no part of this project: everything
// that is known of it is told, its values are those that the server shows, and every damage is
// named.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/fd.h"
#include "engine/sqlserver/dac/test_dac_damage.h"
#include "tests/harness/foreign_fixtures.h"

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::size_t damages = 300;

class SqlServerPackage : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto found = holdfast::test::foreign_fixture("sqlserver/alltypes-2019.bacpac");
    if (!found) GTEST_SKIP() << "there is no alltypes-2019.bacpac";
    content_ = read_text_file(*found);
  }
  // The values of a table's row, from 1 on, one a line.
  [[nodiscard]] std::vector<std::string> row(const std::string& table, std::size_t number) const {
    class Row final : public model::RowSink {
     public:
      explicit Row(std::size_t wanted) : left_(wanted) {}
      void columns(const std::vector<model::Column>& /*columns*/) override {}
      void row(const model::Row& row) override {
        if (--left_ != 0) return;
        for (const model::Value& one : row) {
          std::string text = one.text;
          if (one.kind == model::ValueKind::null) text = "NULL";
          if (one.kind == model::ValueKind::real) text = fmt::format("{}", one.real);
          if (one.kind == model::ValueKind::bytes) text = "0x" + to_hex(as_bytes(one.text));
          values.push_back(text);
        }
      }
      std::vector<std::string> values;

     private:
      std::size_t left_;
    };
    test::MemoryFile file(content_);
    const auto report = read_dac(file, DacDepth::outline, {});
    Row sink(number);
    give_dac_rows(file, *report, *report->find({"dbo", table}), sink, {});
    return sink.values;
  }

  std::string content_;
};

TEST_F(SqlServerPackage, IsTold) {
  const Inspection found = test::tell_package(content_);
  EXPECT_TRUE(found.whole);
  EXPECT_EQ(found.kind, "SQL Server bacpac (Test)");
  EXPECT_EQ(found.version, "15.0.2000.5");
  const Json& facts = found.facts;
  EXPECT_EQ(facts.at("state").as_string(), "complete");
  EXPECT_EQ(facts.at("product_version").as_string(), "16.0.6403.0");
  EXPECT_EQ(facts.at("model_version").as_string(), "2.9");
  EXPECT_EQ(facts.at("provider").as_string(), "Sql150");
  EXPECT_EQ(facts.at("collation").as_string(), "SQL_Latin1_General_CP1_CI_AS");
  EXPECT_EQ(facts.at("parts").as_uint(), 30U);
  EXPECT_EQ(facts.at("parts_right").as_uint(), 30U);
  EXPECT_EQ(facts.at("rows").as_uint(), 173U);
  EXPECT_EQ(facts.at("rows_told").as_uint(), 173U);
  EXPECT_EQ(facts.at("model_sha256").as_string(),
            "6978e3ab41365f1889ac4f82d8db6c59a099d6cd48994e9f3ffb0611f2699117");
  EXPECT_EQ(facts.at("model_sha256_told").as_string(), facts.at("model_sha256").as_string());
  ASSERT_EQ(found.findings.size(), 2U);
  EXPECT_EQ(found.findings[0].code, "sqlserver-dac-not-consistent");
  EXPECT_EQ(found.findings[1].code, "sqlserver-dac-rows-alone");
}

TEST_F(SqlServerPackage, HasItsTablesAndRows) {
  const std::map<std::string, std::uint64_t> expected{
      {"Bit16Fields", 35},     {"Bit8Fields", 18},     {"BitMixed", 5},
      {"DateTimeFields1", 2},  {"DateTimeFields2", 1}, {"DateTimeFields3", 11},
      {"DateTimeFields4", 2},  {"DateTimeFields5", 9}, {"DateTimeFields6", 2},
      {"DateTimeFields7", 9},  {"DateTimeFields8", 3}, {"DecimalFields1", 7},
      {"DecimalFields2", 4},   {"FloatFields1", 6},    {"FloatFields2", 2},
      {"LargeFields1", 7},     {"LargeFields2", 2},    {"LargeTextFields1", 6},
      {"LargeTextFields2", 2}, {"NumberFields1", 17},  {"NumberFields2", 2},
      {"StrangeFields1", 9},   {"StrangeFields2", 2},  {"TextFields1", 8},
      {"TextFields2", 2}};
  std::map<std::string, std::uint64_t> rows;
  for (const model::TableFacts& table : test::tell_package(content_).tables) {
    EXPECT_EQ(table.schema, "dbo");
    EXPECT_EQ(table.digest.size(), 64U) << table.table;
    rows[table.table] = table.rows;
  }
  EXPECT_EQ(rows, expected);
}

TEST_F(SqlServerPackage, HasTheValuesThatTheServerShows) {
  using Values = std::vector<std::string>;
  EXPECT_EQ(
      row("NumberFields2", 1),
      (Values{"1", "127", "32767", "2147483647", "9223372036854775807", "9.223372036854776e+18",
              "9.223372036854776e+18", "1234", "5", "12.34", "123456789012.1234", "12345.6789",
              "1234", "5", "00112233-4455-6677-8899-AABBCCDDEEFF"}));
  EXPECT_EQ(row("DateTimeFields2", 1),
            (Values{"1", "2003-02-01", "2003-02-01T11:22:33.123",
                    "2003-02-01 11:22:33.1234567 +04:55", "2003-02-01T11:22:33.1234567",
                    "0x0000000000004652", "2003-02-01T11:23:00", "11:22:33"}));
  EXPECT_EQ(row("DecimalFields1", 3).at(3), "12345678901234567890123456789012345678");
  EXPECT_EQ(row("DecimalFields1", 4).at(4), "0.12345678901234567890123456789012345678");
  EXPECT_EQ(row("DateTimeFields8", 2).at(1), "2003-02-01 01:02:03 +00:01");
  EXPECT_EQ(row("TextFields2", 2).at(3), "\u00a3   ");
  EXPECT_EQ(row("StrangeFields1", 7).back(), "varchar(26) ABCDEFGHIJKLMNOPQRSTUVWXYZ");
  EXPECT_EQ(row("StrangeFields1", 8).back(), "int 1");
  EXPECT_EQ(row("StrangeFields1", 5), (Values{"5", "NULL", "NULL", "0x", "NULL"}));
}

TEST_F(SqlServerPackage, DamageIsReportedOrChangesNothing) {
  test::damage_package(content_, damages);
}

}  // namespace
}  // namespace holdfast::engine::sqlserver
