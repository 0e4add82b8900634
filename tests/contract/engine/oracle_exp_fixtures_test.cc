// SPDX-License-Identifier: Apache-2.0
// Genuine dumps of exp 10.2 to 23, with what is known to be in them.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/oracle/exp_inspect.h"
#include "engine/oracle/test_exp.h"
#include "tests/harness/foreign_fixtures.h"

namespace holdfast::engine::oracle {
namespace {

namespace fs = std::filesystem;
using model::ValueKind;
using test::Collector;
using test::GivenRows;
using Counts = std::map<std::string, std::uint64_t>;

// Opens one fixture for each test, or skips it.
class OracleExpFixtures : public ::testing::Test {
 protected:
  bool open(const std::string& name) {
    const auto found = holdfast::test::foreign_fixture("oracle/" + name);
    if (!found) return false;
    file_ = *found;
    return true;
  }
  void look() {
    auto inspection = inspect_exp(file_, {.deep = true}, {});
    ASSERT_TRUE(inspection.has_value());
    found_ = std::move(*inspection);
    EXPECT_TRUE(found_.whole);
    EXPECT_TRUE(found_.rows_counted);
  }
  void expect_header(const char* version, const char* user, bool is_dba, const char* mode,
                     unsigned block, unsigned client, unsigned database) {
    const Json& facts = found_.facts;
    EXPECT_EQ(facts.at("version").as_string(), version);
    EXPECT_EQ(facts.at("user").as_string(), user);
    EXPECT_EQ(facts.at("is_dba").as_bool(), is_dba);
    EXPECT_EQ(facts.at("mode").as_string(), mode);
    EXPECT_FALSE(facts.at("direct").as_bool());
    EXPECT_EQ(facts.at("block_size_bytes").as_uint(), block);
    EXPECT_EQ(facts.at("client_charset").at("id").as_uint(), client);
    EXPECT_EQ(facts.at("database_charset").at("id").as_uint(), database);
    EXPECT_EQ(facts.at("national_charset").at("id").as_uint(), 2000U);
    EXPECT_EQ(facts.at("size_bytes").as_uint(), fs::file_size(file_));
  }
  [[nodiscard]] Counts counts() const {
    Counts all;
    for (const model::TableFacts& table : found_.tables) {
      all[table.table] = table.rows;
      EXPECT_EQ(table.digest.size(), 64U);
    }
    return all;
  }
  [[nodiscard]] std::vector<std::string> codes() const {
    std::vector<std::string> all;
    for (const model::Finding& finding : found_.findings) all.push_back(finding.code);
    return all;
  }
  [[nodiscard]] Counts kinds() const {
    Counts all;
    for (const model::ObjectFacts& object : found_.objects) ++all[object.kind];
    return all;
  }
  [[nodiscard]] GivenRows rows(const model::TableName& table) const {
    Collector collected;
    exp_rows(file_, {}, table, collected, {});
    return collected.given;
  }
  [[nodiscard]] std::string partitions(std::size_t table) const {
    return found_.facts.at("tables").as_array().at(table).at("partitions").dump();
  }

  fs::path file_;
  Inspection found_;
};

#define OPEN_OR_SKIP(name) \
  if (!open(name)) GTEST_SKIP() << "there is no genuine " << (name)

TEST_F(OracleExpFixtures, MixedTypesOfRelease12) {
  OPEN_OR_SKIP("exp-12.1-mixed-types.dmp");
  look();
  expect_header("12.01.00", "SYSTEM", true, "RUSERS", 8192, 1, 178);
  EXPECT_EQ(found_.kind, "Oracle export (exp 12.1)");
  EXPECT_EQ(found_.facts.at("created").as_string(), "Sun Nov 5 17:44:43 2023");
  EXPECT_EQ(found_.facts.at("file_name").as_string(), "exptest.dmp");
  EXPECT_EQ(counts(), (Counts{{"IGNORE", 0}, {"IGNORE2", 0}, {"TABLE1", 7}, {"TABLE2", 4}}));
  EXPECT_EQ(found_.tables.at(0).schema, "EXPTEST");
  EXPECT_EQ(codes(),
            (std::vector<std::string>{"oracle-exp-charset-narrow", "oracle-exp-deferred"}));
  EXPECT_NE(found_.findings.at(1).seen.find("EXPTEST.IGNORE, EXPTEST.IGNORE2"), std::string::npos);
}

TEST_F(OracleExpFixtures, ValuesOfRelease12) {
  OPEN_OR_SKIP("exp-12.1-mixed-types.dmp");
  const GivenRows found = rows({"EXPTEST", "TABLE1"});
  ASSERT_EQ(found.rows.size(), 7U);
  const auto number = [](std::string_view text) { return model::Value::number(text); };
  EXPECT_EQ(found.rows[0],
            (model::Row{number("1"), number("123"), number("3.56789"),
                        model::Value::of_text("STRING 1 TEST"),
                        model::Value::of_kind(ValueKind::timestamp, "2023-11-01T08:40:28"),
                        model::Value::null(), model::Value::null()}));
  const char* const numbers[][2] = {{"-1", "-1.23"},
                                    {"-2", "0.00000000033"},
                                    {"123123123456", "-0.00000000033"},
                                    {"-123123123456", ""},
                                    {"-456", "-0.2"}};
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(found.rows[i + 2][0], number(std::to_string(i + 3)));
    EXPECT_EQ(found.rows[i + 2][1].text, numbers[i][0]);
    EXPECT_EQ(found.rows[i + 2][2].text, numbers[i][1]);
    EXPECT_EQ(found.rows[i + 2][5].kind, ValueKind::null);
  }
  EXPECT_EQ(found.rows[5][6],
            model::Value::of_kind(ValueKind::timestamp, "2022-06-02T08:45:40.346906"));
  const GivenRows second = rows({"EXPTEST", "TABLE2"});
  ASSERT_EQ(second.rows.size(), 4U);
  EXPECT_EQ(second.rows[1],
            (model::Row{model::Value::of_text("K2"), number("0.2"), number("2.99992")}));
  EXPECT_EQ(second.rows[2],
            (model::Row{model::Value::of_text("K3"), number("-0.3"), number("-0.00232")}));
  EXPECT_EQ(second.rows[3][2].kind, ValueKind::null);
}

TEST_F(OracleExpFixtures, PartitionsOfRelease23) {
  OPEN_OR_SKIP("exp-23.0-partitions.dmp");
  look();
  expect_header("23.00.00", "ODV_TEST", true, "RTABLES", 8192, 873, 873);
  EXPECT_EQ(found_.facts.at("created").as_string(), "Fri Mar 20 2:47:36 2026");
  EXPECT_EQ(found_.facts.at("file_name").as_string(), "/tmp/exp_partition_test.dmp");
  EXPECT_EQ(counts(), (Counts{{"T_PARTITIONED_HASH", 100}, {"T_PARTITIONED_RANGE", 4}}));
  EXPECT_EQ(partitions(0), R"([{"name":"SYS_P819","rows":20},{"name":"SYS_P820","rows":28},)"
                           R"({"name":"SYS_P821","rows":25},{"name":"SYS_P822","rows":27}])");
  EXPECT_EQ(partitions(1), R"([{"name":"P_2024","rows":1},{"name":"P_2025","rows":1},)"
                           R"({"name":"P_2026","rows":2},{"name":"P_MAX","rows":0}])");
  EXPECT_TRUE(codes().empty()) << codes().front();
}

TEST_F(OracleExpFixtures, TheSampleSchemaOfRelease19) {
  OPEN_OR_SKIP("exp-19-hr.dmp");
  look();
  expect_header("19.00.00", "HR", false, "RUSERS", 2048, 873, 873);
  EXPECT_EQ(found_.facts.at("created").as_string(), "Mon Mar 6 15:1:59 2023");
  EXPECT_EQ(found_.facts.at("file_name").as_string(), "hr.dmp");
  EXPECT_EQ(counts(), (Counts{{"COUNTRIES", 25},
                              {"DEPARTMENTS", 27},
                              {"EMPLOYEES", 107},
                              {"JOBS", 19},
                              {"JOB_HISTORY", 10},
                              {"LOCATIONS", 23},
                              {"REGIONS", 4}}));
  Counts found = kinds();
  EXPECT_EQ(found["sequence"], 5U);
  EXPECT_EQ(found["view"], 3U);
  EXPECT_EQ(found["procedure"], 3U);
  EXPECT_EQ(found["trigger"], 2U);
  EXPECT_EQ(found["foreign key"], 10U);
  EXPECT_EQ(found["comment"], 39U);
  EXPECT_EQ(found["grant"], 2U);
  EXPECT_EQ(found["table"], 7U);
  ASSERT_EQ(codes(), std::vector<std::string>{"oracle-exp-grantees"});
  EXPECT_NE(found_.findings[0].seen.find("MANAGER"), std::string::npos);
}

TEST_F(OracleExpFixtures, DefinitionsOfRelease19) {
  OPEN_OR_SKIP("exp-19-hr.dmp");
  const auto tables = define_exp_tables(file_, {}, {});
  ASSERT_EQ(tables.size(), 7U);
  EXPECT_EQ(tables[0].primary_key, std::vector<std::string>{"COUNTRY_ID"});
  const auto employees =
      std::ranges::find(tables, model::TableName{"HR", "EMPLOYEES"}, &model::TableDefinition::name);
  ASSERT_NE(employees, tables.end());
  EXPECT_EQ(employees->primary_key, std::vector<std::string>{"EMPLOYEE_ID"});
  EXPECT_EQ(employees->unique, std::vector<std::vector<std::string>>{{"EMAIL"}});
  EXPECT_EQ(employees->columns[7].type, "NUMBER(8,2)");
  EXPECT_EQ(employees->columns[7].precision, 8U);
  EXPECT_TRUE(employees->columns[1].is_nullable);
  EXPECT_FALSE(employees->columns[2].is_nullable);
  EXPECT_EQ(employees->columns[5].kind, ValueKind::timestamp);
}

TEST_F(OracleExpFixtures, LargeTextsOfRelease11) {
  OPEN_OR_SKIP("exp-11.2-clob-utf8.dmp");
  look();
  expect_header("11.02.00", "SYSTEM", true, "RUSERS", 2048, 846, 873);
  EXPECT_TRUE(found_.facts.at("created").as_string().ends_with(" 26 10:25:4 2020"));
  EXPECT_EQ(found_.facts.at("file_name").as_string(), "C:\\backup.dmp");
  EXPECT_EQ(counts(), (Counts{{"BOARD", 269},
                              {"DEPARTMENT2", 1},
                              {"DEPARTMENT3", 0},
                              {"EMPLOYEE2", 2},
                              {"EMPLOYEE3", 0},
                              {"ERD_CUSTOMER", 1},
                              {"ERD_PRODUCT", 1},
                              {"FOLLOW", 1},
                              {"LIKE_POST", 20},
                              {"MEMBER", 68},
                              {"NOTICE_BOARD", 3},
                              {"REPLY", 51},
                              {"SALE", 1},
                              {"SCRAP_POST", 5},
                              {"WEB_MEMBER", 9}}));
  Counts found = kinds();
  EXPECT_EQ(found["sequence"], 3U);
  EXPECT_EQ(found["foreign key"], 9U);
  EXPECT_EQ(found_.tables.at(0).schema, "SCOTT");
  EXPECT_EQ(codes(), std::vector<std::string>{"oracle-exp-charset-narrow"});
  const GivenRows board = rows({"SCOTT", "BOARD"});
  ASSERT_EQ(board.rows.size(), 269U);
  std::size_t longest = 0;
  for (const model::Row& row : board.rows) {
    EXPECT_EQ(row[4].kind, ValueKind::text);
    std::size_t units = 0;
    for (const char c : row[4].text) {
      const auto byte = static_cast<unsigned char>(c);
      units += (byte & 0xc0U) != 0x80 ? (byte >= 0xf0 ? 2 : 1) : 0;
    }
    longest = std::max(longest, 2 * units);
    if (&row == &board.rows.front()) {
      EXPECT_EQ(units, 13U);
    }
  }
  EXPECT_EQ(longest, 9600U);
}

TEST_F(OracleExpFixtures, AnEmptySchemaOfRelease10) {
  OPEN_OR_SKIP("exp-10.2-empty-schema.dmp");
  look();
  expect_header("10.02.01", "SYSTEM", true, "RUSERS", 2048, 178, 178);
  EXPECT_EQ(found_.facts.at("created").as_string(), "Mon Jul 23 17:46:58 2018");
  EXPECT_EQ(found_.facts.at("file_name").as_string(), "EXPDAT.DMP");
  EXPECT_TRUE(counts().empty());
  EXPECT_EQ(codes(), std::vector<std::string>{"oracle-exp-empty"});
}

TEST_F(OracleExpFixtures, ADataPumpFileIsNoneOfThese) {
  OPEN_OR_SKIP("expdp-12.1-scott.dmp");
  EXPECT_FALSE(inspect_exp(file_, {}, {}).has_value());
}

}  // namespace
}  // namespace holdfast::engine::oracle
