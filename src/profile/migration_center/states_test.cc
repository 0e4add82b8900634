// SPDX-License-Identifier: Apache-2.0
#include "profile/migration_center/states.h"

#include <gtest/gtest.h>

namespace holdfast::profile::migration_center {
namespace {

using model::QueriedRows;

TEST(StateColumns, AreKnownByTheirNames) {
  for (const char* name : {"STATUS", "run_status", "STATE", "MIGSET_STATE_ID", "statuscode"})
    EXPECT_TRUE(is_state_column(name)) << name;
  for (const char* name : {"ESTATE", "STATUS_TEXT", "NAME", ""})
    EXPECT_FALSE(is_state_column(name)) << name;
  for (const char* name : {"END_DATE", "ended_at", "FINISHED", "RUN_END_TIME", "ENDDATE"})
    EXPECT_TRUE(is_end_column(name)) << name;
  for (const char* name : {"SEND_DATE", "ENDPOINT", "START_DATE"})
    EXPECT_FALSE(is_end_column(name)) << name;
  for (const char* name : {"START_DATE", "started_at", "BEGIN"})
    EXPECT_TRUE(is_begin_column(name)) << name;
}

TEST(StateWords, AreOfWorkOrOfRest) {
  for (const char* word : {"RUNNING", "in progress", "Started", "VALIDATING"})
    EXPECT_TRUE(is_word_of_work(word) && !is_word_of_rest(word, "JOBS")) << word;
  for (const char* word : {"FINISHED", "failed", "IDLE"})
    EXPECT_TRUE(is_word_of_rest(word, "JOBS") && !is_word_of_work(word)) << word;
  const std::string length(1U << 20U, '_');
  for (const std::string& word : {std::string("3"), std::string("X"), length})
    EXPECT_FALSE(is_word_of_work(word) || is_word_of_rest(word, "JOBS"));
}

TEST(StateWords, CallOnlySchedulersAtRestThatAreActive) {
  for (const char* table : {"SCHEDULERS", "scheduler", "MC_SCHEDULERS"})
    EXPECT_TRUE(is_word_of_rest("Active", table)) << table;
  for (const char* table : {"SCHEDULER_RUNS", "JOBS", "SCANNERS"})
    EXPECT_FALSE(is_word_of_rest("ACTIVE", table)) << table;
}

TEST(MappedCodes, AreOfWorkOrAllButThese) {
  const MappedCodes of_work("2 , 3");
  EXPECT_TRUE(of_work.is_at_work("2") && of_work.is_at_work("3"));
  EXPECT_FALSE(of_work.is_at_work("4") || of_work.is_at_work(""));
  const MappedCodes of_rest("not 1, 4");
  EXPECT_FALSE(of_rest.is_at_work("1") || of_rest.is_at_work("4") || of_rest.is_at_work(""));
  EXPECT_TRUE(of_rest.is_at_work("2") && of_rest.is_at_work("not 1"));
  EXPECT_FALSE(MappedCodes("not *").is_at_work("7"));
  EXPECT_TRUE(MappedCodes("*").is_at_work("7"));
}

class StatesTest : public testing::Test {
 protected:
  // What values of one column of FMEMC.RUNS mean.
  model::QuietAnswer judge(const QueriedRows& values, const std::string& column = "STATUS") {
    const auto asked = std::make_shared<const Asked>(
        Asked{"fmemc", "oracle", true, settings, model::QuietMoment::before});
    const auto answer =
        question_of_states(asked, {"FMEMC"}, met).judge({{"FMEMC", "RUNS", column, "NUMBER"}});
    EXPECT_EQ(answer.next.size(), 1U);
    return answer.next.empty() ? answer : answer.next[0].judge(values);
  }
  [[nodiscard]] std::string mend() const {
    const auto found = findings_of(*met, settings);
    return found.size() == 1 ? found[0].mend : "";
  }

  model::MigrationCenterSettings settings;
  std::shared_ptr<StatesMet> met = std::make_shared<StatesMet>();
};

TEST_F(StatesTest, OfOneEditAreAllColumnsAtOnce) {
  EXPECT_TRUE(judge({{"3", "112"}, {"FINISHED", "4"}, {"", "9"}}).findings.empty());
  EXPECT_TRUE(judge({{"7", "1"}}, "MIG_STATE").findings.empty());
  EXPECT_TRUE(
      mend().ends_with("\n    [migration_center.status]"
                       "\n    \"RUNS.STATUS\" = \"not 3, FINISHED\"  # rows: 112 '3', 4 "
                       "'FINISHED'"
                       "\n    \"RUNS.MIG_STATE\" = \"not 7\"  # rows: 1 '7'"))
      << mend();
  // After that one edit they are known, and a new value is work.
  settings.status = {{"RUNS.STATUS", "not 3, FINISHED"}, {"runs.mig_state", "not 7"}};
  *met = StatesMet();
  EXPECT_TRUE(judge({{"3", "112"}, {"FINISHED", "4"}}).findings.empty());
  const auto working = judge({{"7", "1"}, {"8", "1"}}, "MIG_STATE").findings;
  ASSERT_EQ(working.size(), 1U);
  EXPECT_EQ(working[0].code, "migration-center-job-running");
  EXPECT_NE(working[0].seen.find("1 '8'"), std::string::npos);
  EXPECT_TRUE(findings_of(*met, settings).empty());
}

TEST_F(StatesTest, ThatAreWorkByTheirWordAreNoRestInThePrintedLine) {
  EXPECT_EQ(judge({{"3", "112"}, {"RUNNING", "1"}}).findings.size(), 1U);
  EXPECT_NE(mend().find("\"not 3\""), std::string::npos) << mend();
  EXPECT_EQ(mend().find("RUNNING"), std::string::npos) << mend();
}

TEST_F(StatesTest, GoBelowTheTableThatIsThere) {
  settings.status["RUNS.STATE"] = "2";
  static_cast<void>(judge({{"1", "1"}}, "STATE"));
  static_cast<void>(judge({{"3", "112"}}));
  EXPECT_NE(mend().find("below [migration_center.status]"), std::string::npos) << mend();
  EXPECT_EQ(mend().find("\n    [migration_center.status]"), std::string::npos) << mend();
}

TEST_F(StatesTest, ThatNobodyCanListAreNoStates) {
  QueriedRows many;
  for (int i = 0; i < 60; ++i) many.push_back({"text " + std::to_string(i), "1"});
  static_cast<void>(judge(many));
  static_cast<void>(judge({{"a, \"b\"", "1"}}, "STATE"));
  EXPECT_NE(mend().find("\"RUNS.STATUS\" = \"not *\"  # 60 different values"), std::string::npos)
      << mend();
  EXPECT_NE(mend().find("\"RUNS.STATE\" = \"not *\""), std::string::npos) << mend();
}

TEST_F(StatesTest, AreAllLookedAtHoweverManyThereAre) {
  QueriedRows many;
  for (int i = 0; i < 60; ++i) many.push_back({"FAILED", "1000"});
  many.push_back({"RUNNING", "1"});
  const auto answer = judge(many);
  ASSERT_EQ(answer.findings.size(), 1U);
  EXPECT_NE(answer.findings[0].seen.find("1 'RUNNING'"), std::string::npos);
}

TEST_F(StatesTest, OfTablesThatTheInstanceFileNamesAreAskedForWhateverTheirName) {
  settings.status["OBJECTS$A.PHASE"] = "2";
  const auto asked = std::make_shared<const Asked>(
      Asked{"fmemc", "oracle", true, settings, model::QuietMoment::before});
  const auto query = question_of_states(asked, {"FMEMC"}, met);
  EXPECT_NE(query.sql.at("oracle").find("|^OBJECTS\\$A$'"), std::string::npos)
      << query.sql.at("oracle");
  const auto answer = query.judge({{"FMEMC", "OBJECTS$A", "PHASE", "NUMBER"}});
  ASSERT_EQ(answer.next.size(), 1U);
  EXPECT_EQ(answer.next[0].judge({{"2", "1"}}).findings.at(0).code, "migration-center-job-running");
  EXPECT_TRUE(findings_of(*met, settings).empty());
}

TEST_F(StatesTest, ThatAreMappedAndMeetNoColumnAreABlocker) {
  settings.status["RUNS.STATSU"] = "2";
  static_cast<void>(judge({{"", "1"}}));
  const auto found = findings_of(*met, settings);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].code, "migration-center-runs-unobservable");
  EXPECT_NE(found[0].seen.find("RUNS.STATSU"), std::string::npos);
  // Of a database that could not be asked nothing is known.
  EXPECT_TRUE(findings_of(StatesMet(), settings).empty());
}

}  // namespace
}  // namespace holdfast::profile::migration_center
