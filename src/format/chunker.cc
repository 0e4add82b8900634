// SPDX-License-Identifier: Apache-2.0
// The Rabin fingerprint over GF(2), its polynomials and tables, and the search for cuts.
//
// Past the minimum length the fingerprint is a function of the last 64 bytes alone: whatever was
// there before has left the window. So whether a position is a cut can be asked of any position by
// itself, and find_candidate() asks 64 stretches of the data at once where the processor can
// (chunk_lanes.h), else four, to hide table latency.
#include "format/chunker.h"

#include <algorithm>
#include <bit>

#include "base/error.h"
#include "base/hash.h"
#include "format/chunk_lanes.h"

namespace holdfast::format {

namespace {

constexpr unsigned polynomial_degree = 53;
constexpr unsigned top_byte_shift = polynomial_degree - 8;
constexpr std::size_t lane_count = 4;

// The degree of a polynomial that is not zero.
constexpr unsigned degree(Polynomial a) noexcept {
  return static_cast<unsigned>(std::bit_width(a)) - 1;
}

constexpr Polynomial remainder(Polynomial a, Polynomial divisor) noexcept {
  const unsigned divisor_degree = degree(divisor);
  while (a != 0 && degree(a) >= divisor_degree) a ^= divisor << (degree(a) - divisor_degree);
  return a;
}

constexpr Polynomial greatest_common_divisor(Polynomial a, Polynomial b) noexcept {
  while (b != 0) {
    const Polynomial rest = remainder(a, b);
    a = b;
    b = rest;
  }
  return a;
}

// a * b mod `divisor`, for reduced a and b.
constexpr Polynomial product(Polynomial a, Polynomial b, Polynomial divisor) noexcept {
  const Polynomial top = Polynomial{1} << (degree(divisor) - 1);
  Polynomial sum = 0;
  for (; b != 0; b >>= 1U) {
    if ((b & 1U) != 0) sum ^= a;
    a = (a & top) != 0 ? (a << 1U) ^ divisor : a << 1U;
  }
  return sum;
}

// Slides one byte into a fingerprint: d * x^8 + byte mod P.
inline std::uint64_t slide_in(std::uint64_t d, std::byte byte, const ChunkTables& tables) noexcept {
  return ((d << 8U) | std::to_integer<std::uint64_t>(byte)) ^ tables.mod[d >> top_byte_shift];
}

// Moves the window of 64 bytes on by one byte.
inline std::uint64_t roll(std::uint64_t d, std::byte entering, std::byte leaving,
                          const ChunkTables& tables) noexcept {
  // out_next is `out` one byte on, so that the subtraction need not wait for the addition.
  return slide_in(d, entering, tables) ^ tables.out_next[std::to_integer<std::size_t>(leaving)];
}

// The fingerprint of the 64 bytes before `end`.
std::uint64_t fingerprint(const std::byte* end, const ChunkTables& tables) noexcept {
  std::uint64_t d = 0;
  for (const std::byte* at = end - chunk_window_bytes; at != end; ++at) {
    d = slide_in(d, *at, tables);
  }
  return d;
}

// One stretch of positions, one lane; returns the first candidate in [begin, end), or end.
std::size_t scan_one(const std::byte* data, std::size_t begin, std::size_t end, std::uint64_t mask,
                     const ChunkTables& tables) noexcept {
  if (begin >= end) return end;
  std::uint64_t d = fingerprint(data + begin, tables);
  std::size_t position = begin;
  while ((d & mask) != 0) {
    if (position + 1 == end) return end;
    d = roll(d, data[position], data[position - chunk_window_bytes], tables);
    ++position;
  }
  return position;
}

// Four adjoining stretches of `stretch` positions each from `begin` on, in step; returns the first
// candidate, or the end of the last stretch.
std::size_t scan_four(const std::byte* data, std::size_t begin, std::size_t stretch,
                      std::uint64_t mask, const ChunkTables& tables) noexcept {
  const std::byte* lane0 = data + begin;
  const std::byte* lane1 = lane0 + stretch;
  const std::byte* lane2 = lane1 + stretch;
  const std::byte* lane3 = lane2 + stretch;
  std::uint64_t d0 = fingerprint(lane0, tables);
  std::uint64_t d1 = fingerprint(lane1, tables);
  std::uint64_t d2 = fingerprint(lane2, tables);
  std::uint64_t d3 = fingerprint(lane3, tables);
  const std::size_t none = lane_count * stretch;
  std::size_t first = none;  // relative to begin
  for (std::size_t step = 0;; ++step) {
    if (((d0 & mask) == 0) | ((d1 & mask) == 0) | ((d2 & mask) == 0) | ((d3 & mask) == 0))
        [[unlikely]] {
      // A hit in the first lane is the lowest there can be: earlier ones would have returned.
      if ((d0 & mask) == 0) return begin + step;
      if ((d1 & mask) == 0) first = std::min(first, stretch + step);
      if ((d2 & mask) == 0) first = std::min(first, 2 * stretch + step);
      if ((d3 & mask) == 0) first = std::min(first, 3 * stretch + step);
    }
    if (step + 1 == stretch) return begin + first;
    const auto moved = static_cast<std::ptrdiff_t>(step);
    constexpr auto window = static_cast<std::ptrdiff_t>(chunk_window_bytes);
    d0 = roll(d0, lane0[moved], lane0[moved - window], tables);
    d1 = roll(d1, lane1[moved], lane1[moved - window], tables);
    d2 = roll(d2, lane2[moved], lane2[moved - window], tables);
    d3 = roll(d3, lane3[moved], lane3[moved - window], tables);
  }
}

// The first position p in [begin, end) where the fingerprint of data[p - 64, p) has the mask's bits
// all zero, or end. begin is at least 64.
std::size_t find_candidate(const std::byte* data, std::size_t begin, std::size_t end,
                           unsigned mask_bits, const ChunkTables& tables) noexcept {
  const std::uint64_t mask = (std::uint64_t{1} << mask_bits) - 1;
  if (tables.in_lanes) {
    // Blocks of an eighth of the mean distance, so that little is scanned in vain behind a hit; of
    // 64 KiB at most, for the processor's nearest caches, and 16 KiB at least, so that warming up
    // the lanes stays cheap.
    const std::size_t stretch_max =
        std::clamp<std::size_t>((mask + 1) / 8 / chunk_lane_count, 256, 1024);
    while (end - begin > chunk_lane_count * chunk_window_bytes) {
      // The byte behind the last position is read too.
      const std::size_t stretch =
          std::min(stretch_max, (end - begin - 1) / chunk_lane_count / 8 * 8);
      const std::size_t found = scan_in_lanes(data, begin, stretch, mask_bits, tables);
      begin += chunk_lane_count * stretch;
      if (found != begin) return found;
    }
  }
  // The same for the four lanes.
  const std::size_t stretch = std::max<std::size_t>(256, (mask + 1) / 8 / lane_count);
  const std::size_t block = lane_count * stretch;
  while (end - begin >= block) {
    const std::size_t found = scan_four(data, begin, stretch, mask, tables);
    if (found != begin + block) return found;
    begin = found;
  }
  return scan_one(data, begin, end, mask, tables);
}

// The matrix of the byte number `plane` of what a byte adds to a moved fingerprint, given for each
// single bit.
std::uint64_t matrix_of(const std::array<std::uint64_t, 8>& bits, std::size_t plane) noexcept {
  std::uint64_t rows = 0;
  for (unsigned row = 0; row < 8; ++row) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      const std::uint64_t moved = bits[bit] << ChunkTables::moved_bits;
      rows |= (moved >> (8 * plane + row) & 1U) << (8 * (7 - row) + bit);
    }
  }
  return rows;
}

}  // namespace

bool is_irreducible(Polynomial polynomial) noexcept {
  if (polynomial < 2) return false;
  const unsigned polynomial_degree_found = degree(polynomial);
  if (polynomial_degree_found == 1) return true;
  // Ben-Or: P is irreducible iff it shares no factor with x^(2^i) - x for i up to half its degree.
  Polynomial power = 2;  // x
  for (unsigned i = 1; i <= polynomial_degree_found / 2; ++i) {
    power = product(power, power, polynomial);
    if (greatest_common_divisor(polynomial, power ^ 2U) != 1) return false;
  }
  return true;
}

std::optional<Polynomial> derive_polynomial(std::uint64_t random) noexcept {
  constexpr Polynomial top = Polynomial{1} << polynomial_degree;
  const Polynomial candidate = (random & (2 * top - 1)) | top | 1U;
  if (!is_irreducible(candidate)) return std::nullopt;
  return candidate;
}

Polynomial random_polynomial() {
  constexpr int tries_max = 1'000'000;
  for (int i = 0; i < tries_max; ++i) {
    std::array<std::byte, 8> bytes;
    fill_random(bytes);
    if (const auto found = derive_polynomial(load_le64(bytes.data()))) return *found;
  }
  throw Error(Errc::bug, "the random generator leads to no irreducible polynomial");
}

ChunkTables::ChunkTables(Polynomial of) noexcept : polynomial(of), in_lanes(has_chunk_lanes()) {
  for (std::uint64_t i = 0; i < 256; ++i) {
    const std::uint64_t shifted = i << polynomial_degree;
    mod[i] = remainder(shifted, polynomial) ^ shifted;
  }
  for (std::uint64_t i = 0; i < 256; ++i) {
    std::uint64_t d = i;
    for (std::size_t step = 1; step < chunk_window_bytes; ++step) {
      d = slide_in(d, std::byte{0}, *this);
    }
    out[i] = d;
    out_next[i] = slide_in(d, std::byte{0}, *this);
  }
  std::array<std::uint64_t, 8> reduced;
  std::array<std::uint64_t, 8> left;
  std::array<std::uint64_t, 8> entered;
  for (std::size_t bit = 0; bit < 8; ++bit) {
    const std::size_t byte = std::size_t{1} << bit;
    reduced[bit] = remainder(std::uint64_t{byte} << polynomial_degree, polynomial);
    left[bit] = out_next[byte];
    entered[bit] = byte;
  }
  for (std::size_t plane = 0; plane < matrices.reduced.size(); ++plane) {
    matrices.reduced[plane] = matrix_of(reduced, plane);
    matrices.left[plane] = matrix_of(left, plane);
  }
  for (std::size_t plane = 0; plane < matrices.entered.size(); ++plane)
    matrices.entered[plane] = matrix_of(entered, plane);
}

std::optional<std::size_t> first_chunk_bytes(ByteView data, const ChunkTables& tables,
                                             const ChunkSizes& sizes, bool is_last) noexcept {
  if (data.empty()) return std::nullopt;
  const std::size_t size_bytes = std::min(data.size(), sizes.size_bytes_max);
  const std::size_t first = std::max(sizes.size_bytes_min, chunk_window_bytes);
  if (size_bytes >= first) {
    const std::size_t cut =
        find_candidate(data.data(), first, size_bytes + 1, sizes.mask_bits, tables);
    if (cut <= size_bytes) return cut;
  }
  if (data.size() >= sizes.size_bytes_max) return sizes.size_bytes_max;
  if (is_last) return data.size();
  return std::nullopt;
}

}  // namespace holdfast::format
