// SPDX-License-Identifier: Apache-2.0
// What a backup does between job and engine; the verbs that read its snapshots test the rest.
#include "job/instance_backup.h"

#include <gtest/gtest.h>

#include <thread>

#include "job/instance_steps.h"
#include "job/journal.h"
#include "job/test_instance.h"

namespace holdfast::job {
namespace {

using namespace std::chrono_literals;

// Whenever it is asked, 700 ms have passed.
class SlowClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() override { return system_clock().now(); }
  [[nodiscard]] std::chrono::steady_clock::time_point steady() override {
    passed_ += 700ms;
    return system_clock().steady() + passed_;
  }

 private:
  std::chrono::milliseconds passed_{0};
};

class BackupTest : public InstanceTest {
 protected:
  BackupTest() {
    run_sql(source() / "db/stock.db", "CREATE TABLE stock(item TEXT, count INT)");
    model::DatabaseSettings stock = instance_.databases.front();
    stock.name = "stock";
    stock.uri = "sqlite:" + (source() / "db/stock.db").string();
    instance_.databases.push_back(stock);
  }
  InstanceBackupReport back_up() {
    return backup_instance(environment_, alone_, instance_, {}, observer_, stop_);
  }

  model::Instance instance_ = instance_at(source());
  TestObserver observer_;
};

TEST(WhatMoved, IsTheFirstThingThatIsNotAsItWas) {
  const std::string before = "/a/x.xml\t12\n/b\t34\nworkspace dam\tis there\n";
  EXPECT_EQ(what_moved(before, before), "");
  EXPECT_EQ(what_moved(before, "/a/x.xml\t12\n/b\t35\nworkspace dam\tis there\n"), "/b");
  EXPECT_EQ(what_moved(before, "/a/x.xml\t12\n/b\t34\n"), "workspace dam");
  EXPECT_EQ(what_moved("", "/c\tnew"), "/c");
}

TEST_F(BackupTest, SaysWhenTheFenceLastedTooLong) {
  instance_.limits.fence_ms = 60'000;  // by a real clock
  EXPECT_LE(back_up().manifest.fence_held_ms, instance_.limits.fence_ms);
  EXPECT_FALSE(observer_.found("fence-too-long"));
  instance_.limits.fence_ms = 500;
  SlowClock slow;
  environment_.clock = &slow;
  const InstanceBackupReport report = back_up();
  EXPECT_TRUE(report.manifest.fenced);
  EXPECT_GE(report.manifest.fence_held_ms, 700U);
  ASSERT_TRUE(observer_.found("fence-too-long"));
  const std::string held = std::to_string(report.manifest.fence_held_ms) + " ms";
  EXPECT_NE(observer_.findings.back().seen.find(held), std::string::npos);
  EXPECT_NE(observer_.findings.back().seen.find("500"), std::string::npos);
  EXPECT_EQ(report.manifest.findings.back().code, "fence-too-long");
}

// Leavings of an export that nobody can remove.
TEST_F(BackupTest, GoesOnThoughLeavingsCannotBeRemoved) {
  {
    const auto journal = Journal::begin(environment_.state_directory, "shop", "export", {});
    journal->announce("scratch", "made /proc/self",
                      Json().set("path", "/proc/self").set("parent", nullptr));
  }
  const auto guardian_is_done = [&] {
    const FoundJournal found = find_journals(environment_.state_directory).at(0);
    return !found.alive && !found.entries.at(0).failure.empty();
  };
  for (int i = 0; i < 2000 && !guardian_is_done(); ++i) std::this_thread::sleep_for(10ms);
  ASSERT_TRUE(guardian_is_done());
  EXPECT_TRUE(back_up().snapshot.has_value());
  ASSERT_FALSE(observer_.warnings.empty());
  EXPECT_NE(observer_.warnings[0].find("/proc/self"), std::string::npos) << observer_.warnings[0];
  ASSERT_TRUE(observer_.found("journal-left"));
  const auto left =
      std::find_if(observer_.findings.begin(), observer_.findings.end(),
                   [](const model::Finding& one) { return one.code == "journal-left"; });
  EXPECT_EQ(left->severity, model::Severity::warning);
  const ResumeReport report = resume(environment_.state_directory, "", {});
  EXPECT_TRUE(report.failed.empty());
  EXPECT_EQ(report.left.size(), 1U);
}

TEST_F(BackupTest, StopsCapturing) {
  instance_.databases.pop_back();
  Connection application(source() / "db/orders.db", engine::sqlite::Access::read_write);
  observer_.on_phase = [&](std::string_view name) {
    if (name != "capturing") return;
    application.run("BEGIN EXCLUSIVE");  // which would be waited for, for half a minute
    stop_.request_stop();
  };
  EXPECT_EQ(error_of([&] { static_cast<void>(back_up()); }), Errc::cancelled);
  EXPECT_NO_THROW(application.run("DELETE FROM orders; COMMIT")) << "something is still locked";
}

}  // namespace
}  // namespace holdfast::job
