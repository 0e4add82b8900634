// SPDX-License-Identifier: Apache-2.0
// The documentation lists every code that is found of databases, backup files and packages, with
// its severities, and no other.
#include <gtest/gtest.h>

#include "model/test_finding_codes.h"

namespace holdfast::engine::sqlserver {
namespace {

TEST(SqlServerFindings, AreThoseOfTheDocumentation) {
  EXPECT_EQ(model::codes_in_folder(HOLDFAST_SOURCES "/src/engine/sqlserver", "sqlserver-"),
            model::codes_in_page(HOLDFAST_SOURCES, "sqlserver-"));
}

}  // namespace
}  // namespace holdfast::engine::sqlserver
