// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/physical/backup_check.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/sqlserver/bak/test_bak.h"

namespace holdfast::engine::sqlserver {
namespace {

std::vector<Stripe> read(const std::vector<std::string>& files) {
  std::vector<Stripe> stripes;
  for (const std::string& content : files) {
    test::MemoryFile file(content);
    auto report = read_bak(file, true, {});
    EXPECT_TRUE(report.has_value());
    stripes.push_back(
        {backup_part(static_cast<unsigned>(stripes.size()), static_cast<unsigned>(files.size())),
         std::move(*report)});
  }
  return stripes;
}

std::string refused(const std::vector<std::string>& files) {
  try {
    static_cast<void>(full_set(read(files), "Shop"));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::not_consistent);
    return error.message();
  }
  return "";
}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

test::TestBak stripe(std::uint16_t number, std::uint16_t of) {
  test::TestBak bak;
  bak.families = of;
  bak.family = bak.sequence = number;
  bak.sets[0].flags = 512 | 16;
  return bak;
}

TEST(SqlServerBackupCheck, BelievesOneFullSetThatIsWhole) {
  EXPECT_EQ(refused({test::TestBak().plain()}), "");
  EXPECT_EQ(refused({test::TestBak().packed()}), "");
  EXPECT_EQ(refused({stripe(1, 2).plain(), stripe(2, 2).plain()}), "");
}

TEST(SqlServerBackupCheck, RefusesWhatIsNot) {
  EXPECT_TRUE(has(refused({stripe(1, 2).plain()}), "stripe 1 of 2"));
  EXPECT_TRUE(has(refused({stripe(1, 2).plain(), stripe(1, 2).plain()}), "missing: 2"));
  const std::string whole = test::TestBak().plain();
  EXPECT_TRUE(has(refused({whole.substr(0, whole.size() / 2)}), "before it is complete"));
  test::TestBak several;
  several.sets.resize(2, several.sets[0]);
  EXPECT_TRUE(has(refused({several.plain()}), "2 sets"));
  test::TestBak other;
  other.sets[0].database = "Other";
  EXPECT_TRUE(has(refused({other.plain()}), "database Other"));
  test::TestBak log;
  log.sets[0].type = 'L';
  EXPECT_TRUE(has(refused({log.plain()}), "log backup"));
  test::TestBak unfinished;
  unfinished.sets[0].finish.clear();
  EXPECT_TRUE(has(refused({unfinished.plain()}), "no time"));
}

TEST(SqlServerBackupCheck, ReadsNumbersOfTheLog) {
  EXPECT_EQ(parse_lsn("40000000010000001")->text(), "40:100:1");
  EXPECT_EQ(parse_lsn("4294967295429496729565535")->text(), "4294967295:4294967295:65535");
  EXPECT_EQ(parse_lsn("0")->text(), "0:0:0");
  EXPECT_FALSE(parse_lsn("40:100:1"));
  EXPECT_FALSE(parse_lsn(""));
}

Session::Named header(const std::vector<std::pair<std::string, Cell>>& fields) {
  Session::Named named;
  named.rows.emplace_back();
  for (const auto& [name, value] : fields) {
    named.names.push_back(name);
    named.rows[0].push_back(value);
  }
  return named;
}

TEST(SqlServerBackupCheck, ComparesWhatTheServerSaysByNameWhateverItsRelease) {
  const std::vector<Stripe> stripes = read({stripe(1, 1).plain()});
  const BakSet& set = full_set(stripes, "Shop");
  EXPECT_TRUE(header_differences(set, header({{"databasename", "Shop"},
                                              {"NobodyKnowsThis", "7"},
                                              {"LastLSN", "40000000020000001"},
                                              {"HasBackupChecksums", "True"},
                                              {"IsDamaged", "0"},
                                              {"Position", std::nullopt}}))
                  .empty());
  const auto differ = header_differences(
      set, header({{"DatabaseName", "Shop2"}, {"IsDamaged", "1"}, {"FirstLSN", "1"}}));
  ASSERT_EQ(differ.size(), 3U);
  EXPECT_TRUE(has(differ[0], "DatabaseName is Shop2, and Shop in the file"));
  Session::Named two = header({{"DatabaseName", "Shop"}});
  two.rows.push_back(two.rows[0]);
  EXPECT_EQ(header_differences(set, two).size(), 1U);
}

TEST(SqlServerBackupCheck, TakesEachFileOnceAndComparesSizes) {
  const std::vector<Stripe> stripes = read({stripe(1, 1).plain()});
  const BakSet& set = full_set(stripes, "Shop");
  Session::Named files;
  files.names = {"LogicalName", "PhysicalName", "Type", "Size", "TDEThumbprint"};
  files.rows = {{"Shop", "D:\\Data\\Shop.mdf", "D", "8388608", "0xab01"},
                {"Shop_log", "E:\\Log\\Shop.ldf", "L", "1048576", "ab01"},
                {"Shop", "D:\\Data\\Shop.mdf", "D", "8388608", std::nullopt}};
  EXPECT_TRUE(file_differences(set, files).empty());
  EXPECT_EQ(restored_files(files).size(), 2U);
  EXPECT_EQ(restored_files(files)[1].kind, 'L');
  EXPECT_EQ(thumbprints_of(files), std::vector<std::string>{"AB01"});
  files.rows[0][3] = "1";
  files.rows[1][0] = "Other";
  EXPECT_EQ(file_differences(set, files).size(), 2U);
}

}  // namespace
}  // namespace holdfast::engine::sqlserver
