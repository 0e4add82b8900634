// SPDX-License-Identifier: Apache-2.0
#include "job/journal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <span>
#include <stdexcept>
#include <thread>

#include "base/error.h"
#include "base/fd.h"
#include "base/process.h"
#include "job/hooks.h"
#include "job/scratch.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

Json start_undo(const std::string& script) {
  Json undo;
  undo.set("argv", Json::array().push("/bin/sh").push("-c").push(script)).set("timeout_ms", 20'000);
  return undo;
}

class JournalTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::string marks() const {
    std::error_code missing;
    return fs::exists(marker_, missing) ? read_text_file(marker_) : "";
  }
  // A shell command that leaves a mark each time it runs.
  [[nodiscard]] std::string mark(const std::string& word) const {
    return "echo " + word + " >> " + marker_.string();
  }

  void play(const std::vector<std::string>& words) const {
    Command command;
    command.argv = {own_executable().string()};
    command.argv.insert(command.argv.end(), words.begin(), words.end());
    static_cast<void>(run_process(command));
  }

  static bool within_seconds(int seconds, const std::function<bool()>& holds) {
    for (int i = 0; i < seconds * 100; ++i) {
      if (holds()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  TemporaryDirectory directory_{"journal-test"};
  fs::path state_ = directory_.path() / "state";
  fs::path marker_ = directory_.path() / "marks";
};

TEST_F(JournalTest, LeavesNothingWhenAllIsSettled) {
  auto journal = Journal::begin(state_, "shop", "backup", {});
  const auto entry = journal->announce("start", "stopped it", start_undo(mark("started")));
  ASSERT_EQ(find_journals(state_).size(), 1U);
  EXPECT_TRUE(find_journals(state_)[0].alive);
  EXPECT_EQ(find_journals(state_)[0].entries.at(0).what, "stopped it");
  journal->undo(entry);
  journal->undo(entry);  // settled: nothing more to do
  journal->close();
  EXPECT_TRUE(find_journals(state_).empty());
  EXPECT_EQ(marks(), "started\n");
}

TEST_F(JournalTest, GuardianPutsBackWhatAKilledJobLeft) {
  play({"dying-job", state_.string(), mark("started")});
  ASSERT_TRUE(within_seconds(20, [&] { return marks() == "started\n"; }));
  // The next resume only reports it.
  const ResumeReport report = resume(state_, "", {});
  EXPECT_EQ(report.undone.size(), 1U);
  EXPECT_TRUE(report.failed.empty());
  EXPECT_EQ(marks(), "started\n");
  EXPECT_TRUE(find_journals(state_).empty());
}

TEST_F(JournalTest, ResumePutsBackWhenTheGuardianWasKilledToo) {
  play({"dying-job", state_.string(), mark("started"), "kill-guardian"});
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_EQ(marks(), "");
  EXPECT_TRUE(resume(state_, "another", {}).undone.empty());
  EXPECT_EQ(resume(state_, "shop", {}).undone.size(), 1U);
  EXPECT_EQ(marks(), "started\n");
  EXPECT_TRUE(resume(state_, "shop", {}).undone.empty());
  EXPECT_EQ(marks(), "started\n");
}

TEST_F(JournalTest, KillingResumeNeitherRepeatsNorLosesAnEntry) {
  play({"dying-job", state_.string(), mark("begun") + "; sleep 1; " + mark("started"),
        "kill-guardian"});
  Command command;
  command.argv = {own_executable().string(), "resume-all", state_.string()};
  const pid_t first = spawn_detached(command, {});
  ASSERT_TRUE(within_seconds(20, [&] { return marks() == "begun\n"; }));
  ASSERT_EQ(::kill(first, SIGKILL), 0);
  ASSERT_EQ(::waitpid(first, nullptr, 0), first);
  const ResumeReport report = resume(state_, "", {});
  EXPECT_EQ(report.undone.size(), 1U);
  EXPECT_EQ(marks(), "begun\nstarted\n");
}

TEST_F(JournalTest, KeepsWhatCouldNotBePutBack) {
  const std::string script =
      "test -e " + (directory_.path() / "mended").string() + " && " + mark("started");
  play({"dying-job", state_.string(), script, "kill-guardian"});
  const ResumeReport failed = resume(state_, "", {});
  ASSERT_EQ(failed.failed.size(), 1U);
  EXPECT_NE(failed.failed[0].find("exit code 1"), std::string::npos) << failed.failed[0];
  ASSERT_EQ(find_journals(state_).size(), 1U);
  std::ofstream(directory_.path() / "mended") << "yes";
  EXPECT_EQ(resume(state_, "", {}).undone.size(), 1U);
  EXPECT_EQ(marks(), "started\n");
}

// Half of a restore put back would be worse than none.
TEST_F(JournalTest, UndoesNothingOfARestoreWhileSomeOfItCannotBe) {
  const fs::path now = directory_.path() / "now", before = directory_.path() / "before";
  fs::create_directory(now);
  auto journal = Journal::begin(state_, "shop", "restore", {});
  journal->announce("start", "stopped it", start_undo(mark("started")));
  journal->announce("engine", "put a database in place",
                    Json().set("engine", "none such").set("undo", Json::object()));
  journal->announce("rename", "put files in place",
                    Json().set("now", now.string()).set("before", before.string()));
  const fs::path place = journal->directory();
  EXPECT_THROW(journal->undo_all(), Error);
  EXPECT_TRUE(fs::exists(now));
  EXPECT_EQ(marks(), "started\n") << "the application is let go all the same";
  journal.reset();
  ASSERT_TRUE(within_seconds(20, [&] {
    const auto found = find_journals(state_);
    return found.size() == 1 && !found[0].alive && !found[0].entries.at(1).failure.empty();
  }));
  const ResumeReport report = resume(state_, "", {});
  ASSERT_EQ(report.failed.size(), 1U);
  EXPECT_NE(report.failed[0].find("none such"), std::string::npos) << report.failed[0];
  EXPECT_NE(report.failed[0].find(place.string()), std::string::npos) << report.failed[0];
  EXPECT_TRUE(fs::exists(now));
  EXPECT_FALSE(fs::exists(before));
}

// Files must not go back while their database stays as it is.
TEST_F(JournalTest, WhatCannotBeUndoneEndsTheUndoOfARestore) {
  const auto path = [&](const std::string& name) { return directory_.path() / name; };
  const auto renamed = [&](const std::string& name) {
    fs::create_directory(path(name + "_now"));
    return Json()
        .set("now", path(name + "_now").string())
        .set("before", path(name + "_before").string());
  };
  auto journal = Journal::begin(state_, "shop", "restore", {});
  journal->announce("start", "stopped it", start_undo(mark("started")));
  journal->announce("rename", "put one in place", renamed("one"));
  journal->announce("rename", "put two in place", renamed("two"));
  fs::create_directory(path("two_before"));
  EXPECT_TRUE(fs::exists(journal->directory() / "intact"));
  EXPECT_THROW(journal->undo_all(), Error);
  EXPECT_FALSE(fs::exists(journal->directory() / "intact"));
  EXPECT_TRUE(fs::exists(path("one_now")));
  EXPECT_EQ(marks(), "started\n");
  journal.reset();
  ASSERT_TRUE(within_seconds(20, [&] {
    const auto found = find_journals(state_);
    return found.size() == 1 && !found[0].alive && !found[0].entries.at(2).failure.empty();
  }));
  EXPECT_EQ(resume(state_, "", {}).failed.size(), 1U);
  EXPECT_TRUE(fs::exists(path("one_now")));
  fs::remove(path("two_before"));
  EXPECT_TRUE(resume(state_, "", {}).failed.empty());
  EXPECT_TRUE(fs::exists(path("one_before")));
  EXPECT_TRUE(fs::exists(path("two_before")));
}

TEST_F(JournalTest, ARehearsalThatCannotBeRemovedKeepsNothingElseBack) {
  const fs::path now = directory_.path() / "now";
  const fs::path before = directory_.path() / "before";
  fs::create_directory(now);
  auto journal = Journal::begin(state_, "drill of shop", "drill", {});
  journal->announce("rename", "put one in place",
                    Json().set("now", now.string()).set("before", before.string()));
  journal->announce(
      "engine", "made a copy on a server that is gone",
      Json().set("engine", "none").set("undo", Json::object()).set("rehearsal", true));
  EXPECT_THROW(journal->undo_all(), Error);
  EXPECT_TRUE(fs::exists(before));
}

TEST_F(JournalTest, UndoesLastFirst) {
  auto journal = Journal::begin(state_, "shop", "restore", {});
  journal->announce("start", "one", start_undo(mark("one")));
  journal->announce("start", "two", start_undo(mark("two")));
  journal->undo_all();
  journal->close();
  EXPECT_EQ(marks(), "two\none\n");
}

TEST_F(JournalTest, PutsRenamedThingsBackAndRemovesWhatItMade) {
  const fs::path before = directory_.path() / "data";
  const fs::path now = directory_.path() / "data_before";
  std::ofstream(before) << "old";
  auto journal = Journal::begin(state_, "shop", "restore", {});
  journal->announce("remove", "made half",
                    Json().set("path", (directory_.path() / "half").string()));
  journal->announce("rename", "renamed data",
                    Json().set("before", before.string()).set("now", now.string()));
  fs::create_directory(directory_.path() / "half");
  fs::rename(before, now);
  journal->undo_all();
  journal->close();
  EXPECT_EQ(read_text_file(before), "old");
  EXPECT_FALSE(fs::exists(now));
  EXPECT_FALSE(fs::exists(directory_.path() / "half"));
}

TEST_F(JournalTest, PassesOverATornLastLineAndReportsDamageBefore) {
  play({"dying-job", state_.string(), mark("started"), "kill-guardian"});
  const fs::path entries = find_journals(state_).at(0).directory / "entries";
  const std::string whole = read_text_file(entries);
  std::ofstream(entries, std::ios::app) << "0123456789abcdef {\"entr";
  EXPECT_EQ(find_journals(state_).at(0).entries.size(), 1U);
  std::ofstream(entries) << "x" << whole << whole;
  EXPECT_NE(find_journals(state_).at(0).damage.find("damaged"), std::string::npos);
  ASSERT_EQ(resume(state_, "", {}).failed.size(), 1U);
  EXPECT_EQ(marks(), "");
  std::ofstream(entries) << whole << "0123456789abcdef {\"entr";
  EXPECT_EQ(resume(state_, "", {}).undone.size(), 1U);
  EXPECT_EQ(marks(), "started\n");
}

TEST_F(JournalTest, SettlesSeveralEntriesAllOrNoneWhereverTheirRecordIsCut) {
  auto journal = Journal::begin(state_, "shop", "restore", {});
  std::vector<std::uint64_t> numbers;
  for (const char* what : {"one", "two", "three"}) {
    numbers.push_back(
        journal->announce("remove", what, Json().set("path", (directory_.path() / what).string())));
  }
  const fs::path entries = journal->directory() / "entries";
  const std::string before = read_text_file(entries);
  journal->settle(std::span<const std::uint64_t>(numbers).first(2));
  const std::string after = read_text_file(entries);
  for (std::size_t size = before.size(); size <= after.size(); ++size) {
    std::ofstream(entries, std::ios::trunc) << after.substr(0, size);
    const FoundJournal found = find_journals(state_).at(0);
    EXPECT_EQ(found.damage, "");
    ASSERT_EQ(found.entries.size(), 3U);
    const bool whole = size == after.size();
    EXPECT_EQ(found.entries[0].settled, whole) << "cut after " << size << " bytes";
    EXPECT_EQ(found.entries[1].settled, whole) << "cut after " << size << " bytes";
    EXPECT_FALSE(found.entries[2].settled);
  }
  journal->undo_all();
  journal->close();
}

TEST_F(JournalTest, RemovesDirectoriesInWhichNobodyMayWrite) {
  const fs::path made = directory_.path() / "made";
  JournalEntry entry;
  entry.kind = "remove";
  entry.undo.set("path", made.string());
  // No mode keeps root from anything.
  const bool is_root = ::geteuid() == 0;
  if (is_root) {
    ASSERT_EQ(::chown(directory_.path().c_str(), 65534, 65534), 0);
    ASSERT_EQ(::seteuid(65534), 0);
  }
  fs::create_directories(made / "inner");
  std::ofstream(made / "inner/file") << "content";
  for (const fs::path& path : {made / "inner", made})
    fs::permissions(path, fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_NO_THROW(perform_undo(entry, "run", "shop"));
  EXPECT_FALSE(fs::exists(made));
  if (is_root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
}

// Nobody waits for what a job that died has left lying about.
TEST_F(JournalTest, RemovesLeavingsAfterAllElse) {
  const std::string left = (directory_.path() / "left").string();
  play({"dying-export", state_.string(), left, "kill-guardian"});
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // its name is the first one
  play({"dying-job", state_.string(), "test -d " + left + " && " + mark("started"),
        "kill-guardian"});
  const ResumeReport report = resume(state_, "", {});
  EXPECT_EQ(report.undone.size(), 2U);
  EXPECT_EQ(marks(), "started\n");
  EXPECT_FALSE(fs::exists(left));

  auto journal = Journal::begin(state_, "shop", "restore", {});
  journal->announce("start", "one", start_undo("test -d " + left + " && " + mark("again")));
  journal->announce("remove", "two", Json().set("path", left));
  fs::create_directory(left);
  journal->undo_all();
  journal->close();
  EXPECT_EQ(marks(), "started\nagain\n");
  EXPECT_FALSE(fs::exists(left));
}

TEST_F(JournalTest, BeginsNoFurtherUndoOnceItIsStopped) {
  const std::string left = (directory_.path() / "left").string();
  play({"dying-export", state_.string(), left, "kill-guardian"});
  play({"dying-job", state_.string(), mark("begun") + "; sleep 2; " + mark("started"),
        "kill-guardian"});
  std::stop_source stop;
  const std::jthread stopper([&] {
    static_cast<void>(within_seconds(20, [&] { return marks() == "begun\n"; }));
    stop.request_stop();
  });
  try {
    static_cast<void>(resume(state_, "", {}, stop.get_token()));
    FAIL() << "it was stopped";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::cancelled);
  }
  EXPECT_EQ(marks(), "begun\n");
  EXPECT_TRUE(fs::exists(left));
  // What had begun goes on, and the next one tells.
  EXPECT_EQ(resume(state_, "", {}).undone.size(), 2U);
  EXPECT_EQ(marks(), "begun\nstarted\n");
  EXPECT_FALSE(fs::exists(left));
}

TEST_F(JournalTest, KeepsWhatLiesOnADiskThatIsAway) {
  const fs::path disk = directory_.path() / "disk";
  const fs::path left = disk / ".copy";
  fs::create_directory(disk);
  if (scratch_undo(left).at("parent").is_null()) GTEST_SKIP() << disk << " is in memory";
  play({"dying-export", state_.string(), left.string(), "kill-guardian"});
  fs::rename(disk, directory_.path() / "away");
  std::string entries;
  for (const bool is_mount_point_there : {true, true, false}) {
    if (is_mount_point_there) fs::create_directories(disk);
    const ResumeReport report = resume(state_, "", {});
    EXPECT_TRUE(report.undone.empty());
    EXPECT_TRUE(report.failed.empty());
    ASSERT_EQ(report.left.size(), 1U);
    EXPECT_NE(report.left[0].find(left.string()), std::string::npos) << report.left[0];
    EXPECT_NE(report.left[0].find("remove " + state_.string()), std::string::npos);
    const std::string now = read_text_file(find_journals(state_).at(0).directory / "entries");
    EXPECT_TRUE(entries.empty() || now == entries) << "it must not grow";
    entries = now;
    fs::remove(disk);
  }
  fs::rename(directory_.path() / "away", disk);
  EXPECT_EQ(resume(state_, "", {}).undone.size(), 1U);
  EXPECT_FALSE(fs::exists(left));
  EXPECT_TRUE(find_journals(state_).empty());
}

TEST_F(JournalTest, TakesLeavingsForGoneWhereTheirParentIsAsItWas) {
  const fs::path left = directory_.path() / "left";
  play({"dying-export", state_.string(), left.string(), "kill-guardian"});
  fs::remove(left);
  EXPECT_EQ(resume(state_, "", {}).undone.size(), 1U);
  EXPECT_TRUE(find_journals(state_).empty());
}

TEST_F(JournalTest, LeavesLivingJobsAlone) {
  auto journal = Journal::begin(state_, "shop", "backup", {});
  const auto entry = journal->announce("start", "stopped it", start_undo(mark("started")));
  const ResumeReport report = resume(state_, "", {});
  EXPECT_EQ(report.alive.size(), 1U);
  EXPECT_TRUE(report.undone.empty());
  EXPECT_EQ(marks(), "");
  journal->settle(entry);
  journal->close();
}

TEST_F(JournalTest, WaitsForWhoHasJustTakenOverFromAKilledJob) {
  const fs::path left = directory_.path() / "left";
  play({"dying-export", state_.string(), left.string(), "kill-guardian"});
  const fs::path lock = find_journals(state_).at(0).directory / "lock";
  Fd taken = open_file(lock, O_RDWR);
  ASSERT_EQ(::flock(taken.get(), LOCK_EX), 0);
  const std::jthread later([&taken] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    taken = Fd();
  });
  const ResumeReport report = resume(state_, "", {});
  EXPECT_TRUE(report.alive.empty());
  EXPECT_EQ(report.undone.size(), 1U);
  EXPECT_FALSE(fs::exists(left));
}

TEST_F(JournalTest, LetsOneJobWorkOnAnInstance) {
  const InstanceLock first(state_, "shop");
  const InstanceLock other(state_, "mail");
  try {
    const InstanceLock second(state_, "shop");
    FAIL() << "two jobs had the same instance";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::locked);
  }
}

model::Instance quiesced_instance(const std::string& stop, const std::string& start) {
  model::Instance instance;
  instance.name = "shop";
  instance.quiesce.stop = {"/bin/sh", "-c", stop};
  instance.quiesce.start = {"/bin/sh", "-c", start};
  return instance;
}

TEST_F(JournalTest, QuiesceStopsAndStarts) {
  const model::Instance instance = quiesced_instance(mark("stopped"), mark("started"));
  auto journal = Journal::begin(state_, "shop", "backup", {});
  model::SilentObserver observer;
  {
    Quiesced quiesced(instance, {}, *journal, observer, {});
    EXPECT_EQ(marks(), "stopped\n");
    quiesced.start();
    EXPECT_EQ(marks(), "stopped\nstarted\n");
  }
  journal->close();
  EXPECT_EQ(marks(), "stopped\nstarted\n");
}

// Whoever watches must not throw; if it does, the application runs all the same.
class ThrowingObserver final : public model::Observer {
 public:
  void phase(std::string_view text) override { look(text); }
  void note(std::string_view text) override { look(text); }
  std::string at;

 private:
  void look(std::string_view text) const {
    if (text.find(at) != std::string_view::npos) throw std::runtime_error("no line for this");
  }
};

TEST_F(JournalTest, StartsTheApplicationWhateverIsThrown) {
  const model::Instance instance = quiesced_instance(mark("stopped"), mark("started"));
  for (const char* at : {"stopping the application", "application stopped"}) {
    auto journal = Journal::begin(state_, "shop", "backup", {});
    ThrowingObserver observer;
    observer.at = at;
    EXPECT_THROW(Quiesced(instance, {}, *journal, observer, {}), std::runtime_error);
    journal->close();
  }
  EXPECT_EQ(marks(), "started\nstopped\nstarted\n");
}

TEST_F(JournalTest, LettingAStoppedApplicationGoThrowsNothing) {
  const model::Instance instance = quiesced_instance(mark("stopped"), mark("started"));
  auto journal = Journal::begin(state_, "shop", "backup", {});
  ThrowingObserver observer;
  observer.at = "application started";
  { const Quiesced quiesced(instance, {}, *journal, observer, {}); }
  EXPECT_EQ(marks(), "stopped\nstarted\n");
  journal->close();
}

TEST_F(JournalTest, AFailingStopStartsTheApplicationAgain) {
  const model::Instance instance = quiesced_instance("echo no way >&2; exit 3", mark("started"));
  auto journal = Journal::begin(state_, "shop", "backup", {});
  model::SilentObserver observer;
  try {
    const Quiesced quiesced(instance, {}, *journal, observer, {});
    FAIL() << "the stop command failed";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::failed_child);
    EXPECT_NE(error.message().find("no way"), std::string::npos) << error.message();
  }
  EXPECT_EQ(marks(), "started\n");
}

TEST_F(JournalTest, AStartedProgramMayGoOnWriting) {
  const fs::path alive = directory_.path() / "alive";
  run_start_command(
      {"/bin/sh", "-c", "(sleep 0.3; echo out; echo err >&2; echo yes > " + alive.string() + ") &"},
      "shop", std::chrono::seconds(10));
  EXPECT_TRUE(within_seconds(10, [&] { return fs::exists(alive); }));
}

TEST_F(JournalTest, WaitsForAStopCommandThatOutlivedItsJob) {
  const fs::path go = directory_.path() / "go";
  Command command;
  command.argv = {"/bin/sh", "-c",
                  "until [ -e " + go.string() + " ]; do sleep 0.01; done; " + mark("stopped")};
  command.environment = {{"HOLDFAST_RUN", "run-1"}, {"HOLDFAST_HOOK", "stop"}};
  const pid_t pid = spawn_detached(command, {});
  wait_for_stop_commands("run-2", std::chrono::seconds(20));
  EXPECT_EQ(marks(), "");
  const std::jthread letting_go([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    std::ofstream{go};
  });
  wait_for_stop_commands("run-1", std::chrono::seconds(60));
  EXPECT_EQ(marks(), "stopped\n");
  ::waitpid(pid, nullptr, 0);
}

}  // namespace
}  // namespace holdfast::job
