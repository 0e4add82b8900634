// SPDX-License-Identifier: Apache-2.0
// find, diff, stats, tag, list and cache, run in this process.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "cli/test_world.h"

namespace holdfast::cli {
namespace {

namespace fs = std::filesystem;

using Lines = std::vector<std::string>;

class SearchVerbs : public testing::Test {
 protected:
  SearchVerbs() {
    world.done({"init"});
    world.write("d/a.txt", "content of a");
    world.write("d/sub/b.txt", "content of b");
    first = backup("2020-01-01 10:00:00", "one");
    world.write("d/a.txt", "other content of a");
    world.write("d/c.bin", "content of c");
    second = backup("2020-01-02 10:00:00", "two");
  }
  std::string backup(const std::string& time, const std::string& tag) {
    return world.done({"backup", "--json", "-q", "--tag", tag, "--time", time, world.path("d")})
        .message("summary")
        .at("snapshot_id")
        .as_string();
  }
  Json document(std::vector<std::string> words) {
    words.emplace_back("--json");
    return Json::parse(world.done(words).output, "the document");
  }
  World world;
  std::string first, second;
};

TEST_F(SearchVerbs, FindListsTheNewestSnapshotFirst) {
  const std::string a = world.path("d/a.txt"), b = world.path("d/sub/b.txt");
  EXPECT_EQ(world.done({"find", "-q", "*.txt"}).output, a + "\n" + b + "\n" + a + "\n" + b + "\n");
  const Lines lines = lines_of(world.done({"find", "c.bin", "A.TXT", "-i", "-R"}).output);
  ASSERT_EQ(lines.size(), 6U);
  EXPECT_TRUE(lines[0].starts_with("Found matching entries in snapshot " + first.substr(0, 8)));
  EXPECT_EQ(lines[1], a);
  EXPECT_EQ(lines[2], "");
  EXPECT_TRUE(lines[3].starts_with("Found matching entries in snapshot " + second.substr(0, 8)));
  EXPECT_EQ(lines[5], world.path("d/c.bin"));
  EXPECT_EQ(lines_of(world.done({"find", "-q", "-s", "latest", "a.txt"}).output).size(), 1U);
  EXPECT_EQ(lines_of(world.done({"find", "-q", "--tag", "one", "a.txt"}).output).size(), 1U);
  EXPECT_EQ(world.done({"find", "-q", "nothing"}).output, "");
  EXPECT_NE(world.done({"find", "-q", "-l", "c.bin"}).output.find("-rw-r--r--"), std::string::npos);
}

TEST_F(SearchVerbs, FindPrintsOneDocument) {
  const Json found = document({"find", "*.txt"});
  ASSERT_EQ(found.as_array().size(), 2U);
  const Json& newest = found.as_array()[0];
  EXPECT_EQ(newest.at("snapshot").as_string(), second);
  EXPECT_EQ(newest.at("hits").as_uint(), 2U);
  const Json& match = newest.at("matches").as_array().at(0);
  EXPECT_EQ(match.at("path").as_string(), world.path("d/a.txt"));
  EXPECT_EQ(match.at("permissions").as_string(), "-rw-r--r--");
  EXPECT_EQ(match.at("size").as_uint(), 18U);
  EXPECT_EQ(match.find("name"), nullptr);
  EXPECT_EQ(document({"find", "nothing"}), Json::array());
  EXPECT_EQ(document({"find", "--blob", "00000000"}), Json::array());
}

TEST_F(SearchVerbs, FindTellsWhatUsesABlobATreeOrAPack) {
  const Json tree =
      Json::parse(world.done({"cat", "tree", second + ":" + world.path("d")}).output, "the tree");
  const std::string blob =
      tree.at("nodes").as_array().at(0).at("content").as_array().at(0).as_string();
  const std::string subtree = tree.at("nodes").as_array().at(2).at("subtree").as_string();
  const Json by_blob = document({"find", "--blob", blob.substr(0, 8), "--show-pack-id"});
  ASSERT_EQ(by_blob.as_array().size(), 1U);
  const Json& use = by_blob.as_array()[0];
  EXPECT_EQ(use.at("object_type").as_string(), "blob");
  EXPECT_EQ(use.at("id").as_string(), blob);
  EXPECT_EQ(use.at("path").as_string(), world.path("d/a.txt"));
  EXPECT_EQ(use.at("snapshot").as_string(), second);
  EXPECT_EQ(use.at("parent_tree").as_string().size(), 64U);
  const std::string pack = use.at("pack").as_string();
  EXPECT_EQ(document({"find", "--tree", subtree}).as_array().size(), 2U);
  const Lines text =
      lines_of(world.done({"find", "--blob", blob.substr(0, 8), "--show-pack-id"}).output);
  ASSERT_EQ(text.size(), 5U);
  EXPECT_EQ(text[0], "Found blob " + blob);
  EXPECT_EQ(text[1], " ... in file " + world.path("d/a.txt"));
  EXPECT_EQ(text[4], "blob " + blob + " belongs to pack " + pack);
  // What used a lost pack is still told.
  const Json by_pack = document({"find", "--pack", pack.substr(0, 8)});
  EXPECT_GE(by_pack.as_array().size(), 1U);
  EXPECT_EQ(by_pack.as_array()[0].at("path"), use.at("path"));
  fs::remove(world.path("repository/data/" + pack.substr(0, 2) + "/" + pack));
  EXPECT_EQ(document({"find", "--pack", pack}), by_pack);
}

TEST_F(SearchVerbs, FindRefusesWhatMakesNoSense) {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"find"},
           {"find", ""},
           {"find", "["},
           {"find", "--blob", "nothex"},
           {"find", "--blob", "--tree", "00"},
           {"find", "--pack", "00000000"},
           {"find", "--oldest", "yesterday", "x"},
           {"find", "--oldest", "2020-01-02", "--newest", "2020-01-01", "x"},
           {"find", "-s", "feedfeed", "x"}}) {
    EXPECT_EQ(world.run(words).exit_code, 1) << words.back();
  }
}

TEST_F(SearchVerbs, FindAndDiffTellWhatTheyCouldNotRead) {
  const std::string subtree =
      Json::parse(world.done({"cat", "tree", first + ":" + world.path("d")}).output, "the tree")
          .at("nodes")
          .as_array()
          .at(1)
          .at("subtree")
          .as_string();
  const std::string pack = document({"find", "--tree", subtree, "--show-pack-id"})
                               .as_array()
                               .at(0)
                               .at("pack")
                               .as_string();
  fs::remove(world.path("repository/data/" + pack.substr(0, 2) + "/" + pack));
  const Outcome found = world.run({"find", "--json", "*.txt"});
  EXPECT_EQ(found.exit_code, 3);
  EXPECT_TRUE(Json::parse(found.output, "the document").is_array());
  EXPECT_EQ(found.json_errors().at(0).at("message_type").as_string(), "warning");
  EXPECT_EQ(world.run({"stats"}).exit_code, 1);
}

TEST_F(SearchVerbs, DiffTellsAndCounts) {
  const std::string d = world.path("d");
  const Lines lines = lines_of(world.done({"diff", first + ":" + d, second + ":" + d}).output);
  ASSERT_EQ(lines.size(), 12U);
  EXPECT_EQ(lines[0],
            "comparing snapshot " + first.substr(0, 8) + " to " + second.substr(0, 8) + ":");
  EXPECT_EQ(lines[2], "M    /a.txt");
  EXPECT_EQ(lines[3], "+    /c.bin");
  EXPECT_EQ(lines[5], "Files:           1 new,     0 removed,     1 changed");
  EXPECT_EQ(lines[8], "Data Blobs:      2 new,     1 removed");
  EXPECT_TRUE(lines[10].starts_with("  Added:   ")) << lines[10];
  const Lines quiet = lines_of(world.done({"diff", "-q", first, "latest"}).output);
  EXPECT_EQ(quiet.size(), 8U);
  const Outcome json = world.done({"diff", "--json", first + ":" + d, second + ":" + d});
  EXPECT_EQ(json.message("change").at("path").as_string(), "/c.bin");
  EXPECT_EQ(json.message("change").at("modifier").as_string(), "+");
  const Json statistics = json.message("statistics");
  EXPECT_EQ(statistics.at("source_snapshot").as_string(), first + ":" + d);
  EXPECT_EQ(statistics.at("changed_files").as_uint(), 1U);
  EXPECT_EQ(statistics.at("added").at("data_blobs").as_uint(), 2U);
  EXPECT_EQ(statistics.at("removed").at("tree_blobs").as_uint(), 1U);
  fs::permissions(world.path("d/c.bin"), fs::perms::owner_read);
  const std::string third = backup("2020-01-03 10:00:00", "three");
  EXPECT_EQ(lines_of(world.done({"diff", second + ":" + d, third + ":" + d}).output).size(), 10U);
  EXPECT_EQ(
      lines_of(world.done({"diff", "--metadata", second + ":" + d, third + ":" + d}).output).at(2),
      "U    /c.bin");
  EXPECT_EQ(world.run({"diff", first}).exit_code, 1);
  EXPECT_EQ(world.run({"diff", first, second + ":/nowhere"}).exit_code, 1);
}

TEST_F(SearchVerbs, StatsCountInEachWay) {
  const Json all = document({"stats", "--mode", "files-by-contents"});
  EXPECT_EQ(all.at("snapshots_count").as_uint(), 2U);
  EXPECT_EQ(all.at("total_file_count").as_uint(), 5U);
  EXPECT_EQ(all.at("total_size").as_uint(), 12U + 18 + 12 + 12);
  EXPECT_EQ(document({"stats", "latest"}).at("total_size").as_uint(), 18U + 12 + 12);
  const Json raw = document({"stats", "--mode", "raw-data", "--tag", "one"});
  EXPECT_EQ(raw.find("total_file_count"), nullptr);
  EXPECT_GT(raw.at("total_uncompressed_size").as_uint(), raw.at("total_size").as_uint());
  EXPECT_GT(raw.at("compression_ratio").as_double(), 1.0);
  EXPECT_GT(raw.at("compression_space_saving").as_double(), 0.0);
  const std::string text = world.done({"stats", "--mode", "blobs-per-file", "latest"}).output;
  EXPECT_NE(text.find("Stats in blobs-per-file mode:\n     Snapshots processed:  1\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("        Total Blob Count:  3\n"), std::string::npos) << text;
  EXPECT_EQ(world.run({"stats", "--mode", "guess"}).exit_code, 1);
}

TEST_F(SearchVerbs, TagTellsWhatItChanged) {
  const Outcome outcome = world.done({"tag", "--json", "--add", "x,y", "--remove", "one", first});
  EXPECT_EQ(outcome.message("changed").at("old_snapshot_id").as_string(), first);
  EXPECT_EQ(outcome.message("summary").at("changed_snapshots").as_uint(), 1U);
  const std::string anew = outcome.message("changed").at("new_snapshot_id").as_string();
  const Json snapshots = document({"snapshots", "--tag", "x,y"});
  ASSERT_EQ(snapshots.as_array().size(), 1U);
  EXPECT_EQ(snapshots.as_array()[0].at("id").as_string(), anew);
  EXPECT_EQ(snapshots.as_array()[0].at("original").as_string(), first);
  EXPECT_EQ(world.done({"tag", "--add", "two", second}).output, "no snapshots were modified\n");
  EXPECT_EQ(world.done({"tag", "--set", "kept"}).output, "modified 2 snapshots\n");
  EXPECT_EQ(world.run({"tag"}).exit_code, 1);
  EXPECT_EQ(world.run({"tag", "--set", ""}).exit_code, 1);  // surely a variable that was empty
  EXPECT_EQ(world.run({"tag", "--set", "a", "--add", "b"}).exit_code, 1);
}

TEST_F(SearchVerbs, ListPrintsIds) {
  Lines snapshots{first, second};
  std::sort(snapshots.begin(), snapshots.end());
  EXPECT_EQ(lines_of(world.done({"list", "snapshots"}).output), snapshots);
  EXPECT_EQ(lines_of(world.done({"list", "keys", "--json"}).output).size(), 1U);
  EXPECT_EQ(world.done({"list", "locks"}).output, "");
  EXPECT_EQ(lines_of(world.done({"list", "index"}).output).size(), 2U);
  const Lines blobs = lines_of(world.done({"list", "blobs"}).output);
  const auto data = std::count_if(blobs.begin(), blobs.end(), [](const std::string& line) {
    return line.starts_with("data ") && line.size() == 5 + 64;
  });
  EXPECT_EQ(data, 4);
  const Lines packs = lines_of(world.done({"list", "packs"}).output);
  const Lines of_first = lines_of(world.done({"list", "packs", first}).output);
  EXPECT_GE(of_first.size(), 2U);
  EXPECT_LT(of_first.size(), packs.size());
  EXPECT_TRUE(std::includes(packs.begin(), packs.end(), of_first.begin(), of_first.end()));
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"list"}, {"list", "dogs"}, {"list", "keys", first}, {"list", "packs", "feedfeed"}}) {
    EXPECT_EQ(world.run(words).exit_code, 1) << words.back();
  }
}

TEST_F(SearchVerbs, CacheListsAndCleans) {
  const std::string base = world.path("cache"), id(64, 'a');
  const std::vector<std::string> cache{"--cache-dir", base, "cache"};
  const auto run = [&](std::vector<std::string> more) {
    more.insert(more.begin(), cache.begin(), cache.end());
    return world.done(more);
  };
  EXPECT_EQ(run({}).output, "no cache dirs found, basedir is " + base + "\n");
  world.write("cache/" + id + "/snapshots/ab/abcd", std::string(2048, 'x'));
  const std::string table = run({}).output;
  EXPECT_NE(table.find("aaaaaaaaaa  0 days ago"), std::string::npos) << table;
  EXPECT_NE(table.find("2.000 KiB"), std::string::npos) << table;
  EXPECT_NE(table.find("1 cache dirs in " + base), std::string::npos) << table;
  const Json json = Json::parse(run({"--json"}).output, "the document");
  EXPECT_EQ(json.as_array().at(0).at("id").as_string(), id);
  EXPECT_FALSE(json.as_array().at(0).at("old").as_bool());
  EXPECT_EQ(run({"--cleanup"}).output, "no old cache dirs found\n");
  fs::last_write_time(base + "/" + id,
                      fs::file_time_type::clock::now() - std::chrono::hours(24 * 31));
  EXPECT_NE(run({"--no-size"}).output.find("31 days ago  yes"), std::string::npos);
  EXPECT_EQ(run({"--cleanup", "--max-age", "40"}).output, "no old cache dirs found\n");
  EXPECT_EQ(run({"--cleanup"}).output, "removed 1 old cache directories\n");
  EXPECT_TRUE(fs::is_empty(base));
  EXPECT_EQ(world.run({"cache", "--no-cache"}).exit_code, 1);
  EXPECT_EQ(world.run({"cache"}).exit_code, 1);  // this world has no HOME
}

}  // namespace
}  // namespace holdfast::cli
