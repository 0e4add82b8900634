// SPDX-License-Identifier: Apache-2.0
// A whole migration-center on PostgreSQL, played by the stand-in of tests/fixtures: what is at work
// is found before, during and after its copy, its schedulers rest for that time and come back
// whatever happens, and a clone calls nobody.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"
#include "harness/migration_center.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view disable = "schedulers = \"disable\"";

class MigrationCenterTest : public testing::Test {
 protected:
  MigrationCenterTest() {
    EXPECT_EQ(place_.holdfast({"init"}).exit_code, 0);
    write(mc_.full());
  }

  void write(const std::string& text) const { write_text(file(), text); }
  [[nodiscard]] std::string file() const { return (place_ / "mc.toml").string(); }
  Outcome preflight(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"preflight", "-I", file()});
    return place_.holdfast(more);
  }
  Outcome back_up(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"backup", "-I", file()});
    return place_.holdfast(more);
  }
  [[nodiscard]] Json manifest() {
    const Outcome dumped = place_.holdfast({"dump", "latest", "/mc/holdfast.json"});
    EXPECT_EQ(dumped.exit_code, 0) << dumped.text();
    return dumped.document();
  }
  [[nodiscard]] std::size_t snapshots() {
    return place_.holdfast({"snapshots", "--json"}).array().size();
  }
  [[nodiscard]] static std::string enabled(const std::string& database = "mc") {
    return MigrationCenter::server().psql(
        database,
        "SELECT string_agg(id::text, ',' ORDER BY id) FROM fmemc.schedulers WHERE enabled");
  }
  void expect_blocker(const Outcome& run, std::string_view code, std::string_view words) {
    EXPECT_EQ(run.exit_code, 20) << run.text();
    EXPECT_TRUE(run.says(code)) << run.text();
    EXPECT_TRUE(run.says(words)) << run.text();
  }
  // A program in `place_` with these lines; for hooks and [quiesce].
  [[nodiscard]] std::string script(const std::string& name, const std::string& lines) const {
    write_text(place_ / name, "#!/bin/sh\n" + lines + "\n");
    fs::permissions(place_ / name, fs::perms(0755));
    return (place_ / name).string();
  }
  // A line of a script that runs SQL there.
  [[nodiscard]] static std::string run_sql(const std::string& sql) {
    return fmt::format("psql -XqAt '{}' -U postgres -c \"{}\"",
                       MigrationCenter::server().endpoint("mc").uri, sql);
  }
  // [quiesce] whose stop command notes which schedulers are enabled, then waits for `go`.
  [[nodiscard]] std::string quiesce(bool waits) const {
    const std::string seen = (place_ / "seen").string();
    const std::string go = (place_ / "go").string();
    const std::string stop =
        script("stop", run_sql("SELECT count(*) FROM fmemc.schedulers WHERE enabled") + " > " +
                           seen + ".tmp && mv " + seen + ".tmp " + seen +
                           (waits ? "\nwhile [ ! -e " + go + " ]; do sleep 0.01; done" : ""));
    const std::string start =
        script("start", run_sql("SELECT count(*) FROM fmemc.schedulers WHERE enabled") + " > " +
                            (place_ / "at_start").string() + "\necho started >> " +
                            (place_ / "starts").string());
    return fmt::format("[quiesce]\nstop = [\"{}\"]\nstart = [\"{}\"]\nwhen = \"always\"\n", stop,
                       start);
  }

  // Somebody who has the row of a scheduler until release().
  [[nodiscard]] Started lock_scheduler(int id) {
    Started holder = place_.start_program(
        {"psql", "-Xq", MigrationCenter::server().endpoint("mc").uri, "-U", "postgres", "-c",
         fmt::format("BEGIN; UPDATE fmemc.schedulers SET name = name WHERE id = {}; "
                     "SELECT pg_sleep(600)",
                     id)});
    EXPECT_TRUE(eventually([&] {
      return mc_.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1\n";
    }));
    return holder;
  }
  void release(Started& holder) const {
    mc_.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
    static_cast<void>(holder.wait());
  }
  // How many sessions wait for a lock.
  [[nodiscard]] int waiting() const {
    return std::stoi(
        mc_.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"));
  }

  Place place_;
  MigrationCenter mc_{place_};
};

TEST_F(MigrationCenterTest, AtRestIsCopiedWithTheEvidence) {
  const Outcome saved = back_up();
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  const Json all = manifest();
  std::string moments, seen;
  for (const Json& look : all.at("profile_facts").at("quiet").as_array()) {
    moments += look.at("when").as_string() + " ";
    seen += look.at("seen").dump();
  }
  EXPECT_EQ(moments, "before still during during after ");
  for (const char* what :
       {"sessions: 0 idle", "scheduler_runs.status: 1 'FAILED'", "nobody listens",
        "logs: 2 files, written to: none", "scheduler 1 of fmemc.schedulers"})
    EXPECT_NE(seen.find(what), std::string::npos) << what << " in " << seen;
  std::string components;
  for (const Json& files : all.at("files").as_array())
    components += files.at("name").as_string() + " ";
  EXPECT_EQ(components, "jobserver webclient logs staging ");
  const Outcome rehearsed = place_.holdfast({"drill", "-I", file()});
  EXPECT_EQ(rehearsed.exit_code, 0) << rehearsed.text();
}

TEST_F(MigrationCenterTest, AnOpenTransactionIsFoundAndNamed) {
  const std::string done = (place_ / "done").string();
  Started session = place_.start_program(
      {"psql", "-Xq", MigrationCenter::server().endpoint("mc").uri, "-U", "fmemc", "-c", "BEGIN",
       "-c", "UPDATE fmemc.migsets SET name = 'x' WHERE id = 1", "-c",
       fmt::format("\\! until [ -e {} ]; do sleep 0.05; done", done)});
  ASSERT_TRUE(eventually([&] {
    return mc_.sql(
               "SELECT count(*) FROM pg_stat_activity WHERE usename = 'fmemc' AND state = 'idle in "
               "transaction'") == "1\n";
  }));
  expect_blocker(preflight(), "migration-center-transaction-open", "fmemc, psql");
  write_text(done, "");
  static_cast<void>(session.wait());
  EXPECT_EQ(preflight().exit_code, 0);
}

TEST_F(MigrationCenterTest, ASessionAtWorkIsFoundAndNamed) {
  Started session = place_.start_program(
      {"psql", "-Xq", MigrationCenter::server().endpoint("mc").uri, "-U", "fmemc", "-c",
       "BEGIN; UPDATE fmemc.migsets SET name = 'x' WHERE id = 1; SELECT pg_sleep(600)"});
  ASSERT_TRUE(eventually([&] {
    return mc_.sql(
               "SELECT count(*) FROM pg_stat_activity WHERE usename = 'fmemc' AND state = "
               "'active' AND query LIKE '%pg_sleep%'") == "1\n";
  }));
  expect_blocker(preflight(), "migration-center-session-active", "fmemc, psql");
  session.kill(SIGKILL);
  static_cast<void>(session.wait());
}

TEST_F(MigrationCenterTest, ATransactionThatWaitsToBeCommittedIsFoundAndNamed) {
  mc_.sql(
      "SET ROLE fmemc; BEGIN; UPDATE fmemc.migsets SET name = 'x' WHERE id = 1;"
      "PREPARE TRANSACTION 'left-over'");
  expect_blocker(preflight(), "migration-center-transaction-open", "left-over");
  mc_.sql("ROLLBACK PREPARED 'left-over'");
  EXPECT_EQ(preflight().exit_code, 0);
}

TEST_F(MigrationCenterTest, SessionsThatAreNotShownToUsAreABlocker) {
  mc_.sql(
      "CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA fmemc TO reader;"
      "GRANT SELECT ON ALL TABLES IN SCHEMA fmemc TO reader");
  std::string text = mc_.full();
  text.replace(text.find("\"postgres\""), 10, "\"reader\"");
  write(text);
  EXPECT_FALSE(preflight().says("migration-center-sessions-unobservable"));
  Started session =
      place_.start_program({"psql", "-Xq", MigrationCenter::server().endpoint("mc").uri, "-U",
                            "fmemc", "-c", "SELECT pg_sleep(600)"});
  ASSERT_TRUE(eventually([&] {
    return mc_.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'fmemc'") == "1\n";
  }));
  expect_blocker(preflight(), "migration-center-sessions-unobservable", "fmemc");
  session.kill(SIGKILL);
  static_cast<void>(session.wait());
}

TEST_F(MigrationCenterTest, ARunningJobIsFoundByItsWordItsMissingEndOrItsMappedCode) {
  mc_.sql("UPDATE fmemc.scanners SET status = 'RUNNING'");
  expect_blocker(preflight(), "migration-center-job-running", "fmemc.scanners.status");
  mc_.sql(
      "UPDATE fmemc.scanners SET status = 'FINISHED';"
      "UPDATE fmemc.scheduler_runs SET end_date = NULL WHERE id = 2");
  expect_blocker(preflight(), "migration-center-run-open", "fmemc.scheduler_runs");
  mc_.sql(
      "UPDATE fmemc.scheduler_runs SET end_date = now() WHERE id = 2;"
      "UPDATE fmemc.migsets SET state = 2 WHERE id = 2");
  expect_blocker(preflight(), "migration-center-job-running",
                 "fmemc.migsets.state is at work: 1 '2'");
}

TEST_F(MigrationCenterTest, ALogThatIsWrittenToIsFoundAndNamed) {
  write_text(mc_.log(), "INFO importing\n");
  expect_blocker(preflight(), "migration-center-log-growing", mc_.log().string());
  mc_.let_logs_rest();
  EXPECT_EQ(preflight().exit_code, 0);
}

TEST_F(MigrationCenterTest, AConnectionToTheJobserverIsFoundAndNamed) {
  mc_.port().listen();
  EXPECT_EQ(preflight().exit_code, 0);
  mc_.port().connect();
  expect_blocker(preflight(), "migration-center-jobserver-connected",
                 fmt::format("127.0.0.1:{}", mc_.port().number()));
}

TEST_F(MigrationCenterTest, WhatCannotBeSeenFromHereBlocksUntilItIsAccepted) {
  write(mc_.smallest());
  const std::vector<std::string> codes{
      "migration-center-jobserver-unobservable", "migration-center-webclient-unobservable",
      "migration-center-logs-unobservable", "migration-center-status-unobservable"};
  for (const std::string& code : codes) expect_blocker(preflight(), code, code);
  std::vector<std::string> accepted;
  for (const std::string& code : codes) {
    EXPECT_EQ(preflight(accepted).exit_code, 20);
    accepted.insert(accepted.end(), {"--accept", code});
  }
  const Outcome saved = back_up(accepted);
  EXPECT_EQ(saved.exit_code, 0) << saved.text();
}

TEST_F(MigrationCenterTest, OfAJobserverElsewhereItIsSaid) {
  write(mc_.full("jobservers = [\"localhost\", \"jobs.prod.example:9700\"]"));
  expect_blocker(preflight(), "migration-center-jobserver-unobservable", "jobs.prod.example:9700");
}

TEST_F(MigrationCenterTest, WorkThatBeginsAfterPreflightLeavesNoSnapshot) {
  const std::string begin = script(
      "begin", run_sql("UPDATE fmemc.jobs SET status = 'RUNNING', ended_at = NULL WHERE id = 1"));
  write(mc_.full("", fmt::format("[hooks]\nbefore_backup = [[\"{}\"]]\n", begin)));
  const Outcome refused = back_up();
  EXPECT_EQ(refused.exit_code, 22) << refused.text();
  EXPECT_TRUE(refused.says("migration-center-job-running")) << refused.text();
  EXPECT_EQ(snapshots(), 0U);
}

TEST_F(MigrationCenterTest, ALogThatGrowsMeanwhileLeavesNoSnapshot) {
  const std::string writer =
      script("write", fmt::format("(while [ ! -e {} ]; do echo INFO >> {}; sleep 0.001; done) "
                                  "> /dev/null 2>&1 &",
                                  (place_ / "enough").string(), mc_.log().string()));
  write(mc_.full("", fmt::format("[hooks]\nbefore_backup = [[\"{}\"]]\n", writer)));
  const Outcome refused = back_up();
  write_text(place_ / "enough", "");
  EXPECT_EQ(refused.exit_code, 22) << refused.text();
  EXPECT_TRUE(refused.says("migration-center-log-growing")) << refused.text();
  EXPECT_EQ(snapshots(), 0U);
}

TEST_F(MigrationCenterTest, EnabledSchedulersAreToldAndLeftAlone) {
  const Outcome saved = back_up();
  EXPECT_EQ(saved.exit_code, 0) << saved.text();
  EXPECT_TRUE(saved.says("migration-center-scheduler-enabled")) << saved.text();
  EXPECT_EQ(enabled(), "1,3\n");
}

TEST_F(MigrationCenterTest, SchedulersRestFromBeforeTheStopUntilAfterTheStart) {
  write(mc_.full(disable, quiesce(false)));
  const Outcome saved = back_up();
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  EXPECT_EQ(read_text(place_ / "seen"), "0\n");
  EXPECT_EQ(enabled(), "1,3\n");
  EXPECT_EQ(read_text(place_ / "starts"), "started\n");
  EXPECT_EQ(read_text(place_ / "at_start"), "0\n");
  EXPECT_FALSE(saved.says("migration-center-scheduler-enabled")) << saved.text();
}

TEST_F(MigrationCenterTest, SchedulersComeBackAfterAKill) {
  write(mc_.full(disable, quiesce(true)));
  Started job = place_.start({"backup", "-I", file()});
  ASSERT_TRUE(eventually([&] { return fs::exists(place_ / "seen") || job.has_ended(); }));
  EXPECT_EQ(read_text(place_ / "seen"), "0\n") << job.wait().text();
  EXPECT_EQ(enabled(), "\n");
  job.kill(SIGKILL);
  static_cast<void>(job.wait());
  write_text(place_ / "go", "");
  EXPECT_TRUE(eventually([&] { return enabled() == "1,3\n"; }));
  EXPECT_TRUE(eventually([&] { return fs::exists(place_ / "starts"); }));
  EXPECT_EQ(snapshots(), 0U);
  const Outcome resumed = place_.holdfast({"resume"});
  EXPECT_EQ(resumed.exit_code, 0) << resumed.text();
}

// Before a step is made, somebody has its row; the job, which has announced it, is killed.
TEST_F(MigrationCenterTest, SchedulersComeBackAfterAKillThatLeavesAStatementWaiting) {
  const std::string reached = (place_ / "reached").string();
  const std::string go = (place_ / "go").string();
  const std::string hook =
      script("hook", "touch " + reached + "\nwhile [ ! -e " + go + " ]; do sleep 0.01; done");
  write(mc_.full(disable, fmt::format("[hooks]\nbefore_backup = [[\"{}\"]]\n", hook)));
  Started job = place_.start({"backup", "-I", file()});
  ASSERT_TRUE(eventually([&] { return fs::exists(reached) || job.has_ended(); }));
  Started holder = lock_scheduler(1);
  write_text(go, "");
  ASSERT_TRUE(eventually([&] { return waiting() == 1 || job.has_ended(); }));
  EXPECT_EQ(waiting(), 1) << job.wait().text();
  job.kill(SIGKILL);
  static_cast<void>(job.wait());
  // The statement of the dead and that of the guardian.
  EXPECT_TRUE(eventually([&] { return waiting() == 2; }));
  release(holder);
  EXPECT_TRUE(eventually([&] { return waiting() == 0; }));
  EXPECT_TRUE(eventually([&] { return place_.holdfast({"resume"}).exit_code == 0; }));
  EXPECT_EQ(enabled(), "1,3\n");
}

TEST_F(MigrationCenterTest, SchedulersComeBackAfterAKillWhileTheyArePutBack) {
  const std::string reached = (place_ / "reached").string();
  const std::string go = (place_ / "go").string();
  const std::string start =
      script("start", "touch " + reached + "\nwhile [ ! -e " + go + " ]; do sleep 0.01; done");
  write(mc_.full(disable, fmt::format("[quiesce]\nstop = [\"true\"]\nstart = [\"{}\"]\n"
                                      "when = \"always\"\n",
                                      start)));
  Started job = place_.start({"backup", "-I", file()});
  ASSERT_TRUE(eventually([&] { return fs::exists(reached) || job.has_ended(); }));
  EXPECT_EQ(enabled(), "\n");
  Started holder = lock_scheduler(1);  // the last that is put back
  write_text(go, "");
  ASSERT_TRUE(eventually([&] { return waiting() == 1 || job.has_ended(); }));
  EXPECT_EQ(enabled(), "3\n");
  job.kill(SIGKILL);
  static_cast<void>(job.wait());
  release(holder);
  EXPECT_TRUE(eventually([&] { return enabled() == "1,3\n"; }));
}

TEST_F(MigrationCenterTest, WhatSomebodyElseDisablesMeanwhileStaysDisabled) {
  const std::string hook =
      script("hook", run_sql("UPDATE fmemc.schedulers SET enabled = false WHERE id = 3"));
  write(mc_.full(disable, fmt::format("[hooks]\nbefore_backup = [[\"{}\"]]\n", hook)));
  const Outcome saved = back_up();
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  EXPECT_EQ(enabled(), "1\n");
  EXPECT_FALSE(saved.says("disabled scheduler 3")) << saved.text();
}

TEST_F(MigrationCenterTest, OneSchedulerThatCannotBeEnabledKeepsNoOtherFromIt) {
  write_text(place_ / "refuse.sql",
             "CREATE FUNCTION fmemc.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
             "IF NEW.enabled AND NEW.id = 3 THEN RAISE 'refused'; END IF; RETURN NEW; END $$;"
             "CREATE TRIGGER refuse BEFORE UPDATE ON fmemc.schedulers FOR EACH ROW "
             "EXECUTE FUNCTION fmemc.refuse();");
  const std::string stop = script("stop", fmt::format("psql -XqAt '{}' -U postgres -f {}\nexit 1",
                                                      MigrationCenter::server().endpoint("mc").uri,
                                                      (place_ / "refuse.sql").string()));
  write(mc_.full(disable, fmt::format("[quiesce]\nstop = [\"{}\"]\nstart = [\"true\"]\n"
                                      "when = \"always\"\n",
                                      stop)));
  const Outcome failed = back_up();
  EXPECT_EQ(failed.exit_code, 1) << failed.text();
  EXPECT_TRUE(failed.says("quiesce stop failed")) << failed.text();
  EXPECT_EQ(enabled(), "1\n");
  mc_.sql("DROP TRIGGER refuse ON fmemc.schedulers");
  EXPECT_TRUE(eventually([&] { return place_.holdfast({"resume"}).exit_code == 0; }));
  EXPECT_EQ(enabled(), "1,3\n");
}

TEST_F(MigrationCenterTest, WhatStillRunsIsWaitedForBeforeTheStop) {
  // It ends once it is waited for, which is read where the backup writes to.
  const std::string hook =
      script("hook", run_sql("UPDATE fmemc.scanners SET status = 'RUNNING'") +
                         "\nout=/proc/$PPID/fd/1 err=/proc/$PPID/fd/2\n"
                         "(until grep -q 'waiting for the application' $out $err; do kill -0 $PPID "
                         "|| exit; sleep 0.1; done; " +
                         run_sql("UPDATE fmemc.scanners SET status = 'FINISHED'") +
                         ") > /dev/null 2>&1 &");
  const std::string stop = script(
      "stop", run_sql("SELECT status FROM fmemc.scanners") + " > " + (place_ / "at_stop").string());
  write(mc_.full(disable, fmt::format("[hooks]\nbefore_backup = [[\"{}\"]]\n"
                                      "[quiesce]\nstop = [\"{}\"]\nstart = [\"true\"]\n"
                                      "when = \"always\"\n",
                                      hook, stop)));
  const Outcome saved = back_up();
  EXPECT_EQ(saved.exit_code, 0) << saved.text();
  EXPECT_EQ(read_text(place_ / "at_stop"), "FINISHED\n");
  EXPECT_TRUE(saved.says("waiting for the application to rest")) << saved.text();
}

TEST_F(MigrationCenterTest, WhatACrashHasLeftIsAcceptedAndNoMore) {
  mc_.sql("UPDATE fmemc.scheduler_runs SET end_date = NULL WHERE id = 2");
  const std::vector<std::string> accepted{"--accept", "migration-center-run-open"};
  EXPECT_EQ(back_up(accepted).exit_code, 0);
  const std::string begin =
      script("begin", run_sql("UPDATE fmemc.scheduler_runs SET end_date = NULL WHERE id = 1"));
  write(mc_.full("", fmt::format("[hooks]\nbefore_backup = [[\"{}\"]]\n", begin)));
  const Outcome refused = back_up(accepted);
  EXPECT_EQ(refused.exit_code, 22) << refused.text();
  EXPECT_TRUE(refused.says("migration-center-run-open")) << refused.text();
  EXPECT_EQ(snapshots(), 1U);
}

TEST_F(MigrationCenterTest, ARefusedCopyLeavesNoJournal) {
  const std::string begin =
      script("begin", run_sql("UPDATE fmemc.scanners SET status = 'RUNNING'"));
  write(mc_.full(disable, fmt::format("[hooks]\nbefore_backup = [[\"{}\"]]\n", begin)));
  EXPECT_EQ(back_up().exit_code, 22);
  EXPECT_EQ(enabled(), "1,3\n");
  EXPECT_TRUE(fs::is_empty(place_.state() / "journals"));
}

TEST_F(MigrationCenterTest, SchedulersWithAColumnOfTheSitesOwnRestToo) {
  mc_.sql(
      "ALTER TABLE fmemc.schedulers RENAME COLUMN enabled TO usage_flag;"
      "ALTER TABLE fmemc.schedulers ALTER usage_flag TYPE text USING CASE WHEN usage_flag THEN "
      "'on' ELSE 'off' END");
  expect_blocker(preflight(), "migration-center-schedulers-unobservable", "has rows");
  write(
      mc_.full("schedulers = \"disable\"\nscheduler_column = \"SCHEDULERS.USAGE_FLAG\"\n"
               "scheduler_on = \"on\"\nscheduler_off = \"off\""));
  const Outcome saved = back_up();
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  EXPECT_TRUE(saved.says("disabled scheduler 3")) << saved.text();
  EXPECT_EQ(mc_.sql("SELECT count(*) FROM fmemc.schedulers WHERE usage_flag = 'on'"), "2\n");
}

TEST_F(MigrationCenterTest, JobsOfPgCronRestToo) {
  mc_.sql(
      "CREATE SCHEMA cron;"
      "CREATE TABLE cron.job (jobid bigint, schedule text, command text, database text,"
      " active boolean);"
      "CREATE TABLE cron.job_run_details (jobid bigint, database text, status text);"
      "CREATE FUNCTION cron.alter_job(job bigint, active boolean) RETURNS void LANGUAGE sql AS"
      " 'UPDATE cron.job SET active = $2 WHERE jobid = $1';"
      "INSERT INTO cron.job VALUES (7, '0 1 * * *', 'SELECT 1', 'mc', true);"
      "INSERT INTO cron.job_run_details VALUES (7, 'mc', 'running')");
  expect_blocker(preflight(), "migration-center-scheduler-running", "pg_cron 7 running");
  mc_.sql("UPDATE cron.job_run_details SET status = 'succeeded'");
  write(mc_.full(disable));
  const Outcome saved = back_up();
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  EXPECT_TRUE(saved.says("pg_cron's job 7")) << saved.text();
  EXPECT_EQ(mc_.sql("SELECT active FROM cron.job"), "t\n");
  const Outcome replaced =
      place_.holdfast({"restore", "latest", "-I", file(), "--component", "fmemc", "--replace"});
  EXPECT_EQ(replaced.exit_code, 0) << replaced.text();
  EXPECT_EQ(mc_.sql("SELECT active FROM cron.job"), "t\n");
  write_text(place_ / "clone.toml", mc_.other("mc_clone"));
  fs::create_directories(place_ / "mc_clone");
  const Outcome cloned =
      place_.holdfast({"restore", "latest", "-I", (place_ / "clone.toml").string()});
  EXPECT_EQ(cloned.exit_code, 3) << cloned.text();
  EXPECT_EQ(MigrationCenter::server().psql("mc_clone", "SELECT active FROM cron.job"), "f\n");
}

TEST_F(MigrationCenterTest, ACloneCallsNobody) {
  const Outcome saved = back_up();
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  write_text(place_ / "clone.toml", mc_.other("mc_clone"));
  fs::create_directories(place_ / "mc_clone");
  const Outcome restored =
      place_.holdfast({"restore", "latest", "-I", (place_ / "clone.toml").string()});
  EXPECT_EQ(restored.exit_code, 3) << restored.text();
  EXPECT_TRUE(restored.says("original's Jobserver localhost")) << restored.text();
  EXPECT_EQ(enabled("mc_clone"), "\n");
  EXPECT_EQ(enabled(), "1,3\n");
  EXPECT_EQ(read_text(place_ / "mc_clone/staging/contracts/1.pdf"), "first contract");
}

TEST_F(MigrationCenterTest, ACloneWhoseSchedulersStayEnabledIsNotMade) {
  mc_.sql(
      "CREATE FUNCTION fmemc.keep() RETURNS trigger LANGUAGE plpgsql AS"
      " 'BEGIN NEW.enabled := true; RETURN NEW; END';"
      "CREATE TRIGGER keep BEFORE UPDATE ON fmemc.schedulers FOR EACH ROW"
      " EXECUTE FUNCTION fmemc.keep();"
      "ALTER TABLE fmemc.schedulers ENABLE ALWAYS TRIGGER keep");
  ASSERT_EQ(back_up().exit_code, 0);
  write_text(place_ / "clone.toml", mc_.other("mc_clone"));
  fs::create_directories(place_ / "mc_clone");
  const Outcome refused =
      place_.holdfast({"restore", "latest", "-I", (place_ / "clone.toml").string()});
  EXPECT_EQ(refused.exit_code, 21) << refused.text();
  EXPECT_TRUE(refused.says("did not stay")) << refused.text();
  EXPECT_EQ(mc_.sql("SELECT count(*) FROM pg_database WHERE datname LIKE 'mc\\_clone%'"), "0\n");
}

TEST_F(MigrationCenterTest, OfSingleTablesOfACloneTheStatementsToRunAreTold) {
  ASSERT_EQ(back_up().exit_code, 0);
  write_text(place_ / "clone.toml", mc_.other("mc_clone"));
  MigrationCenter::server().psql("postgres", "CREATE DATABASE mc_clone OWNER fmemc");
  const Outcome told = place_.holdfast(
      {"restore", "latest", "-I", (place_ / "clone.toml").string(), "--table", "fmemc.*"});
  EXPECT_EQ(told.exit_code, 3) << told.text();
  EXPECT_TRUE(told.says("run there yourself: UPDATE")) << told.text();
}

TEST_F(MigrationCenterTest, AReplacementGoesOnWithTheSchedulersThatRestedForTheCopy) {
  write(mc_.full(disable));
  ASSERT_EQ(back_up().exit_code, 0);
  mc_.sql("DELETE FROM fmemc.scheduler_runs");
  const Outcome restored =
      place_.holdfast({"restore", "latest", "-I", file(), "--component", "fmemc", "--replace"});
  EXPECT_EQ(restored.exit_code, 0) << restored.text();
  EXPECT_EQ(enabled(), "1,3\n");
  EXPECT_EQ(mc_.sql("SELECT count(*) FROM fmemc.scheduler_runs"), "2\n");
}

TEST_F(MigrationCenterTest, StagedFilesThatRowsNameAndTheCopyLacksAreNamed) {
  fs::remove(mc_.staging() / "contracts/2.pdf");
  const Outcome refused = back_up();
  EXPECT_EQ(refused.exit_code, 22) << refused.text();
  EXPECT_TRUE(refused.says("migration-center-staged-file-missing")) << refused.text();
  EXPECT_TRUE(refused.says((mc_.staging() / "contracts/2.pdf").string())) << refused.text();
  EXPECT_FALSE(refused.says("contracts/1.pdf")) << refused.text();
  EXPECT_EQ(back_up({"--accept", "migration-center-staged-file-missing"}).exit_code, 3);
}

TEST_F(MigrationCenterTest, IsMigratedWithItsSchedulersAtRest) {
  write(mc_.full(disable, quiesce(false)));
  write_text(place_ / "new.toml", mc_.other("mc_new"));
  fs::create_directories(place_ / "mc_new");
  const Outcome moved =
      place_.holdfast({"migrate", "-I", file(), "--to", (place_ / "new.toml").string()});
  EXPECT_EQ(moved.exit_code, 3) << moved.text();
  EXPECT_EQ(read_text(place_ / "seen"), "0\n");
  EXPECT_EQ(read_text(place_ / "at_start"), "0\n");
  EXPECT_EQ(enabled("mc_new"), "\n");
  EXPECT_EQ(enabled(), "1,3\n");
}

TEST_F(MigrationCenterTest, WorkThatBeginsAtTheSourceEndsItsMigration) {
  const std::string begin = script(
      "begin", run_sql("UPDATE fmemc.jobs SET status = 'RUNNING', ended_at = NULL WHERE id = 1"));
  write(mc_.full(disable, fmt::format("[hooks]\nbefore_backup = [[\"{}\"]]\n", begin)));
  write_text(place_ / "new.toml", mc_.other("mc_new"));
  fs::create_directories(place_ / "mc_new");
  const Outcome refused =
      place_.holdfast({"migrate", "-I", file(), "--to", (place_ / "new.toml").string()});
  EXPECT_EQ(refused.exit_code, 22) << refused.text();
  EXPECT_TRUE(refused.says("migration-center-job-running")) << refused.text();
  EXPECT_EQ(enabled(), "1,3\n");
  EXPECT_EQ(mc_.sql("SELECT count(*) FROM pg_database WHERE datname LIKE 'mc\\_new%'"), "0\n");
}

TEST_F(MigrationCenterTest, TheSourceOfAMigrationComesBackAfterAKill) {
  write(mc_.full(disable, quiesce(true)));
  write_text(place_ / "new.toml", mc_.other("mc_new"));
  fs::create_directories(place_ / "mc_new");
  Started job = place_.start({"migrate", "-I", file(), "--to", (place_ / "new.toml").string()});
  ASSERT_TRUE(eventually([&] { return fs::exists(place_ / "seen") || job.has_ended(); }));
  EXPECT_EQ(enabled(), "\n");
  job.kill(SIGKILL);
  static_cast<void>(job.wait());
  write_text(place_ / "go", "");
  EXPECT_TRUE(eventually([&] { return enabled() == "1,3\n"; }));
  EXPECT_EQ(read_text(place_ / "at_start"), "0\n");
}

TEST_F(MigrationCenterTest, IsDiscovered) {
  const Outcome found = place_.holdfast({"discover", mc_.home().string()});
  ASSERT_EQ(found.exit_code, 0) << found.text();
  for (const std::string& words :
       {std::string("profile = \"migration-center\""), "home = \"" + mc_.home().string() + "\"",
        "Jobserver " + mc_.jobserver().string(), "WebClient " + mc_.web_client().string()})
    EXPECT_TRUE(found.says(words)) << words << "\n" << found.text();
}

}  // namespace
}  // namespace holdfast::test
