// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/pump_header.h"

#include <gtest/gtest.h>

#include <string>

#include "engine/oracle/test_pump.h"

namespace holdfast::engine::oracle {
namespace {

TEST(PumpHeader, IsKnownByItsBytes) {
  const std::string file = TestPump().write().front();
  EXPECT_TRUE(is_pump_file(as_bytes(file)));
  EXPECT_TRUE(is_pump_file(as_bytes(file).first(10)));
  EXPECT_FALSE(is_pump_file(as_bytes(file).first(9)));
  EXPECT_FALSE(is_pump_file(as_bytes("EXPORT:V12.01.00 and so on")));
}

TEST(PumpHeader, TellsWhereTheMasterTableIs) {
  TestPump pump;
  pump.files = 2;
  pump.master_file = 2;
  const auto files = pump.write();
  const PumpHeader first = parse_pump_header(as_bytes(files[0]));
  EXPECT_FALSE(first.has_master);
  EXPECT_EQ(first.number, 1U);
  const PumpHeader second = parse_pump_header(as_bytes(files[1]));
  EXPECT_TRUE(second.has_master);
  EXPECT_EQ(second.number, 2U);
  EXPECT_EQ(second.master_block, 2U);
  EXPECT_EQ(second.master_offset(), 4096U);
  EXPECT_EQ(second.created, "2026-11-20T10:56:01");
  EXPECT_EQ(second.guid, first.guid);
}

TEST(PumpHeader, IsReadAsFarAsItGoes) {
  const std::string file = TestPump().write().front();
  for (std::size_t size = 10; size < 0x400; ++size) {
    const PumpHeader header = parse_pump_header(as_bytes(file).first(size));
    EXPECT_EQ(header.major, 4U);
    EXPECT_EQ(header.has_blocks(), size >= 0x26);
  }
}

TEST(PumpHeader, TakesNoNonsenseForADate) {
  std::string file = TestPump().write().front();
  file[0x2b] = 13;
  EXPECT_EQ(parse_pump_header(as_bytes(file)).created, "");
}

TEST(PumpHeader, NamesTheRelease) {
  PumpHeader header;
  for (const auto& [version, release] :
       {std::pair("10.02.00.01.00", "10.2"), std::pair("11.02.00.04.00", "11.2"),
        std::pair("12.02.00.01.00", "12.2"), std::pair("19.00.00.00.00", "19")}) {
    header.db_version = version;
    EXPECT_EQ(pump_release(header), release);
  }
  header.db_version = "";
  header.major = 3;
  EXPECT_EQ(pump_release(header), "11.2");
}

}  // namespace
}  // namespace holdfast::engine::oracle
