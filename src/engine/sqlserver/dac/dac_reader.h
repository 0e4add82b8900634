// SPDX-License-Identifier: Apache-2.0
// A data-tier application package as a whole: its parts, what they say, and its rows.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/sqlserver/dac/dac_model.h"
#include "engine/sqlserver/dac/zip.h"
#include "model/finding.h"
#include "model/value.h"

namespace holdfast::engine::sqlserver {

inline constexpr std::string_view dac_model_part = "model.xml", dac_origin_part = "Origin.xml",
                                  dac_metadata_part = "DacMetadata.xml",
                                  dac_relations_part = "_rels/.rels";

// The rows of a table of the model.
struct DacRows {
  std::vector<const ZipPart*> parts;  // in their order; of DacReport::index
  std::uint64_t rows = 0;             // with a look at rows
  model::TableDigest digest;
  bool is_read = false;  // all of them
};

// What was counted in a look at rows.
struct DacTally {
  std::uint64_t parts = 0;  // whose checksum is right
  std::uint64_t large_rows = 0, undecodable = 0;
  std::string large_in, undecodable_in;  // a table of them
};

struct DacReport {
  ZipIndex index;
  bool is_bacpac = false;  // rows were exported
  bool is_deep = false;
  std::optional<DacOrigin> origin;
  std::optional<DacMetadata> metadata;
  std::optional<DacModel> model;
  std::string model_sha256;
  std::vector<DacRows> tables;  // those of the model
  DacTally tally;
  std::vector<model::Finding> findings;  // of no component; a blocker: it is not whole

  // nullptr: there is none. With an empty schema the first of that name.
  [[nodiscard]] const SqlTable* find(const model::TableName& name) const noexcept;
  [[nodiscard]] const DacRows& rows_of(const SqlTable& table) const;
};

enum class DacDepth : std::uint8_t {
  outline,   // what it says of itself
  decoded,   // every part and value is read
  digested,  // and tables have digests
};

// Nothing if the file is no package; with all findings. Errc::unsupported for a package whose names
// are too many, Errc::cancelled. Memory: names, and for each of the threads that read rows a window
// and a row; wide rows take turns.
[[nodiscard]] std::unique_ptr<DacReport> read_dac(model::RandomSource& file, DacDepth depth,
                                                  const std::stop_token& stop);

// The rows of one table. Errc::unsupported for columns whose values cannot be read and for rows
// above bcp_row_bytes_max, Errc::corrupt, cancelled.
void give_dac_rows(model::RandomSource& file, const DacReport& report, const SqlTable& table,
                   model::RowSink& into, const std::stop_token& stop);

}  // namespace holdfast::engine::sqlserver
