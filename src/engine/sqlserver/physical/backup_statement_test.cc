// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/physical/backup_statement.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::uint64_t gib = std::uint64_t{1} << 30U;

ServerInfo server(unsigned edition = 3) {
  ServerInfo info;
  info.edition = edition;
  info.edition_name = "Enterprise Edition (64-bit)";
  return info;
}

TEST(SqlServerBackupStatement, LeavesChainsOfOthersAsTheyAreAndOverwritesNothingOfTheirs) {
  BackupStatement backup{"My]Shop", "holdfast it's", {"/backup/a.bak"}, {}};
  EXPECT_EQ(backup_text(backup),
            "BACKUP DATABASE [My]]Shop] TO DISK = N'/backup/a.bak' WITH COPY_ONLY, CHECKSUM, "
            "FORMAT, INIT, SKIP, STATS = 5, NAME = N'holdfast it''s', NO_COMPRESSION");
  backup.devices = {"s3://h:1/b/1", "s3://h:1/b/2"};
  backup.plan = {Medium::s3, true, 2, 20U << 20U};
  const std::string text = backup_text(backup);
  EXPECT_NE(text.find("TO URL = N's3://h:1/b/1', URL = N's3://h:1/b/2' WITH"), std::string::npos);
  EXPECT_NE(text.find(", COMPRESSION, MAXTRANSFERSIZE = 20971520"), std::string::npos);
}

TEST(SqlServerBackupStatement, SpreadsOnlyWhatAnObjectCannotHold) {
  EXPECT_EQ(plan_backup(Medium::disk, 10'000 * gib, false, server()).stripes, 1U);
  EXPECT_EQ(plan_backup(Medium::s3, 0, false, server()).stripes, 1U);
  EXPECT_EQ(plan_backup(Medium::s3, 80 * gib, false, server()).stripes, 1U);
  EXPECT_EQ(plan_backup(Medium::s3, 80 * gib + 1, false, server()).stripes, 2U);
  const BackupPlan packed = plan_backup(Medium::s3, 160 * gib, true, server());
  EXPECT_EQ(packed.stripes, 1U);
  EXPECT_EQ(packed.transfer_bytes, 20U << 20U);
  // Where only compressed parts are large enough.
  const BackupPlan large = plan_backup(Medium::s3, 80 * 64 * gib + 1, false, server());
  EXPECT_TRUE(large.compressed);
  EXPECT_EQ(large.stripes, 33U);
  try {
    static_cast<void>(plan_backup(Medium::s3, 160 * 64 * gib + 1, false, server()));
    FAIL() << "it fits";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unsupported);
  }
}

TEST(SqlServerBackupStatement, AsksOnlyEditionsThatCompressForIt) {
  EXPECT_TRUE(plan_backup(Medium::disk, 1, true, server()).compressed);
  EXPECT_FALSE(plan_backup(Medium::disk, 1, true, server(4)).compressed);
  ServerInfo web = server(2);
  web.edition_name = "Web Edition (64-bit)";
  EXPECT_FALSE(plan_backup(Medium::disk, 1, true, web).compressed);
}

TEST(SqlServerBackupStatement, MovesEveryFileOnceAndNeverReplaces) {
  std::vector<RestoredFile> files{{"Shop", "D:\\Data\\Shop.mdf", 'D', 1, ""},
                                  {"Shop's", "/data/weird.n d f", 'D', 1, ""},
                                  {"Shop_log", "/log/Shop.ldf", 'L', 1, ""}};
  place_files(files, "shop ünd_1", "E:\\Data\\", "F:");
  EXPECT_EQ(files[0].to, "E:\\Data\\shopnd_1_1.mdf");
  EXPECT_EQ(files[1].to, "E:\\Data\\shopnd_1_2");
  EXPECT_EQ(files[2].to, "F:\\shopnd_1_3.ldf");
  // Names that are long differ at their ends.
  const std::string long_name(70, 'n');
  place_files(std::span(files).first(1), long_name + "_holdfast_0123abcd", "/d", "/d");
  EXPECT_EQ(files[0].to, "/d/" + std::string(42, 'n') + "_holdfast_0123abcd_1.mdf");
  place_files(files, "shop ünd_1", "E:\\Data\\", "F:");
  const std::string text =
      restore_text({"shop_b", Medium::disk, {"/b/1.bak", "/b/2.bak"}, 3, files, true});
  EXPECT_EQ(text,
            "RESTORE DATABASE [shop_b] FROM DISK = N'/b/1.bak', DISK = N'/b/2.bak' WITH FILE = 3, "
            "MOVE N'Shop' TO N'E:\\Data\\shopnd_1_1.mdf', MOVE N'Shop''s' TO "
            "N'E:\\Data\\shopnd_1_2', MOVE N'Shop_log' TO N'F:\\shopnd_1_3.ldf', CHECKSUM, "
            "STATS = 5, RECOVERY");
  EXPECT_EQ(text.find("REPLACE"), std::string::npos);
}

TEST(SqlServerBackupStatement, JoinsPathsAsTheServersSystemDoes) {
  EXPECT_EQ(server_path("/var/opt/mssql/backup/", "a.bak"), "/var/opt/mssql/backup/a.bak");
  EXPECT_EQ(server_path("/", "a.bak"), "/a.bak");
  EXPECT_EQ(server_path("\\\\host\\share", "a.bak"), "\\\\host\\share\\a.bak");
  EXPECT_EQ(server_path("D:/x", "a.bak"), "D:/x\\a.bak");
}

}  // namespace
}  // namespace holdfast::engine::sqlserver
