// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/server_messages.h"

#include <gtest/gtest.h>

#include <vector>

#include "engine/sqlserver/server_numbers.h"

namespace holdfast::engine::sqlserver {
namespace {

Error error_of(const std::vector<Message>& errors) {
  return backup_error(errors, "backing up shop", Errc::io);
}

TEST(SqlServerMessages, TellProgressByNumberInAnyLanguage) {
  BackupProgress progress;
  for (int i = 1; i <= 20; ++i)
    progress.hear({3211, "01000", std::to_string(i * 5) + " Prozent verarbeitet."});
  progress.hear({4035, "01000", "1234 Seiten wurden für die 'Shop'-Datenbank verarbeitet."});
  progress.hear({4035, "01000", "処理された 2 ページ"});
  EXPECT_EQ(progress.percent(), 100U);
  EXPECT_EQ(progress.pages(), 1236U);
  EXPECT_FALSE(progress.is_done());
  progress.hear({3014, "01000", "BACKUP DATABASE hat erfolgreich …"});
  EXPECT_TRUE(progress.is_done());
  EXPECT_EQ(progress.messages(), 23U);
}

TEST(SqlServerMessages, FindTheErrorOfTheOperatingSystem) {
  EXPECT_EQ(system_error_of("Cannot open backup device 'E:\\b(1).bak'. Operating system error "
                            "5(Access is denied.)."),
            5);
  EXPECT_EQ(system_error_of("Betriebssystemfehler 112 (Es steht nicht genug Speicherplatz …)."),
            112);
  EXPECT_EQ(system_error_of("BACKUP DATABASE is terminating abnormally."), std::nullopt);
}

TEST(SqlServerMessages, SayWhatIsWrongAndWhatToDo) {
  const Message ended{3013, "42000", "BACKUP DATABASE is terminating abnormally."};
  const auto device = [](const std::string& system) {
    return Message{3201, "42000",
                   "Cannot open backup device '/b/x.bak'. Operating system error " + system + "."};
  };
  const Error missing = error_of({device("2(The system cannot find the file specified.)"), ended});
  EXPECT_EQ(missing.code(), Errc::not_found);
  EXPECT_NE(missing.hint().find("backup_directory"), std::string::npos);
  EXPECT_EQ(error_of({device("13(Permission denied)"), ended}).code(), Errc::denied);
  EXPECT_EQ(error_of({device("112(There is not enough space on the disk.)"), ended}).code(),
            Errc::no_space);
  EXPECT_EQ(error_of({{262, "42000", "BACKUP DATABASE permission denied"}, ended}).code(),
            Errc::denied);
  EXPECT_EQ(
      error_of({{3043, "42000", "BACKUP 'Shop' detected an error on page (1:9)"}, ended}).code(),
      Errc::not_consistent);
  EXPECT_EQ(error_of({{33111, "42000", "Cannot find server certificate with thumbprint '0x12'."},
                      {3013, "42000", ""}})
                .code(),
            Errc::not_found);
  EXPECT_EQ(error_of({ended}).code(), Errc::io);
  EXPECT_NE(std::string(error_of({{99999, "42000", "no idea"}, ended}).what()).find("no idea"),
            std::string::npos);
}

}  // namespace
}  // namespace holdfast::engine::sqlserver
