// SPDX-License-Identifier: Apache-2.0
// The first block of a classic dump: who exported what, with which characters.
// Source: measured in genuine exp files of 8.1 to 23.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace holdfast::engine::oracle {

struct ExpHeader {
  std::string version;     // "12.01.00"
  std::string user;        // who exported; in the client's character set
  bool is_dba = false;     // he exported with rights over others' schemas
  std::string mode;        // "RUSERS", "RTABLES", "RENTIRE"
  bool is_direct = false;  // direct path
  std::uint32_t block_size_bytes = 0;
  std::uint16_t front_charset = 0;  // bytes 1 and 2, which some people change
  std::uint16_t client_charset = 0, database_charset = 0, national_charset = 0;
  std::uint16_t file_number = 1;   // within a set, from 1
  std::string created, file_name;  // as the exporter wrote them, in the client's character set

  // "12.1", for people.
  [[nodiscard]] std::string release() const;
  // Whether two files are of one set: all that an export writes alike into each of its files.
  [[nodiscard]] bool is_of_set_of(const ExpHeader& other) const;
};

// Enough of a file to know it, and to read its header.
inline constexpr std::size_t exp_front_bytes = 4096;

// Whether a file begins as exp's do, be it damaged in transfer.
[[nodiscard]] bool begins_as_exp(ByteView front) noexcept;
// Whether line feeds have become a carriage return and a line feed, so that nothing behind them
// stands where it should.
[[nodiscard]] bool is_in_text_mode(ByteView front) noexcept;
// Errc::corrupt naming the field that is no good.
[[nodiscard]] ExpHeader parse_exp_header(ByteView front);

}  // namespace holdfast::engine::oracle
