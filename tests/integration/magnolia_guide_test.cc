// SPDX-License-Identifier: Apache-2.0
// docs/guide/magnolia.md promises commands that work and answers to a vendor's page: both are held
// to what there is.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "harness/guide.h"
#include "harness/magnolia.h"
#include "harness/program.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

// What the vendor's page asks, in its order.
constexpr std::array<std::string_view, 13> vendor_sentences{
    "what is in files and what in databases depends on the persistence managers",
    "every workspace.xml counts",
    "several databases may be configured in them",
    "native tools must be able to restore",
    "files and databases",
    "the database user's permissions",
    "one independent database per instance",
    "hybrids of embedded and external",
    "PostgreSQL wholly in the database",
    "SQL Server wholly in the database",
    "MySQL split between database and file system and shut down for the copy",
    "embedded H2 and Derby by copying the entire folder while shut down",
    "copies of production to another environment"};
constexpr std::string_view unanswered_sentence = "Oracle wholly in the database";

GuideText guide_text() {
  return GuideText("magnolia");
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
  const std::vector<std::string> all = guide_text().commands();
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
  const auto all = guide_text().rows(answers_heading);
  EXPECT_FALSE(all.empty());
  for (const Cells& row : all) {
    ASSERT_EQ(row.size(), 3U);
    EXPECT_NE(std::find(tests.begin(), tests.end(), row[2]), tests.end()) << row[2];
    EXPECT_TRUE(is_answer(place, row[1])) << row[1];
    EXPECT_NE(std::find(vendor_sentences.begin(), vendor_sentences.end(), row[0]),
              vendor_sentences.end())
        << row[0];
  }
}

TEST(MagnoliaGuide, EverySentenceOfTheVendorIsAnsweredOrNotYet) {
  const auto all = guide_text().rows(answers_heading);
  const std::string not_yet = guide_text().text_from("## Not yet");
  for (const std::string_view sentence : vendor_sentences) {
    const bool is_answered =
        std::any_of(all.begin(), all.end(), [&](const Cells& row) { return row[0] == sentence; });
    EXPECT_TRUE(is_answered || not_yet.find(sentence) != std::string::npos) << sentence;
  }
  EXPECT_NE(not_yet.find(unanswered_sentence), std::string::npos);
}

}  // namespace
}  // namespace holdfast::test
