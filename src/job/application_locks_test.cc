// SPDX-License-Identifier: Apache-2.0
#include "job/application_locks.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/fd.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

class ApplicationLocksTest : public testing::Test {
 protected:
  ApplicationLocksTest() {
    fs::create_directories(home_);
    write_file_durably(home_ / "content", as_bytes("x"), 0644);
  }
  static bool is_free(const fs::path& place) { return !engine::embedded::who_locks(place); }

  TemporaryDirectory directory_{"holdfast-application-locks"};
  fs::path home_ = directory_.path() / "home";
  fs::path lock_ = home_ / ".lock";
};

TEST_F(ApplicationLocksTest, NamesWhoHasALockUnlessTheApplicationIsStopped) {
  EXPECT_FALSE(find_holders({lock_}, false).is_running);
  write_file_durably(lock_, as_bytes(""), 0644);
  EXPECT_FALSE(find_holders({lock_}, false).is_running) << "a file alone is no application";
  ApplicationLocks somebody;
  somebody.take(lock_);
  const LockFindings found = find_holders({lock_}, false);
  EXPECT_TRUE(found.is_running);
  ASSERT_EQ(found.findings.size(), 1U);
  EXPECT_EQ(found.findings[0].code, "target-running");
  EXPECT_NE(found.findings[0].seen.find(lock_.string()), std::string::npos);
  EXPECT_TRUE(find_holders({lock_}, true).is_running);
  EXPECT_TRUE(find_holders({lock_}, true).findings.empty());
}

TEST_F(ApplicationLocksTest, RefusesWhatSomebodyHas) {
  ApplicationLocks somebody;
  somebody.take(lock_);
  ApplicationLocks locks;
  try {
    locks.take(lock_);
    FAIL() << "it was taken twice";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unavailable);
  }
}

TEST_F(ApplicationLocksTest, LeavesNothingBehindWhereverTheDirectoryWent) {
  {
    ApplicationLocks locks;
    locks.take(lock_);
    const fs::path kept = directory_.path() / "home_before";
    fs::rename(home_, kept);
    locks.moved(home_, kept);
    EXPECT_FALSE(is_free(kept / ".lock"));
    locks.release();
    EXPECT_FALSE(fs::exists(kept / ".lock"));
    fs::rename(kept, home_);
  }
  {
    ApplicationLocks locks;
    locks.take(lock_);
    locks.moved(home_, directory_.path() / "elsewhere");
    locks.put_back();
    EXPECT_FALSE(is_free(lock_));
  }
  EXPECT_FALSE(fs::exists(lock_));
}

TEST_F(ApplicationLocksTest, TakesOneThatIsReachedByTwoWaysOnce) {
  fs::create_directory_symlink(home_, directory_.path() / "link");
  ApplicationLocks locks;
  locks.take(lock_);
  locks.take(directory_.path() / "link" / ".lock");
  locks.release();
  EXPECT_FALSE(fs::exists(lock_));
}

TEST_F(ApplicationLocksTest, MakesNothingWhereNoApplicationIs) {
  ApplicationLocks locks;
  fs::remove(home_ / "content");
  locks.take(lock_);
  locks.take(directory_.path() / "missing" / ".lock");
  EXPECT_TRUE(fs::is_empty(home_));
  EXPECT_FALSE(fs::exists(directory_.path() / "missing"));
}

}  // namespace
}  // namespace holdfast::job
