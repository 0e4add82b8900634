// SPDX-License-Identifier: Apache-2.0
// The first block of a Data Pump file.
//
// Source: measured in genuine files of 10.2, 11.2, 12.1 and later; numbers are big-endian.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace holdfast::engine::oracle {

inline constexpr std::size_t pump_header_bytes = 4096;
// What no file without compressed or encrypted data had otherwise: the flags of 10.2 and 11.2, and
// those of 12.1 and later.
inline constexpr std::uint32_t pump_flags_old = 2, pump_flags_new = 514;

struct PumpHeader {
  unsigned major = 0, minor = 0;  // 1.1 is of 10.2, 3.1 of 11.2, 4.1 of 12.1, 5.1 of later ones
  bool has_master = false;        // the job's master table is in this file
  std::string guid;               // of the job: 32 hex digits, upper case
  std::uint32_t number = 0;       // of this file in the job's, from 1
  std::uint32_t block_bytes = 0;
  std::uint16_t charset_id = 0;  // the database's
  std::string created;           // "2018-05-23T18:34:07"; empty: no date
  std::uint32_t flags = 0;
  std::uint32_t master_block = 0;  // of the master table, counted from 1
  std::uint64_t master_bytes = 0;
  std::string job;  // "SYS"."SYS_EXPORT_SCHEMA_01", with the quotes
  std::string platform, instance, charset, db_version;

  // Where the unit of the master table begins. Only if master_block is not 0.
  [[nodiscard]] std::uint64_t master_offset() const noexcept {
    return (std::uint64_t{master_block} - 1) * block_bytes;
  }
  // Whether the blocks have a size that blocks can have: a power of two, 512 bytes to 1 MiB.
  [[nodiscard]] bool has_blocks() const noexcept;
};

// Whether a file that begins so is one of Data Pump, whatever its name is.
[[nodiscard]] bool is_pump_file(ByteView front) noexcept;

// `front` is_pump_file(). What is behind its end is as if it were zero. Texts that are none are
// empty.
[[nodiscard]] PumpHeader parse_pump_header(ByteView front);

// "12.1" for "12.01.00.02.00", "19" for "19.00.00.00.00"; of a header without that text, what its
// generation tells.
[[nodiscard]] std::string pump_release(const PumpHeader& header);

}  // namespace holdfast::engine::oracle
