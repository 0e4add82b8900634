// SPDX-License-Identifier: Apache-2.0
// docs/guide/typedb.md promises commands that work, verdicts on releases and answers to a vendor's
// page: all are held to what there is.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "engine/typedb/releases.h"
#include "engine/typedb/test_directories.h"
#include "engine/typedb/test_exports.h"
#include "harness/guide.h"
#include "harness/program.h"
#include "harness/typedb_server.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;
namespace typedb = engine::typedb;

// What the vendor's page says and asks, in its order.
constexpr std::array<std::string_view, 17> vendor_sentences{
    "copy the database you wish to move from server/data",
    "into the other distribution's",
    "servers shut down",
    "encoding versions may be incompatible",
    "the table of encoding versions",
    "export and import between incompatible versions",
    "local disk at least twice the database",
    "the schema first, unless you have a copy",
    "its syntax may need updating",
    "load the schema into the new server",
    "the server you export from runs",
    "export the data without the schema",
    "import the file after the schema",
    "arguments by position before 2.6.0",
    "check that it is the right binary",
    "check that the schema was imported",
    "check that the path is right"};

constexpr std::string_view corrections = "| it says | the releases do | here |";
constexpr std::string_view versions = "| from \\ to |";

GuideText guide_text() {
  return GuideText("typedb");
}

// A distribution of 3.12.3 as its directories are, without a server.
fs::path make_distribution(const fs::path& above) {
  fs::path home = above / "typedb-all-linux-x86_64-3.12.3";
  typedb::put_file(home / "server" / "typedb_server_bin", "");
  typedb::put_file(home / "server" / "config.yml", "storage:\n    data-directory: \"data\"\n");
  fs::create_directories(home / "server" / "data");
  return home;
}

// What the commands need, one after the other.
class Guide {
 public:
  Guide() {
    for (const std::string_view name : {"shop", "_system"})
      typedb::make_database_3(make_distribution(place_ / "old") / "server" / "data" / name,
                              typedb::wal_commit);
    write_text(place_ / "target.toml",
               fmt::format("name = \"typedb\"\nprofile = \"typedb\"\nhome = \"{}\"\n",
                           make_distribution(place_ / "new").string()));
    server_.put("shop", {std::string(typedb::people_schema_3),
                         typedb_items(typedb::people_export(20, "3.12.3").bytes)});
    typedb::put_file(place_ / "shop.typedb", typedb::people_export(20, "2.29.1").bytes);
    typedb::put_file(place_ / "shop.tql", typedb::people_schema_2);
    write_text(password(), "password");
    fs::permissions(password(), fs::perms::owner_read);
    write_text(place_ / "server.toml", instance(server_, "shop"));
  }

  Outcome run(const std::string& command) {
    // A name that is free there, for each that makes a database.
    write_text(place_ / "new.toml", instance(other_, fmt::format("shop_{}", ++commands_run_)));
    RunOptions options;
    options.environment = {
        {"PATH", place_.program().parent_path().string() + ":" + place_.environment().at("PATH")},
        {"HOLDFAST_REPOSITORY", ""},
        {"RESTIC_REPOSITORY", ""},
        {"HOLDFAST_PASSWORD_FILE", ""},
        {"TYPEDB", (place_ / "old/typedb-all-linux-x86_64-3.12.3").string()},
        {"REPOSITORY", place_.repository().string()},
        {"INSTANCE", (place_ / "instance.toml").string()},
        {"TARGET", (place_ / "target.toml").string()},
        {"SERVER", (place_ / "server.toml").string()},
        {"NEW", (place_ / "new.toml").string()},
        {"EXPORT", (place_ / "shop.typedb").string()},
        {"SCHEMA", (place_ / "shop.tql").string()}};
    return place_.run({"/bin/sh", "-c", command}, options);
  }

  [[nodiscard]] fs::path restored() const {
    return place_ / "new/typedb-all-linux-x86_64-3.12.3/server/data";
  }
  [[nodiscard]] fs::path by_hand() const { return place_ / "target.toml.by-hand"; }
  [[nodiscard]] const TypedbServer& server() const { return server_; }
  [[nodiscard]] const TypedbServer& other() const { return other_; }

 private:
  [[nodiscard]] fs::path password() const { return place_ / "typedb-password"; }
  [[nodiscard]] std::string instance(const TypedbServer& server, std::string_view name) const {
    return fmt::format(
        "name = \"shop\"\n[[database]]\nname = \"shop\"\nuri = \"typedb://{}/{}\"\n"
        "user = \"admin\"\npassword_file = \"{}\"\n",
        server.address(), name, password().string());
  }

  Place place_;
  TypedbServer server_, other_;
  int commands_run_ = 0;
};

TEST(TypedbGuide, EveryCommandWorks) {
  Guide guide;
  const std::vector<std::string> all = guide_text().commands();
  EXPECT_GE(all.size(), 15U);
  for (const std::string& command : all) {
    // What is replaced is kept under a name with the second.
    if (command.find("--replace") != std::string::npos)
      std::this_thread::sleep_for(std::chrono::seconds(1));
    const Outcome outcome = guide.run(command);
    ASSERT_EQ(outcome.exit_code, 0) << command << "\n" << outcome.text();
  }
  EXPECT_TRUE(fs::exists(guide.restored() / "shop/wal"));
  EXPECT_TRUE(fs::exists(guide.restored() / "_system/wal"));
  EXPECT_FALSE(fs::is_empty(guide.by_hand()));
  // A restore, a migration and an import, each into a database of its own.
  const auto made = guide.other().databases();
  EXPECT_EQ(made.size(), 3U);
  const auto things = guide.server().databases().at("shop").items.size();
  for (const auto& [name, database] : made) EXPECT_EQ(database.items.size(), things) << name;
}

TEST(TypedbGuide, TheVersionTablesAreThoseOfTheReleases) {
  const auto both = guide_text().tables(versions);
  ASSERT_EQ(both.size(), 2U);
  for (const typedb::Way way : {typedb::Way::copy, typedb::Way::exported}) {
    const auto& table = both[way == typedb::Way::copy ? 0 : 1];
    ASSERT_EQ(table.size(), typedb::release_ranges.size());
    for (std::size_t from = 0; from < table.size(); ++from) {
      ASSERT_EQ(table[from].size(), table.size() + 1);
      EXPECT_EQ(table[from][0], typedb::display(typedb::release_ranges[from]));
      for (std::size_t to = 0; to < table.size(); ++to) {
        const typedb::Verdict verdict = typedb::compare(from, to, way).verdict;
        const std::string_view word = verdict == typedb::Verdict::compatible       ? "yes"
                                      : verdict == typedb::Verdict::upgrade_needed ? "upgrade"
                                                                                   : "no";
        EXPECT_EQ(table[from][to + 1], word) << table[from][0] << " to column " << to;
      }
    }
  }
}

TEST(TypedbGuide, EveryRowNamesAnAnswerAndATestThatExist) {
  Place place;
  const std::vector<std::string> tests = tests_of_the_sources();
  const auto all = guide_text().rows(answers_heading);
  EXPECT_FALSE(all.empty());
  for (const std::vector<std::string>& row : all) {
    ASSERT_EQ(row.size(), 3U);
    EXPECT_NE(std::find(tests.begin(), tests.end(), row[2]), tests.end()) << row[2];
    EXPECT_TRUE(is_answer(place, row[1])) << row[1];
    EXPECT_NE(std::find(vendor_sentences.begin(), vendor_sentences.end(), row[0]),
              vendor_sentences.end())
        << row[0];
  }
  EXPECT_FALSE(guide_text().rows(corrections).empty());
  for (const std::vector<std::string>& row : guide_text().rows(corrections)) {
    ASSERT_EQ(row.size(), 3U);
    EXPECT_TRUE(is_answer(place, row[2])) << row[2];
  }
}

TEST(TypedbGuide, EverySentenceOfTheVendorIsAnswered) {
  const auto all = guide_text().rows(answers_heading);
  const auto is_answered = [&](std::string_view sentence) {
    return std::any_of(all.begin(), all.end(),
                       [&](const std::vector<std::string>& row) { return row[0] == sentence; });
  };
  for (const std::string_view sentence : vendor_sentences)
    EXPECT_TRUE(is_answered(sentence)) << sentence;
}

}  // namespace
}  // namespace holdfast::test
