// SPDX-License-Identifier: Apache-2.0
#include "archive/tree_rewriter.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <set>

#include "archive/test_repository.h"
#include "archive/tree_walk.h"

namespace holdfast::archive {
namespace {

using format::Id;
using format::Node;
using Verdict = TreeEdit::Verdict;

class TestEdit final : public TreeEdit {
 public:
  Verdict judge(const std::string& path, Node& node, bool is_first) override {
    if (is_first) ++judged;
    if (left_out.contains(path)) return Verdict::left_out;
    if (!emptied.contains(path)) return Verdict::same;
    node.content.emplace();
    node.size_bytes = 0;
    return Verdict::changed;
  }
  bool keeps_empty(const std::string& path) override { return keeps || kept.contains(path); }
  void unreadable(const std::string& path, const Error& error) override {
    if (!takes_unreadable) throw Error(error);
    const std::lock_guard lock(mutex);
    lost.insert(path);
  }
  void not_understood(const std::string& path, const Error& error) override {
    if (!takes_unreadable) throw Error(error);
    const std::lock_guard lock(mutex);
    left_as_they_are.insert(path);
  }
  void amend(const std::string& path, Node& node, const TreeTotals& totals,
             repo::BlobWriter::Worker&) override {
    const std::lock_guard lock(mutex);
    amended[path] = totals;
    if (path == renamed_owner) node.user = "amended";
  }

  std::set<std::string> left_out, emptied, kept;
  bool keeps = true, takes_unreadable = false;
  std::string renamed_owner;
  std::atomic<int> judged{0};
  std::mutex mutex;  // guards all below
  std::set<std::string> lost, left_as_they_are;
  std::map<std::string, TreeTotals> amended;
};

class Rewriter : public testing::Test {
 protected:
  // Begins a run over what has been stored so far.
  void begin(const RewriterOptions& options = {}) {
    test.store();
    rewriter_.reset();
    writer_ = std::make_unique<repo::BlobWriter>(test.get(), repo::WriterOptions{}, nullptr);
    rewriter_ = std::make_unique<TreeRewriter>(test.get(), *writer_, edit, options);
  }
  RewrittenTree rewrite(const Id& root, const std::stop_token& stop = {}) {
    return rewriter_->rewrite(root, observer, stop);
  }
  // Stores what was written. How many trees were new.
  std::uint64_t finish() {
    writer_->finish();
    return writer_->totals().tree_blobs;
  }
  std::vector<std::string> paths(const Id& root) {
    std::vector<std::string> found;
    walk_tree(test.get(), root, [&](const std::string& path, const Node&) {
      found.push_back(path);
      return Walk::on;
    });
    return found;
  }
  [[nodiscard]] static Errc code_thrown(const std::function<void()>& body) {
    try {
      body();
    } catch (const Error& error) {
      return error.code();
    }
    return Errc::bug;
  }

  TestRepository test;
  TestEdit edit;
  model::SilentObserver observer;

 private:
  std::unique_ptr<repo::BlobWriter> writer_;
  std::unique_ptr<TreeRewriter> rewriter_;
};

TEST_F(Rewriter, StoresNothingWhereNothingChanges) {
  const Id below = test.tree({test.file("x", {"some", "content"}), test.symlink("l", "x")});
  const Id root = test.tree({test.directory("d", below), test.file("y", {"more"})});
  begin();
  const RewrittenTree result = rewrite(root);
  EXPECT_EQ(result.tree, root);
  EXPECT_EQ(result.totals.files, 2U);
  EXPECT_EQ(result.totals.bytes, 15U);
  EXPECT_EQ(result.totals.changes, 0U);
  EXPECT_EQ(finish(), 0U);
  EXPECT_TRUE(edit.amended.empty());
}

TEST_F(Rewriter, WritesOnlyTheWayToWhatChanges) {
  const Node y = test.file("y", {"stays"});
  const Id other = test.tree({test.file("z", {"12345"})});
  const Id root = test.tree({test.directory("a", test.tree({test.file("x", {"goes"}), y})),
                             test.directory("b", other), test.file("c", {"is emptied"})});
  const Id expected_a = test.tree({y});
  edit.left_out = {"/a/x"};
  edit.emptied = {"/c"};
  begin();
  const RewrittenTree result = rewrite(root);
  EXPECT_EQ(finish(), 1U);  // the root; "/a" had been like that before
  EXPECT_EQ(find_tree(test.get(), *result.tree, "/a"), expected_a);
  EXPECT_EQ(find_tree(test.get(), *result.tree, "/b"), other);
  EXPECT_EQ(find_node(test.get(), *result.tree, "/c")->size_bytes, 0U);
  EXPECT_EQ(result.totals.changes, 2U);
  EXPECT_EQ(result.totals.files, 3U);
  EXPECT_EQ(result.totals.bytes, 10U);
}

TEST_F(Rewriter, GivesTheLastWordOnEntriesOfDirectoriesWrittenAnew) {
  const Id root = test.tree({test.directory("a", test.tree({test.file("x", {"goes"})})),
                             test.directory("b", test.tree({test.file("z", {"stays"})})),
                             test.file("c", {"stays too"})});
  edit.left_out = {"/a/x"};
  edit.renamed_owner = "/c";
  begin();
  const RewrittenTree result = rewrite(root);
  static_cast<void>(finish());
  EXPECT_EQ(find_node(test.get(), *result.tree, "/c")->user, "amended");
  EXPECT_FALSE(edit.amended.contains("/b/z"));
  EXPECT_EQ(edit.amended.at("/c").changes, 1U);
}

TEST_F(Rewriter, LeavesOutDirectoriesThatBecomeEmptyIfAsked) {
  const Id root = test.tree(
      {test.directory("a", test.tree({test.directory("b", test.tree({test.file("x", {"goes"})}))})),
       test.directory("c", test.tree({test.file("y", {"goes too"})})),
       test.directory("d", test.tree({})), test.file("z", {"stays"})});
  edit.left_out = {"/a/b/x", "/c/y"};
  edit.keeps = false;
  edit.kept = {"/c"};
  begin();
  const RewrittenTree result = rewrite(root);
  static_cast<void>(finish());
  EXPECT_EQ(paths(*result.tree), (std::vector<std::string>{"/c", "/z"}));
  edit.left_out.insert("/z");
  edit.kept.clear();
  begin();
  EXPECT_FALSE(rewrite(root).tree);
}

TEST_F(Rewriter, RemembersWhatBecameOfATreeAtAPath) {
  const Id shared = test.tree({test.file("x", {"goes"}), test.file("y", {"stays"})});
  const auto root_with = [&](const std::string& other) {
    return test.tree({test.directory("a", test.tree({test.directory("b", shared)})),
                      test.directory("o", test.tree({test.directory("b", shared)})),
                      test.file("z", {other})});
  };
  const Id first = root_with("first");
  const Id second = root_with("second");
  edit.left_out = {"/a/b/x"};
  begin();
  static_cast<void>(rewrite(first));
  EXPECT_EQ(edit.judged, 9);
  const RewrittenTree result = rewrite(second);
  EXPECT_EQ(edit.judged, 9 + 5);  // what is in the two uppermost directories
  EXPECT_EQ(result.totals.files, 4U);
  EXPECT_EQ(result.totals.changes, 1U);
  static_cast<void>(finish());
  EXPECT_FALSE(find_node(test.get(), *result.tree, "/a/b/x"));
  EXPECT_TRUE(find_node(test.get(), *result.tree, "/o/b/x"));
}

TEST_F(Rewriter, ReadsEachTreeOnceIfPathsDoNotCount) {
  Id tree = test.tree({test.file("f", {"x"})});
  // 2^20 paths lead to the innermost tree.
  for (int i = 0; i < 20; ++i)
    tree = test.tree({test.directory("a", tree), test.directory("b", tree)});
  begin({.by_path = false, .tolerant = true});
  EXPECT_EQ(rewrite(tree).tree, tree);
  EXPECT_LT(edit.judged, 1000);
  const int before = edit.judged;
  EXPECT_EQ(rewrite(tree).tree, tree);
  EXPECT_EQ(edit.judged, before);
}

TEST_F(Rewriter, PutsAnEmptyDirectoryInThePlaceOfALostOneIfAsked) {
  const Id missing = format::id_of(as_bytes("never stored"));
  const Id root = test.tree({test.directory("a", test.tree({test.directory("gone", missing)})),
                             test.file("z", {"stays"})});
  begin({.by_path = false, .tolerant = true});
  EXPECT_EQ(code_thrown([&] { static_cast<void>(rewrite(root)); }), Errc::not_found);
  edit.takes_unreadable = true;
  begin({.by_path = false, .tolerant = true});
  const RewrittenTree result = rewrite(root);
  EXPECT_FALSE(rewrite(missing).tree);
  static_cast<void>(finish());
  EXPECT_EQ(edit.lost, (std::set<std::string>{"/a/gone", "/"}));
  EXPECT_EQ(paths(*result.tree), (std::vector<std::string>{"/a", "/a/gone", "/z"}));
  EXPECT_EQ(result.totals.changes, 1U);
}

TEST_F(Rewriter, MakesAnEmptyDirectoryOfOneWithoutTreeIfTolerant) {
  const std::string head = R"("mtime":"2020-01-01T00:00:00Z","atime":"2020-01-01T00:00:00Z",)"
                           R"("ctime":"2020-01-01T00:00:00Z","uid":0,"gid":0,)";
  const Id root = test.raw_tree(R"({"nodes":[{"name":"d","type":"dir",)" + head +
                                R"("content":null,"subtree":null}]})" + "\n");
  begin();
  EXPECT_EQ(code_thrown([&] { static_cast<void>(rewrite(root)); }), Errc::corrupt);
  edit.takes_unreadable = true;
  begin({.by_path = false, .tolerant = true});
  const RewrittenTree result = rewrite(root);
  static_cast<void>(finish());
  EXPECT_EQ(paths(*result.tree), std::vector<std::string>{"/d"});
}

// A directory whose entries are out of order was stored that way: none of them is lost.
TEST_F(Rewriter, LeavesATreeAsItIsThatWasWrittenWrongly) {
  const std::string rest =
      R"(","type":"file","mtime":"2020-01-01T00:00:00Z","atime":"2020-01-01T00:00:00Z",)"
      R"("ctime":"2020-01-01T00:00:00Z","uid":0,"gid":0,"content":[]})";
  const Id wrong =
      test.raw_tree(R"({"nodes":[{"name":"b)" + rest + R"(,{"name":"a)" + rest + "]}\n");
  const Id missing = format::id_of(as_bytes("never stored"));
  const Id root = test.tree({test.directory("gone", missing), test.directory("wrong", wrong)});
  edit.takes_unreadable = true;
  begin({.by_path = false, .tolerant = true});
  const RewrittenTree result = rewrite(root);
  static_cast<void>(finish());
  EXPECT_EQ(edit.lost, std::set<std::string>{"/gone"});
  EXPECT_EQ(edit.left_as_they_are, std::set<std::string>{"/wrong"});
  EXPECT_EQ(find_node(test.get(), *result.tree, "/wrong")->subtree, wrong);
}

TEST_F(Rewriter, RefusesToLoseWhatOtherProgramsWrote) {
  const std::string json =
      R"({"nodes":[{"name":"f","type":"file","mtime":"2020-01-01T00:00:00Z",)"
      R"("atime":"2020-01-01T00:00:00Z","ctime":"2020-01-01T00:00:00Z","uid":0,"gid":0,)"
      R"("content":[],"theirs":1},{"name":"g","type":"file","mtime":"2020-01-01T00:00:00Z",)"
      R"("atime":"2020-01-01T00:00:00Z","ctime":"2020-01-01T00:00:00Z","uid":0,"gid":0,)"
      R"("content":[]}]})";
  const Id root = test.raw_tree(json + "\n");
  begin();
  EXPECT_EQ(rewrite(root).tree, root);
  edit.left_out = {"/g"};
  EXPECT_EQ(code_thrown([&] { static_cast<void>(rewrite(root)); }), Errc::unsupported);
}

TEST_F(Rewriter, RefusesBottomlessTrees) {
  Id tree = test.tree({});
  for (int i = 0; i < 4100; ++i) tree = test.tree({test.directory("d", tree)});
  begin();
  EXPECT_EQ(code_thrown([&] { static_cast<void>(rewrite(tree)); }), Errc::corrupt);
}

TEST_F(Rewriter, EndsOnAStopRequest) {
  const Id root = test.tree({test.file("f", {"x"})});
  begin();
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(code_thrown([&] { static_cast<void>(rewrite(root, stop.get_token())); }),
            Errc::cancelled);
}

TEST_F(Rewriter, GivesTheSameTreeWhateverTheThreadsDo) {
  std::vector<Node> before;
  std::vector<Node> after;
  for (int i = 0; i < 300; ++i) {
    const std::string name = "d" + std::to_string(i);
    const Node stays = test.file("stays", {name});
    const Node goes = test.file("goes", {"content"});
    const Id inner = test.tree({goes, stays});
    before.push_back(test.directory(name, test.tree({test.directory("in", inner)})));
    const bool is_hit = i % 3 != 0;
    if (is_hit) edit.left_out.insert("/" + name + "/in/goes");
    const Id left = is_hit ? test.tree({stays}) : inner;
    after.push_back(test.directory(name, test.tree({test.directory("in", left)})));
  }
  const Id root = test.tree(before);
  const Id expected = test.tree(after);
  begin();
  const RewrittenTree result = rewrite(root);
  EXPECT_EQ(result.tree, expected);
  EXPECT_EQ(result.totals.changes, 200U);
  EXPECT_EQ(result.totals.files, 400U);
}

}  // namespace
}  // namespace holdfast::archive
