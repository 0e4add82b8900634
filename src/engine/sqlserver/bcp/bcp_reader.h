// SPDX-License-Identifier: Apache-2.0
// The rows of one part of a .bacpac, in memory that a row and a window bound.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "base/stream.h"
#include "engine/sqlserver/bcp/bcp_values.h"
#include "engine/wide_row.h"
#include "model/value.h"

namespace holdfast::engine::sqlserver {

// What a row of somebody's file may have; it is put together in memory.
inline constexpr std::uint64_t bcp_row_bytes_max = std::uint64_t{256} << 20U;
// The same of a copy of ours: any row, as it was in memory already when it was stored.
inline constexpr std::uint64_t copied_row_bytes_max = std::uint64_t{1} << 40U;

class BcpReader {
 public:
  // Both outlive it; the table has no obstacle().
  BcpReader(ByteSource& source, const SqlTable& table, std::stop_token stop,
            std::uint64_t row_bytes_max = bcp_row_bytes_max);

  // False at the end, which is behind a whole row. Errc::corrupt with row, column and byte for what
  // is none; what `source` throws, Errc::cancelled. The row is_large() and then any row if it has
  // more than `row_bytes_max`.
  [[nodiscard]] bool next(model::Row& row);
  [[nodiscard]] bool is_large() const noexcept { return is_large_; }
  [[nodiscard]] std::uint64_t rows() const noexcept { return rows_; }
  // Values that decode_bcp() could not decode.
  [[nodiscard]] std::uint64_t undecodable() const noexcept { return undecodable_; }

 private:
  [[nodiscard]] ByteView ahead(std::size_t count);
  [[nodiscard]] ByteView take(std::size_t count);
  void skip(std::uint64_t count);
  [[nodiscard]] std::optional<std::uint64_t> length_of(std::size_t column);
  void read_value(std::size_t column, model::Value& into);
  [[noreturn]] void refuse(std::size_t column, const std::string& why) const;

  ByteSource& source_;
  const SqlTable& table_;
  std::stop_token stop_;
  const std::uint64_t row_bytes_max_;
  std::vector<BcpLayout> layouts_;
  WideRowTurn turn_;
  Bytes window_;
  std::size_t begin_ = 0, end_ = 0;  // of what is in the window and not yet taken
  bool has_ended_ = false;
  std::uint64_t offset_ = 0;  // of begin_ in the part
  std::uint64_t rows_ = 0, undecodable_ = 0, row_bytes_ = 0;
  bool is_large_ = false;
};

}  // namespace holdfast::engine::sqlserver
