// SPDX-License-Identifier: Apache-2.0
#include "job/environment.h"

#include "base/error.h"
#include "job/test_jobs.h"
#include "job/unlock.h"

namespace holdfast::job {
namespace {

using OpenRepository = JobTest;

TEST_F(OpenRepository, HoldsTheLockItWasAskedFor) {
  {
    const OpenedRepository opened = open_repository(environment, access, LockMode::shared, stop);
    ASSERT_NE(opened.lock, nullptr);
    const OpenedRepository beside = open_repository(environment, access, LockMode::shared, stop);
    EXPECT_THROW(static_cast<void>(open_repository(environment, access, LockMode::exclusive, stop)),
                 Error);
    EXPECT_EQ(open_repository(environment, access, LockMode::none, stop).lock, nullptr);
  }
  EXPECT_NE(open_repository(environment, access, LockMode::exclusive, stop).lock, nullptr);
}

TEST_F(OpenRepository, TakesNoLockIfToldSo) {
  access.no_lock = true;
  EXPECT_EQ(open_repository(environment, access, LockMode::exclusive, stop).lock, nullptr);
  EXPECT_TRUE(log.changes.empty());
}

TEST_F(OpenRepository, TellsWhatIsWrongByCode) {
  const auto code_of = [&](const RepositoryAccess& with) {
    try {
      static_cast<void>(open_repository(environment, with, LockMode::shared, stop));
    } catch (const Error& error) {
      return error.code();
    }
    return Errc::bug;
  };
  RepositoryAccess other = access;
  other.password = std::make_shared<const Secret>("wrong");
  EXPECT_EQ(code_of(other), Errc::wrong_password);
  other.location = path("nothing");
  EXPECT_EQ(code_of(other), Errc::no_repository);
  other.location = "sftp:host:/srv";
  EXPECT_EQ(code_of(other), Errc::unsupported);
}

TEST_F(OpenRepository, PassesTheOptionsOfTheAccessOn) {
  access.limit_upload = 1;
  access.limit_download = 2;
  access.connections = 3;
  access.pack_size_bytes = 8U << 20U;
  access.verify = false;
  const repo::Location location = make_location(environment, access, stop.get_token());
  EXPECT_EQ(location.url, access.location);
  EXPECT_EQ(location.storage.upload_bytes_per_second_max, 1U);
  EXPECT_EQ(location.storage.download_bytes_per_second_max, 2U);
  EXPECT_EQ(location.storage.connections, 3U);
  const repo::WriterOptions writer = make_writer_options(environment, access, true);
  EXPECT_EQ(writer.pack_size_bytes, 8U << 20U);
  EXPECT_FALSE(writer.verify);
  EXPECT_TRUE(writer.dry_run);
}

TEST_F(OpenRepository, IsUnlockedOnlyOfLocksThatNobodyHolds) {
  const OpenedRepository holder = open_repository(environment, access, LockMode::shared, stop);
  EXPECT_EQ(unlock_repository(environment, access, false, stop), 0U);
  EXPECT_EQ(unlock_repository(environment, access, true, stop), 1U);
}

}  // namespace
}  // namespace holdfast::job
