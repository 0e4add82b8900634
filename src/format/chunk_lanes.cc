// SPDX-License-Identifier: Apache-2.0
// Fingerprints of 64 windows at once. Everything in a fingerprint is linear over GF(2): what a byte
// that leaves, enters or is reduced adds to one byte of it is a matrix of 8 by 8 bits, which
// GF2P8AFFINEQB multiplies with 64 bytes at a time. So the fingerprints lie in seven registers, of
// which each has the same byte of all, moved up by three bits so that the byte to be reduced is
// one.
//
// Source: Intel 64 and IA-32 manual, volume 2, GF2P8AFFINEQB; chunker.cc for the fingerprint.
#include "format/chunk_lanes.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

// GCC 12 takes the register that its own intrinsics leave undefined on purpose for a mistake of
// ours (gcc.gnu.org/PR105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

namespace holdfast::format {

#if defined(__x86_64__)

namespace {

using Matrices = ChunkTables::Matrices;
constexpr std::size_t planes = std::tuple_size_v<decltype(Matrices::reduced)>;
constexpr std::size_t group = 8;  // bytes of each lane that are loaded together

#define HOLDFAST_LANES \
  __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,gfni"), always_inline)) inline

HOLDFAST_LANES __m512i times(__m512i bytes, std::uint64_t rows) {
  return _mm512_gf2p8affine_epi64_epi8(bytes, _mm512_set1_epi64(static_cast<long long>(rows)), 0);
}
HOLDFAST_LANES __m512i sum(__m512i a, __m512i b, __m512i c) {
  return _mm512_ternarylogic_epi64(a, b, c, 0x96);
}

// The eight bytes from `at` on of each of eight lanes, transposed: eight times the same byte.
HOLDFAST_LANES __m512i load_eight(const std::byte* at, std::size_t stretch) {
  const auto pair = [&](std::size_t lane)
      __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,gfni"), always_inline)) {
    const __m128i low = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(at + lane * stretch));
    return _mm_castpd_si128(_mm_loadh_pd(
        _mm_castsi128_pd(low), reinterpret_cast<const double*>(at + (lane + 1) * stretch)));
  };
  const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(pair(0)), pair(2), 1);
  const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(pair(4)), pair(6), 1);
  const __m512i order = _mm512_set_epi64(0x3f372f271f170f07, 0x3e362e261e160e06, 0x3d352d251d150d05,
                                         0x3c342c241c140c04, 0x3b332b231b130b03, 0x3a322a221a120a02,
                                         0x3931292119110901, 0x3830282018100800);
  return _mm512_permutexvar_epi8(order, _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1));
}

// The next eight bytes of all lanes: `into[i]` has the i-th of each, lane by lane.
HOLDFAST_LANES void load_group(const std::byte* at, std::size_t stretch, __m512i* into) {
  __m512i rows[group];
  for (std::size_t i = 0; i < group; ++i) rows[i] = load_eight(at + i * group * stretch, stretch);
  // A transposition of eight by eight words of 64 bits.
  __m512i pairs[group];
  for (std::size_t i = 0; i < group; i += 2) {
    pairs[i] = _mm512_unpacklo_epi64(rows[i], rows[i + 1]);
    pairs[i + 1] = _mm512_unpackhi_epi64(rows[i], rows[i + 1]);
  }
  for (std::size_t i = 0; i < 2; ++i) {
    const __m512i low_even = _mm512_shuffle_i64x2(pairs[i], pairs[i + 2], 0x88);
    const __m512i low_odd = _mm512_shuffle_i64x2(pairs[i], pairs[i + 2], 0xdd);
    const __m512i high_even = _mm512_shuffle_i64x2(pairs[i + 4], pairs[i + 6], 0x88);
    const __m512i high_odd = _mm512_shuffle_i64x2(pairs[i + 4], pairs[i + 6], 0xdd);
    into[i] = _mm512_shuffle_i64x2(low_even, high_even, 0x88);
    into[i + 4] = _mm512_shuffle_i64x2(low_even, high_even, 0xdd);
    into[i + 2] = _mm512_shuffle_i64x2(low_odd, high_odd, 0x88);
    into[i + 6] = _mm512_shuffle_i64x2(low_odd, high_odd, 0xdd);
  }
}

struct Prints {
  __m512i plane[planes];
};

// Moves on by a byte, of which nothing leaves yet.
HOLDFAST_LANES void slide_in(Prints& d, __m512i entering, const Matrices& by) {
  const __m512i top = d.plane[6];
  for (std::size_t i = planes - 1; i > 1; --i)
    d.plane[i] = _mm512_xor_si512(d.plane[i - 1], times(top, by.reduced[i]));
  d.plane[1] = sum(d.plane[0], times(top, by.reduced[1]), times(entering, by.entered[1]));
  d.plane[0] = _mm512_xor_si512(times(top, by.reduced[0]), times(entering, by.entered[0]));
}

HOLDFAST_LANES void roll(Prints& d, __m512i entering, __m512i leaving, const Matrices& by) {
  const __m512i top = d.plane[6];
  for (std::size_t i = planes - 1; i > 1; --i)
    d.plane[i] = sum(d.plane[i - 1], times(top, by.reduced[i]), times(leaving, by.left[i]));
  d.plane[1] = sum(_mm512_xor_si512(d.plane[0], times(top, by.reduced[1])),
                   times(leaving, by.left[1]), times(entering, by.entered[1]));
  d.plane[0] =
      sum(times(top, by.reduced[0]), times(leaving, by.left[0]), times(entering, by.entered[0]));
}

__attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,gfni"))) std::size_t scan(
    const std::byte* data, std::size_t begin, std::size_t stretch, unsigned mask_bits,
    const Matrices& by) {
  constexpr std::size_t window = chunk_window_bytes;
  const std::uint64_t mask = ((std::uint64_t{1} << mask_bits) - 1) << ChunkTables::moved_bits;
  __m512i masks[3];
  for (std::size_t i = 0; i < 3; ++i)
    masks[i] = _mm512_set1_epi8(static_cast<char>(mask >> (8 * i) & 0xffU));
  alignas(64) __m512i last[window];  // what leaves, by the step in which it entered
  Prints d{};
  const std::byte* const lanes = data + begin - window;
  for (std::size_t step = 0; step < window; step += group) {
    load_group(lanes + step, stretch, last + step);
    for (std::size_t i = 0; i < group; ++i) slide_in(d, last[step + i], by);
  }
  std::size_t first = chunk_lane_count * stretch;
  for (std::size_t step = 0; step < stretch; step += group) {
    __m512i entering[group];
    load_group(lanes + window + step, stretch, entering);
    for (std::size_t i = 0; i < group; ++i) {
      const __m512i low = _mm512_or_si512(_mm512_and_si512(d.plane[0], masks[0]),
                                          _mm512_and_si512(d.plane[1], masks[1]));
      const __m512i rest = _mm512_ternarylogic_epi64(low, d.plane[2], masks[2], 0xf8);
      if (const std::uint64_t hits = _mm512_testn_epi8_mask(rest, rest); hits != 0) [[unlikely]] {
        const auto lane = static_cast<std::size_t>(std::countr_zero(hits));
        first = std::min(first, lane * stretch + step + i);
      }
      __m512i& leaving = last[(step + i) % window];
      roll(d, entering[i], leaving, by);
      leaving = entering[i];
    }
  }
  return begin + first;
}

bool knows_instructions() noexcept {
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
         __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512vbmi") != 0 &&
         __builtin_cpu_supports("gfni") != 0;
}

}  // namespace

bool has_chunk_lanes() noexcept {
  static const bool has = knows_instructions();
  return has;
}

std::size_t scan_in_lanes(const std::byte* data, std::size_t begin, std::size_t stretch,
                          unsigned mask_bits, const ChunkTables& tables) noexcept {
  return scan(data, begin, stretch, mask_bits, tables.matrices);
}

#else

bool has_chunk_lanes() noexcept {
  return false;
}

std::size_t scan_in_lanes(const std::byte* /*data*/, std::size_t begin, std::size_t stretch,
                          unsigned /*mask_bits*/, const ChunkTables& /*tables*/) noexcept {
  return begin + chunk_lane_count * stretch;
}

#endif

}  // namespace holdfast::format
