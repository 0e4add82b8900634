// SPDX-License-Identifier: Apache-2.0
// A genuine Data Pump file, where there is one: every figure was read out of its bytes by hand.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/fd.h"
#include "engine/oracle/pump_inspect.h"
#include "engine/oracle/test_pump_damage.h"
#include "harness/foreign_fixtures.h"

namespace holdfast::engine::oracle {
namespace {

namespace fs = std::filesystem;

struct Rows {
  std::vector<model::Column> names;
  std::vector<model::Row> rows;
};

class RowsSink final : public model::RowSink {
 public:
  explicit RowsSink(Rows& into) : into_(into) {}
  void columns(const std::vector<model::Column>& told) override { into_.names = told; }
  void row(const model::Row& row) override { into_.rows.push_back(row); }

 private:
  Rows& into_;
};

std::string text_of(const Json& facts, std::string_view key) {
  return facts.at(key).as_string();
}

class GenuinePump : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto file = test::foreign_fixture("oracle/expdp-12.1-scott.dmp");
    if (!file) GTEST_SKIP() << "no oracle/expdp-12.1-scott.dmp among the foreign fixtures";
    file_ = *file;
  }
  Inspection look() {
    InspectOptions options;
    options.deep = true;
    return inspect_pump(file_, options, {}).value();
  }
  Rows rows(const model::TableName& table) {
    Rows rows;
    RowsSink sink(rows);
    pump_rows(file_, {}, table, sink, {});
    return rows;
  }
  fs::path file_;
};

TEST_F(GenuinePump, TellsTheGenuineFileOf12c) {
  const Inspection found = look();
  EXPECT_EQ(found.kind, "Oracle Data Pump export (12.1)");
  EXPECT_TRUE(found.whole && found.deep && found.rows_counted);
  ASSERT_EQ(found.findings.size(), 1U);
  EXPECT_EQ(found.findings[0].code, "oracle-pump-metadata-compressed");
  const std::map<std::string, std::uint64_t> expected{
      {"SCOTT.BONUS", 0}, {"SCOTT.DEPT", 4}, {"SCOTT.EMP", 14}, {"SCOTT.SALGRADE", 5}};
  std::map<std::string, std::uint64_t> counted;
  for (const model::TableFacts& table : found.tables)
    counted[table.schema + "." + table.table] = table.rows;
  EXPECT_EQ(counted, expected);
  for (const model::TableFacts& table : found.tables) EXPECT_EQ(table.digest.size(), 64U);
  EXPECT_EQ(text_of(found.facts, "version"), "4.1");
  EXPECT_EQ(text_of(found.facts, "db_version"), "12.01.00.02.00");
  EXPECT_EQ(text_of(found.facts, "platform"), "x86_64/Linux 2.4.xx");
  EXPECT_EQ(text_of(found.facts, "instance"), "xe");
  EXPECT_EQ(text_of(found.facts, "job"), "\"SYS\".\"SYS_EXPORT_SCHEMA_01\"");
  EXPECT_EQ(text_of(found.facts, "charset"), "AL32UTF8");
  EXPECT_EQ(text_of(found.facts, "national_charset"), "AL16UTF16");
  EXPECT_EQ(text_of(found.facts, "guid"), "6CE4C62ED2373C67E053020012AC4B94");
  EXPECT_EQ(text_of(found.facts, "created"), "2018-05-23T18:34:07");
  EXPECT_EQ(text_of(found.facts, "compression"), "METADATA_ONLY");
  EXPECT_EQ(text_of(found.facts, "mode"), "SCHEMA");
  EXPECT_EQ(text_of(found.facts, "owner"), "SYS");
  EXPECT_EQ(found.facts.at("charset_id").as_int(), 873);
  EXPECT_EQ(found.facts.at("block_bytes").as_int(), 4096);
  EXPECT_EQ(found.facts.at("file_number").as_int(), 1);
  EXPECT_EQ(found.facts.at("files_expected").as_int(), 1);
  EXPECT_EQ(found.facts.at("master_rows").as_int(), 1272);
  EXPECT_EQ(found.facts.at("internal_tables").as_array().size(), 1U);
  const Json& internal = found.facts.at("internal_tables").as_array().front();
  EXPECT_EQ(text_of(internal, "table"), "SYS.IMPDP_STATS");
  EXPECT_EQ(internal.at("rows").as_int(), 24);
  EXPECT_NE(text_of(found.facts.at("parameters"), "CLIENT_COMMAND").find("sys/********"),
            std::string::npos);
}

TEST_F(GenuinePump, ReadsTheMasterOfTheGenuineFileWhereItsHeaderSays) {
  PumpFileSource source(file_);
  const PumpFile found = read_pump_file(source, "scott.dmp", PumpDepth::outline, {});
  EXPECT_EQ(found.header.master_block, 24U);
  EXPECT_EQ(found.header.master_bytes, 285072U);
  ASSERT_EQ(found.units.size(), 5U);
  EXPECT_EQ(found.units.back().table->columns.size(), 100U);
  EXPECT_EQ(found.units.back().rows, 1272U);
}

TEST_F(GenuinePump, GivesRowsAndColumnsOfTheGenuineFile) {
  const Rows dept = rows({"SCOTT", "DEPT"});
  ASSERT_EQ(dept.rows.size(), 4U);
  EXPECT_EQ(dept.rows[0],
            (model::Row{model::Value::integer(10), model::Value::of_text("ACCOUNTING"),
                        model::Value::of_text("NEW YORK")}));
  const Rows bonus = rows({"SCOTT", "BONUS"});
  EXPECT_TRUE(bonus.rows.empty());
  EXPECT_EQ(bonus.names.size(), 4U);
  const auto tables = define_pump_tables(file_, {}, {});
  ASSERT_EQ(tables.size(), 4U);
  EXPECT_EQ(tables[0].name.table, "BONUS");
  EXPECT_EQ(tables[0].columns[2].type, "NUMBER");
  EXPECT_EQ(tables[1].name.table, "DEPT");
  EXPECT_EQ(tables[1].columns[0].type, "NUMBER(2)");
  EXPECT_FALSE(tables[1].columns[0].is_nullable);
  EXPECT_EQ(tables[1].columns[1].type, "VARCHAR2(14)");
  EXPECT_EQ(tables[1].primary_key, std::vector<std::string>{"DEPTNO"});
  EXPECT_EQ(tables[2].columns[4].type, "DATE");
  EXPECT_EQ(tables[2].primary_key, std::vector<std::string>{"EMPNO"});
  EXPECT_TRUE(tables[3].primary_key.empty());
}

TEST_F(GenuinePump, DamageIsReportedOrChangesNothing) {
  damage(read_text_file(file_), test_genuine_damages);
}

TEST_F(GenuinePump, CutAtABlockIsReported) {
  const std::string content = read_text_file(file_);
  const Told before = tell(content);
  for (std::size_t size = 0; size < content.size(); size += 4096) cut(content, size, before);
  // The byte that says that there is a master table.
  std::string cleared = content;
  cleared[0x0e] = '\0';
  EXPECT_FALSE(tell(cleared).is_whole);
  for (const char* more : {"x", "KGC\x80"}) EXPECT_FALSE(tell(content + more).is_whole);
}

}  // namespace
}  // namespace holdfast::engine::oracle
