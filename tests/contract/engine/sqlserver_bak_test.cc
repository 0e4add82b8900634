// SPDX-License-Identifier: Apache-2.0
// Genuine backups of SQL Server, which are no part of this project: everything that is known of
// them is told, plain and compressed, and every damage is named.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/fd.h"
#include "engine/sqlserver/bak/bak_inspect.h"
#include "engine/sqlserver/bak/test_bak_damage.h"
#include "tests/harness/foreign_fixtures.h"

namespace holdfast::engine::sqlserver {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t damages = 120;

class SqlServerBackups : public ::testing::Test {
 protected:
  bool open(const std::string& name) {
    const auto found = holdfast::test::foreign_fixture("sqlserver/" + name);
    if (!found) return false;
    file_ = *found;
    content_ = read_text_file(file_);
    return true;
  }
  [[nodiscard]] Inspection inspect(bool deep) const {
    InspectOptions options;
    options.deep = deep;
    auto found = inspect_bak(file_, options, {});
    EXPECT_TRUE(found);
    return found ? std::move(*found) : Inspection{};
  }
  static std::string text(const Json& json, std::string_view key) {
    return json.at(key).as_string();
  }
  static std::string codes(const Inspection& inspection) {
    std::string found;
    for (const model::Finding& one : inspection.findings) found += one.code + " ";
    return found;
  }

  fs::path file_;
  std::string content_;
};

#define OPEN_OR_SKIP(name) \
  if (!open(name)) GTEST_SKIP() << "there is no " << (name)

TEST_F(SqlServerBackups, OfANorthwindOf2005IsTold) {
  OPEN_OR_SKIP("northwind-2005.bak");
  for (const bool deep : {false, true}) {
    const Inspection found = inspect(deep);
    EXPECT_TRUE(found.whole);
    EXPECT_EQ(found.kind, "SQL Server backup (full backup of Northwind)");
    EXPECT_EQ(codes(found), deep ? "sqlserver-bak-pages-unmarked " : "");
    EXPECT_EQ(text(found.facts, "state"), "complete");
    EXPECT_EQ(text(found.facts.at("media"), "software"), "Microsoft SQL Server");
    ASSERT_EQ(found.facts.at("sets").as_array().size(), 1U);
    const Json& set = found.facts.at("sets").as_array()[0];
    EXPECT_EQ(text(set, "name"), "Northwind-Full Database Backup");
    EXPECT_EQ(text(set, "user"), "hp05\\Henryk");
    EXPECT_EQ(text(set, "machine"), "HP05");
    EXPECT_EQ(text(set, "volume"), "C:");
    EXPECT_EQ(text(set, "type"), "full");
    EXPECT_FALSE(set.at("copy_only").as_bool());
    EXPECT_EQ(text(set, "database"), "Northwind");
    EXPECT_EQ(text(set, "server"), "HP05\\INST1");
    EXPECT_EQ(text(set, "version"), "9.0.3068");
    EXPECT_EQ(text(set, "release"), "SQL Server 2005");
    EXPECT_EQ(set.at("database_version").as_uint(), 611U);
    EXPECT_EQ(set.at("compatibility").as_uint(), 90U);
    EXPECT_EQ(set.at("lcid").as_uint(), 0x415U);
    EXPECT_EQ(text(set, "collation"), "Polish_CI_AS");
    EXPECT_EQ(text(set, "created"), "2008-03-03 13:19:15");
    EXPECT_EQ(text(set, "start"), "2008-10-13 15:18:13");
    EXPECT_EQ(text(set, "finish"), "2008-10-13 15:18:13");
    EXPECT_EQ(text(set, "first_lsn"), "49:94:37");
    EXPECT_EQ(text(set, "last_lsn"), "49:110:1");
    EXPECT_EQ(text(set, "checkpoint_lsn"), "49:94:37");
    EXPECT_EQ(text(set, "full_lsn"), "48:74:37");
    EXPECT_EQ(set.at("backup_size_bytes").as_uint(), 3'289'600U);
    EXPECT_EQ(set.at("data_bytes").as_uint(), 2 + 392 * page_bytes);
    const Json::Array& files = set.at("files").as_array();
    ASSERT_EQ(files.size(), 2U);
    EXPECT_EQ(text(files[0], "logical_name"), "Northwind");
    EXPECT_EQ(text(files[0], "physical_name"),
              "C:\\Program Files\\Microsoft SQL Server\\MSSQL.1\\MSSQL\\DATA\\northwnd.mdf");
    EXPECT_EQ(files[0].at("size_bytes").as_uint(), 3'342'336U);
    EXPECT_EQ(text(files[1], "logical_name"), "Northwind_log");
    EXPECT_EQ(text(files[1], "kind"), "log");
    EXPECT_EQ(files[1].at("size_bytes").as_uint(), 1'048'576U);
    if (!deep) continue;
    EXPECT_EQ(set.at("pages").at("read").as_uint(), 392U);
    EXPECT_EQ(set.at("pages").at("right").as_uint(), 359U);
    EXPECT_EQ(set.at("pages").at("wrong").as_uint(), 0U);
  }
}

TEST_F(SqlServerBackups, OfACompressedDatabaseOf2019IsTold) {
  OPEN_OR_SKIP("compressed-2019.bak");
  for (const bool deep : {false, true}) {
    const Inspection found = inspect(deep);
    EXPECT_TRUE(found.whole);
    EXPECT_EQ(codes(found), deep ? "sqlserver-bak-pages-unmarked " : "");
    EXPECT_EQ(text(found.facts, "state"), "complete");
    EXPECT_TRUE(found.facts.at("compressed").as_bool());
    const Json& set = found.facts.at("sets").as_array().at(0);
    EXPECT_EQ(text(set, "name"), "Sekmen.ExpiredLink-Full Database Backup");
    EXPECT_EQ(text(set, "database"), "Sekmen.ExpiredLink");
    EXPECT_EQ(text(set, "server"), "DESKTOP-9EAQTRD");
    EXPECT_EQ(text(set, "type"), "full");
    EXPECT_EQ(text(set, "version"), "15.0.2080");
    EXPECT_EQ(set.at("database_version").as_uint(), 904U);
    EXPECT_EQ(set.at("compatibility").as_uint(), 150U);
    EXPECT_EQ(set.at("lcid").as_uint(), 0x409U);
    EXPECT_EQ(text(set, "collation"), "Latin1_General_CI_AS");
    EXPECT_EQ(text(set, "created"), "2021-01-25 18:14:34");
    EXPECT_EQ(text(set, "start"), "2021-01-26 11:38:36");
    EXPECT_EQ(text(set, "finish"), "2021-01-26 11:38:36");
    EXPECT_EQ(text(set, "first_lsn"), "37:1112:1");
    EXPECT_EQ(text(set, "last_lsn"), "37:1136:1");
    EXPECT_EQ(text(set, "checkpoint_lsn"), "37:1112:1");
    EXPECT_EQ(set.at("backup_size_bytes").as_uint(), 3'358'720U);
    const Json::Array& files = set.at("files").as_array();
    ASSERT_EQ(files.size(), 2U);
    EXPECT_EQ(text(files[0], "physical_name"), "E:\\DatabaseData\\Sekmen.ExpiredLink.mdf");
    EXPECT_EQ(text(files[1], "physical_name"), "E:\\DatabaseData\\Sekmen.ExpiredLink_log.ldf");
    if (!deep) continue;
    EXPECT_EQ(found.facts.at("records").as_uint(), 57U);
    EXPECT_EQ(set.at("pages").at("read").as_uint(), 400U);
    EXPECT_EQ(set.at("pages").at("right").as_uint(), 349U);
  }
}

// Each record's content begins as it is known to.
TEST_F(SqlServerBackups, RecordsOfACompressedOneAreTheChainOfThePlainOne) {
  OPEN_OR_SKIP("compressed-2019.bak");
  test::MemoryFile file(content_);
  BakInput input(file, false, {});
  std::string chain;
  while (!input.at_hand(1).empty()) {
    chain += as_text(input.at_hand(1));
    input.drop(input.at_hand(1).size());
  }
  EXPECT_FALSE(input.trouble());
  ASSERT_EQ(chain.size(), 1024U + 512 + 3'361'792 + 512 + 3072 + 512);
  EXPECT_EQ(chain.substr(0, 4), "TAPE");
  EXPECT_EQ(chain.substr(1536, 4), "SSET");
  EXPECT_EQ(chain.substr(1536 + 1024, 4), "VOLB");
  EXPECT_EQ(chain.substr(1536 + 2048, 4), "MSCI");
  EXPECT_EQ(chain.substr(1536 + 3'357'696, 4), "MSLS");
  EXPECT_EQ(chain.substr(1536 + 3'361'792 + 512, 4), "ESET");
}

TEST_F(SqlServerBackups, WhatIsCutIsNamedWithItsPlace) {
  OPEN_OR_SKIP("northwind-2005.bak");
  const test::Told in_data = test::tell(content_.substr(0, 2'000'000), false);
  ASSERT_EQ(in_data.findings.count("sqlserver-bak-truncated"), 1U);
  EXPECT_NE(in_data.findings.at("sqlserver-bak-truncated").find("byte 2000000"), std::string::npos);
  EXPECT_NE(in_data.findings.at("sqlserver-bak-truncated").find("stream MQDA"), std::string::npos);
  EXPECT_NE(in_data.facts.find("\"finish\":null"), std::string::npos);
  const test::Told at_end = test::tell(content_.substr(0, 3'291'648), false);
  ASSERT_EQ(at_end.findings.count("sqlserver-bak-truncated"), 1U);
  EXPECT_NE(at_end.findings.at("sqlserver-bak-truncated").find("behind all data"),
            std::string::npos);
}

TEST_F(SqlServerBackups, DamageOfAPlainOneIsReportedOrChangesNothing) {
  OPEN_OR_SKIP("northwind-2005.bak");
  test::damage(content_, test::structure_of_plain(content_), damages);
}

TEST_F(SqlServerBackups, DamageOfACompressedOneIsReportedOrChangesNothing) {
  OPEN_OR_SKIP("compressed-2019.bak");
  test::damage(content_, test::structure_of_packed(content_), damages);
}

// Pages with a checksum are most of it.
TEST_F(SqlServerBackups, AChangedByteOfAMarkedPageIsNamed) {
  OPEN_OR_SKIP("northwind-2005.bak");
  constexpr std::size_t first_page_at = 6656;
  for (const std::size_t page : {0U, 1U, 9U, 100U}) {
    for (const std::size_t byte : {0U, 33U, 96U, 4000U}) {
      std::string damaged = content_;
      char& one = damaged[first_page_at + page * page_bytes + byte];
      one = static_cast<char>(one ^ 1);
      EXPECT_EQ(test::tell(damaged).findings.count("sqlserver-bak-page-damaged"), 1U)
          << page << " " << byte;
    }
  }
}

}  // namespace
}  // namespace holdfast::engine::sqlserver
