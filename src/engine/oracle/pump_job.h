// SPDX-License-Identifier: Apache-2.0
// What the files of one Data Pump job have together, and whether it is all of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/oracle/pump_file.h"
#include "model/finding.h"

namespace holdfast::engine::oracle {

// A table of the user's.
struct PumpJobTable {
  model::TableName name;
  const PumpTable* layout = nullptr;   // of its rows; null: it has none, and no definition is read
  const PumpTable* created = nullptr;  // as it was created, with its keys; null: not told
  std::uint64_t rows = 0;
  bool is_counted = true;  // else the job says so, as its rows cannot be read
  bool is_whole = true;    // all its rows are there, as far as was looked
  std::string digest;      // empty: its values were not all decoded
  std::string undecoded;   // why not, unless that was not wanted or there is damage
  // Where its rows are, in the order in which the job lists them.
  struct Place {
    std::size_t file, unit;  // of the files given
    std::string partition;
  };
  std::vector<Place> places;
  std::vector<std::pair<std::string, std::uint64_t>> partitions;  // name and rows
};

struct PumpJob {
  std::vector<PumpJobTable> tables;  // by name
  std::vector<std::pair<model::TableName, std::uint64_t>> internal;
  const PumpMaster* master = nullptr;
  std::size_t files_expected = 0;  // 0: not told
  bool data_compressed = false, data_encrypted = false;
  std::vector<model::Finding> findings;  // with a blocker if it is not whole

  [[nodiscard]] bool is_readable() const noexcept { return !data_compressed && !data_encrypted; }
};

// `files` are of one job, each at least at PumpDepth::outline, at which rows are those that the job
// tells; they are in
// the order of their numbers. The result refers to them.
[[nodiscard]] PumpJob judge_pump_job(std::span<const PumpFile> files);

}  // namespace holdfast::engine::oracle
