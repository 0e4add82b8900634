// SPDX-License-Identifier: Apache-2.0
#include "profile/migration_center/schedulers.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "model/quiet_check.h"

namespace holdfast::profile::migration_center {
namespace {

using model::QueriedRows;
using model::QuietMoment;

std::string codes(const model::QuietAnswer& answer) {
  std::string text;
  for (const model::Finding& one : answer.findings)
    text += (text.empty() ? "" : " ") + one.code.substr(std::string("migration-center-").size());
  return text;
}

bool has(const std::string& text, std::string_view words) {
  return text.find(words) != std::string::npos;
}

class SchedulerColumns : public testing::Test {
 protected:
  SchedulerColumns() {
    settings.disables_schedulers = true;
    settings.scheduler_column = "SCHEDULERS.FLAG$";
    settings.scheduler_on = "Y";
    settings.scheduler_off = "N";
  }
  // Of SCHEDULERS in each of these schemas, with such rows.
  model::QuietAnswer judge(const std::vector<std::string>& schemas, const QueriedRows& rows,
                           const QueriedRows& more_columns = {}) {
    const auto asked = std::make_shared<const Asked>(
        Asked{"fmemc", "postgresql", false, settings, QuietMoment::before});
    const auto queries = questions_of_schedulers(asked, schemas, {"fmemc"});
    QueriedRows columns;
    for (const std::string& schema : schemas) {
      for (const char* column : {"name", "id", "flag$"})
        columns.push_back({schema, "schedulers", column, "text"});
      for (auto row : more_columns) columns.push_back(std::move(row));
    }
    statement = queries.at(0).sql.at("postgresql");
    model::QuietAnswer all = queries.at(0).judge(columns);
    const auto next = all.next;
    for (const model::ProfileQuery& query : next) {
      statement += "\n" + query.sql.at("postgresql");
      const auto one = query.judge(rows);
      all.steps.insert(all.steps.end(), one.steps.begin(), one.steps.end());
      all.findings.insert(all.findings.end(), one.findings.begin(), one.findings.end());
      for (const auto& [key, value] : one.facts.as_object()) all.facts.set(key, value);
    }
    return all;
  }

  model::MigrationCenterSettings settings;
  std::string statement;
};

TEST_F(SchedulerColumns, AreReadByKeyAndPutBackWhateverTheyAreThen) {
  const auto answer = judge({"fmemc"}, {{"1", "Y"}, {"2", "N"}, {"3", ""}});
  EXPECT_EQ(codes(answer), "");
  EXPECT_TRUE(has(statement, "CAST(\"id\" AS text)")) << statement;  // not by its name
  ASSERT_EQ(answer.steps.size(), 1U);
  EXPECT_EQ(answer.steps[0].statement,
            "UPDATE \"fmemc\".\"schedulers\" SET \"flag$\" = 'N' WHERE CAST(\"flag$\" AS text) IN "
            "('Y') AND CAST(\"id\" AS text) = '1'");
  // It waits for a change that is not committed yet, which may be our own.
  EXPECT_EQ(answer.steps[0].undo,
            "UPDATE \"fmemc\".\"schedulers\" SET \"flag$\" = 'Y' WHERE CAST(\"flag$\" AS text) IN "
            "('N', 'Y') AND CAST(\"id\" AS text) = '1'");
  EXPECT_TRUE(left_by_statements(answer.facts, "fmemc", true).empty());
}

TEST_F(SchedulerColumns, ThatAreNeitherOnNorOffCannotBeTold) {
  const auto answer = judge({"fmemc"}, {{"1", "Y"}, {"2", "y"}});
  EXPECT_EQ(codes(answer), "schedulers-unobservable");
  EXPECT_TRUE(has(answer.findings.at(0).seen, "'y' of 2"));
  EXPECT_EQ(answer.steps.size(), 1U);
  EXPECT_EQ(left_by_statements(answer.facts, "fmemc", true).size(), 1U);
}

TEST_F(SchedulerColumns, AreThoseOfEverySchema) {
  const auto answer = judge({"a", "b"}, {{"1", "Y"}});
  ASSERT_EQ(answer.steps.size(), 2U);
  EXPECT_TRUE(has(answer.steps[0].statement, "\"a\".") && has(answer.steps[1].statement, "\"b\"."));
}

TEST_F(SchedulerColumns, OfATableWithADollarAreFound) {
  settings.scheduler_column = "MC$SCHEDULERS.FLAG";
  static_cast<void>(judge({"fmemc"}, {}));
  EXPECT_TRUE(has(statement, "'^MC\\$SCHEDULERS$'")) << statement;
}

TEST_F(SchedulerColumns, WhoseKeysAreDoubleCannotBeTold) {
  EXPECT_EQ(codes(judge({"fmemc"}, {{"1", "Y"}, {"1", "N"}})), "schedulers-unobservable");
}

TEST(JobsOfPgCron, ThatAreNotShownToUsAreABlocker) {
  const auto asked =
      std::make_shared<const Asked>(Asked{"fmemc", "postgresql", false, {}, QuietMoment::before});
  const auto query = questions_of_schedulers(asked, {"fmemc"}, {"fmemc"}).at(1);
  EXPECT_TRUE(query.judge({{"", "", "", ""}}).findings.empty());
  EXPECT_TRUE(query.judge({{"t", "", "t", ""}}).findings.empty());
  EXPECT_EQ(codes(query.judge({{"t", "", "t", "t"}})), "schedulers-unobservable");
  EXPECT_EQ(codes(query.judge({{"", "postgres", "", ""}})), "schedulers-unobservable");
}

constexpr std::string_view column_fact =
    R"({"component": "fmemc", "engine": "postgresql", "kind": "column", "schema": "fm\"c",
        "table": "schedulers", "column": "enabled", "key": "id", "on": "true", "off": "false",
        "enabled": ["1"], "disabled": true})";

Json facts_of(const std::string& schedulers, const std::string& engine) {
  return Json::parse("{\"schedulers\": [" + schedulers +
                         "], \"migration_center\": [{\"component\": \"fmemc\", \"engine\": \"" +
                         engine + "\"}]}",
                     "facts");
}

TEST(StatementsAfterRestore, KeepACloneFromCallingAndLetAReplacementGoOn) {
  const Json facts = facts_of(std::string(column_fact), "postgresql");
  model::NameMappings names;
  names.schemas["fm\"c"] = "test";
  const auto clone = statements_after_restore(facts, "fmemc", true, names);
  ASSERT_EQ(clone.size(), 2U);
  EXPECT_EQ(clone[0],
            "UPDATE \"test\".\"schedulers\" SET \"enabled\" = 'false' WHERE CAST(\"enabled\" AS "
            "text) IN ('true')");
  const auto replacement = statements_after_restore(facts, "fmemc", false, {});
  ASSERT_EQ(replacement.size(), 1U);
  EXPECT_EQ(replacement[0],
            "UPDATE \"fm\"\"c\".\"schedulers\" SET \"enabled\" = 'true' WHERE CAST(\"enabled\" AS "
            "text) IN ('false') AND CAST(\"id\" AS text) = '1'");
  EXPECT_TRUE(statements_after_restore(facts, "other", true, names).empty());
}

TEST(StatementsAfterRestore, StopAndContinueJobsOfPgCron) {
  const Json facts = facts_of(
      R"({"component": "fmemc", "engine": "postgresql", "kind": "cron", "name": "7",
          "disabled": true},
         {"component": "fmemc", "engine": "postgresql", "kind": "cron", "name": "8",
          "disabled": false})",
      "postgresql");
  const auto clone = statements_after_restore(facts, "fmemc", true, {});
  ASSERT_EQ(clone.size(), 1U);
  EXPECT_EQ(
      clone[0],
      "DO 'BEGIN IF pg_catalog.to_regclass(''cron.job'') IS NOT NULL THEN UPDATE cron.job SET "
      "active = false WHERE active; END IF; END'");
  const auto replacement = statements_after_restore(facts, "fmemc", false, {});
  ASSERT_EQ(replacement.size(), 1U);
  EXPECT_EQ(
      replacement[0],
      "DO 'BEGIN IF pg_catalog.to_regclass(''cron.job'') IS NOT NULL THEN UPDATE cron.job SET "
      "active = true WHERE jobid = 7; END IF; END'");
}

constexpr std::string_view oracle_facts =
    R"({"component": "fmemc", "engine": "oracle", "kind": "column", "schema": "FMEMC",
        "table": "SCHEDULERS", "column": "FLAG", "key": "ID", "on": "Y", "off": "N",
        "enabled": ["1"], "disabled": true},
       {"component": "fmemc", "engine": "oracle", "kind": "job", "name": "42",
        "next": "2026-11-23 01:00:00", "disabled": true},
       {"component": "fmemc", "engine": "oracle", "kind": "scheduler",
        "name": "\"FMEMC\".\"NIGHTLY\"", "next": "SCHEDULED", "disabled": true})";

TEST(StatementsAfterRestore, OfOracleAreForTheSchemaThatWasLoadedAndForNoOther) {
  const Json facts = facts_of(std::string(oracle_facts), "oracle");
  for (const bool is_clone : {true, false}) {
    for (const std::string& sql : statements_after_restore(facts, "fmemc", is_clone, {})) {
      EXPECT_FALSE(has(sql, "FMEMC")) << sql;
      EXPECT_TRUE(sql.starts_with("UPDATE \"SCHEDULERS\" SET ") || has(sql, "'CURRENT_SCHEMA'"))
          << sql;
      EXPECT_TRUE(sql.ends_with("END;") || sql.starts_with("UPDATE")) << sql;
    }
  }
}

TEST(StatementsAfterRestore, StopJobsOfBothKindsInACloneOfOracle) {
  const auto clone =
      statements_after_restore(facts_of(std::string(oracle_facts), "oracle"), "fmemc", true, {});
  ASSERT_EQ(clone.size(), 2U);
  for (const char* part :
       {"FROM user_scheduler_jobs", "FROM user_jobs", "DBMS_JOB.BROKEN(j.job, TRUE)",
        "FROM dba_scheduler_jobs", "FROM dba_jobs", "RAISE_APPLICATION_ERROR"})
    EXPECT_TRUE(has(clone[1], part)) << part << " in " << clone[1];
}

TEST(StatementsAfterRestore, ContinueJobsInAReplacementOfOracleAndSayThatTheyMayBeMissing) {
  const Json facts = facts_of(std::string(oracle_facts), "oracle");
  const auto statements = statements_after_restore(facts, "fmemc", false, {});
  ASSERT_EQ(statements.size(), 3U);
  EXPECT_TRUE(has(statements[1], "WHERE job = 42")) << statements[1];
  EXPECT_TRUE(has(statements[1], "TO_DATE('2026-11-23 01:00:00'")) << statements[1];
  EXPECT_TRUE(has(statements[2], "job_name = 'NIGHTLY'")) << statements[2];
  const auto left = left_by_statements(facts, "fmemc", false);
  ASSERT_EQ(left.size(), 1U);
  EXPECT_TRUE(has(left[0], "NIGHTLY") && has(left[0], "job 42")) << left[0];
}

TEST(StatementsAfterRestore, LeaveToSomebodyWhatNobodyHasSeen) {
  const Json nothing = facts_of("", "postgresql");
  EXPECT_TRUE(left_by_statements(nothing, "fmemc", false).empty());
  ASSERT_EQ(left_by_statements(nothing, "fmemc", true).size(), 1U);
  const Json seen = Json::parse(
      R"({"schedulers_asked": [{"component": "fmemc", "place": "a.schedulers"},
                               {"component": "fmemc", "place": "b.schedulers"}],
          "schedulers_seen": [{"component": "fmemc", "place": "a.schedulers"}]})",
      "facts");
  const auto left = left_by_statements(seen, "fmemc", true);
  ASSERT_EQ(left.size(), 1U);
  EXPECT_TRUE(has(left[0], "b.schedulers") && !has(left[0], "a.schedulers")) << left[0];
}

TEST(StatementsAfterRestore, RefuseFactsThatAreNone) {
  const Json facts = facts_of(R"({"component": "fmemc"})", "oracle");
  EXPECT_THROW(static_cast<void>(statements_after_restore(facts, "fmemc", true, {})), Error);
}

}  // namespace
}  // namespace holdfast::profile::migration_center
