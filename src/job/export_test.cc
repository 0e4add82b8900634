// SPDX-License-Identifier: Apache-2.0
// export: what is impossible is refused before anything is copied or stopped.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/error.h"
#include "job/export_target.h"
#include "job/instance_backup.h"
#include "job/test_instance.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

class ExportTest : public InstanceTest {
 protected:
  // The shop, whose application leaves a mark when it is stopped, and whose hooks do too.
  [[nodiscard]] model::Instance marked() const {
    model::Instance instance = instance_at(source());
    const std::string mark = " >> " + (root() / "marks").string();
    instance.quiesce.stop = {"/bin/sh", "-c", "echo stopped" + mark};
    instance.quiesce.start = {"/bin/sh", "-c", "echo started" + mark};
    instance.quiesce.when = model::QuiesceWhen::always;
    instance.hooks.before_backup = {{"/bin/sh", "-c", "echo before" + mark}};
    return instance;
  }
  std::optional<Errc> export_error(const fs::path& target) {
    return export_error(target, marked());
  }
  std::optional<Errc> export_error(const fs::path& target, const model::Instance& instance) {
    TestObserver observer;
    message_.clear();
    return error_of(
        [&] {
          static_cast<void>(export_instance(environment_, instance, target, {}, observer, stop_));
        },
        &message_);
  }
  // Refused with this error, which names this, and nothing was touched.
  void expect_refused(const fs::path& target, Errc code, const std::string& named) {
    const std::vector<std::string> before = listing(source());
    EXPECT_EQ(export_error(target), code) << target;
    EXPECT_NE(message_.find(named), std::string::npos) << message_;
    EXPECT_FALSE(fs::exists(root() / "marks")) << "something was stopped for " << target;
    EXPECT_EQ(listing(source()), before);
  }

  std::string message_;
};

TEST_F(ExportTest, GoesIntoANewOrEmptyDirectory) {
  EXPECT_EQ(export_error(root() / "new"), std::nullopt) << message_;
  fs::create_directory(root() / "empty");
  EXPECT_EQ(export_error((root() / "empty").string() + "/"), std::nullopt) << message_;
  fs::create_directory_symlink(root(), root() / "link");
  EXPECT_EQ(export_error(root() / "link/other"), std::nullopt) << message_;
  for (const char* name : {"new", "empty", "other"})
    EXPECT_TRUE(fs::exists(root() / name / "holdfast.json")) << name;
}

TEST_F(ExportTest, RefusesATargetInWhatIsCopied) {
  expect_refused(source() / "files/out", Errc::usage, "uploads");
  expect_refused(source() / "files/sub/out", Errc::usage, (source() / "files").string());
  fs::create_directory_symlink(source() / "files/sub", root() / "link");
  expect_refused(root() / "link/out", Errc::usage, (source() / "files").string());
}

TEST_F(ExportTest, RefusesATargetThatIsWhatIsCopied) {
  fs::remove_all(source() / "files");
  fs::create_directory(source() / "files");
  expect_refused(source() / "files", Errc::usage, "uploads");
}

TEST_F(ExportTest, RefusesATargetAboveWhatIsCopied) {
  model::Instance instance = marked();
  instance.files[0].paths = {(root() / "void/files").string()};
  instance.accepts.push_back({"path-missing", "", "not there yet", ""});
  fs::create_directory(root() / "void");
  EXPECT_EQ(export_error(root() / "void", instance), Errc::usage);
  EXPECT_NE(message_.find("uploads"), std::string::npos) << message_;
  EXPECT_FALSE(fs::exists(root() / "marks"));
}

TEST_F(ExportTest, MayGoIntoAPartThatIsExcluded) {
  model::Instance instance = marked();
  fs::create_directories(source() / "files/exports/day");
  instance.files[0].exclude = {"exports"};
  EXPECT_EQ(export_error(source() / "files/exports/day/out", instance), std::nullopt) << message_;
  EXPECT_FALSE(fs::exists(source() / "files/exports/day/out/files/uploads" /
                          (source() / "files/exports").relative_path()));
}

TEST_F(ExportTest, RefusesWhatCannotBeReplaced) {
  write(root() / "file", "text");
  expect_refused(root() / "file", Errc::exists, "no directory");
  expect_refused(source(), Errc::exists, "not empty");
  fs::create_directory(root() / "full");
  write(root() / "full/file", "text");
  expect_refused(root() / "full", Errc::exists, "not empty");
  fs::create_directory(root() / "elsewhere");
  fs::create_directory_symlink(root() / "elsewhere", root() / "link");
  expect_refused(root() / "link", Errc::exists, "symbolic link");
  expect_refused("/proc", Errc::exists, "mount point");
  expect_refused("/", Errc::usage, "/");
}

TEST_F(ExportTest, RefusesAPlaceInNoDirectory) {
  expect_refused(root() / "missing/out", Errc::not_found, (root() / "missing").string());
  EXPECT_FALSE(fs::exists(root() / "missing"));
  write(root() / "file", "text");
  expect_refused(root() / "file/out", Errc::not_found, "no directory");
}

// Becomes nobody for a while, if it is root, whom no mode stops.
class Nobody {
 public:
  Nobody() {
    if (::geteuid() == 0) static_cast<void>(::seteuid(65534));
  }
  ~Nobody() {
    if (::getuid() == 0) static_cast<void>(::seteuid(0));
  }
  Nobody(const Nobody&) = delete;
  Nobody& operator=(const Nobody&) = delete;
};

TEST(ExportTarget, MayBeWrittenToByThisUser) {
  const TemporaryDirectory directory("export-test");
  fs::permissions(directory.path(), fs::perms(0755));
  fs::create_directory(directory.path() / "closed");
  fs::permissions(directory.path() / "closed", fs::perms(0555));
  fs::create_directory(directory.path() / "sticky");
  fs::create_directory(directory.path() / "sticky/theirs");
  fs::permissions(directory.path() / "sticky", fs::perms(01777));
  const auto refusal = [&](const char* name) -> std::optional<Errc> {
    const Nobody nobody;
    return error_of([&] { static_cast<void>(check_export_target(directory.path() / name)); });
  };
  EXPECT_EQ(refusal("closed/out"), Errc::denied);
  EXPECT_EQ(refusal("sticky/out"), std::nullopt);
  if (::geteuid() == 0) {
    EXPECT_EQ(refusal("sticky/theirs"), Errc::denied);
  }
}

}  // namespace
}  // namespace holdfast::job
