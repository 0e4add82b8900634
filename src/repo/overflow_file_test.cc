// SPDX-License-Identifier: Apache-2.0
#include "repo/overflow_file.h"

#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

namespace holdfast::repo {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t some_bytes = 3'000'000;

// On a disk, whatever TMPDIR is.
class OverflowFileTest : public testing::Test {
 protected:
  void SetUp() override {
    if (OverflowFile(directory_.path(), 0).extend(1) == nullptr) {
      GTEST_SKIP() << "files below /var/tmp cannot take what is too much for memory";
    }
  }
  const TemporaryDirectory directory_{"holdfast-overflow-test", "/var/tmp"};
};

bool is_zero(const std::byte* bytes, std::size_t count) {
  return std::all_of(bytes, bytes + count, [](std::byte each) { return each == std::byte{0}; });
}

TEST_F(OverflowFileTest, GivesZerosAtPagesThatKeepWhatIsWritten) {
  OverflowFile file(directory_.path(), 0);
  std::byte* const first = file.extend(some_bytes);
  std::byte* const second = file.extend(some_bytes);
  ASSERT_TRUE(first != nullptr && second != nullptr);
  for (std::byte* const bytes : {first, second}) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(bytes) % 4096, 0U);
    EXPECT_TRUE(is_zero(bytes, some_bytes));
  }
  std::fill_n(first, some_bytes, std::byte{1});
  EXPECT_TRUE(is_zero(second, some_bytes));
  std::fill_n(second, some_bytes, std::byte{2});
  EXPECT_EQ(std::count(first, first + some_bytes, std::byte{1}), some_bytes);
  EXPECT_GE(file.size_bytes(), 2 * some_bytes);
}

TEST_F(OverflowFileTest, HasItsRoomBeforeItIsWritten) {
  OverflowFile file(directory_.path(), 0);
  ASSERT_NE(file.extend(some_bytes), nullptr);
  struct stat status {};
  ASSERT_EQ(::fstat(file.file().get(), &status), 0);
  EXPECT_GE(static_cast<std::uint64_t>(status.st_blocks) * 512, some_bytes);
}

TEST_F(OverflowFileTest, MakesItsDirectoryAndLeavesNoNameThere) {
  const fs::path below = directory_.path() / "not" / "there";
  OverflowFile file(below, 0);
  ASSERT_NE(file.extend(some_bytes), nullptr);
  EXPECT_TRUE(fs::is_empty(below));
  struct stat status {};
  ASSERT_EQ(::stat(below.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0700U);
}

TEST_F(OverflowFileTest, LeavesRoomForOthers) {
  constexpr std::uint64_t all = std::numeric_limits<std::uint64_t>::max() / 2;
  EXPECT_EQ(OverflowFile(directory_.path(), all).extend(some_bytes), nullptr);
}

TEST_F(OverflowFileTest, DoesNotTryAgain) {
  const fs::path taken = directory_.path() / "taken";
  write_file_durably(taken, {});
  OverflowFile file(taken);
  EXPECT_EQ(file.extend(some_bytes), nullptr);
  fs::remove(taken);
  fs::create_directory(taken);
  EXPECT_EQ(file.extend(some_bytes), nullptr);
  EXPECT_EQ(file.size_bytes(), 0U);
}

TEST(OverflowFile, NeedsADirectoryThatDoesNotLieInMemory) {
  EXPECT_EQ(OverflowFile({}).extend(some_bytes), nullptr);
  EXPECT_EQ(OverflowFile("/proc/self").extend(some_bytes), nullptr);
  struct statfs system {};
  if (::statfs("/dev/shm", &system) != 0 || system.f_type != TMPFS_MAGIC) {
    GTEST_SKIP() << "/dev/shm is no tmpfs";
  }
  EXPECT_EQ(OverflowFile("/dev/shm", 0).extend(some_bytes), nullptr);
}

}  // namespace
}  // namespace holdfast::repo
