// SPDX-License-Identifier: Apache-2.0
// Two processes at one repository: writers do not disturb each other, and a prune never removes
// what a writer counts on.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "fault/history.h"
#include "harness/repository_files.h"

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

}  // namespace
}  // namespace holdfast::test
