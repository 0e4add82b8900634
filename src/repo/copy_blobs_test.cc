// SPDX-License-Identifier: Apache-2.0
#include "repo/copy_blobs.h"

#include <gtest/gtest.h>

#include <set>

#include "repo/check.h"
#include "repo/test_repository.h"

namespace holdfast::repo {
namespace {

using format::BlobHandle;
using format::BlobType;
using format::Id;
using storage::FileKind;

struct Pair {
  explicit Pair(unsigned target_version = 2) : target(target_version) {
    root = source.save_tree({{"a", {noise(40'000, 1), noise(40'000, 2)}}, {"b", {"small"}}});
    source.save(BlobType::data, {"nobody's"});
    source.reload();
  }
  BlobSet copy() {
    source.reload();
    target.reload();
    model::SilentObserver observer;
    const BlobSet wanted = find_used_blobs(*source.repository, {root}, {}, observer, {});
    BlobWriter writer(*target.repository, {}, nullptr);
    BlobSet lost = copy_blobs(*source.repository, wanted, *target.repository, writer, observer, {});
    writer.finish();
    totals = writer.totals();
    return lost;
  }
  [[nodiscard]] bool target_is_whole() {
    target.save_snapshot(root);
    CheckOptions options;
    options.read_data = true;
    model::SilentObserver observer;
    return check(*target.open_again(), options, observer, {}).sound();
  }

  TestRepository source, target;
  Id root;
  WriterTotals totals;
};

TEST(CopyBlobs, CopiesWhatIsWantedAndNothingElse) {
  for (const unsigned version : {1U, 2U}) {
    Pair pair(version);
    EXPECT_EQ(pair.copy().count(), 0U);
    EXPECT_EQ(pair.totals.data_blobs, 3U);
    EXPECT_EQ(pair.totals.tree_blobs, 1U);
    EXPECT_TRUE(pair.target_is_whole());
  }
}

TEST(CopyBlobs, CopiesNothingTwice) {
  Pair pair;
  pair.target.save(BlobType::data, {noise(40'000, 1)});
  EXPECT_EQ(pair.copy().count(), 0U);
  EXPECT_EQ(pair.totals.data_blobs, 2U);
  // A second time only trees are read, to find what is wanted.
  std::set<std::string> trees;
  pair.source.repository->index().for_each(
      [&](const BlobHandle& blob, const BlobPlace& place, std::uint32_t) {
        if (blob.type == BlobType::tree) trees.insert(place.pack.hex());
      });
  pair.source.hooks->on_read = [&](const storage::FileRef& file) {
    EXPECT_TRUE(file.kind != FileKind::pack || trees.contains(file.name));
  };
  EXPECT_EQ(pair.copy().count(), 0U);
  EXPECT_EQ(pair.totals.packs, 0U);
  EXPECT_TRUE(pair.target_is_whole());
}

TEST(CopyBlobs, TellsWhatCannotBeReadAndCopiesTheRest) {
  Pair pair;
  const BlobHandle broken{BlobType::data, format::id_of(as_bytes(noise(40'000, 2)))};
  const BlobPlace place = *pair.source.repository->index().find(broken);
  pair.source.flip(FileKind::pack, place.pack, place.offset_bytes + 30);
  const BlobSet lost = pair.copy();
  EXPECT_EQ(lost.count(), 1U);
  EXPECT_TRUE(lost.contains(*pair.source.repository->index().blob_number(broken)));
  EXPECT_EQ(pair.totals.data_blobs, 2U);
  EXPECT_FALSE(pair.target.repository->index().has(broken));
}

TEST(CopyBlobs, TakesAnotherCopyOfADamagedBlob) {
  Pair pair;
  const BlobHandle broken{BlobType::data, format::id_of(as_bytes(noise(40'000, 2)))};
  const BlobPlace place = *pair.source.repository->index().find(broken);
  pair.source.save(BlobType::data, {noise(40'000, 2)}, true);
  pair.source.flip(FileKind::pack, place.pack, place.offset_bytes + 30);
  EXPECT_EQ(pair.copy().count(), 0U);
  EXPECT_TRUE(pair.target_is_whole());
}

TEST(CopyBlobs, EndsOnAStopRequest) {
  Pair pair;
  std::stop_source stop;
  stop.request_stop();
  model::SilentObserver observer;
  const BlobSet wanted = find_used_blobs(*pair.source.repository, {pair.root}, {}, observer, {});
  BlobWriter writer(*pair.target.repository, {}, nullptr);
  EXPECT_EQ(code_thrown([&] {
              static_cast<void>(copy_blobs(*pair.source.repository, wanted, *pair.target.repository,
                                           writer, observer, stop.get_token()));
            }),
            Errc::cancelled);
}

}  // namespace
}  // namespace holdfast::repo
