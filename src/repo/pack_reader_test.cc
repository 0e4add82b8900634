// SPDX-License-Identifier: Apache-2.0
#include "repo/pack_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <utility>

#include "repo/test_repository.h"

namespace holdfast::repo {
namespace {

using format::BlobType;
using format::Id;
using format::IndexedPack;
using format::PackedBlob;
using storage::FileKind;

struct Seen {
  std::vector<std::string> visited;
  std::vector<PackedBlob> order;
  std::vector<std::string> failed;
};

Seen read(Repository& repository, const Id& pack, std::span<const PackedBlob> blobs) {
  Seen seen;
  Codec codec = repository.codec();
  read_pack_blobs(
      repository, pack, blobs, codec,
      [&](const PackedBlob& blob, Bytes& plain) {
        seen.visited.emplace_back(as_text(plain));
        seen.order.push_back(blob);
      },
      [&](const PackedBlob& blob, const Error& error) {
        EXPECT_EQ(error.code(), Errc::corrupt);
        seen.failed.push_back(blob.blob.id.hex() + " " + error.message());
      });
  return seen;
}

TEST(PackReader, HandsOutBlobsInOffsetOrderWithOneRead) {
  TestRepository test;
  test.save(BlobType::data, {"one", "two", "three"});
  const IndexedPack pack = test.repository->index().packs().at(0);
  std::vector<PackedBlob> blobs = pack.blobs;
  std::ranges::reverse(blobs);
  int reads = 0;
  test.hooks->on_read = [&](const storage::FileRef&) { ++reads; };
  const Seen seen = read(*test.repository, pack.id, blobs);
  EXPECT_EQ(reads, 1);
  EXPECT_EQ(seen.order, pack.blobs);
  EXPECT_EQ(std::set<std::string>(seen.visited.begin(), seen.visited.end()),
            (std::set<std::string>{"one", "two", "three"}));
}

TEST(PackReader, LeavesOutGapsOfAMebibyte) {
  TestRepository test;
  test.save(BlobType::data, {noise(2'000'000, 1), noise(2'000'000, 2), noise(2'000'000, 3)});
  const IndexedPack pack = test.repository->index().packs().at(0);
  ASSERT_EQ(pack.blobs.size(), 3U);
  int reads = 0;
  test.hooks->on_read = [&](const storage::FileRef&) { ++reads; };
  const std::vector<PackedBlob> outer{pack.blobs[0], pack.blobs[2]};
  EXPECT_EQ(read(*test.repository, pack.id, outer).visited.size(), 2U);
  EXPECT_EQ(reads, 2);
}

TEST(PackReader, ReportsADamagedBlobAndDeliversTheOthers) {
  TestRepository test;
  test.save(BlobType::data, {"one", "two", "three"});
  const IndexedPack pack = test.repository->index().packs().at(0);
  test.flip(FileKind::pack, pack.id, pack.blobs[1].offset_bytes + 20);
  const Seen seen = read(*test.repository, pack.id, pack.blobs);
  EXPECT_EQ(seen.visited.size(), 2U);
  ASSERT_EQ(seen.failed.size(), 1U);
  EXPECT_NE(seen.failed[0].find(pack.blobs[1].blob.id.hex()), std::string::npos);
}

// Several are hashed together; a blob whose MAC is right and whose content is another's is found at
// every place among them, and hides none of the others.
TEST(PackReader, ReportsABlobOfAnotherIdWhereverItLies) {
  std::vector<std::string> contents;
  for (int i = 0; i < 40; ++i) contents.push_back("blob " + std::to_string(i));
  contents[7] = noise(1'500'000, 7);
  TestRepository test;
  test.save(BlobType::data, contents);
  const IndexedPack pack = test.repository->index().packs().at(0);
  ASSERT_EQ(pack.blobs.size(), contents.size());
  for (std::size_t wrong = 0; wrong < pack.blobs.size(); ++wrong) {
    for (const std::size_t count : {std::size_t{2}, std::size_t{3}, pack.blobs.size()}) {
      if (wrong >= count) continue;
      std::vector<PackedBlob> blobs(pack.blobs.begin(),
                                    pack.blobs.begin() + static_cast<std::ptrdiff_t>(count));
      blobs[wrong].blob.id.bytes[0] ^= std::byte{1};
      std::vector<PackedBlob> visited;
      std::vector<PackedBlob> failed;
      Codec codec = test.repository->codec();
      read_pack_blobs(
          *test.repository, pack.id, blobs, codec,
          [&](const PackedBlob& blob, Bytes& plain) {
            visited.push_back(blob);
            EXPECT_EQ(format::id_of(std::exchange(plain, {})), blob.blob.id);
          },
          [&](const PackedBlob& blob, const Error&) { failed.push_back(blob); });
      EXPECT_EQ(failed, std::vector{blobs[wrong]}) << wrong << " of " << count;
      blobs.erase(blobs.begin() + static_cast<std::ptrdiff_t>(wrong));
      EXPECT_EQ(visited, blobs) << wrong << " of " << count;
    }
  }
}

TEST(PackReader, DeliversWhatLiesBeforeTheEndOfATornPack) {
  TestRepository test;
  test.save(BlobType::data, {"one", "two", "three"});
  const IndexedPack pack = test.repository->index().packs().at(0);
  Bytes torn = test.content(FileKind::pack, pack.id);
  torn.resize(pack.blobs[2].offset_bytes + 3);
  test.files->overwrite({FileKind::pack, pack.id.hex()}, torn);
  const Seen seen = read(*test.repository, pack.id, pack.blobs);
  EXPECT_EQ(seen.visited.size(), 2U);
  EXPECT_EQ(seen.failed.size(), 1U);
}

TEST(PackReader, ReportsEveryBlobOfAPackThatIsGone) {
  TestRepository test;
  test.save(BlobType::data, {"one", "two"});
  const IndexedPack pack = test.repository->index().packs().at(0);
  test.files->remove({FileKind::pack, pack.id.hex()});
  EXPECT_EQ(read(*test.repository, pack.id, pack.blobs).failed.size(), 2U);
}

TEST(PackReader, ReadsAFailingBlobOnceMore) {
  TestRepository test;
  test.save(BlobType::data, {"one"});
  const IndexedPack pack = test.repository->index().packs().at(0);
  int reads = 0;
  test.hooks->on_read = [&](const storage::FileRef&) {
    if (++reads == 1) throw Error(Errc::io, "a bad cable");
  };
  EXPECT_EQ(read(*test.repository, pack.id, pack.blobs).visited.size(), 1U);
}

TEST(PackReader, EndsWhenTheStorageIsUnavailable) {
  TestRepository test;
  test.save(BlobType::data, {"one", "two"});
  const IndexedPack pack = test.repository->index().packs().at(0);
  test.hooks->on_read = [&](const storage::FileRef&) {
    throw Error(Errc::unavailable, "no answer");
  };
  EXPECT_EQ(code_thrown([&] { read(*test.repository, pack.id, pack.blobs); }), Errc::unavailable);
}

TEST(PackReader, RefusesABlobOfAnotherContentOrSize) {
  TestRepository test;
  test.save(BlobType::data, {std::string(5000, 'a')});
  const IndexedPack pack = test.repository->index().packs().at(0);
  PackedBlob other = pack.blobs[0];
  other.blob.id.bytes[0] ^= std::byte{1};
  EXPECT_EQ(read(*test.repository, pack.id, {&other, 1}).failed.size(), 1U);
  other = pack.blobs[0];
  ASSERT_EQ(other.plain_size_bytes, 5000U);
  other.plain_size_bytes = 4999;
  EXPECT_EQ(read(*test.repository, pack.id, {&other, 1}).failed.size(), 1U);
  other.plain_size_bytes = 5001;
  EXPECT_EQ(read(*test.repository, pack.id, {&other, 1}).failed.size(), 1U);
}

TEST(PackReader, TakesNoMemoryOnTheWordOfAnIndex) {
  TestRepository test;
  test.save(BlobType::data, {"one"});
  const IndexedPack pack = test.repository->index().packs().at(0);
  PackedBlob huge = pack.blobs[0];
  huge.size_bytes = 0xfffffff0U;
  EXPECT_EQ(read(*test.repository, pack.id, {&huge, 1}).failed.size(), 1U);
  huge.size_bytes = 900U << 20U;
  EXPECT_EQ(read(*test.repository, pack.id, {&huge, 1}).failed.size(), 1U);
  huge = pack.blobs[0];
  huge.plain_size_bytes = 0xffffffffU;
  EXPECT_EQ(read(*test.repository, pack.id, {&huge, 1}).failed.size(), 1U);
}

TEST(PackReader, ReadsHeadersShortAndLong) {
  TestRepository test;
  std::vector<std::string> texts;
  for (int i = 0; i < 100; ++i) texts.push_back("text " + std::to_string(i));
  test.save(BlobType::data, {"one", "two"});
  test.save(BlobType::data, texts);
  Codec codec = test.repository->codec();
  for (const IndexedPack& pack : test.repository->index().packs()) {
    const std::uint64_t size_bytes = test.content(FileKind::pack, pack.id).size();
    EXPECT_EQ(read_pack_header(*test.repository, pack.id, size_bytes, codec), pack.blobs);
  }
}

TEST(PackReader, RefusesADamagedHeader) {
  TestRepository test;
  test.save(BlobType::data, {"one", "two"});
  const IndexedPack pack = test.repository->index().packs().at(0);
  const std::uint64_t size_bytes = test.content(FileKind::pack, pack.id).size();
  Codec codec = test.repository->codec();
  for (const std::uint64_t from_end : {1U, 2U, 4U, 10U, 60U}) {
    test.flip(FileKind::pack, pack.id, size_bytes - from_end);
    EXPECT_EQ(code_thrown([&] {
                static_cast<void>(read_pack_header(*test.repository, pack.id, size_bytes, codec));
              }),
              Errc::corrupt);
    test.flip(FileKind::pack, pack.id, size_bytes - from_end);
  }
  EXPECT_EQ(code_thrown(
                [&] { static_cast<void>(read_pack_header(*test.repository, pack.id, 10, codec)); }),
            Errc::corrupt);
}

}  // namespace
}  // namespace holdfast::repo
