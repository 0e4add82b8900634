// SPDX-License-Identifier: Apache-2.0
// Content-defined chunking: where streams and files are cut into blobs, exactly as restic cuts
// them, so that equal bytes become equal blobs whichever program stored them. Pure; no I/O.
//
// Source: restic doc/design.rst "Backups and Deduplication"; github.com/restic/chunker.
// Held to it by: chunker_test (vectors of docs/format.md).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"

namespace holdfast::format {

inline constexpr std::size_t chunk_window_bytes = 64;

// How finely to cut. A cut is where the low `mask_bits` bits of the fingerprint of the last 64
// bytes are zero, at least size_bytes_min and at most size_bytes_max after the previous one.
struct ChunkSizes {
  std::size_t size_bytes_min = 512U * 1024;
  std::size_t size_bytes_max = 8U * 1024 * 1024;
  unsigned mask_bits = 20;  // 1 to 21
  friend bool operator==(const ChunkSizes&, const ChunkSizes&) = default;
};
// restic's own: files, and streams above 1 GiB.
inline constexpr ChunkSizes restic_chunks{};
// Streams up to 1 GiB: a mean of about 80 KiB, so that a changed row costs little.
inline constexpr ChunkSizes fine_chunks{16U * 1024, 1024U * 1024, 16};

// An irreducible polynomial over GF(2) of degree 53, as in a repository's config file.
using Polynomial = std::uint64_t;
[[nodiscard]] bool is_irreducible(Polynomial polynomial) noexcept;
// A new random one. Throws Errc::bug if the random generator yields none in a million tries.
[[nodiscard]] Polynomial random_polynomial();
// What 8 random bytes (read little-endian) stand for: the low 54 bits with bits 53 and 0 set, if
// that is irreducible; nothing otherwise, and the caller draws again.
[[nodiscard]] std::optional<Polynomial> derive_polynomial(std::uint64_t random) noexcept;

// The lookup tables of one polynomial: 6 KiB. Make once, share freely.
class ChunkTables {
 public:
  explicit ChunkTables(Polynomial polynomial) noexcept;  // must be irreducible, degree 53
  std::array<std::uint64_t, 256> out{};       // what a byte leaving the window contributes
  std::array<std::uint64_t, 256> mod{};       // reduction of the top byte
  std::array<std::uint64_t, 256> out_next{};  // out, moved on by one byte: what the scan subtracts
  Polynomial polynomial;

  // The same as matrices of 8 by 8 bits, one for each byte of a fingerprint that is moved up by
  // `moved_bits`: what a byte adds to it that is reduced, that leaves, and that enters. As
  // GF2P8AFFINEQB takes them: rows from the highest byte on. chunk_lanes.h.
  static constexpr unsigned moved_bits = 3;
  struct Matrices {
    std::array<std::uint64_t, 7> reduced{}, left{};
    std::array<std::uint64_t, 2> entered{};
  };
  Matrices matrices;
  bool in_lanes;  // whether the processor takes them; false finds the same cuts, slower
};

// Finds where the first chunk of `data` ends.
//   data     the stream from the start of the chunk on; any length
//   is_last  true if the stream ends with `data`
// Returns the chunk's length in bytes, size_bytes_min..size_bytes_max (shorter only at the end of
// the stream), or nothing if `data` is too short to tell, which is the case only below
// size_bytes_max. For empty data: nothing. Thread-safe; no allocation; the first size_bytes_min -
// 64 bytes are skipped. Scans many positions at once: past the minimum the fingerprint depends on
// the last 64 bytes alone, so they can be tried in any order.
[[nodiscard]] std::optional<std::size_t> first_chunk_bytes(ByteView data, const ChunkTables& tables,
                                                           const ChunkSizes& sizes,
                                                           bool is_last) noexcept;

}  // namespace holdfast::format
