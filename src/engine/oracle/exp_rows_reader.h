// SPDX-License-Identifier: Apache-2.0
// The rows of one section of a classic dump.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/oracle/exp_reader.h"

namespace holdfast::engine::oracle {

class ExpReader::Rows {
 public:
  // All three outlive it; the window stands at the first row.
  Rows(ExpWindow& window, ExpDecoder& decoder, const Options& options, ExpSection& section);

  // Up to the section's end and past it. Errc::corrupt.
  void count();
  void give(ExpVisitor& visitor);

 private:
  struct Limits {
    std::uint16_t bytes_min, bytes_max;
    bool is_lob;
  };
  [[noreturn]] void refuse(std::string_view column, std::uint16_t length) const;
  [[nodiscard]] std::uint32_t u32();
  // A length that is not within its column's limits.
  [[nodiscard]] std::uint64_t long_length(const ExpColumn& column, std::uint16_t length);
  void check_lobs(std::uint16_t told, std::size_t found) const;
  void end();
  void clear_row();  // to nulls; the buffers of narrow rows are kept
  template <typename Piece>
  void read_lob(std::string_view column, Piece&& piece);
  void keep(std::uint64_t count);  // adds so many bytes to the value, unless the row is too large
  void decode(const ExpColumn& column, std::size_t index, std::uint64_t count);

  ExpWindow& window_;
  ExpDecoder& decoder_;
  const Options& options_;
  ExpSection& section_;
  std::vector<Limits> limits_;
  // Of the row that is being read.
  model::Row row_;
  std::vector<std::size_t> lobs_;  // columns whose values follow
  Bytes value_;
  std::uint64_t row_bytes_ = 0;
};

}  // namespace holdfast::engine::oracle
