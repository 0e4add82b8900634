// SPDX-License-Identifier: Apache-2.0
#include "repo/repair_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "format/index_file.h"
#include "repo/check.h"
#include "repo/test_repository.h"

namespace holdfast::repo {
namespace {

using format::BlobType;
using format::Id;
using format::IndexedPack;
using format::PackedBlob;
using storage::FileKind;

using Packs = std::map<Id, std::vector<PackedBlob>>;

struct WarningObserver final : model::Observer {
  void warning(std::string_view text) override { warnings += std::string(text) + "\n"; }
  std::string warnings;
};

// Two snapshots, each with index files and packs of its own.
struct Filled {
  Filled() {
    for (const std::uint64_t seed : {1, 2, 3}) {
      roots.push_back(test.save_tree({{"a", {noise(30'000, seed), "small"}}}));
      test.save_snapshot(roots.back());
    }
    test.reload();
    for (const IndexedPack& pack : test.repository->index().packs()) before[pack.id] = pack.blobs;
    index_files = test.repository->list(FileKind::index);
  }
  IndexRepairReport repair(bool read_all_packs = false) {
    return repair_index(*test.repository, {read_all_packs}, nullptr, observer, {});
  }
  [[nodiscard]] Packs packs() const {
    Packs found;
    for (const IndexedPack& pack : test.open_again()->index().packs()) found[pack.id] = pack.blobs;
    return found;
  }
  [[nodiscard]] CheckReport check() const {
    CheckOptions options;
    options.read_data = true;
    model::SilentObserver silent;
    return repo::check(*test.open_again(), options, silent, {});
  }
  void save_index(const std::vector<IndexedPack>& packs) const {
    std::string json;
    format::append_index_json(json, packs);
    static_cast<void>(test.repository->save_unpacked(FileKind::index, json));
  }

  TestRepository test;
  std::vector<Id> roots;
  Packs before;
  std::vector<Id> index_files;
  WarningObserver observer;
};

TEST(RepairIndex, WritesNothingWhereNothingIsWrong) {
  Filled filled;
  for (const bool read_all : {false, true}) {
    const IndexRepairReport report = filled.repair(read_all);
    EXPECT_FALSE(report.changed());
    EXPECT_TRUE(report.damaged_packs.empty());
    EXPECT_EQ(filled.test.repository->list(FileKind::index), filled.index_files);
  }
}

TEST(RepairIndex, MakesALostIndexFromThePacks) {
  Filled filled;
  for (const Id& id : filled.index_files) filled.test.repository->remove(FileKind::index, id);
  const IndexRepairReport report = filled.repair();
  EXPECT_EQ(report.packs_added, filled.before.size());
  EXPECT_EQ(report.index_files_written, 1U);
  EXPECT_EQ(filled.packs(), filled.before);
  EXPECT_TRUE(filled.check().sound());
}

TEST(RepairIndex, ReplacesDamagedIndexFiles) {
  Filled filled;
  filled.test.flip(FileKind::index, filled.index_files.front(), 40);
  const IndexRepairReport report = filled.repair();
  EXPECT_EQ(report.damaged_index_files, std::vector<Id>{filled.index_files.front()});
  EXPECT_NE(filled.observer.warnings.find(filled.index_files.front().hex()), std::string::npos);
  EXPECT_EQ(filled.packs(), filled.before);
  EXPECT_EQ(report.index_files_removed, filled.index_files.size());
  EXPECT_EQ(filled.test.count(FileKind::index), report.index_files_written);
  EXPECT_TRUE(filled.check().sound());
}

TEST(RepairIndex, LeavesOutWhatSeveralIndexFilesNameAlike) {
  Filled filled;
  std::vector<IndexedPack> all;
  for (const auto& [id, blobs] : filled.before) all.push_back({id, blobs});
  filled.save_index(all);
  EXPECT_TRUE(filled.check().suggest_repair_index);
  EXPECT_EQ(filled.repair().packs_repeated, filled.before.size());
  EXPECT_EQ(filled.packs(), filled.before);
  EXPECT_FALSE(filled.check().suggest_repair_index);
}

TEST(RepairIndex, BelievesTheHeaderWhereIndexFilesContradictEachOther) {
  Filled filled;
  IndexedPack wrong{filled.before.begin()->first, filled.before.begin()->second};
  wrong.blobs.front().blob.id.bytes[0] ^= std::byte{1};
  filled.save_index({wrong});
  EXPECT_FALSE(filled.check().sound());
  EXPECT_EQ(filled.repair().packs_corrected, 1U);
  EXPECT_EQ(filled.packs(), filled.before);
  EXPECT_TRUE(filled.check().sound());
}

// The sizes add up, so that only the headers tell.
TEST(RepairIndex, FindsAWrongBlobWhenItReadsAllPacks) {
  Filled filled;
  std::vector<IndexedPack> all;
  for (const auto& [id, blobs] : filled.before) all.push_back({id, blobs});
  all.front().blobs.front().blob.id.bytes[5] ^= std::byte{1};
  filled.save_index(all);
  for (const Id& id : filled.index_files) filled.test.repository->remove(FileKind::index, id);
  EXPECT_FALSE(filled.repair().changed());
  EXPECT_EQ(filled.repair(true).packs_corrected, 1U);
  EXPECT_EQ(filled.packs(), filled.before);
}

TEST(RepairIndex, ForgetsPacksThatAreNotStored) {
  Filled filled;
  const Id lost = filled.before.begin()->first;
  filled.test.repository->remove(FileKind::pack, lost);
  EXPECT_EQ(filled.repair().packs_dropped, 1U);
  Packs expected = filled.before;
  expected.erase(lost);
  EXPECT_EQ(filled.packs(), expected);
}

// Nothing but the index tells which blobs are in them, so it goes on doing so.
TEST(RepairIndex, KeepsNamingPacksThatAreCutShort) {
  Filled filled;
  const Id cut = filled.before.begin()->first;
  Bytes content = filled.test.content(FileKind::pack, cut);
  content.resize(content.size() - 10);
  filled.test.files->overwrite({FileKind::pack, cut.hex()}, content);
  for (const bool read_all : {false, true}) {
    const IndexRepairReport report = filled.repair(read_all);
    EXPECT_FALSE(report.changed());
    EXPECT_EQ(report.damaged_packs, std::vector<Id>{cut});
    EXPECT_EQ(filled.packs(), filled.before);
  }
}

TEST(RepairIndex, PassesOverFilesThatAreNoPacks) {
  Filled filled;
  filled.test.files->put({FileKind::pack, std::string(64, 'e')}, as_bytes("no pack at all"));
  const IndexRepairReport report = filled.repair();
  EXPECT_FALSE(report.changed());
  EXPECT_EQ(report.packs_ignored, 1U);
  EXPECT_NE(filled.observer.warnings.find(std::string(64, 'e')), std::string::npos);
}

// Every blob is in some index file whenever it stops.
TEST(RepairIndex, StoresTheNewIndexBeforeTheOldOneGoes) {
  Filled filled;
  filled.test.flip(FileKind::index, filled.index_files.front(), 40);
  std::mutex mutex;  // guards calls: files are removed on several threads
  std::vector<std::string> calls;
  const auto note = [&](const char* call) {
    return [&, call](const storage::FileRef&) {
      const std::lock_guard lock(mutex);
      calls.emplace_back(call);
    };
  };
  filled.test.hooks->on_put = note("put");
  filled.test.hooks->on_remove = note("remove");
  static_cast<void>(filled.repair());
  ASSERT_GE(calls.size(), 2U);
  EXPECT_EQ(calls.front(), "put");
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "put"), 1);
}

TEST(RepairIndex, RemovesNothingWhenTheNewIndexCannotBeStored) {
  Filled filled;
  filled.test.repository->remove(FileKind::index, filled.index_files.front());
  filled.test.hooks->on_put = [](const storage::FileRef&) {
    throw Error(Errc::no_space, "the disk is full");
  };
  EXPECT_EQ(code_thrown([&] { static_cast<void>(filled.repair()); }), Errc::no_space);
  filled.test.hooks->on_put = nullptr;
  EXPECT_EQ(filled.test.count(FileKind::index), filled.index_files.size() - 1);
}

}  // namespace
}  // namespace holdfast::repo
