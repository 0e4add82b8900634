// SPDX-License-Identifier: Apache-2.0
// The LZ77 with Huffman codes of Microsoft's Xpress compression, one chunk at a time, as compressed
// backups hold it.
//
// Source: [MS-XCA] Xpress Compression Algorithm, sections 2.1.4.1 (format) and 2.2.4 (decoding).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"

namespace holdfast::engine::sqlserver {

inline constexpr std::size_t xca_table_bytes = 256;        // 512 lengths of 4 bits
inline constexpr std::size_t xca_chunk_bytes_max = 65536;  // unpacked

// Whether a chunk could begin with these bytes: the lengths of its codes fill the space of codes to
// the full. Bytes that are none pass with a chance of less than one in 2^15.
[[nodiscard]] bool is_xca_table(ByteView bytes) noexcept;

// Unpacks chunks. Keeps 5 KiB of tables between them. Not for use by two threads at once.
class XcaDecoder {
 public:
  struct Result {
    std::size_t size_bytes = 0;    // of `into` that were made
    std::size_t used_bytes = 0;    // of the chunk, with up to 4 that were only looked at
    const char* damage = nullptr;  // why no more were made; nothing if all were
  };
  // Makes exactly into.size() bytes, 1..xca_chunk_bytes_max, of `chunk`, which holds one chunk and
  // may go on behind it.
  [[nodiscard]] Result unpack(ByteView chunk, std::span<std::byte> into) noexcept;

 private:
  static constexpr unsigned code_bits_max = 15;
  static constexpr unsigned short_bits = 11;  // of codes that are looked up at once

  [[nodiscard]] bool build(const std::byte* lengths) noexcept;
  [[nodiscard]] std::uint16_t long_code(std::uint32_t next_bits) const noexcept;

  // By the next bits: the symbol in the upper 12 bits, the length of its code in the lower 4; 0: a
  // longer one.
  std::array<std::uint16_t, std::size_t{1} << short_bits> short_{};
  std::array<std::uint16_t, 2 * xca_table_bytes> sorted_{};  // symbols in the order of their codes
  // By length, of the codes of 15 bits that begin with one of that length: the first, and the
  // first behind them; and where their symbols begin in sorted_.
  std::array<std::uint32_t, code_bits_max + 1> first_{}, end_{}, at_{};
};

}  // namespace holdfast::engine::sqlserver
