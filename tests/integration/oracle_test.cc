// SPDX-License-Identifier: Apache-2.0
// The whole program on a schema of Oracle, whose programs are stand-ins:
// tests/contract/engine/oracle.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "harness/oracle_home.h"
#include "harness/program.h"
#include "harness/repository_files.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

class OracleSchema : public testing::Test {
 protected:
  OracleSchema() {
    make_repository(place_.repository(), place_password);
    write_text(place_ / "fmemc.password", "right / 'one' @x\n");
    fs::permissions(place_ / "fmemc.password", fs::perms::owner_read | fs::perms::owner_write);
    fs::create_directory(place_ / "kept");
  }
  // Of the schema behind these programs.
  [[nodiscard]] std::string instance(const OracleHome& home, const std::string& more = {},
                                     const std::string& head = {}) const {
    const fs::path path = place_ / (home.path().filename().string() + ".toml");
    write_text(path,
               fmt::format("name = \"mc\"\n{}[repository]\nlocation = \"{}\"\npassword_file = "
                           "\"{}\"\n[[database]]\nname = \"mc\"\nengine = \"oracle\"\nuri = "
                           "\"oracle://db1:1521/XE\"\nuser = \"fmemc\"\npassword_file = \"{}\"\n"
                           "home = \"{}\"\nkept_directory = \"{}\"\n{}",
                           head, place_.repository().native(), place_.password_file().native(),
                           (place_ / "fmemc.password").native(), home.path().native(),
                           (place_ / "kept").native(), more));
    return path.string();
  }
  Outcome run(const std::vector<std::string>& words, int exit_code) {
    const Outcome outcome = place_.holdfast(words);
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.text();
    return outcome;
  }
  [[nodiscard]] std::size_t snapshots() const {
    return files_of(place_.repository(), storage::FileKind::snapshot).size();
  }

  Place place_;
};

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_F(OracleSchema, IsBackedUpRestoredAndReplaced) {
  const OracleHome home("plain"), target("empty"), full("other_content");
  const std::string file = instance(home);
  run({"preflight", "-I", file}, 0);
  run({"backup", "-I", file}, 0);
  const Outcome listed = run({"ls", "latest"}, 0);
  EXPECT_TRUE(listed.says("/databases/mc/schema.dmp"));
  EXPECT_TRUE(listed.says("/databases/mc/prerequisites.sql"));
  EXPECT_FALSE(has(home.calls(), "right"));
  run({"restore", "latest", "-I", instance(target)}, 0);
  EXPECT_TRUE(has(target.state(), "\"SCHEDULER_RUNS\": 250"));
  EXPECT_NE(place_.holdfast({"restore", "latest", "-I", instance(full)}).exit_code, 0);
  EXPECT_TRUE(has(full.state(), "OLD_TABLE") || full.state().empty());
  const Outcome replaced = run({"restore", "latest", "--replace", "-I", instance(full)}, 0);
  EXPECT_TRUE(replaced.says("what was in schema FMEMC")) << replaced.text();
  EXPECT_TRUE(has(full.state(), "SCHEDULER_RUNS"));
  EXPECT_FALSE(fs::is_empty(place_ / "kept"));
}

TEST_F(OracleSchema, IsNoSnapshotUnlessItIsWhole) {
  const OracleHome home("missing_table");
  const Outcome refused = run({"backup", "-I", instance(home)}, 22);
  EXPECT_TRUE(refused.says("table OBJECTS is not in the dump")) << refused.text();
  EXPECT_EQ(snapshots(), 0U);
}

TEST_F(OracleSchema, GetsItsSegmentsOnlyWhenSomebodyAsksForIt) {
  const OracleHome home("deferred");
  const std::string file = instance(home);
  const Outcome refused = run({"backup", "-I", file}, 20);
  EXPECT_TRUE(refused.says("oracle-deferred-segments")) << refused.text();
  EXPECT_FALSE(has(home.calls(), "MATERIALIZE"));
  run({"preflight", "--fix=oracle-deferred-segments", "-I", file}, 0);
  EXPECT_TRUE(has(home.calls(), "MATERIALIZE"));
  run({"backup", "-I", file}, 0);
}

TEST_F(OracleSchema, TakesADumpThatSomebodyElseMade) {
  const OracleHome home("plain"), target("empty");
  run({"backup", "-I", instance(home)}, 0);
  write_text(place_ / "theirs.dmp",
             run({"dump", "latest", "/mc/databases/mc/schema.dmp"}, 0).output);
  run({"import", (place_ / "theirs.dmp").string(), "-I", instance(target)}, 0);
  EXPECT_TRUE(has(target.state(), "\"OBJECTS\": 5"));
}

TEST_F(OracleSchema, LeavesNoFileOnTheServerThoughItIsKilled) {
  const OracleHome home("pump_never_ends");
  write_text(home.path() / "pump.dmp", "what Data Pump has written");
  const std::string file = instance(home, "directory = \"pump\"\n");
  Started backup = place_.start({"backup", "-I", file});
  ASSERT_TRUE(eventually([&] { return home.server_files() == 1 || backup.has_ended(); }));
  backup.kill(SIGKILL);
  static_cast<void>(backup.wait());
  EXPECT_EQ(home.server_files(), 1U);
  EXPECT_TRUE(eventually([&] { return place_.holdfast({"resume"}).exit_code == 0; }));
  EXPECT_EQ(home.server_files(), 0U);
  EXPECT_EQ(snapshots(), 0U);
}

}  // namespace
}  // namespace holdfast::test
