// SPDX-License-Identifier: Apache-2.0
// [quiesce]: an application that ends some time after its stop command has returned, as Tomcat's
// `catalina.sh stop` does.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>

#include "base/error.h"
#include "base/fd.h"
#include "engine/embedded/file_lock.h"
#include "engine/embedded/test_places.h"
#include "engine/h2/test_store.h"
#include "job/hooks.h"
#include "job/instance_restore.h"
#include "job/journal.h"
#include "job/migrate.h"
#include "job/test_instance.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;
using engine::embedded::Locker;

class QuiesceTest : public InstanceTest {
 protected:
  // An application with one H2 database, which it has open. What passes for the driver is none, so
  // that the database is copied as a file whatever this machine has.
  [[nodiscard]] model::Instance shop_at(const fs::path& base, const std::string& name = "shop") {
    fs::create_directories(base);
    write(root() / "none.jar", "");
    model::Instance instance;
    instance.name = name;
    instance.file = name + ".toml";
    instance.restore_role = model::RestoreRole::replacement;
    model::DatabaseSettings database;
    database.name = "db";
    database.engine = "h2";
    database.uri = "h2:" + (base / "db.mv.db").string();
    database.options["driver"] = (root() / "none.jar").string();
    instance.databases.push_back(database);
    instance.quiesce.stop = shell("touch " + asked().string() + "; " + mark("stop"));
    instance.quiesce.start = shell(mark("start"));
    instance.quiesce.when = model::QuiesceWhen::needed;
    return instance;
  }
  void make_database(const fs::path& base) {
    write_file_durably(base / "db.mv.db", engine::h2::TestStore().bytes(), 0644);
  }
  static std::vector<std::string> shell(const std::string& line) { return {"/bin/sh", "-c", line}; }
  [[nodiscard]] std::string mark(const std::string& word) const {
    return "echo " + word + " >> " + (root() / "marks").string();
  }
  [[nodiscard]] std::string marks() const { return read(root() / "marks"); }
  [[nodiscard]] fs::path asked() const { return root() / "asked"; }

  TestObserver observer_;
};

TEST_F(QuiesceTest, WaitsForTheLocksOfAnApplicationThatIsStillEnding) {
  const fs::path lock = root() / ".lock";
  write(lock, "");
  const Locker application(lock, asked());
  const model::Instance instance = shop_at(root() / "app");
  const auto journal = Journal::begin(environment_.state_directory, "shop", "backup", {});
  {
    Quiesced quiesced(instance, {root() / "missing", lock}, *journal, observer_, {});
    EXPECT_FALSE(engine::embedded::who_locks(lock));
    quiesced.start();
  }
  EXPECT_EQ(marks(), "stop\nstart\n");
  journal->close();
}

TEST_F(QuiesceTest, NamesAnApplicationThatRunsOnAndStartsItAgain) {
  const fs::path lock = root() / ".lock";
  write(lock, "");
  const Locker application(lock, root() / "never");
  model::Instance instance = shop_at(root() / "app");
  instance.quiesce.timeout = std::chrono::seconds(2);
  const auto journal = Journal::begin(environment_.state_directory, "shop", "backup", {});
  try {
    const Quiesced quiesced(instance, {lock}, *journal, observer_, {});
    FAIL() << "the application runs";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::failed_child);
    const std::string pid = "pid " + std::to_string(application.pid());
    EXPECT_NE(error.message().find(pid), std::string::npos) << error.message();
    EXPECT_NE(error.message().find(lock.string()), std::string::npos) << error.message();
    EXPECT_FALSE(error.hint().empty());
  }
  EXPECT_EQ(marks(), "stop\nstart\n");
  journal->close();
}

TEST_F(QuiesceTest, AnInterruptionEndsTheWait) {
  const fs::path lock = root() / ".lock";
  write(lock, "");
  const Locker application(lock, root() / "never");
  const model::Instance instance = shop_at(root() / "app");
  const auto journal = Journal::begin(environment_.state_directory, "shop", "backup", {});
  std::jthread interrupter([&] {
    while (!fs::exists(root() / "marks")) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    stop_.request_stop();
  });
  EXPECT_EQ(error_of([&] { Quiesced(instance, {lock}, *journal, observer_, stop_.get_token()); }),
            Errc::cancelled);
  journal->close();
}

TEST_F(QuiesceTest, ABackupWaitsForTheDatabasesOfAnApplicationThatIsStillEnding) {
  const model::Instance instance = shop_at(root() / "app");
  make_database(root() / "app");
  const Locker application(root() / "app/db.mv.db", asked());
  static_cast<void>(back_up(instance));
  EXPECT_EQ(marks(), "stop\nstart\n");
}

TEST_F(QuiesceTest, ARestoreWaitsForTheDatabasesOfAnApplicationThatIsStillEnding) {
  const model::Instance instance = shop_at(root() / "app");
  make_database(root() / "app");
  static_cast<void>(back_up(instance));
  const Locker application(root() / "app/db.mv.db", asked());
  InstanceRestoreOptions options;
  options.replace = true;
  const InstanceRestoreReport report =
      restore_instance(environment_, alone_, "latest", instance, options, observer_, stop_);
  EXPECT_EQ(report.kept.size(), 1U);
  EXPECT_EQ(marks(), "stop\nstart\n");
}

TEST_F(QuiesceTest, AMigrationWaitsForTheDatabasesOfAnApplicationThatIsStillEnding) {
  const model::Instance from = shop_at(root() / "app");
  make_database(root() / "app");
  const Locker application(root() / "app/db.mv.db", asked());
  const model::Instance to = shop_at(root() / "new", "new");
  static_cast<void>(migrate_instance(environment_, from, to, {}, observer_, stop_));
  EXPECT_EQ(marks(), "stop\nstart\n");
  EXPECT_TRUE(fs::exists(root() / "new/db.mv.db"));
}

}  // namespace
}  // namespace holdfast::job
