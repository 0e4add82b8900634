// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/rocks_manifest.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/fd.h"
#include "engine/typedb/test_directories.h"

namespace holdfast::engine::typedb {
namespace {

RocksManifest parsed(std::string_view bytes) {
  BytesSource source(as_bytes(bytes));
  return parse_rocks_manifest(source);
}

Errc refusal(std::string_view bytes) {
  return code_of([&] { static_cast<void>(parsed(bytes)); });
}
RocksLogEnd log_end(std::string_view bytes) {
  BytesSource source(as_bytes(bytes));
  return check_rocks_log(source, "000003.log");
}

TEST(TypedbManifest, FirstEditAloneHasTheDefaultFamily) {
  const TestManifest made;
  const RocksManifest manifest = parsed(made.bytes);
  EXPECT_EQ(manifest.column_families, (std::map<std::uint32_t, std::string>{{0, "default"}}));
  EXPECT_EQ(manifest.last_sequence, 0U);
  EXPECT_EQ(manifest.whole_bytes, made.bytes.size());
  EXPECT_FALSE(manifest.torn);
}

TEST(TypedbManifest, CastagnoliSumIsRight) {
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xe3069283U);
}

TEST(TypedbManifest, FamiliesComeAndGo) {
  TestManifest made;
  made.family(1, "one").family(2, "two").file(9).sequence(77);
  made.edit(varint(200) + varint(1) + varint(202));
  const RocksManifest manifest = parsed(made.bytes);
  EXPECT_EQ(manifest.column_families,
            (std::map<std::uint32_t, std::string>{{0, "default"}, {2, "two"}}));
  EXPECT_EQ(manifest.last_sequence, 77U);
}

TEST(TypedbManifest, TablesComeAndGo) {
  TestManifest made;
  made.family(1, "one").file(9).file(10);
  made.edit(varint(200) + varint(1) + varint(100) + varint(2) + varint(11) + varint(500) +
            sized("smallest") + sized("largest-") + varint(3) + varint(4));
  made.edit(varint(6) + varint(0) + varint(9));
  RocksManifest manifest = parsed(made.bytes);
  ASSERT_EQ(manifest.tables.size(), 2U);
  EXPECT_EQ(manifest.tables.at(10).size_bytes, 1000U);
  EXPECT_EQ(manifest.tables.at(11).size_bytes, 500U);
  EXPECT_EQ(manifest.tables.at(11).family, 1U);
  manifest = parsed(made.edit(varint(200) + varint(1) + varint(202)).bytes);
  EXPECT_EQ(manifest.tables.size(), 1U);
}

TEST(TypedbManifest, LogsAreCheckedToWhereTheyAreTorn) {
  TestManifest made;
  made.edit(std::string(70'000, 'c')).edit("next");
  const auto refused = [](std::string_view bytes) {
    try {
      static_cast<void>(log_end(bytes));
    } catch (const Error& error) {
      return error.message();
    }
    return std::string("none");
  };
  for (const std::size_t cut : {std::size_t{0}, std::size_t{3}, std::size_t{40'000}})
    EXPECT_EQ(refused(made.bytes.substr(0, made.bytes.size() - cut)), "none");
  made.bytes[40'000] = 'd';
  EXPECT_EQ(refused(made.bytes), "the record at byte 32768 of 000003.log is damaged");
}

TEST(TypedbManifest, EndOfALogTellsWhetherItIsTorn) {
  TestManifest made;
  const std::size_t first = made.bytes.size();
  made.edit(std::string(70'000, 'c'));
  const std::string two = made.bytes;
  EXPECT_FALSE(log_end(two).torn);
  EXPECT_EQ(log_end(two).whole_bytes, two.size());
  EXPECT_FALSE(log_end(two + std::string(100, '\0')).torn) << "room that was never written";
  for (std::size_t size = first + 1; size < two.size(); size += 97) {
    const RocksLogEnd end = log_end(two.substr(0, size));
    EXPECT_TRUE(end.torn) << size;
    EXPECT_FALSE(end.followed) << size;
    EXPECT_EQ(end.whole_bytes, first);
  }
  EXPECT_TRUE(log_end(two.substr(0, 32768)).torn) << "a piece that ends with its block";
}

TEST(TypedbManifest, RecordBehindATornPlaceIsFound) {
  TestManifest made;
  const std::size_t first = made.bytes.size();
  made.edit("second").edit("third");
  for (const std::size_t more : {std::size_t{0}, std::size_t{70'000}}) {
    std::string bytes = more == 0 ? made.bytes : made.edit(std::string(more, 'c')).bytes;
    bytes[first + 5] = '\xff';  // of the length
    EXPECT_TRUE(log_end(bytes).followed) << more;
    EXPECT_EQ(refusal(bytes), Errc::corrupt) << more;
  }
}

TEST(TypedbManifest, NoManifestMakesAnyNumberOfThings) {
  TestManifest made;
  for (unsigned i = 1; i <= rocks_families_max; ++i) made.family(i, "f");
  EXPECT_EQ(refusal(made.bytes), Errc::corrupt);
  EXPECT_EQ(
      refusal(TestManifest().family(1, std::string(rocks_family_name_bytes_max + 1, 'f')).bytes),
      Errc::corrupt);
  std::string tables;
  for (std::uint64_t i = 0; i <= rocks_tables_max; ++i)
    tables += varint(7) + varint(0) + varint(i) + varint(1) + sized("") + sized("");
  EXPECT_EQ(refusal(TestManifest().edit(tables).bytes), Errc::corrupt);
}

TEST(TypedbManifest, LogThatIsNeededIsTold) {
  EXPECT_EQ(parsed(TestManifest().bytes).log_number, 0U);
  TestManifest made;
  made.edit(varint(2) + varint(9)).edit(varint(200) + varint(1) + varint(2) + varint(7));
  EXPECT_EQ(parsed(made.bytes).log_number, 9U);
}

TEST(TypedbManifest, LogsOfADirectoryAreListedByTheirNumbers) {
  const TemporaryDirectory place("typedb-test");
  for (const char* name : {"000010.log", "000009.log", "LOG", "x.log", "000001.sst"})
    put_file(place.path() / name, "12");
  const std::vector<RocksLogFile> logs = rocks_logs(place.path());
  ASSERT_EQ(logs.size(), 2U);
  EXPECT_EQ(logs[0].number, 9U);
  EXPECT_EQ(logs[1].number, 10U);
  EXPECT_EQ(logs[1].size_bytes, 2U);
}

TEST(TypedbManifest, EveryFormOfAnEditIsPassedOver) {
  TestManifest made;
  const std::string keys = sized("smallest") + sized("largest-");
  made.edit(varint(2) + varint(300) + varint(9) + varint(0) + varint(3) + varint(5) + varint(10) +
            varint(1) + varint(203) + varint(4) + varint(300) + varint(0));
  made.edit(varint(5) + varint(1) + sized("key") + varint(6) + varint(0) + varint(8));
  made.edit(varint(7) + varint(0) + varint(1) + varint(2) + keys);
  made.edit(varint(100) + varint(0) + varint(1) + varint(2) + keys + varint(3) + varint(4));
  made.edit(varint(102) + varint(0) + varint(1) + varint(0) + varint(2) + keys + varint(3) +
            varint(4));
  made.edit(varint(8193) + sized("an id of the database"));  // passed over by its bit
  made.family(1, "last");
  EXPECT_EQ(parsed(made.bytes).column_families.at(1), "last");
}

TEST(TypedbManifest, EditsMaySpanBlocks) {
  TestManifest made;
  for (int i = 0; i < 9; ++i) made.file(7, std::string(7'000 + static_cast<std::size_t>(i), 'k'));
  made.family(1, "behind");
  ASSERT_GT(made.bytes.size(), 100'000U);
  EXPECT_EQ(parsed(made.bytes).column_families.at(1), "behind");
}

TEST(TypedbManifest, WhatIsBeingWrittenIsTorn) {
  TestManifest made;
  const std::size_t first = made.bytes.size();
  made.family(1, "one");
  for (std::size_t size = first + 1; size < made.bytes.size(); ++size) {
    const RocksManifest manifest = parsed(std::string_view(made.bytes).substr(0, size));
    EXPECT_TRUE(manifest.torn);
    EXPECT_EQ(manifest.whole_bytes, first);
    EXPECT_EQ(manifest.column_families.size(), 1U);
  }
}

TEST(TypedbManifest, DamageIsRefused) {
  TestManifest made;
  made.family(1, "one");
  for (std::size_t at : {std::size_t{0}, std::size_t{6}, std::size_t{9}, made.bytes.size() - 1}) {
    std::string damaged = made.bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x20);
    EXPECT_EQ(refusal(damaged), Errc::corrupt) << at;
  }
  EXPECT_EQ(refusal(""), Errc::corrupt);
  EXPECT_EQ(refusal("something else altogether"), Errc::corrupt);
  EXPECT_EQ(refusal(TestManifest().edit(varint(11)).bytes), Errc::unsupported);
  EXPECT_EQ(refusal(TestManifest().edit(varint(201) + varint(9) + "x").bytes), Errc::corrupt);
  EXPECT_EQ(refusal(TestManifest().edit(varint(4) + "\x80").bytes), Errc::corrupt);
}

TEST(TypedbManifest, CurrentNamesIt) {
  EXPECT_EQ(parse_rocks_current("MANIFEST-000004\n"), "MANIFEST-000004");
  for (const std::string_view other :
       {"", "\n", "MANIFEST-\n", "MANIFEST-../x\n", "MANIFEST-000004", "MANIFEST-4\nMANIFEST-5\n"})
    EXPECT_THROW(static_cast<void>(parse_rocks_current(other)), Error) << other;
}

}  // namespace
}  // namespace holdfast::engine::typedb
