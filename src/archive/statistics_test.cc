// SPDX-License-Identifier: Apache-2.0
#include "archive/statistics.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "archive/test_repository.h"
#include "archive/tree_walk.h"
#include "base/error.h"

namespace holdfast::archive {
namespace {

class StatisticsTest : public testing::Test {
 protected:
  static Snapshot snapshot(const format::Id& tree) {
    Snapshot made;
    made.file.tree = tree;
    return made;
  }
  Statistics count(const std::vector<Snapshot>& snapshots, CountMode mode) {
    return count_snapshots(repository.get(), snapshots, mode, observer, {});
  }
  format::Node linked(std::string name, std::uint64_t inode, std::uint64_t device,
                      const std::string& content) {
    format::Node node = repository.file(std::move(name), {content});
    node.inode = inode;
    node.device_id = device;
    node.links = 2;
    return node;
  }

  // The same by the plainest means.
  Statistics plainly(const std::vector<Snapshot>& snapshots, CountMode mode) {
    Statistics sums;
    std::set<std::vector<format::Id>> contents;
    std::map<std::string, std::set<format::Id>> of_paths;
    for (const Snapshot& each : snapshots) {
      std::set<std::pair<std::uint64_t, std::uint64_t>> inodes;
      walk_tree(repository.get(), each.file.tree,
                [&](const std::string& path, const format::Node& node) {
                  const auto content = node.content.value_or(std::vector<format::Id>());
                  if (mode == CountMode::restore_size) {
                    ++sums.files;
                    if (node.links == 1 || node.inode == 0 || node.type == format::NodeType::dir ||
                        inodes.insert({node.inode, node.device_id}).second) {
                      sums.size_bytes += node.size_bytes;
                    }
                  } else if (contents.insert(content).second) {
                    if (mode == CountMode::files_by_contents) {
                      ++sums.files;
                      sums.size_bytes += node.size_bytes;
                    } else if (!content.empty()) {
                      of_paths[path].insert(content.begin(), content.end());
                    }
                  }
                  return Walk::on;
                });
    }
    for (const auto& [path, blobs] : of_paths) {
      ++sums.files;
      sums.blobs += blobs.size();
      for (const format::Id& id : blobs) {
        sums.size_bytes +=
            repository.get().index().find({format::BlobType::data, id})->plain_bytes();
      }
    }
    return sums;
  }
  void expect_plain(const std::vector<Snapshot>& snapshots, CountMode mode) {
    const Statistics found = count(snapshots, mode), plain = plainly(snapshots, mode);
    const std::string what(count_mode_names()[static_cast<std::size_t>(mode)]);
    EXPECT_EQ(found.files, plain.files) << what;
    EXPECT_EQ(found.blobs, plain.blobs) << what;
    EXPECT_EQ(found.size_bytes, plain.size_bytes) << what;
    EXPECT_EQ(found.snapshots, snapshots.size());
  }
  static constexpr std::array by_walk{CountMode::restore_size, CountMode::files_by_contents,
                                      CountMode::blobs_per_file};
  TestRepository repository;
  model::SilentObserver observer;
};

TEST_F(StatisticsTest, CountLinkedFilesOnceASnapshot) {
  const format::Id tree = repository.tree(
      {linked("a", 1, 1, "content"), linked("b", 1, 1, "content"), linked("c", 1, 2, "content"),
       linked("none", 0, 1, "content"), linked("none too", 0, 1, "content")});
  const format::Id plain = repository.tree({repository.file("x", {"content"})});
  const format::Id root =
      repository.tree({repository.directory("linked", tree), repository.directory("x", plain)});
  repository.store();
  const Statistics once = count({snapshot(root)}, CountMode::restore_size);
  EXPECT_EQ(once.files, 8U);
  EXPECT_EQ(once.size_bytes, 5U * 7);
  const Statistics thrice =
      count({snapshot(root), snapshot(root), snapshot(root)}, CountMode::restore_size);
  EXPECT_EQ(thrice.files, 3 * once.files);
  EXPECT_EQ(thrice.size_bytes, 3 * once.size_bytes);
  EXPECT_EQ(thrice.snapshots, 3U);
}

TEST_F(StatisticsTest, CountEachContentOnce) {
  const format::Id tree =
      repository.tree({repository.file("a", {"one", "two"}), repository.file("b", {"two", "one"}),
                       repository.file("c", {"one"}), repository.file("d", {"one"}),
                       repository.file("e", {}), repository.symlink("l", "e")});
  repository.store();
  const Statistics found = count({snapshot(tree), snapshot(tree)}, CountMode::files_by_contents);
  EXPECT_EQ(found.files, 4U);  // with one for all that has no content
  EXPECT_EQ(found.size_bytes, 6U + 6 + 3);
  const Statistics blobs = count({snapshot(tree), snapshot(tree)}, CountMode::blobs_per_file);
  EXPECT_EQ(blobs.files, 3U);
  EXPECT_EQ(blobs.blobs, 5U);
  EXPECT_EQ(blobs.size_bytes, 6U + 6 + 3);
}

TEST_F(StatisticsTest, CountOnlyWhatIsNewOfAFileThatChanged) {
  const format::Id before = repository.tree({repository.file("f", {"one", "two"})});
  const format::Id after = repository.tree({repository.file("f", {"one", "three"})});
  const format::Id moved = repository.tree({repository.file("g", {"one", "four"})});
  repository.store();
  const Statistics found =
      count({snapshot(before), snapshot(after), snapshot(moved)}, CountMode::blobs_per_file);
  EXPECT_EQ(found.files, 2U);
  EXPECT_EQ(found.blobs, 3U + 2);
  EXPECT_EQ(found.size_bytes, 3U + 3 + 5 + 3 + 4);
}

TEST_F(StatisticsTest, CountTheBlobsAsTheyAreStored) {
  const std::string text(5000, 'x');
  const format::Id tree =
      repository.tree({repository.file("f", {text}), repository.file("g", {text})});
  static_cast<void>(repository.data("needed by nothing"));
  repository.store();
  const Statistics found = count({snapshot(tree)}, CountMode::raw_data);
  const repo::BlobIndex& index = repository.get().index();
  const auto data = *index.find({format::BlobType::data, repository.data(text)});
  const auto of_tree = *index.find({format::BlobType::tree, tree});
  EXPECT_EQ(found.blobs, 2U);
  EXPECT_EQ(found.files, 0U);
  EXPECT_EQ(found.size_bytes, data.size_bytes + of_tree.size_bytes);
  EXPECT_EQ(found.uncompressed_bytes, 5000 + of_tree.plain_bytes() + 64);
  EXPECT_EQ(found.compressed_plain_bytes, found.uncompressed_bytes);
  EXPECT_EQ(found.compressed_stored_bytes, found.size_bytes);
}

TEST_F(StatisticsTest, RefuseWhatCannotBeRead) {
  format::Id missing;
  missing.bytes.fill(std::byte{7});
  format::Node hollow = repository.file("hollow", {});
  hollow.content->push_back(missing);
  const format::Id without_tree = repository.tree({repository.directory("gone", missing)});
  const format::Id without_blob = repository.tree({hollow});
  repository.store();
  for (const CountMode mode : by_walk)
    EXPECT_THROW(static_cast<void>(count({snapshot(without_tree)}, mode)), Error);
  EXPECT_THROW(static_cast<void>(count({snapshot(without_tree)}, CountMode::raw_data)), Error);
  EXPECT_THROW(static_cast<void>(count({snapshot(without_blob)}, CountMode::raw_data)), Error);
  EXPECT_THROW(static_cast<void>(count({snapshot(without_blob)}, CountMode::blobs_per_file)),
               Error);
  EXPECT_EQ(count({snapshot(without_blob)}, CountMode::files_by_contents).files, 1U);
}

TEST_F(StatisticsTest, KnowTheWaysToCount) {
  for (const std::string_view name : count_mode_names()) static_cast<void>(parse_count_mode(name));
  EXPECT_EQ(parse_count_mode("raw-data"), CountMode::raw_data);
  EXPECT_THROW(static_cast<void>(parse_count_mode("raw")), Error);
}

// Snapshots made at random that have much in common, against the plainest way to count.
TEST_F(StatisticsTest, CountAsTheRulesSay) {
  std::mt19937 random(11);
  const auto number = [&](unsigned below) { return static_cast<unsigned>(random() % below); };
  std::vector<format::Id> known{repository.tree({})};
  const std::function<format::Id(int)> forest = [&](int depth) {
    std::vector<format::Node> nodes;
    for (unsigned i = 0; i < 10; ++i) {
      if (number(3) == 0) continue;
      const std::string name = fmt::format("n{:02}", i);
      if (depth > 0 && number(2) == 0) {
        const format::Id below =
            number(2) == 0 ? known[number(static_cast<unsigned>(known.size()))] : forest(depth - 1);
        nodes.push_back(repository.directory(name, below));
      } else if (number(4) == 0) {
        nodes.push_back(linked(name, number(5), number(2), fmt::format("link {}", number(4))));
      } else {
        std::vector<std::string> blobs;
        for (unsigned k = number(4); k > 0; --k) blobs.push_back(fmt::format("c{}", number(20)));
        nodes.push_back(repository.file(name, blobs));
      }
    }
    known.push_back(repository.tree(std::move(nodes)));
    return known.back();
  };
  std::vector<Snapshot> snapshots;
  for (int i = 0; i < 8; ++i) snapshots.push_back(snapshot(forest(3)));
  repository.store();
  for (const CountMode mode : by_walk) {
    expect_plain(snapshots, mode);
    for (const Snapshot& each : snapshots) expect_plain({each}, mode);
  }
}

}  // namespace
}  // namespace holdfast::archive
