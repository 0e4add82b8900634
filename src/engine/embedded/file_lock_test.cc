// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/file_lock.h"

#include <sys/stat.h>

#include "engine/embedded/test_places.h"

namespace holdfast::engine::embedded {
namespace {

class FileLockTest : public testing::Test {
 protected:
  void put(const std::string& content) const { write_file_durably(file_, as_bytes(content)); }

  TemporaryDirectory home_{"holdfast-lock-test"};
  std::filesystem::path file_ = home_.path() / "db.lck";
};

TEST_F(FileLockTest, SaysNothingOfAFileThatIsNotLockedOrNotThere) {
  EXPECT_FALSE(who_locks(file_));
  put("x");
  EXPECT_FALSE(who_locks(file_));
}

TEST_F(FileLockTest, NamesTheProcessThatLocks) {
  put("x");
  const Locker locker(file_);
  ASSERT_TRUE(locker.had());
  const auto holder = who_locks(file_);
  ASSERT_TRUE(holder);
  EXPECT_EQ(holder->pid, locker.pid());
  EXPECT_NE(holder->command.find("engine_tests"), std::string::npos) << holder->command;
  EXPECT_FALSE(FileLock::try_take({file_, ""}));
}

TEST_F(FileLockTest, KeepsOthersOutUntilItIsGone) {
  put("x");
  {
    const auto lock = FileLock::try_take({file_, ""});
    ASSERT_TRUE(lock);
    EXPECT_TRUE(lock->stands());
    EXPECT_FALSE(Locker(file_).had());
    // What drops the locks of a process leaves this one alone.
    static_cast<void>(read_text_file(file_));
    EXPECT_FALSE(Locker(file_).had());
    EXPECT_TRUE(who_locks(file_));
  }
  EXPECT_TRUE(Locker(file_).had());
  EXPECT_TRUE(std::filesystem::exists(file_));
}

TEST_F(FileLockTest, MakesAFileThatIsNotThereAndRemovesItAgain) {
  {
    const auto lock = FileLock::try_take({file_, "abcd"});
    ASSERT_TRUE(lock);
    EXPECT_EQ(read_text_file(file_), "abcd");
    EXPECT_FALSE(Locker(file_).had());
    struct stat status {};
    ASSERT_EQ(::stat(file_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    EXPECT_EQ(status.st_uid, ::geteuid());
    EXPECT_EQ(status.st_nlink, 1U);
  }
  EXPECT_TRUE(std::filesystem::is_empty(home_.path()));
}

// Root makes it for the application, which must be able to open it: Derby ignores a lock file that
// it may not open.
TEST_F(FileLockTest, AFileThatItMakesBelongsToTheOwnerOfTheDirectory) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  ASSERT_EQ(::chown(home_.path().c_str(), 33, 34), 0);
  const auto lock = FileLock::try_take({file_, "abcd"});
  ASSERT_TRUE(lock);
  struct stat status {};
  ASSERT_EQ(::stat(file_.c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 33U);
  EXPECT_EQ(status.st_gid, 34U);
}

TEST_F(FileLockTest, AnEmptyFileGetsTheContentAndStays) {
  put("");
  { ASSERT_TRUE(FileLock::try_take({file_, "abcd"})); }
  EXPECT_EQ(read_text_file(file_), "abcd");
}

TEST_F(FileLockTest, AFileThatIsThereKeepsItsContent) {
  put("other");
  { ASSERT_TRUE(FileLock::try_take({file_, "abcd"})); }
  EXPECT_EQ(read_text_file(file_), "other");
}

TEST_F(FileLockTest, NoticesThatItsFileWasReplaced) {
  put("x");
  const auto lock = FileLock::try_take({file_, ""});
  ASSERT_TRUE(lock);
  std::filesystem::remove(file_);
  EXPECT_FALSE(lock->stands());
  put("y");
  EXPECT_FALSE(lock->stands());
}

TEST_F(FileLockTest, LeavesAFileOfOthersThatTookTheNameOfItsOwn) {
  {
    const auto lock = FileLock::try_take({file_, "abcd"});
    ASSERT_TRUE(lock);
    std::filesystem::remove(file_);
    put("theirs");
  }
  EXPECT_EQ(read_text_file(file_), "theirs");
}

TEST_F(FileLockTest, WhatIsNotThereAndMayNotBeMadeIsAnError) {
  try {
    static_cast<void>(FileLock::try_take({file_, ""}));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::not_found);
  }
}

TEST_F(FileLockTest, SaysWhoItIsInAText) {
  EXPECT_EQ(display({12, "java x.jar"}), "pid 12 (java x.jar)");
  EXPECT_EQ(display({12, ""}), "pid 12");
  EXPECT_EQ(display({}), "a process that cannot be seen from here");
}

TEST_F(FileLockTest, FindsADescriptorsLockOfThisProcessToo) {
  put("x");
  const auto lock = FileLock::try_take({file_, ""});
  const auto holder = who_locks(file_);
  ASSERT_TRUE(holder);
  EXPECT_LE(holder->pid, 0);
}

}  // namespace
}  // namespace holdfast::engine::embedded
