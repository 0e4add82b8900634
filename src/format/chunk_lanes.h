// SPDX-License-Identifier: Apache-2.0
// The search for cuts on many positions at once, where the processor has the instructions for it.
// chunker.h is for everybody else.
#pragma once

#include <cstddef>

#include "format/chunker.h"

namespace holdfast::format {

inline constexpr std::size_t chunk_lane_count = 64;

// Whether this processor (and its system) knows AVX-512 with VBMI and GFNI, which the search needs.
[[nodiscard]] bool has_chunk_lanes() noexcept;

// 64 adjoining stretches of `stretch` positions each, from `begin` on, in step. Returns the first
// position p where the fingerprint of data[p - 64, p) has its low `mask_bits` bits all zero, or the
// end of the last stretch.
//   data       readable up to the end of the last stretch
//   begin      at least 64
//   stretch    a multiple of 8
//   mask_bits  1 to 21
[[nodiscard]] std::size_t scan_in_lanes(const std::byte* data, std::size_t begin,
                                        std::size_t stretch, unsigned mask_bits,
                                        const ChunkTables& tables) noexcept;

}  // namespace holdfast::format
