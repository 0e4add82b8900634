// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/greeting.h"

#include <gtest/gtest.h>

namespace holdfast::engine::mariadb {
namespace {

using namespace std::string_literals;

TEST(MariadbGreeting, TellsTheVersion) {
  const std::string head("\x4a\x00\x00\x00\x0a", 5);
  EXPECT_EQ(version_in_greeting(head + "8.4.3\0rest"s), "8.4.3");
  EXPECT_EQ(version_in_greeting(head + "5.5.5-10.11.19-MariaDB\0"s), "10.11.19-MariaDB");
}

TEST(MariadbGreeting, TakesNothingElseForOne) {
  EXPECT_EQ(version_in_greeting(""), "");
  EXPECT_EQ(version_in_greeting("SSH-2.0-OpenSSH_9.2\r\n"), "");
  EXPECT_EQ(version_in_greeting("\x4a\x00\x00\x00\xff\x10\x04Too many\0"s), "");
  EXPECT_EQ(version_in_greeting("\x4a\x00\x00\x00\x0a 8.4"s), "");
}

TEST(MariadbGreeting, IsSilentWhereNobodyAnswers) {
  Location location;
  location.socket = "/nowhere/s";
  EXPECT_EQ(greeted_version(location), "");
  location.socket.assign(300, 'x');
  EXPECT_EQ(greeted_version(location), "");
}

}  // namespace
}  // namespace holdfast::engine::mariadb
