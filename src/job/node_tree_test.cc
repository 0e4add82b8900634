// SPDX-License-Identifier: Apache-2.0
#include "job/node_tree.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/fd.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

class NodeTreeTest : public ::testing::Test {
 protected:
  NodeTreeTest() {
    fs::create_directories(source_ / "sub");
    write(source_ / "a", "alpha");
    write(source_ / "sub/b", std::string(3U << 20U, 'b'));
    fs::create_symlink("../elsewhere", source_ / "link");
    fs::create_hard_link(source_ / "a", source_ / "sub/a2");
    EXPECT_EQ(::mkfifo((source_ / "pipe").c_str(), 0600), 0);
    ::chmod((source_ / "a").c_str(), 0604);
    ::chmod((source_ / "sub").c_str(), 0711);
    age(source_ / "sub", 1'000'000'000);
    age(source_ / "a", 1'234'567'890);
  }

  static void write(const fs::path& path, std::string_view text) {
    write_file_durably(path, as_bytes(text), 0644);
  }
  static void age(const fs::path& path, std::int64_t seconds) {
    const struct timespec times[2] = {{seconds, 123}, {seconds, 456}};
    ::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW);
  }
  [[nodiscard]] format::Node node() const {
    for (format::Node& one : open_node_directory(root_.path())->entries()) {
      if (one.name == "source") return one;
    }
    throw Error(Errc::not_found, "source");
  }
  void restore() {
    restore_node(*open_node_directory(root_.path()), node(), target_, observer_, {});
  }
  [[nodiscard]] std::vector<std::string> differences(bool content = true,
                                                     std::size_t count_max = 100) const {
    std::vector<std::string> lines;
    for (const NodeDifference& one : compare_node(*open_node_directory(root_.path()), node(),
                                                  target_, content, count_max, {})) {
      lines.push_back(one.path.substr(target_.string().size()) + ": " + one.expected + " / " +
                      one.found);
    }
    return lines;
  }

  TemporaryDirectory root_{"node-tree-test"};
  fs::path source_ = root_.path() / "source", target_ = root_.path() / "target";
  model::SilentObserver observer_;
};

TEST_F(NodeTreeTest, RestoresWhatComparesEqual) {
  restore();
  EXPECT_EQ(differences(), std::vector<std::string>{});
  struct ::stat one {
  }, other{};
  ASSERT_EQ(::stat((target_ / "a").c_str(), &one), 0);
  ASSERT_EQ(::stat((target_ / "sub/a2").c_str(), &other), 0);
  EXPECT_EQ(one.st_ino, other.st_ino);
  EXPECT_EQ(one.st_mode & 07777U, 0604U);
  EXPECT_EQ(observer_.files_done, 4U);
}

TEST_F(NodeTreeTest, NamesEveryKindOfDifference) {
  restore();
  ::chmod((target_ / "a").c_str(), 0644);
  EXPECT_EQ(differences(), (std::vector<std::string>{"/a: mode 0604 / mode 0644",
                                                     "/sub/a2: mode 0604 / mode 0644"}));
  ::chmod((target_ / "a").c_str(), 0604);

  fs::remove(target_ / "sub/b");
  age(target_ / "sub", 1'000'000'000);
  EXPECT_EQ(differences(), std::vector<std::string>{"/sub/b: a file / nothing"});
  fs::create_directory(target_ / "sub/b");
  write(target_ / "sub/zzz", "");
  age(target_ / "sub", 1'000'000'000);
  EXPECT_EQ(differences(), (std::vector<std::string>{"/sub/b: a file / a directory",
                                                     "/sub/zzz: nothing / a file"}));
  EXPECT_EQ(differences(true, 1).size(), 1U);
}

class CountingObserver final : public model::Observer {
 public:
  void warning(std::string_view) override { ++warnings; }
  int warnings = 0;
};

// Files of others are the user's own after he restored them: without set-uid, which is told, and
// is no difference.
TEST_F(NodeTreeTest, OrdinaryUsersRestoreNoSetUidOfOthers) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to become someone else";
  ASSERT_EQ(::chmod((source_ / "a").c_str(), 04755), 0);
  for (const fs::path& readable : {source_, source_ / "sub"}) {
    ASSERT_EQ(::chmod(readable.c_str(), 0755), 0);
  }
  ASSERT_EQ(::chmod(root_.path().c_str(), 0777), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    int code = 1;
    if (::setgid(4321) == 0 && ::setuid(4321) == 0) {
      try {
        CountingObserver observer;
        restore_node(*open_node_directory(root_.path()), node(), target_, observer, {});
        code = observer.warnings == 0 ? 2 : differences().empty() ? 0 : 3;
      } catch (const Error&) {
        code = 4;
      }
    }
    ::_exit(code);
  }
  int result = -1;
  ASSERT_EQ(::waitpid(child, &result, 0), child);
  EXPECT_EQ(WIFEXITED(result) ? WEXITSTATUS(result) : -1, 0);
  struct ::stat status {};
  ASSERT_EQ(::stat((target_ / "a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0755U);
}

TEST_F(NodeTreeTest, ComparesContentOnlyWhereAsked) {
  restore();
  struct ::stat status {};
  ASSERT_EQ(::stat((target_ / "sub/b").c_str(), &status), 0);
  std::string text(3U << 20U, 'b');
  text[2'500'000] = 'x';
  const Fd file = open_file(target_ / "sub/b", O_WRONLY);
  pwrite_all(file.get(), as_bytes(text), 0, "b");
  const struct timespec times[2] = {status.st_atim, status.st_mtim};
  ::futimens(file.get(), times);
  EXPECT_EQ(differences(false), std::vector<std::string>{});
  const auto found = differences(true);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0], "/sub/b: the content that was saved / other content from byte 2500000 on");
}

TEST_F(NodeTreeTest, SaysThatNothingIsThere) {
  EXPECT_EQ(differences(), std::vector<std::string>{": a directory / nothing"});
}

TEST_F(NodeTreeTest, NeverFollowsALinkOfItsTarget) {
  fs::create_symlink(root_.path() / "source", target_);
  const auto found = differences();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0], ": a directory / a symbolic link");
  EXPECT_THROW(restore(), Error);
}

TEST_F(NodeTreeTest, CountsWhatIsThere) {
  const NodeCounts counts = count_node(*open_node_directory(root_.path()), node(), {});
  EXPECT_EQ(counts.files, 5U);
  EXPECT_EQ(counts.directories, 2U);
  EXPECT_EQ(counts.bytes, (3U << 20U) + 10);
}

TEST_F(NodeTreeTest, EndsWhenItIsStopped) {
  std::stop_source stop;
  stop.request_stop();
  const auto here = open_node_directory(root_.path());
  EXPECT_THROW(restore_node(*here, node(), target_, observer_, stop.get_token()), Error);
  EXPECT_THROW(static_cast<void>(compare_node(*here, node(), source_, true, 1, stop.get_token())),
               Error);
}

}  // namespace
}  // namespace holdfast::job
