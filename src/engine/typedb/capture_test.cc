// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/capture.h"

#include <gtest/gtest.h>

#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "engine/typedb/checkpoint.h"
#include "engine/typedb/test_directories.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

template <typename Body>
Errc code_of(Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return Errc::bug;
}

std::vector<std::string> paths_of(const Capture& capture) {
  std::vector<std::string> paths;
  for (const CapturedFile& file : capture.files) paths.push_back(file.path);
  return paths;
}

class TypedbCapture : public testing::Test {
 protected:
  [[nodiscard]] fs::path database() const { return place_.path() / "data" / "shop"; }
  [[nodiscard]] Capture capture(std::function<void(std::string_view)> before = {},
                                std::size_t descriptors_max = 1000) const {
    CaptureOptions options;
    options.descriptors_max = descriptors_max;
    options.before = std::move(before);
    return capture_log(database(), options);
  }

  TemporaryDirectory place_{"holdfast-typedb-test"};
};

TEST_F(TypedbCapture, HasTheNewestCompleteCheckpointAndTheLog) {
  make_database_3(database());
  make_checkpoint(database(), "1600000000000000", "9");
  fs::remove(make_checkpoint(database(), "1800000000000000", "20") / "STORAGE_METADATA");
  make_checkpoint(database(), "1900000000000000.tmp", "20");
  const Capture found = capture();
  EXPECT_EQ(found.watermark, 15U);
  EXPECT_EQ(found.last_sequence, 20U);
  const std::vector<std::string> paths = paths_of(found);
  ASSERT_EQ(paths.size(), 8U);
  EXPECT_EQ(paths[0], "checkpoint/1700000000000000/OptimisedPrefix11/CURRENT");
  EXPECT_EQ(paths[5], "checkpoint/1700000000000000/STORAGE_METADATA");
  EXPECT_EQ(paths[6], "wal/" + segment_name(1));
  EXPECT_EQ(paths[7], "wal/" + segment_name(11));
}

TEST_F(TypedbCapture, TakesTheNewerCheckpointIfTheFirstVanishes) {
  make_database_3(database());
  bool replaced = false;
  const Capture found = capture([&](std::string_view step) {
    if (step != "opening" || std::exchange(replaced, true)) return;
    make_checkpoint(database(), "1800000000000000", "18");
    fs::remove_all(database() / "checkpoint" / "1700000000000000");
  });
  EXPECT_EQ(found.watermark, 18U);
  EXPECT_EQ(found.files.size(), 8U);
}

// It is being removed: what is gone already cannot be seen.
TEST_F(TypedbCapture, TakesTheNewerCheckpointIfTheFirstIsHalfGone) {
  make_database_3(database());
  bool replaced = false;
  const Capture found = capture([&](std::string_view step) {
    if (step != "opening" || std::exchange(replaced, true)) return;
    make_checkpoint(database(), "1800000000000000", "18");
    fs::remove(database() / "checkpoint" / "1700000000000000" / "OptimisedPrefix25" / "CURRENT");
  });
  EXPECT_EQ(found.watermark, 18U);
}

TEST_F(TypedbCapture, GivesUpIfNoCheckpointStands) {
  make_database_3(database());
  std::uint64_t number = 1'800'000'000'000'000;
  const auto replace = [&](std::string_view step) {
    if (step != "opening") return;
    make_checkpoint(database(), std::to_string(number), "18");
    fs::remove_all(database() / "checkpoint" / std::to_string(number - 1));
    ++number;
  };
  EXPECT_EQ(code_of([&] { static_cast<void>(capture(replace)); }), Errc::not_consistent);
}

TEST_F(TypedbCapture, HasTheLogAloneWithoutACompleteCheckpoint) {
  make_database_3(database());
  fs::remove(database() / "checkpoint" / "1700000000000000" / "OptimisedPrefix25" / "CURRENT");
  const Capture found = capture();
  EXPECT_EQ(found.watermark, std::nullopt);
  EXPECT_EQ(found.checkpoint_left_out, "there is none that is complete");
  EXPECT_EQ(found.files.size(), 2U);
}

TEST_F(TypedbCapture, KeepsACheckpointThatIsRemovedAfterwards) {
  make_database_3(database());
  const Capture found = capture();
  fs::remove_all(database() / "checkpoint");
  const Fd file = open_captured(found, found.files[5]);
  std::string text(2, ' ');
  pread_exact(file.get(), std::as_writable_bytes(std::span(text)), 0, "metadata");
  EXPECT_EQ(text, "15");
}

TEST_F(TypedbCapture, LeavesOutACheckpointOfTooManyFiles) {
  make_database_3(database());
  const Capture found = capture({}, 5);
  EXPECT_EQ(found.watermark, std::nullopt);
  EXPECT_EQ(found.files.size(), 2U);
  EXPECT_NE(found.checkpoint_left_out.find("more files"), std::string::npos);
  EXPECT_EQ(capture({}, 6).watermark, 15U);
}

TEST_F(TypedbCapture, HasNoRecordThatIsWrittenLater) {
  make_database_3(database());
  const Capture found = capture();
  put_segment(database(), 11, wal_commits(11, 25));
  put_segment(database(), 26, wal_commits(26, 30));
  EXPECT_EQ(examine_wal(database() / "wal", true, {}, found.limit).last_sequence, 20U);
}

TEST_F(TypedbCapture, HasEverySegmentUpToTheNewestThatAListingShows) {
  make_database_3(database());
  // A listing that missed segment 11 and showed 21: both were made while it went on.
  const Capture found = capture([&](std::string_view step) {
    if (step == "listing") put_segment(database(), 21, wal_commits(21, 22));
  });
  EXPECT_EQ(found.last_sequence, 20U);
  EXPECT_EQ(capture().last_sequence, 22U);
}

TEST_F(TypedbCapture, CutsWhatIsBeingWritten) {
  make_database_3(database());
  const std::string next = wal_record(21, wal_commit_old);
  const std::string whole = wal_commits(11, 20);
  for (std::size_t size = 0; size < next.size(); ++size) {
    put_segment(database(), 11, whole + next.substr(0, size));
    const Capture found = capture();
    EXPECT_EQ(found.last_sequence, 20U) << size;
    EXPECT_EQ(found.files.back().size_bytes, whole.size()) << size;
  }
}

// A server takes an empty newest segment for an empty log.
TEST_F(TypedbCapture, LeavesOutASegmentWithoutAWholeRecord) {
  make_database_3(database());
  for (const char* begun : {"", "\0\0\0"}) {
    put_segment(database(), 21, begun);
    const Capture found = capture();
    EXPECT_EQ(found.last_sequence, 20U);
    EXPECT_EQ(found.files.back().path, "wal/" + segment_name(11));
  }
}

TEST_F(TypedbCapture, DoesNotTakeDamageForTheEnd) {
  make_database_3(database());
  // The length of record 15 is wrong, and records follow.
  std::string whole = wal_commits(11, 20);
  const std::size_t at = wal_commits(11, 14).size();
  whole[at + 10] = 1;
  put_segment(database(), 11, whole);
  EXPECT_EQ(code_of([&] { static_cast<void>(capture()); }), Errc::not_consistent);
  // Of record 20 too, which has only its status behind it.
  whole = wal_commits(11, 20);
  whole[wal_commits(11, 19).size() + 10] = 1;
  put_segment(database(), 11, whole);
  EXPECT_EQ(code_of([&] { static_cast<void>(capture()); }), Errc::not_consistent);
  // A segment that is not the newest is never cut.
  put_segment(database(), 11, wal_commits(11, 20));
  put_segment(database(), 21, "");
  EXPECT_EQ(capture().last_sequence, 20U);
  put_segment(database(), 11, wal_commits(11, 20) + "rest");
  EXPECT_EQ(code_of([&] { static_cast<void>(capture()); }), Errc::not_consistent);
}

TEST_F(TypedbCapture, RefusesALogThatEndsBeforeItsCheckpoint) {
  make_database_3(database());
  make_checkpoint(database(), "1800000000000000", "21");
  EXPECT_EQ(code_of([&] { static_cast<void>(capture()); }), Errc::not_consistent);
}

TEST_F(TypedbCapture, DisownsADatabaseThatIsRemovedOrReplaced) {
  make_database_3(database());
  const Capture found = capture();
  fs::remove_all(database());
  EXPECT_EQ(code_of([&] { static_cast<void>(open_captured(found, found.files[6])); }),
            Errc::not_consistent);
  make_database_3(database());
  EXPECT_EQ(code_of([&] { static_cast<void>(open_captured(found, found.files[6])); }),
            Errc::not_consistent);
}

TEST_F(TypedbCapture, StopsWhenToldTo) {
  make_database_3(database());
  std::stop_source stop;
  CaptureOptions options;
  options.stop = stop.get_token();
  stop.request_stop();
  EXPECT_EQ(code_of([&] { static_cast<void>(capture_log(database(), options)); }), Errc::cancelled);
}

TEST_F(TypedbCapture, NamesADatabaseThatIsNotThere) {
  EXPECT_EQ(code_of([&] { static_cast<void>(capture()); }), Errc::not_found);
}

}  // namespace
}  // namespace holdfast::engine::typedb
