// SPDX-License-Identifier: Apache-2.0
// Rows in the dialect of a .bacpac's parts: what BcpReader reads, and as which the rows of a
// logical copy are stored.
//
// Source: docs/sqlserver.md, "Rows of a .bacpac".
#pragma once

#include <cstdint>
#include <vector>

#include "base/stream.h"
#include "engine/sqlserver/bcp/bcp_values.h"
#include "engine/sqlserver/columns.h"
#include "model/value.h"

namespace holdfast::engine::sqlserver {

// Values are those of read_rows() and BcpReader. What of a sql_variant is no part of its value, the
// collation, is written as one of UTF-8.
class BcpWriter {
 public:
  // Both outlive it; the table has no obstacle().
  BcpWriter(ByteSink& into, const SqlTable& table);

  // Errc::unsupported, naming row and column, for a value that no such column has; some of the row
  // may be written by then. Memory: a window, whatever the value's size.
  void row(const model::Row& row);
  // Gives the sink what is left.
  void finish();
  [[nodiscard]] std::uint64_t rows() const noexcept { return rows_; }

 private:
  void write_value(const SqlColumn& column, const BcpLayout& layout, const model::Value& value);
  void write_prefix(const SqlColumn& column, const BcpLayout& layout, std::uint64_t bytes);
  void write_text(const SqlColumn& column, const BcpLayout& layout, const model::Value& value);
  void write_bytes(ByteView bytes);
  void give();

  ByteSink& sink_;
  const SqlTable& table_;
  std::vector<BcpLayout> layouts_;
  Bytes window_, stored_;
  std::uint64_t rows_ = 0;
};

}  // namespace holdfast::engine::sqlserver
