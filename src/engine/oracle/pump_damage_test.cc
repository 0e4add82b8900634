// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "engine/oracle/test_pump.h"
#include "engine/oracle/test_pump_damage.h"

namespace holdfast::engine::oracle {
namespace {

std::string synthetic() {
  TestPump pump;
  TestTable table;
  table.name = "THINGS";
  table.columns = {{"ID", 2, 22, "<NOT_NULL>1</NOT_NULL>"},
                   {"NAME", 1, 300},
                   {"TEXT", 112, 4000},
                   {"BORN", 12, 7, ""},
                   {"DATA", 113, 4000, ""}};
  table.chain_bytes = 130;  // two of these are too long for a length of one byte
  table.rows = {{test_number(1), std::string(260, 'n'), test_utf16(std::string(170, 't')),
                 "\x78\x7E\x0B\x14\x01\x01\x01", std::string(300, 'd')},
                {test_number(2), "two", std::nullopt, std::nullopt, std::nullopt},
                {test_number(3), std::nullopt, std::nullopt, std::nullopt, "x"}};
  TestTable plain;
  plain.name = "PLAIN";
  plain.columns = {{"A", 2, 22, ""}, {"B", 1, 20}};
  plain.rows = {{test_number(10), "x"}, {test_number(-20), std::nullopt}, {std::nullopt, "z"}};
  TestTable empty = plain;
  empty.name = "EMPTY";
  empty.rows.clear();
  pump.tables = {table, plain, empty};
  return pump.write().front();
}

TEST(PumpDamage, OfASyntheticFileIsReportedOrChangesNothing) {
  damage(synthetic(), test_damages);
}

TEST(PumpDamage, OfATransferAsTextIsReported) {
  const std::string content = synthetic();
  std::string damaged;
  for (const char c : content) {
    if (c == '\n') damaged += '\r';
    damaged += c;
  }
  EXPECT_FALSE(tell(damaged).is_whole);
}

}  // namespace
}  // namespace holdfast::engine::oracle
