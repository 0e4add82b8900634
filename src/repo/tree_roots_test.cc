// SPDX-License-Identifier: Apache-2.0
#include "repo/tree_roots.h"

#include <gtest/gtest.h>

#include "repo/test_repository.h"

namespace holdfast::repo {
namespace {

using format::BlobType;
using format::Id;
using storage::FileKind;

class Warnings final : public model::Observer {
 public:
  void warning(std::string_view text) override { lines.emplace_back(text); }
  std::vector<std::string> lines;
};

class TreeRoots : public testing::Test {
 protected:
  std::vector<Id> find(const std::vector<Id>& snapshot_trees = {}) {
    return find_tree_roots(*test.repository, snapshot_trees, told, {});
  }
  TestRepository test;
  Warnings told;
};

TEST_F(TreeRoots, AreWhatNothingRefersTo) {
  const Id below = test.save_tree({{"f", {"x"}}});
  const Id lost = test.save_tree({{"g", {"y"}}}, {{"d", below}});
  const Id kept = test.save_tree({{"h", {"z"}}}, {{"d", below}});
  std::vector<Id> both{lost, kept};
  std::sort(both.begin(), both.end());
  EXPECT_EQ(find(), both);
  EXPECT_EQ(find({kept}), std::vector<Id>{lost});
  EXPECT_TRUE(find({kept, lost}).empty());
  EXPECT_TRUE(told.lines.empty());
}

TEST_F(TreeRoots, CountOnceHoweverManyCopiesThereAre) {
  const std::string json = "{\"nodes\":[]}\n";
  const Id tree = test.save(BlobType::tree, {json}).front();
  static_cast<void>(test.save(BlobType::tree, {json}, true));
  EXPECT_EQ(find(), std::vector<Id>{tree});
}

TEST_F(TreeRoots, AreNeverWhatCannotBeRead) {
  const Id below = test.save_tree({{"f", {"x"}}});
  const Id damaged = test.save_tree({{"g", {"y"}}}, {{"d", below}});
  test.flip(FileKind::pack, test.repository->index().find({BlobType::tree, damaged})->pack, 20);
  // What only a damaged tree referred to is found.
  EXPECT_EQ(find(), std::vector<Id>{below});
  ASSERT_EQ(told.lines.size(), 1U);
  EXPECT_NE(told.lines[0].find(damaged.hex()), std::string::npos);
}

TEST_F(TreeRoots, EndOnAStopRequest) {
  static_cast<void>(test.save_tree({{"f", {"x"}}}));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(code_thrown([&] {
              static_cast<void>(find_tree_roots(*test.repository, {}, told, stop.get_token()));
            }),
            Errc::cancelled);
}

}  // namespace
}  // namespace holdfast::repo
