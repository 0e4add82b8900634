// SPDX-License-Identifier: Apache-2.0
// Whatever storage call a writing verb is killed at, before it or after it: older snapshots restore
// whole, nothing is referred to that is not stored, and the verb can be run again.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "fault/history.h"
#include "harness/repository_files.h"
#include "harness/shop.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

constexpr std::size_t samples_per_verb = 6;

History& history() {
  static History the_history;
  return the_history;
}

// Calls `body` with a trial for each sampled one of `calls`, and the fault that kills there.
template <typename Body>
void kill_everywhere(std::size_t calls, const fs::path& repository, Body body) {
  ASSERT_GT(calls, 0U);
  bool before = true;
  for (const std::uint64_t at : sample(calls, samples_per_verb)) {
    for (const bool is_before : {true, false}) {
      if (!is_soak() && is_before != before) continue;
      const std::string fault =
          fmt::format("{}:at={}", is_before ? "kill_before" : "kill_after", at);
      SCOPED_TRACE(fmt::format("{} of {} calls", fault, calls));
      body(*history().new_trial(repository), fault);
      if (testing::Test::HasFatalFailure()) return;
    }
    before = !before;
  }
}

// How many calls there are varies a little from run to run, so the last may not come.
void run_killed(const Trial& trial, const Words& words, const std::string& fault) {
  const Outcome outcome = history().run(trial, words, {{"HOLDFAST_TEST_FAULT", fault}});
  EXPECT_TRUE(outcome.exit_code == 137 || outcome.exit_code == 0) << outcome.text();
}

void expect_done(const Trial& trial, const Words& words) {
  const Outcome outcome = history().run(trial, words);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
}

// Between a kill and another run of the verb: every snapshot is there, and `check --read-data`
// finds all that it names. What restores is compared after that run; in a soak here too.
void expect_kept(const Trial& trial, const std::set<std::string>& may_be_gone = {}) {
  if (is_soak()) {
    history().expect_restorable(trial, may_be_gone);
  } else {
    history().expect_listed(trial, may_be_gone);
  }
  history().expect_sound(trial);
}

// The repository of the history, from which the first snapshot has been forgotten, or to which a
// key has been added …: what a verb needs to have something to do.
class Prepared {
 public:
  Prepared() : trial_(history().new_trial()) {}
  [[nodiscard]] const Trial& trial() const { return *trial_; }
  [[nodiscard]] fs::path repository() const { return trial_->repository(); }
  [[nodiscard]] std::vector<std::string> record_calls(const Words& words) const {
    return history().record_calls(*history().new_trial(repository()), words);
  }

 private:
  std::unique_ptr<Trial> trial_;
};

TEST(Kill, BackupLosesNothing) {
  const Prepared plain;
  const Words words = {"backup", history().source().string()};
  kill_everywhere(plain.record_calls(words).size(), plain.repository(),
                  [&](const Trial& trial, const std::string& fault) {
                    run_killed(trial, words, fault);
                    expect_done(trial, {"unlock"});
                    expect_kept(trial);
                    expect_done(trial, words);
                    history().expect_restorable(trial);
                  });
}

TEST(Kill, InstanceBackupLosesNothing) {
  static Shop shop(history().place());
  shop.write_instance();
  const Prepared plain;
  // A flag goes before what the instance file says.
  const auto words = [&](const Trial& trial) {
    return Words{"backup", "-I", shop.instance_path(), "-r", trial.repository().string()};
  };
  const auto counted = history().new_trial();
  kill_everywhere(history().record_calls(*counted, words(*counted)).size(), plain.repository(),
                  [&](const Trial& trial, const std::string& fault) {
                    run_killed(trial, words(trial), fault);
                    expect_done(trial, {"unlock"});
                    history().expect_restorable(trial);
                    history().expect_sound(trial);
                    expect_done(trial, words(trial));
                    history().expect_sound(trial);
                  });
}

TEST(Kill, ForgetLosesOnlyWhatItIsTold) {
  const Prepared plain;
  const std::string first = history().ids().front();
  const Words words = {"forget", first};
  kill_everywhere(plain.record_calls(words).size(), plain.repository(),
                  [&](const Trial& trial, const std::string& fault) {
                    run_killed(trial, words, fault);
                    expect_done(trial, {"unlock"});
                    history().expect_restorable(trial, {first});
                    history().expect_sound(trial);
                    const Outcome again = history().run(trial, words);
                    EXPECT_TRUE(again.exit_code == 0 || (again.exit_code == 1 && again.says(first)))
                        << "done, or gone already and named: " << again.text();
                    history().expect_sound(trial);
                  });
}

// The snapshot is there under its old id, under the new one, or under both, with the same tree.
TEST(Kill, TagLosesNoSnapshot) {
  const Prepared plain;
  const std::string last = history().ids().back();
  const Words words = {"tag", "--add", "kept", last};
  const std::vector<std::string> calls = plain.record_calls(words);
  EXPECT_NE(std::find(calls.begin(), calls.end(), "remove snapshot"), calls.end());
  const auto trees = [&](const Trial& trial) {
    std::set<std::string> found;
    const Json all = history().run(trial, {"snapshots", "--json", "--no-lock"}).document();
    for (const Json& snapshot : all.as_array()) {
      if (snapshot.at("id").as_string() == last || snapshot.string_or("original", "") == last)
        found.insert(snapshot.at("tree").as_string());
    }
    return found;
  };
  const std::set<std::string> tree = trees(plain.trial());
  ASSERT_EQ(tree.size(), 1U);
  kill_everywhere(calls.size(), plain.repository(),
                  [&](const Trial& trial, const std::string& fault) {
                    run_killed(trial, words, fault);
                    expect_done(trial, {"unlock"});
                    history().expect_listed(trial, {last});
                    history().expect_sound(trial);
                    EXPECT_EQ(trees(trial), tree);
                  });
}

TEST(Kill, ForgetWithPruneLosesOnlyWhatItIsTold) {
  const Prepared plain;
  const Words words = {"forget", "--keep-last", "1", "--prune", "--max-unused", "0"};
  kill_everywhere(plain.record_calls(words).size(), plain.repository(),
                  [&](const Trial& trial, const std::string& fault) {
                    run_killed(trial, words, fault);
                    expect_done(trial, {"unlock"});
                    expect_kept(trial, {history().ids().front()});
                    expect_done(trial, words);
                    expect_done(trial, {"prune", "--max-unused", "0"});
                    history().expect_restorable(trial, {history().ids().front()});
                  });
}

// Prune has something to do once a snapshot is gone: whole packs and parts of packs.
TEST(Kill, PruneLosesNothing) {
  const Prepared forgotten;
  const std::string first = history().ids().front();
  expect_done(forgotten.trial(), {"forget", first});
  const Words words = {"prune", "--max-unused", "0"};
  const std::vector<std::string> calls = forgotten.record_calls(words);
  EXPECT_NE(std::find(calls.begin(), calls.end(), "remove pack"), calls.end());
  kill_everywhere(calls.size(), forgotten.repository(),
                  [&](const Trial& trial, const std::string& fault) {
                    run_killed(trial, words, fault);
                    expect_done(trial, {"unlock"});
                    expect_kept(trial, {first});
                    expect_done(trial, words);
                    history().expect_restorable(trial, {first});
                  });
}

// A copy of the history into an empty repository; both are whole wherever it ends, and what is in
// the target is whole too.
TEST(Kill, CopyLosesNothing) {
  const fs::path empty = history().place() / "empty";
  make_repository(empty, place_password);
  const auto words = [](const Trial& source) {
    return Words{"copy", "--from-repo", source.repository().string(), "--from-password-file",
                 source.password_file().string()};
  };
  const auto snapshots = [](const Trial& trial) {
    return history().run(trial, {"snapshots", "--json", "--no-lock"}).array();
  };
  const auto counted = history().new_trial();
  const std::size_t calls =
      history().record_calls(*history().new_trial(empty), words(*counted)).size();
  kill_everywhere(calls, empty, [&](const Trial& target, const std::string& fault) {
    const auto source = history().new_trial();
    run_killed(target, words(*source), fault);
    expect_done(target, {"unlock"});
    expect_done(*source, {"unlock"});
    history().expect_sound(target);
    expect_kept(*source);
    expect_done(target, words(*source));
    history().expect_sound(target);
    const Json::Array there = snapshots(target);
    const Json::Array wanted = snapshots(*source);
    ASSERT_EQ(there.size(), wanted.size()) << "each once";
    for (std::size_t i = 0; i < there.size(); ++i)
      EXPECT_EQ(there[i].at("tree"), wanted[i].at("tree"));
  });
}

// Several index files name each pack: there is something to do, and nothing is missing before.
TEST(Kill, RepairIndexLosesNothing) {
  const Prepared repeated;
  {
    const auto opened = open_repository(repeated.repository(), place_password);
    for (const format::Id& id : opened->list(storage::FileKind::index)) {
      const Bytes json = opened->load_unpacked(storage::FileKind::index, id);
      static_cast<void>(opened->save_unpacked(storage::FileKind::index, as_text(json)));
    }
  }
  const Words words = {"repair", "index"};
  const std::vector<std::string> calls = repeated.record_calls(words);
  EXPECT_NE(std::find(calls.begin(), calls.end(), "remove index"), calls.end());
  kill_everywhere(calls.size(), repeated.repository(),
                  [&](const Trial& trial, const std::string& fault) {
                    run_killed(trial, words, fault);
                    expect_done(trial, {"unlock"});
                    expect_kept(trial);
                    expect_done(trial, words);
                    history().expect_restorable(trial);
                    history().expect_sound(trial);
                  });
}

TEST(Kill, RepairIndexGoesOnWithALostIndex) {
  const Prepared lost;
  fs::remove(files_of(lost.repository(), storage::FileKind::index).front());
  const Words words = {"repair", "index"};
  kill_everywhere(lost.record_calls(words).size(), lost.repository(),
                  [&](const Trial& trial, const std::string& fault) {
                    run_killed(trial, words, fault);
                    expect_done(trial, {"unlock"});
                    expect_done(trial, words);
                    history().expect_restorable(trial);
                    history().expect_sound(trial);
                  });
}

// The header is damaged, which no restore needs, so that every snapshot must stay restorable.
TEST(Kill, RepairPacksLosesNothing) {
  const Prepared damaged;
  const fs::path pack =
      packs_of(damaged.repository(), place_password, format::BlobType::data).front();
  flip_file(pack, fs::file_size(pack) - 12);
  const Words words = {"repair", "packs", pack.filename().string()};
  const std::vector<std::string> calls = damaged.record_calls(words);
  EXPECT_NE(std::find(calls.begin(), calls.end(), "remove pack"), calls.end());
  kill_everywhere(calls.size(), damaged.repository(),
                  [&](const Trial& trial, const std::string& fault) {
                    run_killed(trial, words, fault);
                    expect_done(trial, {"unlock"});
                    history().expect_restorable(trial);
                    const Outcome again = history().run(trial, words);
                    EXPECT_TRUE(again.exit_code == 0 ||
                                (again.exit_code == 1 && again.says(pack.filename().string())))
                        << "done, or gone already and named: " << again.text();
                    history().expect_restorable(trial);
                    history().expect_sound(trial);
                  });
}

TEST(Kill, UpgradeLeavesARepositoryThatOpens) {
  const fs::path old = history().place() / "version1";
  make_repository(old, place_password, 1);
  {
    const auto saved = history().new_trial(old);
    expect_done(*saved, {"backup", history().source().string()});
    fs::remove_all(old);
    fs::copy(saved->repository(), old, fs::copy_options::recursive);
  }
  const Words words = {"migrate", "upgrade_repo_v2"};
  const std::vector<std::string> calls = history().record_calls(*history().new_trial(old), words);
  const auto replacing = std::find(calls.begin(), calls.end(), "replace_config config");
  ASSERT_NE(replacing, calls.end());
  const auto expect_opens = [&](const Trial& trial) {
    const Outcome config = history().run(trial, {"cat", "config", "--no-lock"});
    EXPECT_EQ(config.exit_code, 0) << config.text();
    history().expect_sound(trial);
  };
  const auto kill = [&](const Trial& trial, const std::string& fault) {
    run_killed(trial, words, fault);
    expect_opens(trial);
    expect_done(trial, {"unlock"});
    expect_done(trial, words);
    expect_opens(trial);
    EXPECT_EQ(history().run(trial, {"cat", "config"}).document().at("version").as_uint(), 2U);
    history().expect_restores(
        trial, history().run(trial, {"snapshots", "--json"}).array().front().at("id").as_string());
  };
  for (const char* when : {"kill_before", "kill_after"})
    kill(*history().new_trial(old), fmt::format("{}:call=replace_config", when));
  kill_everywhere(calls.size(), old, kill);
}

// Each snapshot is there, or what takes its place.
TEST(Kill, RewriteHasTheNewBeforeTheOldGoes) {
  const Prepared plain;
  const Words words = {"rewrite", "--forget", "--exclude", "small"};
  const std::set<std::string> all(history().ids().begin(), history().ids().end());
  const auto originals = [](const Trial& trial) {
    std::set<std::string> found;
    for (const Json& each : history().run(trial, {"snapshots", "--json", "--no-lock"}).array()) {
      found.insert(each.string_or("original", each.at("id").as_string()));
    }
    return found;
  };
  kill_everywhere(plain.record_calls(words).size(), plain.repository(),
                  [&](const Trial& trial, const std::string& fault) {
                    run_killed(trial, words, fault);
                    expect_done(trial, {"unlock"});
                    EXPECT_EQ(originals(trial), all);
                    history().expect_sound(trial);
                    expect_done(trial, words);
                    EXPECT_EQ(originals(trial), all);
                    history().expect_sound(trial);
                  });
}

// Some password opens the repository at any time: the old one until the new one is proven.
TEST(Kill, NewPasswordsLockNobodyOut) {
  const Prepared plain;
  const std::string fresh = (plain.trial() / "fresh").string();
  write_text(fresh, "a new one\n");
  const Words look = {"cat", "config", "--no-lock"};
  const Variables with_fresh = {{"HOLDFAST_PASSWORD_FILE", fresh}};
  for (const char* verb : {"add", "passwd"}) {
    const Words words = {"key", verb, "--new-password-file", fresh};
    kill_everywhere(plain.record_calls(words).size(), plain.repository(),
                    [&](const Trial& trial, const std::string& fault) {
                      run_killed(trial, words, fault);
                      const bool old_opens = history().run(trial, look).exit_code == 0;
                      const bool new_opens = history().run(trial, look, with_fresh).exit_code == 0;
                      EXPECT_TRUE(old_opens || new_opens);
                      if (!old_opens) write_text(trial.password_file(), "a new one\n");
                      expect_done(trial, {"unlock"});
                      expect_done(trial, words);
                      EXPECT_EQ(history().run(trial, look, with_fresh).exit_code, 0);
                    });
  }
}

TEST(Kill, KeyRemoveGoesOn) {
  const Prepared two;
  write_text(two.trial() / "fresh", "a new one\n");
  expect_done(two.trial(), {"key", "add", "--new-password-file", (two.trial() / "fresh").string()});
  const Outcome keys = history().run(two.trial(), {"key", "list", "--json"});
  std::string other;
  for (const Json& key : keys.array()) {
    if (!key.at("current").as_bool()) other = key.at("id").as_string();
  }
  ASSERT_FALSE(other.empty()) << keys.text();
  const Words words = {"key", "remove", other};
  kill_everywhere(two.record_calls(words).size(), two.repository(),
                  [&](const Trial& trial, const std::string& fault) {
                    run_killed(trial, words, fault);
                    expect_done(trial, {"unlock"});
                    const Outcome again = history().run(trial, words);
                    EXPECT_TRUE(again.exit_code == 0 || (again.exit_code == 1 && again.says(other)))
                        << "done, or gone already and named: " << again.text();
                    expect_done(trial, {"cat", "config"});
                  });
}

TEST(Kill, UnlockGoesOn) {
  // What runs that are no more have left behind.
  const Prepared locked;
  for (int i = 0; i < 3; ++i) {
    run_killed(locked.trial(), {"backup", history().source().string()},
               "kill_after:call=put:file=lock");
  }
  ASSERT_EQ(files_of(locked.repository(), storage::FileKind::lock).size(), 3U);
  kill_everywhere(locked.record_calls({"unlock"}).size(), locked.repository(),
                  [&](const Trial& trial, const std::string& fault) {
                    run_killed(trial, {"unlock"}, fault);
                    expect_done(trial, {"unlock"});
                    EXPECT_TRUE(files_of(trial.repository(), storage::FileKind::lock).empty());
                    history().expect_sound(trial);
                  });
}

// Either there is a repository afterwards or none; where something is in the way of a second try,
// that is named with the way out.
TEST(Kill, InitCanBeRunAgainOrSaysWhatIsInTheWay) {
  const Words words = {"init"};
  const std::size_t calls = history().record_calls(*history().new_empty_trial(), words).size();
  kill_everywhere(calls, {}, [&](const Trial& trial, const std::string& fault) {
    run_killed(trial, words, fault);
    const Outcome opened = history().run(trial, {"snapshots", "--no-lock"});
    EXPECT_TRUE(opened.exit_code == 0 || opened.exit_code == 10) << opened.text();
    const Outcome again = history().run(trial, words);
    if (again.exit_code != 0) {
      EXPECT_EQ(again.exit_code, 1) << again.text();
      EXPECT_TRUE(again.says(trial.repository().string())) << again.text();
      EXPECT_GE(std::count(again.errors.begin(), again.errors.end(), '\n'), 2)
          << "a way out: " << again.text();
    }
    if (opened.exit_code == 0) {
      EXPECT_NE(again.exit_code, 0) << "never over a repository that works";
    }
  });
}

}  // namespace
}  // namespace holdfast::test
