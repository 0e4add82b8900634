// SPDX-License-Identifier: Apache-2.0
#include "archive/restore_output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <fstream>

#include "base/error.h"

namespace holdfast::archive {
namespace {

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(RestoreOutput, WritesWhatIsNotZeroWhereverPagesBegin) {
  const TemporaryDirectory scratch("holdfast-test");
  for (const std::size_t shift : {0U, 1U, 4095U, 4096U, 5000U}) {
    SCOPED_TRACE(shift);
    const std::filesystem::path path = scratch.path() / std::to_string(shift);
    std::string bytes(40'000, '\0');
    bytes.replace(0, 3, "abc");
    bytes[20'000] = 'x';
    bytes.back() = 'z';
    const Fd fd = open_file(path, O_WRONLY | O_CREAT);
    set_file_size(fd.get(), shift + bytes.size(), path.string());
    write_sparse(fd.get(), as_bytes(bytes), shift, path.string());
    EXPECT_EQ(content_of(path), std::string(shift, '\0') + bytes);
    struct ::stat status {};
    ASSERT_EQ(::fstat(fd.get(), &status), 0);
    EXPECT_LT(status.st_blocks * 512, 30'000);
  }
}

TEST(RestoreOutput, ReservesRoomWithoutChangingTheSize) {
  const TemporaryDirectory scratch("holdfast-test");
  const Fd fd = open_file(scratch.path() / "f", O_WRONLY | O_CREAT);
  reserve_room(fd.get(), 100'000, "f");
  EXPECT_EQ(std::filesystem::file_size(scratch.path() / "f"), 0U);
  set_file_size(fd.get(), 10, "f");
  EXPECT_EQ(std::filesystem::file_size(scratch.path() / "f"), 10U);
}

TEST(RestoreOutput, SaysThatTheDiskIsFullBeforeWriting) {
  unsigned asked = 0;
  for (const char* const base : {"/var/tmp", "/dev/shm"}) {
    if (!std::filesystem::is_directory(base)) continue;
    const TemporaryDirectory scratch("holdfast-test", base);
    const Fd fd = open_file(scratch.path() / "f", O_WRONLY | O_CREAT);
    const auto space = std::filesystem::space(scratch.path());
    if (space.capacity == 0) continue;  // without a limit
    const std::uint64_t too_much = space.capacity + (1U << 20U);
    struct ::statfs system {};
    ASSERT_EQ(::fstatfs(fd.get(), &system), 0);
    if (system.f_type != TMPFS_MAGIC && system.f_type != EXT4_SUPER_MAGIC &&
        system.f_type != XFS_SUPER_MAGIC) {
      continue;  // it would have to be asked, and could take what others need
    }
    ++asked;
    try {
      reserve_room(fd.get(), too_much, "f");
      ADD_FAILURE() << base;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::no_space);
    }
    struct ::stat status {};
    ASSERT_EQ(::fstat(fd.get(), &status), 0);
    EXPECT_EQ(status.st_blocks, 0) << base;
  }
  EXPECT_GT(asked, 0U) << "neither /var/tmp nor /dev/shm says how much room there is";
  EXPECT_THROW(set_file_size(-1, 10, "f"), Error);
}

TEST(RestoreOutput, SetsMetadataOfAnEntry) {
  const TemporaryDirectory scratch("holdfast-test");
  std::ofstream(scratch.path() / "f") << "x";
  RestoreTarget target(scratch.path(), {});
  format::Node node;
  node.name = "f";
  node.mode = 0600;
  node.mtime = node.atime = {1'500'000'000, 5, 0};
  node.uid = ::geteuid();
  node.gid = ::getegid();
  restore_metadata(target, {}, *target.root(), "f", node);
  const std::optional<struct ::stat> status = target.status(*target.root(), "f");
  ASSERT_TRUE(status);
  EXPECT_EQ(status->st_mode & 07777U, 0600U);
  EXPECT_EQ(status->st_mtim.tv_sec, 1'500'000'000);
  EXPECT_EQ(status->st_mtim.tv_nsec, 5);
  EXPECT_THROW(restore_metadata(target, {}, *target.root(), "none", node), Error);
}

}  // namespace
}  // namespace holdfast::archive
