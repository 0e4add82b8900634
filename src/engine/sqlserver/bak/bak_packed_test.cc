// SPDX-License-Identifier: Apache-2.0
// Compressed backups.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/sqlserver/bak/bak_reader.h"
#include "engine/sqlserver/bak/test_bak.h"

namespace holdfast::engine::sqlserver {
namespace {

using test::read;
using test::TestBak;
using test::TestSet;

std::string codes(const BakReport& report) {
  std::string found;
  for (const model::Finding& one : report.findings)
    found += (found.empty() ? "" : " ") + one.code + (one.code.empty() ? one.seen : "");
  return found;
}

// The chain of a compressed file is that of the plain one but for the places in filemarks.
std::string chain(const std::string& content) {
  test::MemoryFile file(content);
  BakInput input(file, false, {});
  std::string all;
  while (!input.at_hand(1).empty()) {
    const ByteView bytes = input.at_hand(1);
    all += as_text(bytes);
    input.drop(bytes.size());
  }
  EXPECT_FALSE(input.trouble());
  EXPECT_EQ(input.offset(), all.size());
  return all;
}

TEST(BakPacked, EveryVariantIsReadAsThePlainBackupThatItIs) {
  for (const std::uint32_t version : {1U, 2U}) {
    for (const bool has_index : {false, true}) {
      for (const std::uint16_t units : std::initializer_list<std::uint16_t>{1, 8}) {
        TestBak bak;
        bak.version = version;
        bak.has_index = has_index;
        bak.filemark_units = units;
        bak.sets[0].pages = 200;
        const std::string content = bak.packed();
        EXPECT_EQ(chain(content).size(), bak.plain().size());
        for (const bool deep : {false, true}) {
          const BakReport report = read(content, deep);
          EXPECT_EQ(codes(report), "") << version << has_index << units << deep;
          ASSERT_EQ(report.sets.size(), 1U);
          EXPECT_TRUE(report.sets[0].is_closed);
          EXPECT_EQ(report.sets[0].pages.right, deep ? 200U : 0U);
          EXPECT_EQ(report.container_version, version);
        }
      }
    }
  }
}

TEST(BakPacked, SeveralSetsAreRead) {
  TestBak bak;
  TestSet log;
  log.type = 'L';
  log.pages = 0;
  log.guid = 2;
  bak.sets = {TestSet{}, log};
  for (const bool deep : {false, true}) {
    const BakReport report = read(bak.packed(), deep);
    ASSERT_EQ(report.sets.size(), 2U);
    EXPECT_EQ(codes(report), "sqlserver-bak-needs-chain sqlserver-bak-several-sets");
  }
}

TEST(BakPacked, RecordsThatAreStoredAsTheyAreAreTakenByTheirChecksum) {
  TestBak bak;
  bak.is_stored = true;
  EXPECT_EQ(codes(read(bak.packed())), "");
  EXPECT_GT(read(bak.packed()).records.stored, 0U);
}

TEST(BakPacked, ADamagedIndexIsNamedAndAWrongOneOnlyCostsTime) {
  TestBak bak;
  bak.sets[0].pages = 200;
  std::string content = bak.packed();
  const std::size_t index = content.find(test::le(0x2c, 4) + std::string(20, '\0'));
  ASSERT_NE(index, std::string::npos);
  content[index + 24 + 16] = static_cast<char>(content[index + 24 + 16] ^ 2);
  for (const bool deep : {false, true})
    EXPECT_EQ(codes(read(content, deep)), "sqlserver-bak-record-damaged");
  // One that is right by its checksum, and wrong.
  content = bak.packed();
  content[index + 24 + 16] = static_cast<char>(content[index + 24 + 16] ^ 2);
  const auto entries = load_le32(as_bytes(content).data() + index + 24 + 4);
  const auto size = load_le32(as_bytes(content).data() + index + 24 + 8);
  const std::uint32_t sum = turning_xor(as_bytes(content).subspan(index + 40, entries * 16));
  test::put(content, index + 24 + 12, sum, 4);
  test::put(content, index + 24 + size - 4, sum, 4);
  EXPECT_EQ(codes(read(content, false)), "");
}

TEST(BakPacked, NamesARecordWhoseChecksumIsWrong) {
  std::string content = TestBak{}.packed();
  const std::size_t second = content.find(std::string(16, '\xee'), 600) - 4;
  content[second + 28 + 300] = static_cast<char>(content[second + 28 + 300] ^ 1);
  const BakReport report = read(content);
  ASSERT_EQ(codes(report), "sqlserver-bak-record-damaged");
  EXPECT_NE(report.findings[0].seen.find(fmt::format("byte {} of", second)), std::string::npos)
      << report.findings[0].seen;
}

TEST(BakPacked, NamesARecordThatIsOfAnUnknownKind) {
  std::string content = TestBak{}.packed();
  const std::size_t second = content.find(std::string(16, '\xee'), 600) - 4;
  content[second] = '\x31';
  EXPECT_EQ(codes(read(content)), "sqlserver-bak-record-unknown");
  content = TestBak{}.packed();
  content[480] = '\x61';
  EXPECT_EQ(codes(read(content)), "sqlserver-bak-record-unknown");
}

TEST(BakPacked, FindsTheFirstRecordWhereItIs) {
  const std::string content = TestBak{}.packed();
  std::string moved = content;
  moved.insert(16, 512, '\0');
  EXPECT_EQ(codes(read(moved)), "");
}

TEST(BakPacked, TellsWhatFollowsTheEnd) {
  EXPECT_EQ(codes(read(TestBak{}.packed() + std::string(4096, '\0'))), "sqlserver-bak-trailing");
  EXPECT_EQ(codes(read(TestBak{}.packed() + std::string(4096, 'x'))),
            "sqlserver-bak-record-unknown");
}

}  // namespace
}  // namespace holdfast::engine::sqlserver
