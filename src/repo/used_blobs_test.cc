// SPDX-License-Identifier: Apache-2.0
#include "repo/used_blobs.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "repo/test_repository.h"

namespace holdfast::repo {
namespace {

using format::BlobType;
using format::Id;
using format::Node;
using format::NodeType;
using Kind = TreeProblem::Kind;

struct Found {
  BlobSet used{0};
  std::vector<TreeProblem> problems;
};

Found walk(Repository& repository, const std::vector<Id>& roots, std::stop_token stop = {}) {
  model::SilentObserver observer;
  Found found;
  found.used = find_used_blobs(
      repository, roots, [&](const TreeProblem& problem) { found.problems.push_back(problem); },
      observer, stop);
  std::sort(found.problems.begin(), found.problems.end(),
            [](const TreeProblem& a, const TreeProblem& b) { return a.path < b.path; });
  return found;
}

TEST(BlobSet, TellsWhetherABitIsNew) {
  BlobSet set(130);
  EXPECT_TRUE(set.insert(0));
  EXPECT_TRUE(set.insert(129));
  EXPECT_FALSE(set.insert(129));
  EXPECT_TRUE(set.contains(129));
  EXPECT_FALSE(set.contains(128));
  EXPECT_EQ(set.count(), 2U);
}

TEST(EachBlob, IsVisitedOnceWhateverItsCopies) {
  const auto id = [](std::string_view text) { return format::id_of(as_bytes(text)); };
  const format::BlobHandle one{BlobType::data, id("one")}, two{BlobType::tree, id("one")};
  BlobIndex index;
  index.add_pack({id("first"), {{one, 0, 100, 300}}});
  index.add_pack({id("second"), {{one, 0, 100, 300}, {two, 100, 200, 0}}});
  std::vector<format::BlobHandle> visited;
  for_each_blob(index,
                [&](std::uint32_t number, const format::BlobHandle& blob, const BlobPlace& place) {
                  visited.push_back(blob);
                  EXPECT_EQ(index.blob_number(blob), number);
                  EXPECT_EQ(place.size_bytes, blob == one ? 100U : 200U);
                });
  EXPECT_EQ(visited, (std::vector{one, two}));
}

TEST(UsedBlobs, AreAllThatCanBeReached) {
  TestRepository test;
  const Id below = test.save_tree({{"deep", {"shared", "only below"}}});
  const Id root = test.save_tree({{"a", {"shared", "one"}}, {"empty", {}}}, {{"dir", below}});
  const Id other = test.save_tree({{"b", {"unused"}}});
  const Found found = walk(*test.repository, {root});
  EXPECT_TRUE(found.problems.empty());
  EXPECT_EQ(found.used.count(), 5U);  // two trees, three chunks
  const BlobIndex& index = test.repository->index();
  EXPECT_TRUE(found.used.contains(*index.blob_number({BlobType::tree, below})));
  EXPECT_FALSE(found.used.contains(*index.blob_number({BlobType::tree, other})));
  EXPECT_FALSE(
      found.used.contains(*index.blob_number({BlobType::data, format::id_of(as_bytes("unused"))})));
}

TEST(UsedBlobs, ReadEachTreeOnce) {
  TestRepository test;
  Id tree = test.save_tree({{"f", {"x"}}});
  // 2^20 paths lead to the innermost tree.
  for (int i = 0; i < 20; ++i) tree = test.save_tree({}, {{"a", tree}, {"b", tree}});
  const Found found = walk(*test.repository, {tree, tree});
  EXPECT_EQ(found.used.count(), 22U);
  EXPECT_TRUE(found.problems.empty());
}

TEST(UsedBlobs, ReachTheBottomOfADeepTree) {
  TestRepository test;
  std::vector<std::string> trees;
  std::string bottom = "{\"nodes\":[]}\n";
  Id tree = format::id_of(as_bytes(bottom));
  trees.push_back(bottom);
  for (int i = 0; i < 20'000; ++i) {
    Node node;
    node.name = "d";
    node.type = NodeType::dir;
    node.subtree = tree;
    format::TreeWriter writer;
    writer.add(node);
    trees.emplace_back(as_text(writer.finish()));
    tree = format::id_of(as_bytes(trees.back()));
  }
  test.save(BlobType::tree, trees);
  EXPECT_EQ(walk(*test.repository, {tree}).used.count(), 20'001U);
}

TEST(UsedBlobs, NameATreeThatIsMissing) {
  TestRepository test;
  Id missing;
  missing.bytes[0] = std::byte{7};
  const Id inner = test.save_tree({}, {{"gone", missing}});
  const Id root = test.save_tree({{"f", {"x"}}}, {{"in", inner}});
  const Found found = walk(*test.repository, {root});
  ASSERT_EQ(found.problems.size(), 1U);
  EXPECT_EQ(found.problems[0].kind, Kind::unreadable);
  EXPECT_EQ(found.problems[0].tree, missing);
  EXPECT_EQ(found.problems[0].path, "/in/gone");
  EXPECT_EQ(found.used.count(), 3U);
}

TEST(UsedBlobs, NameATreeThatIsDamagedAndGoOn) {
  TestRepository test;
  const Id bad = test.save_tree({{"lost", {"lost"}}});
  const Id good = test.save_tree({{"kept", {"kept"}}});
  const Id root = test.save_tree({}, {{"bad", bad}, {"good", good}});
  const BlobPlace place = *test.repository->index().find({BlobType::tree, bad});
  test.flip(storage::FileKind::pack, place.pack, place.offset_bytes + 20);
  const Found found = walk(*test.repository, {root});
  ASSERT_EQ(found.problems.size(), 1U);
  EXPECT_EQ(found.problems[0].kind, Kind::unreadable);
  EXPECT_EQ(found.problems[0].path, "/bad");
  EXPECT_NE(found.problems[0].message.find(bad.hex()), std::string::npos);
  EXPECT_TRUE(found.used.contains(
      *test.repository->index().blob_number({BlobType::data, format::id_of(as_bytes("kept"))})));
}

TEST(UsedBlobs, NameATreeThatIsNoTree) {
  TestRepository test;
  const Id bad =
      test.save(BlobType::tree, {R"({"nodes":[{"name":"../x","type":"file"}]})"}).front();
  const Found found = walk(*test.repository, {bad});
  ASSERT_EQ(found.problems.size(), 1U);
  EXPECT_EQ(found.problems[0].kind, Kind::unreadable);
  EXPECT_EQ(found.problems[0].path, "/");
}

TEST(UsedBlobs, NameAFileWhoseDataIsMissing) {
  TestRepository test;
  Node node;
  node.name = "fi\nle";
  node.size_bytes = 5;
  node.content =
      std::vector<Id>{format::id_of(as_bytes("never stored")), format::id_of(as_bytes("nor this"))};
  const Id root = test.save_nodes({node});
  const Found found = walk(*test.repository, {root});
  ASSERT_EQ(found.problems.size(), 1U);
  EXPECT_EQ(found.problems[0].kind, Kind::blob_missing);
  EXPECT_EQ(found.problems[0].path, "/fi\\nle");
  EXPECT_NE(found.problems[0].message.find("2 data blobs are in no index"), std::string::npos);
}

TEST(UsedBlobs, NameAFileWhoseSizeDoesNotAddUp) {
  TestRepository test;
  Node node;
  node.name = "file";
  node.content = test.save(BlobType::data, {"12345"});
  node.size_bytes = 6;
  Node without;
  without.name = "without";
  without.size_bytes = 1;
  const Id root = test.save_nodes({node, without});
  const Found found = walk(*test.repository, {root});
  ASSERT_EQ(found.problems.size(), 2U);
  EXPECT_EQ(found.problems[0].kind, Kind::inconsistent);
  EXPECT_EQ(found.problems[0].message, "the file has 6 bytes, its blobs have 5");
  EXPECT_EQ(found.problems[1].kind, Kind::inconsistent);
}

TEST(UsedBlobs, EndWhenStoppedOrWithoutAStorage) {
  TestRepository test;
  const Id root = test.save_tree({{"f", {"x"}}});
  std::stop_source source;
  source.request_stop();
  EXPECT_EQ(code_thrown([&] { walk(*test.repository, {root}, source.get_token()); }),
            Errc::cancelled);
  test.hooks->on_read = [](const storage::FileRef&) {
    throw Error(Errc::unavailable, "no answer");
  };
  EXPECT_EQ(code_thrown([&] { walk(*test.repository, {root}); }), Errc::unavailable);
}

TEST(UsedBlobs, AreNoneWithoutRoots) {
  TestRepository test;
  EXPECT_EQ(walk(*test.repository, {}).used.count(), 0U);
}

TEST(UsedBlobs, AddsToWhatIsKnownWithoutReadingItAgain) {
  TestRepository test;
  const Id shared = test.save_tree({{"s", {"shared"}}});
  const Id first = test.save_tree({{"a", {"one"}}}, {{"shared", shared}});
  const Id second = test.save_tree({{"b", {"two"}}}, {{"shared", shared}});
  test.reload();
  model::SilentObserver observer;
  BlobSet used = find_used_blobs(*test.repository, {first}, {}, observer, {});
  const BlobSet before = used;
  observer.files_done = 0;
  add_used_blobs(*test.repository, {second}, used, {}, observer, {});
  EXPECT_EQ(observer.files_done.load(), 1U);
  EXPECT_EQ(used.count(), before.count() + 2);
  BlobSet more = used;
  more.remove(before);
  EXPECT_EQ(more.count(), 2U);
  EXPECT_FALSE(more.intersects(before));
  EXPECT_TRUE(more.intersects(used));
  more.add(before);
  EXPECT_EQ(more.count(), used.count());
}

}  // namespace
}  // namespace holdfast::repo
