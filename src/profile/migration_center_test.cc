// SPDX-License-Identifier: Apache-2.0
#include "profile/migration_center.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <set>

#include "base/error.h"
#include "base/fd.h"
#include "model/test_finding_codes.h"
#include "profile/instance_file.h"

namespace holdfast::profile {
namespace {

namespace fs = std::filesystem;

class MigrationCenterProfileTest : public testing::Test {
 protected:
  void write(const std::string& name) const {
    fs::create_directories((root() / name).parent_path());
    write_file_durably(root() / name, as_bytes("x"), 0644);
  }
  void write_installation() const {
    for (const char* name :
         {"jobs/bin/startDaemon.sh", "jobs/bin/stopDaemon.sh", "jobs/dfc.conf", "jobs/logs/run.log",
          "web/conf/server.xml", "web/webapps/mc-web-client/index.html", "web/logs/catalina.out"})
      write(name);
  }
  [[nodiscard]] fs::path root() const { return directory_.path(); }
  [[nodiscard]] std::string at(const std::string& name) const { return (root() / name).string(); }
  [[nodiscard]] model::Instance instance() const {
    model::Instance one;
    one.name = "mc";
    one.profile = "migration-center";
    model::DatabaseSettings database;
    database.name = "fmemc";
    database.engine = "postgresql";
    database.uri = "postgresql://db/fmemc";
    one.databases.push_back(database);
    return one;
  }
  static std::string codes(const model::Plan& plan) {
    std::string text;
    for (const model::Finding& one : plan.findings) text += one.code + " ";
    return text;
  }

  int size_ = 0;
  TemporaryDirectory directory_{"migration-center"};
  MigrationCenterProfile profile_;
};

TEST_F(MigrationCenterProfileTest, NeedsNoMoreThanAConnection) {
  const model::Plan plan = profile_.plan(instance());
  EXPECT_EQ(plan.databases.size(), 1U);
  EXPECT_TRUE(plan.files.empty());
  EXPECT_EQ(codes(plan), "migration-center-files-left-out migration-center-staged-unmapped ");
  ASSERT_NE(plan.quiet, nullptr);
  EXPECT_EQ(plan.quiet->queries(model::QuietMoment::before).size(), 1U);
  EXPECT_EQ(plan.make_check, nullptr);
}

TEST_F(MigrationCenterProfileTest, HasTheFilesOfItsHomeAsComponents) {
  write_installation();
  model::Instance one = instance();
  one.home = root().string();
  one.migration_center.staging = {at("staging")};
  one.migration_center.logs = {at("more-logs")};
  one.migration_center.staged = {{"OBJECTS", "PATH", ""}};
  const model::Plan plan = profile_.plan(one);
  EXPECT_EQ(codes(plan), "");
  ASSERT_EQ(plan.files.size(), 4U);
  EXPECT_EQ(plan.files[0].name, "jobserver");
  EXPECT_EQ(plan.files[0].paths, std::vector<std::string>{at("jobs")});
  EXPECT_EQ(plan.files[0].exclude, std::vector<std::string>{at("jobs/logs")});
  EXPECT_EQ(plan.files[1].name, "webclient");
  EXPECT_EQ(plan.files[1].exclude,
            (std::vector<std::string>{at("web/logs"), at("web/work"), at("web/temp")}));
  EXPECT_EQ(plan.files[2].paths,
            (std::vector<std::string>{at("jobs/logs"), at("web/logs"), at("more-logs")}));
  EXPECT_EQ(plan.files[3].paths, std::vector<std::string>{at("staging")});
  EXPECT_NE(plan.make_check(), nullptr);
}

TEST_F(MigrationCenterProfileTest, LeavesToTheInstanceFileWhatItNames) {
  write_installation();
  model::Instance one = instance();
  one.home = root().string();
  one.files.push_back({"logs", {at("elsewhere")}, {}, {}, 3});
  const model::Plan plan = profile_.plan(one);
  EXPECT_EQ(std::count_if(plan.files.begin(), plan.files.end(),
                          [](const auto& files) { return files.name == "logs"; }),
            1);
}

TEST_F(MigrationCenterProfileTest, RefusesAHomeThatIsNoneAndDatabasesOfOtherKinds) {
  model::Instance one = instance();
  one.home = root().string();
  EXPECT_NE(codes(profile_.plan(one)).find("migration-center-home-missing"), std::string::npos);
  one.databases[0].engine = "sqlite";
  EXPECT_NE(codes(profile_.plan(one)).find("migration-center-database-kind"), std::string::npos);
  one.databases.clear();
  EXPECT_NE(codes(profile_.plan(one)).find("migration-center-database-missing"), std::string::npos);
}

TEST_F(MigrationCenterProfileTest, IsDiscoveredAndItsDraftCanBeRead) {
  EXPECT_TRUE(
      profile_.discover({.directory = root().string(), .argv = {}, .environ = {}}, {}).empty());
  write_installation();
  const auto found =
      profile_.discover({.directory = root().string(), .argv = {}, .environ = {}}, {});
  ASSERT_EQ(found.size(), 1U);
  const model::Instance again =
      parse_instance(to_toml(found[0].instance, found[0].comments), "draft.toml");
  EXPECT_EQ(again.profile, "migration-center");
  EXPECT_EQ(again.home, root().string());
  EXPECT_EQ(found[0].files.size(), 3U);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(static_cast<void>(profile_.discover(
                   {.directory = root().string(), .argv = {}, .environ = {}}, stop.get_token())),
               Error);
}

TEST_F(MigrationCenterProfileTest, TellsWhatACloneStillLeadsTo) {
  const Json facts = Json::parse(
      R"({"jobserver_addresses": [{"component": "fmemc", "where": "FMEMC.JOBSERVERS.ADDRESS",
          "value": "jobs.prod.example"}],
          "installation": [{"kind": "Jobserver", "path": "/opt/jobs"},
                           {"kind": "WebClient", "path": "/opt/tomcat"}],
          "schedulers_asked": [{"component": "fmemc", "place": "fmemc.schedulers"}],
          "schedulers_seen": [{"component": "fmemc", "place": "fmemc.schedulers"}]})",
      "facts");
  const model::NameMappings names;
  model::RestoredInstance restored{
      facts,
      true,
      {{"fmemc", "postgresql", "postgresql://a/b", "postgresql://c/d"}},
      names,
      [](const std::string& path) { return path == "/opt/jobs" ? "/new/jobs" : ""; },
      {}};
  const auto lines = [&] {
    std::string text;
    for (const std::string& line : profile_.adapt(restored).by_hand) text += line + "\n";
    return text;
  };
  EXPECT_EQ(profile_.adapt(restored).by_hand.size(), 2U) << lines();
  EXPECT_NE(lines().find("jobs.prod.example"), std::string::npos);
  EXPECT_NE(lines().find("/new/jobs: the Jobserver"), std::string::npos);
  // Without the database nothing of it leads anywhere.
  restored.databases[0].uri.clear();
  EXPECT_EQ(lines().find("jobs.prod.example"), std::string::npos) << lines();
  restored.is_clone = false;
  EXPECT_EQ(lines(), "");
}

TEST_F(MigrationCenterProfileTest, TellsOfACloneWhatNobodyHasSeenOfIt) {
  const Json facts = profile_.plan(instance()).facts;
  const model::NameMappings names;
  const model::RestoredInstance restored{
      facts,
      true,
      {{"fmemc", "postgresql", "postgresql://a/b", "postgresql://c/d"}},
      names,
      [](const std::string&) { return ""; },
      {}};
  const auto by_hand = profile_.adapt(restored).by_hand;
  ASSERT_EQ(by_hand.size(), 2U);
  EXPECT_NE(by_hand[0].find("which schedulers are enabled was not seen"), std::string::npos);
  EXPECT_NE(by_hand[1].find("no address of a Jobserver was found"), std::string::npos);
  // What can be stopped unseen is.
  EXPECT_EQ(profile_.restore_statements(facts, "fmemc", true, names).size(), 1U);
}

TEST_F(MigrationCenterProfileTest, TellsWhatOfItsHomeCouldNotBeLookedInto) {
  model::Instance one = instance();
  one.home = at("loop");
  fs::create_symlink(at("loop"), at("loop"));
  EXPECT_NE(codes(profile_.plan(one)).find("migration-center-home-unobservable"),
            std::string::npos);
}

std::string codes_of(const model::QuietAnswer& answer) {
  std::string text;
  for (const model::Finding& one : answer.findings) text += one.code + " ";
  return text;
}

TEST_F(MigrationCenterProfileTest, LooksAtTheLogsOfEveryJobserver) {
  write_installation();
  for (const auto& item : fs::recursive_directory_iterator(root()))
    if (item.is_regular_file())
      fs::last_write_time(item, fs::file_time_type::clock::now() - std::chrono::hours(1));
  model::Instance one = instance();
  one.home = root().string();
  const auto look = [&] {
    const auto quiet = profile_.plan(one).quiet;
    return codes_of(quiet->look(model::QuietMoment::before));
  };
  EXPECT_EQ(look().find("logs-unobservable"), std::string::npos) << look();
  EXPECT_NE(look().find("migration-center-jobserver-silent"), std::string::npos) << look();
  fs::remove(root() / "jobs/logs/run.log");
  EXPECT_NE(look().find("migration-center-logs-unobservable"), std::string::npos) << look();
  one.migration_center.logs = {at("web/logs")};
  EXPECT_EQ(look().find("logs-unobservable"), std::string::npos) << look();
}

TEST_F(MigrationCenterProfileTest, ForgetsWhatWasWrittenOnlyWhereItMayHaveStoppedTheWriter) {
  using model::QuietMoment;
  write_installation();
  model::Instance one = instance();
  one.home = root().string();
  const auto quiet = profile_.plan(one).quiet;
  const auto grows = [&](QuietMoment moment) {
    write_file_durably(root() / "jobs/logs/run.log", as_bytes(std::to_string(++size_)), 0644);
    return codes_of(quiet->look(moment)).find("log-growing") != std::string::npos;
  };
  EXPECT_TRUE(grows(QuietMoment::before));
  EXPECT_TRUE(grows(QuietMoment::still));
  EXPECT_TRUE(grows(QuietMoment::settling));
  EXPECT_FALSE(grows(QuietMoment::still));
  EXPECT_TRUE(grows(QuietMoment::during));
  EXPECT_TRUE(grows(QuietMoment::after));
}

TEST_F(MigrationCenterProfileTest, ReadsAndWritesItsKeys) {
  const std::string text = R"(name = "mc"
profile = "migration-center"
[migration_center]
schema = "FMEMC"
jobservers = ["a", "b:9701"]
jobserver_port = 9800
web_client = "/opt/tomcat"
staging = ["/srv/staging"]
logs = ["/var/log/mc"]
schedulers = "disable"
scheduler_column = "SCHEDULERS.FLAG"
scheduler_on = "1"
scheduler_off = "0"
[migration_center.status]
"JOBS.STATUS" = "1, 2"
[[migration_center.staged]]
table = "OBJECTS"
column = "PATH"
root = "/srv/staging"
[[database]]
name = "fmemc"
uri = "postgresql://db/fmemc"
)";
  const model::Instance one = parse_instance(text, "mc.toml");
  const model::Instance again = parse_instance(to_toml(one, {}), "again.toml");
  for (const model::Instance* read : {&one, &again}) {
    const model::MigrationCenterSettings& settings = read->migration_center;
    EXPECT_EQ(settings.schema, "FMEMC");
    EXPECT_EQ(settings.jobservers, (std::vector<std::string>{"a", "b:9701"}));
    EXPECT_EQ(settings.jobserver_port, 9800U);
    EXPECT_EQ(settings.web_client, "/opt/tomcat");
    EXPECT_TRUE(settings.disables_schedulers);
    EXPECT_EQ(settings.scheduler_column + settings.scheduler_on + settings.scheduler_off,
              "SCHEDULERS.FLAG10");
    EXPECT_EQ(settings.status.at("JOBS.STATUS"), "1, 2");
    ASSERT_EQ(settings.staged.size(), 1U);
    EXPECT_EQ(settings.staged[0].root, "/srv/staging");
  }
}

TEST_F(MigrationCenterProfileTest, RefusesKeysThatMakeNoSense) {
  const auto refused = [](const std::string& keys) {
    try {
      static_cast<void>(parse_instance(
          "name = \"mc\"\nprofile = \"migration-center\"\n[migration_center]\n" + keys, "mc.toml"));
      return false;
    } catch (const Error& error) {
      return error.code() == Errc::usage;
    }
  };
  EXPECT_FALSE(refused("schedulers = \"leave\"\n"));
  EXPECT_TRUE(refused("schedulers = \"stop\"\n"));
  EXPECT_TRUE(refused("jobserver_port = 0\n"));
  EXPECT_TRUE(refused("scheduler_column = \"SCHEDULERS.FLAG\"\n"));
  EXPECT_TRUE(
      refused("scheduler_column = \"FLAG\"\nscheduler_on = \"1\"\nscheduler_off = \"0\"\n"));
  EXPECT_TRUE(
      refused("scheduler_column = \"S.FLAG\"\nscheduler_on = \"1\"\nscheduler_off = \"1\"\n"));
  EXPECT_TRUE(refused("[migration_center.status]\nSTATUS = \"1\"\n"));
  EXPECT_FALSE(refused("[migration_center.status]\n\"A.B\" = \"not 1\"\n"));
  EXPECT_FALSE(refused("jobservers = [\"a\", \"b:9701\", \"[::1]:9700\"]\n"));
  EXPECT_TRUE(refused("jobservers = [\"host:abc\"]\n"));
}

TEST_F(MigrationCenterProfileTest, HasEveryCodeWithItsSeveritiesInTheListOfFindings) {
  const fs::path sources = HOLDFAST_SOURCE_DIR;
  const std::string prefix = "migration-center-";
  model::FindingCodes in_sources =
      model::codes_in_folder(sources / "src/profile/migration_center", prefix);
  for (auto& [code, severities] :
       model::codes_in_source(sources / "src/profile/migration_center.cc", prefix))
    in_sources[code].merge(severities);
  EXPECT_GT(in_sources.size(), 15U);
  EXPECT_EQ(in_sources, model::codes_in_page(sources, prefix));
}

}  // namespace
}  // namespace holdfast::profile
