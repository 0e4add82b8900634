// SPDX-License-Identifier: Apache-2.0
// rewrite, repair snapshots and recover, run in this process.
#include <gtest/gtest.h>

#include <filesystem>

#include "cli/test_world.h"

namespace holdfast::cli {
namespace {

namespace fs = std::filesystem;

class RewriteVerbs : public testing::Test {
 protected:
  RewriteVerbs() {
    world.write("d/a.txt", "a");
    world.write("d/b.log", "b");
    world.done({"init"});
    world.done({"backup", "-q", world.path("d")});
    id = snapshots().at(0).at("id").as_string();
  }
  std::vector<Json> snapshots() {
    return world.done({"snapshots", "--json"}).json_lines().at(0).as_array();
  }
  World world;
  std::string id;
};

TEST_F(RewriteVerbs, SayWhatTheyHaveMade) {
  EXPECT_EQ(lines_of(world.done({"rewrite", "-e", "*.none"}).output).back(),
            "no snapshots were modified");
  const std::string dry = world.done({"rewrite", "-n", "--forget", "-e", "*.log"}).output;
  EXPECT_NE(dry.find("would save new snapshot\nwould remove old snapshot\n"), std::string::npos)
      << dry;
  EXPECT_EQ(lines_of(dry).back(), "would modify 1 snapshot");
  EXPECT_EQ(snapshots().size(), 1U);
  const std::string text = world.done({"rewrite", "--forget", "-e", "*.log"}).output;
  const std::string made = snapshots().at(0).at("id").as_string();
  EXPECT_NE(text.find("snapshot " + id.substr(0, 8) + " of ["), std::string::npos) << text;
  EXPECT_NE(text.find("saved new snapshot " + made.substr(0, 8) + "\nremoved old snapshot " +
                      id.substr(0, 8) + "\n"),
            std::string::npos)
      << text;
  EXPECT_EQ(lines_of(text).back(), "modified 1 snapshot");
  EXPECT_EQ(snapshots().at(0).at("original").as_string(), id);
}

TEST_F(RewriteVerbs, SayItAsJsonToo) {
  const Outcome outcome = world.done({"rewrite", "--json", "-vv", "-e", "*.log"});
  EXPECT_EQ(outcome.message("excluded_item").at("item").as_string(), world.path("d/b.log"));
  const Json changed = outcome.message("changed");
  EXPECT_EQ(changed.at("old_snapshot_id").as_string(), id);
  EXPECT_EQ(changed.at("new_snapshot_id").as_string().size(), 64U);
  EXPECT_FALSE(changed.at("removed").as_bool());
  EXPECT_EQ(outcome.message("summary").at("changed_snapshots").as_uint(), 1U);
  const Json repaired = world.done({"repair", "snapshots", "--json"}).message("summary");
  EXPECT_EQ(repaired.at("changed_snapshots").as_uint(), 0U);
  const Json recovered = world.done({"recover", "--json"}).message("summary");
  EXPECT_EQ(recovered.at("roots").as_uint(), 0U);
  EXPECT_EQ(recovered.find("snapshot_id"), nullptr);
}

TEST_F(RewriteVerbs, TakePatternsFromFilesAndNewLabels) {
  world.write("patterns", "*.TXT\n");
  world.done({"rewrite", "--forget", "--iexclude-file", world.path("patterns"), "--new-host",
              "other", "--new-time", "2012-11-01 22:08:41"});
  const Json snapshot = snapshots().at(0);
  EXPECT_EQ(snapshot.at("hostname").as_string(), "other");
  EXPECT_EQ(snapshot.at("time").as_string().substr(0, 19), "2012-11-01T22:08:41");
  EXPECT_EQ(world.done({"ls", "-q", "latest", world.path("d")}).output,
            world.path("d") + "\n" + world.path("d/b.log") + "\n");
  world.done({"rewrite", "--forget", "-i", world.path("d")});
  EXPECT_EQ(world.run({"rewrite"}).exit_code, 1);
  EXPECT_EQ(world.run({"rewrite", "-e", "x", "-i", "y"}).exit_code, 1);
  EXPECT_EQ(world.run({"rewrite", "--new-time", "now"}).exit_code, 1);
  EXPECT_EQ(world.run({"rewrite", "-e", "x", "feedfeed"}).exit_code, 1);
  EXPECT_EQ(world.run({"recover", "x"}).exit_code, 1);
}

TEST_F(RewriteVerbs, RecoverWhatWasForgotten) {
  world.done({"forget", id});
  const std::string text = world.done({"recover"}).output;
  EXPECT_NE(text.find("found 1 tree that nothing refers to\nsaved new snapshot "),
            std::string::npos)
      << text;
  const std::string root =
      "/" + lines_of(world.done({"ls", "-q", "latest"}).output).at(0).substr(1);
  world.done({"restore", "latest:" + root, "--target", world.path("out")});
  EXPECT_EQ(world.read("out" + world.path("d/a.txt")), "a");
  EXPECT_EQ(lines_of(world.done({"recover"}).output).back(), "no snapshot to write");
}

TEST_F(RewriteVerbs, RefuseToRepairBeforeTheIndex) {
  for (const auto& entry : fs::directory_iterator(world.path("repository/index")))
    fs::remove(entry.path());
  const Outcome outcome = world.run({"repair", "snapshots", "--forget"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.errors.find("holdfast repair index"), std::string::npos) << outcome.errors;
  EXPECT_EQ(snapshots().size(), 1U);
}

}  // namespace
}  // namespace holdfast::cli
