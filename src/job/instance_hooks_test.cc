// SPDX-License-Identifier: Apache-2.0
// [hooks]: which run when, and what becomes of a job whose hook fails.
#include <gtest/gtest.h>

#include <functional>

#include "base/error.h"
#include "job/instance_restore.h"
#include "job/journal.h"
#include "job/test_instance.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

class HooksTest : public InstanceTest {
 protected:
  [[nodiscard]] std::vector<std::string> mark(const std::string& word,
                                              const std::string& more = "") const {
    return {"/bin/sh", "-c", "echo " + word + " >> " + (root() / "marks").string() + more};
  }
  [[nodiscard]] std::string marks() const {
    std::error_code missing;
    return fs::exists(root() / "marks", missing) ? read(root() / "marks") : "";
  }
  // The shop with a hook of each kind.
  [[nodiscard]] model::Instance hooked(const fs::path& base) const {
    model::Instance instance = instance_at(base);
    instance.hooks.before_backup = {mark("before_backup")};
    instance.hooks.after_backup = {mark("after_backup")};
    instance.hooks.before_restore = {mark("before_restore")};
    instance.hooks.after_restore = {mark("after_restore")};
    instance.hooks.on_error = {mark("on_error")};
    return instance;
  }
  InstanceBackupReport backup(const model::Instance& instance) {
    return backup_instance(environment_, alone_, instance, {}, observer_, stop_);
  }
  InstanceRestoreReport restore(const model::Instance& instance) {
    return restore_instance(environment_, alone_, "latest", instance, {}, observer_, stop_);
  }
  // The marks left by a backup that ends with this error.
  std::string marks_of_failure(Errc code, const std::function<void()>& job) {
    fs::remove(root() / "marks");
    EXPECT_EQ(error_of(job, &message_), code) << message_;
    return marks();
  }

  TestObserver observer_;
  std::string message_;
};

TEST_F(HooksTest, RunAroundABackupAndARestore) {
  EXPECT_FALSE(backup(hooked(source())).hook_failure);
  EXPECT_EQ(marks(), "before_backup\nafter_backup\n");
  fs::remove(root() / "marks");
  EXPECT_FALSE(restore(hooked(root() / "new")).hook_failure);
  EXPECT_EQ(marks(), "before_restore\nafter_restore\n");
}

TEST_F(HooksTest, AfterABackupDoNotHideItsReport) {
  model::Instance instance = hooked(source());
  instance.hooks.after_backup = {mark("after_backup", "; echo no way >&2; exit 4")};
  const InstanceBackupReport report = backup(instance);
  EXPECT_TRUE(report.snapshot);
  EXPECT_EQ(report.manifest.databases.size(), 1U);
  ASSERT_TRUE(report.hook_failure);
  EXPECT_EQ(report.hook_failure->code(), Errc::failed_child);
  EXPECT_NE(report.hook_failure->message().find("hook after_backup failed"), std::string::npos)
      << report.hook_failure->message();
  EXPECT_EQ(marks(), "before_backup\nafter_backup\non_error\n");
  // It is as good as any.
  EXPECT_EQ(restore(instance_at(root() / "new")).databases.size(), 1U);
}

TEST_F(HooksTest, AfterAnExportDoNotTakeItAway) {
  model::Instance instance = hooked(source());
  instance.hooks.after_backup = {{"/bin/false"}};
  const InstanceBackupReport report =
      export_instance(environment_, instance, root() / "out", {}, observer_, stop_);
  EXPECT_TRUE(report.hook_failure);
  EXPECT_TRUE(fs::exists(root() / "out/holdfast.json"));
}

TEST_F(HooksTest, AfterARestoreDoNotUndoIt) {
  static_cast<void>(back_up(instance_at(source())));
  model::Instance target = hooked(root() / "new");
  target.hooks.after_restore = {mark("after_restore", "; exit 4")};
  const InstanceRestoreReport report = restore(target);
  ASSERT_TRUE(report.hook_failure);
  EXPECT_NE(report.hook_failure->message().find("after_restore"), std::string::npos);
  EXPECT_EQ(report.databases.size(), 1U);
  EXPECT_EQ(read(root() / "new/files/a.txt"), "alpha");
  EXPECT_EQ(marks(), "before_restore\nafter_restore\non_error\n");
  EXPECT_TRUE(journals_are_gone());
}

TEST_F(HooksTest, OnErrorRunForBlockersToo) {
  model::Instance instance = hooked(source());
  instance.files[0].paths = {(source() / "missing").string()};
  EXPECT_EQ(marks_of_failure(Errc::blocked, [&] { static_cast<void>(backup(instance)); }),
            "on_error\n");
  EXPECT_EQ(marks_of_failure(Errc::blocked,
                             [&] {
                               static_cast<void>(export_instance(
                                   environment_, instance, root() / "out", {}, observer_, stop_));
                             }),
            "on_error\n");
  static_cast<void>(back_up(instance_at(source())));
  EXPECT_EQ(marks_of_failure(Errc::blocked, [&] { static_cast<void>(restore(hooked(source()))); }),
            "on_error\n");
}

TEST_F(HooksTest, OnErrorRunWhereTheRepositoryCannotBeOpened) {
  access_.location = alone_.location = (root() / "nowhere").string();
  EXPECT_EQ(
      marks_of_failure(Errc::no_repository, [&] { static_cast<void>(backup(hooked(source()))); }),
      "on_error\n");
  EXPECT_EQ(
      marks_of_failure(Errc::no_repository, [&] { static_cast<void>(restore(hooked(source()))); }),
      "on_error\n");
}

TEST_F(HooksTest, OnErrorRunForAWrongPasswordUnlessItMayBeTypedAgain) {
  alone_.password = std::make_shared<const Secret>(std::string("wrong"));
  const auto job = [&] { static_cast<void>(backup(hooked(source()))); };
  EXPECT_EQ(marks_of_failure(Errc::wrong_password, job), "on_error\n");
  alone_.password_typed = true;
  EXPECT_EQ(marks_of_failure(Errc::wrong_password, job), "");
}

TEST_F(HooksTest, OnErrorRunWhenABeforeHookFails) {
  model::Instance instance = hooked(source());
  instance.hooks.before_backup = {mark("before_backup", "; exit 1")};
  EXPECT_EQ(marks_of_failure(Errc::failed_child, [&] { static_cast<void>(backup(instance)); }),
            "before_backup\non_error\n");
}

TEST_F(HooksTest, OnErrorDoNotRunForBadUsageNorForAnotherJobsInstance) {
  EXPECT_EQ(marks_of_failure(Errc::usage,
                             [&] {
                               static_cast<void>(import_instance(environment_, {}, hooked(source()),
                                                                 {}, observer_, stop_));
                             }),
            "");
  const InstanceLock other(environment_.state_directory, "shop");
  EXPECT_EQ(marks_of_failure(Errc::locked, [&] { static_cast<void>(backup(hooked(source()))); }),
            "");
}

TEST_F(HooksTest, AFailureOfOnErrorDoesNotHideWhatWentWrong) {
  model::Instance instance = hooked(source());
  instance.files[0].paths = {(source() / "missing").string()};
  instance.hooks.on_error = {{"/no/such/program"}};
  EXPECT_EQ(error_of([&] { static_cast<void>(backup(instance)); }), Errc::blocked);
  ASSERT_EQ(observer_.warnings.size(), 1U);
  EXPECT_NE(observer_.warnings[0].find("/no/such/program"), std::string::npos)
      << observer_.warnings[0];
}

}  // namespace
}  // namespace holdfast::job
