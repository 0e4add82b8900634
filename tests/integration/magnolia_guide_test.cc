// SPDX-License-Identifier: Apache-2.0
// docs/guide/magnolia.md promises commands that work and answers to a vendor's page: both are held
// to what there is.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <regex>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "harness/magnolia.h"
#include "harness/program.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

// What the vendor's page asks, in its order.
constexpr std::array<std::string_view, 12> vendor_sentences{
    "what is in files and what in databases depends on the persistence managers",
    "every workspace.xml counts",
    "several databases may be configured in them",
    "native tools must be able to restore",
    "files and databases",
    "the database user's permissions",
    "one independent database per instance",
    "hybrids of embedded and external",
    "PostgreSQL wholly in the database",
    "MySQL split between database and file system and shut down for the copy",
    "embedded H2 and Derby by copying the entire folder while shut down",
    "copies of production to another environment"};
constexpr std::string_view unanswered_sentence = "Oracle and SQL Server wholly in the database";

fs::path source(std::string_view name) {
  return fs::path(HOLDFAST_SOURCE_DIR) / name;
}

std::vector<std::string> guide_lines() {
  std::vector<std::string> lines;
  std::istringstream text(read_text(source("docs/guide/magnolia.md")));
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

struct Row {
  std::string sentence, answer, test;
};

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" `");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" `") - first + 1);
}

std::vector<Row> rows() {
  std::vector<Row> found;
  bool is_inside = false;
  for (const std::string& line : guide_lines()) {
    if (line == "| sentence of the vendor's page | finding or verb | test |") {
      is_inside = true;
    } else if (!line.starts_with("|")) {
      is_inside = false;
    } else if (is_inside && !line.starts_with("| ---")) {
      std::istringstream cells(line.substr(1));
      Row row;
      for (std::string* const cell : {&row.sentence, &row.answer, &row.test}) {
        std::getline(cells, *cell, '|');
        *cell = trimmed(*cell);
      }
      found.push_back(row);
    }
  }
  return found;
}

std::string not_yet() {
  const std::string text = read_text(source("docs/guide/magnolia.md"));
  const std::size_t at = text.find("\n## Not yet\n");
  return at == std::string::npos ? std::string() : text.substr(at);
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

TEST(MagnoliaGuide, EveryCommandWorks) {
  Place place;
  const MagnoliaLab lab(MagnoliaVariant::pg, place / "production");
  lab.create();
  const MagnoliaLab target = lab.elsewhere(place / "test", MagnoliaServers::other());
  target.make_databases();
  // What `holdfast grants restore` prints for the role that --replace takes.
  target.servers().postgres().psql("postgres",
                                   fmt::format("ALTER ROLE {} CREATEDB", magnolia_user));
  const fs::path password = place / "magnolia-password";
  write_text(password, magnolia_password);
  fs::permissions(password, fs::perms::owner_read);
  write_text(place / "target.toml",
             fmt::format("name = \"magnoliaAuthor\"\nprofile = \"magnolia\"\nhome = \"{}\"\n"
                         "[[database]]\nname = \"db-{}\"\nuri = \"{}\"\nuser = \"{}\"\n"
                         "password_file = \"{}\"\n",
                         target.web_app().string(), lab.database(), target.postgres_uri(),
                         magnolia_user, password.string()));
  RunOptions options;
  options.environment = {
      {"PATH", place.program().parent_path().string() + ":" + place.environment().at("PATH")},
      {"HOLDFAST_REPOSITORY", ""},
      {"RESTIC_REPOSITORY", ""},
      {"HOLDFAST_PASSWORD_FILE", ""},
      {"WEBAPP", lab.web_app().string()},
      {"REPOSITORY", place.repository().string()},
      {"INSTANCE", (place / "instance.toml").string()},
      {"TARGET", (place / "target.toml").string()}};
  const std::vector<std::string> all = commands();
  EXPECT_GE(all.size(), 14U);
  for (const std::string& command : all) {
    const Outcome outcome = place.run({"/bin/sh", "-c", command}, options);
    ASSERT_EQ(outcome.exit_code, 0) << command << "\n" << outcome.text();
  }
  const MagnoliaVerdict verdict = target.verify();
  EXPECT_TRUE(verdict.is_whole()) << verdict.text;
  EXPECT_EQ(verdict.digest, lab.verify().digest);
  EXPECT_TRUE(fs::exists(place / "target.toml.by-hand/magnoliaAuthor/RESTORE.md"));
}

TEST(MagnoliaGuide, EveryRowNamesAnAnswerAndATestThatExist) {
  Place place;
  const std::vector<std::string> tests = tests_of_the_sources();
  const std::string findings = read_text(source("docs/findings.md"));
  const std::vector<Row> all = rows();
  EXPECT_FALSE(all.empty());
  for (const Row& row : all) {
    EXPECT_NE(std::find(tests.begin(), tests.end(), row.test), tests.end()) << row.test;
    const bool is_finding = findings.find("| `" + row.answer + "` |") != std::string::npos;
    EXPECT_TRUE(is_finding || place.holdfast({"help", row.answer}).exit_code == 0) << row.answer;
    EXPECT_NE(std::find(vendor_sentences.begin(), vendor_sentences.end(), row.sentence),
              vendor_sentences.end())
        << row.sentence;
  }
}

TEST(MagnoliaGuide, EverySentenceOfTheVendorIsAnsweredOrNotYet) {
  const std::vector<Row> all = rows();
  for (const std::string_view sentence : vendor_sentences) {
    const bool is_answered = std::any_of(all.begin(), all.end(),
                                         [&](const Row& row) { return row.sentence == sentence; });
    EXPECT_TRUE(is_answered || not_yet().find(sentence) != std::string::npos) << sentence;
  }
  EXPECT_NE(not_yet().find(unanswered_sentence), std::string::npos);
}

}  // namespace
}  // namespace holdfast::test
