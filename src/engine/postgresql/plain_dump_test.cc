// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/plain_dump.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace holdfast::engine::postgresql {
namespace {

long peak_kib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

TEST(ParseInsert, CountsRows) {
  const auto rows = [](std::string_view statement) {
    const auto insert = parse_insert(statement);
    return insert ? static_cast<int>(insert->rows) : -1;
  };
  EXPECT_EQ(rows("INSERT INTO t VALUES (1), (2, (3)), (')')"), 3);
  EXPECT_EQ(rows("INSERT INTO \"s\".\"t\" (a, b) VALUES (1, 2) ON CONFLICT (a) DO NOTHING"), 1);
  EXPECT_EQ(rows("insert into s.t default values"), 1);
  EXPECT_EQ(rows("INSERT INTO t DEFAULT VALUES"), 1);
  EXPECT_EQ(rows("INSERT INTO t (SELECT 1)"), 0);
  EXPECT_EQ(rows("INSERT INTO"), -1);
  EXPECT_EQ(rows("INSERT t VALUES (1, 2)"), -1);
}

TEST(ParseInsert, NeedsNoMemoryForWhatAStatementHolds) {
  std::string statement = "INSERT INTO t VALUES ";
  for (int i = 0; i < (1 << 20); ++i) statement += "(1,1),";
  statement += "(1)";
  const long before = peak_kib();
  EXPECT_EQ(parse_insert(statement)->rows, (1U << 20U) + 1);
  EXPECT_LT(peak_kib() - before, 32 << 10);
}

}  // namespace
}  // namespace holdfast::engine::postgresql
