// SPDX-License-Identifier: Apache-2.0
// restore, snapshots, ls and dump, run in this process.
#include <gtest/gtest.h>

#include <filesystem>

#include "cli/test_world.h"

namespace holdfast::cli {
namespace {

class Files : public testing::Test {
 protected:
  Files() {
    world.done({"init"});
    world.write("d/a", "content of a");
    world.write("d/sub/b", "b");
    world.done({"backup", "-q", "--tag", "first", world.path("d")});
  }
  std::vector<Json> list(std::vector<std::string> words) {
    words.insert(words.begin(), {"snapshots", "--json"});
    return world.done(words).json_lines().at(0).as_array();
  }
  World world;
};

TEST_F(Files, ComeBack) {
  const Json json =
      world.done({"restore", "latest", "--json", "--target", world.path("out")}).message("summary");
  EXPECT_EQ(world.read("out" + world.path("d/a")), "content of a");
  EXPECT_EQ(json.at("total_bytes").as_uint(), 13U);
  EXPECT_EQ(json.at("files_restored").as_uint(), json.at("total_files").as_uint());
}

TEST_F(Files, ComeBackFromASubfolder) {
  world.done({"restore", "latest:" + world.path("d/sub"), "-t", world.path("out"), "--verify"});
  EXPECT_EQ(world.read("out/b"), "b");
}

TEST_F(Files, ComeBackAsChosen) {
  world.done({"restore", "latest", "-t", world.path("in"), "--include", "a"});
  EXPECT_TRUE(std::filesystem::exists(world.path("in" + world.path("d/a"))));
  EXPECT_FALSE(std::filesystem::exists(world.path("in" + world.path("d/sub/b"))));
  world.done({"restore", "latest", "-t", world.path("ex"), "--exclude", "a"});
  EXPECT_FALSE(std::filesystem::exists(world.path("ex" + world.path("d/a"))));
}

TEST_F(Files, AreOverwrittenAsTold) {
  const std::string folder = "latest:" + world.path("d");
  world.write("out/a", "other content");
  world.write("out/extra", "x");
  world.done({"restore", folder, "-t", world.path("out"), "--overwrite", "never"});
  EXPECT_EQ(world.read("out/a"), "other content");
  world.done({"restore", folder, "-t", world.path("out"), "--dry-run", "--delete"});
  EXPECT_EQ(world.read("out/a"), "other content");
  EXPECT_TRUE(std::filesystem::exists(world.path("out/extra")));
  const Json json = world.done({"restore", folder, "-t", world.path("out"), "--delete", "--json"})
                        .message("summary");
  EXPECT_EQ(world.read("out/a"), "content of a");
  EXPECT_FALSE(std::filesystem::exists(world.path("out/extra")));
  EXPECT_EQ(json.at("files_deleted").as_uint(), 1U);
}

TEST_F(Files, NeedATargetAndNoContradiction) {
  EXPECT_EQ(world.run({"restore", "latest"}).exit_code, 1);
  EXPECT_EQ(world.run({"restore", "-t", "/x"}).exit_code, 1);
  EXPECT_EQ(world.run({"restore", "latest", "-t", world.path("o"), "-i", "a", "-e", "b"}).exit_code,
            1);
  EXPECT_EQ(
      world.run({"restore", "latest", "-t", world.path("o"), "--dry-run", "--verify"}).exit_code,
      1);
  EXPECT_EQ(world.run({"restore", "latest", "-t", "/", "--delete"}).exit_code, 1);
  EXPECT_EQ(
      world.run({"restore", "latest", "-t", world.path("o"), "--overwrite", "perhaps"}).exit_code,
      1);
  EXPECT_EQ(world.run({"restore", "feed", "-t", world.path("o")}).exit_code, 1);
  EXPECT_EQ(world.run({"restore", "latest:/nothing/here", "-t", world.path("o")}).exit_code, 1);
  EXPECT_FALSE(std::filesystem::exists(world.path("o")));
}

TEST_F(Files, ListTheirSnapshots) {
  world.done({"backup", "-q", "--tag", "second", "--host", "other", world.path("d/sub")});
  EXPECT_EQ(list({}).size(), 2U);
  EXPECT_EQ(list({"--tag", "first"}).size(), 1U);
  EXPECT_EQ(list({"--host", "other"}).at(0).at("tags").dump(), "[\"second\"]");
  EXPECT_EQ(list({"--path", world.path("d")}).size(), 1U);
  EXPECT_EQ(list({"latest"}).at(0).at("tags").dump(), "[\"second\"]");
  EXPECT_EQ(list({list({})[0].at("short_id").as_string()}).at(0).at("tags").dump(), "[\"first\"]");
  EXPECT_EQ(list({"--latest", "1"}).size(), 2U);
  EXPECT_EQ(world.run({"snapshots", "nonsense"}).exit_code, 1);
  EXPECT_EQ(world.run({"snapshots", "--group-by", "size"}).exit_code, 1);
}

TEST_F(Files, GroupTheirSnapshots) {
  world.done({"backup", "-q", "--host", "other", world.path("d/sub")});
  const auto groups = list({"--group-by", "host"});
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups[0].at("group_key").dump(),
            "{\"hostname\":\"other\",\"paths\":null,\"tags\":null}");
  EXPECT_EQ(groups[0].at("snapshots").as_array().size(), 1U);
  const std::string text = world.done({"snapshots", "--group-by", "host"}).output;
  EXPECT_TRUE(text.starts_with("snapshots for (host [other]):\nID  ")) << text;
}

TEST_F(Files, AreListed) {
  const auto lines = lines_of(world.done({"ls", "latest"}).output);
  EXPECT_TRUE(lines[0].starts_with("snapshot ")) << lines[0];
  EXPECT_EQ(lines.back(), world.path("d/sub/b"));
  const auto json = world.done({"ls", "latest", "--json"}).json_lines();
  EXPECT_EQ(json[0].at("struct_type").as_string(), "snapshot");
  EXPECT_EQ(json[0].at("message_type").as_string(), "snapshot");
  EXPECT_EQ(json.back().at("path").as_string(), world.path("d/sub/b"));
  EXPECT_EQ(world.done({"ls", "-q", "latest", "-l"}).output.substr(0, 11), "drwxr-xr-x ");
}

TEST_F(Files, AreListedWithinAFolder) {
  const auto paths = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"ls", "-q", "latest"});
    return lines_of(world.done(words).output);
  };
  using Paths = std::vector<std::string>;
  EXPECT_EQ(paths({world.path("d")}),
            (Paths{world.path("d"), world.path("d/a"), world.path("d/sub")}));
  EXPECT_EQ(
      paths({world.path("d"), "--recursive"}),
      (Paths{world.path("d"), world.path("d/a"), world.path("d/sub"), world.path("d/sub/b")}));
  EXPECT_EQ(world.run({"ls", "latest", "relative"}).exit_code, 1);
  EXPECT_EQ(world.run({"ls"}).exit_code, 1);
}

TEST_F(Files, AreMissedWhenAFolderIsNotThere) {
  const Outcome outcome = world.done({"ls", "-q", "latest", world.path("d"), "/none"});
  EXPECT_EQ(outcome.errors, "warning: /none is not in the snapshot\n");
  EXPECT_EQ(world.done({"ls", "-q", "latest", "/"}).errors, "");
}

TEST_F(Files, AreListedWithoutSteeringTheTerminal) {
  world.write("odd/a\x1b[2J\nb", "x");
  world.done({"backup", "-q", world.path("odd")});
  const std::string text = world.done({"ls", "latest"}).output;
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("a\\x1b[2J\\nb"), std::string::npos);
}

TEST_F(Files, AreDumped) {
  EXPECT_EQ(world.done({"dump", "latest", world.path("d/a")}).output, "content of a");
  EXPECT_EQ(world.done({"dump", "latest:" + world.path("d"), "/sub/b"}).output, "b");
  world.done({"dump", "latest", world.path("d/a"), "--target", world.path("dumped")});
  EXPECT_EQ(world.read("dumped"), "content of a");
  const std::string tar = world.done({"dump", "latest:" + world.path("d"), "/"}).output;
  EXPECT_NE(tar.find("ustar"), std::string::npos);
  EXPECT_NE(tar.find("content of a"), std::string::npos);
  EXPECT_TRUE(
      world.done({"dump", "latest", world.path("d"), "-a", "zip"}).output.starts_with("PK"));
}

TEST_F(Files, AreNotDumpedAsAnArchiveToATerminal) {
  world.columns = 80;
  EXPECT_EQ(world.run({"dump", "latest", "/"}).exit_code, 1);
  EXPECT_EQ(world.run({"dump", "latest", world.path("d/a")}).exit_code, 0);
}

TEST_F(Files, AreNotDumpedIfTheyAreNotThere) {
  EXPECT_EQ(world.run({"dump", "latest", "/nothing"}).exit_code, 1);
  EXPECT_EQ(world.run({"dump", "latest", world.path("d/a/b")}).exit_code, 1);
  EXPECT_EQ(world.run({"dump", "latest"}).exit_code, 1);
  EXPECT_EQ(world.run({"dump", "latest", "/", "-a", "rar"}).exit_code, 1);
}

}  // namespace
}  // namespace holdfast::cli
