// SPDX-License-Identifier: Apache-2.0
// A whole migration-center on Oracle, whose server and programs are stand-ins that replay
// tests/contract/engine/oracle/migration_center: what is at work there is found before and during
// its copy, what the database fires rests for that time and comes back whatever happens, and a
// clone calls nobody.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "harness/migration_center.h"
#include "harness/oracle_home.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view disable = "schedulers = \"disable\"";
constexpr std::string_view mapped = "[migration_center.status]\n\"MIGSETS.STATE\" = \"2, 3\"\n";
// exp copies no job of DBMS_SCHEDULER, which is told by the engine.
const std::vector<std::string> without_jobs{"--accept", "oracle-scheduler-jobs-left-out"};

constexpr std::string_view stop_job = "executes BEGIN DBMS_JOB.BROKEN(42, TRUE); COMMIT; END;";
constexpr std::string_view start_job =
    "executes BEGIN DBMS_JOB.BROKEN(42, FALSE, TO_DATE('2026-11-23 01:00:00', 'YYYY-MM-DD "
    "HH24:MI:SS')); COMMIT; EXCEPTION WHEN OTHERS THEN IF SQLCODE NOT IN (-23421) THEN RAISE; "
    "END IF; END;";
constexpr std::string_view stop_scheduler =
    "executes BEGIN DBMS_SCHEDULER.DISABLE('\"FMEMC\".\"NIGHTLY\"', TRUE); END;";
constexpr std::string_view start_scheduler =
    "executes BEGIN DBMS_SCHEDULER.ENABLE('\"FMEMC\".\"NIGHTLY\"'); EXCEPTION WHEN OTHERS THEN IF "
    "SQLCODE NOT IN (-27475, -27476) THEN RAISE; END IF; END;";

class ScenarioHome : public OracleHome {
 public:
  explicit ScenarioHome(const std::string& scenario) : OracleHome("migration_center/" + scenario) {}
};

// What was said and done that is of interest, in its order.
std::string lines_of(const std::string& calls, const std::vector<std::string_view>& heads) {
  std::string found;
  for (std::size_t at = 0; at < calls.size();) {
    const std::size_t end = std::min(calls.find('\n', at), calls.size());
    const std::string line = calls.substr(at, end - at);
    for (const std::string_view head : heads)
      if (line.starts_with(head)) found += (head == "exp " ? std::string("exp") : line) + "\n";
    at = end + 1;
  }
  return found;
}

std::string joined(const std::vector<std::string_view>& lines) {
  std::string text;
  for (const std::string_view line : lines) text += std::string(line) + "\n";
  return text;
}

std::size_t count_of(const std::string& text, std::string_view words) {
  std::size_t count = 0;
  for (std::size_t at = text.find(words); at != std::string::npos; at = text.find(words, at + 1))
    ++count;
  return count;
}

class MigrationCenterOnOracle : public testing::Test {
 protected:
  MigrationCenterOnOracle() {
    EXPECT_EQ(place_.holdfast({"init"}).exit_code, 0);
    fs::create_directory(place_ / "kept");
    for (const auto& [user, password] : {std::pair{"fmemc", "right / 'one' @x"},
                                         {"holdfast", "backup"},
                                         {"plain", "plain"},
                                         {"dba1", "dba"}}) {
      write_text(password_file(user), password);
      fs::permissions(password_file(user), fs::perms::owner_read | fs::perms::owner_write);
    }
  }

  [[nodiscard]] fs::path password_file(const std::string& user) const {
    return place_ / (user + ".password");
  }
  // [[database]] behind these programs; `user` is the schema's owner unless it is another.
  [[nodiscard]] std::string database(const OracleHome& home, const std::string& user,
                                     std::string_view host) const {
    return fmt::format(
        "[[database]]\nname = \"fmemc\"\nuri = \"oracle://{}:1521/XE\"\nuser = \"{}\"\n"
        "password_file = \"{}\"\nhome = \"{}\"\nkept_directory = \"{}\"\n{}",
        host, user, password_file(user).native(), home.path().native(), (place_ / "kept").native(),
        user == "holdfast" || user == "dba1" ? "schema = \"FMEMC\"\n" : "");
  }
  // The path of its instance file, with `more` keys of [migration_center] and further tables.
  [[nodiscard]] std::string instance(const OracleHome& home, std::string_view more = {},
                                     std::string_view tables = mapped,
                                     const std::string& user = "fmemc") const {
    const fs::path path = place_ / "mc.toml";
    write_text(path, mc_.head(more) + std::string(tables) + database(home, user, "db1"));
    return path.string();
  }
  // That of another place to restore to.
  [[nodiscard]] std::string other(const OracleHome& home, const std::string& tables = {},
                                  const std::string& user = "fmemc") const {
    const fs::path path = place_ / "other.toml";
    fs::create_directories(place_ / "mc_other");
    write_text(path, mc_.other_head("mc_other") + database(home, user, "db2") + tables);
    return path.string();
  }
  Outcome run(std::vector<std::string> words, int exit_code,
              const std::vector<std::string>& more = {}) {
    words.insert(words.end(), more.begin(), more.end());
    const Outcome outcome = place_.holdfast(words);
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.text();
    return outcome;
  }
  [[nodiscard]] std::size_t snapshots() {
    return place_.holdfast({"snapshots", "--json"}).array().size();
  }
  // "before still …" of the last snapshot, and all that was seen.
  [[nodiscard]] std::pair<std::string, std::string> evidence() {
    const Json manifest = run({"dump", "latest", "/mc/holdfast.json"}, 0).document();
    std::string moments, seen;
    for (const Json& look : manifest.at("profile_facts").at("quiet").as_array()) {
      moments += look.at("when").as_string() + " ";
      seen += look.at("seen").dump();
    }
    return {moments, seen};
  }
  // [quiesce] whose stop command tells that it has begun and waits for `go`.
  [[nodiscard]] std::string quiesce() const {
    write_text(place_ / "stop",
               fmt::format("#!/bin/sh\ntouch {}\nwhile [ ! -e {} ]; do sleep 0.01; "
                           "done\n",
                           (place_ / "stopping").string(), (place_ / "go").string()));
    fs::permissions(place_ / "stop", fs::perms(0755));
    return fmt::format("[quiesce]\nstop = [\"{}\"]\nstart = [\"true\"]\nwhen = \"always\"\n",
                       (place_ / "stop").string());
  }
  // What of it is enabled, as preflight tells.
  [[nodiscard]] bool has_enabled(const std::string& file, std::string_view names) {
    const Outcome seen = run({"preflight", "-I", file}, 0, without_jobs);
    return seen.says("migration-center-scheduler-enabled") &&
           seen.says("enabled: " + std::string(names) + "\n");
  }

  Place place_;
  MigrationCenterFiles mc_{place_};
};

TEST_F(MigrationCenterOnOracle, AtRestIsCopiedWithTheEvidence) {
  for (const auto& [scenario, user] :
       {std::pair{"at_rest", "fmemc"}, {"release_11", "fmemc"}, {"another_user", "holdfast"}}) {
    const ScenarioHome home(scenario);
    const Outcome saved =
        run({"backup", "-I", instance(home, "schema = \"fmemc\"", mapped, user)}, 0);
    EXPECT_EQ(count_of(saved.text(), "blocker"), 0U) << saved.text();
    const auto [moments, seen] = evidence();
    EXPECT_EQ(moments, "before still during during after ") << scenario;
    for (const char* what :
         {"sessions: 2 idle, at work: none, with a transaction: none",
          "writers: 0 idle, at work: none", "FMEMC.SCHEDULER_RUNS.STATUS: 1 'FAILED', 1 'FINISHED'",
          "FMEMC.SCHEDULER_RUNS.END_DATE: 0 begun and not ended",
          "FMEMC.MIGSETS.STATE: 1 '1', 1 '4'", "the database's jobs: enabled: none",
          "of the database: running: none", "logs: 2 files, written to: none"})
      EXPECT_NE(seen.find(what), std::string::npos) << scenario << ": " << what << " in " << seen;
  }
  EXPECT_EQ(snapshots(), 3U);
}

struct AtWork {
  const char *scenario, *code, *words;
};

class OracleAtWork : public MigrationCenterOnOracle, public testing::WithParamInterface<AtWork> {};

TEST_P(OracleAtWork, IsFoundAndNamed) {
  const ScenarioHome home(GetParam().scenario);
  const std::string file = instance(home);
  const Outcome seen = run({"preflight", "-I", file}, 20, without_jobs);
  EXPECT_TRUE(seen.says(std::string("blocker: ") + GetParam().code)) << seen.text();
  EXPECT_TRUE(seen.says(GetParam().words)) << seen.text();
  // And nothing else.
  EXPECT_EQ(count_of(seen.text(), "blocker: migration-center-"), 1U) << seen.text();
}

INSTANTIATE_TEST_SUITE_P(
    Scenarios, OracleAtWork,
    testing::Values(
        AtWork{"scanner_runs", "migration-center-job-running",
               "FMEMC.SCANNERS.STATUS is at work: 1 'SCANNING'"},
        AtWork{"importer_runs", "migration-center-job-running",
               "FMEMC.IMPORTERS.STATUS is at work: 1 'RUNNING'"},
        AtWork{"transformation_runs", "migration-center-job-running",
               "FMEMC.TRANSFORMATIONS.STATUS is at work: 1 'In progress'"},
        AtWork{"validation_runs", "migration-center-job-running",
               "FMEMC.VALIDATIONS.STATUS is at work: 1 'VALIDATING'"},
        AtWork{"code_at_work", "migration-center-job-running",
               "FMEMC.MIGSETS.STATE is at work: 1 '2'"},
        AtWork{"scheduler_runs", "migration-center-run-open",
               "1 of FMEMC.SCHEDULER_RUNS have begun and have no END_DATE"},
        AtWork{"scheduler_job_runs", "migration-center-scheduler-running",
               "of the database scheduler FMEMC.NIGHTLY"},
        AtWork{"job_runs", "migration-center-scheduler-running", "of the database job 42"},
        AtWork{"session_at_work", "migration-center-session-active",
               "12,7 (FMEMC, JDBC Thin Client, mc-host)"},
        AtWork{"transaction_open", "migration-center-transaction-open",
               "13,9 (FMEMC, toad.exe, desk)"},
        AtWork{"transaction_of_another", "migration-center-transaction-open",
               "77,1 (BATCH, loader, app-host)"},
        AtWork{"transaction_in_doubt", "migration-center-transaction-open",
               "in doubt 4.2.1 (FMEMC, mc-host)"},
        AtWork{"jobserver_elsewhere", "migration-center-jobserver-unobservable",
               "FMEMC.JOBSERVERS.HOST names Jobservers that cannot be seen from here: "
               "jobs.prod.example, jobs.prod.example:9700, tcp://jobs.prod.example:9700/x\n"},
        AtWork{"sessions_hidden", "migration-center-sessions-unobservable", "gv_$session"},
        AtWork{"locks_hidden", "migration-center-sessions-unobservable", "gv_$locked_object"}),
    [](const auto& one) { return std::string(one.param.scenario); });

TEST_F(MigrationCenterOnOracle, AtWorkIsNotCopied) {
  const ScenarioHome home("scanner_runs");
  run({"backup", "-I", instance(home)}, 20);
  EXPECT_EQ(count_of(home.calls(), "exp "), 0U) << home.calls();
}

TEST_F(MigrationCenterOnOracle, OfAJobserverThatIsNamedItIsSaidOnceForAllItsRows) {
  const ScenarioHome home("jobserver_elsewhere");
  const Outcome seen =
      run({"preflight", "-I",
           instance(home, "jobservers = [\"localhost\", \"JOBS.prod.example:9701\"]")},
          20);
  EXPECT_TRUE(seen.says("cannot be seen from here: JOBS.prod.example:9701\n")) << seen.text();
  EXPECT_EQ(count_of(seen.text(), "blocker: migration-center-"), 1U) << seen.text();
}

TEST_F(MigrationCenterOnOracle, WhatIsNotShownIsCopiedOnceItsVeryCodeIsAccepted) {
  const ScenarioHome home("sessions_hidden");
  const std::string file = instance(home);
  run({"backup", "-I", file}, 20, {"--accept", "migration-center-runs-unobservable"});
  run({"backup", "-I", file}, 0, {"--accept", "migration-center-sessions-unobservable"});
  EXPECT_NE(evidence().second.find("fmemc: sessions: could not be asked"), std::string::npos);
}

TEST_F(MigrationCenterOnOracle, ViewsOfADbaThatAreNotShownAreABlockerForEachCheck) {
  const ScenarioHome home("dictionary_hidden");
  const std::string file = instance(home, {}, mapped, "holdfast");
  std::vector<std::string> accepted{"--accept", "oracle-catalog-unobservable"};
  for (const char* code :
       {"migration-center-sessions-unobservable", "migration-center-runs-unobservable",
        "migration-center-schedulers-unobservable", "migration-center-jobserver-unobservable"}) {
    EXPECT_TRUE(run({"preflight", "-I", file}, 20, accepted).says(code)) << code;
    accepted.insert(accepted.end(), {"--accept", code});
  }
  run({"preflight", "-I", file}, 0, accepted);
}

TEST_F(MigrationCenterOnOracle, ASchemaThatIsNotThereIsABlocker) {
  const ScenarioHome home("no_schema");
  const Outcome seen = run({"preflight", "-I", instance(home, {}, mapped, "plain")}, 20);
  EXPECT_TRUE(seen.says("migration-center-schema-missing")) << seen.text();
  EXPECT_TRUE(seen.says("the schema of the user has no table SCHEDULERS")) << seen.text();
  const auto named = [&](const std::string& schema) {
    return run({"preflight", "-I", instance(home, "schema = \"" + schema + "\"", mapped, "plain")},
               20);
  };
  EXPECT_TRUE(named("O'X").says("there is no schema O'X"));
  EXPECT_TRUE(named("fmemc").says("is not the schema that [[database]] has copied"));
}

TEST_F(MigrationCenterOnOracle, CodesThatNobodyKnowsAreKnownAfterOneEdit) {
  const ScenarioHome home("code_unknown");
  const Outcome seen = run({"preflight", "-I", instance(home)}, 20);
  EXPECT_TRUE(seen.says("migration-center-status-unobservable")) << seen.text();
  const std::string line = "\"SCHEDULER_RUNS.STATUS\" = \"not 3, 4\"  # rows: 2 '3', 1 '4'";
  EXPECT_TRUE(seen.says(line)) << seen.text();
  run({"preflight", "-I", instance(home, {}, std::string(mapped) + line + "\n")}, 0);
}

TEST_F(MigrationCenterOnOracle, WorkThatBeginsDuringTheCopyLeavesNoSnapshot) {
  const ScenarioHome home("work_begins");
  const std::string file = instance(home);
  run({"preflight", "-I", file}, 0);
  const Outcome refused = run({"backup", "-I", file}, 22);
  EXPECT_TRUE(refused.says("migration-center-job-running")) << refused.text();
  EXPECT_TRUE(refused.says("FMEMC.SCANNERS.STATUS is at work: 1 'SCANNING'")) << refused.text();
  EXPECT_EQ(count_of(home.calls(), "exp "), 1U) << home.calls();
  EXPECT_EQ(snapshots(), 0U);
}

TEST_F(MigrationCenterOnOracle, EnabledJobsAreToldAndLeftAlone) {
  const ScenarioHome home("jobs");
  const std::string file = instance(home);
  const Outcome saved = run({"backup", "-I", file}, 0, without_jobs);
  EXPECT_TRUE(saved.says("migration-center-scheduler-enabled")) << saved.text();
  EXPECT_EQ(lines_of(home.calls(), {"executes"}), "");
  EXPECT_TRUE(has_enabled(file, "job 42, scheduler \"FMEMC\".\"NIGHTLY\""));
}

TEST_F(MigrationCenterOnOracle, JobsRestWhileTheyAreCopiedAndComeBackAtTheirTime) {
  for (const char* scenario : {"jobs", "jobs_release_11"}) {
    const ScenarioHome home(scenario);
    const std::string file = instance(home, disable);
    const Outcome saved = run({"backup", "-I", file}, 0, without_jobs);
    EXPECT_FALSE(saved.says("migration-center-scheduler-enabled")) << saved.text();
    EXPECT_EQ(lines_of(home.calls(), {"executes", "commits", "exp "}),
              joined({stop_job, "commits", stop_scheduler, "commits", "exp", start_scheduler,
                      "commits", start_job, "commits"}))
        << scenario;
    EXPECT_TRUE(has_enabled(instance(home), "job 42, scheduler \"FMEMC\".\"NIGHTLY\""));
  }
}

TEST_F(MigrationCenterOnOracle, JobsThatOnlyTheirOwnerCanDisableAreABlocker) {
  const ScenarioHome home("jobs_of_another_user");
  const Outcome seen =
      run({"backup", "-I", instance(home, disable, mapped, "holdfast")}, 20, without_jobs);
  EXPECT_TRUE(seen.says("migration-center-scheduler-not-ours")) << seen.text();
  EXPECT_TRUE(seen.says("by their owner alone: job 42\n")) << seen.text();
  const Outcome saved =
      run({"backup", "-I", instance(home, {}, mapped, "holdfast")}, 0, without_jobs);
  EXPECT_TRUE(saved.says("enabled: job 42, scheduler \"FMEMC\".\"NIGHTLY\"\n")) << saved.text();
  EXPECT_EQ(lines_of(home.calls(), {"executes"}), "");
}

// The server has said no, so that nothing is left to put back.
TEST_F(MigrationCenterOnOracle, AJobThatMayNotBeDisabledLeavesNoJournal) {
  const ScenarioHome home("jobs_not_to_be_altered");
  const Outcome refused =
      place_.holdfast({"backup", "-I", instance(home, disable, mapped, "holdfast"), "--accept",
                       "oracle-scheduler-jobs-left-out"});
  EXPECT_NE(refused.exit_code, 0) << refused.text();
  EXPECT_TRUE(refused.says("ORA-27486")) << refused.text();
  EXPECT_TRUE(refused.says("GRANT ALTER on the job")) << refused.text();
  EXPECT_EQ(lines_of(home.calls(), {"executes"}), joined({stop_scheduler}));
  EXPECT_TRUE(fs::is_empty(place_.state() / "journals"));
  EXPECT_EQ(snapshots(), 0U);
}

TEST_F(MigrationCenterOnOracle, JobsThatAreDroppedDuringTheCopyNeedNotComeBack) {
  const ScenarioHome home("jobs_dropped");
  run({"backup", "-I", instance(home, disable)}, 0, without_jobs);
  EXPECT_EQ(lines_of(home.calls(), {"executes"}),
            joined({stop_job, stop_scheduler, start_scheduler, start_job}));
  EXPECT_TRUE(fs::is_empty(place_.state() / "journals"));
}

TEST_F(MigrationCenterOnOracle, AJobThatIsEnabledAgainDuringTheCopyLeavesNoSnapshot) {
  const ScenarioHome home("job_enabled_again");
  const Outcome refused = run({"backup", "-I", instance(home, disable)}, 22);
  EXPECT_TRUE(refused.says("blocker: migration-center-scheduler-enabled")) << refused.text();
  EXPECT_TRUE(refused.says("enabled: job 42\n")) << refused.text();
  EXPECT_EQ(lines_of(home.calls(), {"executes", "meanwhile executes"}),
            joined({stop_job,
                    "meanwhile executes BEGIN DBMS_JOB.BROKEN(42, FALSE, TO_DATE('2026-11-23 "
                    "02:00:00', 'YYYY-MM-DD HH24:MI:SS')); COMMIT; END;",
                    start_job}));
  EXPECT_EQ(snapshots(), 0U);
}

TEST_F(MigrationCenterOnOracle, SchedulersWithAColumnOfTheProductsOwnRestToo) {
  const ScenarioHome home("at_rest");
  const std::string file =
      instance(home,
               "schedulers = \"disable\"\nscheduler_column = \"SCHEDULERS.USAGE_FLAG\"\n"
               "scheduler_on = \"Y\"\nscheduler_off = \"N\"");
  run({"backup", "-I", file}, 0);
  const std::string update =
      "executes UPDATE \"FMEMC\".\"SCHEDULERS\" SET \"USAGE_FLAG\" = '{}' WHERE "
      "RTRIM(TO_CHAR(\"USAGE_FLAG\")) IN ({}) AND RTRIM(TO_CHAR(\"ID\")) = '1'";
  EXPECT_EQ(lines_of(home.calls(), {"executes", "commits", "exp "}),
            joined({fmt::format(fmt::runtime(update), "N", "'Y'"), "commits", "exp",
                    fmt::format(fmt::runtime(update), "Y", "'N', 'Y'"), "commits"}));
}

TEST_F(MigrationCenterOnOracle, JobsComeBackAfterAKill) {
  const ScenarioHome home("jobs");
  const std::string file = instance(home, disable, std::string(mapped) + quiesce());
  Started job = place_.start({"backup", "-I", file, "--accept", "oracle-scheduler-jobs-left-out"});
  ASSERT_TRUE(eventually([&] { return fs::exists(place_ / "stopping") || job.has_ended(); }));
  job.kill(SIGKILL);
  static_cast<void>(job.wait());
  write_text(place_ / "go", "");
  EXPECT_TRUE(eventually([&] { return place_.guardian() == 0; }));
  EXPECT_EQ(lines_of(home.calls(), {"executes", "commits", "exp "}),
            joined({stop_job, "commits", stop_scheduler, "commits", start_scheduler, "commits",
                    start_job, "commits"}));
  EXPECT_EQ(snapshots(), 0U);
}

TEST_F(MigrationCenterOnOracle, JobsComeBackByResumeAfterAKillOfTheGuardianToo) {
  const ScenarioHome home("jobs");
  const std::string file = instance(home, disable, std::string(mapped) + quiesce());
  Started job = place_.start({"backup", "-I", file, "--accept", "oracle-scheduler-jobs-left-out"});
  ASSERT_TRUE(eventually([&] { return fs::exists(place_ / "stopping") || job.has_ended(); }));
  const pid_t guardian = place_.guardian();
  ASSERT_GT(guardian, 0) << job.wait().text();
  ::kill(guardian, SIGKILL);
  job.kill(SIGKILL);
  static_cast<void>(job.wait());
  write_text(place_ / "go", "");
  EXPECT_EQ(lines_of(home.calls(), {"executes", "commits", "exp "}),
            joined({stop_job, "commits", stop_scheduler, "commits"}));
  EXPECT_TRUE(eventually([&] { return place_.holdfast({"resume"}).exit_code == 0; }));
  EXPECT_EQ(lines_of(home.calls(), {"executes", "commits", "exp "}),
            joined({stop_job, "commits", stop_scheduler, "commits", start_scheduler, "commits",
                    start_job, "commits"}));
  EXPECT_TRUE(has_enabled(instance(home), "job 42, scheduler \"FMEMC\".\"NIGHTLY\""));
}

TEST_F(MigrationCenterOnOracle, ACloneCallsNobody) {
  const ScenarioHome home("old_jobs"), target("clone");
  run({"backup", "-I", instance(home)}, 0);
  const Outcome restored = run({"restore", "latest", "-I", other(target)}, 3);
  EXPECT_TRUE(restored.says("original's Jobserver localhost")) << restored.text();
  EXPECT_EQ(
      lines_of(target.calls(), {"executes DECLARE schema_name", "commits", "imp "}).find("imp"), 0U)
      << target.calls();
  EXPECT_FALSE(
      run({"preflight", "-I", instance(target)}, 0).says("migration-center-scheduler-enabled"));
  // The original goes on.
  EXPECT_EQ(lines_of(home.calls(), {"executes"}), "");
  EXPECT_TRUE(has_enabled(instance(home), "job 42"));
}

TEST_F(MigrationCenterOnOracle, ACloneWhoseJobsOnlyTheirOwnerCanStopIsNotMade) {
  const ScenarioHome home("old_jobs"), target("clone");
  run({"backup", "-I", instance(home)}, 0);
  const Outcome refused = place_.holdfast({"restore", "latest", "-I", other(target, {}, "dba1")});
  EXPECT_EQ(refused.exit_code, 1) << refused.text();
  EXPECT_TRUE(refused.says("1 jobs of DBMS_JOB may fire, which only FMEMC can stop"))
      << refused.text();
}

TEST_F(MigrationCenterOnOracle, AReplacementGoesOnWithTheJobsThatRestedForTheCopy) {
  const ScenarioHome home("old_jobs"), target("replacement");
  run({"backup", "-I", instance(home, disable)}, 0);
  run({"restore", "latest", "-I", other(target, "[restore]\nrole = \"replacement\"\n")}, 3);
  EXPECT_TRUE(has_enabled(instance(target), "job 42"));
}

TEST_F(MigrationCenterOnOracle, IsMigratedWithItsJobsAtRest) {
  const ScenarioHome home("old_jobs"), target("clone");
  run({"migrate", "-I", instance(home, disable), "--to", other(target)}, 3);
  EXPECT_EQ(lines_of(home.calls(), {"executes", "commits", "exp "}),
            joined({stop_job, "commits", "exp", start_job, "commits"}));
  EXPECT_FALSE(
      run({"preflight", "-I", instance(target)}, 0).says("migration-center-scheduler-enabled"));
}

}  // namespace
}  // namespace holdfast::test
