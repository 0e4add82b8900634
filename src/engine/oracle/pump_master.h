// SPDX-License-Identifier: Apache-2.0
// The master table of a Data Pump job, which it writes last: what was exported, whereto, and how
// many rows. Its columns differ by release and are told by their names.
//
// Source: measured in a genuine file of 12.1; the meaning of its rows in five of 10.2 to 21.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/oracle/pump_pieces.h"
#include "engine/oracle/pump_table.h"
#include "model/value.h"

namespace holdfast::engine::oracle {

// A run of blocks of a file that an object takes.
struct PumpExtent {
  std::uint32_t file = 0;                       // number; 0: none
  std::uint64_t block = 0;                      // counted from 1
  std::uint64_t offset = 0;                     // within the block, of metadata
  std::uint64_t blocks = 0;                     // 0: less than one
  std::uint64_t bytes = 0, original_bytes = 0;  // as they are, and before they were compressed
  std::optional<std::uint64_t> rows;
  std::uint64_t errors = 0;
};

// A table, or a partition of one, whose rows were exported.
struct PumpData {
  model::TableName name;
  std::string partition;     // or subpartition; empty: the whole table
  bool is_internal = false;  // of the server, for itself: statistics on their way, options
  bool is_view = false;      // its unit has the name of a table made for it
  std::optional<std::uint64_t> rows;
  std::vector<PumpExtent> extents;
};

struct PumpDumpFile {
  std::string name;                 // as the job was told to write it
  std::uint64_t bytes_written = 0;  // without the master table
};

struct PumpMaster {
  std::uint64_t rows = 0;  // of the table itself
  std::string job, owner, guid, mode, db_version, job_version, platform, instance;
  std::string charset, national;
  std::uint64_t errors = 0;                       // of the job, so far
  std::map<std::string, std::string> parameters;  // passwords are stars
  std::map<std::uint32_t, PumpDumpFile> files;    // by number
  std::vector<PumpData> data;
  std::vector<PumpExtent> metadata;
  // How many objects of a path ("SCHEMA_EXPORT/TABLE/INDEX/INDEX") there were to be, and were told.
  std::map<std::string, std::uint64_t> expected, found;
  struct Object {
    std::string type, schema, name;  // "INDEX"
  };
  std::vector<Object> objects;
  std::map<model::TableName, PumpTable> tables;  // as they were created
};

// Whether a unit is that of a master table, by its columns.
[[nodiscard]] bool is_pump_master(const PumpTable& table) noexcept;

// `rows` are read to their end, with values up to pump_master_row_bytes_max. Errc::corrupt for rows
// that contradict themselves; Errc::unsupported beyond pump_objects_max objects. Memory: what it
// tells.
inline constexpr std::size_t pump_master_row_bytes_max = std::size_t{16} << 20U;
inline constexpr std::size_t pump_objects_max = 500'000;
[[nodiscard]] PumpMaster read_pump_master(PieceReader& rows, const PumpTable& table);

// A command line of expdp with stars for what may be a password.
[[nodiscard]] std::string star_passwords(std::string_view command);

}  // namespace holdfast::engine::oracle
