// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "job/drill.h"

namespace holdfast::job {
namespace {

model::DatabaseFacts shop() {
  model::DatabaseFacts facts;
  facts.name = "shop";
  facts.tables = {{"", "orders", 3, "aa"}, {"", "log", 1, "bb"}};
  facts.objects = {{"index", "by_day", "11"}, {"table", "orders", "22"}};
  return facts;
}

std::vector<std::string> failed_names(const model::DatabaseFacts& found) {
  std::vector<std::string> names;
  for (const DrillCheck& check : compare_database(shop(), found)) {
    if (!check.passed) names.push_back(check.name);
  }
  return names;
}

TEST(CompareDatabase, FindsNothingBetweenEqualOnes) {
  EXPECT_TRUE(failed_names(shop()).empty());
}

TEST(CompareDatabase, NamesEveryKindOfDifference) {
  model::DatabaseFacts found = shop();
  found.tables[0].digest = "cc";
  EXPECT_EQ(failed_names(found), std::vector<std::string>{"table orders"});
  found = shop();
  found.tables[0].rows = 4;
  EXPECT_EQ(failed_names(found), std::vector<std::string>{"table orders"});
  found = shop();
  found.tables.pop_back();
  EXPECT_EQ(failed_names(found), std::vector<std::string>{"table log"});
  found = shop();
  found.tables.push_back({"", "extra", 0, ""});
  EXPECT_EQ(failed_names(found), std::vector<std::string>{"table extra"});
  found = shop();
  found.objects[1].definition_sha256 = "33";
  EXPECT_EQ(failed_names(found), std::vector<std::string>{"definition of table orders"});
  found = shop();
  found.objects.erase(found.objects.begin());
  EXPECT_EQ(failed_names(found), std::vector<std::string>{"index by_day"});
}

TEST(CompareDatabase, ComparesObjectsOfOneNameAsASet) {
  model::DatabaseFacts expected = shop(), found = shop();
  expected.objects = {{"function", "f", "1"}, {"function", "f", "2"}};
  found.objects = {{"function", "f", "2"}, {"function", "f", "1"}};
  EXPECT_TRUE(compare_database(expected, found).back().passed);
  found.objects.pop_back();
  EXPECT_FALSE(compare_database(expected, found).back().passed);
}

TEST(CompareDatabase, CountsRowsWhereTheEngineHasNoDigests) {
  model::DatabaseFacts expected = shop();
  expected.tables[0].digest.clear();
  EXPECT_TRUE(compare_database(expected, shop())[0].passed);
}

TEST(DrillReport, IsNotPassedWithoutChecks) {
  EXPECT_FALSE(DrillReport{}.passed());
}

TEST(DrillReport, BecomesJunitWhoseTextIsEscaped) {
  DrillReport report;
  report.instance = "a<b>";
  report.checks = {{"db", "table \"x\" & y", true, "", ""},
                   {"db", "index\nz", false, "one\x01", "two\xff"}};
  const std::string text = to_junit(report);
  EXPECT_NE(text.find("tests=\"2\" failures=\"1\""), std::string::npos) << text;
  EXPECT_NE(text.find("classname=\"a&lt;b&gt;.db\" name=\"table &quot;x&quot; &amp; y\"/>"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("name=\"index&#10;z\""), std::string::npos) << text;
  EXPECT_NE(text.find("expected one?, found two?"), std::string::npos) << text;
}

TEST(DrillReport, SaysWhatTheSnapshotLacks) {
  DrillReport report;
  report.instance = "shop";
  report.checks = {{"db", "table x", true, "", ""}};
  report.complete = false;
  report.missing = {"uploads: <a> was not there"};
  const std::string text = to_junit(report);
  EXPECT_NE(text.find("tests=\"2\" failures=\"0\" errors=\"0\" skipped=\"1\""), std::string::npos)
      << text;
  EXPECT_NE(text.find("name=\"missing uploads: &lt;a&gt; was not there\""), std::string::npos)
      << text;
  EXPECT_FALSE(to_json(report).at("complete").as_bool());
  EXPECT_EQ(to_json(report).at("missing").as_array().size(), 1U);
}

TEST(DrillReport, SaysHowLongARestoreTookAndWhere) {
  DrillReport report;
  report.instance = "shop";
  report.restore_seconds = 1.25;
  report.places = {{"db", "mariadb", "mysql://lent/<x>", "guest", "10.11"}};
  report.notes = {"db: not compared: accounts"};
  report.left = "database x";
  const std::string text = to_junit(report);
  EXPECT_NE(text.find("name=\"restore_seconds\" value=\"1.250\"/>"), std::string::npos) << text;
  EXPECT_NE(text.find("name=\"endpoint\" value=\"db: rehearsed on mariadb 10.11 at "
                      "mysql://lent/&lt;x&gt; as guest\"/>"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("name=\"note\" value=\"db: not compared: accounts\"/>"), std::string::npos);
  const Json json = to_json(report);
  EXPECT_EQ(json.at("restore_seconds").as_double(), 1.25);
  EXPECT_EQ(json.at("endpoints").as_array().at(0).at("uri").as_string(), "mysql://lent/<x>");
  EXPECT_EQ(json.at("notes").as_array().at(0).as_string(), "db: not compared: accounts");
  EXPECT_EQ(json.at("left").as_string(), "database x");
}

TEST(DrillReport, BecomesJson) {
  DrillReport report;
  report.instance = "shop";
  report.checks = {{"db", "table x", true, "e", "f"}, {"db", "table y", false, "e", "f"}};
  const Json json = to_json(report);
  EXPECT_FALSE(json.at("passed").as_bool());
  EXPECT_EQ(json.at("checks_failed").as_uint(), 1U);
  EXPECT_EQ(json.at("checks").as_array()[0].find("expected"), nullptr);
  EXPECT_EQ(json.at("checks").as_array()[1].at("found").as_string(), "f");
  EXPECT_EQ(json.find("proof_id"), nullptr);
  EXPECT_EQ(json.find("endpoints"), nullptr);
}

}  // namespace
}  // namespace holdfast::job
