// SPDX-License-Identifier: Apache-2.0
#include "format/pack_header.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "base/error.h"

namespace holdfast::format {
namespace {

Id numbered(unsigned number) {
  Id id;
  id.bytes.fill(static_cast<std::byte>(number));
  return id;
}

std::vector<PackedBlob> four_kinds() {
  return {
      {{BlobType::data, numbered(1)}, 0, 100, 0},
      {{BlobType::tree, numbered(2)}, 100, 32, 0},
      {{BlobType::data, numbered(3)}, 132, 50, 4000},
      {{BlobType::tree, numbered(4)}, 182, 70, 0xffffffff},
  };
}

SealKey some_key() {
  SealKey key;
  key.encrypt.fill(std::byte{1});
  key.mac_k.fill(std::byte{2});
  key.mac_r.fill(std::byte{3});
  return key;
}

// The opened header of a pack made of these blobs.
Bytes plain_header(const std::vector<PackedBlob>& blobs) {
  Sealer sealer(some_key());
  Bytes pack;
  append_pack_header(blobs, sealer, pack);
  Bytes plain;
  sealer.open(ByteView(pack).first(pack.size() - pack_trailer_bytes), plain);
  return plain;
}

template <typename Body>
void expect_error(Errc code, Body&& body) {
  try {
    body();
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
  }
}

TEST(PackHeader, HasTheLayoutOfRestic) {
  std::string expected;
  const auto ids = [](char byte) {
    std::string text;
    for (int i = 0; i < 32; ++i) text += {'0', byte};
    return text;
  };
  expected +=
      "00"
      "64000000" +
      ids('1');
  expected +=
      "01"
      "20000000" +
      ids('2');
  expected +=
      "02"
      "32000000"
      "a00f0000" +
      ids('3');
  expected +=
      "03"
      "46000000"
      "ffffffff" +
      ids('4');
  EXPECT_EQ(to_hex(plain_header(four_kinds())), expected);
}

TEST(PackHeader, StandsBehindTheBlobsWithItsLength) {
  Sealer sealer(some_key());
  Bytes pack(252);  // the blobs
  append_pack_header(four_kinds(), sealer, pack);
  EXPECT_EQ(pack.size(), pack_file_bytes(four_kinds()));
  const ByteView all(pack);
  const std::size_t sealed = sealed_header_bytes(all.last(4), pack.size());
  EXPECT_EQ(sealed, 2 * 37U + 2 * 41U + 32U);
  Bytes plain;
  sealer.open(all.subspan(pack.size() - 4 - sealed, sealed), plain);
  EXPECT_EQ(parse_pack_header(plain, 252), four_kinds());
}

TEST(PackHeader, CountsBytesOfEntriesAndPacks) {
  const auto blobs = four_kinds();
  EXPECT_EQ(pack_entry_bytes(blobs[0]), 37U);
  EXPECT_EQ(pack_entry_bytes(blobs[2]), 41U);
  EXPECT_EQ(pack_file_bytes({}), 36U);
  EXPECT_EQ(pack_file_bytes(blobs), 36U + 2 * 37 + 2 * 41 + 252);
  EXPECT_EQ(blobs[0].plain_bytes(), 68U);
  EXPECT_EQ(blobs[1].plain_bytes(), 0U);
  EXPECT_EQ(blobs[2].plain_bytes(), 4000U);
}

TEST(PackHeader, IsNotWrittenWithGapsOrWithoutBlobs) {
  Sealer sealer(some_key());
  Bytes pack;
  auto blobs = four_kinds();
  blobs[2].offset_bytes += 1;
  expect_error(Errc::bug, [&] { append_pack_header(blobs, sealer, pack); });
  expect_error(Errc::bug, [&] { append_pack_header({}, sealer, pack); });
}

TEST(PackHeader, RefusesLengthsThatCannotBe) {
  const auto length = [](std::uint32_t value, std::uint64_t file_bytes) {
    std::array<std::byte, 4> bytes;
    store_le32(bytes.data(), value);
    return sealed_header_bytes(bytes, file_bytes);
  };
  EXPECT_EQ(length(69, 73), 69U);
  EXPECT_EQ(length(16U << 20U, 32U << 20U), 16U << 20U);
  for (const std::uint32_t bad : {0U, 31U, 32U, 68U, 97U, 0xffffffffU}) {
    expect_error(Errc::corrupt, [&] { static_cast<void>(length(bad, 100)); });
  }
  expect_error(Errc::corrupt, [&] { static_cast<void>(length((16U << 20U) + 1, 32U << 20U)); });
  expect_error(Errc::corrupt, [&] { static_cast<void>(length(69, 72)); });
  expect_error(Errc::corrupt, [&] { static_cast<void>(length(69, 0)); });
}

TEST(PackHeader, RefusesTruncationAtEveryByteButEntryEnds) {
  const Bytes header = plain_header(four_kinds());
  for (std::size_t size_bytes = 0; size_bytes < header.size(); ++size_bytes) {
    expect_error(Errc::corrupt, [&] {
      static_cast<void>(parse_pack_header(ByteView(header).first(size_bytes), 252));
    });
  }
}

TEST(PackHeader, RefusesEntriesThatMakeNoSense) {
  const Bytes good = plain_header(four_kinds());
  const auto refuse = [&](std::size_t at, std::uint32_t value) {
    Bytes bad = good;
    store_le32(bad.data() + at, value);
    expect_error(Errc::corrupt, [&] { static_cast<void>(parse_pack_header(bad, 252)); });
  };
  refuse(1, 101);          // sum is another
  refuse(1, 31);           // shorter than IV and MAC
  refuse(37 + 37 + 5, 0);  // compressed, but of no length
  refuse(1, 0xffffffff);   // the rest begins above 4 GiB
  Bytes unknown = good;
  unknown[0] = std::byte{4};
  expect_error(Errc::corrupt, [&] { static_cast<void>(parse_pack_header(unknown, 252)); });
  expect_error(Errc::corrupt, [&] { static_cast<void>(parse_pack_header(good, 253)); });
}

}  // namespace
}  // namespace holdfast::format
