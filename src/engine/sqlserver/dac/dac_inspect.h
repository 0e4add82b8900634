// SPDX-License-Identifier: Apache-2.0
// Packages of data-tier applications (.bacpac, .dacpac) for `inspect` and `migrate`, with
// everything that they say of themselves. docs/sqlserver.md.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "engine/file_reader.h"
#include "engine/sqlserver/dac/dac_reader.h"

namespace holdfast::engine::sqlserver {

[[nodiscard]] Inspection tell_dac(const DacReport& report);

// Nothing if the file is no package. The others as FileReader has them.
[[nodiscard]] std::optional<Inspection> inspect_dac(const std::filesystem::path& file,
                                                    const InspectOptions& options,
                                                    const std::stop_token& stop);
[[nodiscard]] std::vector<model::TableDefinition> define_dac_tables(
    const std::filesystem::path& file, const std::stop_token& stop);
void dac_rows(const std::filesystem::path& file, const model::TableName& table,
              model::RowSink& into, const std::stop_token& stop);
void dac_tables(const std::filesystem::path& file, std::span<const model::TableName> tables,
                const model::RowTap& tap, unsigned parallel, const std::stop_token& stop);

}  // namespace holdfast::engine::sqlserver
