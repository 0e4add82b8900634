// SPDX-License-Identifier: Apache-2.0
#include "repo/pack_check.h"

#include <gtest/gtest.h>

#include "repo/pack_builder.h"
#include "repo/test_repository.h"

namespace holdfast::repo {
namespace {

using format::BlobType;
using format::IndexedPack;
using storage::FileKind;

struct OnePack {
  OnePack() {
    test.save(BlobType::data, {"one", "two", std::string(5000, 'x')});
    pack = test.repository->index().packs().at(0);
    size_bytes = test.content(FileKind::pack, pack.id).size();
  }
  [[nodiscard]] std::vector<std::string> read() {
    return PackCheck(*test.repository).read(pack, test.content(FileKind::pack, pack.id).size());
  }
  [[nodiscard]] bool finds(std::string_view fault) {
    for (const std::string& found : read()) {
      if (found.find(fault) != std::string::npos) return true;
    }
    return false;
  }

  TestRepository test;
  IndexedPack pack;
  std::uint64_t size_bytes = 0;
};

TEST(PackCheck, FindsNothingInASoundPack) {
  OnePack one;
  EXPECT_TRUE(one.read().empty());
  EXPECT_TRUE(layout_faults(one.pack).empty());
  EXPECT_TRUE(PackCheck(*one.test.repository).is_whole(one.pack.id, one.size_bytes));
}

TEST(PackCheck, FindsEveryFlippedBit) {
  OnePack one;
  for (std::size_t at = 0; at < one.size_bytes; at += 7) {
    one.test.flip(FileKind::pack, one.pack.id, at);
    EXPECT_TRUE(one.finds("does not match the name")) << at;
    one.test.flip(FileKind::pack, one.pack.id, at);
  }
}

TEST(PackCheck, NamesTheBlobThatIsDamaged) {
  OnePack one;
  one.test.flip(FileKind::pack, one.pack.id, one.pack.blobs[1].offset_bytes + 20);
  EXPECT_TRUE(one.finds(one.pack.blobs[1].blob.id.hex()));
  EXPECT_FALSE(one.finds(one.pack.blobs[0].blob.id.hex()));
  EXPECT_FALSE(PackCheck(*one.test.repository).is_whole(one.pack.id, one.size_bytes));
}

TEST(PackCheck, FindsATornPack) {
  OnePack one;
  Bytes torn = one.test.content(FileKind::pack, one.pack.id);
  torn.resize(torn.size() / 2);
  one.test.files->overwrite({FileKind::pack, one.pack.id.hex()}, torn);
  EXPECT_FALSE(one.read().empty());
  torn.resize(0);
  one.test.files->overwrite({FileKind::pack, one.pack.id.hex()}, torn);
  EXPECT_FALSE(one.read().empty());
}

TEST(PackCheck, FindsWhereIndexAndHeaderDiffer) {
  OnePack one;
  one.pack.blobs[2].plain_size_bytes = 4999;
  EXPECT_TRUE(one.finds("of the index is not in the header"));
  EXPECT_TRUE(one.finds("of the header is not in the index"));
  one.pack.blobs.pop_back();
  EXPECT_TRUE(one.finds("of the header is not in the index"));
  EXPECT_FALSE(one.finds("of the index is not in the header"));
  one.pack.blobs.push_back(one.pack.blobs[1]);
  EXPECT_TRUE(one.finds("of the header is not in the index"));
}

TEST(PackCheck, FindsABlobNamedTwice) {
  OnePack one;
  one.pack.blobs.push_back(one.pack.blobs.back());
  EXPECT_TRUE(one.finds("names a blob twice"));
}

TEST(PackCheck, FindsAPackWhoseHeaderListsAnotherBlob) {
  // Sound by its hash, and yet wrong: the writer's memory was at fault.
  TestRepository test;
  Codec codec = test.repository->codec();
  PackBuilder builder({});
  Bytes sealed;
  codec.sealer.seal(as_bytes("content"), sealed);
  builder.add({BlobType::data, format::id_of(as_bytes("other content"))}, sealed, 0);
  const IndexedPack pack = builder.finish(codec);
  test.files->put({FileKind::pack, pack.id.hex()}, builder.content());
  const std::vector<std::string> faults =
      PackCheck(*test.repository).read(pack, builder.content().size());
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_NE(faults[0].find("the content does not match its id"), std::string::npos) << faults[0];
}

TEST(PackCheck, ReadsLargePacksPieceByPiece) {
  TestRepository test;
  Codec codec = test.repository->codec();
  PackBuilder builder({});
  const std::string text = noise(1'000'000, 1);
  Bytes sealed;
  codec.sealer.seal(as_bytes(text), sealed);
  for (int i = 0; i < 9; ++i)
    builder.add({BlobType::data, format::id_of(as_bytes(text))}, sealed, 0);
  const IndexedPack pack = builder.finish(codec);
  const std::uint64_t size_bytes = builder.content().size();
  test.files->put({FileKind::pack, pack.id.hex()}, builder.content());
  EXPECT_TRUE(PackCheck(*test.repository, 200'000).read(pack, size_bytes).empty());
  test.flip(FileKind::pack, pack.id, 6'000'000);
  EXPECT_EQ(PackCheck(*test.repository, 200'000).read(pack, size_bytes).size(), 2U);
}

TEST(PackCheck, FindsGapsAndOverlapsInAnIndex) {
  OnePack one;
  IndexedPack pack = one.pack;
  pack.blobs.erase(pack.blobs.begin());
  EXPECT_EQ(layout_faults(pack).size(), 1U);
  pack = one.pack;
  pack.blobs[1].offset_bytes -= 1;
  EXPECT_EQ(layout_faults(pack).size(), 2U);
}

}  // namespace
}  // namespace holdfast::repo
