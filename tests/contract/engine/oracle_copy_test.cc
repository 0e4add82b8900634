// SPDX-License-Identifier: Apache-2.0
// Copies of schemas, against stand-ins of Oracle's programs that replay documented behaviour.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "contract/engine/oracle_fixture.h"

namespace holdfast::test {
namespace {

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_F(OracleReplay, CopiesASchemaByExpAsOfOneNumber) {
  const OracleHome home("plain");
  const engine::Probe probe = engine().probe(home.endpoint());
  EXPECT_TRUE(probe.exists);
  EXPECT_FALSE(probe.empty);
  EXPECT_EQ(probe.version, "19.0.0.0.0");
  for (const model::Finding& one : probe.findings)
    EXPECT_NE(one.severity, model::Severity::blocker) << one.code << ": " << one.seen;
  const auto made = copy(home.endpoint());
  ASSERT_EQ(made->facts.tables.size(), 3U);
  EXPECT_EQ(made->facts.tables[1].table, "SCHEDULERS");
  EXPECT_EQ(made->facts.tables[2].rows, 250U);
  EXPECT_EQ(made->facts.moment.position, "scn 4711");
  EXPECT_EQ(made->facts.engine_facts.at("nls_lang").as_string(), "AMERICAN_AMERICA.AL32UTF8");
  EXPECT_TRUE(has(home.calls(),
                  "exp AMERICAN_AMERICA.AL32UTF8 "
                  "(DESCRIPTION=(ENABLE=BROKEN)(ADDRESS=(PROTOCOL=TCP)(HOST=db1)(PORT=1521))"
                  "(CONNECT_DATA=(SERVICE_NAME=XE)))"));
  EXPECT_TRUE(has(home.calls(), "FLASHBACK_SCN=4711"));
  EXPECT_FALSE(has(home.calls(), "right"));
}

TEST_F(OracleReplay, GivesRowsToWhoeverWantsThemWhileTheyAreCopied) {
  const OracleHome home("plain");
  RowsOfOne wanted("OBJECTS");
  engine::HoldOptions options;
  options.row_tap = wanted.tap();
  const auto made = copy(home.endpoint(), options);
  EXPECT_EQ(wanted.columns, std::vector<std::string>{"ID NUMBER"});
  ASSERT_EQ(wanted.rows.size(), 5U);  // of both partitions
  EXPECT_EQ(wanted.rows[0], model::Row{model::Value::integer(1)});
}

TEST_F(OracleReplay, LoadsWhatItCopiedIntoAnEmptySchemaAndProvesIt) {
  const OracleHome home("plain");
  const auto made = copy(home.endpoint());
  const OracleHome target("empty");
  const engine::LoadReport report =
      engine().load(made->parts, made->facts, target.endpoint(), load_options(), {});
  EXPECT_EQ(report.rows, 257U);
  EXPECT_TRUE(has(target.calls(), "imp AMERICAN_AMERICA.AL32UTF8"));
  EXPECT_TRUE(has(target.state(), "\"SCHEDULER_RUNS\": 250"));
}

TEST_F(OracleReplay, LoadsIntoASchemaOfAnotherName) {
  const OracleHome home("plain");
  const auto made = copy(home.endpoint());
  const OracleHome target("another_user");
  model::Endpoint into = target.endpoint();
  into.user = "clone1";
  into.password = std::make_shared<Secret>(std::string("other"));
  EXPECT_EQ(engine().load(made->parts, made->facts, into, load_options(), {}).rows, 257U);
  EXPECT_TRUE(has(target.calls(), "FROMUSER=FMEMC"));
  EXPECT_TRUE(has(target.calls(), "TOUSER=CLONE1"));
}

TEST_F(OracleReplay, FindsDeferredSegmentsAndTheMaterializedOnesAreCopied) {
  for (const char* scenario : {"deferred", "deferred_plain_user"}) {
    const OracleHome home(scenario);
    const model::Finding* found = nullptr;
    const engine::Probe before = engine().probe(home.endpoint());
    ASSERT_NE(found = find(before, "oracle-deferred-segments"), nullptr);
    EXPECT_EQ(found->severity, model::Severity::blocker);
    EXPECT_EQ(found->mend_class, model::MendClass::writes_source);
    EXPECT_TRUE(has(found->seen, "SCHEDULERS") && has(found->seen, "SCHEDULER_RUNS"));
    // Who accepts it all the same gets no snapshot.
    const Error refused = refusal(home.endpoint());
    EXPECT_EQ(refused.code(), Errc::not_consistent);
    EXPECT_TRUE(has(refused.message(), "SCHEDULER_RUNS"));
    EXPECT_TRUE(has(engine().mend(home.endpoint(), "oracle-deferred-segments"), "2 objects"));
    const engine::Probe after = engine().probe(home.endpoint());
    EXPECT_EQ(find(after, "oracle-deferred-segments"), nullptr);
    const auto made = copy(home.endpoint());
    EXPECT_EQ(made->facts.tables.size(), 3U);
  }
}

TEST_F(OracleReplay, AnswersAProfilesQuestionsAndRunsItsStatements) {
  const OracleHome home("questions");
  const model::Endpoint endpoint = home.endpoint();
  EXPECT_TRUE(engine().probe(endpoint).abilities.statements);
  const auto rows =
      engine().query_rows(endpoint, "SELECT name, state FROM jobs WHERE state = 'IDLE'", {});
  EXPECT_EQ(rows, (std::vector<std::vector<std::string>>{{"a|b\nc", "IDLE"}, {"", "IDLE"}}));
  EXPECT_TRUE(has(home.calls(), "statement SET TRANSACTION READ ONLY"));
  const auto code_of = [&](std::string_view sql) {
    try {
      static_cast<void>(engine().query_rows(endpoint, sql, {}));
    } catch (const Error& error) {
      return error.code();
    }
    return Errc::bug;
  };
  EXPECT_EQ(code_of("SELECT 1 FROM nowhere"), Errc::not_found);
  EXPECT_EQ(code_of("DELETE FROM jobs"), Errc::usage);
  EXPECT_EQ(engine().execute(endpoint, "UPDATE jobs SET state = 2", {}), 2U);
  EXPECT_EQ(engine().execute(endpoint, "BEGIN stop_all; END;", {}), std::nullopt);
  EXPECT_TRUE(has(home.calls(), "EXECUTE IMMEDIATE 'BEGIN stop_all; END;'"));
}

TEST_F(OracleReplay, RunsAProfilesStatementsInWhatItLoaded) {
  const OracleHome home("plain");
  const auto made = copy(home.endpoint());
  const OracleHome target("empty");
  engine::LoadOptions options = load_options();
  options.statements = {"UPDATE SCHEDULERS SET STATE = 'off'"};
  static_cast<void>(engine().load(made->parts, made->facts, target.endpoint(), options, {}));
  const std::string calls = target.calls();
  const std::size_t imported = calls.find("imp AMERICAN");
  const std::size_t schema = calls.find("ALTER SESSION SET CURRENT_SCHEMA = \"FMEMC\"");
  const std::size_t ran = calls.find("EXECUTE IMMEDIATE 'UPDATE SCHEDULERS SET STATE = ''off'''");
  const std::size_t committed = calls.find("statement COMMIT");
  EXPECT_LT(imported, schema);
  EXPECT_LT(schema, ran);
  EXPECT_LT(ran, committed);
  EXPECT_NE(committed, std::string::npos);
}

struct Failure {
  const char* scenario;
  Errc code;
  const char* words;
};
class OracleFailures : public OracleReplay, public testing::WithParamInterface<Failure> {};

TEST_P(OracleFailures, LeaveNoCopyAndSayWhy) {
  const OracleHome home(GetParam().scenario);
  const Error refused = refusal(home.endpoint());
  EXPECT_EQ(refused.code(), GetParam().code) << refused.what();
  EXPECT_TRUE(has(refused.what(), GetParam().words)) << refused.what();
}

INSTANTIATE_TEST_SUITE_P(
    OfExp, OracleFailures,
    testing::Values(Failure{"missing_table", Errc::not_consistent,
                            "table OBJECTS is not in the dump"},
                    Failure{"unsupported_feature", Errc::not_consistent, "EXP-00107"},
                    Failure{"lost_rows", Errc::not_consistent, "had 250 rows, the dump has 249"},
                    Failure{"snapshot_too_old", Errc::not_consistent, "UNDO_RETENTION"},
                    Failure{"killed", Errc::failed_child, "was ended by signal 9"},
                    Failure{"sqlplus_killed", Errc::failed_child, "sqlplus was ended by signal 9"},
                    Failure{"session_killed", Errc::unavailable, "ORA-00028"},
                    Failure{"cut_silently", Errc::not_consistent, "not whole"},
                    Failure{"localised", Errc::not_consistent, "another language"},
                    Failure{"wrong_client_set", Errc::not_consistent, "US7ASCII"}),
    [](const auto& tested) { return std::string(tested.param.scenario); });

TEST_F(OracleReplay, WarnsOfDefinitionsOfJobsThatAreNotShown) {
  const OracleHome home("definitions_refused");
  testing::internal::CaptureStderr();
  const auto made = copy(home.endpoint());
  const std::string logged = testing::internal::GetCapturedStderr();
  for (const char* job : {"NIGHTLY", "WEEKLY"})
    EXPECT_TRUE(has(logged, fmt::format("job={} why=ORA-31603", job))) << logged;
  EXPECT_TRUE(has(std::string(as_text(made->parts.at("prerequisites.sql"))),
                  "-- job NIGHTLY: its definition was not shown: ORA-31603"));
}

TEST_F(OracleReplay, CopiesServersOfEveryRelease) {
  for (const char* scenario : {"release_12", "release_23", "questionable_statistics"}) {
    const OracleHome home(scenario);
    const auto made = copy(home.endpoint());
    EXPECT_EQ(made->facts.tables.size(), 3U) << scenario;
  }
  const OracleHome single("release_12");
  const auto made = copy(single.endpoint());
  EXPECT_TRUE(has(single.calls(), "exp AMERICAN_AMERICA.WE8MSWIN1252"));
  EXPECT_TRUE(has(single.calls(), "sqlplus AMERICAN_AMERICA.AL32UTF8"));
}

TEST_F(OracleReplay, TellsWhatExpWouldSkip) {
  const OracleHome home("features");
  const engine::Probe probe = engine().probe(home.endpoint());
  const model::Finding* const skipped = find(probe, "oracle-features-skipped");
  ASSERT_NE(skipped, nullptr);
  EXPECT_TRUE(has(skipped->seen, "OBJECTS.SUM (virtual column)"));
  EXPECT_NE(find(probe, "oracle-scheduler-jobs-left-out"), nullptr);
  EXPECT_NE(find(probe, "oracle-row-security"), nullptr);
  const engine::Probe pump = engine().probe(home.endpoint({{"directory", "PUMP"}}));
  EXPECT_EQ(find(pump, "oracle-features-skipped"), nullptr);
  EXPECT_EQ(find(pump, "oracle-scheduler-jobs-left-out"), nullptr);
  EXPECT_NE(find(pump, "oracle-row-security"), nullptr);
}

TEST_F(OracleReplay, TellsOfMissingRightsAndShortUndo) {
  const OracleHome home("no_flashback");
  const engine::Probe probe = engine().probe(home.endpoint());
  EXPECT_NE(find(probe, "oracle-flashback-missing"), nullptr);
  EXPECT_NE(find(probe, "oracle-undo-short"), nullptr);
  const auto made = copy(home.endpoint());
  EXPECT_EQ(made->facts.moment.position, "scn 4700");
  // Accepted, all tables are read in one transaction, and compared with those of the moment.
  EXPECT_TRUE(has(home.calls(), "CONSISTENT=Y"));
  EXPECT_FALSE(has(home.calls(), "FLASHBACK_SCN"));
}

TEST_F(OracleReplay, ConnectsThoughThePasswordExpiresSoon) {
  const OracleHome home("password_expires");
  const engine::Probe probe = engine().probe(home.endpoint());
  EXPECT_TRUE(probe.exists);
  EXPECT_NE(find(probe, "oracle-password-expires"), nullptr);
}

TEST_F(OracleReplay, TellsAWrongPasswordAndAMissingProgram) {
  const OracleHome home("plain");
  model::Endpoint wrong = home.endpoint();
  wrong.password = std::make_shared<Secret>(std::string("wrong"));
  const engine::Probe denied = engine().probe(wrong);
  ASSERT_NE(find(denied, "oracle-access-denied"), nullptr);
  EXPECT_FALSE(has(find(denied, "oracle-access-denied")->seen, "SP2-"));
  EXPECT_EQ(refusal(wrong).code(), Errc::denied);
  std::filesystem::remove(home.path() / "bin" / "sqlplus");
  EXPECT_NE(find(engine().probe(home.endpoint()), "oracle-sqlplus-missing"), nullptr);
}

TEST_F(OracleReplay, GivesThePasswordInAFileToProgramsThatTakeNoneFromAPipe) {
  const OracleHome home("password_by_file");
  const auto made = copy(home.endpoint());
  EXPECT_EQ(made->facts.tables.size(), 3U);
  EXPECT_TRUE(has(home.calls(), "password in PARFILE"));
  EXPECT_TRUE(std::filesystem::is_empty(scratch_.path()));
}

// As if its schema had had this right.
void give_right(OracleCopy& made, std::string_view privilege) {
  Json right = Json::object();
  right.set("privilege", std::string(privilege)).set("admin", "NO");
  Json prerequisites = Json::object();
  prerequisites.set("system_privileges", Json::array().push(std::move(right)));
  made.facts.engine_facts.set("prerequisites", std::move(prerequisites));
}

model::Endpoint of_a_dba(model::Endpoint endpoint) {
  endpoint.user = "dba1";
  endpoint.password = std::make_shared<Secret>(std::string("dba"));
  return endpoint;
}

TEST_F(OracleReplay, RefusesACopyWhoseRightsAreStatements) {
  const OracleHome home("plain");
  const auto made = copy(home.endpoint());
  give_right(*made, "CREATE TABLE TO PUBLIC;\nHOST id");
  const OracleHome target("no_user");
  const model::Endpoint into = of_a_dba(target.endpoint({{"schema", "FMEMC"}}));
  engine::LoadOptions options = load_options();
  options.new_user.password = std::make_shared<Secret>(std::string("new one"));
  try {
    static_cast<void>(engine().load(made->parts, made->facts, into, options, {}));
    FAIL() << "nothing was refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::corrupt) << error.what();
  }
  EXPECT_FALSE(has(target.calls(), "CREATE USER"));
}

TEST_F(OracleReplay, RefusesAPasswordThatCouldBeAStatement) {
  const OracleHome home("plain");
  model::Endpoint wrong = home.endpoint();
  wrong.password = std::make_shared<Secret>(std::string("a\nDROP USER FMEMC CASCADE;"));
  EXPECT_EQ(refusal(wrong).code(), Errc::usage);
  EXPECT_EQ(home.calls(), "");
}

TEST_F(OracleReplay, TakesValuesWithWhateverIsInThem) {
  const OracleHome home("odd_text");
  const auto made = copy(home.endpoint());
  const Json::Array& invalid = made->facts.engine_facts.at("invalid_objects").as_array();
  ASSERT_EQ(invalid.size(), 1U);
  EXPECT_EQ(invalid[0].as_string(), "VIEW a|b\\c\nd 'e' é");
}

TEST_F(OracleReplay, ImportsADumpThatSomebodyElseMade) {
  const OracleHome home("plain");
  const auto made = copy(home.endpoint());
  const auto file = scratch_.path() / "theirs.dmp";
  const Bytes& dump = made->parts.at("schema.dmp");
  write_file_durably(file, dump);
  const OracleHome target("empty");
  EXPECT_EQ(engine().import_file(file, target.endpoint(), load_options(), {}).rows, 257U);
  write_file_durably(file, ByteView(dump).first(dump.size() - 600));
  const OracleHome other("empty");
  EXPECT_THROW(static_cast<void>(engine().import_file(file, other.endpoint(), load_options(), {})),
               Error);
  EXPECT_FALSE(has(other.calls(), "imp "));
}

TEST_F(OracleReplay, ReplacesOnlyWhatWasExportedBefore) {
  const OracleHome home("plain");
  const auto made = copy(home.endpoint());
  const OracleHome target("other_content");
  const TemporaryDirectory kept("holdfast-oracle-kept");
  const model::Endpoint into = target.endpoint({{"kept_directory", kept.path().native()}});
  engine::LoadOptions options = load_options();
  std::vector<Json> undos;
  options.before_change = [&](std::string_view, const Json& undo) { undos.push_back(undo); };
  try {
    static_cast<void>(engine().load(made->parts, made->facts, into, options, {}));
    FAIL() << "nothing was refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::exists);
  }
  options.replace = true;
  const engine::LoadReport report = engine().load(made->parts, made->facts, into, options, {});
  ASSERT_EQ(report.kept.size(), 1U);
  const auto file = kept.path() / "FMEMC_before_20261122T050000Z.dmp";
  EXPECT_TRUE(has(report.kept[0], file.native()));
  EXPECT_TRUE(has(target.state(), "SCHEDULER_RUNS"));
  EXPECT_FALSE(has(target.state(), "OLD_TABLE"));
  EXPECT_TRUE(has(target.calls(), "DECLARE left_now"));
  // Undone last first: what was there is there again, and a repetition does no harm.
  for (int repetition = 0; repetition < 2; ++repetition)
    for (auto undo = undos.rbegin(); undo != undos.rend(); ++undo)
      static_cast<void>(engine().undo(*undo, into));
  EXPECT_TRUE(has(target.state(), "\"OLD_TABLE\": 7"));
  EXPECT_FALSE(has(target.state(), "SCHEDULER_RUNS"));
}

TEST_F(OracleReplay, KeepsWhatCannotBeKeptWhole) {
  const OracleHome home("plain");
  const auto made = copy(home.endpoint());
  const OracleHome target("missing_table");
  const TemporaryDirectory kept("holdfast-oracle-kept");
  engine::LoadOptions options = load_options();
  options.replace = true;
  EXPECT_THROW(static_cast<void>(engine().load(
                   made->parts, made->facts,
                   target.endpoint({{"kept_directory", kept.path().native()}}), options, {})),
               Error);
  EXPECT_FALSE(has(target.calls(), "DECLARE left_now"));
  EXPECT_TRUE(std::filesystem::is_empty(kept.path()));
}

TEST_F(OracleReplay, FindsThatATableWasNotLoaded) {
  const OracleHome home("plain");
  const auto made = copy(home.endpoint());
  const OracleHome target("empty_import_skips");
  try {
    static_cast<void>(
        engine().load(made->parts, made->facts, target.endpoint(), load_options(), {}));
    FAIL() << "nothing was found";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::differs);
    EXPECT_TRUE(has(error.message(), "OBJECTS is missing"));
  }
}

TEST_F(OracleReplay, TellsOfGrantsThatWereLeftOut) {
  const OracleHome home("plain");
  const auto made = copy(home.endpoint());
  const OracleHome target("empty_import_lost_grant");
  const engine::LoadReport report =
      engine().load(made->parts, made->facts, target.endpoint(), load_options(), {});
  ASSERT_EQ(report.left_out.size(), 1U);
  EXPECT_TRUE(has(report.left_out[0], "MANAGER"));
}

TEST_F(OracleReplay, MakesAUserThatIsMissingButNotWithThePublishedPassword) {
  const OracleHome home("plain");
  const auto made = copy(home.endpoint());
  const OracleHome target("no_user");
  const model::Endpoint into = of_a_dba(target.endpoint({{"schema", "fmemc"}}));
  engine::LoadOptions options = load_options();
  const auto codes = [&] {
    std::string text;
    for (const model::Finding& one : engine().check_load(made->facts, into, options))
      text += one.code + " ";
    return text;
  };
  EXPECT_TRUE(has(codes(), "oracle-target-user"));
  EXPECT_THROW(static_cast<void>(engine().load(made->parts, made->facts, into, options, {})),
               Error);
  options.new_user.password = std::make_shared<Secret>(std::string("migration123"));
  EXPECT_TRUE(has(codes(), "oracle-documented-password"));
  EXPECT_THROW(static_cast<void>(engine().load(made->parts, made->facts, into, options, {})),
               Error);
  EXPECT_FALSE(has(target.calls(), "CREATE USER"));
  options.new_user.password = std::make_shared<Secret>(std::string("long and new"));
  options.new_user.default_tablespace = "MC";
  options.new_user.quota = "UNLIMITED";
  EXPECT_EQ(codes(), "");
  EXPECT_EQ(engine().load(made->parts, made->facts, into, options, {}).rows, 257U);
  EXPECT_TRUE(has(target.calls(), "DEFAULT TABLESPACE \"MC\" QUOTA UNLIMITED ON \"MC\""));
}

TEST_F(OracleReplay, TakesALostSessionForNoRefusalOfARight) {
  const OracleHome home("plain");
  const auto made = copy(home.endpoint());
  give_right(*made, "CREATE TABLE");
  const OracleHome target("no_user_session_killed");
  const model::Endpoint into = of_a_dba(target.endpoint({{"schema", "fmemc"}}));
  engine::LoadOptions options = load_options();
  options.new_user.password = std::make_shared<Secret>(std::string("long and new"));
  try {
    static_cast<void>(engine().load(made->parts, made->facts, into, options, {}));
    FAIL() << "nothing was refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unavailable) << error.what();
    EXPECT_TRUE(has(error.message(), "ORA-00028")) << error.what();
  }
  EXPECT_TRUE(has(target.calls(), "CREATE USER"));
  EXPECT_FALSE(has(target.calls(), "imp AMERICAN"));
}

TEST_F(OracleReplay, TellsTheSignalThatEndedAnImport) {
  const OracleHome home("plain");
  const auto made = copy(home.endpoint());
  const OracleHome target("empty_import_killed");
  try {
    static_cast<void>(
        engine().load(made->parts, made->facts, target.endpoint(), load_options(), {}));
    FAIL() << "nothing was refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::failed_child) << error.what();
    EXPECT_TRUE(has(error.message(), "was ended by signal 9")) << error.what();
    EXPECT_FALSE(has(error.hint(), "snapshot")) << error.what();
  }
}

TEST_F(OracleReplay, SaysWhatATargetOfOtherCharactersLoses) {
  const OracleHome home("plain");
  const auto made = copy(home.endpoint());
  const OracleHome target("release_12");
  bool is_found = false;
  bool is_older = false;
  for (const model::Finding& one :
       engine().check_load(made->facts, target.endpoint(), load_options())) {
    is_found = is_found || one.code == "oracle-target-characters";
    is_older = is_older || one.code == "oracle-target-older";
  }
  EXPECT_TRUE(is_found);
  EXPECT_TRUE(is_older);
}

}  // namespace
}  // namespace holdfast::test
