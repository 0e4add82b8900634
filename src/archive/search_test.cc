// SPDX-License-Identifier: Apache-2.0
#include "archive/search.h"

#include <gtest/gtest.h>

#include "archive/test_repository.h"

namespace holdfast::archive {
namespace {

using Lines = std::vector<std::string>;

class Searches : public testing::Test {
 protected:
  Snapshot snapshot(const format::Id& tree) {
    Snapshot made;
    made.id.bytes.fill(static_cast<std::byte>(++count));
    made.file.tree = tree;
    return made;
  }
  Lines names(const std::vector<Snapshot>& snapshots, const NameSearch& search) {
    Lines lines;
    find_names(
        repository.get(), snapshots, search,
        [&](const Snapshot&, const Error& error) { failures.push_back(error.message()); },
        [&](const Snapshot& in, const std::string& path, const format::Node&) {
          lines.push_back(in.id.hex().substr(1, 1) + path);
        },
        {});
    return lines;
  }
  Lines names(const std::vector<Snapshot>& snapshots, const std::vector<std::string>& patterns,
              bool ignore_case = false) {
    NameSearch search;
    for (const std::string& pattern : patterns) search.patterns.add(pattern, ignore_case);
    return names(snapshots, search);
  }
  Lines blobs(const std::vector<Snapshot>& snapshots, const BlobSearch& search) {
    Lines lines;
    find_blobs(
        repository.get(), snapshots, search,
        [&](const Snapshot&, const Error& error) { failures.push_back(error.message()); },
        [&](const Snapshot& in, const FoundBlob& found) {
          lines.push_back(in.id.hex().substr(1, 1) + found.path +
                          (found.parent_tree ? " in " + found.parent_tree->short_hex() : ""));
        },
        {});
    return lines;
  }
  TestRepository repository;
  int count = 0;
  Lines failures;
};

TEST_F(Searches, FindNamesInEachSnapshotInTreeOrder) {
  const format::Id same =
      repository.tree({repository.file("note.txt", {}), repository.file("Other.TXT", {})});
  const format::Id barren = repository.tree({repository.file("image", {})});
  const format::Id before =
      repository.tree({repository.directory("a", same), repository.directory("b", barren)});
  const format::Id after =
      repository.tree({repository.directory("a", barren), repository.directory("b", same)});
  repository.store();
  const std::vector<Snapshot> snapshots{snapshot(before), snapshot(after), snapshot(before)};
  EXPECT_EQ(names(snapshots, {"*.txt"}), (Lines{"1/a/note.txt", "2/b/note.txt", "3/a/note.txt"}));
  EXPECT_EQ(names(snapshots, {"*.txt"}, true),
            (Lines{"1/a/Other.TXT", "1/a/note.txt", "2/b/Other.TXT", "2/b/note.txt",
                   "3/a/Other.TXT", "3/a/note.txt"}));
  EXPECT_EQ(names(snapshots, {"/b"}), (Lines{"1/b", "1/b/image", "2/b", "2/b/Other.TXT",
                                             "2/b/note.txt", "3/b", "3/b/image"}));
  EXPECT_EQ(names(snapshots, {"/b/*.txt"}), Lines{"2/b/note.txt"});
  EXPECT_EQ(names(snapshots, {"b/*.txt"}), Lines{"2/b/note.txt"});
  EXPECT_EQ(names(snapshots, {"nothing"}), Lines{});
}

TEST_F(Searches, FindNamesOfATime) {
  format::Node old_file = repository.file("old", {});
  format::Node new_file = repository.file("new", {});
  old_file.mtime = {1000, 0, 0};
  new_file.mtime = {2000, 0, 0};
  const format::Id tree = repository.tree({old_file, new_file});
  repository.store();
  const std::vector<Snapshot> snapshots{snapshot(tree)};
  NameSearch search;
  search.patterns.add("*", false);
  search.oldest = Timestamp{2000, 0, 0};
  EXPECT_EQ(names(snapshots, search), Lines{"1/new"});
  search.oldest.reset();
  search.newest = Timestamp{1000, 0, 7200};
  EXPECT_EQ(names(snapshots, search), Lines{"1/old"});
  search.oldest = Timestamp{1000, 1, 0};
  search.newest = Timestamp{1999, 999'999'999, 0};
  EXPECT_EQ(names(snapshots, search), Lines{});
}

// A folder that could not be read in one snapshot is told in each.
TEST_F(Searches, GoOnPastWhatCannotBeRead) {
  format::Id missing;
  missing.bytes.fill(std::byte{7});
  const format::Id tree = repository.tree(
      {repository.directory("gone", missing), repository.file("kept", {"content"})});
  repository.store();
  const std::vector<Snapshot> snapshots{snapshot(tree), snapshot(tree)};
  EXPECT_EQ(names(snapshots, {"kept"}), (Lines{"1/kept", "2/kept"}));
  ASSERT_EQ(failures.size(), 2U);
  EXPECT_NE(failures[0].find("/gone"), std::string::npos);
  BlobSearch search;
  search.add({format::BlobType::data, repository.data("content")});
  EXPECT_EQ(blobs(snapshots, search).size(), 2U);
  EXPECT_EQ(failures.size(), 4U);
}

TEST_F(Searches, FindWhatUsesABlob) {
  const format::Id wanted = repository.data("wanted");
  const format::Id deep = repository.tree(
      {repository.file("x", {"wanted", "other", "wanted"}), repository.file("y", {"other"})});
  const format::Id root =
      repository.tree({repository.directory("d", deep), repository.directory("e", deep)});
  repository.store();
  const std::vector<Snapshot> snapshots{snapshot(root), snapshot(deep)};
  BlobSearch by_data;
  by_data.add_prefix(format::BlobType::data, wanted.hex().substr(0, 9));
  const std::string in = " in " + deep.short_hex();
  EXPECT_EQ(blobs(snapshots, by_data), (Lines{"1/d/x" + in, "1/e/x" + in, "2/x" + in}));
  BlobSearch by_tree;
  by_tree.add_prefix(format::BlobType::tree, deep.hex());
  EXPECT_EQ(blobs(snapshots, by_tree), (Lines{"1/d", "1/e", "2/"}));
  BlobSearch by_wrong_type;
  by_wrong_type.add_prefix(format::BlobType::data, deep.hex());
  EXPECT_EQ(blobs(snapshots, by_wrong_type), Lines{});
}

TEST_F(Searches, FindTheFilesOfALostBlob) {
  format::Node file = repository.file("f", {});
  file.content->emplace_back();
  file.content->front().bytes.fill(std::byte{0xab});
  file.size_bytes = 5;
  const format::Id root = repository.tree({file});
  repository.store();
  BlobSearch search;
  search.add_prefix(format::BlobType::data, "ABAB");
  EXPECT_EQ(blobs({snapshot(root)}, search).size(), 1U);
}

TEST_F(Searches, RefuseWhatIsNoId) {
  BlobSearch search;
  for (const std::string& text : {std::string(), std::string("xyz"), std::string(65, 'a')}) {
    EXPECT_THROW(search.add_prefix(format::BlobType::data, text), Error) << text;
  }
}

}  // namespace
}  // namespace holdfast::archive
