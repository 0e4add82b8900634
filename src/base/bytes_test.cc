// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

#include <gtest/gtest.h>

#include <array>

#include "base/error.h"
#include "base/stream.h"

namespace holdfast {
namespace {

std::string text_of(const std::optional<Bytes>& bytes) {
  return bytes ? std::string(as_text(*bytes)) : "(nothing)";
}

TEST(Bytes, ResizeKeepsWhatWasThere) {
  Bytes bytes;
  append(bytes, "abc");
  bytes.resize(5000);
  bytes.resize(3);
  EXPECT_EQ(as_text(bytes), "abc");
}

TEST(Bytes, AppendsPiecesOfAnySizeInOrder) {
  Bytes bytes;
  std::string wanted;
  append(bytes, ByteView());
  EXPECT_TRUE(bytes.empty());
  for (std::size_t size_bytes = 0; size_bytes < 300; ++size_bytes) {
    const std::string piece(size_bytes, static_cast<char>('a' + size_bytes % 26));
    wanted += piece;
    append(bytes, piece);
    append(bytes, ByteView());
    ASSERT_EQ(as_text(bytes), wanted);
  }
}

TEST(Bytes, AreEqualIfEveryByteIs) {
  EXPECT_TRUE(is_equal({}, {}));
  EXPECT_FALSE(is_equal(as_bytes("a"), {}));
  EXPECT_FALSE(is_equal({}, as_bytes("a")));
  EXPECT_FALSE(is_equal(as_bytes("ab"), as_bytes("abc")));
  const std::string text(100, 'x');
  EXPECT_TRUE(is_equal(as_bytes(text), as_bytes(std::string(text))));
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string other = text;
    other[at] = '\0';
    EXPECT_FALSE(is_equal(as_bytes(text), as_bytes(other))) << at;
  }
}

TEST(Bytes, IntegersAreLittleEndian) {
  std::array<std::byte, 8> at{};
  store_le32(at.data(), 0x01020304);
  EXPECT_EQ(to_hex(at), "0403020100000000");
  EXPECT_EQ(load_le32(at.data()), 0x01020304U);
  store_le64(at.data(), 0x0102030405060708U);
  EXPECT_EQ(to_hex(at), "0807060504030201");
  EXPECT_EQ(load_le64(at.data()), 0x0102030405060708U);
  EXPECT_EQ(load_be32(at.data()), 0x08070605U);
  EXPECT_EQ(load_be64(at.data()), 0x0807060504030201U);
}

TEST(Hex, ReadsBothCasesAndWritesLowerCase) {
  const auto bytes = from_hex("00fFAb9c");
  ASSERT_TRUE(bytes);
  EXPECT_EQ(to_hex(*bytes), "00ffab9c");
  EXPECT_EQ(text_of(from_hex("")), "");
}

TEST(Hex, RefusesOddLengthAndOtherDigits) {
  for (const char* bad : {"0", "abc", "0g", "g0", "0x12", " 12", "1 ", "--"}) {
    EXPECT_FALSE(from_hex(bad)) << bad;
  }
}

TEST(Base64, MatchesTheVectorsOfRfc4648) {
  const std::array<std::pair<const char*, const char*>, 7> vectors{{
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
  }};
  for (const auto& [plain, coded] : vectors) {
    EXPECT_EQ(to_base64(as_bytes(plain)), coded);
    EXPECT_EQ(text_of(from_base64(coded)), plain);
  }
  const std::array high{std::byte{0xfb}, std::byte{0xff}, std::byte{0xfe}};
  EXPECT_EQ(to_base64(high), "+//+");
}

TEST(Base64, RefusesEverythingThatIsNotStrict) {
  for (const char* bad : {"Zg", "Zg=", "Zg===", "Zm9v=", "=", "==", "====", "Z===", "Zm9v\n",
                          "Zm 9v===", "Zm-_", "Zh==", "Zm9=", "Zg==Zg==", "Z=g=", "Zm9vYg=A"}) {
    EXPECT_FALSE(from_base64(bad)) << bad;
  }
}

TEST(Base64, EveryByteSurvivesTheWayThereAndBack) {
  Bytes all;
  for (unsigned i = 0; i < 256; ++i) {
    all.push_back(static_cast<std::byte>(i));
    EXPECT_EQ(from_base64(to_base64(all)), all);
    EXPECT_EQ(from_hex(to_hex(all)), all);
  }
}

TEST(Utf8, AcceptsTheBordersOfEveryLength) {
  for (const char* good : {"", "a", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
                           "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
                           "plain text of some length \xc3\xbc and more plain text"}) {
    EXPECT_TRUE(is_utf8(good)) << to_hex(as_bytes(good));
  }
  EXPECT_TRUE(is_utf8(std::string_view("\0", 1)));
}

TEST(Utf8, RefusesMalformedSequences) {
  for (const char* bad : {"\x80",
                          "\xbf",
                          "\xc0\x80",
                          "\xc1\xbf",
                          "\xc2",
                          "\xc2\x41",
                          "\xe0\x80\x80",
                          "\xe0\x9f\xbf",
                          "\xe2\x82",
                          "\xed\xa0\x80",
                          "\xed\xbf\xbf",
                          "\xf0\x80\x80\x80",
                          "\xf0\x8f\xbf\xbf",
                          "\xf0\x9f\x98",
                          "\xf4\x90\x80\x80",
                          "\xf5\x80\x80\x80",
                          "\xff",
                          "\xfe",
                          "a long plain beginning and then \xff",
                          "12345678\x80"}) {
    EXPECT_FALSE(is_utf8(bad)) << to_hex(as_bytes(bad));
  }
}

TEST(Utf8, DecodesOneCodePoint) {
  EXPECT_EQ(decode_utf8("\xe2\x82\xac!").rune, U'\u20ac');
  EXPECT_EQ(decode_utf8("\xe2\x82\xac!").size_bytes, 3U);
  EXPECT_EQ(decode_utf8("\xf0\x9f\x98\x80").rune, U'\U0001f600');
  EXPECT_EQ(decode_utf8("\xff").size_bytes, 0U);
  EXPECT_EQ(decode_utf8("").size_bytes, 0U);
}

TEST(Stream, BytesSourceGivesEverythingInPieces) {
  BytesSource source(as_bytes("hello"));
  std::array<std::byte, 2> two;
  EXPECT_EQ(source.read({}), 0U);
  std::string text;
  while (const std::size_t count = source.read(two)) text += as_text(std::span(two).first(count));
  EXPECT_EQ(text, "hello");
}

TEST(Stream, ReadAllHoldsToItsLimit) {
  const std::string long_text(200'000, 'x');
  BytesSource fits(as_bytes(long_text));
  EXPECT_EQ(as_text(read_all(fits, long_text.size())), long_text);
  BytesSource empty(as_bytes(""));
  EXPECT_TRUE(read_all(empty, 0).empty());
  BytesSource too_long(as_bytes(long_text));
  try {
    static_cast<void>(read_all(too_long, long_text.size() - 1));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::corrupt);
  }
  BytesSource unlimited(as_bytes(long_text));
  EXPECT_EQ(read_all(unlimited, SIZE_MAX).size(), long_text.size());
}

// A buffer that is outgrown keeps what it held, and it may be a password.
TEST(Stream, ReadAllKeepsAShortTextInOneBuffer) {
  class Watched final : public ByteSource {
   public:
    std::size_t read(std::span<std::byte> into) override {
      places.push_back(into.data());
      if (places.size() > 4) return 0;
      std::fill_n(into.begin(), 100, std::byte{'x'});
      return 100;
    }
    std::vector<const std::byte*> places;
  };
  for (const std::size_t most : {std::size_t{400}, std::size_t{1} << 20U, SIZE_MAX}) {
    Watched source;
    const Bytes bytes = read_all(source, most);
    ASSERT_EQ(source.places.size(), 5U);
    for (std::size_t i = 0; i < source.places.size(); ++i) {
      EXPECT_EQ(source.places[i], bytes.data() + 100 * i) << most;
    }
  }
}

TEST(Utf8, TellsWhereAsciiEnds) {
  const std::string ascii(40, 'a');
  for (std::size_t at = 0; at <= ascii.size(); ++at) {
    EXPECT_EQ(ascii_prefix_bytes(std::string_view(ascii).substr(at)), ascii.size() - at);
    std::string text = ascii;
    text.insert(at, "\x80");
    EXPECT_EQ(ascii_prefix_bytes(text), at);
  }
}

}  // namespace
}  // namespace holdfast
