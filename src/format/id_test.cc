// SPDX-License-Identifier: Apache-2.0
#include "format/id.h"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::format {
namespace {

constexpr std::string_view abc_hex =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Id, IsTheSha256OfContent) {
  const Id id = id_of(as_bytes("abc"));
  EXPECT_EQ(id.hex(), abc_hex);
  EXPECT_EQ(id.short_hex(), "ba7816bf");
}

TEST(Id, AppendsItsDigits) {
  std::string text = "id ";
  append_hex(text, id_of(as_bytes("abc")));
  EXPECT_EQ(text, "id " + std::string(abc_hex));
}

TEST(Id, ParsesWhatItPrints) {
  EXPECT_EQ(parse_id(abc_hex), id_of(as_bytes("abc")));
}

TEST(Id, RefusesEverythingButSixtyFourLowerCaseDigits) {
  const std::string good(abc_hex);
  EXPECT_FALSE(parse_id(""));
  EXPECT_FALSE(parse_id(good.substr(1)));
  EXPECT_FALSE(parse_id(good + "0"));
  for (const char wrong : {'A', 'F', 'g', '/', ':', '`', '\0', ' ', '\xff'}) {
    for (const std::size_t at : {std::size_t{0}, std::size_t{31}, std::size_t{63}}) {
      std::string text = good;
      text[at] = wrong;
      EXPECT_FALSE(parse_id(text)) << "at " << at;
    }
  }
}

TEST(Id, IsNullOnlyWhenAllBytesAreZero) {
  Id id;
  EXPECT_TRUE(id.is_null());
  id.bytes[31] = std::byte{1};
  EXPECT_FALSE(id.is_null());
}

TEST(Id, OrdersByUnsignedBytes) {
  Id low;
  Id high;
  low.bytes[0] = std::byte{0x7f};
  high.bytes[0] = std::byte{0x80};
  EXPECT_LT(low, high);
  EXPECT_LT((BlobHandle{BlobType::data, high}), (BlobHandle{BlobType::tree, low}));
}

TEST(Id, HashesABlobByIdAndType) {
  const Id id = id_of(as_bytes("abc"));
  EXPECT_NE(BlobHandleHash{}({BlobType::data, id}), BlobHandleHash{}({BlobType::tree, id}));
  EXPECT_EQ(blob_type_name(BlobType::data), "data");
  EXPECT_EQ(blob_type_name(BlobType::tree), "tree");
}

}  // namespace
}  // namespace holdfast::format
