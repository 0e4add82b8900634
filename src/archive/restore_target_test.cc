// SPDX-License-Identifier: Apache-2.0
#include "archive/restore_target.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "base/error.h"

namespace holdfast::archive {
namespace {

namespace fs = std::filesystem;

TEST(RestoreTarget, MakesTheTargetAndDirectoriesForTheOwnerAlone) {
  const TemporaryDirectory scratch("holdfast-test");
  RestoreTarget target(scratch.path() / "a/b/", {});
  EXPECT_TRUE(target.root()->fresh);
  const auto inner = target.below(target.below(target.root(), "c"), "d");
  EXPECT_TRUE(target.ensure(*inner));
  EXPECT_TRUE(inner->fresh);
  EXPECT_EQ(fs::status(scratch.path() / "a/b/c/d").permissions(), fs::perms::owner_all);
  EXPECT_EQ(RestoreTarget::location_of(*inner, "e"), "/c/d/e");
  EXPECT_EQ(RestoreTarget::location_of(*target.root(), {}), "/");
  EXPECT_EQ(target.path_of(*inner, "e"), (scratch.path() / "a/b/c/d/e").string());
  EXPECT_FALSE(RestoreTarget(scratch.path() / "a", {}).root()->fresh);
}

TEST(RestoreTarget, SaysOnceThatADirectoryCannotBeHad) {
  const TemporaryDirectory scratch("holdfast-test");
  std::ofstream(scratch.path() / "file") << "x";
  RestoreTarget target(scratch.path(), {.replace = false});
  const auto file = target.below(target.root(), "file");
  const auto below = target.below(file, "below");
  EXPECT_THROW(target.ensure(*below), Error);
  EXPECT_FALSE(target.ensure(*below));
  EXPECT_FALSE(target.ensure(*file));
}

TEST(RestoreTarget, OpensDirectoriesThatWereDroppedFromTheCache) {
  const TemporaryDirectory scratch("holdfast-test");
  RestoreTarget target(scratch.path(), {});
  std::vector<std::shared_ptr<TargetDirectory>> directories;
  std::shared_ptr<TargetDirectory> at = target.root();
  for (int i = 0; i < 600; ++i) {
    at = target.below(at, "d" + std::to_string(i));
    directories.push_back(at);
    EXPECT_TRUE(target.ensure(*at));
  }
  for (const auto& directory : directories) {
    const Fd file = open_at(target.open(*directory)->get(), "file", O_WRONLY | O_CREAT | O_EXCL);
    EXPECT_TRUE(static_cast<bool>(file));
  }
  // A symlink that took a directory's place is not followed.
  const auto first = directories.front();
  fs::rename(scratch.path() / "d0", scratch.path() / "moved");
  fs::create_directory_symlink(scratch.path() / "moved", scratch.path() / "d0");
  EXPECT_THROW(static_cast<void>(target.open(*first)), Error);
  fs::remove(scratch.path() / "d0");
}

TEST(RestoreTarget, RemovesTreesWithoutFollowingSymlinks) {
  const TemporaryDirectory scratch("holdfast-test");
  fs::create_directories(scratch.path() / "target/x/y");
  fs::create_directories(scratch.path() / "outside");
  std::ofstream(scratch.path() / "outside/kept") << "x";
  std::ofstream(scratch.path() / "target/x/y/file") << "x";
  fs::create_directory_symlink(scratch.path() / "outside", scratch.path() / "target/x/link");
  fs::permissions(scratch.path() / "target/x/y", fs::perms::none);
  RestoreTarget target(scratch.path() / "target", {});
  std::vector<std::string> names = target.list(*target.root());
  EXPECT_EQ(names, std::vector<std::string>{"x"});
  std::vector<std::string> removed;
  target.remove_all(*target.root(), "x",
                    [&](const std::string& below) { removed.push_back(below); });
  EXPECT_EQ(removed.back(), "x");
  EXPECT_EQ(removed.size(), 4U);
  EXPECT_TRUE(fs::exists(scratch.path() / "outside/kept"));
  EXPECT_TRUE(fs::is_empty(scratch.path() / "target"));
}

TEST(RestoreTarget, BoundsWhatItRemoves) {
  const TemporaryDirectory scratch("holdfast-test");
  fs::path deep = scratch.path() / "x";
  for (int i = 0; i < 300; ++i) deep /= "d";
  fs::create_directories(deep);
  RestoreTarget target(scratch.path(), {});
  EXPECT_THROW(target.remove_all(*target.root(), "x", [](const std::string&) {}), Error);
}

TEST(RestoreTarget, CountsTheDirectoriesThatAreHeld) {
  const TemporaryDirectory scratch("holdfast-test");
  RestoreTarget target(scratch.path(), {});
  EXPECT_EQ(target.directories_bytes(), 0U);
  auto outer = target.below(target.root(), std::string(500, 'x'));
  auto inner = target.below(outer, "y");
  const std::size_t both = target.directories_bytes();
  EXPECT_GT(both, 500 + 2 * sizeof(TargetDirectory));
  outer.reset();
  EXPECT_EQ(target.directories_bytes(), both) << "the inner one holds it";
  inner.reset();
  EXPECT_EQ(target.directories_bytes(), 0U);
}

TEST(RestoreTarget, TellsWhetherAFileCanBeReadBack) {
  const TemporaryDirectory scratch("holdfast-test");
  std::ofstream(scratch.path() / "f") << "content";
  RestoreTarget target(scratch.path(), {});
  Bytes into(4);
  EXPECT_TRUE(target.read_back(open_file(scratch.path() / "f", O_RDONLY), into, 3));
  EXPECT_EQ(as_text(into), "tent");
  EXPECT_FALSE(target.read_back(open_file(scratch.path() / "f", O_RDONLY), into, 4));
  EXPECT_FALSE(target.read_back(open_file(scratch.path() / "f", O_WRONLY), into, 0));
  EXPECT_NO_THROW(target.flush(open_file(scratch.path() / "f", O_WRONLY), "f"));
}

TEST(FdCache, LetsGoOfNothingThatIsInUseOrWanted) {
  FdCache cache(2);
  const auto open_null = [] { return open_file("/dev/null", O_RDONLY); };
  std::optional<FdCache::Entry> evicted;
  const auto any = [](std::uint64_t) { return true; };
  const std::shared_ptr<const Fd> in_use = cache.keep(1, open_null(), any, evicted);
  const int second = cache.keep(2, open_null(), any, evicted)->get();
  EXPECT_FALSE(evicted);
  cache.keep(3, open_null(), any, evicted);
  ASSERT_TRUE(evicted);
  EXPECT_EQ(evicted->key, 2U) << "not the oldest, which is in use";
  EXPECT_EQ(evicted->fd->get(), second);
  EXPECT_NE(::fcntl(second, F_GETFD), -1) << "the caller closes it";
  evicted.reset();
  EXPECT_EQ(::fcntl(second, F_GETFD), -1);
  cache.keep(
      4, open_null(), [](std::uint64_t key) { return key != 3; }, evicted);
  EXPECT_FALSE(evicted) << "rather one too many";
  EXPECT_NE(cache.find(3), nullptr);
}

TEST(FdCache, ClosesWhatWasUsedLongestAgo) {
  FdCache cache(2);
  const auto open_null = [] { return open_file("/dev/null", O_RDONLY); };
  const int first = cache.keep(1, open_null())->get();
  const int second = cache.keep(2, open_null())->get();
  EXPECT_EQ(cache.find(1)->get(), first);
  cache.keep(3, open_null());
  EXPECT_EQ(cache.find(2), nullptr);
  EXPECT_EQ(::fcntl(second, F_GETFD), -1);
  const std::shared_ptr<const Fd> in_use = cache.find(1);
  cache.drop(1);
  EXPECT_EQ(cache.find(1), nullptr);
  EXPECT_NE(::fcntl(in_use->get(), F_GETFD), -1);
  const std::shared_ptr<const Fd> again = cache.keep(3, open_null());
  EXPECT_EQ(again, cache.find(3));
}

}  // namespace
}  // namespace holdfast::archive
