// SPDX-License-Identifier: Apache-2.0
// One pass over one file of a Data Pump job: its header, its units of rows, and what lies between
// them.
//
// A unit begins on a block: FF FF 24 24 0A 00, the lengths and places of its document and its rows,
// and how long it is; at byte 4096 of it the number of a character set and the document, which
// names the table and its columns; then the rows (pump_pieces.h). Between units are definitions of
// objects, compressed ("KGC") unless the job was told not to.
//
// Source: measured in genuine files, where every unit was found so; definitions that are not
// compressed were not met in any.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/stream.h"
#include "engine/oracle/pump_header.h"
#include "engine/oracle/pump_input.h"
#include "engine/oracle/pump_master.h"
#include "engine/oracle/pump_table.h"
#include "model/copy_check.h"
#include "model/value.h"

namespace holdfast::engine::oracle {

enum class PumpDepth : std::uint8_t {
  outline,  // rows of the master table only
  counted,  // all rows
  decoded,  // and their values
};

struct PumpUnit {
  std::uint64_t block = 0;                 // where it begins, counted from 1
  std::shared_ptr<const PumpTable> table;  // null: its document cannot be read
  bool is_master = false;                  // it has the columns of a master table
  std::uint64_t data_offset = 0, data_bytes = 0, total_bytes = 0;
  std::uint64_t rows = 0;    // so far as they were read
  std::string damage;        // of its head, document or rows; empty: none
  std::string value_damage;  // the first value that is none
  std::string undecoded;     // why there is no digest though one was wanted
  model::TableDigest digest;
};

struct PumpFile {
  std::string name;
  PumpDepth depth = PumpDepth::outline;
  PumpHeader header;
  std::uint64_t size_bytes = 0;
  std::vector<PumpUnit> units;
  std::optional<PumpMaster> master;
  // Blocks at which compressed definitions begin, counted from 1.
  std::set<std::uint64_t> compressed_blocks;
  std::uint64_t documents = 0;                   // definitions that are not compressed
  std::map<model::TableName, PumpTable> tables;  // of those
  std::uint64_t unknown_blocks = 0;              // neither of these, nor empty
};

// Reads a file from its first byte to its last, which is_pump_file(). What is wrong with it is
// told in the units, not thrown; Errc::unsupported beyond bounds that no genuine file comes near
// to; Errc::cancelled. Memory: what is told, a document, a row of the master table
// (pump_master_row_bytes_max), and at PumpDepth::decoded a row. `tap` is asked, without a
// component, for the rows of each unit when they begin, unless they are decoded; Errc::unsupported
// for rows that it wants and that cannot be read.
[[nodiscard]] PumpFile read_pump_file(ByteSource& source, std::string name, PumpDepth depth,
                                      const std::stop_token& stop, const model::RowTap& tap = {});
// The same, leaving out what it need not read.
[[nodiscard]] PumpFile read_pump_file(PumpFileSource& source, std::string name, PumpDepth depth,
                                      const std::stop_token& stop);

// Gives the rows of a unit, which has a table whose values can be read, to `take`. Errc::corrupt
// naming the byte, Errc::unsupported for a row that is not understood or beyond 1 GiB.
void read_pump_rows(PumpInput& input, const PumpUnit& unit,
                    const std::function<void(const model::Row&)>& take);

}  // namespace holdfast::engine::oracle
