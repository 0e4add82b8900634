// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/bak/xca.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

#include "engine/sqlserver/bak/test_bak.h"

namespace holdfast::engine::sqlserver {
namespace {

std::string unpack(std::string_view chunk, std::size_t size, const char** damage = nullptr) {
  XcaDecoder decoder;
  std::string into(size, '?');
  const auto made =
      decoder.unpack(as_bytes(chunk), std::as_writable_bytes(std::span(into.data(), into.size())));
  if (damage != nullptr) *damage = made.damage;
  into.resize(made.size_bytes);
  return into;
}

// Codes of two symbols: a zero bit is the smaller one.
std::string two_codes(unsigned first, unsigned second) {
  std::string lengths(xca_table_bytes, '\0');
  for (const unsigned symbol : {first, second})
    lengths[symbol / 2] =
        static_cast<char>(static_cast<unsigned char>(lengths[symbol / 2]) | 1U << 4 * (symbol % 2));
  return lengths;
}

TEST(Xca, MadeByHandIsUnpackedAsTheSpecificationSays) {
  // "a" and a match of symbol 256 + 15: distance 1, its length in bytes behind the second word.
  const std::string codes = two_codes('a', 256 + 15);
  // Bits 0, 1: then a length of 15 + 5 + 3.
  const std::string chunk = codes + std::string("\x00\x40\x00\x00\x05", 5);
  EXPECT_EQ(unpack(chunk, 24), std::string(24, 'a'));
  const std::string in_a_word = codes + std::string("\x00\x40\x00\x00\xff\x40\x01", 7);
  EXPECT_EQ(unpack(in_a_word, 1 + 0x140 + 3), std::string(1 + 0x140 + 3, 'a'));
}

TEST(Xca, WhatAWriterPacksIsUnpacked) {
  std::mt19937_64 random(20261122);
  for (int round = 0; round < 60; ++round) {
    std::string text(1 + random() % 50'000, '\0');
    const std::size_t letters = 1 + random() % 256;
    for (char& c : text) c = static_cast<char>(random() % letters);
    // Long repetitions at many distances.
    for (int i = 0; i < 20 && text.size() > 100; ++i) {
      const std::size_t from = random() % text.size(), to = random() % text.size();
      const std::size_t count = random() % (text.size() - std::max(from, to));
      for (std::size_t k = 0; k < count; ++k) text[to + k] = text[from + k];
    }
    const std::string chunk = test::XcaWriter::pack(text);
    ASSERT_TRUE(is_xca_table(as_bytes(chunk)));
    ASSERT_EQ(unpack(chunk, text.size()), text) << round;
  }
}

TEST(Xca, AWholeChunkOfOneByteIsUnpacked) {
  const std::string text(xca_chunk_bytes_max, 'z');
  EXPECT_EQ(unpack(test::XcaWriter::pack(text), text.size()), text);
}

TEST(Xca, EachDamageIsNamed) {
  const char* damage = nullptr;
  const std::string chunk = test::XcaWriter::pack("a text that is packed, a text that is packed");
  static_cast<void>(unpack(chunk.substr(0, 200), 44, &damage));
  EXPECT_STREQ(damage, "its codes are none");
  std::string codes = chunk;
  codes[3] = '\x11';
  static_cast<void>(unpack(codes, 44, &damage));
  EXPECT_STREQ(damage, "its codes are none");
  EXPECT_FALSE(is_xca_table(as_bytes(codes)));
  static_cast<void>(unpack(chunk.substr(0, xca_table_bytes + 6), 44, &damage));
  EXPECT_STREQ(damage, "it ends too early");
  static_cast<void>(unpack(chunk, 30, &damage));
  EXPECT_STREQ(damage, "it is longer than told");
  // The first symbol is a match.
  static_cast<void>(unpack(two_codes('a', 256) + std::string("\x00\x80\x00\x00", 4), 9, &damage));
  EXPECT_STREQ(damage, "it repeats what is in front of its beginning");
  static_cast<void>(unpack(
      two_codes('a', 256 + 15) + std::string("\x00\x40\x00\x00\xff\x05\x00", 7), 90, &damage));
  EXPECT_STREQ(damage, "a length is too small for its form");
}

TEST(Xca, TellsHowMuchOfAChunkItTook) {
  const std::string text(3000, 'q');
  std::string chunk = test::XcaWriter::pack(text);
  XcaDecoder decoder;
  Bytes into(text.size());
  EXPECT_GE(decoder.unpack(as_bytes(chunk), into).used_bytes + 3, chunk.size());
  chunk += std::string(10, '\0');
  EXPECT_LT(decoder.unpack(as_bytes(chunk), into).used_bytes + 3, chunk.size());
}

}  // namespace
}  // namespace holdfast::engine::sqlserver
