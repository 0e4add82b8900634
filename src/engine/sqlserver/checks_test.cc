// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/checks.h"

#include <gtest/gtest.h>

#include <bit>
#include <string>
#include <string_view>

#include "engine/sqlserver/bak/test_bak.h"

namespace holdfast::engine::sqlserver {
namespace {

using namespace std::string_view_literals;

TEST(SqlServerChecks, AreThoseOfWordsMadeByHand) {
  EXPECT_EQ(xor16(as_bytes("\x01\x02\x10\x20\xff"sv)), 0x2211);
  EXPECT_EQ(turning_xor(as_bytes("\x01\x00\x00\x80\x04\x00\x00\x00"sv)), 0x00000007U);
  EXPECT_EQ(turning_xor(as_bytes("\x01\x00\x00\x00\x08"sv)), 0x0000000aU);
  EXPECT_EQ(turning_xor({}), 0U);
}

TEST(SqlServerChecks, OfManyWordsAreThoseOfOneAfterTheOther) {
  std::string text;
  std::uint32_t plain = 0, turning = 0;
  for (std::uint32_t i = 0; i < 300; ++i) {
    Xor32 xors;
    xors.add(as_bytes(text));
    ASSERT_EQ(xors.value(), plain) << i;
    ASSERT_EQ(turning_xor(as_bytes(text)), turning) << i;
    const std::uint32_t word = i * 2'654'435'761U;
    text += test::le(word, 4);
    plain ^= word;
    turning = std::rotl(turning, 1) ^ word;
  }
}

TEST(SqlServerChecks, AreTheSameInPieces) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += static_cast<char>(i * i >> 3);
  Xor32 whole;
  whole.add(as_bytes(text));
  for (const std::size_t piece : {1U, 2U, 3U, 5U, 7U, 64U, 333U}) {
    Xor32 plain;
    TurningXor turning;
    for (std::size_t at = 0; at < text.size(); at += piece) {
      plain.add(as_bytes(std::string_view(text).substr(at, piece)));
      turning.add(as_bytes(std::string_view(text).substr(at, piece)));
    }
    EXPECT_EQ(plain.value(), whole.value());
    EXPECT_EQ(turning.value(), turning_xor(as_bytes(text)));
  }
}

TEST(SqlServerChecks, APageIsOtherWithEachBitButThoseOfItsChecksum) {
  const std::string page = test::page(9, 0x200);
  const auto sum = [](const std::string& one) { return page_checksum(as_bytes(one).data()); };
  const std::uint32_t right = sum(page);
  EXPECT_EQ(right, load_le32(as_bytes(page).data() + 60));
  for (std::size_t at = 0; at < page.size(); at += 13) {
    std::string other = page;
    other[at] = static_cast<char>(other[at] ^ 1 << at % 8);
    EXPECT_EQ(sum(other) == right, at >= 60 && at < 64) << at;
  }
}

}  // namespace
}  // namespace holdfast::engine::sqlserver
