// SPDX-License-Identifier: Apache-2.0
#include "archive/ordered_walk.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "archive/test_repository.h"
#include "archive/tree_walk.h"

namespace holdfast::archive {
namespace {

constexpr std::size_t mebibyte = 1U << 20U;

struct Told {
  std::vector<std::string> lines;  // paths of items, "+" and "-" folders entered and left
  std::vector<std::string> failures;
  std::size_t looks = 0;
};

class OrderedWalks : public testing::Test {
 protected:
  // Every entry is an item that claims to own `owned_bytes`.
  Told walk(const format::Id& root, std::size_t owned_bytes = 0, bool bears_failures = true,
            std::stop_token stop = {}) {
    Told told;
    std::atomic<std::size_t> looks{0};
    WalkHooks<int> hooks;
    hooks.look = [&](const WalkTask& task, repo::Codec& codec, WalkLook<int>& look) {
      ++looks;
      std::string last;
      read_entries(repository.get(), task, *task.trees[0], codec, [&](format::Node&& node) {
        if (look.is_full()) {
          if (!look.more_after) look.more_after = last;
          return;
        }
        last = node.name;
        look.add(std::move(node.name), 1, {node.subtree, std::nullopt}, owned_bytes);
      });
    };
    hooks.take = [&](const WalkTask& task, const std::string& name, int&) {
      told.lines.push_back(task.path(name));
    };
    if (bears_failures) {
      hooks.failed = [&](const WalkTask& task, const Error&) {
        told.failures.push_back(task.path());
      };
    }
    hooks.entered = [&](const WalkTask& task) { told.lines.push_back("+" + task.path()); };
    hooks.left = [&](const WalkTask& task) { told.lines.push_back("-" + task.path()); };
    OrderedWalk<int>(repository.get(), std::move(hooks), std::move(stop)).run({root, std::nullopt});
    told.looks = looks;
    return told;
  }
  // The items as one thread meets them.
  std::vector<std::string> expected(const format::Id& root) {
    std::vector<std::string> paths;
    walk_tree(repository.get(), root, [&](const std::string& path, const format::Node&) {
      paths.push_back(path);
      return Walk::on;
    });
    return paths;
  }
  static std::vector<std::string> items(const Told& told) {
    std::vector<std::string> paths;
    for (const std::string& line : told.lines) {
      if (line.starts_with('/')) paths.push_back(line);
    }
    return paths;
  }
  // `width` folders and as many files in each folder, `depth` levels down.
  format::Id forest(int depth, int width) {
    if (depth == 0) return repository.tree({repository.file("leaf", {})});
    const format::Id below = forest(depth - 1, width);
    std::vector<format::Node> nodes;
    for (int i = 0; i < width; ++i) {
      nodes.push_back(repository.directory(fmt::format("d{:03}", i), below));
      nodes.push_back(repository.file(fmt::format("f{:03}", i), {}));
    }
    return repository.tree(std::move(nodes));
  }
  TestRepository repository;
};

TEST_F(OrderedWalks, HandOverInTheOrderOfOneThread) {
  const format::Id root = forest(4, 6);
  repository.store();
  const Told told = walk(root);
  EXPECT_EQ(items(told), expected(root));
  EXPECT_EQ(told.looks, 1U + 6 + 36 + 216 + 1296);
}

TEST_F(OrderedWalks, EnterAndLeaveEachFolderOnce) {
  const format::Id below = repository.tree({repository.file("x", {})});
  const format::Id root =
      repository.tree({repository.directory("a", below), repository.file("b", {})});
  repository.store();
  EXPECT_EQ(walk(root).lines,
            (std::vector<std::string>{"+", "/a", "+/a", "/a/x", "-/a", "/b", "-"}));
  // In pieces, too.
  EXPECT_EQ(walk(root, look_bytes_max).lines,
            (std::vector<std::string>{"+", "/a", "+/a", "/a/x", "-/a", "/b", "-"}));
}

TEST_F(OrderedWalks, TakeAWideFolderInPieces) {
  const format::Id root = forest(1, 100);
  repository.store();
  const Told told = walk(root, mebibyte);
  EXPECT_EQ(items(told), expected(root));
  EXPECT_GE(told.looks, 100U + 200 / 8);
}

// What all levels hold together is more than is held at once, so that the outer ones are looked at
// again on the way back.
TEST_F(OrderedWalks, LetGoOfTheOuterFoldersOfADeepTree) {
  format::Id root = repository.tree({repository.file("leaf", {})});
  for (int i = 0; i < 60; ++i) {
    std::vector<format::Node> nodes{repository.directory("a", root)};
    for (int k = 0; k < 7; ++k) nodes.push_back(repository.file(fmt::format("f{}", k), {}));
    root = repository.tree(std::move(nodes));
  }
  repository.store();
  const Told told = walk(root, mebibyte);
  EXPECT_EQ(items(told), expected(root));
  EXPECT_GT(told.looks, 61U);
  EXPECT_LT(told.looks, 3 * 61U);
}

TEST_F(OrderedWalks, TellOfFoldersThatCannotBeReadInTheirTurn) {
  format::Id missing;
  missing.bytes.fill(std::byte{7});
  const format::Id below =
      repository.tree({repository.directory("gone", missing), repository.file("kept", {})});
  const format::Id broken = repository.raw_tree(
      R"({"nodes":[{"name":"first","type":"fifo"},{"name":"","type":"fifo"}]})");
  const format::Id root =
      repository.tree({repository.directory("a", below), repository.directory("b", broken)});
  repository.store();
  const Told told = walk(root);
  EXPECT_EQ(items(told), (std::vector<std::string>{"/a", "/a/gone", "/a/kept", "/b", "/b/first"}));
  EXPECT_EQ(told.failures, (std::vector<std::string>{"/a/gone", "/b"}));
  try {
    static_cast<void>(walk(root, 0, false));
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("/a/gone"), std::string::npos) << error.message();
  }
}

TEST_F(OrderedWalks, BoundTheDepth) {
  format::Id root = repository.tree({});
  for (int i = 0; i < 5000; ++i) root = repository.tree({repository.directory("d", root)});
  repository.store();
  EXPECT_EQ(walk(root).failures.size(), 1U);
  EXPECT_THROW(static_cast<void>(walk(root, 0, false)), Error);
}

TEST_F(OrderedWalks, EndOnAStopRequest) {
  const format::Id root = forest(2, 3);
  repository.store();
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(static_cast<void>(walk(root, 0, true, stop.get_token())), Error);
}

// An error of the one who takes must not leave the other threads waiting.
TEST_F(OrderedWalks, PassOnWhatTheCallerThrows) {
  const format::Id root = forest(3, 8);
  repository.store();
  for (int after = 0; after < 40; ++after) {
    int left = after;
    WalkHooks<int> hooks;
    hooks.look = [&](const WalkTask& task, repo::Codec& codec, WalkLook<int>& look) {
      read_entries(repository.get(), task, *task.trees[0], codec, [&](format::Node&& node) {
        look.add(std::move(node.name), 1, {node.subtree, std::nullopt}, mebibyte);
      });
    };
    hooks.take = [&](const WalkTask&, const std::string&, int&) {
      if (left-- == 0) throw Error(Errc::io, "enough");
    };
    EXPECT_THROW(OrderedWalk<int>(repository.get(), std::move(hooks), {}).run({root, std::nullopt}),
                 Error);
  }
}

}  // namespace
}  // namespace holdfast::archive
