// SPDX-License-Identifier: Apache-2.0
// docs/guide/sqlserver.md promises commands that work and what Holdfast does when a server fails:
// both are held to what there is, with servers that scenarios play.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "engine/sqlserver/bak/test_bak.h"
#include "engine/sqlserver/dac/test_dac.h"
#include "harness/guide.h"
#include "harness/repository_files.h"
#include "harness/scripted_server.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;
namespace sqlserver = engine::sqlserver::test;

constexpr std::string_view failures = "| verb | exit | it says |";
constexpr std::string_view findings = "| finding |";

GuideText guide_text() {
  return GuideText("sqlserver");
}

std::string stripe(std::uint16_t number) {
  sqlserver::TestBak bak;
  bak.families = 2;
  bak.family = bak.sequence = number;
  return bak.plain();
}

// A [[database]], or [[drill.endpoint]], on a server that a scenario plays.
class Instances {
 public:
  Instances() {
    write_text(password(), "se cret;'1\n");
    fs::permissions(password(), fs::perms::owner_read | fs::perms::owner_write);
    place_.environment().insert(ScriptedServer::environment());
  }
  [[nodiscard]] std::string block(std::string_view heading, std::string_view of,
                                  const model::Endpoint& endpoint, std::string_view database,
                                  std::string_view more = {}) const {
    std::string text = fmt::format(
        "[[{}]]\n{}\nuri = \"{}/{}\"\nuser = \"holdfast\"\npassword_file = '{}'\ntls = \"off\"\n",
        heading, of, endpoint.uri.substr(0, endpoint.uri.rfind('/')), database,
        password().native());
    for (const auto& [key, value] : endpoint.options)
      text += fmt::format("{} = '{}'\n", key, value);
    return text + std::string(more);
  }
  // An instance of that name with one database.
  [[nodiscard]] fs::path one(const std::string& name, const model::Endpoint& endpoint,
                             std::string_view more = {}) const {
    const fs::path file = place_ / (name + ".toml");
    write_text(file, fmt::format("name = \"{}\"\n", name) +
                         block("database", "name = \"shop\"", endpoint, "Shop", more));
    return file;
  }
  [[nodiscard]] Place& place() noexcept { return place_; }

 private:
  [[nodiscard]] fs::path password() const { return place_ / "server.password"; }
  Place place_;
};

// What the commands need, one after the other.
class Guide {
 public:
  Guide() {
    write_text(place() / "shop.toml", "name = \"shop\"\n" + both(server_));
    write_text(place() / "elsewhere.toml", "name = \"shop\"\n" + both(target_));
    for (const auto& [component, database] : databases)
      append("shop.toml",
             instances_.block("drill.endpoint", fmt::format("component = \"{}\"", component),
                              target_.endpoint(), database));
    write_text(place() / "stripe_1.bak", stripe(1));
    write_text(place() / "stripe_2.bak", stripe(2));
    write_text(place() / "shop.bacpac", sqlserver::shop_package().file());
    write_text(place() / "other.toml",
               fmt::format("name = \"other\"\n[[database]]\nname = \"shop\"\nuri = \"sqlite:{}\"\n",
                           (place() / "other.db").native()));
  }

  Outcome run(const std::string& command) {
    RunOptions options;
    options.environment = {
        {"PATH", place().program().parent_path().string() + ":" + place().environment().at("PATH")},
        {"HOLDFAST_REPOSITORY", ""},
        {"REPOSITORY", place().repository().string()},
        {"INSTANCE", place() / "shop.toml"},
        {"ELSEWHERE", place() / "elsewhere.toml"},
        {"RECEIVER", instances_.one("objects", objects_.receiving_endpoint())},
        {"ROWS", instances_.one("rows", rows_.endpoint(), "method = \"logical\"\n")},
        {"BAK", place() / "shop.bak"},
        {"STRIPE_1", place() / "stripe_1.bak"},
        {"STRIPE_2", place() / "stripe_2.bak"},
        {"PACKAGE", place() / "shop.bacpac"},
        {"DATABASE", place() / "other.toml"}};
    options.environment["RESTIC_PASSWORD_FILE"] = place().password_file();
    return place().run({"/bin/sh", "-c", command}, options);
  }
  [[nodiscard]] Place& place() noexcept { return instances_.place(); }
  [[nodiscard]] const ScriptedServer& target() const noexcept { return target_; }
  [[nodiscard]] std::vector<const ScriptedServer*> servers() const {
    return {&server_, &target_, &objects_, &rows_};
  }

 private:
  static constexpr std::array<std::pair<const char*, const char*>, 2> databases{
      {{"shop", "Shop"}, {"stock", "Stock"}}};
  [[nodiscard]] std::string both(const ScriptedServer& server) const {
    std::string text;
    for (const auto& [component, database] : databases)
      text += instances_.block("database", fmt::format("name = \"{}\"", component),
                               server.endpoint(), database);
    return text;
  }
  void append(std::string_view name, const std::string& text) {
    const fs::path file = place() / name;
    write_text(file, read_text(file) + text);
  }

  Instances instances_;
  const ScriptedServer server_{"guide_server"}, target_{"guide_target"}, objects_{"s3"},
      rows_{"rows_2022"};
};

TEST(SqlServerGuide, EveryCommandWorks) {
  Guide guide;
  const std::vector<std::string> all = guide_text().commands();
  EXPECT_GE(all.size(), 20U);
  for (const std::string& command : all) {
    const Outcome outcome = guide.run(command);
    ASSERT_EQ(outcome.exit_code, 0) << command << "\n" << outcome.text();
    EXPECT_FALSE(outcome.says("se cret")) << command << "\n" << outcome.text();
    // A name that is kept has the second in it.
    if (command.find("--replace") != std::string::npos)
      std::this_thread::sleep_for(std::chrono::seconds(1));
  }
  for (const ScriptedServer* const server : guide.servers()) {
    EXPECT_FALSE(server->was_asked("UNANSWERED")) << server->statements();
    EXPECT_FALSE(server->was_asked("ABANDONED")) << server->statements();
    EXPECT_EQ(server->files_left(), 0U);
  }
  EXPECT_TRUE(guide.target().is_set("is 7 Shop"));
  EXPECT_TRUE(guide.target().is_set("is 7 Stock"));
  EXPECT_TRUE(fs::exists(guide.place() / "shop.bak.by-hand"));
}

// The table of failures: each is played.
TEST(SqlServerGuide, EveryFailureIsToldAsThePageSays) {
  Instances instances;
  Place& place = instances.place();
  make_repository(place.repository(), place_password);
  const ScriptedServer whole("encrypted");
  ASSERT_EQ(place.holdfast({"backup", "-I", instances.one("shop", whole.endpoint())}).exit_code, 0);
  std::set<std::string> played;
  for (const Cells& row : guide_text().rows(failures)) {
    ASSERT_EQ(row.size(), 5U);
    const fs::path scenario(row[4]);
    ASSERT_TRUE(fs::is_regular_file(fs::path(ScriptedServer::scenarios) / scenario)) << row[4];
    EXPECT_TRUE(played.insert(row[4]).second) << row[4];
    const ScriptedServer server(scenario.stem());
    std::vector<std::string> words{row[0], "-I", instances.one("shop", server.endpoint())};
    if (row[0] == "restore") words.emplace_back("latest");
    const Outcome outcome = place.holdfast(words);
    EXPECT_EQ(std::to_string(outcome.exit_code), row[1]) << row[4] << "\n" << outcome.text();
    EXPECT_TRUE(outcome.says(row[2])) << row[4] << "\n" << outcome.text();
    EXPECT_EQ(server.files_left(), 0U) << row[4];
    EXPECT_FALSE(server.was_asked("MODIFY NAME")) << row[4];
  }
  EXPECT_GE(played.size(), 20U);
  EXPECT_EQ(files_of(place.repository(), storage::FileKind::snapshot).size(), 1U);
}

TEST(SqlServerGuide, EveryFindingIsADocumentedOne) {
  Place place;
  const auto all = guide_text().rows(findings);
  EXPECT_GE(all.size(), 8U);
  for (const Cells& row : all) {
    for (std::size_t at = 0; at < row[0].size();) {
      const std::size_t end = std::min(row[0].find_first_of("`, ", at), row[0].size());
      const std::string code = row[0].substr(at, end - at);
      if (!code.empty()) {
        EXPECT_TRUE(is_answer(place, code)) << code;
      }
      at = end + 1;
    }
  }
}

}  // namespace
}  // namespace holdfast::test
