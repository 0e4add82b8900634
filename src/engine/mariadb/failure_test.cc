// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/failure.h"

#include <gtest/gtest.h>

namespace holdfast::engine::mariadb {
namespace {

TEST(MariadbFailure, TakesAFullDiskForOneWhicheverErrorItComesWith) {
  const auto code = [](unsigned number, const char* text) {
    return code_of({number, "HY000", text}, Errc::unsupported);
  };
  EXPECT_EQ(code(1021, "Disk full"), Errc::no_space);
  EXPECT_EQ(code(1114, "The table 't' is full"), Errc::no_space);
  EXPECT_EQ(code(1878, "Temporary file write failure."), Errc::no_space);
  EXPECT_EQ(code(3, "Error writing file '/tmp/MY1' (Errcode: 28 \"No space left on device\")"),
            Errc::no_space);
  EXPECT_EQ(code(3, "Error writing file '/tmp/MY1' (OS errno 28 - No space left on device)"),
            Errc::no_space);
  EXPECT_EQ(code(1026, "Error writing file './a/b.frm' (errno: 28)"), Errc::no_space);
  EXPECT_EQ(code(1005, "Can't create table `a`.`b` (errno: 28 \"...\")"), Errc::no_space);
  EXPECT_EQ(code(1030, "Got error 28 from storage engine"), Errc::no_space);
}

TEST(MariadbFailure, TakesOnlyRefusalsOfADefinitionForThese) {
  const auto code = [](unsigned number, const char* text) {
    return code_of({number, "HY000", text}, Errc::unsupported);
  };
  EXPECT_EQ(code(1026, "Error writing file './a/b.frm' (errno: 5)"), Errc::io);
  EXPECT_EQ(code(1005, "Can't create table `a`.`b` (errno: 150 \"Foreign key...\")"),
            Errc::unsupported);
  EXPECT_EQ(code(1030, "Got error 139 from storage engine"), Errc::unsupported);
  EXPECT_EQ(code(1067, "Invalid default value for 'a'"), Errc::unsupported);
}

}  // namespace
}  // namespace holdfast::engine::mariadb
