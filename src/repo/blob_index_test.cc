// SPDX-License-Identifier: Apache-2.0
#include "repo/blob_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>

#include "base/fd.h"
#include "base/hash.h"

namespace holdfast::repo {
namespace {

using format::BlobHandle;
using format::BlobType;
using format::Id;
using format::IndexedPack;
using format::PackedBlob;

Id id(std::uint64_t number) {
  Id made;
  store_le64(made.bytes.data(), number * 0x9e3779b97f4a7c15ULL);
  store_le64(made.bytes.data() + 8, number);
  return made;
}

IndexedPack pack(std::uint64_t number, const std::vector<std::uint64_t>& blobs,
                 BlobType type = BlobType::data) {
  IndexedPack made{id(number), {}};
  std::uint32_t offset = 0;
  for (const std::uint64_t blob : blobs) {
    made.blobs.push_back({{type, id(blob)}, offset, 100, 300});
    offset += 100;
  }
  return made;
}

TEST(BlobIndex, FindsWhereABlobLies) {
  BlobIndex index;
  EXPECT_EQ(index.add_pack(pack(1, {10, 11, 12})), BlobIndex::Added::added);
  const auto place = index.find({BlobType::data, id(11)});
  ASSERT_TRUE(place);
  EXPECT_EQ(place->pack, id(1));
  EXPECT_EQ(place->offset_bytes, 100U);
  EXPECT_EQ(place->size_bytes, 100U);
  EXPECT_EQ(place->plain_bytes(), 300U);
  EXPECT_FALSE(index.find({BlobType::data, id(13)}));
  EXPECT_FALSE(index.has({BlobType::tree, id(11)}));
}

TEST(BlobIndex, KeepsDataAndTreesOfOneIdApart) {
  BlobIndex index;
  index.add_pack(pack(1, {10}));
  index.add_pack(pack(2, {10}, BlobType::tree));
  EXPECT_EQ(index.find({BlobType::data, id(10)})->pack, id(1));
  EXPECT_EQ(index.find({BlobType::tree, id(10)})->pack, id(2));
  EXPECT_EQ(index.blob_count(), 2U);
}

TEST(BlobIndex, FindsEveryCopyOfABlob) {
  BlobIndex index;
  index.add_pack(pack(1, {10, 11}));
  index.add_pack(pack(2, {11, 12}));
  index.add_pack(pack(3, {11}));
  const auto places = index.find_all({BlobType::data, id(11)});
  ASSERT_EQ(places.size(), 3U);
  EXPECT_EQ(places[0].pack, id(1));
  EXPECT_EQ(places[1].pack, id(2));
  EXPECT_EQ(places[2].pack, id(3));
  EXPECT_EQ(index.blob_count(), 3U);
  EXPECT_EQ(index.blob_number_end(), 5U);
}

TEST(BlobIndex, ClaimsABlobOnce) {
  BlobIndex index;
  index.add_pack(pack(1, {10}));
  EXPECT_FALSE(index.claim({BlobType::data, id(10)}));
  EXPECT_TRUE(index.claim({BlobType::data, id(11)}));
  EXPECT_FALSE(index.claim({BlobType::data, id(11)}));
  EXPECT_FALSE(index.has({BlobType::data, id(11)}));
  index.add_pack(pack(2, {11}));
  EXPECT_TRUE(index.has({BlobType::data, id(11)}));
  EXPECT_FALSE(index.claim({BlobType::data, id(11)}));
}

TEST(BlobIndex, ForgetsClaimsThatWereNotKept) {
  BlobIndex index;
  EXPECT_TRUE(index.claim({BlobType::data, id(11)}));
  index.release_claims();
  EXPECT_TRUE(index.claim({BlobType::data, id(11)}));
}

TEST(BlobIndex, TakesAPackOfTwoIndexFilesOnce) {
  BlobIndex index;
  index.add_pack(pack(1, {10, 11}));
  IndexedPack same = pack(1, {10, 11});
  std::ranges::reverse(same.blobs);
  EXPECT_EQ(index.add_pack(same), BlobIndex::Added::duplicate);
  EXPECT_EQ(index.pack_count(), 1U);
  EXPECT_EQ(index.duplicate_count(), 1U);
  EXPECT_EQ(index.find_all({BlobType::data, id(10)}).size(), 1U);
}

TEST(BlobIndex, ReportsAndUnitesDifferingVersionsOfAPack) {
  BlobIndex index;
  index.add_pack(pack(1, {10, 11}));
  index.add_pack(pack(2, {20}));
  EXPECT_EQ(index.add_pack(pack(1, {10, 11, 12})), BlobIndex::Added::conflict);
  EXPECT_EQ(index.find({BlobType::data, id(12)})->pack, id(1));
  EXPECT_EQ(index.pack_count(), 2U);
  EXPECT_EQ(index.pack_ids().size(), 2U);
  EXPECT_EQ(index.pack(id(1))->blobs.size(), 3U);
  std::map<std::uint32_t, std::size_t> blobs_of;
  index.for_each(
      [&](const BlobHandle&, const BlobPlace&, std::uint32_t number) { ++blobs_of[number]; });
  EXPECT_EQ(blobs_of[*index.pack_number(id(1))], 3U);
  EXPECT_EQ(index.add_pack(pack(1, {10, 11, 12})), BlobIndex::Added::duplicate);
}

TEST(BlobIndex, BoundsHowManyVersionsOfAPackItTakes) {
  BlobIndex index;
  for (std::uint64_t i = 0; i < 3000; ++i) index.add_pack(pack(1, {i}));
  EXPECT_LE(index.blob_number_end(), 70U);
}

TEST(BlobIndex, HandsOutPacksWithBlobsInOffsetOrder) {
  BlobIndex index;
  IndexedPack one = pack(1, {10, 11, 12});
  std::ranges::reverse(one.blobs);
  index.add_pack(one);
  index.add_pack(pack(2, {20}));
  const std::vector<IndexedPack> packs = index.packs();
  ASSERT_EQ(packs.size(), 2U);
  EXPECT_EQ(packs[0].blobs, pack(1, {10, 11, 12}).blobs);
  EXPECT_EQ(index.pack_number(id(2)), 1U);
  EXPECT_FALSE(index.pack_number(id(3)));
  EXPECT_FALSE(index.pack(id(3)));
}

TEST(BlobIndex, NumbersDistinctBlobsDensely) {
  BlobIndex index;
  index.add_pack(pack(1, {10, 11}));
  index.add_pack(pack(2, {11, 12}));
  const auto a = index.blob_number({BlobType::data, id(10)});
  const auto b = index.blob_number({BlobType::data, id(11)});
  const auto c = index.blob_number({BlobType::data, id(12)});
  ASSERT_TRUE(a && b && c);
  EXPECT_NE(*a, *b);
  EXPECT_NE(*b, *c);
  EXPECT_LT(*c, index.blob_number_end());
  EXPECT_EQ(index.numbered({BlobType::data, id(11)})->number, *b);
  EXPECT_EQ(index.numbered({BlobType::data, id(11)})->plain_bytes, 300U);
}

TEST(BlobIndex, HoldsFiveMillionBlobsIn256MiB) {
  BlobIndex index;
  constexpr std::uint64_t blobs = 800'000;  // fills the tables as five million do
  constexpr std::uint64_t each = 14;
  std::uint64_t next = 0;
  for (std::uint64_t number = 0; next < blobs; ++number) {
    IndexedPack made{id(1'000'000'000 + number), {}};
    for (std::uint64_t i = 0; i < each; ++i, ++next) {
      made.blobs.push_back(
          {{BlobType::data, id(next)}, static_cast<std::uint32_t>(i * 100), 100, 300});
    }
    index.add_pack(made);
  }
  ASSERT_GE(index.blob_count(), blobs);
  const double each_bytes = static_cast<double>(index.memory_bytes()) / static_cast<double>(blobs);
  EXPECT_LE(each_bytes * 5e6, 256.0 * 1024 * 1024);
}

bool can_overflow(const TemporaryDirectory& directory) {
  return OverflowFile(directory.path(), 0).extend(1) != nullptr;
}

// Packs of 14 blobs with the numbers 0 to count - 1, none twice.
void fill(BlobIndex& index, std::uint64_t count) {
  constexpr std::uint64_t each = 14;
  for (std::uint64_t first = 0; first < count; first += each) {
    std::vector<std::uint64_t> blobs;
    for (std::uint64_t i = first; i < std::min(count, first + each); ++i) blobs.push_back(i);
    index.add_pack(
        pack(1'000'000'000 + first, blobs, first % 3 == 0 ? BlobType::tree : BlobType::data));
  }
}
void expect_filled(const BlobIndex& index, std::uint64_t count) {
  EXPECT_EQ(index.blob_count(), count);
  std::uint64_t wrong = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t first = i / 14 * 14;
    const BlobType type = first % 3 == 0 ? BlobType::tree : BlobType::data;
    const BlobType other = type == BlobType::tree ? BlobType::data : BlobType::tree;
    const auto place = index.find({type, id(i)});
    wrong += !place || place->pack != id(1'000'000'000 + first) ||
             place->offset_bytes != (i - first) * 100 || place->size_bytes != 100 ||
             place->plain_size_bytes != 300 || index.has({other, id(i)});
    wrong += index.has({type, id(count + i)});
  }
  EXPECT_EQ(wrong, 0U);
  std::uint64_t next = 0;
  index.for_each([&](const BlobHandle& blob, const BlobPlace&, std::uint32_t) {
    wrong += blob.id != id(next++);
  });
  EXPECT_EQ(next, count);
  EXPECT_EQ(wrong, 0U);
}

TEST(BlobIndex, KeepsInAFileWhatIsTooMuchForMemory) {
  const TemporaryDirectory directory("holdfast-index-test", "/var/tmp");
  if (!can_overflow(directory)) GTEST_SKIP() << "files below /var/tmp cannot take an index";
  BlobIndex index({directory.path(), 10'000, 0});
  fill(index, 10'000);
  EXPECT_EQ(index.file_bytes(), 0U);
  const std::uint64_t before = index.memory_bytes();
  constexpr std::uint64_t count = 350'000;  // more than the file gives at once
  BlobIndex large({directory.path(), 10'000, 0});
  fill(large, count);
  EXPECT_GT(large.file_bytes(), count * 44 - (before + 16'384 * 44));
  EXPECT_LE(large.memory_bytes() - before, count * 11);  // tables, and packs of 14 blobs
  expect_filled(large, count);
  // Copies and other versions of packs are found there as well.
  large.add_pack(pack(1, {20, 300'000}));
  EXPECT_EQ(large.add_pack(pack(1, {20, 300'000, 400'001})), BlobIndex::Added::conflict);
  EXPECT_EQ(large.add_pack(pack(1, {20, 300'000, 400'001})), BlobIndex::Added::duplicate);
  EXPECT_EQ(large.pack(id(1))->blobs.size(), 3U);
  EXPECT_EQ(large.find({BlobType::data, id(400'001)})->pack, id(1));
}

TEST(BlobIndex, KeepsAllInMemoryWhereThereIsNoRoomForAFile) {
  const TemporaryDirectory directory("holdfast-index-test", "/var/tmp");
  for (const BlobIndex::Overflow& overflow :
       {BlobIndex::Overflow{{}, 10'000, 0},
        BlobIndex::Overflow{directory.path(), 10'000, std::uint64_t{1} << 62U},
        BlobIndex::Overflow{"/proc/self", 10'000, 0}}) {
    BlobIndex index(overflow);
    fill(index, 30'000);
    EXPECT_EQ(index.file_bytes(), 0U);
    expect_filled(index, 30'000);
  }
}

TEST(BlobIndex, IsNotSlowedDownByIdsMadeToCollide) {
  BlobIndex index;
  IndexedPack made{id(1), {}};
  for (std::uint32_t i = 0; i < 50'000; ++i) {
    Id similar;  // all but the last bytes are zero
    store_le32(similar.bytes.data() + 28, i);
    made.blobs.push_back({{BlobType::data, similar}, i * 100, 100, 0});
  }
  index.add_pack(made);
  // 50,000 copies of one blob, too.
  for (std::uint64_t i = 0; i < 50'000; ++i) index.add_pack(pack(100 + i, {7}));
  EXPECT_EQ(index.find_all({BlobType::data, id(7)}).size(), 50'000U);
  EXPECT_EQ(index.blob_count(), 50'001U);
}

void expect_readable_while_others_add(BlobIndex& index) {
  std::atomic<bool> ended{false};
  std::vector<std::jthread> threads;
  for (std::uint64_t t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < 2000; ++i) {
        index.add_pack(
            pack(t * 1'000'000 + i, {t * 1'000'000 + 3 * i, t * 1'000'000 + 3 * i + 1, 5}));
      }
    });
  }
  std::uint64_t found = 0;
  std::jthread reader([&] {
    while (!ended) {
      for (std::uint64_t i = 0; i < 6000; ++i) {
        if (const auto place = index.find({BlobType::data, id(i)})) found += place->size_bytes;
        if (index.claim({BlobType::tree, id(i)})) ++found;
      }
    }
  });
  threads.clear();
  ended = true;
  reader.join();
  EXPECT_EQ(index.pack_count(), 4000U);
  for (std::uint64_t i = 0; i < 2000; ++i) EXPECT_TRUE(index.has({BlobType::data, id(3 * i)}));
}

TEST(BlobIndex, IsReadWhileOthersAdd) {
  BlobIndex index;
  expect_readable_while_others_add(index);
}

TEST(BlobIndex, IsReadInAFileWhileOthersAdd) {
  const TemporaryDirectory directory("holdfast-index-test", "/var/tmp");
  if (!can_overflow(directory)) GTEST_SKIP() << "files below /var/tmp cannot take an index";
  BlobIndex index({directory.path(), 0, 0});
  expect_readable_while_others_add(index);
  EXPECT_GT(index.file_bytes(), 0U);
}

}  // namespace
}  // namespace holdfast::repo
