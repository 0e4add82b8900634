// SPDX-License-Identifier: Apache-2.0
#include "job/files_backup.h"

#include "base/error.h"
#include "job/snapshots.h"
#include "job/test_jobs.h"

namespace holdfast::job {
namespace {

class FilesBackup : public JobTest {
 protected:
  std::size_t snapshots() { return list_snapshots(environment, access, {}, observer, stop).size(); }
  FilesBackupOptions of(const std::string& source) {
    FilesBackupOptions options;
    options.paths = {source};
    return options;
  }
};

// One bad file must not keep tonight's backup from being made.
TEST_F(FilesBackup, GoesOnBesideADamagedSnapshot) {
  write_file_durably(path("repository/snapshots/" + std::string(64, 'a')), as_bytes("no"), 0600);
  const FilesBackupReport report =
      backup_files(environment, access, of(write("d/a", "content")), observer, stop);
  EXPECT_TRUE(report.snapshot);
  EXPECT_EQ(snapshots(), 1U);
}

TEST_F(FilesBackup, WritesPacksThenTheIndexThenTheSnapshot) {
  const FilesBackupReport report =
      backup_files(environment, access, of(write("d/a", "content")), observer, stop);
  ASSERT_TRUE(report.snapshot);
  EXPECT_EQ(log.without_locks(),
            (std::vector<std::string>{"put pack", "put pack", "put index", "put snapshot"}));
  EXPECT_EQ(log.changes.front(), "put lock");
  EXPECT_EQ(log.changes.back(), "remove lock");
}

TEST_F(FilesBackup, WritesNoSnapshotIfAnythingBeforeFails) {
  for (const char* step : {"put pack", "put index", "put snapshot"}) {
    log.fail_on = step;
    EXPECT_THROW(static_cast<void>(
                     backup_files(environment, access, of(write("d/a", step)), observer, stop)),
                 Error);
    log.fail_on.clear();
    EXPECT_EQ(snapshots(), 0U);
    EXPECT_EQ(log.changes.back(), "remove lock");
  }
}

TEST_F(FilesBackup, WritesNoSnapshotOnceInterrupted) {
  log.before = [&](const std::string& change) {
    if (change == "put index") stop.request_stop();
  };
  try {
    static_cast<void>(
        backup_files(environment, access, of(write("d/a", "content")), observer, stop));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::cancelled) << error.what();
  }
  log.before = {};
  stop = std::stop_source();
  EXPECT_EQ(snapshots(), 0U);
}

TEST_F(FilesBackup, TakesNoLockAndWritesNothingInADryRun) {
  FilesBackupOptions options = of(write("d/a", "content"));
  options.labels.dry_run = true;
  const FilesBackupReport report = backup_files(environment, access, options, observer, stop);
  EXPECT_FALSE(report.snapshot);
  EXPECT_EQ(report.summary.files_new, 1U);
  EXPECT_TRUE(log.changes.empty());
}

TEST_F(FilesBackup, LocksWhateverItIsTold) {
  access.no_lock = true;
  static_cast<void>(backup_files(environment, access, of(write("d/a", "content")), observer, stop));
  EXPECT_EQ(log.changes.front(), "put lock");
}

TEST_F(FilesBackup, RecordsItsParentAndSummary) {
  const std::string source = write("d/a", "content");
  const FilesBackupReport first = backup_files(environment, access, of(source), observer, stop);
  const FilesBackupReport second = backup_files(environment, access, of(source), observer, stop);
  EXPECT_EQ(second.parent, first.snapshot);
  EXPECT_EQ(second.summary.files_unmodified, 1U);
  const auto groups = list_snapshots(environment, access, {}, observer, stop);
  const format::SnapshotFile& newest = groups.at(0).snapshots.front().file;
  EXPECT_EQ(newest.parent, first.snapshot);
  ASSERT_TRUE(newest.summary);
  EXPECT_EQ(newest.summary->total_bytes_processed, 7U);
  EXPECT_EQ(newest.program_version, program_version_text());
}

TEST_F(FilesBackup, WritesNoSnapshotOfACommandThatFails) {
  StreamBackupOptions options;
  options.path = "dump.sql";
  options.command = {"sh", "-c", "echo half; exit 7"};
  try {
    static_cast<void>(backup_stream(environment, access, options, observer, stop));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::failed_child);
  }
  EXPECT_EQ(snapshots(), 0U);
}

}  // namespace
}  // namespace holdfast::job
