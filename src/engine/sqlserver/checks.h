// SPDX-License-Identifier: Apache-2.0
// The checksums that stand in backup files. All are pure.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace holdfast::engine::sqlserver {

inline constexpr std::size_t page_bytes = 8192;

[[nodiscard]] inline std::uint16_t load_le16(const std::byte* from) noexcept {
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(from[0]) |
                                    std::to_integer<unsigned>(from[1]) << 8U);
}

// All words of 16 bits together by exclusive or; an odd last byte is left out. Of the 50 bytes in
// front of it in a block's head, of the 20 in a stream's head.
// Source: Microsoft Tape Format Specification 1.00a, sections 5.1 and 6.1; all genuine files.
[[nodiscard]] std::uint16_t xor16(ByteView bytes) noexcept;

// The same of words of 32 bits, a CSUM stream's value as the Tape Format describes it.
// Source: the same, section 6.2. Not seen in a genuine file.
class Xor32 {
 public:
  void add(ByteView bytes) noexcept;
  [[nodiscard]] std::uint32_t value() const noexcept { return value_; }

 private:
  std::uint32_t value_ = 0;
  unsigned at_ = 0;  // of the next byte in its word
};

// Words of 32 bits, each added by exclusive or after what is there was turned left by one bit; the
// last one is filled up with zeros. It is that of a record of a compressed backup, over its packed
// bytes, and of the index of a region, over its entries.
// Source: found by trying; right for all 57 records of a genuine file of 2019.
[[nodiscard]] std::uint32_t turning_xor(ByteView bytes) noexcept;

// The same of bytes that come in pieces.
class TurningXor {
 public:
  void add(ByteView bytes) noexcept;
  [[nodiscard]] std::uint32_t value() const noexcept;

 private:
  std::uint32_t value_ = 0;
  std::uint32_t word_ = 0;  // begun
  unsigned at_ = 0;         // of the next byte in it
};

// The checksum that a page of 8192 bytes should have at byte 60: exclusive or of its 16 sectors'
// words, each sector's turned left by 15 minus its number.
// Source: docs/sqlserver.md, "Pages"; right for every page so marked of genuine files.
[[nodiscard]] std::uint32_t page_checksum(const std::byte* page) noexcept;

}  // namespace holdfast::engine::sqlserver
