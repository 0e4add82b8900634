// SPDX-License-Identifier: Apache-2.0
#include "job/instance_restore.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <fstream>
#include <stdexcept>

#include "job/journal.h"
#include "job/test_instance.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

class RestoreTest : public InstanceTest {
 protected:
  RestoreTest() { snapshot_ = back_up(instance_at(source())); }

  InstanceRestoreReport restore(const model::Instance& target,
                                const std::string& snapshot = "latest") {
    return restore_instance(environment_, alone_, snapshot, target, options_, observer_, stop_);
  }
  std::optional<Errc> restore_error(const model::Instance& target,
                                    const std::string& snapshot = "latest") {
    return error_of([&] { static_cast<void>(restore(target, snapshot)); }, &message_);
  }

  // What is at the source, and that nothing of ours lies about.
  void expect_source_untouched() {
    EXPECT_EQ(listing(source()), before_);
    EXPECT_EQ(read(source() / "files/a.txt"), "changed");
    EXPECT_EQ(ask(source() / "db/orders.db", "SELECT count(*) FROM orders"), "4");
    EXPECT_TRUE(journals_are_gone());
  }
  void change_source() {
    write(source() / "files/a.txt", "changed");
    run_sql(source() / "db/orders.db", "INSERT INTO orders(day, total) VALUES('2026-11-22', 5);");
    before_ = listing(source());
  }
  void expect_restored(const fs::path& base) {
    EXPECT_EQ(ask(base / "db/orders.db", "SELECT count(*) FROM orders"), "3");
    EXPECT_EQ(ask(base / "db/orders.db", "SELECT count(*) FROM big_orders"), "1");
    EXPECT_EQ(read(base / "files/a.txt"), "alpha");
    EXPECT_EQ(read(base / "files/sub/b.txt"), "beta");
    EXPECT_EQ(fs::read_symlink(base / "files/link"), "a.txt");
    struct ::stat status {};
    ASSERT_EQ(::stat((base / "files/sub/b.txt").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0640U);
  }
  // Names in a directory that end in _before_<time>.
  static std::vector<std::string> kept_in(const fs::path& directory) {
    std::vector<std::string> names;
    for (const auto& item : fs::directory_iterator(directory)) {
      const std::string name = item.path().filename().string();
      if (name.find("_before_") != std::string::npos) names.push_back(name);
    }
    return names;
  }
  [[nodiscard]] std::vector<std::string> shell(const std::string& script) const {
    return {"/bin/sh", "-c", script};
  }
  [[nodiscard]] std::string marks() const {
    std::error_code missing;
    return fs::exists(root() / "marks", missing) ? read(root() / "marks") : "";
  }
  [[nodiscard]] std::string mark(const std::string& word) const {
    return "echo " + word + " >> " + (root() / "marks").string();
  }

  format::Id snapshot_;
  InstanceRestoreOptions options_;
  TestObserver observer_;
  std::string message_;
  std::vector<std::string> before_;
};

TEST_F(RestoreTest, KnowsNoWorkspacesWhereTheProfileHasNone) {
  options_.workspace = "website";
  EXPECT_EQ(restore_error(instance_at(root() / "new")), Errc::usage);
  EXPECT_NE(message_.find("has no workspaces"), std::string::npos) << message_;
  options_.components = {"orders"};
  EXPECT_EQ(restore_error(instance_at(root() / "new")), Errc::usage);
}

TEST_F(RestoreTest, ClonesIntoAFreshPlace) {
  const InstanceRestoreReport report = restore(instance_at(root() / "new"));
  expect_restored(root() / "new");
  EXPECT_EQ(report.role, "clone");
  ASSERT_EQ(report.databases.size(), 1U);
  EXPECT_NE(report.databases[0].find("2 tables, 6 rows, digests equal"), std::string::npos)
      << report.databases[0];
  EXPECT_TRUE(report.kept.empty());
  EXPECT_EQ(listing(root() / "new"), listing(source()));
  EXPECT_TRUE(journals_are_gone());
}

TEST_F(RestoreTest, WhatLayBelowTheHomeMovesWithIt) {
  model::Instance at_home = instance_at(source());
  at_home.home = source().string();
  static_cast<void>(back_up(at_home));
  model::Instance target;
  target.name = "shop";
  target.home = (root() / "new").string();
  const InstanceRestoreReport report = restore(target);
  expect_restored(root() / "new");
  EXPECT_EQ(report.role, "clone");
  EXPECT_EQ(listing(root() / "new"), listing(source()));
}

TEST_F(RestoreTest, WhatTheTargetNamesGoesWhereItSays) {
  model::Instance at_home = instance_at(source());
  at_home.home = source().string();
  static_cast<void>(back_up(at_home));
  model::Instance target;
  target.name = "shop";
  target.home = (root() / "new").string();
  target.files = instance_at(root() / "elsewhere").files;
  static_cast<void>(restore(target));
  EXPECT_EQ(read(root() / "elsewhere/files/a.txt"), "alpha");
  EXPECT_FALSE(fs::exists(root() / "new/files"));
  EXPECT_EQ(ask(root() / "new/db/orders.db", "SELECT count(*) FROM orders"), "3");
}

TEST_F(RestoreTest, WhatLayElsewhereNeedsAPlace) {
  model::Instance at_home = instance_at(source());
  at_home.home = (source() / "db").string();
  static_cast<void>(back_up(at_home));
  model::Instance target;
  target.name = "shop";
  target.home = (root() / "new").string();
  EXPECT_EQ(restore_error(target), Errc::blocked);
  EXPECT_TRUE(observer_.found("target-missing", "uploads"));
  EXPECT_FALSE(observer_.found("target-missing", "orders"));
}

TEST_F(RestoreTest, SaysItsRoleBeforeAnythingIsDone) {
  bool said_first = false;
  observer_.on_phase = [&](std::string_view name) {
    if (name.starts_with("restoring")) said_first = !observer_.notes.empty();
  };
  static_cast<void>(restore(instance_at(root() / "new")));
  EXPECT_TRUE(said_first);
  EXPECT_NE(observer_.notes[0].find("as a clone"), std::string::npos) << observer_.notes[0];
}

TEST_F(RestoreTest, OverwritesNothingUnasked) {
  change_source();
  EXPECT_EQ(restore_error(instance_at(source())), Errc::blocked);
  EXPECT_TRUE(observer_.found("target-not-empty", "orders"));
  EXPECT_TRUE(observer_.found("target-not-empty", "uploads"));
  expect_source_untouched();
}

TEST_F(RestoreTest, ReplacesAndKeepsWhatWasThere) {
  change_source();
  options_.replace = true;
  const InstanceRestoreReport report = restore(instance_at(source()));
  EXPECT_EQ(report.role, "replacement");
  expect_restored(source());
  const auto files = kept_in(source());
  ASSERT_EQ(files.size(), 1U);
  EXPECT_EQ(read(source() / files[0] / "a.txt"), "changed");
  const auto databases = kept_in(source() / "db");
  ASSERT_EQ(databases.size(), 1U);
  EXPECT_EQ(ask(source() / "db" / databases[0], "SELECT count(*) FROM orders"), "4");
  ASSERT_EQ(report.kept.size(), 2U);
  for (const std::string& line : report.kept)
    EXPECT_NE(line.find("remove it with: rm "), std::string::npos) << line;
  EXPECT_TRUE(journals_are_gone());
}

TEST_F(RestoreTest, TakesAnEmptyDirectoryForAFreePlace) {
  fs::create_directories(root() / "new/files");
  static_cast<void>(restore(instance_at(root() / "new")));
  expect_restored(root() / "new");
  EXPECT_TRUE(kept_in(root() / "new").empty());
}

TEST_F(RestoreTest, PutsEverythingBackWhenTheCopyIsNotWhatWasBackedUp) {
  change_source();
  static_cast<void>(falsify_database(snapshot_, "UPDATE orders SET total = 91 WHERE id = 1;"));
  options_.replace = true;
  EXPECT_EQ(restore_error(instance_at(source())), Errc::differs);
  expect_source_untouched();
  EXPECT_EQ(restore_error(instance_at(root() / "new")), Errc::differs);
  EXPECT_FALSE(fs::exists(root() / "new"));
}

TEST_F(RestoreTest, RefusesASnapshotWhoseFilesAreNotThoseOfItsManifest) {
  static_cast<void>(
      falsify(snapshot_, "shop/files/uploads" + source().string() + "/files/sub", [](auto& nodes) {
        std::erase_if(nodes, [](const auto& node) { return node.name == "c.txt"; });
      }));
  EXPECT_EQ(restore_error(instance_at(root() / "new")), Errc::blocked);
  EXPECT_TRUE(observer_.found("source-differs", "uploads"));
  EXPECT_FALSE(fs::exists(root() / "new"));
  options_.acceptances = {{"source-differs", "uploads", "known"}};
  const InstanceRestoreReport report = restore(instance_at(root() / "new"));
  EXPECT_FALSE(fs::exists(root() / "new/files/sub/c.txt"));
  EXPECT_TRUE(report.findings.at(0).accepted);
}

TEST_F(RestoreTest, InterruptedPutsBackWhatWasThere) {
  change_source();
  options_.replace = true;
  for (const std::string_view moment : {"restoring files", "loading database", "comparing"}) {
    stop_ = std::stop_source();
    observer_.on_phase = [&](std::string_view name) {
      if (name.starts_with(moment)) stop_.request_stop();
    };
    EXPECT_EQ(restore_error(instance_at(source())), Errc::cancelled) << moment;
    expect_source_untouched();
  }
}

TEST_F(RestoreTest, PutsBackWhatWasThereWhateverIsThrown) {
  change_source();
  options_.replace = true;
  observer_.on_phase = [&](std::string_view name) {
    if (name == "comparing") throw std::runtime_error("of a foreign library");
  };
  EXPECT_THROW(static_cast<void>(restore(instance_at(source()))), std::runtime_error);
  expect_source_untouched();
}

TEST_F(RestoreTest, KilledIsPutBackByTheGuardian) {
  change_source();
  options_.replace = true;
  for (const std::string_view moment : {"loading database", "comparing"}) {
    TestObserver killer;
    killer.on_phase = [&](std::string_view name) {
      if (name.starts_with(moment)) ::kill(::getpid(), SIGKILL);
    };
    EXPECT_EXIT(static_cast<void>(restore_instance(environment_, alone_, "latest",
                                                   instance_at(source()), options_, killer, stop_)),
                ::testing::KilledBySignal(SIGKILL), "");
    const ResumeReport report = resume(environment_.state_directory, "shop", {});
    EXPECT_TRUE(report.failed.empty()) << report.failed[0];
    expect_source_untouched();
  }
}

TEST_F(RestoreTest, PutsADatabaseIntoADirectoryThatItRestores) {
  // The database lies in the directory of the files, as is common.
  model::Instance instance = instance_at(source());
  instance.name = "nested";
  instance.files[0].paths = {source().string()};
  static_cast<void>(back_up(instance));
  model::Instance target = instance_at(root() / "new");
  target.name = "nested";
  target.files[0].paths = {(root() / "new").string()};
  static_cast<void>(restore(target));
  expect_restored(root() / "new");
  write(root() / "new/files/a.txt", "changed");
  options_.replace = true;
  static_cast<void>(restore(target));
  expect_restored(root() / "new");
  ASSERT_EQ(kept_in(root()).size(), 1U);
  EXPECT_EQ(read(root() / kept_in(root())[0] / "files/a.txt"), "changed");
  EXPECT_TRUE(kept_in(root() / "new/db").empty());
}

TEST_F(RestoreTest, PutsPathsBelowEachOtherInOrder) {
  model::Instance instance = instance_at(source());
  instance.files[0].paths = {(source() / "files").string()};
  model::FilesSettings sub;
  sub.name = "sub";
  sub.paths = {(source() / "files/sub").string()};
  instance.files.push_back(sub);
  static_cast<void>(back_up(instance));
  model::Instance target = instance_at(root() / "new");
  sub.paths = {(root() / "new/files/sub").string()};
  target.files.insert(target.files.begin(), sub);
  static_cast<void>(restore(target));
  expect_restored(root() / "new");
  EXPECT_TRUE(kept_in(root() / "new/files").empty());
}

TEST_F(RestoreTest, RestoresSingleFilesOfTheFileSystemToo) {
  model::Instance instance = instance_at(source());
  instance.name = "single";
  instance.files[0].paths = {(source() / "files/a.txt").string(),
                             (source() / "files/sub").string()};
  static_cast<void>(back_up(instance));
  model::Instance target = instance_at(root() / "new");
  target.name = "single";
  target.files[0].paths = {(root() / "new/one.txt").string(), (root() / "new/two").string()};
  static_cast<void>(restore(target));
  EXPECT_EQ(read(root() / "new/one.txt"), "alpha");
  EXPECT_EQ(read(root() / "new/two/c.txt"), "gamma");
}

TEST_F(RestoreTest, RestoresOnlyWhatWasChosen) {
  options_.components = {"uploads"};
  static_cast<void>(restore(instance_at(root() / "new")));
  EXPECT_TRUE(fs::exists(root() / "new/files/a.txt"));
  EXPECT_FALSE(fs::exists(root() / "new/db"));
  options_.components = {"upload"};
  EXPECT_EQ(restore_error(instance_at(root() / "other")), Errc::not_found);
}

TEST_F(RestoreTest, RestoresSingleTables) {
  options_.tables = {"log"};
  static_cast<void>(restore(instance_at(root() / "new")));
  EXPECT_EQ(ask(root() / "new/db/orders.db", "SELECT count(*) FROM log"), "3");
  EXPECT_EQ(
      ask(root() / "new/db/orders.db", "SELECT count(*) FROM sqlite_schema WHERE name = 'orders'"),
      "0");
  EXPECT_FALSE(fs::exists(root() / "new/files"));
  options_.tables = {"logs"};
  EXPECT_EQ(restore_error(instance_at(root() / "other")), Errc::not_found);
}

TEST_F(RestoreTest, NeedsATargetForEachComponent) {
  model::Instance target = instance_at(root() / "new");
  target.databases.clear();
  EXPECT_EQ(restore_error(target), Errc::blocked);
  EXPECT_TRUE(observer_.found("target-missing", "orders"));
  target = instance_at(root() / "new");
  target.files[0].paths.push_back((root() / "new/more").string());
  EXPECT_EQ(restore_error(target), Errc::blocked);
  EXPECT_TRUE(observer_.found("target-paths", "uploads"));
  target = instance_at(root() / "new");
  target.databases[0].engine = "postgresql";
  EXPECT_EQ(restore_error(target), Errc::blocked);
  EXPECT_TRUE(observer_.found("engine-differs", "orders"));
  target = instance_at(root() / "new");
  target.files[0].paths = {(root() / "new/db/orders.db").string()};
  EXPECT_EQ(restore_error(target), Errc::blocked);
  EXPECT_TRUE(observer_.found("target-overlap"));
  EXPECT_FALSE(fs::exists(root() / "new"));
}

TEST_F(RestoreTest, SaysWhatIsMissingWhereAMissingTargetWasAccepted) {
  model::Instance target = instance_at(root() / "new");
  target.databases.clear();
  options_.acceptances = {{"target-missing", "orders", "not wanted here"}};
  const InstanceRestoreReport report = restore(target);
  ASSERT_EQ(report.missing.size(), 1U);
  EXPECT_TRUE(report.missing[0].starts_with("orders: ")) << report.missing[0];
  EXPECT_EQ(read(root() / "new/files/a.txt"), "alpha");

  // What nobody asks for is not missing.
  options_.acceptances.clear();
  options_.components = {"uploads"};
  target = instance_at(root() / "other");
  target.databases.clear();
  EXPECT_TRUE(restore(target).missing.empty());
}

TEST_F(RestoreTest, HonoursTheInstanceFilesAcceptancesAndTheirEnd) {
  model::Instance target = instance_at(root() / "new");
  target.databases.clear();
  target.accepts = {{"target-missing", "uploads", "another component", ""}};
  EXPECT_EQ(restore_error(target), Errc::blocked);
  target.accepts = {{"target-missing", "orders", "long ago", "2001-01-01"}};
  EXPECT_EQ(restore_error(target), Errc::blocked);
  target.accepts = {{"target-missing", "orders", "for long", "2999-12-31"}};
  EXPECT_EQ(restore(target).missing.size(), 1U);
}

TEST_F(RestoreTest, SaysWhatTheCopyLacks) {
  model::Instance instance = instance_at(source());
  instance.files[0].paths.push_back((source() / "gone").string());
  instance.accepts = {{"path-missing", "uploads", "gone for good", ""}};
  const InstanceBackupReport backup =
      backup_instance(environment_, alone_, instance, {}, observer_, stop_);
  EXPECT_FALSE(backup.manifest.complete);
  const InstanceRestoreReport report = restore(instance_at(root() / "new"));
  ASSERT_EQ(report.missing.size(), 1U);
  EXPECT_NE(report.missing[0].find((source() / "gone").string()), std::string::npos)
      << report.missing[0];
}

TEST_F(RestoreTest, NamesTheHostWhoseSnapshotIsTheLatest) {
  static_cast<void>(restore(instance_at(root() / "new")));
  for (const std::string& note : observer_.notes)
    EXPECT_EQ(note.find("host"), std::string::npos) << note;
  environment_.hostname = "another";
  observer_.notes.clear();
  static_cast<void>(restore(instance_at(root() / "other")));
  ASSERT_GE(observer_.notes.size(), 2U);
  EXPECT_NE(observer_.notes[0].find("is of host testhost"), std::string::npos)
      << observer_.notes[0];
  EXPECT_NE(observer_.notes[1].find("shop of host testhost"), std::string::npos)
      << observer_.notes[1];
}

TEST_F(RestoreTest, FindsTheSnapshotOfAnotherName) {
  model::Instance target = instance_at(root() / "new");
  target.name = "shop-copy";
  static_cast<void>(restore(target));
  expect_restored(root() / "new");
  model::Instance second = instance_at(source());
  second.name = "second";
  static_cast<void>(back_up(second));
  target = instance_at(root() / "other");
  target.name = "shop-copy";
  EXPECT_EQ(restore_error(target), Errc::usage);
  EXPECT_NE(message_.find("second, shop"), std::string::npos) << message_;
  EXPECT_EQ(restore_error(target, snapshot_.short_hex()), std::nullopt) << message_;
  EXPECT_EQ(restore_error(target, "ffffffff"), Errc::not_found);
}

TEST_F(RestoreTest, StopsAReplacedApplicationAndStartsIt) {
  change_source();
  options_.replace = true;
  model::Instance target = instance_at(source());
  target.quiesce.stop = shell(mark("stopped"));
  target.quiesce.start = shell(mark("started"));
  target.hooks.before_restore = {shell(mark("before"))};
  target.hooks.after_restore = {shell(mark("after"))};
  target.hooks.on_error = {shell(mark("failed"))};
  static_cast<void>(restore(target));
  EXPECT_EQ(marks(), "before\nstopped\nstarted\nafter\n");

  fs::remove(root() / "marks");
  static_cast<void>(falsify_database(snapshot_, "DELETE FROM log;"));
  for (const std::string& name : kept_in(source())) fs::remove_all(source() / name);
  for (const std::string& name : kept_in(source() / "db")) fs::remove(source() / "db" / name);
  EXPECT_EQ(restore_error(target), Errc::differs) << message_;
  EXPECT_EQ(marks(), "before\nstopped\nstarted\nfailed\n");
  expect_restored(source());
  EXPECT_TRUE(journals_are_gone());
}

TEST_F(RestoreTest, LeavesAClonesApplicationAlone) {
  model::Instance target = instance_at(root() / "new");
  target.quiesce.stop = shell(mark("stopped"));
  target.quiesce.start = shell(mark("started"));
  static_cast<void>(restore(target));
  EXPECT_EQ(marks(), "");
}

TEST_F(RestoreTest, AFailingHookChangesNothing) {
  model::Instance target = instance_at(root() / "new");
  target.hooks.before_restore = {shell("exit 3")};
  EXPECT_EQ(restore_error(target), Errc::failed_child);
  EXPECT_FALSE(fs::exists(root() / "new"));
}

class ImportTest : public RestoreTest {
 protected:
  std::optional<Errc> import(const std::vector<fs::path>& sources, const model::Instance& target) {
    return error_of(
        [&] {
          report_ = import_instance(environment_, sources, target, options_, observer_, stop_);
        },
        &message_);
  }
  InstanceRestoreReport report_;
};

TEST_F(ImportTest, LoadsAnExportIntoAFreshPlace) {
  static_cast<void>(export_instance(environment_, instance_at(source()), root() / "export", {},
                                    observer_, stop_));
  EXPECT_EQ(import({root() / "export"}, instance_at(root() / "new")), std::nullopt) << message_;
  expect_restored(root() / "new");
  EXPECT_EQ(listing(root() / "new"), listing(source()));
}

TEST_F(ImportTest, NoticesALostFileOfAnExport) {
  static_cast<void>(export_instance(environment_, instance_at(source()), root() / "export", {},
                                    observer_, stop_));
  fs::remove(root() / ("export/files/uploads" + source().string() + "/files/sub/c.txt"));
  EXPECT_EQ(import({root() / "export"}, instance_at(root() / "new")), Errc::blocked);
  EXPECT_TRUE(observer_.found("source-differs", "uploads"));
  EXPECT_FALSE(fs::exists(root() / "new"));
}

TEST_F(ImportTest, LoadsADatabaseFile) {
  run_sql(root() / "orders.db", "CREATE TABLE t(x); INSERT INTO t VALUES(1),(2);");
  EXPECT_EQ(import({root() / "orders.db"}, instance_at(root() / "new")), std::nullopt) << message_;
  EXPECT_EQ(ask(root() / "new/db/orders.db", "SELECT sum(x) FROM t"), "3");
  ASSERT_EQ(report_.databases.size(), 1U);
  EXPECT_NE(report_.databases[0].find("1 table, 2 rows"), std::string::npos)
      << report_.databases[0];
  ASSERT_EQ(report_.manifest.databases.size(), 1U);
}

TEST_F(ImportTest, MustKnowWhichDatabaseAFileIs) {
  model::Instance target = instance_at(root() / "new");
  target.databases.push_back(target.databases[0]);
  target.databases[1].name = "stock";
  target.databases[1].uri = "sqlite:" + (root() / "new/db/stock.db").string();
  run_sql(root() / "one.db", "CREATE TABLE t(x);");
  EXPECT_EQ(import({root() / "one.db"}, target), Errc::usage);
  run_sql(root() / "stock.db", "CREATE TABLE u(x);");
  EXPECT_EQ(import({root() / "stock.db"}, target), std::nullopt) << message_;
  EXPECT_TRUE(fs::exists(root() / "new/db/stock.db"));
  EXPECT_FALSE(fs::exists(root() / "new/db/orders.db"));
  fs::remove_all(root() / "new");
  EXPECT_EQ(import({root() / "one.db", root() / "stock.db"}, target), std::nullopt) << message_;
  EXPECT_EQ(ask(root() / "new/db/orders.db", "SELECT count(*) FROM t"), "0");
}

TEST_F(ImportTest, RefusesWhatNoEngineKnows) {
  write(root() / "notes.txt", "hello");
  EXPECT_EQ(import({root() / "notes.txt"}, instance_at(root() / "new")), Errc::unsupported);
  EXPECT_EQ(import({root() / "missing"}, instance_at(root() / "new")), Errc::not_found);
  EXPECT_EQ(import({source()}, instance_at(root() / "new")), Errc::not_found);
}

}  // namespace
}  // namespace holdfast::job
