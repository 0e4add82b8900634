// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/cut_wal.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/fd.h"
#include "engine/typedb/test_directories.h"

namespace holdfast::engine::typedb {
namespace {

class TypedbCutWal : public testing::Test {
 protected:
  void SetUp() override { make_database_3(place_.path()); }
  [[nodiscard]] WalSummary log() const { return examine_wal(wal(), true, {}); }
  [[nodiscard]] std::filesystem::path wal() const { return place_.path() / "wal"; }
  [[nodiscard]] Errc code_of(std::optional<std::uint64_t> last) const {
    try {
      cut_wal(wal(), last);
    } catch (const Error& error) {
      return error.code();
    }
    return Errc::bug;
  }
  TemporaryDirectory place_{"holdfast-typedb-test"};
};

TEST_F(TypedbCutWal, LeavesAWholeLogAsItIs) {
  const WalCut cut = cut_wal(wal());
  EXPECT_EQ(cut.bytes, 0U);
  EXPECT_EQ(cut.segments, 0U);
  EXPECT_EQ(log().last_sequence, 20U);
}

TEST_F(TypedbCutWal, CutsOffTheRestOfAWrite) {
  put_segment(place_.path(), 11,
              wal_commits(11, 20) + wal_record(21, wal_commit_old).substr(0, 30));
  EXPECT_EQ(cut_wal(wal()).bytes, 30U);
  EXPECT_EQ(log().last_sequence, 20U);
  EXPECT_FALSE(log().torn);
}

TEST_F(TypedbCutWal, RemovesANewestSegmentWithoutARecord) {
  put_segment(place_.path(), 21, "torn");
  EXPECT_EQ(cut_wal(wal()).segments, 1U);
  EXPECT_EQ(log().segments, 2U);
}

TEST_F(TypedbCutWal, EndsAtARecord) {
  cut_wal(wal(), 15);
  EXPECT_EQ(log().last_sequence, 15U);
  EXPECT_EQ(log().records, 30U);  // with the status of the last one
  cut_wal(wal(), 10);
  EXPECT_EQ(log().last_sequence, 10U);
  EXPECT_EQ(log().segments, 1U);
  cut_wal(wal(), 1);
  EXPECT_EQ(log().records, 2U);
}

TEST_F(TypedbCutWal, RefusesARecordThatIsNotThere) {
  EXPECT_EQ(code_of(21), Errc::not_found);
}

TEST_F(TypedbCutWal, RefusesDamageInFrontOfTheEnd) {
  std::string damaged = wal_commits(1, 10);
  damaged[wal_record(1, 0).size() + 30] ^= 1;
  put_segment(place_.path(), 1, damaged);
  EXPECT_EQ(code_of(5), Errc::corrupt);
  make_database_3(place_.path());
  put_segment(place_.path(), 1, wal_commits(1, 10) + "x");
  EXPECT_EQ(code_of(10), Errc::corrupt);
}

}  // namespace
}  // namespace holdfast::engine::typedb
