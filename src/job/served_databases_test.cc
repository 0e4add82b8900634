// SPDX-License-Identifier: Apache-2.0
#include "job/served_databases.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/embedded/test_places.h"
#include "engine/typedb/test_directories.h"
#include "job/discover.h"
#include "job/instance_restore.h"
#include "job/migrate.h"
#include "job/test_instance.h"
#include "profile/instance_file.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;
namespace typedb = engine::typedb;

// A distribution of TypeDB with the databases `shop` and `_system`.
class ServedDatabases : public InstanceTest {
 protected:
  ServedDatabases() {
    make_home(old_home());
    for (const char* name : {"shop", "_system"}) typedb::make_database_3(data(old_home()) / name);
    typedb::put_file(data(old_home()) / "_import" / "shop" / "wal" / "wal-x", "");
  }
  static void make_home(const fs::path& home) {
    typedb::put_file(home / "server" / "typedb_server_bin", "");
    typedb::put_file(home / "server" / "config.yml", "storage:\n    data-directory: \"data\"\n");
    fs::create_directories(data(home));
  }
  [[nodiscard]] static fs::path data(const fs::path& home) { return home / "server" / "data"; }
  [[nodiscard]] fs::path old_home() const {
    return fs::canonical(root()) / "typedb-all-linux-x86_64-3.10.4";
  }
  [[nodiscard]] fs::path new_home() const {
    return fs::canonical(root()) / "new" / "typedb-all-linux-x86_64-3.10.4";
  }
  [[nodiscard]] static model::Instance served(const fs::path& home) {
    model::Instance instance;
    instance.name = "graph";
    instance.profile = "typedb";
    instance.home = home.string();
    instance.file = "graph.toml";
    instance.quiesce.when = model::QuiesceWhen::needed;
    return instance;
  }
  [[nodiscard]] static model::DatabaseSettings database(const std::string& name,
                                                        const std::string& uri) {
    model::DatabaseSettings settings;
    settings.name = name;
    settings.engine = "typedb";
    settings.uri = uri;
    return settings;
  }
  InstanceRestoreReport restore(const model::Instance& target) {
    return restore_instance(environment_, alone_, "latest", target, options_, observer_, stop_);
  }
  std::optional<Errc> restore_error(const model::Instance& target) {
    return error_of([&] { static_cast<void>(restore(target)); });
  }
  [[nodiscard]] static std::uint64_t last_of(const fs::path& database) {
    return typedb::examine_wal(database / "wal", true, {}).last_sequence.value_or(0);
  }
  // "name uri" of each, in order.
  [[nodiscard]] static std::vector<std::string> named(
      const std::vector<model::DatabaseSettings>& databases) {
    std::vector<std::string> lines;
    for (const auto& one : databases) lines.push_back(one.name + " " + one.uri);
    std::sort(lines.begin(), lines.end());
    return lines;
  }
  [[nodiscard]] static std::vector<std::string> codes_of(const model::Plan& plan) {
    std::vector<std::string> codes;
    for (const auto& one : plan.findings) codes.push_back(one.code);
    return codes;
  }

  InstanceRestoreOptions options_;
  TestObserver observer_;
};

using Names = std::vector<std::string>;

TEST_F(ServedDatabases, AreComponentsOfTheirOwnNames) {
  for (const fs::path& home : {old_home(), data(old_home())}) {
    const model::Plan plan = plan_of(served(home));
    EXPECT_EQ(named(plan.databases),
              (Names{"_system typedb:" + (data(old_home()) / "_system").string(),
                     "shop typedb:" + (data(old_home()) / "shop").string()}));
    EXPECT_EQ(codes_of(plan), Names{});
  }
}

TEST_F(ServedDatabases, GiveWayToWhatTheFileNames) {
  model::Instance instance = served(old_home());
  instance.databases.push_back(database("shop", "typedb://localhost:1729/shop"));
  instance.databases.push_back(
      database("users", "typedb:" + (data(old_home()) / "_system").string()));
  EXPECT_EQ(named(plan_of(instance).databases), named(instance.databases));
}

TEST_F(ServedDatabases, AreNotLeftOutForSomethingElseOfTheirName) {
  model::Instance instance = served(old_home());
  instance.databases.push_back(database("shop", "typedb://localhost:1729/other"));
  EXPECT_EQ(codes_of(plan_of(instance)), Names{"database-name-taken"});
  instance.databases[0] = database("shop", "typedb:" + (root() / "elsewhere" / "shop").string());
  EXPECT_EQ(codes_of(plan_of(instance)), Names{"database-name-taken"});
  instance.databases.clear();
  model::FilesSettings files;
  files.name = "_system";
  instance.files.push_back(files);
  EXPECT_EQ(codes_of(plan_of(instance)), Names{"database-name-taken"});
}

TEST_F(ServedDatabases, AreKnownByALinkToTheirDirectory) {
  fs::create_directory_symlink(data(old_home()), root() / "link");
  model::Instance instance = served(old_home());
  instance.databases.push_back(database("one", "typedb:" + (root() / "link" / "shop").string()));
  const model::Plan plan = plan_of(instance);
  EXPECT_EQ(plan.databases.size(), 2U);
  EXPECT_EQ(codes_of(plan), Names{});
}

TEST_F(ServedDatabases, AreNotGuessed) {
  EXPECT_EQ(codes_of(plan_of(served(source()))), Names{"home-unknown"});
  model::Instance instance = served({});
  EXPECT_EQ(codes_of(plan_of(instance)), Names{"home-unknown"});
  instance.databases.push_back(database("shop", "typedb://db.example.org:1729/shop"));
  EXPECT_EQ(codes_of(plan_of(instance)), Names{});
  // Other profiles find their own.
  instance.profile = "custom";
  instance.home = old_home().string();
  EXPECT_EQ(plan_of(instance).databases.size(), 1U);
}

TEST_F(ServedDatabases, AreRestoredIntoAnotherDistributionThatHasNone) {
  static_cast<void>(back_up(served(old_home())));
  make_home(new_home());
  const InstanceRestoreReport report = restore(served(new_home()));
  EXPECT_EQ(report.role, "clone");
  EXPECT_EQ(last_of(data(new_home()) / "shop"), 20U);
  EXPECT_EQ(last_of(data(new_home()) / "_system"), 20U);
  EXPECT_FALSE(fs::exists(data(new_home()) / "_import"));
  EXPECT_FALSE(observer_.found("databases-beside"));
  EXPECT_TRUE(journals_are_gone());
}

TEST_F(ServedDatabases, AreRestoredIntoAnEmptyDataDirectory) {
  static_cast<void>(back_up(served(old_home())));
  const fs::path fresh = fs::canonical(root()) / "volume";
  fs::create_directories(fresh);
  EXPECT_EQ(restore_error(served(fresh)), Errc::blocked);
  EXPECT_TRUE(observer_.found("typedb-release-unobservable", "shop"));
  options_.acceptances.push_back({"typedb-release-unobservable", "", "an image of 3.10.4"});
  static_cast<void>(restore(served(fresh)));
  EXPECT_EQ(last_of(fresh / "shop"), 20U);
}

TEST_F(ServedDatabases, MoveAloneToWhereOthersAre) {
  static_cast<void>(back_up(served(old_home())));
  make_home(new_home());
  for (const char* name : {"other", "_system"}) typedb::make_database_3(data(new_home()) / name);
  typedb::put_segment(data(new_home()) / "_system", 21, typedb::wal_commits(21, 22));
  const auto before = listing(data(new_home()));
  options_.components = {"_system"};
  EXPECT_EQ(restore_error(served(new_home())), Errc::usage);
  options_.components = {"shop", "_system"};
  EXPECT_EQ(restore_error(served(new_home())), Errc::usage);
  EXPECT_EQ(listing(data(new_home())), before);
  options_.components = {"shop"};
  static_cast<void>(restore(served(new_home())));
  EXPECT_FALSE(observer_.found("databases-beside"));
  EXPECT_EQ(last_of(data(new_home()) / "shop"), 20U);
  EXPECT_EQ(last_of(data(new_home()) / "_system"), 22U);
  EXPECT_EQ(last_of(data(new_home()) / "other"), 20U);
}

TEST_F(ServedDatabases, OfWhichTheCopyHasNoneAreTold) {
  static_cast<void>(back_up(served(old_home())));
  make_home(new_home());
  typedb::make_database_3(data(new_home()) / "other");
  static_cast<void>(restore(served(new_home())));
  ASSERT_TRUE(observer_.found("databases-beside"));
  const auto found = std::find_if(observer_.findings.begin(), observer_.findings.end(),
                                  [](const auto& one) { return one.code == "databases-beside"; });
  EXPECT_EQ(found->seen, data(new_home()).string() + " has databases that the copy has not: other");
  EXPECT_EQ(last_of(data(new_home()) / "other"), 20U);
}

TEST_F(ServedDatabases, GoAloneUnlessTheyHaveTheUsersWhateverTheirName) {
  model::Instance instance = served(old_home());
  instance.databases.push_back(
      database("users", "typedb:" + (data(old_home()) / "_system").string()));
  static_cast<void>(back_up(instance));
  make_home(new_home());
  model::Instance target = served(new_home());
  options_.components = {"users"};
  EXPECT_EQ(restore_error(target), Errc::usage);
  EXPECT_FALSE(fs::exists(data(new_home()) / "_system"));
  options_.components = {"shop"};
  static_cast<void>(restore(target));
}

TEST_F(ServedDatabases, EndAtARecordEachForItself) {
  static_cast<void>(back_up(served(old_home())));
  make_home(new_home());
  options_.sequence = 15;
  EXPECT_EQ(restore_error(served(new_home())), Errc::usage);  // there are two
  options_.components = {"shop"};
  const InstanceRestoreReport report = restore(served(new_home()));
  EXPECT_EQ(last_of(data(new_home()) / "shop"), 15U);
  ASSERT_EQ(report.databases.size(), 1U);
  EXPECT_NE(report.databases[0].find("up to record 15"), std::string::npos) << report.databases[0];
  options_.replace = true;
  options_.sequence = 21;
  EXPECT_EQ(restore_error(served(new_home())), Errc::blocked);
  EXPECT_TRUE(observer_.found("typedb-sequence-missing", "shop"));
  EXPECT_EQ(last_of(data(new_home()) / "shop"), 15U);
}

TEST_F(ServedDatabases, AreMigratedWithoutARepository) {
  make_home(new_home());
  static_cast<void>(migrate_instance(environment_, served(old_home()), served(new_home()), options_,
                                     observer_, stop_));
  EXPECT_EQ(last_of(data(new_home()) / "shop"), 20U);
  EXPECT_EQ(
      error_of([&] {
        static_cast<void>(migrate_instance(environment_, served(old_home()),
                                           served(data(old_home())), options_, observer_, stop_));
      }),
      Errc::usage);
}

TEST_F(ServedDatabases, AreReplacedOnceTheirServerIsStopped) {
  model::Instance instance = served(old_home());
  static_cast<void>(back_up(instance));
  const fs::path lock = data(old_home()) / "shop/storage/OptimisedPrefix17/LOCK";
  const engine::embedded::Locker server(lock);
  ASSERT_TRUE(server.had());
  options_.replace = true;
  EXPECT_EQ(restore_error(instance), Errc::blocked);
  EXPECT_TRUE(observer_.found("typedb-target-in-use", "shop"));
  instance.quiesce.stop = {"/bin/sh", "-c", "kill -KILL " + std::to_string(server.pid())};
  instance.quiesce.start = {"/bin/true"};
  const InstanceRestoreReport report = restore(instance);
  EXPECT_EQ(report.role, "replacement");
  EXPECT_EQ(report.kept.size(), 2U);
  EXPECT_EQ(last_of(data(old_home()) / "shop"), 20U);
}

TEST_F(ServedDatabases, AreDraftedAsOneInstance) {
  for (const fs::path& place : {old_home(), data(old_home())}) {
    const std::vector<Discovery> found = discover(Names{place.string()});
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].instance.profile, "typedb");
    EXPECT_EQ(found[0].instance.home, old_home().string());
    EXPECT_EQ(found[0].databases.size(), 2U);
    const std::string text = to_instance_file(found[0]);
    EXPECT_NE(text.find("TypeDB 3.10.4"), std::string::npos) << text;
    EXPECT_NE(text.find("storage.data-directory in"), std::string::npos) << text;
    const model::Instance again = profile::parse_instance(text, "draft.toml");
    EXPECT_EQ(plan_of(again).databases.size(), 2U) << text;
    EXPECT_EQ(again.quiesce.when, model::QuiesceWhen::needed);
  }
  const engine::embedded::Locker server(data(old_home()) / "shop/storage/OptimisedPrefix17/LOCK");
  const std::string text = to_instance_file(discover(Names{old_home().string()}).at(0));
  EXPECT_NE(text.find("pid " + std::to_string(server.pid())), std::string::npos) << text;
}

TEST_F(ServedDatabases, NeedAnEngineForWhatIsAskedOfThem) {
  static_cast<void>(back_up(instance_at(source())));
  model::Instance target = instance_at(root() / "elsewhere");
  options_.sequence = 3;
  EXPECT_EQ(restore_error(target), Errc::usage);
  options_.sequence.reset();
  options_.schema_file = root() / "schema.tql";
  EXPECT_EQ(restore_error(target), Errc::usage);
  options_.schema_file.clear();
  options_.data_only = true;
  EXPECT_EQ(error_of([&] {
              static_cast<void>(import_instance(environment_, {source() / "db/orders.db"}, target,
                                                options_, observer_, stop_));
            }),
            Errc::usage);
  EXPECT_FALSE(fs::exists(root() / "elsewhere"));
}

}  // namespace
}  // namespace holdfast::job
