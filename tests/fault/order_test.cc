// SPDX-License-Identifier: Apache-2.0
// The order in which files come and go: what is named is on the disk before the name, and a name
// goes before what it names, under the exclusive lock. Counted and recorded, never timed.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "fault/history.h"
#include "format/index_file.h"
#include "format/lock_file.h"
#include "format/tree.h"
#include "harness/fault_storage.h"
#include "harness/program.h"
#include "harness/repository_files.h"
#include "job/files_backup.h"
#include "job/forget.h"
#include "job/repair.h"
#include "storage/local.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;
using storage::FileKind;

// A call, and what was known when it was made.
struct Seen {
  Call call;
  std::uint64_t files_synced = 0, directories_synced = 0;
  bool exclusive = false;  // an exclusive lock lay there
};

class Order : public testing::Test {
 protected:
  Order() {
    make_repository(place_.repository(), place_password);
    local_ = std::make_shared<storage::LocalStorage>(place_.repository(), 1);  // one call at a time
    looking_ = open_repository(place_.repository(), place_password);
    plan_->set_observer([this](const Call& call) { look(call); });
    environment_.state_directory = place_.state();
    environment_.hostname = "here";
    environment_.username = "tester";
    environment_.wrap_storage = [this](std::unique_ptr<storage::Storage> /*own*/) {
      return std::make_unique<FaultStorage>(local_, plan_);
    };
    access_.location = place_.repository().string();
    access_.password = std::make_shared<const Secret>(std::string(place_password));
    access_.pack_size_bytes = 4U << 20U;
    fs::create_directory(source());
  }

  [[nodiscard]] fs::path source() const { return place_ / "source"; }

  void look(const Call& call) {
    Seen seen{call, local_->counters().files_synced, local_->counters().directories_synced, false};
    if (call.kind == CallKind::remove && call.file.kind != FileKind::lock) {
      for (const format::Id& id : looking_->list(FileKind::lock)) {
        const Bytes json = looking_->load_unpacked(FileKind::lock, id);
        seen.exclusive = seen.exclusive || format::parse_lock_file(as_text(json)).exclusive;
      }
    }
    const std::lock_guard lock(mutex_);
    seen_.push_back(std::move(seen));
  }

  format::Id back_up() {
    job::FilesBackupOptions options;
    options.paths = {source().string()};
    const job::FilesBackupReport report =
        job::backup_files(environment_, access_, options, observer_, stop_);
    EXPECT_TRUE(report.snapshot);
    return report.snapshot.value_or(format::Id{});
  }

  // The packs that each index file there names.
  [[nodiscard]] std::map<std::string, std::set<std::string>> indexed() {
    std::map<std::string, std::set<std::string>> packs;
    for (const format::Id& id : looking_->list(FileKind::index)) {
      Bytes json = looking_->load_unpacked(FileKind::index, id);
      format::read_index_json(format::padded(json), [&](format::IndexedPack&& pack) {
        packs[id.hex()].insert(pack.id.hex());
      });
    }
    return packs;
  }
  // Where in the record the file was put or removed; nothing if it was not.
  [[nodiscard]] std::optional<std::size_t> place_of(CallKind kind, FileKind file,
                                                    const std::string& name) const {
    for (std::size_t i = 0; i < seen_.size(); ++i) {
      const Call& call = seen_[i].call;
      if (call.kind == kind && call.file.kind == file && call.file.name == name) return i;
    }
    return std::nullopt;
  }

  Place place_{HOLDFAST_FAULT_PROGRAM};
  std::shared_ptr<storage::LocalStorage> local_;
  std::unique_ptr<repo::Repository> looking_;
  std::shared_ptr<FaultPlan> plan_ = std::make_shared<FaultPlan>();
  job::Environment environment_;
  job::RepositoryAccess access_;
  model::SilentObserver observer_;
  std::stop_source stop_;
  std::mutex mutex_;  // guards seen_ while a job runs
  std::vector<Seen> seen_;
};

TEST_F(Order, PacksAreOnTheDiskBeforeAnIndexNamesThemAndTheSnapshotComesLast) {
  write_text(source() / "first", noise(13U << 20U, 1));
  const format::Id snapshot = back_up();

  std::uint64_t puts = 0;
  std::size_t last_put = 0;
  for (std::size_t i = 0; i < seen_.size(); ++i) {
    if (seen_[i].call.kind != CallKind::put) continue;
    // One call at a time, so everything that was put before is done, and each is a file and a name.
    EXPECT_GE(seen_[i].files_synced, puts) << "content before put " << i;
    EXPECT_GE(seen_[i].directories_synced, puts) << "names before put " << i;
    ++puts;
    if (seen_[i].call.file.kind != FileKind::lock) last_put = i;
  }
  EXPECT_GT(puts, 4U);
  EXPECT_EQ(seen_[last_put].call.file.kind, FileKind::snapshot);
  EXPECT_EQ(seen_[last_put].call.file.name, snapshot.hex());

  std::size_t named = 0;
  for (const auto& [index, packs] : indexed()) {
    const auto index_at = place_of(CallKind::put, FileKind::index, index);
    ASSERT_TRUE(index_at);
    for (const std::string& pack : packs) {
      const auto pack_at = place_of(CallKind::put, FileKind::pack, pack);
      ASSERT_TRUE(pack_at) << pack;
      EXPECT_LT(*pack_at, *index_at);
      ++named;
    }
  }
  EXPECT_EQ(named, files_of(place_.repository(), FileKind::pack).size()) << "every pack is named";
}

TEST_F(Order, NamesGoBeforeWhatTheyNameUnderTheExclusiveLock) {
  write_text(source() / "stays", noise(5U << 20U, 1));
  write_text(source() / "goes", noise(6U << 20U, 2));
  const format::Id first = back_up();
  fs::remove(source() / "goes");
  const format::Id second = back_up();
  const std::map<std::string, std::set<std::string>> before = indexed();
  seen_.clear();

  job::ForgetOptions options;
  options.policy.last = 1;
  options.prune.emplace();
  options.prune->max_unused = {repo::PruneOptions::MaxUnused::Kind::bytes, 0, 0};
  options.prune->pack_size_bytes = access_.pack_size_bytes;
  const auto report = job::forget_snapshots(
      environment_, access_, options, [](const auto&) {}, observer_, stop_);
  ASSERT_TRUE(report);

  const auto snapshot_at = place_of(CallKind::remove, FileKind::snapshot, first.hex());
  ASSERT_TRUE(snapshot_at);
  EXPECT_FALSE(place_of(CallKind::remove, FileKind::snapshot, second.hex()));
  std::size_t packs_removed = 0;
  for (std::size_t i = 0; i < seen_.size(); ++i) {
    const Call& call = seen_[i].call;
    if (call.kind != CallKind::remove || call.file.kind == FileKind::lock) continue;
    EXPECT_TRUE(seen_[i].exclusive) << storage::display(call.file) << " without the lock";
    if (call.file.kind == FileKind::pack) {
      ++packs_removed;
      EXPECT_LT(*snapshot_at, i);
    }
  }
  EXPECT_GT(packs_removed, 0U);

  const std::map<std::string, std::set<std::string>> after = indexed();
  for (const auto& [index, packs] : before) {
    for (const std::string& pack : packs) {
      const auto pack_at = place_of(CallKind::remove, FileKind::pack, pack);
      if (!pack_at) continue;
      const auto index_at = place_of(CallKind::remove, FileKind::index, index);
      ASSERT_TRUE(index_at) << "an index still names the removed pack " << pack;
      EXPECT_LT(*index_at, *pack_at);
    }
    // What an old index named and is still needed is named by a new one, before the old one goes.
    const auto index_at = place_of(CallKind::remove, FileKind::index, index);
    if (!index_at) continue;
    for (const auto& [new_index, new_packs] : after) {
      const auto put_at = place_of(CallKind::put, FileKind::index, new_index);
      if (put_at) {
        EXPECT_LT(*put_at, *index_at);
      }
      for (const std::string& pack : new_packs) {
        const auto pack_put = place_of(CallKind::put, FileKind::pack, pack);
        if (pack_put && put_at) {
          EXPECT_LT(*pack_put, *put_at);
        }
      }
    }
  }
}

TEST_F(Order, ARepairedIndexIsStoredBeforeTheOldOneGoesUnderTheExclusiveLock) {
  write_text(source() / "first", noise(5U << 20U, 1));
  back_up();
  write_text(source() / "second", noise(5U << 20U, 2));
  back_up();
  const std::map<std::string, std::set<std::string>> before = indexed();
  ASSERT_EQ(before.size(), 2U);
  looking_->remove(FileKind::index, *format::parse_id(before.begin()->first));
  seen_.clear();

  const auto report = job::repair_index(environment_, access_, {}, observer_, stop_);
  EXPECT_EQ(report.packs_added, before.begin()->second.size());
  std::optional<std::size_t> last_put;
  std::size_t removed = 0;
  for (std::size_t i = 0; i < seen_.size(); ++i) {
    const Call& call = seen_[i].call;
    if (call.file.kind != FileKind::index) continue;
    if (call.kind == CallKind::put) last_put = i;
    if (call.kind != CallKind::remove) continue;
    ++removed;
    EXPECT_TRUE(seen_[i].exclusive) << storage::display(call.file) << " without the lock";
    EXPECT_TRUE(last_put && *last_put < i);
  }
  EXPECT_EQ(removed, 1U);
  std::set<std::string> named;
  for (const auto& [index, packs] : indexed()) named.insert(packs.begin(), packs.end());
  EXPECT_EQ(named.size(), files_of(place_.repository(), FileKind::pack).size());
}

}  // namespace
}  // namespace holdfast::test
