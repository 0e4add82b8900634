// SPDX-License-Identifier: Apache-2.0
#include "repo/repair_packs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>

#include "repo/check.h"
#include "repo/test_repository.h"

namespace holdfast::repo {
namespace {

using format::BlobHandle;
using format::BlobType;
using format::Id;
using format::IndexedPack;
using storage::FileKind;

// One pack of several data blobs that a snapshot needs.
struct Filled {
  Filled() {
    blobs = test.save(BlobType::data, texts);
    test.save_snapshot(test.save_tree({{"a", texts}}));
    test.reload();
    pack = test.repository->index().find({BlobType::data, blobs.front()})->pack;
  }
  PackRepairReport repair(const std::vector<Id>& packs) {
    test.reload();
    model::SilentObserver observer;
    return repair_packs(*test.repository, packs, {}, nullptr, observer, {});
  }
  [[nodiscard]] CheckReport check() const {
    CheckOptions options;
    options.read_data = true;
    model::SilentObserver silent;
    return repo::check(*test.open_again(), options, silent, {});
  }
  // Where a blob lies in the pack.
  [[nodiscard]] BlobPlace place(std::size_t number) const {
    return *test.repository->index().find({BlobType::data, blobs.at(number)});
  }

  std::vector<std::string> texts = {noise(20'000, 1), noise(20'000, 2), noise(20'000, 3)};
  TestRepository test;
  std::vector<Id> blobs;
  Id pack;
};

TEST(RepairPacks, SavesWhatIsSoundAndNamesTheRest) {
  Filled filled;
  filled.test.flip(FileKind::pack, filled.pack, filled.place(1).offset_bytes + 30);
  const PackRepairReport report = filled.repair({filled.pack, filled.pack});
  EXPECT_EQ(report.packs, 1U);
  EXPECT_EQ(report.blobs_saved, 2U);
  EXPECT_EQ(report.bytes_saved, 40'000U);
  EXPECT_EQ(report.lost, (std::vector<BlobHandle>{{BlobType::data, filled.blobs[1]}}));
  EXPECT_FALSE(filled.test.files->size_bytes({FileKind::pack, filled.pack.hex()}));
  const CheckReport check = filled.check();
  EXPECT_TRUE(check.broken_packs.empty());
  EXPECT_EQ(check.errors.size(), 1U) << "only the file that needs the lost blob";
  // What is lost is stored anew where it is met.
  filled.test.reload();
  filled.test.save(BlobType::data, {filled.texts[1]});
  EXPECT_TRUE(filled.check().sound());
}

TEST(RepairPacks, SavesWhatLiesBeforeACut) {
  Filled filled;
  Bytes content = filled.test.content(FileKind::pack, filled.pack);
  // In the blob that lies last.
  content.resize(45'000);
  filled.test.files->overwrite({FileKind::pack, filled.pack.hex()}, content);
  const PackRepairReport report = filled.repair({filled.pack});
  EXPECT_EQ(report.blobs_saved, 2U);
  EXPECT_EQ(report.lost.size(), 1U);
}

TEST(RepairPacks, LosesNothingOfAPackWhoseHeaderAloneIsDamaged) {
  Filled filled;
  filled.test.flip(FileKind::pack, filled.pack,
                   filled.test.content(FileKind::pack, filled.pack).size() - 2);
  const PackRepairReport report = filled.repair({filled.pack});
  EXPECT_EQ(report.blobs_saved, 3U);
  EXPECT_TRUE(report.lost.empty());
  EXPECT_TRUE(filled.check().sound());
}

TEST(RepairPacks, FindsOtherCopiesOfWhatIsDamaged) {
  Filled filled;
  filled.test.save(BlobType::data, {filled.texts[1]}, true);
  filled.test.reload();
  const BlobHandle blob{BlobType::data, filled.blobs[1]};
  for (const BlobPlace& place : filled.test.repository->index().find_all(blob)) {
    if (place.pack == filled.pack)
      filled.test.flip(FileKind::pack, filled.pack, place.offset_bytes + 30);
  }
  const PackRepairReport report = filled.repair({filled.pack});
  EXPECT_EQ(report.blobs_saved, 2U);
  EXPECT_EQ(report.blobs_elsewhere, 1U);
  EXPECT_TRUE(report.lost.empty());
  EXPECT_TRUE(filled.check().sound());
}

// The index may be incomplete, as after it was lost.
TEST(RepairPacks, SavesWhatOnlyTheHeaderNames) {
  Filled filled;
  for (const Id& id : filled.test.repository->list(FileKind::index)) {
    filled.test.repository->remove(FileKind::index, id);
  }
  const PackRepairReport report = filled.repair({filled.pack});
  EXPECT_EQ(report.blobs_saved, 3U);
  filled.test.reload();
  for (const Id& id : filled.blobs)
    EXPECT_TRUE(filled.test.repository->index().has({BlobType::data, id}));
}

TEST(RepairPacks, TakesALostPackOutOfTheIndex) {
  Filled filled;
  filled.test.repository->remove(FileKind::pack, filled.pack);
  const PackRepairReport report = filled.repair({filled.pack});
  EXPECT_EQ(report.blobs_saved, 0U);
  EXPECT_EQ(report.lost.size(), 3U);
  filled.test.reload();
  EXPECT_FALSE(filled.test.repository->index().pack_number(filled.pack));
}

TEST(RepairPacks, RefusesWhatIsNoPackAndChangesNothing) {
  Filled filled;
  const std::vector<Id> before = filled.test.repository->list(FileKind::index);
  EXPECT_EQ(code_thrown([&] {
              static_cast<void>(filled.repair({filled.pack, filled.blobs.front()}));
            }),
            Errc::not_found);
  EXPECT_EQ(filled.test.repository->list(FileKind::index), before);
  EXPECT_TRUE(filled.check().sound());
}

// What was readable is readable whenever it stops: the damaged pack goes last.
TEST(RepairPacks, RemovesThePackAfterAllElse) {
  Filled filled;
  filled.test.flip(FileKind::pack, filled.pack, filled.place(1).offset_bytes + 30);
  std::mutex mutex;  // guards calls: files are removed on several threads
  std::vector<std::string> calls;
  const auto note = [&](std::string_view call) {
    return [&, call](const storage::FileRef& file) {
      const std::lock_guard lock(mutex);
      calls.push_back(std::string(call) + " " + std::string(storage::file_kind_name(file.kind)));
    };
  };
  filled.test.hooks->on_put = note("put");
  filled.test.hooks->on_remove = note("remove");
  static_cast<void>(filled.repair({filled.pack}));
  ASSERT_GE(calls.size(), 5U);
  EXPECT_EQ(calls[0], "put pack");
  EXPECT_EQ(calls[1], "put index");
  EXPECT_EQ(calls[2], "put index");
  EXPECT_EQ(calls.back(), "remove pack");
}

}  // namespace
}  // namespace holdfast::repo
