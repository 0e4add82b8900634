// SPDX-License-Identifier: Apache-2.0
// The part of scrypt that costs time and memory: ROMix of RFC 7914, of several lanes at once.
//
// scrypt spreads a password over p lanes of 128 * r bytes, mixes each one for itself, and hashes
// them to a key; the first and the last step are crypto.cc's. Held to it by: scrypt_mix_test
// (vectors of the RFC), crypto_test (comparison with OpenSSL).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace holdfast::format {

// What mixing several lanes at once may take in all.
inline constexpr std::uint64_t mix_memory_max = std::uint64_t{256} << 20U;

// On how many threads `lanes` lanes are mixed: on no more than there are cores, and on no more than
// mix_memory_max allows at 128 * n * r bytes each, but on one in any case.
[[nodiscard]] std::size_t mixing_threads(std::size_t lanes, std::uint64_t n, std::uint32_t r,
                                         unsigned cores) noexcept;

// Replaces each lane of 128 * r bytes in `lanes` by its ROMix with cost n: a power of two from 2 to
// 2^32. Errc::bug for other arguments, Errc::io if memory is short. Leaves nothing of what it held
// in this process. Source: RFC 7914 sections 3 to 5.
void mix_lanes(std::span<std::byte> lanes, std::uint64_t n, std::uint32_t r, unsigned cores);

}  // namespace holdfast::format
