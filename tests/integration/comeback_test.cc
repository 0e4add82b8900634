// SPDX-License-Identifier: Apache-2.0
// Whatever happens to a backup that has stopped the application: the application comes back, once
// for each stop, and no snapshot tells of a copy that was not finished.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <string>
#include <tuple>

#include "harness/program.h"
#include "harness/shop.h"
#include "harness/sqlite_file.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

// Runs the product with storages that can be made to fail or wait (fault_main.cc) while the
// application is stopped.
class Comeback : public testing::Test {
 protected:
  Comeback() {
    fs::create_directory(place_ / "pause");
    // What the application writes before it goes down is all that is copied while it is stopped, so
    // that packs are stored exactly then.
    quiesce_ = shop_.quiesce(
        wait_point("stop") + "head -c 9000000 /dev/urandom > " + shop_.uploads().string() +
            "/last-words\n: > " + (place_ / "pause" / "armed").string(),
        wait_point("start") + "rm -f " + (place_ / "pause" / "armed").string());
    shop_.write_instance(quiesce_);
    environment_ = {{"HOLDFAST_TEST_ARMED", (place_ / "pause" / "armed").string()}};
    const Outcome first = shop_.back_up({"--pack-size=4"});
    EXPECT_EQ(first.exit_code, 0) << first.text();
    fs::remove(shop_.home() / "log");
    EXPECT_TRUE(shop_.runs());
  }
  ~Comeback() override {
    release("stop");
    release("start");
    release("hook");
    write_text(place_ / "pause" / "go", "");
    EXPECT_TRUE(eventually([&] { return place_.guardian() == 0; }));
  }

  // Lines of shell: if the file NAME-waits is there, say that we are here and wait for NAME-go.
  std::string wait_point(const std::string& name) {
    const std::string path = (place_ / name).string();
    return "if [ -e " + path + "-waits ]; then : > " + path + "-reached; n=0; while [ ! -e " +
           path + "-go ] && [ $n -lt 3000 ]; do sleep 0.01; n=$((n + 1)); done; fi\n";
  }
  void hold(const std::string& name) { write_text(place_ / (name + "-waits"), ""); }
  bool reached(const std::string& name) {
    return eventually([&] { return fs::exists(place_ / (name + "-reached")); });
  }
  void release(const std::string& name) { write_text(place_ / (name + "-go"), ""); }
  bool paused() {
    return eventually([&] { return fs::exists(place_ / "pause" / "paused"); });
  }

  Started begin(const Variables& more = {}) {
    RunOptions options;
    options.environment = environment_;
    options.environment.insert(more.begin(), more.end());
    return place_.start({"backup", "-I", shop_.instance_path(), "--pack-size=4"}, options);
  }
  // A backup that waits with its first pack while the application is stopped.
  Started begin_paused() {
    Started job = begin({{"HOLDFAST_TEST_PAUSE", "put:pack:" + (place_ / "pause").string()}});
    EXPECT_TRUE(paused());
    EXPECT_FALSE(shop_.runs());
    return job;
  }

  void expect_back(std::size_t stops) {
    EXPECT_TRUE(eventually([&] { return shop_.runs(); })) << "the application is down";
    EXPECT_TRUE(eventually([&] { return place_.guardian() == 0; }));
    EXPECT_EQ(shop_.logged("stop"), stops);
    EXPECT_EQ(shop_.logged("start"), stops) << "each stop is undone once";
    EXPECT_EQ(shop_.snapshots().size(), 1U) << "no snapshot of a failed run";
    // Nothing is left to put back, and the instance can be backed up.
    const Outcome nothing = place_.holdfast({"resume"});
    EXPECT_EQ(nothing.exit_code, 0) << nothing.text();
    EXPECT_EQ(shop_.logged("start"), stops);
    EXPECT_TRUE(fs::is_empty(place_.scratch())) << "a copy of a database stays behind";
    for (const char* name : {"stop", "start", "hook"})
      fs::remove(place_ / (std::string(name) + "-waits"));
    fs::remove(place_ / "pause" / "armed");
    const Outcome next = shop_.back_up();
    EXPECT_EQ(next.exit_code, 0) << next.text();
    EXPECT_TRUE(shop_.runs());
    EXPECT_EQ(shop_.snapshots().size(), 2U);
  }

  Place place_{HOLDFAST_FAULT_PROGRAM};
  Shop shop_{place_};
  std::string quiesce_;
  Variables environment_;
};

class Signals : public Comeback, public testing::WithParamInterface<int> {
 protected:
  void expect_ended(Started& job) {
    const Outcome outcome = job.wait();
    EXPECT_EQ(outcome.exit_code, GetParam() == SIGKILL ? 137 : 130) << outcome.text();
    if (GetParam() != SIGKILL) {
      EXPECT_TRUE(outcome.says("interrupted")) << outcome.text();
    }
  }
};

TEST_P(Signals, BeforeStopRan) {
  write_text(place_ / "hook.sh", wait_point("hook"));
  shop_.write_instance(quiesce_ + "[hooks]\nbefore_backup = [[\"/bin/sh\", \"" +
                       (place_ / "hook.sh").string() + "\"]]\n");
  hold("hook");
  Started job = begin();
  ASSERT_TRUE(reached("hook"));
  job.kill(GetParam());
  expect_ended(job);
  release("hook");
  expect_back(0);
}

TEST_P(Signals, WhileStopRuns) {
  hold("stop");
  Started job = begin();
  ASSERT_TRUE(reached("stop"));
  job.kill(GetParam());
  // After SIGKILL the stop command lives on and stops the application only now: the start must wait
  // for it.
  if (GetParam() == SIGKILL) {
    expect_ended(job);
    release("stop");
  } else {
    expect_ended(job);
  }
  expect_back(1);
}

TEST_P(Signals, WhileCopying) {
  Started job = begin_paused();
  job.kill(GetParam());
  write_text(place_ / "pause" / "go", "");
  expect_ended(job);
  expect_back(1);
}

INSTANTIATE_TEST_SUITE_P(All, Signals, testing::Values(SIGKILL, SIGTERM, SIGINT),
                         [](const auto& theme) {
                           return std::string(theme.param == SIGKILL   ? "Kill"
                                              : theme.param == SIGTERM ? "Terminate"
                                                                       : "Interrupt");
                         });

// Killed while the start command runs: it may run again, and must bear that; the application is up.
TEST_F(Comeback, KilledWhileStartRuns) {
  hold("start");
  Started job = begin();
  ASSERT_TRUE(reached("start"));
  job.kill(SIGKILL);
  EXPECT_EQ(job.wait().exit_code, 137);
  release("start");
  EXPECT_TRUE(eventually([&] { return shop_.runs() && place_.guardian() == 0; }));
  EXPECT_EQ(shop_.logged("stop"), 1U);
  EXPECT_LE(shop_.logged("start"), 2U);
  EXPECT_EQ(shop_.snapshots().size(), 1U);
}

TEST_F(Comeback, FullDisk) {
  Started job = begin({{"HOLDFAST_TEST_FAULT", "fail:call=put:file=pack:count=0:code=no_space"}});
  const Outcome outcome = job.wait();
  EXPECT_EQ(outcome.exit_code, 1) << outcome.text();
  EXPECT_TRUE(outcome.says("pack")) << outcome.text();
  expect_back(1);
}

TEST_F(Comeback, FailingHook) {
  shop_.write_instance(
      quiesce_ +
      "[hooks]\nbefore_backup = [[\"/bin/sh\", \"-c\", \"echo no mood >&2; exit 7\"]]\n"
      "on_error = [[\"/bin/sh\", \"-c\", \"echo told > " +
      (place_ / "told").string() + "\"]]\n");
  const Outcome outcome = begin().wait();
  EXPECT_EQ(outcome.exit_code, 1) << outcome.text();
  EXPECT_TRUE(outcome.says("before_backup")) << outcome.text();
  EXPECT_TRUE(outcome.says("no mood")) << outcome.text();
  EXPECT_EQ(read_text(place_ / "told"), "told\n");
  shop_.write_instance(quiesce_);
  expect_back(0);
}

TEST_F(Comeback, FailingStop) {
  shop_.write_instance(shop_.quiesce("echo cannot stop >&2; if [ ! -e " +
                                     (place_ / "mended").string() + " ]; then exit 3; fi"));
  const Outcome outcome = begin().wait();
  EXPECT_EQ(outcome.exit_code, 1) << outcome.text();
  EXPECT_TRUE(outcome.says("quiesce stop failed")) << outcome.text();
  EXPECT_TRUE(outcome.says("cannot stop")) << outcome.text();
  write_text(place_ / "mended", "");
  expect_back(1);
}

TEST_F(Comeback, StopThatTakesTooLong) {
  shop_.write_instance(
      shop_.quiesce("if [ ! -e " + (place_ / "mended").string() + " ]; then sleep 600; fi", {},
                    "when = \"always\"\ntimeout = \"10s\"\n"));
  const Outcome outcome = begin().wait();
  EXPECT_EQ(outcome.exit_code, 1) << outcome.text();
  EXPECT_TRUE(outcome.says("quiesce stop failed")) << outcome.text();
  write_text(place_ / "mended", "");
  expect_back(1);
}

// The start fails: said, kept in the journal, and made good by the next `resume`.
TEST_F(Comeback, FailingStart) {
  shop_.write_instance(
      shop_.quiesce({}, "if [ ! -e " + (place_ / "mended").string() + " ]; then exit 4; fi"));
  const Outcome outcome = begin().wait();
  EXPECT_EQ(outcome.exit_code, 1) << outcome.text();
  EXPECT_TRUE(outcome.says("start")) << outcome.text();
  EXPECT_FALSE(shop_.runs());
  EXPECT_TRUE(eventually([&] { return place_.guardian() == 0; }));
  EXPECT_EQ(shop_.snapshots().size(), 1U);
  const Outcome blocked = place_.holdfast({"preflight", "-I", shop_.instance_path(), "--json"});
  EXPECT_EQ(blocked.exit_code, 20) << blocked.text();
  EXPECT_TRUE(has_finding(blocked, "journal-left")) << blocked.text();
  const Outcome still = place_.holdfast({"resume"});
  EXPECT_EQ(still.exit_code, 3) << still.text();
  write_text(place_ / "mended", "");
  const Outcome resumed = place_.holdfast({"resume"});
  EXPECT_EQ(resumed.exit_code, 0) << resumed.text();
  EXPECT_TRUE(shop_.runs());
  EXPECT_EQ(shop_.logged("stop"), 1U);
}

TEST_F(Comeback, LossOfTheGuardianAloneIsBorne) {
  Started job = begin_paused();
  const pid_t guardian = place_.guardian();
  ASSERT_GT(guardian, 0);
  ::kill(guardian, SIGKILL);
  write_text(place_ / "pause" / "go", "");
  const Outcome outcome = job.wait();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
  EXPECT_TRUE(shop_.runs());
  EXPECT_EQ(shop_.logged("start"), 1U);
  EXPECT_EQ(shop_.snapshots().size(), 2U);
}

TEST_F(Comeback, LossOfGuardianAndJobIsMendedByResume) {
  Started job = begin_paused();
  const pid_t guardian = place_.guardian();
  ASSERT_GT(guardian, 0);
  ::kill(guardian, SIGKILL);
  job.kill(SIGKILL);
  EXPECT_EQ(job.wait().exit_code, 137);
  EXPECT_FALSE(shop_.runs());
  const Outcome resumed = place_.holdfast({"resume"});
  EXPECT_EQ(resumed.exit_code, 0) << resumed.text();
  EXPECT_TRUE(resumed.says("stopped the application")) << resumed.text();
  expect_back(1);
}

TEST_F(Comeback, LossOfGuardianAndJobIsMendedByTheNextBackup) {
  Started job = begin_paused();
  ::kill(place_.guardian(), SIGKILL);
  job.kill(SIGKILL);
  EXPECT_EQ(job.wait().exit_code, 137);
  EXPECT_FALSE(shop_.runs());
  fs::remove(place_ / "pause" / "armed");
  const Outcome next = shop_.back_up();
  EXPECT_EQ(next.exit_code, 0) << next.text();
  EXPECT_TRUE(shop_.runs());
  EXPECT_EQ(shop_.logged("stop"), 2U);
  EXPECT_EQ(shop_.logged("start"), 2U);
}

TEST_F(Comeback, ASecondCrashDuringResumeRepeatsNothing) {
  Started job = begin_paused();
  ::kill(place_.guardian(), SIGKILL);
  job.kill(SIGKILL);
  EXPECT_EQ(job.wait().exit_code, 137);
  hold("start");
  Started resume = place_.start({"resume"});
  ASSERT_TRUE(reached("start"));
  resume.kill(SIGKILL);
  EXPECT_EQ(resume.wait().exit_code, 137);
  release("start");
  EXPECT_TRUE(eventually([&] { return shop_.runs(); }));
  const Outcome again = place_.holdfast({"resume"});
  EXPECT_EQ(again.exit_code, 0) << again.text();
  expect_back(1);
}

// Exports that wait in their hook, having begun to grow beside their target.
class Exports : public Comeback {
 protected:
  Exports() {
    write_text(place_ / "hook.sh", wait_point("hook"));
    shop_.write_instance("[hooks]\nbefore_backup = [[\"/bin/sh\", \"" +
                         (place_ / "hook.sh").string() + "\"]]\n");
    fs::create_directory(place_ / "exports");
    hold("hook");
  }
  Started begin_paused_export() {
    Started job =
        place_.start({"export", "-I", shop_.instance_path(), "--target", target().string()});
    EXPECT_TRUE(reached("hook"));
    EXPECT_EQ(grown(), 1U);
    return job;
  }
  [[nodiscard]] fs::path target() const { return place_ / "exports" / "copy"; }
  // How much there is beside the target.
  [[nodiscard]] std::size_t grown() const {
    std::size_t count = 0;
    for (const auto& item : fs::directory_iterator(place_ / "exports"))
      count += item.path() == target() ? 0 : 1;
    return count;
  }
  void expect_next_is_whole() {
    release("hook");
    const Outcome next =
        place_.holdfast({"export", "-I", shop_.instance_path(), "--target", target().string()});
    EXPECT_EQ(next.exit_code, 0) << next.text();
    EXPECT_TRUE(fs::exists(target() / "holdfast.json"));
    EXPECT_EQ(grown(), 0U);
  }
};

TEST_F(Exports, KilledLeaveNothingBesideTheirTarget) {
  Started job = begin_paused_export();
  job.kill(SIGKILL);
  EXPECT_EQ(job.wait().exit_code, 137);
  EXPECT_TRUE(eventually([&] { return grown() == 0; }));
  EXPECT_TRUE(eventually([&] { return place_.guardian() == 0; }));
  expect_next_is_whole();
}

TEST_F(Exports, KilledWithTheirGuardianAreRemovedByResume) {
  Started job = begin_paused_export();
  ::kill(place_.guardian(), SIGKILL);
  job.kill(SIGKILL);
  EXPECT_EQ(job.wait().exit_code, 137);
  EXPECT_EQ(grown(), 1U);
  const Outcome resumed = place_.holdfast({"resume"});
  EXPECT_EQ(resumed.exit_code, 0) << resumed.text();
  EXPECT_TRUE(resumed.says(".copy.export-")) << resumed.text();
  EXPECT_EQ(grown(), 0U);
}

TEST_F(Exports, KilledWithTheirGuardianAreRemovedByTheNextRun) {
  Started job = begin_paused_export();
  ::kill(place_.guardian(), SIGKILL);
  job.kill(SIGKILL);
  EXPECT_EQ(job.wait().exit_code, 137);
  EXPECT_EQ(grown(), 1U);
  expect_next_is_whole();
}

}  // namespace
}  // namespace holdfast::test
