// SPDX-License-Identifier: Apache-2.0
#include "archive/tree_walk.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <thread>

#include "archive/test_repository.h"
#include "base/error.h"

namespace holdfast::archive {
namespace {

template <typename Body>
Errc code_of(Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return Errc::bug;
}

std::string noise(std::size_t size, unsigned seed) {
  std::string text(size, '\0');
  for (char& c : text) {
    seed = seed * 1'664'525 + 1'013'904'223;
    c = static_cast<char>(seed >> 24U);
  }
  return text;
}

std::vector<std::string> paths_of(TestRepository& repository, const format::Id& tree,
                                  const std::function<Walk(const std::string&)>& answer = {}) {
  std::vector<std::string> paths;
  walk_tree(repository.get(), tree, [&](const std::string& path, const format::Node&) {
    paths.push_back(path);
    return answer ? answer(path) : Walk::on;
  });
  return paths;
}

class TreeWalk : public testing::Test {
 protected:
  TreeWalk() {
    const format::Id deep = repository.tree({repository.file("x", {"xx"})});
    const format::Id a =
        repository.tree({repository.directory("deep", deep), repository.file("z", {})});
    root = repository.tree({repository.directory("a", a), repository.directory("a2", deep),
                            repository.file("a.txt", {"text"}), repository.symlink("link", "a")});
    repository.store();
  }
  TestRepository repository;
  format::Id root;
};

TEST_F(TreeWalk, VisitsParentsBeforeChildrenInTreeOrder) {
  EXPECT_EQ(paths_of(repository, root),
            (std::vector<std::string>{"/a", "/a/deep", "/a/deep/x", "/a/z", "/a.txt", "/a2",
                                      "/a2/x", "/link"}));
}

TEST_F(TreeWalk, SkipsDirectoriesAndStopsWhenTold) {
  EXPECT_EQ(paths_of(repository, root,
                     [](const std::string& path) {
                       if (path == "/a") return Walk::skip_directory;
                       return path == "/a2/x" ? Walk::stop : Walk::on;
                     }),
            (std::vector<std::string>{"/a", "/a.txt", "/a2", "/a2/x"}));
}

TEST_F(TreeWalk, FindsNodesAndTrees) {
  EXPECT_EQ(find_node(repository.get(), root, "/a/deep/x")->size_bytes, 2U);
  EXPECT_EQ(find_node(repository.get(), root, "a//deep/./x")->size_bytes, 2U);
  EXPECT_FALSE(find_node(repository.get(), root, "/a/none"));
  EXPECT_FALSE(find_node(repository.get(), root, "/a.txt/none"));
  EXPECT_FALSE(find_node(repository.get(), root, "/"));
  EXPECT_EQ(find_tree(repository.get(), root, "/"), root);
  EXPECT_EQ(find_tree(repository.get(), root, "/a/deep"),
            *find_node(repository.get(), root, "/a2")->subtree);
  EXPECT_EQ(code_of([&] { static_cast<void>(find_tree(repository.get(), root, "/a/none/x")); }),
            Errc::not_found);
  EXPECT_EQ(code_of([&] { static_cast<void>(find_tree(repository.get(), root, "/a.txt")); }),
            Errc::not_found);
}

TEST_F(TreeWalk, EndsOnAStopRequest) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(code_of([&] {
              walk_tree(
                  repository.get(), root, [](const auto&, const auto&) { return Walk::on; },
                  stop.get_token());
            }),
            Errc::cancelled);
}

TEST_F(TreeWalk, NamesThePathOfAMissingTree) {
  format::Id missing;
  missing.bytes.fill(std::byte{7});
  const format::Id broken = repository.tree({repository.directory("gone", missing)});
  repository.store();
  try {
    static_cast<void>(paths_of(repository, broken));
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("/gone"), std::string::npos) << error.message();
  }
}

TEST_F(TreeWalk, BoundsTheDepth) {
  format::Id tree = repository.tree({});
  for (int i = 0; i < 5000; ++i) tree = repository.tree({repository.directory("d", tree)});
  repository.store();
  EXPECT_EQ(code_of([&] { static_cast<void>(paths_of(repository, tree)); }), Errc::corrupt);
}

// One directory weighs more than is held of it at once.
TEST_F(TreeWalk, VisitsAHugeDirectoryOnceAndInOrder) {
  std::vector<format::Node> nodes;
  const std::string long_text(100'000, 'x');
  for (int i = 0; i < 900; ++i) {
    nodes.push_back(TestRepository::entry(fmt::format("f{:03}", i), format::NodeType::fifo, 0600));
    nodes.back().user = nodes.back().error = long_text;
  }
  const format::Id inner = repository.tree({repository.file("x", {})});
  nodes[450] = repository.directory("f450", inner);
  const format::Id tree = repository.tree(std::move(nodes));
  repository.store();
  std::vector<std::string> expected;
  for (int i = 0; i < 900; ++i) {
    expected.push_back(fmt::format("/f{:03}", i));
    if (i == 450) expected.push_back("/f450/x");
  }
  EXPECT_EQ(paths_of(repository, tree), expected);
}

TEST_F(TreeWalk, ReadsFilesOfManyBlobsInOrder) {
  std::vector<std::string> blobs;
  std::string whole;
  for (unsigned i = 0; i < 40; ++i) {
    blobs.push_back(noise(1 + 1'300'000 * (i % 3) + i, i));
    whole += blobs.back();
  }
  const format::Node node = repository.file("big", blobs);
  repository.store();
  const std::unique_ptr<ByteSource> source = open_file(repository.get(), node);
  EXPECT_EQ(as_text(read_all(*source, 1U << 30U)), whole);

  const std::unique_ptr<model::RandomSource> random = open_file_random(repository.get(), node);
  EXPECT_EQ(random->size_bytes(), whole.size());
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (unsigned i = 0; i < 12; ++i) {
        const std::size_t at = (whole.size() / 13) * ((i * 5 + t) % 13);
        Bytes into(std::min<std::size_t>(whole.size() - at, 1'500'000));
        random->read_at(at, into);
        EXPECT_TRUE(as_text(into) == std::string_view(whole).substr(at, into.size())) << at;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  Bytes into(2);
  random->read_at(whole.size() - 2, into);
  EXPECT_EQ(code_of([&] { random->read_at(whole.size() - 1, into); }), Errc::corrupt);
  EXPECT_EQ(code_of([&] { random->read_at(whole.size() + 1, {}); }), Errc::corrupt);
}

TEST_F(TreeWalk, LetsGoOfAFileThatIsNotReadToItsEnd) {
  std::vector<std::string> blobs;
  for (unsigned i = 0; i < 30; ++i) blobs.push_back(noise(2'000'000, i));
  const format::Node node = repository.file("big", blobs);
  repository.store();
  const std::unique_ptr<ByteSource> source = open_file(repository.get(), node);
  Bytes into(10);
  EXPECT_GT(source->read(into), 0U);
}

TEST_F(TreeWalk, ReadsEmptyAndSmallFiles) {
  const format::Node empty = repository.file("empty", {}),
                     small = repository.file("small", {"content"});
  repository.store();
  EXPECT_TRUE(read_all(*open_file(repository.get(), empty), 10).empty());
  EXPECT_EQ(as_text(read_all(*open_file(repository.get(), small), 10)), "content");
  EXPECT_EQ(open_file_random(repository.get(), empty)->size_bytes(), 0U);
}

TEST_F(TreeWalk, RefusesFilesWhoseBlobsDoNotAddUp) {
  format::Node node = repository.file("f", {"abc"});
  repository.store();
  node.size_bytes = 1ULL << 62U;
  EXPECT_EQ(code_of([&] { static_cast<void>(open_file(repository.get(), node)); }), Errc::corrupt);
  node.size_bytes = 3;
  node.content->front().bytes.fill(std::byte{1});
  EXPECT_EQ(code_of([&] { static_cast<void>(open_file_random(repository.get(), node)); }),
            Errc::corrupt);
}

TEST_F(TreeWalk, SaysAtEveryReadThatAFileIsDamaged) {
  const format::Node node = repository.file("f", {noise(1000, 1), noise(1000, 2)});
  repository.store();
  repository.storage().damage(storage::FileKind::pack);
  const std::unique_ptr<ByteSource> source = open_file(repository.get(), node);
  Bytes into(100);
  const auto read_on = [&] {
    while (source->read(into) != 0) {
    }
  };
  EXPECT_EQ(code_of(read_on), Errc::corrupt);
  EXPECT_EQ(code_of(read_on), Errc::corrupt);
}

}  // namespace
}  // namespace holdfast::archive
