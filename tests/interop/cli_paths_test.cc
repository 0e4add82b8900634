// SPDX-License-Identifier: Apache-2.0
// `backup` with paths relative to the working directory: both programs, started in the same place
// with the same words, store the same tree and name the same paths.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "base/fd.h"
#include "harness/program.h"
#include "harness/repository_files.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

using Words = std::vector<std::string>;

struct Stored {
  std::string tree, paths, excludes;
  bool operator==(const Stored& other) const = default;
};

std::ostream& operator<<(std::ostream& to, const Stored& stored) {
  return to << stored.tree << " " << stored.paths << " " << stored.excludes;
}

class RelativePaths : public testing::Test {
 protected:
  RelativePaths() {
    make_repository(place_.repository(), place_password, 2);
    for (const char* file :
         {"here/foo/f", "here/a/foo/f", "here/b/foo/f", "here/b/foo-1", "here/f", "here/c.tmp",
          "foo/outer", "marked/CACHEDIR.TAG", "marked/x", "marked/sub/y"}) {
      fs::create_directories((sources_.path() / file).parent_path());
      write_text(sources_.path() / file, std::string("content of ") + file);
    }
    write_text(sources_.path() / "marked/CACHEDIR.TAG",
               "Signature: 8a477f597d28d172789f06886806bc55\n");
    fs::create_directory_symlink("a", sources_.path() / "here/link");
    fs::create_directory_symlink("here/b", sources_.path() / "elsewhere");
  }

  // What a run of either program in `directory` stored. `name`: what PWD calls that directory.
  Stored stored_by(Words words, const fs::path& directory, const std::string& name = {}) {
    RunOptions options;
    options.wrapper = {"env", "-C", directory.string()};
    if (!name.empty()) options.wrapper.push_back("PWD=" + name);
    const Outcome outcome = place_.run(words, options);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
    const Json all = place_.run({"restic", "snapshots", "--json", "latest"}).document();
    const Json& snapshot = all.as_array().at(0);
    const Json* const excludes = snapshot.find("excludes");
    return {snapshot.at("tree").as_string(), snapshot.at("paths").dump(),
            excludes == nullptr ? "" : excludes->dump()};
  }

  void expect_same(const Words& words, const fs::path& directory, const std::string& name = {}) {
    Words theirs{"restic", "backup"};
    Words ours{place_.program().string(), "backup"};
    theirs.insert(theirs.end(), words.begin(), words.end());
    ours.insert(ours.end(), words.begin(), words.end());
    // With an absolute path the directories above it are in the tree too, and somebody may change
    // one of those between the runs.
    Stored expected;
    Stored found;
    for (int attempt = 0; attempt < 10; ++attempt) {
      expected = stored_by(theirs, directory, name);
      found = stored_by(ours, directory, name);
      if (expected == found) return;
    }
    std::string said;
    for (const std::string& word : words) said += word + " ";
    EXPECT_EQ(found, expected) << "in " << directory << ": backup " << said;
  }

  Place place_;
  // Not in the directory for temporary files, which other programs change all the time.
  const TemporaryDirectory sources_{"relative-paths", fs::current_path()};
};

TEST_F(RelativePaths, AreStoredAsResticStoresThem) {
  const fs::path work = sources_.path() / "here";
  for (const Words& words : std::vector<Words>{
           {"foo"},
           {"f"},
           {"foo", "foo"},
           {"./foo/", "a/../foo"},
           {"a/foo"},
           {"."},
           {"./"},
           {".", "foo/f"},
           {"foo/f", "."},
           {"a/foo", "b/foo", "foo"},
           {"foo", "../foo"},
           {"../foo", "foo"},
           {"foo", "../foo", "../here/foo", "../foo/outer"},
           {"b", "../foo", "foo"},
           {"link/foo"},
           {"link", "link/foo"},
           {"a", "a/foo/f"},
       }) {
    expect_same(words, work);
  }
  expect_same({".."}, sources_.path() / "here/a");
  expect_same({"../..", "f"}, sources_.path() / "here/a/foo");
  expect_same({"../../foo", "foo", "../f", "../foo"}, sources_.path() / "here/b");
  expect_same({"../b/foo-1", "foo", "../foo", "../../foo"}, sources_.path() / "here/a");
}

TEST_F(RelativePaths, MixWithAbsoluteOnes) {
  const std::string work = (sources_.path() / "here").string();
  expect_same({"foo", work + "/foo"}, work);
  expect_same({work + "/a", "a", "../here/a"}, work);
  expect_same({work + "/foo/../f", "f"}, work);
  const std::string first = (*++fs::path(work).begin()).string();  // "var", or what TMPDIR says
  fs::create_directory(sources_.path() / "here" / first);
  write_text(sources_.path() / "here" / first / "x", "x");
  expect_same({first, work + "/f"}, work);
  expect_same({work + "/f", first, "../foo"}, work);
}

TEST_F(RelativePaths, GoThroughTheSameExcludes) {
  const fs::path work = sources_.path() / "here";
  expect_same({"--exclude", "*.tmp", "."}, work);
  expect_same({"--exclude", "foo", "."}, work);
  expect_same({"--exclude", work.string() + "/b", "."}, work);
  expect_same({"--exclude", work.string() + "/b/f*", "b"}, work);
  expect_same({"--exclude-caches", "."}, sources_.path() / "marked");
  expect_same({"--exclude-larger-than", "12", "."}, work);
  expect_same({"--one-file-system", "."}, work);
}

// All patterns that mind the case of letters are one list, and all that do not are another, whether
// they come from flags or from files; flags come first. `!` takes back what its own list says.
TEST_F(RelativePaths, GoThroughTheSameNegatedExcludes) {
  const fs::path work = sources_.path() / "here";
  for (const char* file : {"a.tmp", "keep.tmp", "sub/keep.tmp", "sub/b.TMP"}) {
    fs::create_directories((work / file).parent_path());
    write_text(work / file, file);
  }
  const std::string drops = (sources_.path() / "drops").string();
  const std::string keeps = (sources_.path() / "keeps").string();
  write_text(drops, "*.tmp\n");
  write_text(keeps, "!keep.tmp\n");
  for (const Words& words : std::vector<Words>{
           {"--exclude", "*.tmp", "--exclude", "!keep.tmp"},
           {"--exclude", "!keep.tmp", "--exclude", "*.tmp"},
           {"--exclude", "*.tmp", "--exclude-file", keeps},
           {"--exclude-file", drops, "--exclude-file", keeps},
           {"--exclude-file", keeps, "--exclude-file", drops},
           {"--exclude-file", drops, "--exclude", "!keep.tmp"},
           {"--iexclude", "*.TMP", "--exclude", "!keep.tmp"},
           {"--exclude", "*.tmp", "--iexclude", "!KEEP.tmp"},
           {"--iexclude", "*.TMP", "--iexclude", "!KEEP.tmp"},
           {"--iexclude", "*.TMP", "--iexclude-file", keeps},
           {"--iexclude-file", drops, "--exclude-file", keeps},
           {"--exclude", "sub", "--exclude", "!sub/keep.tmp"},
           {"--exclude", "/*", "--exclude", "!" + work.string()},
       }) {
    Words all = words;
    all.emplace_back(".");
    expect_same(all, work);
  }
}

TEST_F(RelativePaths, AreNamedAsTheUserNamesTheWorkingDirectory) {
  const std::string name = (sources_.path() / "elsewhere").string();
  expect_same({"foo"}, name, name);
  expect_same({"--exclude", name + "/foo", "."}, name, name);
  expect_same({"../f", "foo"}, name, name);
  expect_same({"foo"}, name, "/nowhere");
}

TEST_F(RelativePaths, FindTheirParent) {
  RunOptions options;
  options.wrapper = {"env", "-C", (sources_.path() / "here").string()};
  ASSERT_EQ(place_.run({"restic", "backup", "foo", "../foo"}, options).exit_code, 0);
  const Outcome outcome = place_.holdfast({"backup", "--json", "-vv", "foo", "../foo"}, options);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.text();
  Json summary;
  std::vector<std::string> items;
  for (const Json& line : outcome.lines()) {
    const std::string type = line.at("message_type").as_string();
    if (type == "summary") summary = line;
    if (type == "verbose_status") items.push_back(line.at("item").as_string());
  }
  EXPECT_EQ(summary.at("files_unmodified").as_uint(), 2U);
  EXPECT_EQ(summary.at("tree_blobs").as_uint(), 0U);
  for (const char* item : {"/foo/", "/foo/f", "/foo-1/", "/foo-1/outer"}) {
    EXPECT_NE(std::find(items.begin(), items.end(), item), items.end()) << item;
  }
}

}  // namespace
}  // namespace holdfast::test
