// SPDX-License-Identifier: Apache-2.0
// docs/guide/migration-center.md promises commands that work and an answer to each sentence of the
// vendor's page: both are held to what there is.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

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
constexpr std::string_view answers =
    "| sentence of the vendor's page | finding or verb | test | its scenario |";

fs::path source(std::string_view name) {
  return fs::path(HOLDFAST_SOURCE_DIR) / name;
}

std::vector<std::string> guide_lines() {
  std::vector<std::string> lines;
  std::istringstream text(read_text(source("docs/guide/migration-center.md")));
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> commands() {
  std::vector<std::string> found;
  bool is_inside = false;
  for (const std::string& line : guide_lines()) {
    if (line.starts_with("```")) {
      is_inside = line == "```sh";
    } else if (is_inside) {
      found.push_back(line);
    }
  }
  return found;
}

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" `");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" `") - first + 1);
}

std::vector<std::vector<std::string>> rows() {
  std::vector<std::vector<std::string>> found;
  bool is_inside = false;
  for (const std::string& line : guide_lines()) {
    if (line == answers) {
      is_inside = true;
    } else if (!line.starts_with("|")) {
      is_inside = false;
    } else if (is_inside && !line.starts_with("| ---")) {
      std::istringstream cells(line.substr(1));
      std::vector<std::string>& row = found.emplace_back();
      for (std::string cell; std::getline(cells, cell, '|');) row.push_back(trimmed(cell));
    }
  }
  return found;
}

// "Suite.Name" of every test in the sources.
std::vector<std::string> tests_of_the_sources() {
  static const std::regex head(R"(\nTEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\))");
  std::vector<std::string> found;
  for (const char* const room : {"src", "tests"}) {
    for (const auto& file : fs::recursive_directory_iterator(source(room))) {
      if (!file.path().filename().native().ends_with("_test.cc")) continue;
      const std::string text = read_text(file.path());
      for (std::sregex_iterator at(text.begin(), text.end(), head), end; at != end; ++at)
        found.push_back((*at)[1].str() + "." + (*at)[2].str());
    }
  }
  return found;
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
  const std::vector<std::string> all = commands();
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
  const std::string findings = read_text(source("docs/findings.md"));
  const std::string keys = read_text(source("docs/instance-file.md"));
  const auto all = rows();
  EXPECT_FALSE(all.empty());
  for (const std::vector<std::string>& row : all) {
    ASSERT_EQ(row.size(), 4U);
    EXPECT_NE(std::find(vendor_sentences.begin(), vendor_sentences.end(), row[0]),
              vendor_sentences.end())
        << row[0];
    const bool is_finding = findings.find("| `" + row[1] + "` |") != std::string::npos;
    EXPECT_TRUE(is_finding || keys.find("| `" + row[1] + "` |") != std::string::npos ||
                place.holdfast({"help", row[1]}).exit_code == 0)
        << row[1];
    EXPECT_NE(std::find(tests.begin(), tests.end(), row[2]), tests.end()) << row[2];
    EXPECT_TRUE(fs::is_regular_file(source(row[3]))) << row[3];
  }
}

// Those of an Oracle; one that is brought by another's import stands behind that one.
TEST(MigrationCenterGuide, EveryScenarioOfAQuietCheckHasARow) {
  const auto all = rows();
  const std::string directory = "tests/contract/engine/oracle/migration_center";
  const std::map<std::string, std::string> brought{{"old_jobs_at_rest.toml", "replacement.toml"}};
  for (const auto& file : fs::directory_iterator(source(directory))) {
    const std::string name = file.path().filename();
    const auto behind = brought.find(name);
    const std::string path = directory + "/" + (behind == brought.end() ? name : behind->second);
    EXPECT_TRUE(std::any_of(all.begin(), all.end(), [&](const auto& row) {
      return row[3] == path;
    })) << name;
  }
}

TEST(MigrationCenterGuide, EverySentenceOfTheVendorIsAnswered) {
  const auto all = rows();
  for (const std::string_view sentence : vendor_sentences) {
    EXPECT_TRUE(std::any_of(all.begin(), all.end(), [&](const auto& row) {
      return row[0] == sentence;
    })) << sentence;
  }
}

}  // namespace
}  // namespace holdfast::test
