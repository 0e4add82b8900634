// SPDX-License-Identifier: Apache-2.0
// Copies by BACKUP, against a server that a scenario plays: what is asked of it, what becomes of
// its files, and what is believed.
#include <gtest/gtest.h>

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <stop_token>
#include <thread>

#include "contract/engine/sqlserver_fixture.h"
#include "engine/sqlserver/logical_hold.h"
#include "engine/sqlserver/physical/physical_findings.h"
#include "engine/sqlserver/probe_rights.h"

namespace holdfast::test {
namespace {

class SqlServerBackup : public SqlServerReplay {};

TEST_F(SqlServerBackup, IsFetchedReadComparedAndRemoved) {
  const ScriptedServer server("plain");
  const auto made = copy(server.endpoint());
  EXPECT_EQ(as_text(made->parts.at("backup.bak")).substr(0, 4), "TAPE");
  EXPECT_EQ(server.files_left(), 0U);
  const std::string asked = server.statements();
  EXPECT_TRUE(has(asked, "WITH COPY_ONLY, CHECKSUM, FORMAT, INIT, SKIP, STATS = 5"));
  EXPECT_TRUE(has(asked, "RESTORE VERIFYONLY FROM DISK = N'E:\\Backup\\holdfast_"));
  EXPECT_FALSE(has(asked, "UNANSWERED")) << asked;
  EXPECT_FALSE(has(asked, "ABANDONED")) << asked;
  const model::DatabaseFacts& facts = made->facts;
  EXPECT_EQ(facts.version, "16.0.4321.1");
  EXPECT_EQ(facts.moment.kind, model::MomentKind::at_release);
  EXPECT_EQ(facts.moment.position, "lsn 40:200:1");
  EXPECT_LE(facts.moment.earliest, facts.moment.latest);
  EXPECT_EQ(facts.engine_facts.at("method").as_string(), "physical");
  EXPECT_EQ(facts.engine_facts.at("database_version").as_uint(), 957U);
  EXPECT_EQ(facts.engine_facts.at("files").as_array().size(), 2U);
  EXPECT_EQ(facts.engine_facts.at("pages").at("right").as_uint(), 64U);
  EXPECT_TRUE(has(facts.engine_facts.at("verified").as_string(), "VERIFYONLY"));
  EXPECT_TRUE(facts.tables.empty());
  EXPECT_EQ(facts.objects.size(), 3U);
  ASSERT_EQ(announced_.size(), 1U);
  EXPECT_EQ(announced_[0].at("sqlserver").as_string(), "physical");
  EXPECT_EQ(undo_all(server), "");
}

TEST_F(SqlServerBackup, IsTheSameThroughADriverThatGathersMessages) {
  const ScriptedServer server("freetds");
  EXPECT_EQ(copy(server.endpoint())->facts.moment.position, "lsn 40:200:1");
  EXPECT_FALSE(has(server.statements(), "ABANDONED"));
}

TEST_F(SqlServerBackup, MayBeCompressed) {
  const ScriptedServer server("packed");
  const auto made = copy(server.endpoint());
  EXPECT_EQ(as_text(made->parts.at("backup.bak")).substr(0, 8), "MSSQLBAK");
  EXPECT_EQ(made->facts.engine_facts.at("pages").at("right").as_uint(), 64U);
}

struct Refused {
  const char* scenario;
  Errc code;
  const char* said;
};

void PrintTo(const Refused& refused, std::ostream* to) {
  *to << refused.scenario;
}

class SqlServerBackupRefused : public SqlServerReplay,
                               public testing::WithParamInterface<Refused> {};

TEST_P(SqlServerBackupRefused, LeavesNothingAndSaysWhy) {
  const Refused& expected = GetParam();
  const ScriptedServer server(expected.scenario);
  const Error refused = refusal(server);
  EXPECT_EQ(refused.code(), expected.code) << refused.what();
  EXPECT_TRUE(has(refused.what(), expected.said)) << refused.what();
  EXPECT_FALSE(has(refused.what(), "se cret")) << "it tells the password: " << refused.what();
  EXPECT_EQ(server.files_left(), 0U);
}

INSTANTIATE_TEST_SUITE_P(
    Scenarios, SqlServerBackupRefused,
    testing::Values(Refused{"no_right", Errc::denied, "holdfast grants backup"},
                    Refused{"missing_directory", Errc::not_found, "backup_directory"},
                    Refused{"directory_denied", Errc::denied, "account that SQL Server runs as"},
                    Refused{"full_disk", Errc::no_space, "3202"},
                    Refused{"localised_full_disk", Errc::no_space, "Speicherplatz"},
                    Refused{"damaged_database", Errc::not_consistent, "DBCC CHECKDB"},
                    Refused{"cut_file", Errc::not_consistent, "before it is complete"},
                    Refused{"damaged_page", Errc::not_consistent, "page 1:"},
                    Refused{"no_backup", Errc::not_consistent, "is no backup"},
                    Refused{"other_directory", Errc::not_found, "not the same directory"},
                    Refused{"appended", Errc::not_consistent, "2 sets"},
                    Refused{"linked_stripe", Errc::not_consistent, "stripe 1 of 2"},
                    Refused{"other_database", Errc::not_consistent, "database Other"},
                    Refused{"says_otherwise", Errc::not_consistent, "LastLSN is 40000000030000001"},
                    Refused{"header_denied", Errc::denied, "account that SQL Server runs as"},
                    Refused{"verify_fails", Errc::not_consistent, "3189"},
                    Refused{"broken", Errc::unavailable, ""}),
    [](const auto& one) { return std::string(one.param.scenario); });

TEST_F(SqlServerBackup, IsBelievedInAnyLanguage) {
  const ScriptedServer server("localised");
  EXPECT_EQ(copy(server.endpoint())->facts.moment.position, "lsn 40:200:1");
}

TEST_F(SqlServerBackup, IsBelievedAsItIsReadWhereTheServerMayNotBeAsked) {
  const ScriptedServer server("no_verify");
  const auto made = copy(server.endpoint());
  EXPECT_TRUE(has(made->facts.engine_facts.at("verified").as_string(), "may not"));
  EXPECT_EQ(server.files_left(), 0U);
}

TEST_F(SqlServerBackup, OutlastsAFloodOfMessages) {
  const ScriptedServer server("flood");
  EXPECT_EQ(copy(server.endpoint())->facts.moment.position, "lsn 40:200:1");
}

TEST_F(SqlServerBackup, EndsSoonAfterAStopRequest) {
  const ScriptedServer server("hangs");
  std::stop_source stop;
  std::jthread later([&] {
    while (!server.is_set("hanging")) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    stop.request_stop();
  });
  const auto began = std::chrono::steady_clock::now();
  const Error refused =
      refusal_of([&] { static_cast<void>(copy(server.endpoint(), stop.get_token())); });
  EXPECT_EQ(refused.code(), Errc::cancelled) << refused.what();
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20));
  EXPECT_TRUE(has(server.statements(), "CANCELLED"));
  EXPECT_EQ(server.files_left(), 0U);
}

TEST_F(SqlServerBackup, TakesTheCertificateOfAnEncryptedDatabaseAlong) {
  const ScriptedServer server("encrypted");
  const auto made = copy(server.endpoint());
  const std::string at = "certificates/0123456789ABCDEF0123456789ABCDEF01234567.";
  EXPECT_EQ(to_hex(made->parts.at(at + "cer")), "3082abcd");
  EXPECT_EQ(to_hex(made->parts.at(at + "pvk")), "1ef1b5b0");
  EXPECT_GT(made->parts.at(at + "password").size(), 40U);
  const Json& one = made->facts.engine_facts.at("certificates").as_array().at(0);
  EXPECT_EQ(one.at("name").as_string(), "ShopCertificate");
  EXPECT_TRUE(one.at("kept").as_bool());
  EXPECT_GT(made->facts.engine_facts.at("pages").at("encrypted").as_uint(), 0U);
  EXPECT_TRUE(has(engine::sqlserver::physical_instructions(made->facts), "CREATE CERTIFICATE"));
  const ScriptedServer hidden("encrypted_hidden");
  const auto without = copy(hidden.endpoint());
  EXPECT_EQ(without->parts.list().size(), 1U);
  EXPECT_FALSE(
      without->facts.engine_facts.at("certificates").as_array().at(0).at("kept").as_bool());
  EXPECT_TRUE(
      has(engine::sqlserver::physical_instructions(without->facts), "not part of this copy"));
}

TEST_F(SqlServerBackup, TakesNoCertificateForAKeyThatLiesOutsideTheServer) {
  const ScriptedServer server("encrypted_by_provider"), target("empty_target");
  const auto made = copy(server.endpoint());
  EXPECT_EQ(made->parts.list().size(), 1U);
  EXPECT_FALSE(server.was_asked("CERTENCODED"));
  const std::string text = engine::sqlserver::physical_instructions(made->facts);
  EXPECT_TRUE(has(text, "CREATE ASYMMETRIC KEY [ShopKey] FROM PROVIDER")) << text;
  EXPECT_FALSE(has(text, "BACKUP CERTIFICATE")) << text;
  EXPECT_TRUE(
      engine::sqlserver::check_physical_target(made->facts, target.endpoint(), load_options(), {})
          .empty());
  EXPECT_TRUE(target.was_asked("FROM master.sys.asymmetric_keys WHERE thumbprint"));
}

TEST_F(SqlServerBackup, GoesByTheNameThatTheServerGivesTheDatabase) {
  const ScriptedServer server("other_case");
  model::Endpoint endpoint = server.endpoint();
  endpoint.uri.replace(endpoint.uri.rfind('/'), std::string::npos, "/SHOP");
  const auto made = copy(endpoint);
  EXPECT_EQ(made->facts.engine_facts.at("database").as_string(), "Shop");
}

TEST_F(SqlServerBackup, IsOutlinedWithoutBeingMade) {
  const ScriptedServer server("plain");
  engine::HoldOptions options = hold_options();
  options.only_outline = true;
  const model::Endpoint endpoint = server.endpoint();
  const auto held = engine::sqlserver::make_physical_hold({&endpoint, 1}, options);
  held->capture();
  model::DatabaseFacts facts;
  held->outline(0, facts);
  held->release();
  EXPECT_EQ(held->moment(0).kind, model::MomentKind::at_release);
  EXPECT_EQ(facts.engine_facts.at("database_version").as_uint(), 957U);
  EXPECT_EQ(facts.engine_facts.at("files").as_array().size(), 2U);
  EXPECT_FALSE(server.was_asked("BACKUP"));
  EXPECT_TRUE(announced_.empty());
}

TEST_F(SqlServerBackup, NeedsAPlaceThatBothSee) {
  const ScriptedServer server("plain");
  model::Endpoint endpoint = server.endpoint();
  endpoint.options.erase("exchange_directory");
  endpoint.options.erase("backup_directory");
  const Error refused = refusal_of([&] { static_cast<void>(copy(endpoint)); });
  EXPECT_EQ(refused.code(), Errc::usage);
  EXPECT_TRUE(has(refused.hint(), "exchange_directory")) << refused.what();
}

struct Directory {
  const char* scenario;
  const char* code;  // "": there is nothing to say
};

void PrintTo(const Directory& directory, std::ostream* to) {
  *to << directory.scenario;
}

class SqlServerDirectory : public SqlServerReplay, public testing::WithParamInterface<Directory> {};

// Before a backup, and before a restore.
TEST_P(SqlServerDirectory, IsLookedAtBefore) {
  const std::string expected = GetParam().code;
  const ScriptedServer server(GetParam().scenario);
  const model::Endpoint endpoint = server.endpoint();
  engine::sqlserver::Session session(engine::sqlserver::location_of(endpoint),
                                     endpoint.password.get(), true);
  const auto before_backup = engine::sqlserver::physical_findings(session, 1);
  ASSERT_EQ(before_backup.size(), expected.empty() ? 0U : 1U);
  model::DatabaseFacts facts;
  facts.engine_facts = Json::object().set("method", "physical");
  const auto before_restore =
      engine::sqlserver::check_physical_target(facts, endpoint, load_options(), {});
  ASSERT_EQ(before_restore.size(), before_backup.size());
  if (expected.empty()) return;
  EXPECT_EQ(before_backup[0].code, expected);
  EXPECT_EQ(before_restore[0].code, expected);
  EXPECT_EQ(model::has_blocker(before_backup), expected.ends_with("-missing"));
}

INSTANTIATE_TEST_SUITE_P(
    Scenarios, SqlServerDirectory,
    testing::Values(Directory{"plain", ""}, Directory{"directory_seen", ""},
                    Directory{"directory_gone", "sqlserver-backup-directory-missing"},
                    Directory{"directory_unseen_by_admin", "sqlserver-backup-directory-missing"},
                    Directory{"directory_unseen", "sqlserver-backup-directory-unobservable"},
                    Directory{"directory_refused", "sqlserver-backup-directory-unobservable"}),
    [](const auto& one) { return std::string(one.param.scenario); });

TEST_F(SqlServerBackup, NeedsAnExchangeDirectoryThatThisUserMayUse) {
  const ScriptedServer server("plain");
  const auto codes = [&](const std::filesystem::path& directory) {
    model::Endpoint endpoint = server.endpoint();
    endpoint.options["exchange_directory"] = directory.native();
    engine::sqlserver::Session session(engine::sqlserver::location_of(endpoint),
                                       endpoint.password.get(), true);
    std::string all;
    const uid_t user = ::geteuid();
    const auto become = [](uid_t whom) { return ::seteuid(whom) == 0; };
    EXPECT_TRUE(user != 0 || become(65534));
    for (const model::Finding& one : engine::sqlserver::physical_findings(session, 1))
      all += one.code + (one.severity == model::Severity::blocker ? "! " : " ");
    EXPECT_TRUE(user != 0 || become(user));
    return all;
  };
  const auto directory = server.home() / "mine";
  std::filesystem::create_directory(directory);
  std::filesystem::permissions(directory, std::filesystem::perms(0555));
  for (const auto& ours : {server.home(), server.home().parent_path()})
    std::filesystem::permissions(ours, std::filesystem::perms(0755));
  EXPECT_EQ(codes(directory), "sqlserver-exchange-access! ");
  EXPECT_EQ(codes(server.home() / "none"), "sqlserver-exchange-missing! ");
  std::filesystem::permissions(directory, std::filesystem::perms(0777));
  EXPECT_EQ(codes(directory), "");
}

// A login is the user of its number, whatever that is called, and ours may be the owner.
TEST_F(SqlServerBackup, KnowsWhoTheApplicationIsInTheDatabase) {
  const ScriptedServer server("application_rights");
  const auto seen = [&](const std::string& user) {
    const model::Endpoint endpoint = server.endpoint({{"application_user", user}});
    engine::sqlserver::Session session(engine::sqlserver::location_of(endpoint),
                                       endpoint.password.get(), true);
    std::string all;
    for (const model::Finding& one : engine::sqlserver::application_findings(session, endpoint))
      all += one.seen + "; " + one.mend;
    return all;
  };
  EXPECT_EQ(seen("web"),
            "the application's user web lacks CREATE TABLE; GRANT CREATE TABLE TO [web_user];");
  EXPECT_TRUE(has(seen("nobody"), "there is no user nobody")) << seen("nobody");
  EXPECT_EQ(seen("holdfast"), "");
}

TEST_F(SqlServerBackup, LeavesNoFileForTheSakeOfOneThatCannotBeRemoved) {
  const ScriptedServer server("plain");
  const std::string stuck = "holdfast_0000000000000001.bak",
                    other = "holdfast_0000000000000002.bak";
  std::filesystem::create_directories(server.exchange() / stuck / "full");
  write_file_durably(server.exchange() / other, as_bytes("x"));
  announced_ = {Json::object()
                    .set("sqlserver", "physical")
                    .set("kind", "files")
                    .set("files", Json::array().push(stuck).push(other))};
  const Error refused = refusal_of([&] { static_cast<void>(undo_all(server)); });
  EXPECT_TRUE(has(refused.what(), stuck)) << refused.what();
  EXPECT_FALSE(std::filesystem::exists(server.exchange() / other));
}

// A clean-up drops what one session reads and the next one is about to.
TEST_F(SqlServerBackup, ByRowsSaysThatItsDatabaseSnapshotWasDropped) {
  using namespace engine::sqlserver;
  const ScriptedServer server("rows_2022");
  const model::Endpoint endpoint = server.endpoint();
  Session dba(location_of(endpoint), endpoint.password.get(), false);
  std::unique_ptr<engine::Hold> held;
  model::Part rows;
  Error late(Errc::bug, "nobody came late");
  engine::HoldOptions options = hold_options();
  // The session that reads the table is lent already.
  options.row_tap = [&](std::string_view,
                        const model::TableName&) -> std::unique_ptr<model::RowSink> {
    dba.run("DROP DATABASE " + identifier(announced_.at(0).at("database").as_string()));
    late = refusal_of([&] {
      MemoryPartSink sink;
      held->copy(0, rows, sink, {});
    });
    return nullptr;
  };
  held = make_logical_hold({&endpoint, 1}, options);
  held->capture();
  rows = held->parts(0).back();
  MemoryPartSink sink;
  held->copy(0, rows, sink, {});
  EXPECT_EQ(late.code(), Errc::unavailable) << late.what();
  EXPECT_TRUE(has(late.message(), "which held the moment of Shop, is gone: ")) << late.what();
  EXPECT_TRUE(has(late.message(), "4060")) << late.what();
  EXPECT_TRUE(has(late.hint(), "isolation = \"session\"")) << late.what();
}

TEST_F(SqlServerBackup, ByRowsSaysThatItsDatabaseSnapshotIsSuspect) {
  const ScriptedServer server("snapshot_suspect");
  const model::Endpoint endpoint = server.endpoint();
  const auto held = engine::sqlserver::make_logical_hold({&endpoint, 1}, hold_options());
  held->capture();
  MemoryPartSink sink;
  const Error copied = refusal_of([&] { held->copy(0, held->parts(0).back(), sink, {}); });
  EXPECT_EQ(copied.code(), Errc::unavailable) << copied.what();
  EXPECT_TRUE(has(copied.message(), "which held the moment of Shop, is SUSPECT: "))
      << copied.what();
  model::DatabaseFacts facts;
  const Error described = refusal_of([&] { held->describe(0, facts); });
  EXPECT_EQ(described.code(), Errc::unavailable) << described.what();
  EXPECT_TRUE(has(described.message(), "is SUSPECT: ")) << described.what();
}

TEST_F(SqlServerBackup, OfAKilledCopyIsRemovedByItsUndo) {
  for (const char* scenario : {"killed_in_backup", "killed_in_verify"}) {
    const ScriptedServer server(scenario);
    const auto journal = scratch_.path() / scenario;
    EXPECT_EQ(signal_of([&] {
                engine::HoldOptions options = hold_options();
                options.before_change = [&](std::string_view, std::string_view, const Json& undo) {
                  write_file_durably(journal, as_bytes(undo.dump()));
                };
                const model::Endpoint endpoint = server.endpoint();
                const auto held = engine::sqlserver::make_physical_hold({&endpoint, 1}, options);
                held->capture();
                MemoryPartSink sink;
                held->copy(0, held->parts(0).at(0), sink, {});
              }),
              SIGKILL);
    EXPECT_EQ(server.files_left(), 1U) << scenario;
    announced_ = {Json::parse(read_text_file(journal), "the journal")};
    for (int repetition = 0; repetition < 2; ++repetition) EXPECT_EQ(undo_all(server), "");
    EXPECT_EQ(server.files_left(), 0U) << scenario;
  }
}

}  // namespace
}  // namespace holdfast::test
