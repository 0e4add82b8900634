// SPDX-License-Identifier: Apache-2.0
// backup, run in this process.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "cli/test_world.h"

namespace holdfast::cli {
namespace {

class Backup : public testing::Test {
 protected:
  Backup() { world.done({"init"}); }
  Json summary(std::vector<std::string> words, std::string_view input = {}) {
    words.insert(words.begin(), {"backup", "--json"});
    return world.done(words, input).message("summary");
  }
  Json latest() {
    return world.done({"snapshots", "--json", "latest"}).json_lines().at(0).as_array().at(0);
  }
  std::size_t snapshots() {
    return world.done({"snapshots", "--json"}).json_lines().at(0).as_array().size();
  }
  World world;
};

TEST_F(Backup, WritesResticsSummary) {
  world.write("d/a", "content");
  const Json json = summary({world.path("d")});
  const std::vector<std::string> members{"message_type",
                                         "files_new",
                                         "files_changed",
                                         "files_unmodified",
                                         "dirs_new",
                                         "dirs_changed",
                                         "dirs_unmodified",
                                         "data_blobs",
                                         "tree_blobs",
                                         "data_added",
                                         "data_added_packed",
                                         "total_files_processed",
                                         "total_bytes_processed",
                                         "total_duration",
                                         "backup_start",
                                         "backup_end",
                                         "snapshot_id"};
  std::vector<std::string> found;
  for (const auto& [key, value] : json.as_object()) found.push_back(key);
  EXPECT_EQ(found, members);
  EXPECT_EQ(json.at("files_new").as_uint(), 1U);
  EXPECT_EQ(json.at("total_bytes_processed").as_uint(), 7U);
  EXPECT_EQ(json.at("snapshot_id").as_string().size(), 64U);
}

TEST_F(Backup, PrintsTheLineThatScriptsLookFor) {
  const Outcome outcome = world.done({"backup", world.write("a", "x")});
  const auto lines = lines_of(outcome.output);
  EXPECT_EQ(lines.back().size(), std::string("snapshot 01234567 saved").size());
  EXPECT_TRUE(lines.back().starts_with("snapshot ") && lines.back().ends_with(" saved"));
  EXPECT_EQ(world.done({"backup", "-q", world.path("a")}).output, "");
}

TEST_F(Backup, UsesTheParent) {
  world.write("d/a", "content");
  summary({world.path("d")});
  EXPECT_EQ(summary({world.path("d")}).at("files_unmodified").as_uint(), 1U);
  EXPECT_EQ(latest().at("parent").as_string().size(), 64U);
  EXPECT_EQ(summary({"--force", world.path("d")}).at("files_new").as_uint(), 1U);
  EXPECT_EQ(latest().find("parent"), nullptr);
  EXPECT_EQ(summary({"--host", "elsewhere", world.path("d")}).at("files_new").as_uint(), 1U);
  EXPECT_EQ(summary({"--host", "third", "--group-by", "paths", world.path("d")})
                .at("files_unmodified")
                .as_uint(),
            1U);
}

TEST_F(Backup, LabelsTheSnapshot) {
  summary({"--tag", "a,b", "--tag", "c", "--host", "other", "--time", "2012-11-01 22:08:41",
           "--exclude", "*.o", world.write("a", "x")});
  const Json json = latest();
  EXPECT_EQ(json.at("tags").dump(), "[\"a\",\"b\",\"c\"]");
  EXPECT_EQ(json.at("hostname").as_string(), "other");
  EXPECT_EQ(json.at("username").as_string(), "tester");
  EXPECT_TRUE(json.at("time").as_string().starts_with("2012-11-01T22:08:41"));
  EXPECT_EQ(json.at("excludes").dump(), "[\"*.o\"]");
  EXPECT_EQ(json.at("paths").dump(), Json::array().push(world.path("a")).dump());
  EXPECT_EQ(json.at("program_version").as_string(), "holdfast " + program_version());
}

TEST_F(Backup, NamesWhatItLeavesOut) {
  world.write("d/a.o", "x");
  world.write("d/b", "x");
  world.write("d/large", "0123456789");
  const Outcome outcome = world.done({"backup", "--json", "-vv", "--exclude", "*.o",
                                      "--exclude-larger-than", "5", world.path("d")});
  std::vector<std::string> excluded;
  for (const Json& line : outcome.json_lines()) {
    if (line.at("message_type").as_string() == "excluded_item")
      excluded.push_back(line.at("item").as_string());
  }
  EXPECT_EQ(excluded, (std::vector<std::string>{world.path("d/a.o"), world.path("d/large")}));
  EXPECT_TRUE(world.done({"backup", "--json", "-v", "--exclude", "*.o", world.path("d")})
                  .message("excluded_item")
                  .is_null());
}

TEST_F(Backup, WritesNothingInADryRun) {
  const Json json = summary({"--dry-run", world.write("a", "x")});
  EXPECT_TRUE(json.at("dry_run").as_bool());
  EXPECT_EQ(json.find("snapshot_id"), nullptr);
  EXPECT_GT(json.at("data_added").as_uint(), 0U);
  EXPECT_EQ(snapshots(), 0U);
  std::size_t packs = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(world.path("repository/data"))) {
    if (entry.is_regular_file()) ++packs;
  }
  EXPECT_EQ(packs, 0U);
}

TEST_F(Backup, SkipsAnUnchangedTree) {
  summary({world.write("d/a", "x")});
  EXPECT_EQ(summary({"--skip-if-unchanged", world.path("d/a")}).find("snapshot_id"), nullptr);
  EXPECT_EQ(snapshots(), 1U);
}

TEST_F(Backup, SavesStandardInput) {
  const Json json = summary({"--stdin", "--stdin-filename", "dumps/db.sql"}, "select 1;");
  EXPECT_EQ(json.at("files_new").as_uint(), 1U);
  EXPECT_EQ(json.at("total_bytes_processed").as_uint(), 9U);
  EXPECT_EQ(latest().at("paths").dump(), "[\"/dumps/db.sql\"]");
  EXPECT_EQ(world.done({"dump", "latest", "/dumps/db.sql"}).output, "select 1;");
}

TEST_F(Backup, SavesTheOutputOfACommand) {
  summary({"--stdin-from-command", "--stdin-filename", "out", "--", "sh", "-c", "printf hello"});
  EXPECT_EQ(world.done({"dump", "latest", "out"}).output, "hello");
}

TEST_F(Backup, LeavesNoSnapshotIfTheCommandFails) {
  const Outcome outcome = world.run(
      {"backup", "--stdin-from-command", "--", "sh", "-c", "printf half; echo broken >&2; exit 5"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.errors.find("exit code 5"), std::string::npos);
  EXPECT_NE(outcome.errors.find("broken"), std::string::npos);
  EXPECT_EQ(snapshots(), 0U);
}

TEST_F(Backup, RefusesOptionsThatContradict) {
  EXPECT_EQ(world.run({"backup", "--stdin", "/a"}).exit_code, 1);
  EXPECT_EQ(world.run({"backup", "--stdin", "--files-from", "/a"}).exit_code, 1);
  EXPECT_EQ(world.run({"backup", "--stdin-from-command"}).exit_code, 1);
  EXPECT_EQ(world.run({"backup", "--time", "yesterday", "/a"}).exit_code, 1);
  EXPECT_EQ(world.run({"backup", "--exclude-larger-than", "big", "/a"}).exit_code, 1);
  EXPECT_EQ(world.run({"backup", "--stdin", "--stdin-filename", "/"}).exit_code, 1);
}

TEST_F(Backup, IsIncompleteWithoutAMissingPath) {
  const Outcome outcome =
      world.run({"backup", "--json", world.write("a", "x"), world.path("missing")});
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_EQ(outcome.message("summary").at("files_new").as_uint(), 1U);
  const auto errors = outcome.json_errors();
  ASSERT_EQ(errors.size(), 2U);
  EXPECT_EQ(errors[0].at("message_type").as_string(), "error");
  EXPECT_EQ(errors[0].at("item").as_string(), world.path("missing"));
  EXPECT_EQ(errors[1].at("name").as_string(), "incomplete");
  EXPECT_EQ(latest().at("paths").dump(), Json::array().push(world.path("a")).dump());
}

TEST_F(Backup, FailsIfAllPathsAreMissing) {
  EXPECT_EQ(world.run({"backup", world.path("missing")}).exit_code, 1);
  EXPECT_EQ(snapshots(), 0U);
}

TEST_F(Backup, LeavesOutWhatIsExcluded) {
  world.write("d/keep", "x");
  world.write("d/a.tmp", "x");
  world.write("d/big", std::string(5000, 'x'));
  world.write("d/cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n");
  world.write("d/cache/entry", "x");
  world.write("d/no/.nobackup", "");
  world.write("d/no/entry", "x");
  summary({"-e", "*.tmp", "--exclude-larger-than", "4K", "--exclude-caches", "--exclude-if-present",
           ".nobackup", world.path("d")});
  std::vector<std::string> files;
  for (const Json& line : world.done({"ls", "latest", "--json"}).json_lines()) {
    if (line.string_or("type", "") == "file") files.push_back(line.at("name").as_string());
  }
  EXPECT_EQ(files, (std::vector<std::string>{"CACHEDIR.TAG", "keep", ".nobackup"}));
}

TEST_F(Backup, TellsOfEachItemWithVerboseTwice) {
  world.write("d/a", "x");
  bool told = false;
  for (const Json& line : world.done({"backup", "--json", "-vv", world.path("d")}).json_lines()) {
    if (line.string_or("message_type", "") != "verbose_status") continue;
    told = told || (line.at("action").as_string() == "new" &&
                    line.at("item").as_string() == world.path("d/a"));
  }
  EXPECT_TRUE(told);
}

}  // namespace
}  // namespace holdfast::cli
