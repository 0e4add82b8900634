// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/bak/bak_reader.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/sqlserver/bak/bak_findings.h"
#include "engine/sqlserver/bak/test_bak.h"

namespace holdfast::engine::sqlserver {
namespace {

using test::read;
using test::TestBak;
using test::TestSet;

std::vector<std::string> codes(const BakReport& report) {
  std::vector<std::string> found;
  for (const model::Finding& one : report.findings) found.push_back(one.code);
  return found;
}

using Codes = std::vector<std::string>;

TEST(BakReader, TellsAllOfAPlainBackup) {
  for (const bool deep : {false, true}) {
    const BakReport report = read(TestBak{}.plain(), deep);
    EXPECT_EQ(codes(report), Codes{});
    EXPECT_EQ(report.tape.software, "Microsoft SQL Server");
    EXPECT_FALSE(report.is_stripe());
    ASSERT_EQ(report.sets.size(), 1U);
    const BakSet& set = report.sets.front();
    EXPECT_EQ(set.block.name, "Nightly");
    EXPECT_EQ(set.block.user, "HOST\\dba");
    EXPECT_EQ(set.volume.machine, "HOST");
    EXPECT_EQ(type_name(set), "full");
    ASSERT_TRUE(set.end && set.end->facts);
    const SetFacts& facts = *set.end->facts;
    EXPECT_EQ(facts.database, "Shop");
    EXPECT_EQ(facts.server, "HOST\\SQL");
    EXPECT_EQ(facts.first.text(), "40:100:1");
    EXPECT_EQ(facts.last.text(), "40:200:1");
    EXPECT_EQ(facts.finish, "2026-11-22 04:06:07");
    EXPECT_EQ(facts.collation, "SQL_Latin1_General_CP1_CI_AS");
    EXPECT_EQ(facts.database_version, 957);
    ASSERT_EQ(set.end->files.size(), 2U);
    EXPECT_EQ(set.end->files[0].physical_name, "D:\\Data\\Shop.mdf");
    EXPECT_TRUE(set.end->files[1].is_log());
    EXPECT_EQ(set.pages.right, deep ? 24U : 0U);
  }
}

TEST(BakReader, ReadsFilemarksOfAllSizes) {
  for (const std::uint16_t units : std::initializer_list<std::uint16_t>{1, 2, 8, 128}) {
    TestBak bak;
    bak.filemark_units = units;
    EXPECT_EQ(codes(read(bak.plain())), Codes{}) << units;
  }
}

TEST(BakReader, TellsEverySetOfAFile) {
  TestBak bak;
  TestSet full, difference, log;
  difference.type = 'I';
  difference.kind = 8;
  difference.guid = 2;
  difference.pages = 8;
  log.type = 'L';
  log.kind = 16;
  log.guid = 3;
  log.pages = 0;
  bak.sets = {full, difference, log};
  const BakReport report = read(bak.plain());
  ASSERT_EQ(report.sets.size(), 3U);
  EXPECT_EQ(type_name(report.sets[1]), "differential");
  EXPECT_EQ(type_name(report.sets[2]), "log");
  EXPECT_EQ(report.sets[2].data_bytes, 0U);
  EXPECT_EQ(report.sets[1].pages.right, 8U);
  EXPECT_EQ(codes(report), (Codes{"sqlserver-bak-needs-base", "sqlserver-bak-needs-chain",
                                  "sqlserver-bak-several-sets"}));
}

TEST(BakReader, TellsACopyOnlyBackup) {
  TestBak bak;
  bak.sets[0].kind = 6;
  const BakReport report = read(bak.plain());
  EXPECT_TRUE(is_copy_only(report.sets[0]));
  EXPECT_EQ(type_name(report.sets[0]), "full");
}

TEST(BakReader, ChecksStreamsThatHaveChecksums) {
  for (const test::Sums how : {test::Sums::plain, test::Sums::turning}) {
    TestBak bak;
    bak.sets[0].sums = how;
    bak.sets[0].flags |= 16;
    const BakReport report = read(bak.plain());
    EXPECT_EQ(codes(report), Codes{});
    EXPECT_EQ(report.sets[0].checksums_right, 2U);
  }
  TestBak bak;
  bak.sets[0].sums = test::Sums::wrong;
  EXPECT_EQ(codes(read(bak.plain())), Codes{"sqlserver-bak-checksum-differs"});
}

TEST(BakReader, NamesAPageWhoseChecksumIsWrong) {
  std::string content = TestBak{}.plain();
  const std::size_t at = content.find(test::page(5, 0x200));
  ASSERT_NE(at, std::string::npos);
  for (const std::size_t byte : {0U, 1U, 32U, 61U, 100U, 8191U}) {
    std::string damaged = content;
    damaged[at + byte] = static_cast<char>(damaged[at + byte] ^ 4);
    const BakReport report = read(damaged);
    ASSERT_EQ(codes(report), Codes{"sqlserver-bak-page-damaged"}) << byte;
    EXPECT_NE(report.findings[0].seen.find(fmt::format("at byte {}", at)), std::string::npos)
        << report.findings[0].seen;
    EXPECT_EQ(codes(read(damaged, false)), Codes{});
  }
}

TEST(BakReader, TakesALaterCopyOfAPageForTheOneThatCounts) {
  TestBak bak;
  bak.sets[0].again = 8;
  std::string content = bak.plain();
  const std::size_t at = content.find(test::page(5, 0x200));
  const std::size_t again = content.rfind(test::page(5, 0x200));
  ASSERT_LT(at, again);
  content[at + 200] = static_cast<char>(content[at + 200] ^ 1);
  EXPECT_EQ(codes(read(content)), Codes{});
  content[again + 200] = static_cast<char>(content[again + 200] ^ 1);
  EXPECT_EQ(codes(read(content)), Codes{"sqlserver-bak-page-damaged"});
}

TEST(BakReader, TellsPagesThatAreEncryptedOrHaveNoChecksum) {
  TestBak bak;
  bak.sets[0].page_marks = 0xa00;
  EXPECT_EQ(codes(read(bak.plain())), Codes{"sqlserver-bak-encrypted-pages"});
  bak.sets[0].page_marks = 0;
  EXPECT_EQ(codes(read(bak.plain())), Codes{"sqlserver-bak-pages-unmarked"});
}

TEST(BakReader, NamesWhatTheEndTellsOtherwiseThanTheBeginning) {
  std::string content = TestBak{}.plain();
  const std::string name = test::utf16("Shop.mdf");
  const std::size_t at = content.rfind(name);
  content[at] = 'X';
  const BakReport report = read(content);
  ASSERT_EQ(codes(report), Codes{"sqlserver-bak-configuration-differs"});
  EXPECT_NE(report.findings[0].seen.find("file 1 (Shop)"), std::string::npos);
}

TEST(BakReader, NamesABackupThatDoesNotSayWhenItWasFinished) {
  TestBak bak;
  bak.sets[0].finish.clear();
  EXPECT_EQ(codes(read(bak.plain())), Codes{"sqlserver-bak-unfinished"});
}

TEST(BakReader, TellsWhatTheServerSaysOfTheBackup) {
  TestBak bak;
  bak.sets[0].flags = 512 | 32 | 2;
  EXPECT_EQ(codes(read(bak.plain())),
            (Codes{"sqlserver-bak-source-damaged", "sqlserver-bak-snapshot"}));
}

TEST(BakReader, NamesASetThatIsBrokenOffInFrontOfAnother) {
  TestBak bak;
  TestSet open;
  open.has_end = false;
  bak.sets = {open, TestSet{}};
  EXPECT_EQ(codes(read(bak.plain())),
            (Codes{"sqlserver-bak-set-open", "sqlserver-bak-several-sets"}));
  bak.sets = {TestSet{}, open};
  EXPECT_EQ(codes(read(bak.plain())),
            (Codes{"sqlserver-bak-truncated", "sqlserver-bak-several-sets"}));
}

TEST(BakReader, NamesAFileThatWasOnlyLabelled) {
  EXPECT_EQ(codes(read(TestBak{}.plain().substr(0, 1536))), Codes{"sqlserver-bak-no-set"});
}

TEST(BakReader, TellsHowFarATruncatedFileIsGood) {
  const std::string content = TestBak{}.plain();
  const std::size_t data = content.find(test::page(5, 0x200)), end = content.rfind("MSLS");
  BakReport report = read(content.substr(0, data));
  ASSERT_EQ(codes(report), Codes{"sqlserver-bak-truncated"});
  EXPECT_NE(report.findings[0].seen.find("stream MQDA of block MSDA"), std::string::npos)
      << report.findings[0].seen;
  EXPECT_EQ(report.last_block, "MSCI");
  report = read(content.substr(0, end));
  ASSERT_EQ(codes(report), Codes{"sqlserver-bak-truncated"});
  EXPECT_EQ(report.good_until, end);
}

TEST(BakReader, TellsWhatFollowsTheEnd) {
  const std::string content = TestBak{}.plain();
  EXPECT_EQ(codes(read(content + std::string(4096, '\0'))), Codes{"sqlserver-bak-trailing"});
  EXPECT_EQ(codes(read(content + std::string(4096, 'x'))), Codes{"sqlserver-bak-block-damaged"});
}

TEST(BakReader, LooksOnlyAtHeadsUnlessItIsToLookDeep) {
  TestBak bak;
  bak.sets[0].pages = 4000;
  for (const std::string& content : {bak.plain(), bak.packed()}) {
    test::MemoryFile file(content);
    ASSERT_TRUE(read_bak(file, false, {}));
    EXPECT_LT(file.read_bytes, 4U << 20U) << content.size();
  }
}

TEST(BakReader, LeavesOtherFilesAlone) {
  for (const std::string& content :
       {std::string(), std::string("TAPE"),
        std::string("TAPE me to the wall, ") + std::string(90, '.'),
        std::string("PGDMP") + std::string(200, '\0'), std::string(600, '\0')}) {
    test::MemoryFile file(content);
    EXPECT_FALSE(read_bak(file, false, {})) << content.substr(0, 20);
  }
  // The Tape Format of another program.
  std::string content = TestBak{}.plain();
  content.replace(content.find(test::utf16("Microsoft SQL Server")), 40,
                  test::utf16("Windows Backup      "));
  content[86] = content[87] = '\1';
  test::MemoryFile file(content);
  EXPECT_FALSE(read_bak(file, false, {}));
}

// Both names of a file are the same bytes, so that more is told than the file has.
TEST(BakReader, TellsNoMoreOfFilesThanItMay) {
  std::string name;
  for (int i = 0; i < 32'000; ++i) name += test::le(0x20ac, 2);
  std::string record("SFIN");
  record.resize(400);
  for (const std::size_t at : {48U, 52U}) {
    test::put(record, at, name.size(), 2);
    test::put(record, at + 2, record.size(), 2);
  }
  record += name;
  test::put(record, 4, record.size(), 4);
  std::string records;
  for (int i = 0; i < 200; ++i) records += record;
  const std::string whole = TestBak{}.plain();
  const std::size_t at = whole.find("MSCI");
  std::string content = whole.substr(0, at);
  content += test::Block("MSCI", 56).finish({test::stream("MQCI", records)}, at, 1024);
  test::MemoryFile file(content);
  const auto report = read_bak(file, false, {});
  ASSERT_TRUE(report);
  ASSERT_EQ(report->findings.at(0).code, "sqlserver-bak-too-many-sets");
  std::size_t told = 0;
  for (const DatabaseFile& one : report->sets.at(0).begin->files)
    told += one.logical_name.size() + one.physical_name.size();
  EXPECT_LT(told, bak_told_bytes_max);
  EXPECT_GT(told, bak_told_bytes_max / 2);
}

}  // namespace
}  // namespace holdfast::engine::sqlserver
