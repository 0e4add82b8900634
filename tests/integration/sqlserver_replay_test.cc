// SPDX-License-Identifier: Apache-2.0
// The whole program on a database of SQL Server that a scenario plays, copied by its own BACKUP:
// tests/contract/engine/sqlserver.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "harness/program.h"
#include "harness/repository_files.h"
#include "harness/scripted_server.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

class SqlServerDatabase : public testing::Test {
 protected:
  SqlServerDatabase() {
    place_.environment().insert(ScriptedServer::environment());
    make_repository(place_.repository(), place_password);
    write_text(place_ / "shop.password", "se cret;'1\n");
    fs::permissions(place_ / "shop.password", fs::perms::owner_read | fs::perms::owner_write);
  }
  [[nodiscard]] std::string instance(const ScriptedServer& server) const {
    const model::Endpoint endpoint = server.endpoint();
    const fs::path path = place_ / (server.home().filename().string() + ".toml");
    write_text(
        path,
        fmt::format("name = \"shop\"\n[repository]\nlocation = \"{}\"\npassword_file = \"{}\"\n"
                    "[[database]]\nname = \"shop\"\nengine = \"sqlserver\"\nuri = \"{}\"\nuser "
                    "= \"holdfast\"\npassword_file = \"{}\"\nmethod = \"physical\"\ntls = "
                    "\"off\"\ndriver = '{}'\nbackup_directory = '{}'\nexchange_directory = "
                    "'{}'\n",
                    place_.repository().native(), place_.password_file().native(), endpoint.uri,
                    (place_ / "shop.password").native(), endpoint.options.at("driver"),
                    endpoint.options.at("backup_directory"),
                    endpoint.options.at("exchange_directory")));
    return path.string();
  }
  Outcome run(const std::vector<std::string>& words, int exit_code) {
    const Outcome outcome = place_.holdfast(words);
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.text();
    EXPECT_FALSE(outcome.says("se cret")) << outcome.text();
    return outcome;
  }
  [[nodiscard]] std::size_t snapshots() const {
    return files_of(place_.repository(), storage::FileKind::snapshot).size();
  }

  Place place_;
};

TEST_F(SqlServerDatabase, IsBackedUpRestoredAndReplaced) {
  const ScriptedServer server("plain"), target("empty_target"), full("plain");
  const std::string file = instance(server);
  run({"preflight", "-I", file}, 0);
  run({"backup", "-I", file}, 0);
  EXPECT_EQ(server.files_left(), 0U);
  EXPECT_FALSE(server.was_asked("UNANSWERED")) << server.statements();
  EXPECT_FALSE(server.was_asked("ABANDONED")) << server.statements();
  EXPECT_TRUE(run({"ls", "latest"}, 0).says("/databases/shop/backup.bak"));
  run({"restore", "latest", "-I", instance(target)}, 0);
  EXPECT_TRUE(target.is_set("is 7 Shop"));
  EXPECT_EQ(target.files_left(), 0U);
  EXPECT_NE(place_.holdfast({"restore", "latest", "-I", instance(full)}).exit_code, 0);
  EXPECT_TRUE(full.is_set("is 5 Shop"));
  const Outcome replaced = run({"restore", "latest", "--replace", "-I", instance(full)}, 0);
  EXPECT_TRUE(replaced.says("DROP DATABASE [Shop_before_")) << replaced.text();
  EXPECT_TRUE(full.is_set("is 7 Shop"));
}

// A backup is of the moment of its end.
TEST_F(SqlServerDatabase, IsBackedUpBeforeAStoppedApplicationIsStartedAgain) {
  const ScriptedServer server("plain");
  const std::string file = instance(server);
  const fs::path asked = server.home() / "asked_until_the_start.log";
  write_text(file, read_text_file(file) +
                       fmt::format("[quiesce]\nstop = [\"/bin/true\"]\nstart = [\"/bin/cp\", "
                                   "\"{}\", \"{}\"]\n",
                                   (server.home() / "statements.log").native(), asked.native()));
  run({"backup", "-I", file}, 0);
  EXPECT_NE(read_text_file(asked).find("RESTORE VERIFYONLY"), std::string::npos);
}

TEST_F(SqlServerDatabase, IsNoSnapshotUnlessItIsWhole) {
  for (const char* scenario : {"cut_file", "damaged_page", "linked_stripe", "verify_fails"}) {
    const ScriptedServer server(scenario);
    run({"backup", "-I", instance(server)}, 22);
    EXPECT_EQ(server.files_left(), 0U) << scenario;
  }
  EXPECT_EQ(snapshots(), 0U);
}

TEST_F(SqlServerDatabase, LeavesNoFileOnTheServerThoughItIsKilled) {
  const ScriptedServer server("hangs");
  Started backup = place_.start({"backup", "-I", instance(server)});
  ASSERT_TRUE(eventually([&] { return server.is_set("hanging") || backup.has_ended(); }));
  backup.kill(SIGKILL);
  static_cast<void>(backup.wait());
  EXPECT_TRUE(eventually([&] { return place_.holdfast({"resume"}).exit_code == 0; }));
  EXPECT_EQ(server.files_left(), 0U);
  EXPECT_EQ(snapshots(), 0U);
}

TEST_F(SqlServerDatabase, IsPutBackThoughARestoreIsKilled) {
  const ScriptedServer server("plain");
  run({"backup", "-I", instance(server)}, 0);
  for (const char* scenario :
       {"killed_in_restore", "killed_in_check", "killed_in_switch", "killed_in_rename"}) {
    const ScriptedServer target(scenario);
    EXPECT_EQ(place_.holdfast({"restore", "latest", "--replace", "-I", instance(target)}).exit_code,
              128 + SIGKILL)
        << scenario;
    EXPECT_TRUE(eventually([&] { return place_.holdfast({"resume"}).exit_code == 0; })) << scenario;
    EXPECT_TRUE(target.is_set("is 5 Shop")) << scenario;
    EXPECT_FALSE(target.is_set("is 7 Shop")) << scenario;
    EXPECT_FALSE(target.is_set("single Shop")) << scenario;
    EXPECT_EQ(target.files_left(), 0U) << scenario;
  }
}

}  // namespace
}  // namespace holdfast::test
