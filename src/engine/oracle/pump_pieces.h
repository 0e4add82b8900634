// SPDX-License-Identifier: Apache-2.0
// The rows of a unit of a Data Pump file, which are written in pieces.
//
// A piece is a byte of flags, its length if flagged, how many values it has, and the values: FF is
// NULL, FE has a length of two bytes, anything else is the length. 08 begins a row, 04 ends it; 01
// says that the last value goes on in the next piece, 02 that the first one goes on from the one
// before; 10 that a length of the piece stands there; 20 is set in whole rows of tables without
// LOBs and means nothing here. Values come in the order of the columns, those of LOBs behind all
// others, each in a piece of its own. What a row lacks at its end is NULL.
//
// Source: measured in 59 units of genuine files, each consumed exactly to its end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "engine/oracle/pump_input.h"
#include "engine/oracle/pump_table.h"

namespace holdfast::engine::oracle {

class PieceReader {
 public:
  struct Options {
    bool with_values = false;       // else rows are only counted
    std::size_t row_bytes_max = 0;  // values beyond it, all of a row together, are cut()
  };
  // Reads `data_bytes` from where the input is. Both outlive it.
  PieceReader(PumpInput& input, std::uint64_t data_bytes, const PumpTable& table, Options options);

  // Goes to the next row; false at the end. Errc::corrupt, naming the byte, for what is no row, or
  // a value that its column has no room for. Memory: the row, with its values only.
  [[nodiscard]] bool next();
  // The value of a column as it is stored; nothing: NULL. Valid until next().
  [[nodiscard]] std::optional<ByteView> value(std::size_t column) const;
  // Values of the row were left out because there were too many bytes.
  [[nodiscard]] bool is_cut() const noexcept { return is_cut_; }
  // Nobody can say which of its values belong to LOBs, as it lacks some and has several pieces.
  [[nodiscard]] bool is_ambiguous() const noexcept { return is_ambiguous_; }
  [[nodiscard]] std::uint64_t row_offset() const noexcept { return row_offset_; }

 private:
  struct Stored {
    std::size_t begin = 0, size = 0;
    bool is_null = true;
  };
  void piece(bool& is_last);
  void take_value(bool continues, bool is_last_of_chain);
  [[nodiscard]] unsigned number(std::size_t size);
  [[nodiscard]] std::uint64_t left() const noexcept { return end_ - input_.offset(); }

  PumpInput& input_;
  const std::uint64_t end_;
  const PumpTable& table_;
  const Options options_;
  std::vector<std::size_t> column_of_;  // by the order of values in a row
  std::vector<std::size_t> place_of_;   // by column: the other way round
  std::size_t in_row_ = 0;              // how many of them are no LOBs
  Bytes bytes_;
  std::vector<Stored> stored_;
  std::size_t values_ = 0;         // of this row so far
  std::size_t pieces_ = 0;         // of this row that begin with a value of their own
  std::uint64_t chain_bytes_ = 0;  // of the value that goes on
  bool goes_on_ = false;
  bool is_cut_ = false, is_ambiguous_ = false;
  std::uint64_t row_offset_ = 0;
};

}  // namespace holdfast::engine::oracle
