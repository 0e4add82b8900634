// SPDX-License-Identifier: Apache-2.0
// Restores by RESTORE, against a server that a scenario plays: beside, proven, put in place, and
// put back.
#include <gtest/gtest.h>

#include <algorithm>

#include "contract/engine/sqlserver_fixture.h"
#include "engine/registry.h"
#include "engine/sqlserver/target_database.h"

namespace holdfast::test {
namespace {

class SqlServerRestore : public SqlServerReplay {
 protected:
  // A good copy, made of a server of its own.
  [[nodiscard]] std::unique_ptr<SqlServerCopy> good(const char* scenario = "plain") {
    const ScriptedServer server(scenario);
    auto made = copy(server.endpoint());
    announced_.clear();
    return made;
  }
};

bool tells(const std::vector<std::string>& lines, std::string_view part) {
  return std::ranges::any_of(lines, [&](const std::string& line) { return has(line, part); });
}

TEST_F(SqlServerRestore, GoesBesideIsProvenAndThenTakesItsPlace) {
  const auto made = good();
  const ScriptedServer target("empty_target");
  engine::LoadOptions options = load_options();
  options.takes_place = true;
  const engine::LoadReport report = load(*made, target, options);
  const std::string asked = target.statements();
  EXPECT_FALSE(has(asked, "UNANSWERED")) << asked;
  EXPECT_FALSE(has(asked, "ABANDONED")) << asked;
  EXPECT_TRUE(has(asked, "RESTORE DATABASE [Shop_holdfast_"));
  EXPECT_TRUE(has(asked, "MOVE N'Shop' TO N'D:\\Data\\Shop_holdfast_"));
  EXPECT_TRUE(has(asked, "MOVE N'Shop_log' TO N'L:\\Log\\Shop_holdfast_"));
  EXPECT_FALSE(has(asked, "REPLACE"));
  const std::size_t given = asked.find("ALTER AUTHORIZATION ON DATABASE::[Shop_holdfast_");
  ASSERT_NE(given, std::string::npos) << asked;
  EXPECT_LT(asked.find("DBCC CHECKDB (N'Shop_holdfast_"), given);
  EXPECT_LT(given, asked.find("MODIFY NAME = [Shop]"));
  EXPECT_TRUE(has(asked, "SET ENABLE_BROKER"));
  EXPECT_TRUE(target.is_set("is 7 Shop"));
  EXPECT_EQ(target.files_left(), 0U);
  EXPECT_TRUE(report.kept.empty());
  ASSERT_TRUE(report.found.has_value());
  EXPECT_EQ(report.found->objects.size(), made->facts.objects.size());
  EXPECT_EQ(report.rows, 253U);
}

TEST_F(SqlServerRestore, RefusesWhatIsThereAndKeepsWhatItReplaces) {
  const auto made = good();
  const ScriptedServer target("plain");
  EXPECT_EQ(load_refusal(*made, target).code(), Errc::exists);
  EXPECT_FALSE(target.was_asked("RESTORE DATABASE"));
  engine::LoadOptions options = load_options();
  options.replace = true;
  options.takes_place = true;
  const engine::LoadReport report = load(*made, target, options);
  EXPECT_TRUE(target.is_set("is 7 Shop"));
  EXPECT_TRUE(target.is_set("is 5 Shop_before_20261122T050000Z"));
  ASSERT_EQ(report.kept.size(), 1U);
  EXPECT_TRUE(has(report.kept[0], "DROP DATABASE [Shop_before_20261122T050000Z]"));
  EXPECT_TRUE(tells(report.left_out, "Service Broker"));
  // And back.
  EXPECT_TRUE(engine::sqlserver::physical_stands(announced_.back(), target.endpoint()));
  const std::string told = undo_all(target);
  EXPECT_TRUE(has(told, "Shop_undone_20261122T050000Z")) << told;
  EXPECT_TRUE(target.is_set("is 5 Shop"));
  EXPECT_TRUE(target.is_set("is 7 Shop_undone_20261122T050000Z"));
  EXPECT_FALSE(engine::sqlserver::physical_stands(announced_.back(), target.endpoint()));
  EXPECT_EQ(undo_all(target), "");
  EXPECT_TRUE(target.is_set("is 5 Shop"));
}

TEST_F(SqlServerRestore, TakesThePlaceOfAnEmptyDatabaseUnlessSomebodyUsesItMeanwhile) {
  const auto made = good();
  const ScriptedServer target("empty_database");
  const engine::LoadReport report = load(*made, target, load_options());
  EXPECT_TRUE(target.is_set("is 7 Shop"));
  EXPECT_EQ(report.kept.size(), 1U);
  ScriptedServer used("empty_database");
  engine::LoadOptions options = load_options();
  options.leave_beside = true;
  const engine::LoadReport beside = load(*made, used, options);
  used.become("plain");
  const Error refused = refusal_of([&] { static_cast<void>(beside.switch_in()); });
  EXPECT_EQ(refused.code(), Errc::exists) << refused.what();
  EXPECT_TRUE(used.is_set("is 5 Shop"));
}

TEST_F(SqlServerRestore, IsLeftBesideUntilItIsSwitchedIn) {
  const auto made = good();
  const ScriptedServer target("plain");
  engine::LoadOptions options = load_options();
  options.replace = true;
  options.leave_beside = true;
  const engine::LoadReport report = load(*made, target, options);
  EXPECT_TRUE(target.is_set("is 5 Shop"));
  ASSERT_TRUE(report.switch_in);
  EXPECT_EQ(report.switch_in().size(), 1U);
  EXPECT_TRUE(target.is_set("is 7 Shop"));
}

TEST_F(SqlServerRestore, IsRehearsedBesideALiveDatabase) {
  const auto made = good();
  const ScriptedServer target("plain");
  engine::LoadOptions options = load_options();
  options.only_beside = true;
  const engine::LoadReport report = load(*made, target, options);
  ASSERT_TRUE(report.beside && report.found);
  EXPECT_TRUE(has(report.beside->uri, "Shop_holdfast_"));
  EXPECT_TRUE(target.is_set("is 5 Shop"));
  EXPECT_FALSE(target.was_asked("MODIFY NAME"));
  EXPECT_EQ(undo_all(target), "");
  EXPECT_TRUE(target.was_asked("DROP DATABASE [Shop_holdfast_"));
}

struct Refused {
  const char* scenario;
  Errc code;
  const char* said;
  bool is_before = true;  // anything was changed
};

void PrintTo(const Refused& refused, std::ostream* to) {
  *to << refused.scenario;
}

class SqlServerRestoreRefused : public SqlServerReplay,
                                public testing::WithParamInterface<Refused> {};

TEST_P(SqlServerRestoreRefused, LeavesTheServerAsItWas) {
  const Refused& expected = GetParam();
  const ScriptedServer source("encrypted");
  const auto made = copy(source.endpoint());
  announced_.clear();
  const ScriptedServer target(expected.scenario);
  const Error refused = load_refusal(*made, target);
  EXPECT_EQ(refused.code(), expected.code) << refused.what();
  EXPECT_TRUE(has(refused.what(), expected.said)) << refused.what();
  EXPECT_EQ(target.files_left(), 0U);
  EXPECT_FALSE(target.was_asked("MODIFY NAME"));
  EXPECT_EQ(announced_.empty(), expected.is_before);
  if (!expected.is_before) {
    EXPECT_FALSE(target.is_set("is 7 Shop"));
    EXPECT_EQ(undo_all(target), "");
  }
  const auto findings =
      engine::sqlserver::check_physical_target(made->facts, target.endpoint(), load_options(), {});
  EXPECT_EQ(model::has_blocker(findings), expected.is_before);
}

INSTANTIATE_TEST_SUITE_P(
    Scenarios, SqlServerRestoreRefused,
    testing::Values(Refused{"older_target", Errc::unsupported, "957, and the server's is 904"},
                    Refused{"no_certificate", Errc::not_found, "0123456789ABCDEF"},
                    Refused{"denied_target", Errc::denied, "holdfast grants restore"},
                    Refused{"full_target", Errc::no_space, "data_directory"},
                    Refused{"silent_target", Errc::no_space, "3257", false},
                    Refused{"file_denied", Errc::denied, "3201", false},
                    Refused{"check_denied", Errc::denied, "7983", false},
                    Refused{"check_full", Errc::no_space, "1823", false},
                    Refused{"check_sparse_full", Errc::no_space, "5128", false},
                    Refused{"check_ended", Errc::io, "8921", false},
                    Refused{"check_no_snapshot", Errc::unavailable, "7926", false},
                    Refused{"check_damaged_full", Errc::differs, "8928", false},
                    Refused{"damaged_target", Errc::differs, "8928", false},
                    Refused{"lost_table", Errc::differs, "dbo.Items", false}),
    [](const auto& one) { return std::string(one.param.scenario); });

TEST_F(SqlServerRestore, MendsUsersAndTellsOfThoseItCannotMend) {
  const auto made = good();
  const ScriptedServer target("orphans");
  const engine::LoadReport report = load(*made, target, load_options());
  EXPECT_TRUE(target.was_asked("ALTER USER [app] WITH LOGIN = [app]"));
  EXPECT_FALSE(target.was_asked("ALTER USER [gone]"));
  EXPECT_TRUE(tells(report.notes, "user app"));
  EXPECT_TRUE(tells(report.left_out, "user gone"));
  EXPECT_TRUE(tells(report.left_out, "user CORP\\dba"));
  EXPECT_TRUE(tells(report.left_out, "owner was sa"));
  EXPECT_TRUE(tells(report.left_out, "compatibility level is 170, and was 160"));
}

TEST_F(SqlServerRestore, OfAForeignFileTakesItsLastFullSet) {
  const auto made = good();
  const auto file = scratch_.path() / "foreign.bak";
  write_file_durably(file, made->parts.at("backup.bak"));
  const ScriptedServer target("empty_target");
  static_cast<void>(engine::sqlserver::import_backup(file, target.endpoint(), load_options(), {}));
  EXPECT_TRUE(target.was_asked("WITH FILE = 1, MOVE"));
  EXPECT_TRUE(target.is_set("is 7 Shop"));
  // Told before: what it needs of a server.
  const auto& sqlserver = *engine::find_engine("sqlserver");
  model::DatabaseFacts facts;
  facts.engine_facts = sqlserver.inspect(file, {})->engine_facts;
  EXPECT_TRUE(sqlserver.check_load(facts, target.endpoint(), load_options()).empty());
  const ScriptedServer older("older_target"), full("full_target");
  const auto problem = [&](const ScriptedServer& server) {
    const auto findings = sqlserver.check_load(facts, server.endpoint(), load_options());
    return findings.size() == 1 ? findings[0].code : std::to_string(findings.size());
  };
  EXPECT_EQ(problem(older), "sqlserver-target-older");
  EXPECT_EQ(problem(full), "sqlserver-target-space");
  write_file_durably(file, ByteView(made->parts.at("backup.bak")).first(100'000));
  EXPECT_EQ(refusal_of([&] {
              static_cast<void>(
                  engine::sqlserver::import_backup(file, target.endpoint(), load_options(), {}));
            }).code(),
            Errc::corrupt);
  write_file_durably(file, as_bytes("nothing"));
  EXPECT_EQ(refusal_of([&] {
              static_cast<void>(
                  engine::sqlserver::import_backup(file, target.endpoint(), load_options(), {}));
            }).code(),
            Errc::unsupported);
}

TEST_F(SqlServerRestore, WhereverItIsKilledIsPutBack) {
  const auto made = good();
  for (const char* scenario :
       {"killed_in_restore", "killed_in_check", "killed_in_switch", "killed_in_rename"}) {
    const ScriptedServer target(scenario);
    const auto journal = scratch_.path() / (std::string(scenario) + ".journal");
    EXPECT_EQ(signal_of([&] {
                std::string all;
                engine::LoadOptions options = load_options();
                options.replace = true;
                options.before_change = [&](std::string_view, const Json& undo) {
                  all += undo.dump() + "\n";
                  write_file_durably(journal, as_bytes(all));
                };
                static_cast<void>(load(*made, target, options));
              }),
              SIGKILL)
        << scenario;
    announced_.clear();
    const std::string text = read_text_file(journal);
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
      announced_.push_back(Json::parse(text.substr(at, text.find('\n', at) - at), "the journal"));
    for (int repetition = 0; repetition < 2; ++repetition) EXPECT_EQ(undo_all(target), "");
    EXPECT_TRUE(target.is_set("is 5 Shop")) << scenario;
    EXPECT_FALSE(target.is_set("is 7 Shop")) << scenario;
    EXPECT_FALSE(target.is_set("single Shop")) << scenario;
    EXPECT_EQ(target.files_left(), 0U) << scenario;
    EXPECT_TRUE(target.was_asked("DROP DATABASE [Shop_holdfast_")) << scenario;
  }
}

TEST_F(SqlServerRestore, SaysBeforeWhoUsesTheDatabaseThatItIsToReplace) {
  const auto made = good();
  const ScriptedServer target("target_in_use");
  const auto findings = [&](const engine::LoadOptions& options) {
    return engine::sqlserver::check_physical_target(made->facts, target.endpoint(), options, {});
  };
  engine::LoadOptions options = load_options();
  EXPECT_TRUE(findings(options).empty());
  options.replace = true;
  ASSERT_EQ(findings(options).size(), 1U);
  EXPECT_EQ(findings(options)[0].code, "sqlserver-target-in-use");
  EXPECT_EQ(findings(options)[0].seen, "database Shop is in use by shop (login app, from db2)");
  EXPECT_TRUE(model::has_blocker(findings(options)));
  options.is_stopped_first = true;
  EXPECT_TRUE(findings(options).empty());
}

// It could not enter it any more, and would rename it from outside.
TEST_F(SqlServerRestore, GivesADatabaseAwayLastWhereItsAccountEntersItsOwnAlone) {
  const auto made = good();
  const ScriptedServer target("target_without_rights");
  engine::LoadOptions options = load_options();
  options.replace = true;
  static_cast<void>(load(*made, target, options));
  const std::string asked = target.statements();
  const std::size_t given = asked.find("ALTER AUTHORIZATION ON DATABASE::[Shop] TO [");
  ASSERT_NE(given, std::string::npos) << asked;
  EXPECT_LT(asked.find("MODIFY NAME = [Shop]"), given);
  EXPECT_EQ(asked.find("ALTER AUTHORIZATION ON DATABASE::[Shop_holdfast_"), std::string::npos);
}

TEST_F(SqlServerRestore, SaysBeforeWhatItLacksToReplaceADatabase) {
  const auto made = good();
  const ScriptedServer target("target_without_rights");
  engine::LoadOptions options = load_options();
  options.replace = true;
  const auto codes = [&] {
    std::vector<std::string> all;
    for (const model::Finding& one :
         engine::sqlserver::check_physical_target(made->facts, target.endpoint(), options, {}))
      all.push_back(one.code);
    return all;
  };
  EXPECT_EQ(codes(), (std::vector<std::string>{"sqlserver-target-not-entered",
                                               "sqlserver-target-in-use-unobservable"}));
  options.is_stopped_first = true;
  EXPECT_TRUE(codes().empty());
}

TEST_F(SqlServerRestore, TakesThePlaceOfADatabaseWhoseApplicationComesBackAtOnce) {
  const auto made = good();
  const ScriptedServer target("eager_application");
  engine::LoadOptions options = load_options();
  options.replace = true;
  static_cast<void>(load(*made, target, options));
  EXPECT_TRUE(target.is_set("is 7 Shop"));
  EXPECT_FALSE(target.is_set("single Shop"));
  EXPECT_FALSE(target.is_set("single Shop_before_20261122T050000Z"));
  EXPECT_FALSE(target.was_asked("UNANSWERED")) << target.statements();
}

TEST_F(SqlServerRestore, KeepsWhomTheReplacedDatabaseLetsIn) {
  const auto made = good();
  const ScriptedServer target("restricted_access");
  engine::LoadOptions options = load_options();
  options.replace = true;
  static_cast<void>(load(*made, target, options));
  EXPECT_TRUE(
      target.was_asked("ALTER DATABASE [Shop_before_20261122T050000Z] SET RESTRICTED_USER"));
  EXPECT_TRUE(target.was_asked("ALTER DATABASE [Shop] SET MULTI_USER"));
}

TEST_F(SqlServerRestore, SaysWhichDatabaseItCouldNotLetOthersIntoAgain) {
  const auto made = good();
  const ScriptedServer target("access_denied");
  engine::LoadOptions options = load_options();
  options.replace = true;
  const Error refused = refusal_of([&] { static_cast<void>(load(*made, target, options)); });
  EXPECT_TRUE(has(refused.what(), "database Shop lets in one session alone")) << refused.what();
  EXPECT_TRUE(has(refused.hint(), "ALTER DATABASE [Shop] SET MULTI_USER")) << refused.hint();
}

// Of copies by rows: in the directories that are named, whatever the database is called.
TEST_F(SqlServerRestore, MakesDatabasesInTheDirectoriesThatAreNamed) {
  using namespace engine::sqlserver;
  const ScriptedServer target("makes_databases");
  const model::Endpoint endpoint = target.endpoint({{"log_directory", "E:\\Log"}});
  Session session(location_of(endpoint), endpoint.password.get(), false);
  std::vector<std::string> notes;
  create_database(session, read_server(session), "My/Shop", "", notes);
  EXPECT_TRUE(
      target.was_asked("CREATE DATABASE [My/Shop] ON PRIMARY (NAME = N'My/Shop', FILENAME = "
                       "N'D:\\Data\\MyShop.mdf') "
                       "LOG ON (NAME = N'My/Shop_log', FILENAME = N'E:\\Log\\MyShop_log.ldf')"))
      << target.statements();
}

// Of copies by rows, where nobody is thrown out.
TEST_F(SqlServerRestore, RenamesFromInsideAndLetsInAgainWhomAKilledRenameKeptOut) {
  using namespace engine::sqlserver;
  const ScriptedServer target("eager_application");
  const model::Endpoint endpoint = target.endpoint();
  const Location location = location_of(endpoint);
  Session session(location, endpoint.password.get(), false);
  const ServerInfo server = read_server(session);
  rename_database(session, server, "Shop", "Old", "MULTI_USER");
  EXPECT_TRUE(target.is_set("is 5 Old"));
  EXPECT_FALSE(target.is_set("single Old"));
  rename_database(session, server, "Old", "Shop", "MULTI_USER");
  // As whoever was killed before the rename has left it.
  session.run("ALTER DATABASE [Shop] SET SINGLE_USER WITH NO_WAIT");
  ASSERT_TRUE(target.is_set("taken Shop"));
  const Json undo = Json::object()
                        .set("sqlserver", "logical")
                        .set("kind", "switch")
                        .set("place", "Shop")
                        .set("beside", "Shop_holdfast_1")
                        .set("kept", "Old")
                        .set("made_as", "7 B")
                        .set("kept_made_as", "5 A")
                        .set("kept_access", "MULTI_USER");
  EXPECT_EQ(undo_on_target(undo, location, endpoint.password.get()), "");
  EXPECT_FALSE(target.is_set("single Shop"));
  EXPECT_TRUE(target.is_set("is 5 Shop"));
}

TEST_F(SqlServerRestore, DoesNotRepeatARenameThatLeftUsersOut) {
  using namespace engine::sqlserver;
  const ScriptedServer target("kept_alone");
  const model::Endpoint endpoint = target.endpoint();
  Session session(location_of(endpoint), endpoint.password.get(), false);
  Arriving arriving;
  arriving.place = "Shop";
  arriving.beside = "Shop_holdfast_1";
  arriving.kept = "Old";
  std::vector<std::string> left_out;
  const Error refused = refusal_of([&] {
    static_cast<void>(switch_in(
        session, read_server(session), arriving, [](std::string_view, const Json&) {}, left_out));
  });
  EXPECT_TRUE(has(refused.what(), "database Old lets in one session alone")) << refused.what();
  EXPECT_TRUE(has(refused.hint(), "ALTER DATABASE [Old] SET MULTI_USER")) << refused.hint();
  const std::string asked = target.statements();
  const std::string rename = "ALTER DATABASE [Shop] MODIFY NAME";
  EXPECT_EQ(asked.find(rename), asked.rfind(rename)) << asked;
}

}  // namespace
}  // namespace holdfast::test
