// SPDX-License-Identifier: Apache-2.0
#include "archive/tree_builder.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "archive/test_source.h"
#include "base/error.h"

namespace holdfast::archive {
namespace {

const Timestamp noon{1'700'000'000, 0, 3600};

TEST(TreeBuilder, MakesTheSameTreeWhateverTheOrder) {
  TestSource test;
  const format::Id grafted = format::id_of(as_bytes("a tree"));
  const SavedStream stream{{format::id_of(as_bytes("x"))}, 1, 1};
  TreeBuilder one(noon);
  one.add_file("shop/databases/main/data.db", stream);
  one.add_tree("shop/files/uploads", grafted);
  one.add_file("shop/holdfast.json", stream, 0644);
  TreeBuilder two(noon);
  two.add_file("shop/holdfast.json", stream, 0644);
  two.add_tree("shop/files/uploads", grafted);
  two.add_file("shop/databases/main/data.db", stream);
  const format::Id id = one.save(test.writer(), test.worker());
  EXPECT_EQ(two.save(test.writer(), test.worker()), id);
  test.store();

  const auto root = test.tree(id);
  ASSERT_EQ(root.size(), 1U);
  EXPECT_EQ(root[0].name, "shop");
  EXPECT_EQ(root[0].type, format::NodeType::dir);
  EXPECT_EQ(root[0].mode, format::to_go_mode(S_IFDIR | 0700));
  EXPECT_EQ(root[0].uid, ::getuid());
  EXPECT_EQ(root[0].mtime, noon);
  const auto shop = test.tree(*root[0].subtree);
  ASSERT_EQ(shop.size(), 3U);
  EXPECT_EQ(shop[0].name, "databases");
  EXPECT_EQ(shop[1].name, "files");
  EXPECT_EQ(shop[2].name, "holdfast.json");
  EXPECT_EQ(shop[2].mode, 0644U);
  EXPECT_EQ(shop[2].size_bytes, 1U);
  EXPECT_EQ(shop[2].content, stream.content);
  const auto files = test.tree(*shop[1].subtree);
  ASSERT_EQ(files.size(), 1U);
  EXPECT_EQ(files[0].subtree, grafted);
}

TEST(TreeBuilder, KeepsNodesAsGiven) {
  TestSource test;
  format::Node link;
  link.type = format::NodeType::symlink;
  link.mode = format::to_go_mode(S_IFLNK | 0777);
  link.link_target = "elsewhere";
  TreeBuilder builder(noon);
  builder.add_node("a/link", link);
  const format::Id id = builder.save(test.writer(), test.worker());
  test.store();
  const auto below = test.tree(*test.tree(id)[0].subtree);
  ASSERT_EQ(below.size(), 1U);
  EXPECT_EQ(below[0].name, "link");
  EXPECT_EQ(below[0].link_target, "elsewhere");
}

TEST(TreeBuilder, SavesAnEmptyTree) {
  TestSource test;
  TreeBuilder builder(noon);
  EXPECT_EQ(builder.save(test.writer(), test.worker()).hex(),
            "ac08ce34ba4f8123618661bef2425f7028ffb9ac740578a3ee88684d2523fee8");
}

TEST(TreeBuilder, RefusesPlacesThatAreTakenOrNoPlaces) {
  TreeBuilder builder(noon);
  builder.add_file("a/b", {});
  for (const std::string_view bad : {"a/b", "a", "a/b/c", "", "/x", "x/", "x//y", "../x", "x/."}) {
    EXPECT_THROW(builder.add_file(bad, {}), Error) << bad;
  }
}

}  // namespace
}  // namespace holdfast::archive
