// SPDX-License-Identifier: Apache-2.0
// A lost, torn or flipped file of each kind: `check --read-data` names it, and what does not need
// it restores as ever.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "fault/history.h"
#include "harness/repository_files.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;
using storage::FileKind;

History& history() {
  static History the_history;
  return the_history;
}

enum class Damage { lost, flipped, torn };

const char* name_of(Damage damage) {
  switch (damage) {
    case Damage::lost:
      return "Lost";
    case Damage::flipped:
      return "Flipped";
    case Damage::torn:
      return "Torn";
  }
  return "";
}

void inflict(Damage damage, const fs::path& file) {
  switch (damage) {
    case Damage::lost:
      fs::remove(file);
      return;
    case Damage::flipped:
      flip_file(file);
      return;
    case Damage::torn:
      cut_file(file);
  }
}

// Where a flipped bit hits the first blob of a pack. The middle of a small pack is its header,
// which no restore reads.
constexpr std::size_t in_first_blob = 20;

void inflict_on_pack(Damage damage, const fs::path& pack) {
  if (damage == Damage::flipped) {
    flip_file(pack, in_first_blob);
  } else {
    inflict(damage, pack);
  }
}

class Damaged : public testing::TestWithParam<Damage> {
 protected:
  Damaged() : trial_(history().new_trial()) {}

  [[nodiscard]] std::vector<fs::path> files(FileKind kind) const {
    return files_of(trial_->repository(), kind);
  }
  [[nodiscard]] std::vector<fs::path> packs(format::BlobType type) const {
    return packs_of(trial_->repository(), place_password, type);
  }
  // The same pack in the repository of the trial of now.
  [[nodiscard]] fs::path in_trial(const fs::path& pack) const {
    return trial_->repository() /
           pack.lexically_relative(pack.parent_path().parent_path().parent_path());
  }
  Outcome check() { return history().run(*trial_, {"check", "--read-data", "--no-lock"}); }
  // Exit code 1 and the file's name, or the first eight digits of it.
  void expect_named(const fs::path& file) {
    const Outcome outcome = check();
    EXPECT_EQ(outcome.exit_code, 1) << outcome.text();
    EXPECT_TRUE(outcome.says(file.filename().string().substr(0, 8)))
        << file << " in " << outcome.text();
  }
  // Which snapshots restore: those that need the damaged file fail and say so, at least one does.
  std::size_t count_restorable() {
    std::size_t count = 0;
    for (const std::string& id : history().ids()) {
      const fs::path target = *trial_ / ("out-" + id.substr(0, 8));
      const Outcome outcome =
          history().run(*trial_, {"restore", id, "--target", target.string(), "--no-lock"});
      if (outcome.exit_code == 0) {
        history().expect_restores(*trial_, id);
        ++count;
      } else {
        EXPECT_TRUE(outcome.exit_code == 1 || outcome.exit_code == 3) << outcome.text();
        EXPECT_FALSE(outcome.errors.empty());
      }
    }
    return count;
  }

  std::unique_ptr<Trial> trial_;
};

TEST_P(Damaged, Config) {
  inflict(GetParam(), trial_->repository() / "config");
  const Outcome outcome = check();
  EXPECT_EQ(outcome.exit_code, GetParam() == Damage::lost ? 10 : 1) << outcome.text();
  EXPECT_TRUE(outcome.says("config") || outcome.says(trial_->repository().string()))
      << outcome.text();
}

TEST_P(Damaged, Key) {
  inflict(GetParam(), files(FileKind::key).front());
  const Outcome outcome = check();
  // A flipped bit may lie where only the password's check sees it.
  EXPECT_TRUE(outcome.exit_code == 1 || outcome.exit_code == 10 || outcome.exit_code == 12)
      << outcome.text();
  EXPECT_TRUE(outcome.says("key") || outcome.says("password")) << outcome.text();
}

TEST_P(Damaged, OneOfTwoKeysLocksNobodyOut) {
  write_text(*trial_ / "fresh", "a new one\n");
  ASSERT_EQ(history()
                .run(*trial_, {"key", "add", "--new-password-file", (*trial_ / "fresh").string()})
                .exit_code,
            0);
  const std::vector<fs::path> keys = files(FileKind::key);
  ASSERT_EQ(keys.size(), 2U);
  inflict(GetParam(), keys.front());
  const bool old_opens = history().run(*trial_, {"cat", "config"}).exit_code == 0;
  const bool new_opens = history()
                             .run(*trial_, {"cat", "config"},
                                  {{"HOLDFAST_PASSWORD_FILE", (*trial_ / "fresh").string()}})
                             .exit_code == 0;
  EXPECT_TRUE(old_opens || new_opens);
}

TEST_P(Damaged, Snapshot) {
  const std::string lost = history().ids().back();
  inflict(GetParam(), trial_->repository() / "snapshots" / lost);
  if (GetParam() != Damage::lost) {  // what is gone leaves no trace
    expect_named(lost);
  }
  history().expect_restores(*trial_, history().ids().front());
}

TEST_P(Damaged, Index) {
  const fs::path index = files(FileKind::index).front();
  inflict(GetParam(), index);
  if (GetParam() == Damage::lost) {
    const Outcome outcome = check();
    EXPECT_EQ(outcome.exit_code, 1) << outcome.text();
    EXPECT_TRUE(outcome.says("index")) << outcome.text();
  } else {
    expect_named(index);
  }
}

TEST_P(Damaged, EachDataPack) {
  for (const fs::path& pack : packs(format::BlobType::data)) {
    SCOPED_TRACE(pack.filename().string());
    trial_ = history().new_trial();
    inflict_on_pack(GetParam(), in_trial(pack));
    expect_named(pack);
    EXPECT_LT(count_restorable(), history().ids().size());
  }
}

// The header's length stands in the last four bytes, its ciphertext and code before them. A restore
// goes by the index and needs neither; a check that passed over them would let an index rebuilt
// from the packs lose blobs.
TEST_F(Damaged, HeaderOfAPackIsNamedThoughAllRestores) {
  for (const std::size_t before_end : {4U, 12U, 40U}) {
    SCOPED_TRACE(before_end);
    trial_ = history().new_trial();
    const fs::path pack = files(FileKind::pack).front();
    flip_file(pack, fs::file_size(pack) - before_end);
    expect_named(pack);
    EXPECT_EQ(count_restorable(), history().ids().size());
  }
}

TEST_P(Damaged, ThePackOfTheLastSnapshotLeavesTheFirst) {
  const std::vector<fs::path> before = [&] {
    // The packs that the first snapshot alone would leave.
    const auto alone = history().new_trial();
    EXPECT_EQ(history().run(*alone, {"forget", history().ids().back(), "--prune"}).exit_code, 0);
    std::vector<fs::path> names;
    for (const fs::path& pack : files_of(alone->repository(), FileKind::pack))
      names.push_back(pack.filename());
    return names;
  }();
  std::size_t inflicted = 0;
  for (const fs::path& pack : files(FileKind::pack)) {
    if (std::find(before.begin(), before.end(), pack.filename()) != before.end()) continue;
    inflict_on_pack(GetParam(), pack);
    ++inflicted;
  }
  ASSERT_GT(inflicted, 0U);
  history().expect_restores(*trial_, history().ids().front());
  EXPECT_EQ(count_restorable(), 1U);
  EXPECT_EQ(check().exit_code, 1);
}

TEST_P(Damaged, EachTreePack) {
  for (const fs::path& pack : packs(format::BlobType::tree)) {
    SCOPED_TRACE(pack.filename().string());
    trial_ = history().new_trial();
    inflict_on_pack(GetParam(), in_trial(pack));
    expect_named(pack);
    EXPECT_LT(count_restorable(), history().ids().size());
    // Nothing is removed while it is not known what is needed.
    const Outcome pruned = history().run(*trial_, {"prune"});
    EXPECT_EQ(pruned.exit_code, 1) << pruned.text();
  }
}

// A run that did not see its files being torn, lost or flipped on their way: found by check, and
// what was there before is whole.
TEST_P(Damaged, OnItsWayToTheStorage) {
  const char* const kind = GetParam() == Damage::lost      ? "drop"
                           : GetParam() == Damage::flipped ? "flip"
                                                           : "tear";
  for (const char* file : {"pack", "index", "snapshot"}) {
    SCOPED_TRACE(file);
    trial_ = history().new_trial();
    const Outcome saved =
        history().run(*trial_, {"backup", history().source().string()},
                      {{"HOLDFAST_TEST_FAULT", fmt::format("{}:call=put:file={}", kind, file)}});
    EXPECT_TRUE(saved.exit_code == 0 || saved.exit_code == 1) << saved.text();
    const bool leaves_no_trace = GetParam() == Damage::lost && file == std::string("snapshot");
    EXPECT_EQ(check().exit_code, leaves_no_trace ? 0 : 1);
    if (file == std::string("index") && GetParam() != Damage::lost) {
      // Nothing opens past a damaged index file; without it all older snapshots are whole.
      for (const fs::path& index : files(FileKind::index)) {
        if (!fs::exists(history().place().repository() / "index" / index.filename()))
          fs::remove(index);
      }
    }
    for (const std::string& id : history().ids()) history().expect_restores(*trial_, id);
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, Damaged,
                         testing::Values(Damage::lost, Damage::flipped, Damage::torn),
                         [](const auto& theme) { return std::string(name_of(theme.param)); });

// A lock file that cannot be read may be one that is being written: it is waited for, then named.
TEST(DamagedLock, IsNamedWithTheWayOut) {
  const auto trial = history().new_trial();
  const Outcome killed = history().run(*trial, {"backup", history().source().string()},
                                       {{"HOLDFAST_TEST_FAULT", "kill_after:call=put:file=lock"}});
  ASSERT_EQ(killed.exit_code, 137) << killed.text();
  const fs::path lock = files_of(trial->repository(), FileKind::lock).at(0);
  flip_file(lock);
  const Outcome refused = history().run(*trial, {"backup", history().source().string()});
  EXPECT_TRUE(refused.exit_code == 11 || refused.exit_code == 1) << refused.text();
  EXPECT_TRUE(refused.says(lock.filename().string().substr(0, 8)) &&
              refused.says("unlock --remove-all"))
      << refused.text();
  const Outcome unlocked = history().run(*trial, {"unlock", "--remove-all"});
  EXPECT_EQ(unlocked.exit_code, 0) << unlocked.text();
  history().expect_sound(*trial);
  history().expect_restorable(*trial);
}

// No space from the k-th file on, whatever k: said, nothing lost, and enough space mends it.
class FullDisk : public testing::TestWithParam<const char*> {};

TEST_P(FullDisk, IsSaidAndLosesNothing) {
  std::vector<std::string> words;
  std::set<std::string> may_be_gone;
  if (GetParam() == std::string("Backup")) words = {"backup", history().source().string()};
  if (GetParam() == std::string("Prune")) {
    words = {"forget", "--keep-last", "1", "--prune", "--max-unused", "0"};
    may_be_gone = {history().ids().front()};
  }
  std::uint64_t puts = 0;
  for (const std::string& call : history().record_calls(*history().new_trial(), words)) {
    puts += call.starts_with("put ") ? 1 : 0;
  }
  ASSERT_GT(puts, 2U);
  for (const std::uint64_t at : sample(puts, 5)) {
    SCOPED_TRACE(fmt::format("from put {} of {}", at, puts));
    const auto trial = history().new_trial();
    const Outcome outcome = history().run(
        *trial, words,
        {{"HOLDFAST_TEST_FAULT", fmt::format("fail:call=put:at={}:count=0:code=no_space", at)}});
    EXPECT_EQ(outcome.exit_code, 1) << outcome.text();
    EXPECT_TRUE(outcome.says("a planned fault at put")) << outcome.text();
    EXPECT_TRUE(files_of(trial->repository(), FileKind::lock).empty());
    history().expect_restorable(*trial, may_be_gone);
    history().expect_sound(*trial);
    const Outcome again = history().run(*trial, words);
    EXPECT_EQ(again.exit_code, 0) << again.text();
    history().expect_restorable(*trial, may_be_gone);
  }
}

INSTANTIATE_TEST_SUITE_P(Verbs, FullDisk, testing::Values("Backup", "Prune"),
                         [](const auto& theme) { return std::string(theme.param); });

}  // namespace
}  // namespace holdfast::test
