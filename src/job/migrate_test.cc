// SPDX-License-Identifier: Apache-2.0
// migrate: what is done to the source and to the target, in which order, and what is not done if
// something fails. The databases are SQLite's; servers are tests/integration's.
#include "job/migrate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>

#include "base/error.h"
#include "job/test_instance.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

class MigrateTest : public InstanceTest {
 protected:
  [[nodiscard]] std::vector<std::string> mark(const std::string& word,
                                              const std::string& more = "") const {
    return {
        "/bin/sh", "-c",
        "echo " + word + " >> " + (root() / "marks").string() + (more.empty() ? "" : "; ") + more};
  }
  // The marks so far, which are then forgotten.
  [[nodiscard]] std::string marks() const {
    std::error_code missing;
    if (!fs::exists(root() / "marks", missing)) return "";
    const std::string text = read(root() / "marks");
    fs::remove(root() / "marks");
    return text;
  }
  // The shop at a place, with a hook of each kind.
  [[nodiscard]] model::Instance hooked(const fs::path& base, const std::string& side) const {
    model::Instance instance = instance_at(base);
    instance.file = side + ".toml";
    instance.hooks.before_backup = {mark(side + " before_backup")};
    instance.hooks.after_backup = {mark(side + " after_backup")};
    instance.hooks.before_restore = {mark(side + " before_restore")};
    instance.hooks.after_restore = {mark(side + " after_restore")};
    instance.hooks.on_error = {mark(side + " on_error")};
    return instance;
  }
  // The source, which writes its last words as it is stopped, and others when it starts again.
  [[nodiscard]] model::Instance stoppable() const {
    model::Instance instance = hooked(source(), "old");
    const std::string word = "> " + (source() / "files/a.txt").string();
    instance.quiesce.stop = mark("stop", "printf stopped " + word);
    instance.quiesce.start = mark("start", "printf started " + word);
    return instance;
  }
  [[nodiscard]] model::Instance target() const { return hooked(root() / "new", "new"); }
  InstanceRestoreReport migrate(const model::Instance& from, const model::Instance& to,
                                const InstanceRestoreOptions& options = {}) {
    return migrate_instance(environment_, from, to, options, observer_, stop_);
  }
  [[nodiscard]] bool target_is_untouched() const { return !fs::exists(root() / "new"); }

  TestObserver observer_;
  std::string message_;
};

TEST_F(MigrateTest, RunsTheHooksOfBothSidesInOrder) {
  const InstanceRestoreReport report = migrate(hooked(source(), "old"), target());
  EXPECT_FALSE(report.hook_failure);
  EXPECT_EQ(marks(),
            "old before_backup\nnew before_restore\nold after_backup\nnew after_restore\n");
  EXPECT_EQ(read(root() / "new/files/a.txt"), "alpha");
  EXPECT_EQ(ask(root() / "new/db/orders.db", "SELECT count(*) FROM orders"), "3");
  EXPECT_FALSE(report.manifest.quiesced);
}

TEST_F(MigrateTest, CopiesAnApplicationWhileItIsStopped) {
  const InstanceRestoreReport report = migrate(stoppable(), target());
  EXPECT_EQ(marks(),
            "old before_backup\nstop\nnew before_restore\nstart\n"
            "old after_backup\nnew after_restore\n");
  EXPECT_EQ(read(root() / "new/files/a.txt"), "stopped");
  EXPECT_EQ(read(source() / "files/a.txt"), "started");
  EXPECT_TRUE(report.manifest.quiesced);
  EXPECT_TRUE(journals_are_gone());
}

// The moment of databases is fixed at once.
TEST_F(MigrateTest, StartsTheApplicationAsSoonAsNothingOfItIsNeeded) {
  InstanceRestoreOptions options;
  options.components = {"orders"};
  static_cast<void>(migrate(stoppable(), target(), options));
  EXPECT_EQ(marks(),
            "old before_backup\nstop\nstart\nnew before_restore\n"
            "old after_backup\nnew after_restore\n");
}

TEST_F(MigrateTest, StopsNothingThatNeedNotBeStopped) {
  model::Instance from = stoppable();
  from.quiesce.when = model::QuiesceWhen::needed;
  static_cast<void>(migrate(from, target()));
  EXPECT_EQ(marks(),
            "old before_backup\nnew before_restore\nold after_backup\nnew after_restore\n");
}

// A database that somebody keeps to himself can only be copied once he is stopped.
TEST_F(MigrateTest, StopsWhatCannotBeCopiedOtherwise) {
  model::Instance from = stoppable();
  from.quiesce.when = model::QuiesceWhen::needed;
  std::optional<Connection> application(std::in_place, source() / "db/orders.db", create);
  application->run("BEGIN EXCLUSIVE");
  from.quiesce.stop = mark("stop");
  // It hears of it at once.
  observer_.on_phase = [&](std::string_view name) {
    if (name == "stopping the application") application.reset();
  };
  static_cast<void>(migrate(from, target()));
  EXPECT_TRUE(observer_.found("sqlite-held-exclusively"));
  EXPECT_NE(marks().find("stop\n"), std::string::npos);
  EXPECT_EQ(ask(root() / "new/db/orders.db", "SELECT count(*) FROM orders"), "3");
}

TEST_F(MigrateTest, TellsOfATargetThatRefusesBeforeTheApplicationIsTouched) {
  fs::create_directories(root() / "new/db");
  run_sql(root() / "new/db/orders.db", "CREATE TABLE mine(a)");
  EXPECT_EQ(error_of([&] { static_cast<void>(migrate(stoppable(), target())); }), Errc::blocked);
  EXPECT_TRUE(observer_.found("target-not-empty", "orders"));
  EXPECT_EQ(marks(), "old on_error\nnew on_error\n");
  EXPECT_EQ(read(source() / "files/a.txt"), "alpha");
  EXPECT_FALSE(fs::exists(root() / "new/files"));
}

// It is told once, though it is looked at again when the source is held.
TEST_F(MigrateTest, TellsEachFindingOfTheTargetOnce) {
  fs::create_directories(root() / "elsewhere");
  fs::create_directories(root() / "new");
  fs::create_directory_symlink(root() / "elsewhere", root() / "new/files");
  InstanceRestoreOptions options;
  options.replace = true;
  const InstanceRestoreReport report = migrate(stoppable(), target(), options);
  EXPECT_EQ(std::count_if(observer_.findings.begin(), observer_.findings.end(),
                          [](const auto& one) { return one.code == "target-symlink"; }),
            1);
  EXPECT_EQ(report.findings.size(), 1U);
}

TEST_F(MigrateTest, IsKeptBackByAFailingHookOfTheSource) {
  model::Instance from = stoppable();
  from.hooks.before_backup = {mark("old before_backup", "exit 1")};
  EXPECT_EQ(error_of([&] { static_cast<void>(migrate(from, target())); }), Errc::failed_child);
  EXPECT_EQ(marks(), "old before_backup\nold on_error\nnew on_error\n");
  EXPECT_TRUE(target_is_untouched());

  from = stoppable();
  from.quiesce.stop = mark("stop", "exit 1");
  EXPECT_EQ(error_of([&] { static_cast<void>(migrate(from, target())); }), Errc::failed_child);
  EXPECT_EQ(marks(), "old before_backup\nstop\nstart\nold on_error\nnew on_error\n");
  EXPECT_TRUE(target_is_untouched());
}

TEST_F(MigrateTest, DoesNotCutOverAfterAFailingHookOfTheSource) {
  model::Instance from = stoppable();
  from.hooks.after_backup = {mark("old after_backup", "exit 1")};
  const InstanceRestoreReport report = migrate(from, target());
  ASSERT_TRUE(report.hook_failure);
  EXPECT_EQ(report.hook_failure->code(), Errc::failed_child);
  EXPECT_EQ(marks(),
            "old before_backup\nstop\nnew before_restore\nstart\nold after_backup\n"
            "old on_error\nnew on_error\n");
  EXPECT_EQ(read(root() / "new/files/a.txt"), "stopped");
}

TEST_F(MigrateTest, StartsTheApplicationIfTheTargetFails) {
  model::Instance to = target();
  to.hooks.before_restore = {mark("new before_restore", "exit 1")};
  EXPECT_EQ(error_of([&] { static_cast<void>(migrate(stoppable(), to)); }), Errc::failed_child);
  EXPECT_EQ(marks(),
            "old before_backup\nstop\nnew before_restore\nstart\nold on_error\nnew on_error\n");
  EXPECT_TRUE(target_is_untouched());
  EXPECT_EQ(read(source() / "files/a.txt"), "started");
  EXPECT_TRUE(journals_are_gone());
}

// All has been done by then: the report says what, and nothing is cut over.
TEST_F(MigrateTest, StandsThoughTheApplicationDoesNotStartAgain) {
  model::Instance from = stoppable();
  const std::string tried = (root() / "tried").string();
  from.quiesce.start = mark("start", "test -e " + tried + " || { touch " + tried + "; exit 1; }");
  const InstanceRestoreReport report = migrate(from, target());
  ASSERT_TRUE(report.hook_failure);
  EXPECT_EQ(report.hook_failure->code(), Errc::failed_child);
  EXPECT_EQ(read(root() / "new/files/a.txt"), "stopped");
  // The guardian starts it, and what it did is told by the next job.
  const auto starts = [&] {
    const std::string all = read(root() / "marks");
    return all.find("start\n") == all.rfind("start\n") ? 1 : 2;
  };
  for (int i = 0; i < 3000 && starts() < 2; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(starts(), 2);
  const std::string marks = this->marks();
  EXPECT_TRUE(marks.starts_with("old before_backup\nstop\nnew before_restore\nstart\n")) << marks;
  EXPECT_NE(marks.find("old on_error\nnew on_error\n"), std::string::npos) << marks;
  EXPECT_EQ(marks.find("after_"), std::string::npos) << marks;
}

// A database that lies among the files is copied as a database, and its file is not opened beside
// its hold.
TEST_F(MigrateTest, LeavesOutOfFilesWhatIsExcludedAndWhatIsADatabase) {
  model::Instance from = hooked(source(), "old");
  from.files[0].paths = {source().string()};
  from.files[0].exclude = {"c.txt"};
  model::Instance to = target();
  to.files[0].paths = {(root() / "new").string()};
  run_sql(source() / "db/orders.db", "PRAGMA journal_mode = WAL");
  static_cast<void>(migrate(from, to));
  EXPECT_EQ(listing(root() / "new"),
            (std::vector<std::string>{"db", "db/orders.db", "files", "files/a.txt", "files/link",
                                      "files/sub", "files/sub/b.txt"}));
  EXPECT_EQ(ask(root() / "new/db/orders.db", "SELECT count(*) FROM orders"), "3");
}

TEST_F(MigrateTest, TellsOfAFailingCutOverToBothSides) {
  model::Instance to = target();
  to.hooks.after_restore = {mark("new after_restore", "exit 1")};
  const InstanceRestoreReport report = migrate(hooked(source(), "old"), to);
  ASSERT_TRUE(report.hook_failure);
  EXPECT_EQ(marks(),
            "old before_backup\nnew before_restore\nold after_backup\nnew after_restore\n"
            "old on_error\nnew on_error\n");
  EXPECT_EQ(read(root() / "new/files/a.txt"), "alpha");
}

}  // namespace
}  // namespace holdfast::job
