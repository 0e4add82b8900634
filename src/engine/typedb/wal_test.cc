// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/wal.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/error.h"
#include "base/fd.h"
#include "engine/typedb/test_directories.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

class MemorySegment final : public model::RandomSource {
 public:
  explicit MemorySegment(std::string bytes) : bytes_(std::move(bytes)) {}
  [[nodiscard]] std::uint64_t size_bytes() const override { return bytes_.size(); }
  void read_at(std::uint64_t offset_bytes, std::span<std::byte> into) override {
    ASSERT_LE(offset_bytes + into.size(), bytes_.size());
    const ByteView from = as_bytes(bytes_).subspan(offset_bytes, into.size());
    std::copy(from.begin(), from.end(), into.begin());
  }

 private:
  std::string bytes_;
};

struct Read {
  std::vector<WalRecord> records;
  std::optional<WalEnd> end;
};
Read read(const std::string& bytes, bool with_payloads = true) {
  MemorySegment segment(bytes);
  SegmentReader reader(segment, with_payloads);
  Read all;
  while (const auto record = reader.next()) all.records.push_back(*record);
  all.end = reader.end();
  return all;
}

std::string damage_of(const fs::path& database, bool with_payloads = true) {
  const WalSummary wal = examine_wal(database / "wal", with_payloads, {});
  std::string all = wal.torn ? "torn: " + display(*wal.torn) : "";
  for (const std::string& one : wal.damage) all += (all.empty() ? "" : "; ") + one;
  return all;
}

TEST(TypedbWal, SegmentsAreNamedAfterTheirFirstRecord) {
  EXPECT_EQ(segment_name(12), "wal-0000000000000000000000012");
  EXPECT_EQ(segment_number("wal-0000000000000000000000012"), 12U);
  for (const std::string_view other :
       {"wal-", "wal-12", "wal-000000000000000000000001x", "wal-9999999999999999999999999",
        "log-0000000000000000000000012"})
    EXPECT_FALSE(segment_number(other)) << other;
}

TEST(TypedbWal, RecordsAreReadInOrder) {
  const std::string first = wal_record(1, wal_commit, "one");
  const Read all = read(first + wal_record(1, wal_statistics, "two"));
  ASSERT_EQ(all.records.size(), 2U);
  EXPECT_FALSE(all.end);
  EXPECT_EQ(all.records[0].sequence, 1U);
  EXPECT_EQ(all.records[0].type, wal_commit);
  EXPECT_EQ(all.records[1].offset, first.size());
  EXPECT_EQ(all.records[1].type, wal_statistics);
}

TEST(TypedbWal, EveryCutIsToldToTheByte) {
  const std::string first = wal_record(1, wal_commit);
  const std::string bytes = first + wal_record(2, wal_commit);
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    const Read all = read(bytes.substr(0, size), size % 2 == 0);
    const bool whole = size == 0 || size == first.size() || size == bytes.size();
    EXPECT_EQ(all.end.has_value(), !whole) << size;
    if (whole) continue;
    EXPECT_EQ(all.end->offset, size < first.size() ? 0U : first.size());
    EXPECT_EQ(all.end->end, size);
    EXPECT_TRUE(all.end->at_tail);
  }
  EXPECT_EQ(display(*read(bytes.substr(0, first.size() + 20)).end),
            fmt::format("record 2 at byte {} has 3 of its {} bytes", first.size(),
                        first.size() - wal_header_bytes));
}

TEST(TypedbWal, DamagedFramesAreFoundByTheirChecksum) {
  const std::string good = wal_record(1, wal_commit);
  for (std::size_t at = wal_header_bytes; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x08);
    const Read all = read(bad);
    EXPECT_TRUE(all.end) << at;
    EXPECT_TRUE(all.records.empty()) << at;
    EXPECT_FALSE(read(bad, false).end) << "headers alone do not tell";
  }
  EXPECT_EQ(read(wal_record(1, wal_commit, "")).end->why, WalEnd::Why::bad_payload);
}

TEST(TypedbWal, DamageBeforeWholeRecordsIsNoTornTail) {
  std::string bad = wal_record(1, wal_commit);
  bad.back() = static_cast<char>(bad.back() ^ 1);
  EXPECT_TRUE(read(bad).end->at_tail);
  EXPECT_FALSE(read(bad + wal_record(2, wal_commit)).end->at_tail);
  EXPECT_FALSE(read(bad + wal_record(1, wal_status)).end->at_tail);
  EXPECT_TRUE(read(bad + std::string(40, 'x')).end->at_tail);
}

// Whatever became of a length: a record behind it tells that it is damage, and no torn end.
TEST(TypedbWal, DamagedLengthBeforeWholeRecordsIsDamageInBothModes) {
  const TemporaryDirectory place("typedb-test");
  const std::string before = wal_commits(1, 3);
  const std::size_t whole = lz4_frame("content").size();
  for (const std::size_t length : {std::size_t{0}, std::size_t{1}, whole - 9, whole - 1, whole + 1,
                                   whole + 9, std::size_t{5000}}) {
    std::string bytes = before + wal_record(4, wal_commit) + wal_commits(5, 6);
    bytes.replace(before.size() + 8, 8, big_endian(length));
    put_segment(place.path(), 1, bytes);
    for (const bool with_payloads : {false, true}) {
      const WalSummary wal = examine_wal(place.path() / "wal", with_payloads, {});
      EXPECT_FALSE(wal.torn) << length << " " << with_payloads << ": " << display(*wal.torn);
      EXPECT_FALSE(wal.damage.empty()) << length << " " << with_payloads;
    }
  }
}

TEST(TypedbWal, CommitsCountUpAndOthersRepeat) {
  const auto may_follow = [](std::uint64_t last, std::uint64_t sequence, std::uint8_t type) {
    return follows(last, {0, sequence, 1, type});
  };
  EXPECT_TRUE(may_follow(4, 5, wal_commit));
  EXPECT_TRUE(may_follow(4, 5, wal_commit_old));
  EXPECT_FALSE(may_follow(4, 6, wal_commit));
  EXPECT_FALSE(may_follow(4, 4, wal_commit));
  EXPECT_TRUE(may_follow(4, 4, wal_status));
  EXPECT_FALSE(may_follow(4, 5, wal_status));
  EXPECT_FALSE(may_follow(4, 3, wal_statistics));
  EXPECT_TRUE(may_follow(4, 4, 77));
  EXPECT_TRUE(may_follow(4, 5, 77));
}

TEST(TypedbWal, WholeLogHasNoDamage) {
  const TemporaryDirectory place("typedb-test");
  make_database_3(place.path());
  const WalSummary wal = examine_wal(place.path() / "wal", true, {});
  EXPECT_EQ(damage_of(place.path()), "");
  EXPECT_EQ(wal.segments, 2U);
  EXPECT_EQ(wal.records, 40U);
  EXPECT_EQ(wal.records_of_type[wal_commit_old], 20U);
  EXPECT_EQ(wal.first_sequence, 1U);
  EXPECT_EQ(wal.last_sequence, 20U);
  EXPECT_EQ(wal.size_bytes, wal_commits(1, 20).size());
  EXPECT_FALSE(wal.has_new_commits());
}

TEST(TypedbWal, SegmentMayBeginWithTheStatusOfTheLast) {
  const TemporaryDirectory place("typedb-test");
  put_segment(place.path(), 0, wal_record(0, wal_statistics));
  put_segment(place.path(), 1, wal_record(1, wal_commit));
  EXPECT_EQ(damage_of(place.path()), "");
  const TemporaryDirectory other("typedb-test");
  put_segment(other.path(), 1, wal_record(1, wal_commit) + wal_record(2, wal_commit));
  put_segment(other.path(), 2, wal_record(2, wal_status) + wal_record(3, wal_commit));
  EXPECT_EQ(damage_of(other.path()), "");
}

TEST(TypedbWal, GapsAreNamed) {
  const TemporaryDirectory place("typedb-test");
  make_database_3(place.path());
  fs::remove(place.path() / "wal" / segment_name(11));
  put_segment(place.path(), 12, wal_commits(12, 20));
  EXPECT_EQ(damage_of(place.path()),
            "wal-0000000000000000000000012: at byte 0 number 12 follows number 10");
}

TEST(TypedbWal, EmptySegmentsTellWhatIsLostByTheirNames) {
  const TemporaryDirectory place("typedb-test");
  put_segment(place.path(), 1, "");
  EXPECT_EQ(damage_of(place.path()), "") << "a new database";
  make_database_3(place.path());
  put_segment(place.path(), 21, "");
  EXPECT_EQ(damage_of(place.path()), "") << "made, and nothing written since";
  put_segment(place.path(), 500, "");
  EXPECT_EQ(damage_of(place.path()),
            segment_name(500) + ": it holds no record, and the log before it ends at number 20");
  put_segment(place.path(), 500, "torn");
  EXPECT_NE(damage_of(place.path()).find("it holds no record"), std::string::npos);
  fs::remove_all(place.path() / "wal");
  put_segment(place.path(), 500, "");
  EXPECT_EQ(damage_of(place.path()),
            segment_name(500) + ": it holds no record, and the log before it ends at number 0");
}

TEST(TypedbWal, OtherNamesThatAServerEndsOverAreDamage) {
  const TemporaryDirectory place("typedb-test");
  make_database_3(place.path());
  put_file(place.path() / "wal" / "notes", "");
  EXPECT_EQ(damage_of(place.path()), "");
  put_file(place.path() / "wal" / "wal-copy", "");
  EXPECT_EQ(damage_of(place.path()), "wal-copy: it is no segment, and a server ends over its name");
}

TEST(TypedbWal, SegmentThatCannotBeReadIsDamageAndTheRestIsRead) {
  const TemporaryDirectory place("typedb-test");
  make_database_3(place.path());
  fs::create_symlink(segment_name(11), place.path() / "wal" / segment_name(21));
  fs::create_directory(place.path() / "wal" / segment_name(22));
  ASSERT_EQ(::mkfifo((place.path() / "wal" / segment_name(23)).c_str(), 0600), 0);
  const WalSummary wal = examine_wal(place.path() / "wal", true, {});
  EXPECT_EQ(wal.last_sequence, 20U);
  ASSERT_EQ(wal.damage.size(), 3U);
  for (const std::string& one : wal.damage) EXPECT_TRUE(one.ends_with("is no regular file")) << one;
}

TEST(TypedbWal, WrongNamesAreNamed) {
  const TemporaryDirectory place("typedb-test");
  put_segment(place.path(), 2, wal_commits(1, 3));
  EXPECT_EQ(damage_of(place.path()),
            "wal-0000000000000000000000002: its first record has number 1");
}

TEST(TypedbWal, OnlyTheNewestSegmentMayBeTorn) {
  const TemporaryDirectory place("typedb-test");
  make_database_3(place.path());
  const std::string last = wal_commits(11, 20);
  put_segment(place.path(), 11, last + "abc");
  EXPECT_EQ(
      damage_of(place.path()),
      fmt::format("torn: at byte {} stand 3 bytes, fewer than a record's header has", last.size()));
  put_segment(place.path(), 11, last);
  put_segment(place.path(), 1, wal_commits(1, 10) + "abc");
  EXPECT_EQ(damage_of(place.path()),
            fmt::format("wal-0000000000000000000000001: at byte {} stand 3 bytes, fewer than a "
                        "record's header has",
                        wal_commits(1, 10).size()));
}

TEST(TypedbWal, DamagedLengthIsNoTornEnd) {
  const TemporaryDirectory place("typedb-test");
  const std::string before = wal_commits(1, 3);
  std::string bytes = before + wal_record(4, wal_commit) + wal_record(4, wal_status);
  bytes[before.size() + 14] = '\x01';  // of the length
  put_segment(place.path(), 1, bytes);
  EXPECT_EQ(damage_of(place.path()),
            fmt::format("wal-0000000000000000000000001: record 4 at byte {} has {} of its {} bytes",
                        before.size(), bytes.size() - before.size() - wal_header_bytes,
                        256 + lz4_frame("content").size()));
  bytes.resize(before.size() + wal_header_bytes + 9);
  put_segment(place.path(), 1, bytes);
  EXPECT_EQ(damage_of(place.path()).substr(0, 5), "torn:");
}

TEST(TypedbWal, NoMoreDamageIsToldThanIsWorthReading) {
  const TemporaryDirectory place("typedb-test");
  std::string bytes;
  for (std::uint64_t i = 0; i < 50; ++i) bytes += wal_record(1 + 2 * i, wal_commit);
  put_segment(place.path(), 1, bytes);
  EXPECT_EQ(examine_wal(place.path() / "wal", false, {}).damage.size(), wal_damage_max);
}

TEST(TypedbWal, StopEndsTheReading) {
  const TemporaryDirectory place("typedb-test");
  make_database_3(place.path());
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(code_of([&] {
              static_cast<void>(examine_wal(place.path() / "wal", true, stop.get_token()));
            }),
            Errc::cancelled);
}

}  // namespace
}  // namespace holdfast::engine::typedb
