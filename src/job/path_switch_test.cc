// SPDX-License-Identifier: Apache-2.0
#include "job/path_switch.h"

#include <gtest/gtest.h>

#include <optional>

#include "base/error.h"
#include "base/fd.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

class PathSwitchTest : public ::testing::Test {
 protected:
  PathSwitchTest() { begin(); }
  void begin() {
    changes_.reset();
    journal_ = Journal::begin(root_.path() / "state", "shop", "restore", {});
    changes_.emplace(*journal_);
  }
  static void write(const fs::path& path, std::string_view text) {
    write_file_durably(path, as_bytes(text), 0644);
  }
  static void fill(const fs::path& directory, std::string_view text) {
    fs::create_directories(directory);
    write(directory / "file", text);
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& item : fs::directory_iterator(root_.path() / "srv"))
      found.push_back(item.path().filename().string());
    std::sort(found.begin(), found.end());
    return found;
  }

  TemporaryDirectory root_{"path-switch-test"};
  fs::path place_ = root_.path() / "srv/data", kept_ = root_.path() / "srv/data_before_x";
  std::unique_ptr<Journal> journal_;
  std::optional<Changes> changes_;
};

TEST_F(PathSwitchTest, PutsNewContentIntoAFreePlace) {
  PathSwitch change(place_, *changes_);
  fill(change.fresh(), "new");
  EXPECT_FALSE(change.switch_in(false, kept_));
  changes_->settle();
  journal_->close();
  EXPECT_EQ(read_text_file(place_ / "file"), "new");
  EXPECT_EQ(names(), std::vector<std::string>{"data"});
}

TEST_F(PathSwitchTest, KeepsWhatWasThere) {
  fill(place_, "old");
  PathSwitch change(place_, *changes_);
  fill(change.fresh(), "new");
  EXPECT_TRUE(change.switch_in(true, kept_));
  changes_->settle();
  journal_->close();
  EXPECT_EQ(read_text_file(place_ / "file"), "new");
  EXPECT_EQ(read_text_file(kept_ / "file"), "old");
}

TEST_F(PathSwitchTest, SettlesEverythingWithOneRecord) {
  fill(place_, "old");
  PathSwitch change(place_, *changes_);
  fill(change.fresh(), "new");
  EXPECT_TRUE(change.switch_in(true, kept_));
  const auto lines = [&] {
    const std::string text = read_text_file(journal_->directory() / "entries");
    return std::count(text.begin(), text.end(), '\n');
  };
  const auto announced = lines();
  EXPECT_GT(announced, 1);
  changes_->settle();
  EXPECT_EQ(lines(), announced + 1);
  journal_->close();
}

TEST_F(PathSwitchTest, RefusesWhatIsThereUnlessAsked) {
  fill(place_, "old");
  PathSwitch change(place_, *changes_);
  fill(change.fresh(), "new");
  EXPECT_THROW(static_cast<void>(change.switch_in(false, kept_)), Error);
  journal_->undo_all();
  journal_->close();
  EXPECT_EQ(read_text_file(place_ / "file"), "old");
  EXPECT_EQ(names(), std::vector<std::string>{"data"});
}

TEST_F(PathSwitchTest, TakesTheNameOfAnEmptyDirectoryWithoutKeepingIt) {
  fs::create_directories(place_);
  PathSwitch change(place_, *changes_);
  fill(change.fresh(), "new");
  EXPECT_FALSE(change.switch_in(false, kept_));
  changes_->settle();
  change.tidy();
  journal_->close();
  EXPECT_EQ(names(), std::vector<std::string>{"data"});
}

// Nothing beside it at any time: who looks there would take that for something of its own.
TEST_F(PathSwitchTest, KeepsAndMakesAside) {
  fill(place_, "old");
  PathSwitch change(place_, *changes_, root_.path());
  EXPECT_EQ(change.fresh().parent_path(), root_.path());
  fill(change.fresh(), "new");
  EXPECT_EQ(change.named("_before_x"), root_.path() / "data_before_x");
  EXPECT_TRUE(change.switch_in(true, change.named("_before_x")));
  EXPECT_EQ(names(), std::vector<std::string>{"data"});
  EXPECT_EQ(read_text_file(place_ / "file"), "new");
  EXPECT_EQ(read_text_file(root_.path() / "data_before_x/file"), "old");
  const JournalEntry entry = find_journals(root_.path() / "state").at(0).entries.back();
  EXPECT_EQ(entry.undo.at("undone").as_string(), (root_.path() / "data_undone_x").string());
  journal_->undo_all();
  journal_->close();
  EXPECT_EQ(names(), std::vector<std::string>{"data"});
  EXPECT_EQ(read_text_file(place_ / "file"), "old");
  EXPECT_FALSE(fs::exists(root_.path() / "data_before_x"));
}

// Uploads may have come to what was in place for long: they are not removed with it.
TEST_F(PathSwitchTest, KeepsWhatOthersMayHaveWrittenTo) {
  fill(place_, "old");
  PathSwitch change(place_, *changes_);
  fill(change.fresh(), "new");
  EXPECT_TRUE(change.switch_in(true, kept_));
  JournalEntry entry = find_journals(root_.path() / "state").at(0).entries.back();
  ASSERT_EQ(entry.kind, "rename");
  const std::string undone = entry.undo.at("undone").as_string();
  EXPECT_TRUE(undone.starts_with(place_.string() + "_undone")) << undone;
  entry.undo.set("since", entry.undo.at("since").as_int() - 3600);
  const std::string told = perform_undo(entry, "run", "shop");
  EXPECT_NE(told.find("rm -rf '" + undone), std::string::npos) << told;
  std::vector<std::string> left;
  journal_->undo_all([&](const std::string& line) { left.push_back(line); });
  journal_->close();
  EXPECT_TRUE(left.empty());
  EXPECT_EQ(read_text_file(place_ / "file"), "old");
  EXPECT_EQ(read_text_file(fs::path(undone) / "file"), "new");
}

TEST_F(PathSwitchTest, IsUndoneAtEveryStep) {
  for (const bool with_old : {false, true}) {
    for (int steps = 0; steps < 3; ++steps) {
      fs::remove_all(root_.path() / "srv");
      if (with_old) fill(place_, "old");
      begin();
      PathSwitch change(place_, *changes_);
      if (steps > 0) fill(change.fresh(), "new");
      if (steps > 1) {
        EXPECT_EQ(change.switch_in(true, kept_), with_old);
      }
      journal_->undo_all();
      journal_->close();
      if (with_old) {
        EXPECT_EQ(names(), std::vector<std::string>{"data"});
        EXPECT_EQ(read_text_file(place_ / "file"), "old");
      } else {
        EXPECT_FALSE(fs::exists(root_.path() / "srv")) << "a directory that was made stays";
      }
    }
  }
}

TEST_F(PathSwitchTest, WhatIsSettledTogetherStaysAfterACrash) {
  fill(place_, "old");
  PathSwitch change(place_, *changes_);
  fill(change.fresh(), "new");
  EXPECT_TRUE(change.switch_in(true, kept_));
  changes_->settle();
  const fs::path directory = journal_->directory();
  journal_.reset();  // as if killed: the guardian looks for what is unsettled
  EXPECT_TRUE(guard(-1, directory));
  EXPECT_EQ(read_text_file(place_ / "file"), "new");
  EXPECT_EQ(read_text_file(kept_ / "file"), "old");
}

TEST_F(PathSwitchTest, LeavesAForeignFileInPlace) {
  PathSwitch change(place_, *changes_);
  fill(change.fresh(), "new");
  write(place_, "somebody else's");
  EXPECT_THROW(static_cast<void>(change.switch_in(false, kept_)), Error);
  fs::remove(place_);
  journal_->undo_all();
  journal_->close();
}

}  // namespace
}  // namespace holdfast::job
