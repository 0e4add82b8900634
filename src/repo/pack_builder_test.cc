// SPDX-License-Identifier: Apache-2.0
#include "repo/pack_builder.h"

#include <gtest/gtest.h>

#include "repo/test_repository.h"

namespace holdfast::repo {
namespace {

using format::BlobType;

Bytes sealed(Codec& codec, std::string_view text) {
  Bytes to;
  codec.sealer.seal(as_bytes(text), to);
  return to;
}

format::BlobHandle handle(std::string_view text) {
  return {BlobType::data, format::id_of(as_bytes(text))};
}

TEST(PackBuilder, PutsHeaderBehindLastBlob) {
  const TestRepository test;
  Codec codec = test.repository->codec();
  PackBuilder builder({});
  builder.add(handle("one"), sealed(codec, "one"), 0);
  builder.add(handle("two"), sealed(codec, "two"), 77);
  const std::size_t blobs_bytes = builder.size_bytes();
  EXPECT_EQ(blobs_bytes, 2 * (3 + format::seal_overhead_bytes));
  const format::IndexedPack pack = builder.finish(codec);
  EXPECT_EQ(pack.id, format::id_of(builder.content()));
  EXPECT_EQ(builder.content().size(), format::pack_file_bytes(pack.blobs));
  ASSERT_EQ(pack.blobs.size(), 2U);
  EXPECT_EQ(pack.blobs[1].offset_bytes, 35U);
  EXPECT_EQ(pack.blobs[1].plain_size_bytes, 77U);
}

TEST(PackBuilder, TakesBlobsThatAreSealedInTheirPlaces) {
  const TestRepository test;
  Codec codec = test.repository->codec();
  Bytes buffer;
  buffer.reserve(4096);
  PackBuilder builder(std::move(buffer));
  const auto first = builder.add(handle("one"), 3 + format::seal_overhead_bytes, 0);
  const auto second = builder.add(handle("two"), 3 + format::seal_overhead_bytes, 0);
  codec.sealer.seal_to(as_bytes("two"), second);
  codec.sealer.seal_to(as_bytes("one"), first);
  const format::IndexedPack pack = builder.finish(codec);
  ASSERT_EQ(pack.blobs.size(), 2U);
  for (const format::PackedBlob& blob : pack.blobs) {
    Bytes plain;
    codec.sealer.open(builder.content().subspan(blob.offset_bytes, blob.size_bytes), plain);
    EXPECT_EQ(format::id_of(plain), blob.blob.id);
  }
}

TEST(PackBuilder, MergesAnotherWithShiftedOffsets) {
  const TestRepository test;
  Codec codec = test.repository->codec();
  PackBuilder one({});
  PackBuilder other({});
  one.add(handle("one"), sealed(codec, "one"), 0);
  other.add(handle("two"), sealed(codec, "two"), 0);
  other.add(handle("three"), sealed(codec, "three"), 0);
  ASSERT_TRUE(one.has_room_for(other));
  one.add_all(other);
  const format::IndexedPack pack = one.finish(codec);
  ASSERT_EQ(pack.blobs.size(), 3U);
  EXPECT_EQ(pack.blobs[2].offset_bytes, 70U);
  Bytes plain;
  codec.sealer.open(one.content().subspan(70, pack.blobs[2].size_bytes), plain);
  EXPECT_EQ(as_text(plain), "three");
}

TEST(PackBuilder, IsFullWhenItsHeaderWouldExceedTheLimit) {
  const TestRepository test;
  Codec codec = test.repository->codec();
  PackBuilder builder({});
  const Bytes empty = sealed(codec, "");
  std::size_t count = 0;
  while (builder.has_room(empty.size())) {
    builder.add(handle("x"), empty, 0);
    ++count;
  }
  EXPECT_GT(count, 400'000U);
  const format::IndexedPack pack = builder.finish(codec);
  EXPECT_EQ(pack.blobs.size(), count);
  EXPECT_FALSE(PackBuilder({}).has_room(std::size_t{1} << 32U));
}

TEST(PackBuilder, RefusesToFinishWithoutBlobs) {
  const TestRepository test;
  Codec codec = test.repository->codec();
  PackBuilder builder({});
  EXPECT_EQ(code_thrown([&] { static_cast<void>(builder.finish(codec)); }), Errc::bug);
}

TEST(PackBuilder, UsesTheBufferItIsGiven) {
  Bytes buffer(100);
  buffer.reserve(1000);
  PackBuilder builder(std::move(buffer));
  EXPECT_EQ(builder.size_bytes(), 0U);
  EXPECT_GE(builder.take_buffer().capacity(), 1000U);
}

}  // namespace
}  // namespace holdfast::repo
