// SPDX-License-Identifier: Apache-2.0
// The vectors of docs/format.md, "Chunker", and the promises of the interface.
#include "format/chunker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "base/hash.h"
#include "format/chunk_lanes.h"
#include "format/crypto.h"

namespace holdfast::format {
namespace {

constexpr std::size_t mib = 1024 * 1024;
constexpr Polynomial polynomial_a = 0x3da3358b4dc173;
constexpr Polynomial polynomial_b = 0x25b468838dcb75;

// The fingerprint of the last 64 bytes, by polynomial_a.
std::uint64_t fingerprint_before(ByteView data) {
  static const ChunkTables tables(polynomial_a);
  std::uint64_t d = 0;
  for (const std::byte byte : data.last(chunk_window_bytes)) {
    d = (d << 8U | std::to_integer<std::uint64_t>(byte)) ^ tables.mod[d >> 45U];
  }
  return d;
}

// The first bytes of the AES-256-CTR key stream with key 0 and IV 0.
Bytes aes_keystream(std::size_t size_bytes) {
  const Bytes zeros = [&] {
    Bytes bytes(size_bytes);
    std::fill(bytes.begin(), bytes.end(), std::byte{0});
    return bytes;
  }();
  const std::array<std::byte, 16> iv{};
  Bytes sealed;
  Sealer(SealKey{}).seal_with_iv(zeros, iv, sealed);
  return {sealed.begin() + 16, sealed.end() - 16};
}

// Go's math/rand: the additive lagged Fibonacci generator x[n] = x[n-607] + x[n-273] mod 2^64.
//
// Its seeding mixes in a table that is the state of the same generator after 7.8e12 steps from
// seed 1. We compute that state instead of keeping the table: x[n] is a linear function of the
// first 607 values, with the coefficients of z^n mod z^607 - z^334 - 1.
class GoRandom {
 public:
  explicit GoRandom(std::int32_t seed) : state_(seeded(seed, 40, 20)) {
    const State cooked = cooked_state();
    for (std::size_t i = 0; i < length; ++i) state_[i] ^= cooked[i];
  }

  std::uint32_t next_uint32() {
    tap_ = (tap_ + length - 1) % length;
    feed_ = (feed_ + length - 1) % length;
    state_[feed_] += state_[tap_];
    return static_cast<std::uint32_t>((state_[feed_] & ~(std::uint64_t{1} << 63U)) >> 31U);
  }

 private:
  static constexpr std::size_t length = 607;
  static constexpr std::size_t middle = 334;
  using State = std::array<std::uint64_t, length>;

  static State seeded(std::int64_t x, unsigned shift_high, unsigned shift_middle) {
    const auto step = [&x] {
      x = x * 48271 % 2147483647;
      return static_cast<std::uint64_t>(x);
    };
    for (int i = 0; i < 20; ++i) step();
    State state;
    for (std::uint64_t& value : state) {
      value = step() << shift_high;
      value ^= step() << shift_middle;
      value ^= step();
    }
    return state;
  }

  static void times_z(State& p) {
    const std::uint64_t top = p[length - 1];
    std::copy_backward(p.begin(), p.end() - 1, p.end());
    p[0] = top;
    p[middle] += top;
  }

  static State square(const State& p) {
    std::array<std::uint64_t, 2 * length - 1> wide{};
    for (std::size_t i = 0; i < length; ++i) {
      for (std::size_t j = 0; j < length; ++j) wide[i + j] += p[i] * p[j];
    }
    for (std::size_t k = wide.size() - 1; k >= length; --k) {
      wide[k - length] += wide[k];
      wide[k - length + middle] += wide[k];
    }
    State reduced;
    std::copy_n(wide.begin(), length, reduced.begin());
    return reduced;
  }

  static State cooked_state() {
    constexpr std::uint64_t steps = 7'800'000'000'000;
    const State start = seeded(1, 20, 10);
    State power{};
    power[0] = 1;
    for (unsigned bit = 64; bit-- > 0;) {
      power = square(power);
      if ((steps >> bit & 1U) != 0) times_z(power);
    }
    // Value number n of the sequence is kept in slot (333 - n) mod 607.
    const auto slot = [](std::uint64_t n_plus_607) {
      return (2 * length + middle - 1 - n_plus_607 % length) % length;
    };
    State cooked;
    for (std::size_t i = 0; i < length; ++i, times_z(power)) {
      std::uint64_t value = 0;
      for (std::size_t k = 0; k < length; ++k) value += power[k] * start[slot(k)];
      cooked[slot(steps + i)] = value;
    }
    return cooked;
  }

  State state_;
  std::size_t tap_ = 0;
  std::size_t feed_ = middle;
};

TEST(Polynomial, KnowsIrreducibleOnes) {
  EXPECT_TRUE(is_irreducible(polynomial_a));
  EXPECT_TRUE(is_irreducible(polynomial_b));
  EXPECT_TRUE(is_irreducible(0x2));   // x
  EXPECT_TRUE(is_irreducible(0x3));   // x + 1
  EXPECT_TRUE(is_irreducible(0x7));   // x^2 + x + 1
  EXPECT_TRUE(is_irreducible(0x13));  // x^4 + x + 1
}

TEST(Polynomial, KnowsReducibleOnes) {
  EXPECT_FALSE(is_irreducible(0x3da3358b4dc175));
  EXPECT_FALSE(is_irreducible(0));
  EXPECT_FALSE(is_irreducible(1));
  EXPECT_FALSE(is_irreducible(0x4));   // x * x
  EXPECT_FALSE(is_irreducible(0x5));   // (x + 1)^2
  EXPECT_FALSE(is_irreducible(0x15));  // (x^2 + x + 1)^2
  EXPECT_FALSE(is_irreducible(polynomial_a ^ 1U));
  EXPECT_FALSE(is_irreducible(~std::uint64_t{0}));
}

TEST(Polynomial, FirstOfTheAesKeystreamIsKnown) {
  const Bytes random = aes_keystream(8 * 4096);
  std::optional<Polynomial> found;
  for (std::size_t at = 0; at < random.size() && !found; at += 8) {
    found = derive_polynomial(load_le64(random.data() + at));
  }
  EXPECT_EQ(found, 0x26869c2410b7b1U);
}

TEST(Polynomial, RandomOnesAreIrreducibleOfDegree53) {
  const Polynomial first = random_polynomial();
  EXPECT_TRUE(is_irreducible(first));
  EXPECT_EQ(first >> 53U, 1U);
  EXPECT_NE(first, random_polynomial());
}

TEST(ChunkTables, AreThoseOfResticsChunker) {
  const ChunkTables a(polynomial_a);
  EXPECT_EQ(a.out[1], 0x17eb4232e19216U);
  EXPECT_EQ(a.out[2], 0x1275b1ee8ee55fU);
  EXPECT_EQ(a.out[255], 0x0b80b98cecc39aU);
  EXPECT_EQ(a.mod[1], 0x3da3358b4dc173U);
  EXPECT_EQ(a.mod[255], 0x1ff7ac8a5af476a7U);
  const ChunkTables b(polynomial_b);
  EXPECT_EQ(b.out[1], 0x1392187220d6eaU);
  EXPECT_EQ(b.mod[255], 0x1ff9ae6ade8f792bU);
}

// By each way to the same cuts: in lanes, and as every processor can.
class Chunker : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam() && !has_chunk_lanes()) GTEST_SKIP() << "this processor has no such lanes";
  }
  [[nodiscard]] static ChunkTables tables_of(Polynomial polynomial) {
    ChunkTables tables(polynomial);
    tables.in_lanes = GetParam();
    return tables;
  }
  [[nodiscard]] static std::vector<std::size_t> cut_all(ByteView data, Polynomial polynomial) {
    const ChunkTables tables = tables_of(polynomial);
    std::vector<std::size_t> lengths;
    while (const auto length = first_chunk_bytes(data, tables, restic_chunks, true)) {
      lengths.push_back(*length);
      data = data.subspan(*length);
    }
    EXPECT_TRUE(data.empty());
    return lengths;
  }
};
INSTANTIATE_TEST_SUITE_P(Ways, Chunker, testing::Bool(),
                         [](const auto& way) { return way.param ? "InLanes" : "Portable"; });

TEST_P(Chunker, CutsGoRandomDataAsResticsOwnTest) {
  Bytes data(32 * mib);
  GoRandom random(23);
  for (std::size_t at = 0; at < data.size(); at += 4) {
    store_le32(data.data() + at, random.next_uint32());
  }
  ASSERT_EQ(to_hex(ByteView(data).first(16)), "cf8ee5cf5154738c1a5ed738699bb40b");
  ASSERT_EQ(to_hex(sha256(data)),
            "529617b3a6df2372a77f656f14a5baaf997dc03c1fc458d196f933fed0a46573");
  const std::vector<std::size_t> expected{2163460, 643703,  1528956, 1955808, 2222372, 2538687,
                                          609606,  1205738, 959742,  4036109, 1525894, 1352720,
                                          811884,  1282314, 1318021, 948640,  645464,  533758,
                                          1128303, 800374,  2453512, 2651975, 237392};
  EXPECT_EQ(cut_all(data, polynomial_a), expected);
}

TEST_P(Chunker, CutsTheAesKeystreamAsRestic) {
  const Bytes data = aes_keystream(32 * mib);
  ASSERT_EQ(to_hex(sha256(data)),
            "580881df129d7ef36820a14231d4dab34d306a37ef48c49463da3b05282de687");
  const std::vector<std::size_t> expected_a{551133, 640712,  2766582, 898583,  2782732, 2263350,
                                            531615, 1191198, 3039727, 3056265, 6102139, 872917,
                                            919848, 1608882, 1844092, 1605195, 2879462};
  const std::vector<std::size_t> expected_b{
      547920, 1171903, 1303485, 2498885, 2629392, 1987442, 1476935, 2527413, 926391,
      625615, 1227874, 536235,  616939,  1450699, 931139,  527280,  1322766, 625895,
      790639, 1343356, 1116311, 2008730, 853919,  2311604, 2195665};
  EXPECT_EQ(cut_all(data, polynomial_a), expected_a);
  EXPECT_EQ(cut_all(data, polynomial_b), expected_b);
  EXPECT_EQ(to_hex(sha256(ByteView(data).first(551133))).substr(0, 16), "3ce030d97b29f48d");
  // The fingerprints at the first three cuts.
  EXPECT_EQ(fingerprint_before(ByteView(data).first(551133)), 0x00167b6ec4c00000U);
  EXPECT_EQ(fingerprint_before(ByteView(data).first(551133 + 640712)), 0x001bea90f1e00000U);
  EXPECT_EQ(fingerprint_before(ByteView(data).first(551133 + 640712 + 2766582)),
            0x001539bd75300000U);
}

TEST_P(Chunker, CutsRepetitiveDataAtTheMaximum) {
  constexpr std::string_view word = "holdfast\n";
  Bytes words(word.size() * 2097152);
  for (std::size_t at = 0; at < words.size(); at += word.size()) {
    std::memcpy(words.data() + at, word.data(), word.size());
  }
  EXPECT_EQ(cut_all(words, polynomial_a), (std::vector<std::size_t>{8388608, 8388608, 2097152}));

  Bytes ones(9 * mib);
  std::fill(ones.begin(), ones.end(), std::byte{0xff});
  EXPECT_EQ(cut_all(ones, polynomial_a), (std::vector<std::size_t>{8388608, 1048576}));
}

TEST_P(Chunker, CutsZerosAtTheMinimum) {
  Bytes zeros(1572964);
  std::fill(zeros.begin(), zeros.end(), std::byte{0});
  EXPECT_EQ(cut_all(zeros, polynomial_a), (std::vector<std::size_t>{524288, 524288, 524288, 100}));
  zeros.resize(524288);
  EXPECT_EQ(cut_all(zeros, polynomial_a), (std::vector<std::size_t>{524288}));
}

TEST_P(Chunker, FindsNoChunkInNothing) {
  const ChunkTables tables = tables_of(polynomial_a);
  EXPECT_FALSE(first_chunk_bytes({}, tables, restic_chunks, true));
  EXPECT_FALSE(first_chunk_bytes({}, tables, restic_chunks, false));
}

TEST_P(Chunker, AsksForMoreOnlyBelowTheMaximum) {
  Bytes ones(restic_chunks.size_bytes_max);
  std::fill(ones.begin(), ones.end(), std::byte{0xff});
  const ChunkTables tables = tables_of(polynomial_a);
  const ByteView all(ones);
  EXPECT_FALSE(first_chunk_bytes(all.first(1), tables, restic_chunks, false));
  EXPECT_FALSE(first_chunk_bytes(all.first(all.size() - 1), tables, restic_chunks, false));
  EXPECT_EQ(first_chunk_bytes(all.first(all.size() - 1), tables, restic_chunks, true),
            all.size() - 1);
  EXPECT_EQ(first_chunk_bytes(all, tables, restic_chunks, false), all.size());
}

TEST_P(Chunker, CutsAsSoonAsTheCutIsInSight) {
  const Bytes data = aes_keystream(2 * mib);
  const ChunkTables tables = tables_of(polynomial_a);
  const ByteView all(data);
  EXPECT_FALSE(first_chunk_bytes(all.first(551132), tables, restic_chunks, false));
  for (const std::size_t shown : {551133U, 551134U, 600000U, 2097152U}) {
    EXPECT_EQ(first_chunk_bytes(all.first(shown), tables, restic_chunks, false), 551133U);
  }
}

// The definition, a byte at a time, with no lanes, no skipping and no combined table.
std::size_t slow_first_chunk(ByteView data, const ChunkTables& tables, const ChunkSizes& sizes) {
  const auto slide = [&](std::uint64_t d, std::uint64_t byte) {
    return ((d << 8U) | byte) ^ tables.mod[d >> 45U];
  };
  std::array<std::uint64_t, 64> window{};
  std::uint64_t d = slide(0, 1);
  window[0] = 1;
  const std::uint64_t mask = (std::uint64_t{1} << sizes.mask_bits) - 1;
  for (std::size_t i = 0; i < data.size() && i < sizes.size_bytes_max; ++i) {
    std::uint64_t& oldest = window[(i + 1) % window.size()];
    const auto byte = std::to_integer<std::uint64_t>(data[i]);
    d = slide(d ^ tables.out[oldest], byte);
    oldest = byte;
    if (i + 1 >= sizes.size_bytes_min && (d & mask) == 0) return i + 1;
  }
  return std::min(data.size(), sizes.size_bytes_max);
}

TEST_P(Chunker, FineChunksAgreeWithTheDefinition) {
  const Bytes data = aes_keystream(4 * mib);
  const ChunkTables tables = tables_of(polynomial_b);
  ByteView rest(data);
  std::size_t chunks = 0;
  while (const auto length = first_chunk_bytes(rest, tables, fine_chunks, true)) {
    ASSERT_EQ(*length, slow_first_chunk(rest, tables, fine_chunks)) << "chunk " << chunks;
    EXPECT_LE(*length, fine_chunks.size_bytes_max);
    rest = rest.subspan(*length);
    ++chunks;
  }
  EXPECT_GT(chunks, 4 * mib / (96 * 1024));  // a mean of 64 to 96 KiB
  EXPECT_LT(chunks, 4 * mib / (64 * 1024));
}

TEST_P(Chunker, AgreesWithTheDefinitionForEveryLengthNearTheLaneBlocks) {
  const Bytes data = aes_keystream(128 * 1024);
  const ChunkTables tables = tables_of(polynomial_a);
  constexpr ChunkSizes tiny{64, 32 * 1024, 14};
  for (std::size_t size_bytes = 1; size_bytes < 20'000;
       size_bytes += size_bytes % 2048 < 300 ? 1 : 100) {
    const ByteView piece = ByteView(data).subspan(size_bytes * 5, size_bytes);
    ASSERT_EQ(first_chunk_bytes(piece, tables, tiny, true), slow_first_chunk(piece, tables, tiny))
        << size_bytes << " bytes";
  }
}

}  // namespace
}  // namespace holdfast::format
