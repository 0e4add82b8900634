// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/directory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/fd.h"
#include "engine/typedb/test_directories.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

class TypedbDirectory : public ::testing::Test {
 protected:
  std::string codes(bool deep = true) {
    report_ = examine_database(database(), deep, {});
    std::string all;
    for (const model::Finding& one : report_.findings) all += (all.empty() ? "" : " ") + one.code;
    return all;
  }
  [[nodiscard]] const std::string& seen() const { return report_.findings.at(0).seen; }
  [[nodiscard]] bool blocked() const { return model::has_blocker(report_.findings); }
  [[nodiscard]] fs::path database() const { return place_.path() / "shop"; }

  TemporaryDirectory place_{"typedb-test"};
  DatabaseReport report_;
};

TEST_F(TypedbDirectory, EncodingOf2IsToldByColumnFamilies) {
  for (int encoding = 0; encoding < 3; ++encoding) {
    fs::remove_all(database());
    make_database_2(database(), encoding);
    EXPECT_EQ(codes(false), "");
    ASSERT_TRUE(report_.encoding);
    EXPECT_EQ(encoding_name(*report_.encoding), fmt::format("2.x/{}", encoding));
    EXPECT_EQ(report_.schema->last_sequence, 17U);
    EXPECT_EQ(report_.data->last_sequence, 42U);
    EXPECT_FALSE(report_.wal);
    EXPECT_GT(report_.size_bytes, 100U);
  }
}

TEST_F(TypedbDirectory, EncodingOf3IsToldByItsRecords) {
  make_database_3(database(), wal_commit_old);
  EXPECT_EQ(codes(), "");
  EXPECT_EQ(report_.encoding, Encoding::v3_a);
  fs::remove_all(database());
  make_database_3(database(), wal_commit);
  EXPECT_EQ(codes(), "");
  EXPECT_EQ(report_.encoding, Encoding::v3_b);
  EXPECT_EQ(report_.checkpoints.size(), 1U);
}

TEST_F(TypedbDirectory, ThingsOf3AreWhatAServerCountedLast) {
  make_database_3(database());
  EXPECT_EQ(codes(), "");
  EXPECT_FALSE(report_.things) << "no server counted";
  put_segment(database(), 11,
              wal_commits(11, 15) + wal_statistics_record(15, {9, 8, 7, 6, 5}) +
                  wal_commits(16, 18) + wal_statistics_record(18, {1, 2, 3, 4, 5}) +
                  wal_commits(19, 20));
  EXPECT_EQ(codes(false), "");
  ASSERT_TRUE(report_.things);
  EXPECT_EQ(*report_.things, (ThingCounts{1, 2, 3, 4, 5}));
  EXPECT_EQ(report_.things_as_of, 18U);
}

TEST_F(TypedbDirectory, OneNewCommitMakesItOfTheNewReleases) {
  make_database_3(database(), wal_commit_old);
  put_segment(database(), 21, wal_record(21, wal_commit));
  EXPECT_EQ(codes(false), "");
  EXPECT_EQ(report_.encoding, Encoding::v3_b);
}

TEST_F(TypedbDirectory, OtherColumnFamiliesAreOfNoRelease) {
  make_database_2(database(), 0);
  make_rocks(database() / "data", TestManifest().family(1, "STATISTICS").family(2, "\5"));
  EXPECT_EQ(codes(false), "typedb-encoding-unknown");
  EXPECT_EQ(seen(), "shop has the column families default, STATISTICS, 0x05");
  EXPECT_TRUE(blocked());
}

TEST_F(TypedbDirectory, DamagedManifestsAreNamedWithTheirPlace) {
  make_database_2(database(), 2);
  std::string bytes = TestManifest().sequence(3).bytes;
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  put_file(database() / "schema" / "MANIFEST-000004", bytes);
  EXPECT_EQ(codes(false), "typedb-manifest-damaged");
  EXPECT_EQ(seen(), fmt::format("schema of shop: the record at byte {} of the MANIFEST is damaged",
                                TestManifest().bytes.size()));
  fs::remove(database() / "schema" / "MANIFEST-000004");
  EXPECT_EQ(codes(false), "typedb-manifest-damaged");
  EXPECT_EQ(report_.encoding, Encoding::v2_2);
  fs::remove(database() / "data" / "CURRENT");
  EXPECT_EQ(codes(false), "typedb-manifest-damaged typedb-manifest-damaged");
}

TEST_F(TypedbDirectory, MissingAndShortTablesAreNamed) {
  make_database_2(database(), 2);
  fs::resize_file(database() / "data" / "000012.sst", 999);
  make_rocks(database() / "schema",
             TestManifest().file(7).file(8).edit(varint(6) + varint(0) + varint(8)));
  EXPECT_EQ(codes(false), "typedb-tables-differ typedb-tables-differ");
  EXPECT_EQ(seen(), "schema of shop: 000007.sst is missing");
  EXPECT_EQ(report_.findings.at(1).seen, "data of shop: 000012.sst has 999 bytes instead of 1000");
  EXPECT_TRUE(blocked());
}

TEST_F(TypedbDirectory, ManifestOfAServerThatDiedIsTorn) {
  make_database_2(database(), 1);
  put_file(database() / "schema" / "MANIFEST-000004", TestManifest().sequence(3).bytes + "torn");
  EXPECT_EQ(codes(false), "typedb-manifest-torn");
  EXPECT_FALSE(blocked());
}

TEST_F(TypedbDirectory, LogOfAServerThatDiedIsTorn) {
  make_database_3(database());
  put_segment(database(), 21, wal_record(21, wal_commit_old).substr(0, 30));
  EXPECT_EQ(codes(), "typedb-wal-torn");
  EXPECT_FALSE(blocked());
  EXPECT_EQ(seen(), fmt::format("{}: record 21 at byte 0 has 13 of its {} bytes", segment_name(21),
                                lz4_frame("content").size()));
}

TEST_F(TypedbDirectory, MissingAndEmptyLogsAreTold) {
  make_database_3(database());
  fs::remove_all(database() / "checkpoint");
  fs::remove_all(database() / "wal");
  ASSERT_TRUE(is_database(database()));
  EXPECT_EQ(codes(), "typedb-wal-missing");
  EXPECT_TRUE(blocked());
  fs::create_directory(database() / "wal");
  EXPECT_EQ(codes(), "typedb-wal-empty");
  EXPECT_FALSE(blocked()) << "as a new database";
  EXPECT_FALSE(report_.encoding);
  make_checkpoint(database(), "1700000000000000", "15");
  EXPECT_EQ(codes(), "typedb-wal-empty typedb-checkpoint-ahead");
}

TEST_F(TypedbDirectory, MissingSegmentIsABlocker) {
  make_database_3(database());
  put_segment(database(), 31, wal_commits(31, 40));
  EXPECT_EQ(codes(), "typedb-wal-damaged");
  EXPECT_TRUE(blocked());
}

TEST_F(TypedbDirectory, DamagedPayloadIsFoundWhenLookedAt) {
  make_database_3(database());
  std::string bytes = wal_commits(11, 20);
  bytes[40] = static_cast<char>(bytes[40] ^ 1);
  put_segment(database(), 11, bytes);
  EXPECT_EQ(codes(false), "");
  EXPECT_EQ(codes(true), "typedb-wal-damaged");
  EXPECT_EQ(seen(), fmt::format("{}: record 11 at byte 0 cannot be unpacked", segment_name(11)));
}

TEST_F(TypedbDirectory, LogThatBeginsLateNeedsItsCheckpoint) {
  make_database_3(database());
  fs::remove(database() / "wal" / segment_name(1));
  EXPECT_EQ(codes(), "typedb-wal-begins-late");
  EXPECT_FALSE(blocked());
  fs::remove_all(database() / "checkpoint");
  EXPECT_EQ(codes(), "typedb-wal-begins-late");
  EXPECT_TRUE(blocked());
  make_checkpoint(database(), "1700000000000000", "9");
  EXPECT_EQ(codes(), "typedb-wal-begins-late");
  EXPECT_TRUE(blocked());
}

TEST_F(TypedbDirectory, CheckpointAheadOfTheLogIsABlocker) {
  make_database_3(database());
  make_checkpoint(database(), "1700000000000001", "watermark=21\ncleanup=3\n");
  EXPECT_EQ(codes(), "typedb-checkpoint-ahead");
  EXPECT_EQ(seen(), "the checkpoint 1700000000000001 holds records up to 21, the log ends at 20");
  make_checkpoint(database(), "1700000000000001", "20");
  EXPECT_EQ(codes(), "");
}

TEST_F(TypedbDirectory, HalfCheckpointIsTold) {
  make_database_3(database());
  const fs::path made = make_checkpoint(database(), "1700000000000002", "17");
  fs::remove(made / "STORAGE_METADATA");
  EXPECT_EQ(codes(), "typedb-checkpoint-incomplete");
  EXPECT_FALSE(blocked());
  fs::rename(made, made.native() + ".tmp");
  EXPECT_EQ(codes(), "");
}

TEST_F(TypedbDirectory, UnknownRecordsAreTold) {
  make_database_3(database());
  put_segment(database(), 21, wal_record(21, 3));
  EXPECT_EQ(codes(), "typedb-wal-types-unknown");
  EXPECT_TRUE(blocked());
  EXPECT_EQ(seen(), "the log has records of type 3");
  EXPECT_FALSE(report_.encoding) << "no server can be named that reads them";
}

// As a server has it.
Fd locked(const fs::path& path) {
  Fd lock = open_file(path, O_RDWR);
  struct flock wanted {};
  wanted.l_type = F_WRLCK;
  wanted.l_whence = SEEK_SET;
  EXPECT_EQ(::fcntl(lock.get(), F_OFD_SETLK, &wanted), 0);
  return lock;
}

TEST_F(TypedbDirectory, HolderOfTheLockIsNamed) {
  make_database_2(database(), 2);
  const Fd lock = locked(database() / "data" / "LOCK");
  put_file(database() / "schema" / "MANIFEST-000004", TestManifest().sequence(3).bytes + "torn");
  EXPECT_EQ(codes(false), "typedb-in-use") << "what is torn is being written";
  ASSERT_TRUE(report_.lock);
  EXPECT_EQ(report_.lock->file, database() / "data" / "LOCK");
  fs::remove(database() / "data" / "000012.sst");
  make_rocks(database() / "schema", TestManifest().edit(varint(2) + varint(7)));
  fs::remove(database() / "schema" / "000007.log");
  EXPECT_EQ(codes(false), "typedb-in-use") << "what is missing is being replaced";
  fs::remove_all(database());
  make_database_3(database());
  EXPECT_EQ(codes(false), "");
}

TEST_F(TypedbDirectory, CheckpointThatIsBeingMadeIsNotIncomplete) {
  make_database_3(database());
  fs::remove(make_checkpoint(database(), "1700000000000002", "17") / "STORAGE_METADATA");
  EXPECT_EQ(codes(false), "typedb-checkpoint-incomplete");
  const Fd lock = locked(database() / "storage" / keyspace_names[0] / "LOCK");
  EXPECT_EQ(codes(false), "typedb-in-use");
}

// A checkpoint that is made after the log was read would look as if it were ahead of it.
TEST_F(TypedbDirectory, CheckpointsAreListedBeforeTheLogIsRead) {
  make_database_3(database());
  const Fd watch(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  const int log = ::inotify_add_watch(watch.get(), (database() / "wal").c_str(), IN_OPEN);
  const int checkpoints =
      ::inotify_add_watch(watch.get(), (database() / "checkpoint").c_str(), IN_OPEN);
  ASSERT_GE(std::min(log, checkpoints), 0);
  EXPECT_EQ(codes(), "");
  alignas(inotify_event) std::array<std::byte, 65536> events{};
  const std::size_t size = read_some(watch.get(), events, "inotify");
  int last = -1;
  for (std::size_t at = 0; at < size;) {
    const auto* event = reinterpret_cast<const inotify_event*>(events.data() + at);
    last = event->wd;
    at += sizeof(inotify_event) + event->len;
  }
  EXPECT_EQ(last, log);
}

TEST_F(TypedbDirectory, LockThatCannotBeLookedAtCountsAsHeld) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to become someone else";
  make_database_2(database(), 2);
  put_file(database() / "schema" / "MANIFEST-000004", TestManifest().sequence(3).bytes + "torn");
  fs::permissions(place_.path(), fs::perms::all);
  for (const char* part : {"schema", "data"})
    ASSERT_EQ(::chmod((database() / part / "LOCK").c_str(), 0), 0);
  ASSERT_EQ(::seteuid(65534), 0);
  const std::string found = codes(false);
  ASSERT_EQ(::seteuid(0), 0);
  EXPECT_EQ(found, "typedb-lock-unobservable");
  EXPECT_TRUE(blocked());
}

TEST_F(TypedbDirectory, WhatTheSystemRefusesIsToldAndTheRestIsRead) {
  make_database_2(database(), 2);
  fs::remove(database() / "schema" / "CURRENT");
  ASSERT_EQ(::mkfifo((database() / "schema" / "CURRENT").c_str(), 0600), 0);
  EXPECT_EQ(codes(false), "typedb-manifest-damaged");
  EXPECT_EQ(report_.encoding, Encoding::v2_2);
  fs::remove_all(database());
  make_database_3(database());
  fs::remove_all(database() / "checkpoint");
  put_file(database() / "checkpoint", "no directory");
  EXPECT_EQ(codes(false), "typedb-database-unobservable");
  EXPECT_TRUE(blocked());
  EXPECT_EQ(report_.wal->records, 40U);
}

TEST_F(TypedbDirectory, LogThatTheManifestWantsIsMissed) {
  make_database_2(database(), 2);
  const std::string number = varint(2) + varint(7);
  make_rocks(database() / "schema", TestManifest().edit(number));
  fs::rename(database() / "schema" / "000007.log", database() / "schema" / "000006.log");
  EXPECT_EQ(codes(false), "typedb-log-missing");
  EXPECT_EQ(seen(), "schema of shop has no log 000007 and none that is newer");
  EXPECT_TRUE(blocked());
  put_file(database() / "schema" / "000008.log", "");
  EXPECT_EQ(codes(false), "");
}

TEST_F(TypedbDirectory, DirectoriesOfOtherProgramsAreNone) {
  fs::create_directories(database() / "wal");
  fs::create_directories(database() / "storage");
  put_file(database() / "wal" / "000000010000000000000001", "of PostgreSQL");
  EXPECT_FALSE(is_database(database()));
  fs::create_directories(database() / "storage" / keyspace_names[2]);
  EXPECT_TRUE(is_database(database()));
}

TEST_F(TypedbDirectory, WhatIsLeftOfADatabaseIsListedBesideOthers) {
  fs::create_directories(place_.path() / "lost" / "schema");
  fs::create_directories(place_.path() / "_import" / "data");
  fs::create_directories(place_.path() / ".hidden" / "data");
  fs::create_directories(place_.path() / "other" / "logs");
  fs::create_directory_symlink("loop", place_.path() / "loop");
  EXPECT_TRUE(databases_in(place_.path()).empty()) << "they alone may be of any program";
  make_database_2(database(), 2);
  EXPECT_EQ(databases_in(place_.path()),
            (std::vector{place_.path() / "loop", place_.path() / "lost", database()}));
  report_ = examine_database(place_.path() / "lost", false, {});
  EXPECT_TRUE(blocked());
  report_ = examine_database(place_.path() / "loop", false, {});
  EXPECT_TRUE(blocked());
}

TEST_F(TypedbDirectory, DatabasesOfAServerAreListed) {
  make_database_2(place_.path() / "a", 2);
  make_database_3(place_.path() / "b");
  make_database_3(place_.path() / "_system");
  fs::create_directories(place_.path() / "other" / "wal");
  put_file(place_.path() / "_server_id", "x");
  const std::vector<fs::path> expected{place_.path() / "_system", place_.path() / "a",
                                       place_.path() / "b"};
  EXPECT_EQ(databases_in(place_.path()), expected);
}

TEST_F(TypedbDirectory, StopEndsTheReading) {
  make_database_3(database());
  std::stop_source stop;
  stop.request_stop();
  const auto refusal = [&] {
    return code_of(
        [&] { static_cast<void>(examine_database(database(), true, stop.get_token())); });
  };
  EXPECT_EQ(refusal(), Errc::cancelled);
  fs::remove_all(database());
  make_database_2(database(), 2);
  EXPECT_EQ(refusal(), Errc::cancelled);
}

}  // namespace
}  // namespace holdfast::engine::typedb
