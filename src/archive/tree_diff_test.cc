// SPDX-License-Identifier: Apache-2.0
#include "archive/tree_diff.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "archive/test_repository.h"
#include "archive/tree_walk.h"

namespace holdfast::archive {
namespace {

using Lines = std::vector<std::string>;

class Warnings final : public model::Observer {
 public:
  void warning(std::string_view text) override {
    const std::lock_guard lock(mutex);
    texts.emplace_back(text);
  }
  std::mutex mutex;
  Lines texts;
};

class TreeDiffs : public testing::Test {
 protected:
  TreeDiff diff(const format::Id& before, const format::Id& after, bool with_metadata = false) {
    lines.clear();
    return diff_trees(
        repository.get(), before, after, with_metadata,
        [&](const TreeChange& change) { lines.push_back(change.modifier + " " + change.path); },
        warnings, {});
  }
  // Every blob that a tree needs, by walking it.
  std::set<format::BlobHandle> blobs_of(const format::Id& root) {
    std::set<format::BlobHandle> blobs{{format::BlobType::tree, root}};
    walk_tree(repository.get(), root, [&](const std::string&, const format::Node& node) {
      if (node.subtree) blobs.insert({format::BlobType::tree, *node.subtree});
      if (node.content) {
        for (const format::Id& id : *node.content) blobs.insert({format::BlobType::data, id});
      }
      return Walk::on;
    });
    return blobs;
  }
  void expect_blobs(const DiffCounts& counts, const std::set<format::BlobHandle>& has,
                    const std::set<format::BlobHandle>& has_not) {
    DiffCounts expected;
    for (const format::BlobHandle& blob : has) {
      if (has_not.contains(blob)) continue;
      ++(blob.type == format::BlobType::data ? expected.data_blobs : expected.tree_blobs);
      expected.blob_bytes += repository.get().index().find(blob)->plain_bytes();
    }
    EXPECT_EQ(counts.data_blobs, expected.data_blobs);
    EXPECT_EQ(counts.tree_blobs, expected.tree_blobs);
    EXPECT_EQ(counts.blob_bytes, expected.blob_bytes);
  }
  TestRepository repository;
  Warnings warnings;
  Lines lines;
};

TEST_F(TreeDiffs, TellEachKindOfChange) {
  format::Node touched = repository.file("touched", {"same"});
  format::Node retyped = repository.symlink("retyped", "x");
  format::Node rotten = repository.file("rotten", {"good"});
  const format::Id gone = repository.tree({repository.file("x", {"gone"})});
  const format::Id before = repository.tree(
      {touched, retyped, rotten, repository.file("changed", {"one"}), repository.file("kept", {}),
       repository.directory("gone", gone), repository.directory("now a file", gone)});
  touched.mode = 0600;
  rotten.content = {repository.data("bad!")};
  const format::Id added = repository.tree(
      {repository.directory("deep", repository.tree({repository.symlink("l", "y")}))});
  const format::Id after =
      repository.tree({touched, repository.file("retyped", {"two!"}), rotten,
                       repository.file("changed", {"two!"}), repository.file("kept", {}),
                       repository.directory("new", added), repository.file("now a file", {})});
  repository.store();
  TreeDiff found = diff(before, after);
  EXPECT_EQ(lines, (Lines{"M /changed", "- /gone/", "- /gone/x", "+ /new/", "+ /new/deep/",
                          "+ /new/deep/l", "T /now a file", "T /retyped", "M? /rotten"}));
  EXPECT_EQ(found.changed_files, 2U);
  EXPECT_EQ(found.removed.files, 1U);
  EXPECT_EQ(found.removed.folders, 1U);
  EXPECT_EQ(found.removed.others, 0U);
  EXPECT_EQ(found.added.files, 0U);
  EXPECT_EQ(found.added.folders, 2U);
  EXPECT_EQ(found.added.others, 1U);
  EXPECT_EQ(found.problems, 0U);
  expect_blobs(found.added, blobs_of(after), blobs_of(before));
  static_cast<void>(diff(before, after, true));
  EXPECT_EQ(lines,
            (Lines{"M /changed", "- /gone/", "- /gone/x", "+ /new/", "+ /new/deep/",
                   "+ /new/deep/l", "TU /now a file", "TU /retyped", "M? /rotten", "U /touched"}));
}

TEST_F(TreeDiffs, TakeAttributesForASet) {
  const auto with = [&](const std::vector<std::string>& names) {
    format::Node node = repository.file("f", {});
    for (const std::string& name : names) {
      Bytes value;
      append(value, std::string_view(name));
      node.extended_attributes.push_back({name, std::move(value)});
    }
    return repository.tree({node});
  };
  const format::Id one = with({"a", "b"}), other = with({"b", "a"}), third = with({"a", "c"});
  repository.store();
  static_cast<void>(diff(one, other, true));
  EXPECT_EQ(lines, Lines{});
  static_cast<void>(diff(one, third, true));
  EXPECT_EQ(lines, Lines{"U /f"});
}

// What moved to a folder that is the same in both has neither come nor gone.
TEST_F(TreeDiffs, CountNoBlobThatACommonFolderHas) {
  const format::Id common = repository.tree({repository.file("x", {"content", "more"})});
  const format::Id before =
      repository.tree({repository.directory("common", common), repository.file("y", {"content"})});
  const format::Id after =
      repository.tree({repository.directory("common", common), repository.file("z", {"more"})});
  repository.store();
  const TreeDiff found = diff(before, after);
  EXPECT_EQ(found.added.data_blobs + found.removed.data_blobs, 0U);
  EXPECT_EQ(found.added.tree_blobs, 1U);
  EXPECT_EQ(diff(before, before).added, DiffCounts{});
  EXPECT_EQ(lines, Lines{});
}

TEST_F(TreeDiffs, WarnOfWhatCannotBeReadAndGoOn) {
  format::Id missing;
  missing.bytes.fill(std::byte{7});
  format::Node hollow = repository.file("hollow", {});
  hollow.content->push_back(missing);
  const format::Id before = repository.tree({repository.file("a", {})});
  const format::Id after =
      repository.tree({repository.directory("gone", missing), hollow, repository.file("z", {})});
  repository.store();
  const TreeDiff found = diff(before, after);
  EXPECT_EQ(lines, (Lines{"- /a", "+ /gone/", "+ /hollow", "+ /z"}));
  EXPECT_EQ(found.problems, 2U);
  ASSERT_EQ(warnings.texts.size(), 2U);
  EXPECT_NE(warnings.texts[0].find("/gone"), std::string::npos);
  EXPECT_NE(warnings.texts[1].find("/hollow"), std::string::npos);
}

// Forests made at random, against sets of blobs found by one thread. A folder never becomes a file:
// what it held is then not counted, as in restic.
TEST_F(TreeDiffs, CountWhatASimpleWalkFinds) {
  std::mt19937 random(7);
  const auto number = [&](unsigned below) { return static_cast<unsigned>(random() % below); };
  const std::function<format::Id(int)> forest = [&](int depth) {
    std::vector<format::Node> nodes;
    for (unsigned i = 0; i < 12; ++i) {
      if (number(3) == 0) continue;
      if (depth > 0 && number(2) == 0) {
        nodes.push_back(repository.directory(fmt::format("d{:02}", i), forest(depth - 1)));
      } else {
        nodes.push_back(
            repository.file(fmt::format("f{:02}", i), {fmt::format("content {}", number(60))}));
      }
    }
    return repository.tree(std::move(nodes));
  };
  std::vector<format::Id> roots;
  for (int i = 0; i < 6; ++i) roots.push_back(forest(3));
  repository.store();
  for (const format::Id& before : roots) {
    for (const format::Id& after : roots) {
      const TreeDiff found = diff(before, after);
      const auto had = blobs_of(before), has = blobs_of(after);
      expect_blobs(found.added, has, had);
      expect_blobs(found.removed, had, has);
    }
  }
}

}  // namespace
}  // namespace holdfast::archive
