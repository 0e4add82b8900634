// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/server_errors.h"

#include <gtest/gtest.h>

#include "engine/sqlserver/server_numbers.h"

namespace holdfast::engine::sqlserver {
namespace {

using Messages = std::vector<Message>;

Errc one(int number, const std::string& text = {}) {
  const Messages errors{{number, "42000", text}};
  return errc_of(errors, Errc::bug);
}

TEST(SqlServerErrors, MeanWhatAReaderHasToDo) {
  EXPECT_EQ(one(18456), Errc::denied);
  EXPECT_EQ(one(229), Errc::denied);
  EXPECT_EQ(one(262), Errc::denied);
  EXPECT_EQ(one(4060), Errc::not_found);
  EXPECT_EQ(one(911), Errc::not_found);
  EXPECT_EQ(one(208), Errc::not_found);
  EXPECT_EQ(one(1801), Errc::exists);
  EXPECT_EQ(one(1105), Errc::no_space);
  EXPECT_EQ(one(9002), Errc::no_space);
  EXPECT_EQ(one(5128), Errc::no_space);
  EXPECT_EQ(one(596), Errc::unavailable);
  EXPECT_EQ(one(926), Errc::unavailable);
  EXPECT_EQ(one(2571), Errc::denied);
  EXPECT_EQ(one(1205), Errc::unavailable);
  EXPECT_EQ(one(1222), Errc::unavailable);
  EXPECT_EQ(one(3702), Errc::unavailable);
  EXPECT_EQ(one(3960), Errc::not_consistent);
  EXPECT_EQ(one(3961), Errc::not_consistent);
  EXPECT_EQ(one(3952), Errc::unsupported);
  EXPECT_EQ(one(3043), Errc::not_consistent);  // as of a backup
  EXPECT_EQ(one(50000), Errc::bug);
  EXPECT_EQ(one(5123), Errc::bug);  // of which system error nobody says
}

TEST(SqlServerErrors, OfFilesMeanWhatTheServersSystemSays) {
  const std::string device = "Cannot open backup device 'D:\\x'. Operating system error ";
  EXPECT_EQ(one(3201, device + "5(Access is denied.)."), Errc::denied);
  EXPECT_EQ(one(3201, device + "3(The system cannot find the path specified.)."), Errc::not_found);
  EXPECT_EQ(one(3201, device + "13(Permission denied)."), Errc::denied);
  EXPECT_EQ(one(3202, "Write on \"/b\" failed: 112(There is not enough space on the disk.)"),
            Errc::no_space);
  EXPECT_EQ(one(3202, "Write on \"/b\" failed: 28(No space left on device)"), Errc::no_space);
  EXPECT_EQ(one(3201, device + "87(The parameter is incorrect.)."), Errc::bug);
}

TEST(SqlServerErrors, FindTheReasonBesideTheLostConnection) {
  const Messages login{{18456, "42000", "Login failed for user 'x'."},
                       {20002, "08001", "Adaptive Server connection failed"}};
  EXPECT_EQ(errc_of(login, Errc::io), Errc::denied);
  const Messages turned{login[1], login[0]};
  EXPECT_EQ(errc_of(turned, Errc::io), Errc::denied);
  Location location;
  EXPECT_NE(connecting_hint(login, location).find("password"), std::string::npos);
  const Messages nowhere{{4060, "42000", "Cannot open database \"x\""}, login[0]};
  EXPECT_EQ(errc_of(nowhere, Errc::io), Errc::not_found);
  EXPECT_NE(connecting_hint(nowhere, location).find("name of the database"), std::string::npos);
  // A damaged page ends the session that reads it.
  const Messages damaged{{824, "HY000", "..."}, {596, "HY000", "..."}, {0, "08S01", "..."}};
  EXPECT_EQ(errc_of(damaged, Errc::io), Errc::not_consistent);
  const Messages mute{login[1]};
  EXPECT_EQ(errc_of(mute, Errc::io), Errc::unavailable);
  EXPECT_NE(connecting_hint(mute, location).find("tls_ca"), std::string::npos);
  location.tls = Tls::off;
  EXPECT_EQ(connecting_hint(mute, location).find("tls_ca"), std::string::npos);
  const Messages library{{0, "01000", "Can't open lib '/x.so' : file not found"}};
  EXPECT_EQ(errc_of(library, Errc::unavailable), Errc::not_found);
  const Messages no_driver{{0, "IM004", "Driver's SQLAllocHandle on SQL_HANDLE_HENV failed"}};
  EXPECT_NE(connecting_hint(no_driver, location).find("`driver`"), std::string::npos);
}

TEST(SqlServerErrors, TellAMuteServerFromOneThatHasGone) {
  EXPECT_TRUE(is_unanswered(Messages{{208, "42S02", ""}}));
  EXPECT_TRUE(is_unanswered(Messages{{33557097, "42000", "not supported"}}));
  EXPECT_FALSE(is_unanswered(Messages{{1205, "40001", ""}}));
  EXPECT_FALSE(is_unanswered(Messages{{20006, "08S01", ""}}));
  EXPECT_FALSE(is_unanswered(Messages{}));
  EXPECT_TRUE(is_lost(Messages{{208, "42S02", ""}, {0, "08S01", ""}}));
  EXPECT_FALSE(is_lost(Messages{{911, "08004", "database \"x\" does not exist"}}));
}

TEST(SqlServerErrors, TellDamageFromAnExaminationThatEnded) {
  for (const int number : {211, 605, 824, 2533, 5242, 7105, 7985, 8646, 8928, 8939})
    EXPECT_TRUE(is_damage(number)) << number;
  for (const int number :
       {0, 596, 1105, 1823, 2571, 5128, 5238, 5245, 5269, 7926, 7928, 7983, 8921})
    EXPECT_FALSE(is_damage(number)) << number;
}

TEST(SqlServerErrors, TellWhatNobodyExplains) {
  EXPECT_TRUE(is_unexplained(Messages{unexplained()}));
  EXPECT_TRUE(is_unexplained(Messages{}));
  EXPECT_FALSE(is_unexplained(Messages{unexplained(), {8115, "22003", ""}}));
  EXPECT_FALSE(is_unexplained(Messages{{0, "22001", "String data, right truncation"}}));
}

TEST(SqlServerErrors, LoseTheNamesOfDrivers) {
  EXPECT_EQ(without_names("[FreeTDS][SQL Server]Login failed.\n"), "Login failed.");
  EXPECT_EQ(without_names("[Microsoft][ODBC Driver 18 for SQL Server][SQL Server][a] is none"),
            "[a] is none");
  EXPECT_EQ(without_names("[unixODBC][Driver Manager]Can't open lib"), "Can't open lib");
  EXPECT_EQ(without_names("plain"), "plain");
}

}  // namespace
}  // namespace holdfast::engine::sqlserver
