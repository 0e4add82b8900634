// SPDX-License-Identifier: Apache-2.0
// copy, repair index, repair packs, and migrate of a repository, run in this process.
#include <gtest/gtest.h>

#include <filesystem>

#include "cli/test_world.h"

namespace holdfast::cli {
namespace {

namespace fs = std::filesystem;

class MendingVerbs : public testing::Test {
 protected:
  void fill(const std::string& version = "2") {
    world.done({"init", "--repository-version", version});
    for (const char* content : {"first", "second"}) {
      world.write("d/a", content);
      world.done({"backup", "-q", world.path("d")});
    }
    world.variables.set_secret("RESTIC_FROM_PASSWORD", Secret("sesame"));
    from = {"--from-repo", world.path("repository")};
  }
  Outcome copy(std::vector<std::string> words) {
    words.insert(words.begin(), {"-r", world.path("second"), "copy"});
    words.insert(words.end(), from.begin(), from.end());
    return world.run(words);
  }
  // The only file of a kind, or the first.
  [[nodiscard]] fs::path file_below(std::string_view name) const {
    fs::path found;
    for (const auto& entry :
         fs::recursive_directory_iterator(world.path("repository") + "/" + std::string(name))) {
      if (entry.is_regular_file() && (found.empty() || entry.path() < found)) found = entry.path();
    }
    return found;
  }
  [[nodiscard]] std::size_t snapshot_count(const std::string& repository) {
    return world.done({"-r", world.path(repository), "snapshots", "--json"})
        .json_lines()
        .at(0)
        .as_array()
        .size();
  }
  World world;
  std::vector<std::string> from;
};

TEST_F(MendingVerbs, CopyTellsEachSnapshotAndTheSum) {
  fill();
  world.done({"-r", world.path("second"), "init"});
  const Outcome first = copy({"--json"});
  EXPECT_EQ(first.exit_code, 0) << first.errors;
  EXPECT_EQ(first.json_lines().size(), 3U);
  const Json copied = first.message("copied");
  EXPECT_EQ(copied.at("source_snapshot_id").as_string().size(), 64U);
  EXPECT_EQ(copied.at("snapshot_id").as_string().size(), 64U);
  EXPECT_EQ(first.message("summary").at("snapshots_copied").as_uint(), 2U);
  EXPECT_EQ(first.json_errors().at(0).at("message_type").as_string(), "warning")
      << "the chunkers differ";

  const Outcome again = copy({"-v"});
  EXPECT_EQ(again.exit_code, 0) << again.errors;
  EXPECT_NE(again.output.find("was already copied to snapshot"), std::string::npos);
  EXPECT_NE(again.output.find("copied 0 snapshots, skipped 2"), std::string::npos) << again.output;
  EXPECT_EQ(snapshot_count("second"), 2U);
  EXPECT_TRUE(fs::is_empty(world.path("second/locks")));
  EXPECT_TRUE(fs::is_empty(world.path("repository/locks")));
}

TEST_F(MendingVerbs, CopyNeedsASourceAndLocksTheTargetWhateverItIsTold) {
  fill();
  world.done({"-r", world.path("second"), "init"});
  EXPECT_EQ(world.run({"-r", world.path("second"), "copy"}).exit_code, 1);
  EXPECT_EQ(copy({"nosuchid"}).exit_code, 1);
  from = {"--from-repo", world.path("nowhere")};
  EXPECT_EQ(copy({}).exit_code, 10);
  from = {"--from-repo", world.path("repository"), "--no-lock"};
  fs::permissions(world.path("repository/locks"), fs::perms::none);
  EXPECT_EQ(copy({}).exit_code, 0);
  fs::permissions(world.path("repository/locks"), fs::perms::owner_all);
}

TEST_F(MendingVerbs, RepairIndexSaysWhatItDid) {
  fill();
  EXPECT_TRUE(world.done({"repair", "index"})
                  .output.ends_with("the index fits the packs; nothing was changed\n"));
  fs::remove(file_below("index"));
  const Json summary = world.done({"repair", "index", "--json"}).message("summary");
  EXPECT_TRUE(summary.at("changed").as_bool());
  EXPECT_EQ(summary.at("packs_added").as_uint(), 2U);
  EXPECT_EQ(summary.at("index_files_written").as_uint(), 1U);
  world.done({"check", "--read-data"});
  EXPECT_EQ(world.run({"repair", "index", "now"}).exit_code, 1);
  EXPECT_EQ(world.run({"repair", "nothing"}).exit_code, 1);
  EXPECT_NE(world.done({"repair"}).output.find("repair packs"), std::string::npos);
}

TEST_F(MendingVerbs, RepairPacksRefusesWhatIsNoPack) {
  fill();
  EXPECT_EQ(world.run({"repair", "packs"}).exit_code, 1);
  EXPECT_EQ(world.run({"repair", "packs", "0123"}).exit_code, 1);
  const Outcome unknown = world.run({"repair", "packs", std::string(64, '0')});
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_NE(unknown.errors.find("neither stored nor in the index"), std::string::npos);
}

TEST_F(MendingVerbs, MigrateWithoutInstancesIsAboutTheRepository) {
  fill("1");
  EXPECT_NE(world.done({"migrate"}).output.find("upgrade_repo_v2"), std::string::npos);
  EXPECT_EQ(world.run({"migrate", "upgrade_repo_v3"}).exit_code, 1);
  const Outcome both = world.run({"migrate", "upgrade_repo_v2", "--to", world.path("new.toml")});
  EXPECT_EQ(both.exit_code, 1);
  EXPECT_EQ(world.run({"migrate", "-I", world.path("old.toml")}).exit_code, 1);
  EXPECT_NE(world.run({"migrate", "-I", world.path("old.toml")}).errors.find("no target is named"),
            std::string::npos);
  EXPECT_TRUE(world.done({"migrate", "upgrade_repo_v2"})
                  .output.ends_with("migration upgrade_repo_v2: success\n"));
  EXPECT_EQ(Json::parse(world.done({"cat", "config"}).output, "config").at("version").as_uint(),
            2U);
  const Json again = world.done({"migrate", "--json", "upgrade_repo_v2"}).message("migration");
  EXPECT_FALSE(again.at("applied").as_bool());
  EXPECT_EQ(world.done({"migrate"}).output, "no migrations found\n");
  world.done({"check", "--read-data"});
}

}  // namespace
}  // namespace holdfast::cli
