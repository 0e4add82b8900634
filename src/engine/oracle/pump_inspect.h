// SPDX-License-Identifier: Apache-2.0
// Files of Oracle's Data Pump (expdp) looked into without Oracle.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/file_reader.h"
#include "engine/oracle/pump_job.h"
#include "model/table_definition.h"
#include "model/value.h"

namespace holdfast::engine::oracle {

// What a file is together with those of `options.others` that are of its job; nothing if it does
// not begin as such files do, whatever its name is. Rows are always counted; with `deep` values
// are decoded and there are digests. Errc::cancelled soon after a stop request.
[[nodiscard]] std::optional<Inspection> inspect_pump(const std::filesystem::path& file,
                                                     const InspectOptions& options,
                                                     const std::stop_token& stop);

// The same of files that were read elsewhere, in the order of their numbers: as they pass by.
[[nodiscard]] Inspection tell_pump_job(std::span<const PumpFile> files, bool deep);

// The rows of a table. Errc::not_found naming it, Errc::incomplete if some of them are in a file
// that is not there, Errc::corrupt naming the byte, Errc::unsupported for what only Oracle reads.
void pump_rows(const std::filesystem::path& file, std::span<const std::filesystem::path> others,
               const model::TableName& table, model::RowSink& into, const std::stop_token& stop);

// The user's tables, also the empty ones. A column whose values cannot be read says so:
// ColumnDefinition::obstacle. Errc::incomplete where rows are missing, Errc::unsupported naming a
// table that cannot be told.
[[nodiscard]] std::vector<model::TableDefinition> define_pump_tables(
    const std::filesystem::path& file, std::span<const std::filesystem::path> others,
    const std::stop_token& stop);

}  // namespace holdfast::engine::oracle
