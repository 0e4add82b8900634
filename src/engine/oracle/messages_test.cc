// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/messages.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/oracle/export.h"

namespace holdfast::engine::oracle {
namespace {

constexpr std::string_view good_end = "Export terminated successfully without warnings.\n";

TEST(OracleMessages, KnowsEachCodeOnceInOrder) {
  const auto codes = known_codes();
  EXPECT_TRUE(std::is_sorted(codes.begin(), codes.end(),
                             [](const auto& a, const auto& b) { return a.code < b.code; }));
  EXPECT_EQ(std::adjacent_find(codes.begin(), codes.end(),
                               [](const auto& a, const auto& b) { return a.code == b.code; }),
            codes.end());
  for (const KnownCode& one : codes) EXPECT_EQ(find_code(one.code), &one);
  EXPECT_EQ(find_code("EXP-99999"), nullptr);
}

TEST(OracleMessages, CountsRowsOfTablesAndPartitions) {
  const LogReport report = read_log(
      "Export: Release 11.2.0.4.0 - Production\n"
      ". . exporting table                           DEPT          4 rows exported\n"
      ". . exporting table                          SALES\n"
      ". . exporting partition                        P_1         10 rows exported\n"
      ". . exporting composite partition              P_2\n"
      ". . exporting subpartition                    P_2A          5 rows exported\n"
      ". . exporting table                          BONUS          0 rows exported\n" +
      std::string(good_end));
  EXPECT_EQ(report.verdict(), Verdict::harmless);
  EXPECT_EQ(report.rows.at("DEPT"), 4U);
  EXPECT_EQ(report.rows.at("SALES"), 15U);
  EXPECT_EQ(report.rows.at("BONUS"), 0U);
}

TEST(OracleMessages, ReadsTheLogOfDataPump) {
  const LogReport report = read_log(
      ". . exported \"SCOTT\".\"DEPT\"                    5.937 KB       4 rows\n"
      ". . exported \"SCOTT\".\"T\":\"P1\"                 5.937 KB       3 rows\n"
      ". . exported \"SCOTT\".\"T\":\"P2\"                 5.937 KB       2 rows\n"
      "Job \"SCOTT\".\"J\" successfully completed at Sun Nov 22 05:00:00 2026\n");
  EXPECT_EQ(report.end, LogEnd::successful);
  EXPECT_EQ(report.verdict(), Verdict::harmless);
  EXPECT_EQ(report.rows.at("DEPT"), 4U);
  EXPECT_EQ(report.rows.at("T"), 5U);
}

TEST(OracleMessages, ReadsWhatIsSaidBehindTheQuestionForAPassword) {
  EXPECT_EQ(read_log("Password: Job \"A\".\"J\" successfully completed at x\n").end,
            LogEnd::successful);
  EXPECT_EQ(read_log("Password: . . exporting table  T  3 rows exported\n").rows.at("T"), 3U);
}

TEST(OracleMessages, TakesNoEndForAFailureInAnyLanguage) {
  EXPECT_EQ(read_log("").verdict(), Verdict::failed);
  EXPECT_EQ(read_log("Procedure d'export terminee avec succes, sans avertissements.\n").verdict(),
            Verdict::failed);
  EXPECT_EQ(read_log("EXP-00000: Export terminated unsuccessfully\n").verdict(), Verdict::failed);
}

TEST(OracleMessages, CallsASkippedTableIncompleteThoughItEndsWell) {
  const LogReport report = read_log(
      "EXP-00107: Feature (BINARY XML) of column DATA in table A.B is not supported. The "
      "table will not be exported.\n"
      "Export terminated successfully with warnings.\n");
  EXPECT_EQ(report.verdict(), Verdict::incomplete);
  EXPECT_TRUE(report.needs_datapump);
  EXPECT_NE(report.worst().find("BINARY XML"), std::string::npos);
}

TEST(OracleMessages, LetsQuestionableStatisticsPass) {
  EXPECT_EQ(read_log("EXP-00091: Exporting questionable statistics.\n"
                     "Export terminated successfully with warnings.\n")
                .verdict(),
            Verdict::harmless);
}

TEST(OracleMessages, CallsWhatItDoesNotKnowIncomplete) {
  EXPECT_EQ(read_log("EXP-00999: something new\n" + std::string(good_end)).verdict(),
            Verdict::incomplete);
  EXPECT_EQ(read_log("ORA-00600: internal error\n" + std::string(good_end)).verdict(),
            Verdict::incomplete);
}

TEST(OracleMessages, SeesThatTheUndoIsGone) {
  const LogReport report = read_log(
      "EXP-00008: ORACLE error 1555 encountered\nORA-01555: snapshot too old: rollback segment\n"
      "Export terminated successfully with warnings.\n");
  EXPECT_TRUE(report.snapshot_too_old);
  EXPECT_EQ(report.verdict(), Verdict::incomplete);
  EXPECT_EQ(report.messages.size(), 1U);
  EXPECT_NE(report.advice().find("UNDO_RETENTION"), std::string::npos);
}

TEST(OracleMessages, LeavesOutAGrantToNobodyAndNoOtherStatement) {
  const std::string end = "Import terminated successfully with warnings.\n";
  const std::string nobody =
      "IMP-00003: ORACLE error 1917 encountered\nORA-01917: user or role 'M' does not exist\n";
  const LogReport grant = read_log(
      "IMP-00017: following statement failed with ORACLE error 1917:\n \"GRANT SELECT ON \"T\" TO "
      "\"M\"\"\n" +
      nobody + end);
  ASSERT_FALSE(grant.messages.empty());
  EXPECT_EQ(grant.messages.front().verdict, Verdict::left_out);
  const LogReport table = read_log(
      "IMP-00017: following statement failed with ORACLE error 959:\n \"CREATE TABLE \"T\"\"\n"
      "ORA-00959: tablespace 'X' does not exist\n" +
      end);
  EXPECT_EQ(table.verdict(), Verdict::incomplete);
  EXPECT_EQ(read_log("ORA-39083: Object type OBJECT_GRANT failed to create with error:\n"
                     "ORA-01917: user or role 'M' does not exist\nFailing sql is:\nGRANT SELECT ON "
                     "\"A\".\"T\" TO \"M\"\nJob \"A\".\"J\" completed with 1 error(s) at x\n")
                .verdict(),
            Verdict::left_out);
}

TEST(OracleMessages, TellsTheKindOfAnError) {
  EXPECT_EQ(oracle_error("ERROR:\nORA-01017: invalid username/password; logon denied", "x").code(),
            Errc::denied);
  EXPECT_EQ(oracle_error("ORA-12541: TNS:no listener", "x").code(), Errc::unavailable);
  EXPECT_EQ(oracle_error("ORA-01653: unable to extend table", "x").code(), Errc::no_space);
  EXPECT_EQ(oracle_error("ORA-27486: insufficient privileges", "x").code(), Errc::denied);
  EXPECT_EQ(oracle_error("ORA-23421: job number 42 is not a job in the job queue", "x").code(),
            Errc::not_found);
  for (const char* lost :
       {"SP2-0640: Not connected", "SP2-0641: \"BEGIN\" requires connection to server",
        "ORA-00028: your session has been killed", "ORA-01012: not logged on",
        "ORA-01092: ORACLE instance terminated", "ORA-02396: exceeded maximum idle time",
        "ORA-02399: exceeded maximum connect time", "ORA-12571: TNS:packet writer failure"}) {
    EXPECT_EQ(oracle_error(lost, "x").code(), Errc::unavailable) << lost;
    EXPECT_TRUE(tells_lost_session(std::string("ERROR:\nORA-31600: x\n") + lost)) << lost;
  }
  for (const char* closed :
       {"ORA-01109: database not open", "ORA-12526: TNS:listener: in restricted mode",
        "ORA-12527: TNS:listener: in restricted mode or blocking"}) {
    EXPECT_EQ(oracle_error(closed, "x").code(), Errc::unavailable) << closed;
    EXPECT_FALSE(tells_lost_session(closed)) << closed;
  }
  for (const char* full :
       {"ORA-00257: archiver error", "ORA-19809: limit exceeded for recovery files",
        "ORA-30036: unable to extend segment in undo tablespace"})
    EXPECT_EQ(oracle_error(full, "x").code(), Errc::no_space) << full;
  EXPECT_EQ(oracle_error("EXP-00999: something new", "x").code(), Errc::failed_child);
  EXPECT_EQ(oracle_error("", "x").code(), Errc::failed_child);
}

TEST(OracleMessages, TakesTheFirstCodeThatHasAKind) {
  EXPECT_EQ(
      oracle_error("EXP-00056: ORACLE error 12541 encountered\nORA-12541: no listener", "x").code(),
      Errc::unavailable);
  EXPECT_EQ(oracle_error("EXP-00056: ORACLE error 1017 encountered ORA-01017: denied", "x").code(),
            Errc::denied);
  const Error full =
      oracle_error("IMP-00058: ORACLE error 1653 encountered\nORA-01653: unable to extend", "x");
  EXPECT_EQ(full.code(), Errc::no_space);
  EXPECT_TRUE(full.message().starts_with("x: IMP-00058: ")) << full.message();
  // A table that a statement of the dump names is no table that was asked for.
  EXPECT_EQ(oracle_error("IMP-00058: ORACLE error 942 encountered\nORA-00942: none", "x").code(),
            Errc::failed_child);
  EXPECT_FALSE(tells_lost_session("ORA-31603: object not found\nORA-06512: at line 3"));
  EXPECT_FALSE(tells_lost_session(""));
}

TEST(OracleMessages, TellsTheCauseAndNotTheFarewell) {
  const LogReport killed = read_log(
      "EXP-00091: Exporting questionable statistics.\n"
      "EXP-00107: Feature (BINARY XML) of column DATA in table A.B is not supported.\n"
      "EXP-00008: ORACLE error 28 encountered\nORA-00028: your session has been killed\n"
      "EXP-00000: Export terminated unsuccessfully\n");
  EXPECT_EQ(killed.verdict(), Verdict::failed);
  EXPECT_TRUE(killed.worst().starts_with("EXP-00008")) << killed.worst();
  EXPECT_NE(killed.worst().find("ORA-00028"), std::string::npos) << killed.worst();
  EXPECT_EQ(killed.advice(), "");
  const LogReport pump = read_log(
      "ORA-39002: invalid operation\nORA-39070: Unable to open the log file.\n"
      "ORA-29283: invalid file operation\n");
  EXPECT_TRUE(pump.worst().starts_with("ORA-39070")) << pump.worst();
  EXPECT_NE(pump.advice().find("server's own user"), std::string::npos) << pump.advice();
  EXPECT_EQ(read_log("EXP-00091: Exporting questionable statistics.\n"
                     "EXP-00000: Export terminated unsuccessfully\n")
                .worst(),
            "EXP-00000: Export terminated unsuccessfully");
}

Error refused(int exit_code, std::string log) {
  ToolResult result{exit_code, std::move(log), {}};
  result.report = read_log(result.log);
  try {
    refuse_incomplete(result, "exp", "schema A");
  } catch (const Error& error) {
    return error;
  }
  return Error(Errc::bug, "nothing was refused");
}

TEST(OracleMessages, RefusesALogByItsCause) {
  EXPECT_EQ(refused(1,
                    "EXP-00008: ORACLE error 28 encountered\nORA-00028: your session has been "
                    "killed\nEXP-00000: Export terminated unsuccessfully\n")
                .code(),
            Errc::unavailable);
  const Error killed = refused(137, "About to export specified users ...\n");
  EXPECT_EQ(killed.code(), Errc::failed_child);
  EXPECT_EQ(killed.message(),
            "exp of schema A was ended by signal 9 (out of memory? see the kernel's log)");
  // What it said before is not lost.
  const Error broken = refused(139, "EXP-00008: ORACLE error 3113 encountered\nORA-03113: end\n");
  EXPECT_EQ(broken.code(), Errc::failed_child);
  EXPECT_TRUE(broken.message().starts_with("exp of schema A was ended by signal 11: EXP-00008"))
      << broken.message();
  // Neither what came to its end nor an exit code that is of no signal.
  EXPECT_EQ(refused(137, std::string(good_end)).code(), Errc::bug);
  EXPECT_EQ(refused(255, "").code(), Errc::not_consistent);
}

TEST(OracleMessages, FindsNoCodeWithinOtherWords) {
  EXPECT_EQ(first_code("XORA-01017"), "");
  EXPECT_EQ(first_code("ORA-01"), "");
  EXPECT_EQ(first_code("a-b ORA-01555: x"), "ORA-01555");
  EXPECT_EQ(first_code("SP2-0640: x"), "SP2-0640");
}

TEST(OracleMessages, BoundsWhatItKeeps) {
  std::string log;
  for (int i = 0; i < 3000; ++i) log += "EXP-00091: Exporting questionable statistics.\n";
  const LogReport report = read_log(log + std::string(good_end));
  EXPECT_TRUE(report.is_cut);
  EXPECT_LE(report.messages.size(), 1000U);
  EXPECT_EQ(report.verdict(), Verdict::failed);
}

}  // namespace
}  // namespace holdfast::engine::oracle
