// SPDX-License-Identifier: Apache-2.0
// docs/guide/migration-center.md promises commands that work and an answer to each sentence of the
// vendor's page: both are held to what there is.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "harness/guide.h"
#include "harness/migration_center.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

// What the vendor's page on backup and restore says and asks, in its order.
constexpr std::array<std::string_view, 10> vendor_sentences{
    "all critical data is in the database",
    "only the schema FMEMC is needed",
    "no scanner, importer, transformation or validation may run",
    "no scheduled job may run",
    "exported with exp",
    "empty tables may be missing from 11g release 2 on",
    "allocate an extent for SCHEDULER_RUNS and SCHEDULERS, connected as FMEMC",
    "restored with imp",
    "the user FMEMC must exist, created as in the installation guide",
    "the same client character set at export and import"};
GuideText guide_text() {
  return GuideText("migration-center");
}

TEST(MigrationCenterGuide, EveryCommandWorks) {
  Place place;
  const MigrationCenter mc(place);
  write_text(place / "mc.toml", mc.full("schedulers = \"disable\""));
  fs::create_directories(place / "mc_guide");
  write_text(place / "clone.toml", mc.other("mc_guide"));
  RunOptions options;
  options.environment = {
      {"PATH", place.program().parent_path().string() + ":" + place.environment().at("PATH")},
      {"HOLDFAST_REPOSITORY", ""},
      {"HOME_OF_MC", mc.home().string()},
      {"REPOSITORY", place.repository().string()},
      {"INSTANCE", (place / "mc.toml").string()},
      {"CLONE", (place / "clone.toml").string()}};
  const std::vector<std::string> all = guide_text().commands();
  EXPECT_GE(all.size(), 6U);
  for (const std::string& command : all) {
    const Outcome outcome = place.run({"/bin/sh", "-c", command}, options);
    ASSERT_EQ(outcome.exit_code, 0) << command << "\n" << outcome.text();
  }
  EXPECT_EQ(MigrationCenter::server().psql("mc_guide",
                                           "SELECT count(*) FROM fmemc.schedulers WHERE enabled"),
            "0\n");
}

TEST(MigrationCenterGuide, EveryRowNamesAnAnswerATestAndAScenarioThatExist) {
  Place place;
  const std::vector<std::string> tests = tests_of_the_sources();
  const auto all = guide_text().rows(answers_heading);
  EXPECT_FALSE(all.empty());
  for (const std::vector<std::string>& row : all) {
    ASSERT_EQ(row.size(), 4U);
    EXPECT_NE(std::find(vendor_sentences.begin(), vendor_sentences.end(), row[0]),
              vendor_sentences.end())
        << row[0];
    EXPECT_TRUE(is_answer(place, row[1])) << row[1];
    EXPECT_NE(std::find(tests.begin(), tests.end(), row[2]), tests.end()) << row[2];
    EXPECT_TRUE(fs::is_regular_file(source_path(row[3]))) << row[3];
  }
}

// Those of an Oracle; one that is brought by another's import stands behind that one.
TEST(MigrationCenterGuide, EveryScenarioOfAQuietCheckHasARow) {
  const auto all = guide_text().rows(answers_heading);
  const std::string directory = "tests/contract/engine/oracle/migration_center";
  const std::map<std::string, std::string> brought{{"old_jobs_at_rest.toml", "replacement.toml"}};
  for (const auto& file : fs::directory_iterator(source_path(directory))) {
    const std::string name = file.path().filename();
    const auto behind = brought.find(name);
    const std::string path = directory + "/" + (behind == brought.end() ? name : behind->second);
    EXPECT_TRUE(std::any_of(all.begin(), all.end(), [&](const auto& row) {
      return row[3] == path;
    })) << name;
  }
}

TEST(MigrationCenterGuide, EverySentenceOfTheVendorIsAnswered) {
  const auto all = guide_text().rows(answers_heading);
  for (const std::string_view sentence : vendor_sentences) {
    EXPECT_TRUE(std::any_of(all.begin(), all.end(), [&](const auto& row) {
      return row[0] == sentence;
    })) << sentence;
  }
}

}  // namespace
}  // namespace holdfast::test
