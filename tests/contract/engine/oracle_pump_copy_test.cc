// SPDX-License-Identifier: Apache-2.0
// Copies by Data Pump, against stand-ins of Oracle's programs: a file on the server, fetched
// through the session or a shared directory, removed in any case.
#include <gtest/gtest.h>

#include <chrono>

#include "contract/engine/oracle_fixture.h"
#include "engine/oracle/server_file.h"
#include "engine/oracle/test_pump.h"

namespace holdfast::test {
namespace {

using engine::oracle::test_number;

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

class OraclePump : public OracleReplay {
 protected:
  // What expdp writes: the tables of the scenarios.
  static void write_dump(const OracleHome& home, int rows_less = 0) {
    engine::oracle::TestPump pump;
    for (const auto& [name, rows] :
         std::map<std::string, int>{{"SCHEDULERS", 2}, {"SCHEDULER_RUNS", 250}, {"OBJECTS", 5}}) {
      engine::oracle::TestTable table;
      table.schema = "FMEMC";
      table.name = name;
      table.columns = {{"ID", 2, 22, ""}};
      for (int row = 0; row < rows - (name == "OBJECTS" ? rows_less : 0); ++row)
        table.rows.push_back({test_number(row + 1)});
      pump.tables.push_back(std::move(table));
    }
    write_file_durably(home.path() / "pump.dmp", as_bytes(pump.write().at(0)));
  }
};

TEST_F(OraclePump, CopiesThroughTheSessionAndLeavesNothingOnTheServer) {
  const OracleHome home("pump");
  write_dump(home);
  engine::HoldOptions options;
  std::vector<Json> announced;
  options.before_change = [&](std::string_view component, std::string_view, const Json& undo) {
    EXPECT_EQ(component, "mc");
    EXPECT_EQ(home.server_files(), 0U);
    announced.push_back(undo);
  };
  const model::Endpoint endpoint = home.endpoint({{"directory", "pump"}});
  const auto made = copy(endpoint, options);
  EXPECT_EQ(as_text(made->parts.at("schema.dmp")), read_text_file(home.path() / "pump.dmp"));
  EXPECT_EQ(home.server_files(), 0U);
  EXPECT_TRUE(has(home.calls(), "FLASHBACK_SCN=4711"));
  ASSERT_EQ(announced.size(), 1U);
  EXPECT_EQ(announced[0].at("directory").as_string(), "PUMP");
  EXPECT_EQ(made->facts.engine_facts.at("method").as_string(), "datapump");
}

TEST_F(OraclePump, GivesRowsToWhoeverWantsThemWhileTheyAreFetched) {
  const OracleHome home("pump");
  write_dump(home);
  RowsOfOne wanted("SCHEDULERS");
  engine::HoldOptions options;
  options.row_tap = wanted.tap();
  const auto made = copy(home.endpoint({{"directory", "pump"}}), options);
  EXPECT_EQ(wanted.columns, std::vector<std::string>{"ID NUMBER"});
  EXPECT_EQ(wanted.rows,
            (std::vector<model::Row>{{model::Value::integer(1)}, {model::Value::integer(2)}}));
}

TEST_F(OraclePump, CopiesThroughASharedDirectory) {
  const OracleHome home("pump");
  write_dump(home);
  std::filesystem::create_directories(home.path() / "server_files");
  const auto made = copy(home.endpoint(
      {{"directory", "pump"}, {"exchange_directory", (home.path() / "server_files").native()}}));
  EXPECT_EQ(as_text(made->parts.at("schema.dmp")), read_text_file(home.path() / "pump.dmp"));
  EXPECT_EQ(home.server_files(), 0U);
}

TEST_F(OraclePump, AsksForTheUndoOnceMore) {
  const OracleHome home("pump_too_old_once");
  write_dump(home);
  const auto made = copy(home.endpoint({{"directory", "pump"}}));
  EXPECT_EQ(made->facts.tables.size(), 3U);
  EXPECT_EQ(home.server_files(), 0U);
  const OracleHome never("pump_too_old");
  write_dump(never);
  const Error refused = refusal(never.endpoint({{"directory", "pump"}}));
  EXPECT_EQ(refused.code(), Errc::not_consistent);
  EXPECT_TRUE(has(refused.hint(), "UNDO_RETENTION"));
  EXPECT_EQ(never.server_files(), 0U);
}

TEST_F(OraclePump, RefusesAFetchThatEndsEarlyAndADumpThatLacksRows) {
  const OracleHome cut("pump_cut");
  write_dump(cut);
  const Error refused = refusal(cut.endpoint({{"directory", "pump"}}));
  EXPECT_EQ(refused.code(), Errc::not_consistent) << refused.what();
  EXPECT_EQ(cut.server_files(), 0U);
  const OracleHome less("pump");
  write_dump(less, 1);
  const Error lost = refusal(less.endpoint({{"directory", "pump"}}));
  EXPECT_EQ(lost.code(), Errc::not_consistent);
  EXPECT_TRUE(has(lost.message(), "table OBJECTS had 5 rows, the dump has 4")) << lost.what();
  EXPECT_EQ(less.server_files(), 0U);
}

TEST_F(OraclePump, UndoesWhatAKilledCopyLeftOnTheServer) {
  const OracleHome home("pump");
  const auto file = home.path() / "server_files" / "HOLDFAST_0123456789AB.dmp";
  std::filesystem::create_directories(file.parent_path());
  write_file_durably(file, as_bytes("left"));
  // The server's own job goes on without its client.
  const auto job = home.path() / "jobs" / "HOLDFAST_0123456789AB";
  std::filesystem::create_directories(job.parent_path());
  write_file_durably(job, as_bytes("at work"));
  Json undo = Json::object();
  undo.set("server_file", "HOLDFAST_0123456789AB.dmp").set("directory", "PUMP");
  for (int repetition = 0; repetition < 2; ++repetition)
    EXPECT_EQ(engine().undo(undo, home.endpoint({{"directory", "pump"}})), "");
  EXPECT_EQ(home.server_files(), 0U);
  EXPECT_FALSE(std::filesystem::exists(job));
}

TEST_F(OraclePump, WaitsNotForEverForTheRemovalOfAFile) {
  const OracleHome home("pump_removal_hangs");
  const engine::oracle::Access access =
      engine::oracle::access_to(home.endpoint({{"directory", "pump"}}));
  try {
    engine::oracle::drop_server_file(access, "PUMP", "HOLDFAST_0123456789AB.dmp",
                                     std::chrono::seconds(2));
    FAIL() << "nothing was waited for";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unavailable) << error.what();
  }
}

TEST_F(OraclePump, LoadsThroughTheSession) {
  const OracleHome home("pump");
  write_dump(home);
  const auto made = copy(home.endpoint({{"directory", "pump"}}));
  const OracleHome target("pump_target");
  const engine::LoadReport report = engine().load(
      made->parts, made->facts, target.endpoint({{"directory", "pump"}}), load_options(), {});
  EXPECT_EQ(report.rows, 257U);
  EXPECT_EQ(target.server_files(), 0U);
  EXPECT_TRUE(has(target.calls(), "impdp AMERICAN_AMERICA.AL32UTF8"));
  engine::LoadOptions mapped = load_options();
  mapped.tablespaces = {{"USERS", "MC"}};
  mapped.replace = true;
  const OracleHome again("pump_target");
  static_cast<void>(
      engine().load(made->parts, made->facts, again.endpoint({{"directory", "pump"}}), mapped, {}));
  EXPECT_TRUE(has(again.calls(), "REMAP_TABLESPACE=USERS:MC"));
}

}  // namespace
}  // namespace holdfast::test
