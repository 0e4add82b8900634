// SPDX-License-Identifier: Apache-2.0
// Two processes at one repository: writers do not disturb each other, and a prune never removes
// what a writer counts on.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

#include "fault/history.h"
#include "harness/repository_files.h"
#include "harness/shop.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

class Writers : public testing::Test {
 protected:
  Writers() : trial_(history_.new_trial()) {
    fs::create_directory(*trial_ / "pause");
    write_text(*trial_ / "pause" / "armed", "");
  }

  // A run that waits at its first call of this kind until go() is called.
  Started begin_paused(const std::vector<std::string>& words, const std::string& call) {
    RunOptions options{.environment = trial_->variables()};
    options.environment["HOLDFAST_TEST_PAUSE"] = call + ":" + (*trial_ / "pause").string();
    Started started = history_.place().start(words, options);
    EXPECT_TRUE(eventually(
        [&] { return fs::exists(*trial_ / "pause" / "paused") || started.has_ended(); }));
    EXPECT_FALSE(started.has_ended());
    return started;
  }
  Started begin(const std::vector<std::string>& words) {
    return history_.place().start(words, {.environment = trial_->variables()});
  }
  void go() { write_text(*trial_ / "pause" / "go", ""); }
  static void expect_done(Started& run) {
    const Outcome outcome = run.wait();
    EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
  }

  History history_;
  std::unique_ptr<Trial> trial_;
};

TEST_F(Writers, TwoAtTheSameTimeBothSucceed) {
  // The second one runs from start to end while the first is about to store its first pack.
  Started first = begin_paused({"backup", history_.source().string()}, "put:pack");
  const Outcome second = history_.run(*trial_, {"backup", history_.source().string()});
  EXPECT_EQ(second.exit_code, 0) << second.text();
  go();
  expect_done(first);
  history_.expect_restorable(*trial_);
  history_.expect_sound(*trial_);
  EXPECT_EQ(files_of(trial_->repository(), storage::FileKind::snapshot).size(), 4U);
}

TEST_F(Writers, SeveralAtOnce) {
  Started first = begin({"backup", history_.source().string()});
  Started second = begin({"backup", history_.source().string()});
  Started third = begin({"backup", (history_.source() / "deep").string()});
  expect_done(first);
  expect_done(second);
  expect_done(third);
  history_.expect_sound(*trial_);
  for (const std::string& id : history_.ids()) history_.expect_restores(*trial_, id);
}

TEST_F(Writers, APruneBesideAWriterIsRefusedOrWaits) {
  Started writer = begin_paused({"backup", history_.source().string()}, "put:index");
  const Outcome refused = history_.run(*trial_, {"forget", "--keep-last", "1", "--prune"});
  EXPECT_EQ(refused.exit_code, 11) << refused.text();
  Started waiting =
      begin({"forget", "--keep-last", "1", "--prune", "--max-unused", "0", "--retry-lock", "2m"});
  ::usleep(500'000);
  EXPECT_FALSE(waiting.has_ended());
  go();
  expect_done(writer);
  expect_done(waiting);
  history_.expect_restorable(*trial_, {history_.ids().begin(), history_.ids().end()});
  history_.expect_sound(*trial_);
}

TEST_F(Writers, AWriterBesideAPruneIsRefusedOrWaits) {
  Started pruning =
      begin_paused({"forget", "--keep-last", "1", "--prune", "--max-unused", "0"}, "remove:index");
  const Outcome refused = history_.run(*trial_, {"backup", history_.source().string()});
  EXPECT_EQ(refused.exit_code, 11) << refused.text();
  Started waiting = begin({"backup", history_.source().string(), "--retry-lock", "2m"});
  ::usleep(500'000);
  EXPECT_FALSE(waiting.has_ended());
  go();
  expect_done(pruning);
  expect_done(waiting);
  history_.expect_restorable(*trial_, {history_.ids().front()});
  history_.expect_sound(*trial_);
}

// A laptop sleeps past the age at which locks are stale; meanwhile its lock is removed and what it
// has stored so far is pruned, since no index names it. It wakes up where it stood.
TEST_F(Writers, AWriterThatSleptPastItsLockLeavesNothingBehind) {
  for (const char* call : {"put:index", "put:snapshot"}) {
    SCOPED_TRACE(call);
    trial_ = history_.new_trial();
    fs::create_directory(*trial_ / "pause");
    write_text(*trial_ / "pause" / "armed", "");
    Started sleeper = begin_paused({"backup", history_.source().string()}, call);
    ASSERT_EQ(history_.run(*trial_, {"unlock", "--remove-all"}).exit_code, 0);
    const Outcome pruned = history_.run(*trial_, {"prune", "--max-unused", "0"});
    ASSERT_EQ(pruned.exit_code, 0) << pruned.text();
    go();
    const Outcome woken = sleeper.wait();
    EXPECT_EQ(woken.exit_code, 11) << woken.text();
    history_.expect_sound(*trial_);
    EXPECT_EQ(files_of(trial_->repository(), storage::FileKind::snapshot).size(), 2U);
    // Whoever comes next counts on nothing that is gone.
    const Outcome again = history_.run(*trial_, {"backup", history_.source().string()});
    EXPECT_EQ(again.exit_code, 0) << again.text();
    history_.expect_sound(*trial_);
    history_.expect_restorable(*trial_);
  }
}

// The same with a prune that sleeps: a backup that came meanwhile counts on the old index.
TEST_F(Writers, APruneThatSleptPastItsLockRemovesNothing) {
  ASSERT_EQ(history_.run(*trial_, {"forget", history_.ids().front()}).exit_code, 0);
  const fs::path forgotten = history_.source() / "goes";
  Started sleeper = begin_paused({"prune", "--max-unused", "0"}, "put:index");
  ASSERT_EQ(history_.run(*trial_, {"unlock", "--remove-all"}).exit_code, 0);
  write_text(forgotten, noise(2U << 20U, 2));  // what only the forgotten snapshot had
  const Outcome saved = history_.run(*trial_, {"backup", forgotten.string(), "--json"});
  fs::remove(forgotten);
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  go();
  const Outcome woken = sleeper.wait();
  EXPECT_EQ(woken.exit_code, 11) << woken.text();
  history_.expect_sound(*trial_);
}

// A program that does not look again, as restic between two refreshes, may still name in an index
// what was pruned. The next backup must not count on it.
TEST_F(Writers, ABackupStoresAnewWhatAnIndexNamesAndIsGone) {
  const std::vector<fs::path> packs =
      packs_of(trial_->repository(), place_password, format::BlobType::data);
  ASSERT_FALSE(packs.empty());
  for (const fs::path& pack : packs) fs::remove(pack);
  const Outcome saved =
      history_.run(*trial_, {"backup", "--force", history_.source().string(), "--json"});
  EXPECT_EQ(saved.exit_code, 0) << saved.text();
  EXPECT_TRUE(saved.says(packs.front().filename().string()) || saved.says("missing or cut short"))
      << saved.text();
  history_.expect_restores(*trial_, saved.lines().back().at("snapshot_id").as_string());
}

// The same for a whole instance, whose unchanged files are taken over from the last snapshot.
TEST_F(Writers, AnInstanceBackupStoresAnewWhatAnIndexNamesAndIsGone) {
  Shop shop(history_.place());
  shop.write_instance();
  const std::string repository = trial_->repository().string();
  const std::vector<std::string> words{"backup", "-I", shop.instance_path(), "-r", repository};
  // The data packs that this run adds.
  const auto packs_of_run = [&](const std::vector<std::string>& more) {
    const auto packs = [&] {
      return packs_of(trial_->repository(), place_password, format::BlobType::data);
    };
    const std::vector<fs::path> before = packs();
    std::vector<std::string> all = words;
    all.insert(all.end(), more.begin(), more.end());
    const Outcome saved = history_.run(*trial_, all);
    EXPECT_EQ(saved.exit_code, 0) << saved.text();
    const std::vector<fs::path> after = packs();
    std::vector<fs::path> added;
    std::set_difference(after.begin(), after.end(), before.begin(), before.end(),
                        std::back_inserter(added));
    EXPECT_FALSE(added.empty());
    return added;
  };
  const auto expect_whole = [&] {
    // Restores all of it and compares every row and every file.
    const Outcome drilled =
        history_.run(*trial_, {"drill", "-I", shop.instance_path(), "-r", repository});
    EXPECT_EQ(drilled.exit_code, 0) << drilled.text();
  };
  const std::vector<fs::path> with_all = packs_of_run({});
  static_cast<void>(packs_of_run({}));  // has a manifest of its own
  for (const fs::path& pack : with_all) fs::remove(pack);
  const Outcome saved = history_.run(*trial_, words);
  EXPECT_EQ(saved.exit_code, 0) << saved.text();
  EXPECT_TRUE(saved.says("missing or cut short")) << saved.text();
  expect_whole();
  // Without the last manifest it is for the operator to say that it may go on.
  for (const fs::path& pack :
       packs_of(trial_->repository(), place_password, format::BlobType::data)) {
    fs::remove(pack);
  }
  EXPECT_EQ(history_.run(*trial_, words).exit_code, 20);
  static_cast<void>(packs_of_run({"--accept", "last-manifest-unobservable"}));
  expect_whole();
}

}  // namespace
}  // namespace holdfast::test
