// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>

#include "base/error.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

template <typename Body>
Error error_of(Body body) {
  try {
    body();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no Error";
  return {Errc::bug, ""};
}

bool is_open(int number) {
  return ::fcntl(number, F_GETFD) >= 0;
}

std::size_t count_entries(const fs::path& directory) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
}

class FdTest : public testing::Test {
 protected:
  fs::path write(const char* name, std::string_view content) {
    const fs::path path = scratch_.path() / name;
    write_file_durably(path, as_bytes(content));
    return path;
  }

  TemporaryDirectory scratch_{"holdfast-test"};
};

TEST_F(FdTest, ClosesAtTheEndOfItsLife) {
  int number = -1;
  {
    const Fd fd = open_file(write("a", "x"), O_RDONLY);
    number = fd.get();
    EXPECT_TRUE(is_open(number));
    EXPECT_NE(::fcntl(number, F_GETFD) & FD_CLOEXEC, 0);
  }
  EXPECT_FALSE(is_open(number));
}

TEST_F(FdTest, MoveAssignmentClosesWhatWasHeld) {
  const fs::path path = write("a", "x");
  Fd one = open_file(path, O_RDONLY);
  Fd other = open_file(path, O_RDONLY);
  const int lost = one.get();
  const int kept = other.get();
  one = std::move(other);
  EXPECT_FALSE(is_open(lost));
  EXPECT_TRUE(is_open(kept));
  EXPECT_EQ(one.get(), kept);
  Fd& self = one;
  one = std::move(self);
  EXPECT_TRUE(is_open(kept));
  one.close(path.native());
  EXPECT_FALSE(one);
  EXPECT_FALSE(is_open(kept));
}

TEST_F(FdTest, CloseReportsABadDescriptor) {
  Fd fd(987654);
  EXPECT_EQ(error_of([&] { fd.close("/x"); }).code(), Errc::io);
}

TEST_F(FdTest, OpeningNamesTheFile) {
  const fs::path path = scratch_.path() / "missing";
  const Error error = error_of([&] { static_cast<void>(open_file(path, O_RDONLY)); });
  EXPECT_EQ(error.code(), Errc::not_found);
  EXPECT_EQ(error.message(), "opening " + path.native() + ": no such file or directory");
  EXPECT_FALSE(try_open_file(path, O_RDONLY));
  EXPECT_FALSE(try_open_file(write("file", "x") / "below", O_RDONLY));
  EXPECT_TRUE(try_open_file(write("a", "x"), O_RDONLY));
  EXPECT_EQ(error_of([&] {
              static_cast<void>(try_open_file(write("b", "x"), O_RDONLY | O_DIRECTORY));
            }).code(),
            Errc::io);
}

TEST_F(FdTest, OpensBelowADirectory) {
  write("a", "x");
  const Fd directory = open_file(scratch_.path(), O_RDONLY | O_DIRECTORY);
  EXPECT_TRUE(open_at(directory.get(), "a", O_RDONLY));
  EXPECT_EQ(error_of([&] { static_cast<void>(open_at(directory.get(), "b", O_RDONLY)); }).code(),
            Errc::not_found);
}

TEST_F(FdTest, ReadsAndWritesAtOffsets) {
  const fs::path path = scratch_.path() / "a";
  const Fd fd = open_file(path, O_RDWR | O_CREAT);
  write_all(fd.get(), as_bytes("hello"), path.native());
  pwrite_all(fd.get(), as_bytes("LL"), 2, path.native());
  std::array<std::byte, 3> three;
  pread_exact(fd.get(), three, 2, path.native());
  EXPECT_EQ(as_text(three), "LLo");
  const Error error = error_of([&] { pread_exact(fd.get(), three, 3, path.native()); });
  EXPECT_EQ(error.code(), Errc::corrupt);
  EXPECT_EQ(error.message(), path.native() + " ends at byte 5, before byte 6");
  EXPECT_EQ(error_of([&] { pread_exact(fd.get(), three, UINT64_MAX, path.native()); }).code(),
            Errc::io);
  EXPECT_EQ(read_some(fd.get(), three, path.native()), 0U);
}

TEST_F(FdTest, WritingToAFullDeviceIsNoSpace) {
  const Fd fd = open_file("/dev/full", O_WRONLY);
  EXPECT_EQ(error_of([&] { write_all(fd.get(), as_bytes("x"), "/dev/full"); }).code(),
            Errc::no_space);
}

TEST_F(FdTest, SinkAndSourceCarryBytesThroughAPipe) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const Fd out(ends[0]);
  Fd in(ends[1]);
  FdSink(in.get(), "pipe").write(as_bytes("hello"));
  in.reset();
  FdSource source(out.get(), "pipe");
  EXPECT_EQ(as_text(read_all(source, 100)), "hello");
}

TEST_F(FdTest, ReadsSmallFilesWhole) {
  EXPECT_EQ(read_text_file(write("a", "hello")), "hello");
  EXPECT_EQ(read_text_file(write("b", "")), "");
  EXPECT_FALSE(read_text_file("/proc/self/status").empty());
  EXPECT_EQ(read_text_file(write("c", "12345"), 5), "12345");
  EXPECT_EQ(error_of([&] { static_cast<void>(read_text_file(write("d", "123456"), 5)); }).code(),
            Errc::corrupt);
  EXPECT_EQ(error_of([] { static_cast<void>(read_text_file("/proc/self/status", 5)); }).code(),
            Errc::corrupt);
  EXPECT_EQ(error_of([] { static_cast<void>(read_text_file("/")); }).code(), Errc::io);
}

TEST_F(FdTest, ReplacesAFileAsAWholeAndLeavesNothingBeside) {
  const fs::path path = write("a", "old content");
  write_file_durably(path, as_bytes("new"), 0640);
  EXPECT_EQ(read_text_file(path), "new");
  EXPECT_EQ(count_entries(scratch_.path()), 1U);
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07137U, 0U);
}

TEST_F(FdTest, AFailedReplacementLeavesNoTemporaryFile) {
  fs::create_directory(scratch_.path() / "taken");
  std::ofstream(scratch_.path() / "taken" / "inside") << "x";
  EXPECT_THROW(write_file_durably(scratch_.path() / "taken", as_bytes("x")), Error);
  EXPECT_EQ(count_entries(scratch_.path()), 1U);
  EXPECT_EQ(error_of([&] {
              write_file_durably(scratch_.path() / "missing" / "a", as_bytes("x"));
            }).code(),
            Errc::not_found);
}

TEST_F(FdTest, ReplacesFilesWithTheLongestName) {
  const std::string name(255, 'n');
  EXPECT_EQ(read_text_file(write(name.c_str(), "x")), "x");
}

// Is nobody for a while, if it was root, whom no mode keeps from anything.
class Nobody {
 public:
  explicit Nobody(const std::filesystem::path& owned) {
    if (::geteuid() != 0) return;
    static_cast<void>(!::chown(owned.c_str(), 65534, 65534));
    static_cast<void>(!::seteuid(65534));
  }
  ~Nobody() {
    if (::getuid() == 0) static_cast<void>(!::seteuid(0));
  }
  Nobody(const Nobody&) = delete;
  Nobody& operator=(const Nobody&) = delete;
};

TEST(EraseTree, RemovesDirectoriesInWhichTheirOwnerMayNotWrite) {
  const TemporaryDirectory directory("holdfast-test");
  const Nobody nobody(directory.path());
  const std::filesystem::path top = directory.path() / "top";
  std::filesystem::create_directories(top / "a/b");
  write_file_durably(top / "a/b/file", as_bytes("content"));
  for (const char* name : {"a/b", "a", "."}) ASSERT_EQ(::chmod((top / name).c_str(), 0500), 0);
  std::error_code failure;
  std::filesystem::remove_all(top, failure);
  ASSERT_TRUE(failure) << "which is why there is erase_tree()";
  erase_tree(top);
  EXPECT_FALSE(std::filesystem::exists(top));
}

TEST(EraseTree, RemovesFilesAndLinksButNotWhatALinkPointsTo) {
  const TemporaryDirectory directory("holdfast-test");
  const std::filesystem::path outside = directory.path() / "outside";
  std::filesystem::create_directory(outside);
  write_file_durably(outside / "file", as_bytes("content"));
  std::filesystem::create_symlink(outside, directory.path() / "link");
  write_file_durably(directory.path() / "plain", as_bytes("content"));
  for (const char* name : {"link", "plain", "missing", "plain/missing"})
    erase_tree(directory.path() / name);
  EXPECT_TRUE(std::filesystem::exists(outside / "file"));
  EXPECT_FALSE(std::filesystem::exists(directory.path() / "plain"));
  EXPECT_FALSE(std::filesystem::is_symlink(directory.path() / "link"));
}

TEST(EraseTree, SaysWhatCouldNotBeRemoved) {
  try {
    erase_tree("/proc/self");
    FAIL() << "/proc/self is gone";
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("removing /proc/self"), std::string::npos) << error.message();
  }
}

TEST(TemporaryDirectory, IsPrivateAndRemovedWithAllContent) {
  fs::path path;
  {
    const TemporaryDirectory directory("holdfast-test");
    path = directory.path();
    EXPECT_TRUE(path.is_absolute());
    struct stat status {};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0700U);
    fs::create_directories(path / "a/b/c/d");
    std::ofstream(path / "a/b/c/d/file") << "x";
    std::ofstream(path / "file") << "x";
    ASSERT_EQ(::mkfifo((path / "a/pipe").c_str(), 0600), 0);
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST(TemporaryDirectory, DoesNotFollowSymbolicLinks) {
  const TemporaryDirectory outside("holdfast-test");
  std::ofstream(outside.path() / "precious") << "x";
  {
    const TemporaryDirectory directory("holdfast-test");
    fs::create_directory_symlink(outside.path(), directory.path() / "link");
    fs::create_directory(directory.path() / "sub");
    fs::create_directory_symlink(outside.path(), directory.path() / "sub" / "link");
  }
  EXPECT_TRUE(fs::exists(outside.path() / "precious"));
}

TEST(TemporaryDirectory, RemovesDirectoriesWithoutPermissionBits) {
  fs::path path;
  {
    const TemporaryDirectory directory("holdfast-test");
    path = directory.path();
    fs::create_directories(path / "a/b/c");
    std::ofstream(path / "a/b/file") << "x";
    ASSERT_EQ(::chmod((path / "a/b/c").c_str(), 0), 0);
    ASSERT_EQ(::chmod((path / "a/b").c_str(), 0), 0);
    ASSERT_EQ(::chmod((path / "a").c_str(), 0), 0);
    ASSERT_EQ(::chmod(path.c_str(), 0), 0);
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST(TemporaryDirectory, RemovesTreesDeeperThanAnyPath) {
  fs::path path;
  {
    const TemporaryDirectory directory("holdfast-test");
    path = directory.path();
    const std::string name(200, 'd');
    Fd at = open_file(path, O_RDONLY | O_DIRECTORY);
    for (int depth = 0; depth < 3000; ++depth) {
      ASSERT_EQ(::mkdirat(at.get(), name.c_str(), 0700), 0);
      at = open_at(at.get(), name, O_RDONLY | O_DIRECTORY);
    }
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST(TemporaryDirectory, LiesBelowTheGivenDirectoryAndMovesOnce) {
  const TemporaryDirectory below("holdfast-test");
  fs::path path;
  {
    TemporaryDirectory inner("inner", below.path());
    path = inner.path();
    EXPECT_EQ(path.parent_path(), below.path());
    const TemporaryDirectory moved = std::move(inner);
    EXPECT_EQ(moved.path(), path);
    EXPECT_TRUE(fs::exists(path));
  }
  EXPECT_FALSE(fs::exists(path));
  EXPECT_THROW(TemporaryDirectory("x", below.path() / "missing"), Error);
}

}  // namespace
}  // namespace holdfast
