// SPDX-License-Identifier: Apache-2.0
#include "format/unpacked.h"

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"

namespace holdfast::format {
namespace {

constexpr std::string_view json = R"({"packs":[]})";

void expect_corrupt(ByteView plain) {
  Decompressor decompressor;
  Bytes back;
  try {
    decode_unpacked(plain, decompressor, back);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::corrupt) << error.what();
  }
}

TEST(Unpacked, IsRawInVersionOne) {
  Compressor compressor(Compression::automatic);
  EXPECT_EQ(as_text(encode_unpacked(json, 1, compressor)), json);
}

TEST(Unpacked, IsCompressedBehindAMarkInVersionTwoEvenWhenOff) {
  for (const Compression level : {Compression::automatic, Compression::off, Compression::max}) {
    Compressor compressor(level);
    Decompressor decompressor;
    const Bytes plain = encode_unpacked(json, 2, compressor);
    EXPECT_EQ(plain.front(), std::byte{2});
    Bytes back(7);
    decode_unpacked(plain, decompressor, back);
    EXPECT_EQ(as_text(back), json);
  }
}

TEST(Unpacked, ReadsRawObjectsAndArraysInAnyVersion) {
  Decompressor decompressor;
  Bytes back;
  decode_unpacked(as_bytes(json), decompressor, back);
  EXPECT_EQ(as_text(back), json);
  decode_unpacked(as_bytes("[]"), decompressor, back);
  EXPECT_EQ(as_text(back), "[]");
}

TEST(Unpacked, RefusesAnythingElse) {
  expect_corrupt({});
  expect_corrupt(as_bytes(" {}"));
  expect_corrupt(as_bytes("\x01{}"));
  expect_corrupt(as_bytes("\x02"));
  expect_corrupt(as_bytes("\x02{}"));
  Compressor compressor(Compression::automatic);
  Bytes longer = encode_unpacked(json, 2, compressor);
  longer.push_back(std::byte{0});
  expect_corrupt(longer);
}

}  // namespace
}  // namespace holdfast::format
