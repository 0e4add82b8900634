// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/pump_master.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/oracle/pump_file.h"
#include "engine/oracle/test_pump.h"

namespace holdfast::engine::oracle {
namespace {

TEST(PumpMaster, PutsStarsInThePlaceOfPasswords) {
  for (const auto& [command, told] :
       {std::pair("scott/tiger schemas=scott", "scott/******** schemas=scott"),
        std::pair("scott/tiger@db schemas=scott", "scott/********@db schemas=scott"),
        std::pair("\"sys/******** AS SYSDBA\" schemas=a", "\"sys/******** AS SYSDBA\" schemas=a"),
        std::pair("a/\"two words\"@db x=y", "a/********@db x=y"),
        std::pair("userid=a/b encryption_password=c",
                  "userid=a/******** encryption_password=********"),
        std::pair("USERID=a/b  ENCRYPTION_PASSWORD=\"c d\"",
                  "USERID=a/********  ENCRYPTION_PASSWORD=********"),
        std::pair("directory=/a/b logfile=c", "directory=/a/b logfile=c"), std::pair("", "")})
    EXPECT_EQ(star_passwords(command), told);
}

TEST(PumpMaster, TellsWhatTheJobWrote) {
  TestPump pump;
  TestTable table;
  table.name = "T";
  table.columns = {{"A", 2, 22, ""}};
  table.rows = {{test_number(1)}};
  pump.tables = {table};
  const std::string content = pump.write().front();
  BytesSource source(as_bytes(content));
  const PumpFile file = read_pump_file(source, "1.dmp", PumpDepth::outline, {});
  ASSERT_TRUE(file.master);
  EXPECT_EQ(file.master->job, "SYNTHETIC_JOB");
  EXPECT_EQ(file.master->parameters.at("CLIENT_COMMAND"), "app/********@db schemas=app");
  ASSERT_EQ(file.master->files.size(), 1U);
  EXPECT_EQ(file.master->files.at(1).name, "/synthetic/1.dmp");
  ASSERT_EQ(file.master->data.size(), 1U);
  EXPECT_EQ(file.master->data[0].name.display(), "APP.T");
  ASSERT_EQ(file.master->data[0].extents.size(), 1U);
  EXPECT_EQ(file.master->data[0].extents[0].block, file.units.front().block);
  ASSERT_EQ(file.master->objects.size(), 2U);
  EXPECT_EQ(file.master->objects[0].type, "SEQUENCE");
  EXPECT_EQ(file.master->tables.count({"APP", "T"}), 1U);
}

}  // namespace
}  // namespace holdfast::engine::oracle
