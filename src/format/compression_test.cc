// SPDX-License-Identifier: Apache-2.0
#include "format/compression.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <random>
#include <string>

#include "base/error.h"
#include "base/hash.h"

namespace holdfast::format {
namespace {

// The same bytes in every run: how far data shrinks differs from one to the next.
Bytes random_bytes(std::size_t size_bytes, unsigned seed = 1) {
  std::mt19937 random(seed);
  Bytes bytes(size_bytes);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() & 0xffU);
  return bytes;
}

Bytes text_bytes(std::size_t size_bytes) {
  Bytes bytes;
  for (std::size_t i = 0; bytes.size() < size_bytes; ++i) {
    append(bytes, "insert into t values (" + std::to_string(i * i) + ");\n");
  }
  bytes.resize(size_bytes);
  return bytes;
}

Bytes compressed(ByteView plain, Compression level = Compression::automatic) {
  Bytes frame;
  EXPECT_TRUE(Compressor(level).compress(plain, frame, true));
  return frame;
}

Bytes bytes_of(std::initializer_list<unsigned> values) {
  Bytes bytes;
  for (const unsigned value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

template <typename Body>
void expect_corrupt(Body&& body) {
  try {
    body();
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::corrupt) << error.what();
  }
}

// A frame without content size and with a 512 KiB window, of `count` blocks that each repeat a zero
// byte 128 KiB times: 4 bytes that become 131072.
Bytes bomb(std::size_t count) {
  Bytes frame = bytes_of({0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x48});
  for (std::size_t i = 0; i < count; ++i) {
    const unsigned last = i + 1 == count ? 1 : 0;
    const unsigned header = (128U * 1024) << 3U | 1U << 1U | last;
    append(frame, bytes_of({header & 0xffU, header >> 8U & 0xffU, header >> 16U, 0}));
  }
  return frame;
}

TEST(Compression, KnowsResticsNamesOfLevels) {
  EXPECT_EQ(parse_compression("auto"), Compression::automatic);
  EXPECT_EQ(parse_compression("off"), Compression::off);
  EXPECT_EQ(parse_compression("fastest"), Compression::fastest);
  EXPECT_EQ(parse_compression("better"), Compression::better);
  EXPECT_EQ(parse_compression("max"), Compression::max);
  try {
    static_cast<void>(parse_compression("best"));
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::usage);
    EXPECT_FALSE(error.hint().empty());
  }
}

TEST(Compressor, GivesBackWhatItWasGivenAtEveryLevel) {
  const Bytes plain = text_bytes(300'000);
  for (const Compression level : {Compression::automatic, Compression::fastest, Compression::better,
                                  Compression::max, Compression::off}) {
    const Bytes frame = compressed(plain, level);
    EXPECT_LT(frame.size(), plain.size() / 2);
    Bytes back;
    Decompressor().decompress(frame, plain.size(), back);
    EXPECT_EQ(back, plain);
    Decompressor().decompress_at_most(frame, plain.size(), back);
    EXPECT_EQ(back, plain);
  }
}

TEST(Compressor, AppendsToWhatIsThere) {
  const Bytes plain = text_bytes(1000);
  Bytes to = bytes_of({1, 2, 3});
  ASSERT_TRUE(Compressor(Compression::automatic).compress(plain, to));
  EXPECT_EQ(Bytes(to.begin(), to.begin() + 3), bytes_of({1, 2, 3}));
  Bytes back;
  Decompressor().decompress(ByteView(to).subspan(3), plain.size(), back);
  EXPECT_EQ(back, plain);
}

TEST(Compressor, LeavesWhatDoesNotShrink) {
  Compressor compressor(Compression::automatic);
  for (const std::size_t size_bytes : {1U, 10U, 1000U, 65536U, 65537U, 1000000U}) {
    const Bytes plain = random_bytes(size_bytes);
    Bytes to = bytes_of({7});
    EXPECT_FALSE(compressor.compress(plain, to)) << size_bytes;
    EXPECT_EQ(to, bytes_of({7}));
  }
}

TEST(Compressor, CompressesAlwaysWhereToldTo) {
  const Bytes plain = random_bytes(200'000);
  const Bytes frame = compressed(plain, Compression::off);
  EXPECT_GT(frame.size(), plain.size());
  Bytes back;
  Decompressor().decompress(frame, plain.size(), back);
  EXPECT_EQ(back, plain);
}

Bytes frame_of(ByteView plain, Compression level) {
  Bytes frame;
  EXPECT_TRUE(Compressor(level).compress(plain, frame));
  return frame;
}

// Numbers as tables have them: few characters, and nothing that comes again.
Bytes digit_bytes(std::size_t size_bytes) {
  Bytes bytes = random_bytes(size_bytes);
  for (std::byte& byte : bytes) {
    const unsigned value = std::to_integer<unsigned>(byte) % 11;
    byte = static_cast<std::byte>(value == 10 ? '-' : '0' + static_cast<char>(value));
  }
  return bytes;
}

TEST(Compressor, SearchesNoMatchesWhereThereAreNone) {
  Compressor compressor(Compression::automatic);
  const Bytes digits = digit_bytes(1'000'000);
  const Bytes frame = frame_of(digits, Compression::automatic);
  EXPECT_EQ(compressor.judge(digits), Promise::matchless);
  EXPECT_LT(frame.size(), compressed(digits).size()) << "than at level 3";
  Bytes back;
  Decompressor().decompress(frame, digits.size(), back);
  EXPECT_EQ(back, digits);
}

// As from a sensor: hardly a match is longer than a few bytes, and still they pay.
TEST(Compressor, KeepsLevel3WhereShortMatchesPay) {
  Bytes samples;
  std::mt19937 random(1);
  int value = 0;
  for (int i = 0; i < 500'000; ++i) {
    int step = -24;
    for (int j = 0; j < 4; ++j) step += static_cast<int>(random() % 13);
    value = value - value / 1000 + step;
    samples.push_back(static_cast<std::byte>(value & 0xff));
    samples.push_back(static_cast<std::byte>(value >> 8 & 0xff));
  }
  Compressor compressor(Compression::automatic);
  EXPECT_EQ(compressor.judge(samples), Promise::matches);
  EXPECT_EQ(frame_of(samples, Compression::automatic), compressed(samples));
}

TEST(Compressor, SearchesMatchesWhereverThereMayBeSome) {
  Compressor compressor(Compression::automatic);
  const Bytes digits = digit_bytes(1'000'000);
  const Bytes few(digits.begin(), digits.begin() + 60'000);
  EXPECT_EQ(compressor.judge(few), Promise::unknown);
  EXPECT_EQ(frame_of(few, Compression::automatic), compressed(few));
  // A middle that says nothing of the rest.
  Bytes padded = text_bytes(1'000'000);
  for (const std::byte padding : {std::byte{0}, std::byte{' '}}) {
    std::fill(padded.begin() + 450'000, padded.begin() + 550'000, padding);
    EXPECT_EQ(compressor.judge(padded), Promise::matches);
    EXPECT_EQ(frame_of(padded, Compression::automatic), compressed(padded));
  }
  // Who names a level gets it.
  EXPECT_EQ(Compressor(Compression::better).judge(digits), Promise::matches);
  EXPECT_EQ(frame_of(digits, Compression::better), compressed(digits, Compression::better));
  EXPECT_EQ(Compressor(Compression::off).judge(digits), Promise::unknown);
}

// Keys of other tables come again, but not within a sample.
TEST(Compressor, FindsWhatComesAgainFromAfar) {
  std::size_t sum = 0;
  std::size_t at_level_3 = 0;
  for (unsigned seed = 1; seed <= 10; ++seed) {
    const std::string hex = to_hex(random_bytes(64'000, seed));
    Bytes rows;
    for (std::size_t i = 0; rows.size() < 1'000'000; ++i) {
      const std::size_t key = i * 40503 % 4000;  // each once in 4,000 rows
      append(rows, std::to_string(i) + "\t" + hex.substr(32 * key, 32) + "\n");
    }
    ASSERT_EQ(Compressor(Compression::automatic).judge(rows), Promise::matchless);
    sum += frame_of(rows, Compression::automatic).size();
    at_level_3 += compressed(rows).size();
  }
  EXPECT_LT(sum, at_level_3 * 21 / 20);
}

TEST(Compressor, SearchesLessInWhatIsSmallAndAlone) {
  Compressor compressor(Compression::automatic);
  const auto made = [&](std::size_t size_bytes, bool always, Promise promise) {
    Bytes frame;
    EXPECT_TRUE(compressor.compress(text_bytes(size_bytes), frame, always, promise));
    return frame;
  };
  const Bytes small = text_bytes(std::size_t{16} << 10U);
  const Bytes level_3 = compressed(small);
  const Bytes level_1 = compressed(small, Compression::fastest);
  ASSERT_NE(level_1, level_3);
  EXPECT_EQ(made(small.size(), false, Promise::unknown), level_1);
  EXPECT_EQ(made(small.size(), false, Promise::matches), level_3);  // part of a run
  EXPECT_EQ(made(small.size(), true, Promise::unknown), level_3);   // a tree
  EXPECT_EQ(made(small.size() + 1, false, Promise::unknown),
            compressed(text_bytes(small.size() + 1)));
  // Who names a level gets it.
  Bytes better;
  ASSERT_TRUE(Compressor(Compression::better).compress(small, better));
  EXPECT_EQ(better, compressed(small, Compression::better));
}

TEST(Compressor, GoesByWhatWasSaidOfTheWhole) {
  Compressor compressor(Compression::automatic);
  const Bytes digits = digit_bytes(50'000);
  Bytes alone;
  Bytes as_part;
  ASSERT_TRUE(compressor.compress(digits, alone));
  ASSERT_TRUE(compressor.compress(digits, as_part, false, Promise::matchless));
  EXPECT_NE(alone, as_part);
  const Bytes noise = random_bytes(100'000);
  EXPECT_EQ(compressor.judge(noise), Promise::none);
  for (const Promise promise : {Promise::none, Promise::matches, Promise::matchless}) {
    Bytes to;
    EXPECT_FALSE(compressor.compress(noise, to, false, promise));
    EXPECT_TRUE(to.empty());
  }
  Bytes text;
  EXPECT_TRUE(compressor.compress(text_bytes(100'000), text, false, Promise::none));
}

TEST(Compressor, DecidesForEachBlobAnew) {
  const Bytes digits = digit_bytes(200'000);
  const Bytes text = text_bytes(200'000);
  Compressor compressor(Compression::automatic);
  for (int i = 0; i < 2; ++i) {
    for (const Bytes& plain : {digits, text}) {
      Bytes frame;
      ASSERT_TRUE(compressor.compress(plain, frame));
      EXPECT_EQ(frame, frame_of(plain, Compression::automatic));
    }
  }
}

TEST(Compressor, DoesNothingWhenOffOrEmpty) {
  Bytes to;
  EXPECT_FALSE(Compressor(Compression::off).compress(text_bytes(1000), to));
  EXPECT_FALSE(Compressor(Compression::max).compress({}, to, true));
  EXPECT_TRUE(to.empty());
}

TEST(Compressor, IsNotFooledByAnIncompressibleMiddle) {
  Bytes plain = text_bytes(1'000'000);
  const Bytes noise = random_bytes(100'000);
  std::copy(noise.begin(), noise.end(), plain.begin() + 450'000);
  Bytes frame;
  EXPECT_TRUE(Compressor(Compression::automatic).compress(plain, frame));
  EXPECT_LT(frame.size(), plain.size() / 2);
}

TEST(Compressor, CanBeMovedAndReused) {
  Compressor first(Compression::fastest);
  Compressor second = std::move(first);
  for (const std::size_t size_bytes : {1'000U, 200'000U, 500U, 3'000'000U}) {
    const Bytes plain = text_bytes(size_bytes);
    Bytes frame;
    ASSERT_TRUE(second.compress(plain, frame));
    Bytes back;
    Decompressor().decompress(frame, plain.size(), back);
    EXPECT_EQ(back, plain);
  }
}

TEST(Decompressor, ReadsAFrameWithoutContentSize) {
  Bytes back;
  Decompressor().decompress(bomb(3), 3 * 131072, back);
  EXPECT_EQ(back.size(), 3U * 131072);
  EXPECT_TRUE(std::all_of(back.begin(), back.end(), [](std::byte b) { return b == std::byte{0}; }));
  // One raw block "ab", as encoders write it for small input: no size, no checksum.
  const Bytes raw = bytes_of({0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x48, 0x11, 0, 0, 'a', 'b'});
  Decompressor().decompress_at_most(raw, 2, back);
  EXPECT_EQ(as_text(back), "ab");
}

TEST(Decompressor, RefusesAnotherSize) {
  const Bytes plain = text_bytes(10'000);
  const Bytes frame = compressed(plain);
  Decompressor decompressor;
  Bytes back;
  for (const std::size_t wrong : {0U, 9'999U, 10'001U, 1'000'000'000U}) {
    expect_corrupt([&] { decompressor.decompress(frame, wrong, back); });
  }
  expect_corrupt([&] { decompressor.decompress_at_most(frame, 9'999, back); });
  expect_corrupt([&] { decompressor.decompress(bomb(2), 2 * 131072 - 1, back); });
  expect_corrupt([&] { decompressor.decompress(bomb(2), 2 * 131072 + 1, back); });
  expect_corrupt([&] { decompressor.decompress_at_most(bomb(2), 2 * 131072 - 1, back); });
}

TEST(Decompressor, RefusesTrailingBytesAndSecondFrames) {
  const Bytes plain = text_bytes(5'000);
  const Bytes frame = compressed(plain);
  Decompressor decompressor;
  Bytes back;
  Bytes longer = frame;
  longer.push_back(std::byte{0});
  expect_corrupt([&] { decompressor.decompress(longer, plain.size(), back); });
  Bytes twice = frame;
  append(twice, frame);
  expect_corrupt([&] { decompressor.decompress(twice, 2 * plain.size(), back); });
  expect_corrupt([&] { decompressor.decompress_at_most(twice, 4 * plain.size(), back); });
  Bytes skippable = frame;
  append(skippable, bytes_of({0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0}));
  expect_corrupt([&] { decompressor.decompress(skippable, plain.size(), back); });
}

TEST(Decompressor, RefusesTruncationAtEveryByte) {
  const Bytes plain = text_bytes(2'000);
  const Bytes frame = compressed(plain);
  Decompressor decompressor;
  Bytes back;
  for (std::size_t size_bytes = 0; size_bytes < frame.size(); ++size_bytes) {
    const ByteView cut = ByteView(frame).first(size_bytes);
    expect_corrupt([&] { decompressor.decompress(cut, plain.size(), back); });
    expect_corrupt([&] { decompressor.decompress_at_most(cut, plain.size(), back); });
  }
}

TEST(Decompressor, RefusesDictionariesReservedBitsAndLargeWindows) {
  Decompressor decompressor;
  Bytes back;
  const auto refuse = [&](unsigned descriptor, unsigned second) {
    const Bytes frame =
        bytes_of({0x28, 0xb5, 0x2f, 0xfd, descriptor, second, 0x11, 0, 0, 'a', 'b', 0, 0, 0, 0});
    expect_corrupt([&] { decompressor.decompress(frame, 2, back); });
  };
  refuse(0x01, 0x48);  // dictionary id
  refuse(0x08, 0x48);  // reserved bit
  refuse(0x00, 0x69);  // window of 8 MiB and an eighth
  refuse(0x00, 0xff);  // window of terabytes
  expect_corrupt([&] {
    decompressor.decompress(bytes_of({0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0}), 0, back);
  });
  expect_corrupt([&] { decompressor.decompress({}, 0, back); });
}

TEST(Decompressor, DoesNotReserveWhatAFrameCannotHold) {
  // A small honest frame that is said to hold 4 GiB, and one that says so itself.
  Decompressor decompressor;
  Bytes back;
  const Bytes small = bomb(4);
  expect_corrupt([&] { decompressor.decompress(small, 0xffffffff, back); });
  const Bytes liar =
      bytes_of({0x28, 0xb5, 0x2f, 0xfd, 0xc0, 0x48, 0, 0, 0, 0, 1, 0, 0, 0, 0x11, 0, 0, 'a', 'b'});
  expect_corrupt([&] { decompressor.decompress(liar, std::size_t{1} << 32U, back); });
  expect_corrupt([&] { decompressor.decompress_at_most(liar, std::size_t{1} << 40U, back); });
  EXPECT_LT(back.capacity(), 1'000'000U);
}

TEST(Decompressor, StopsABombAtItsBound) {
  Decompressor decompressor;
  Bytes back;
  const Bytes frame = bomb(8192);  // 32 KiB that would become 1 GiB
  expect_corrupt([&] { decompressor.decompress_at_most(frame, 80U << 20U, back); });
  EXPECT_LT(back.capacity(), 1'000'000U);
  expect_corrupt([&] { decompressor.decompress(frame, 80U << 20U, back); });
}

TEST(Decompressor, ReadsWhatIsTrulyLarge) {
  Decompressor decompressor;
  Bytes back;
  const Bytes frame = bomb(8 * 66);  // 66 MiB, above what is believed unseen
  decompressor.decompress(frame, 66U << 20U, back);
  EXPECT_EQ(back.size(), 66U << 20U);
  decompressor.decompress_at_most(frame, 512U << 20U, back);
  EXPECT_EQ(back.size(), 66U << 20U);
}

}  // namespace
}  // namespace holdfast::format
